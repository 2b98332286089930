"""What commands print and write: results to standard output, notes to standard error, pages to files."""

import sys
from argparse import Namespace
from contextlib import suppress

from embinit import process, progress
from embinit.errors import EmbinitError, one_line

DONE, MISMATCH, BAD_INPUT = 0, 1, 2


def print_result(options: Namespace, text: object, values: object) -> None:
    """Print what a command found: text, or with --json its values."""
    if options.json:
        import json

        text = json.dumps(values, indent=1)
    say(text)


def say(text: object) -> None:
    """Print to standard output. If nobody reads that any more, as with `| head`, the command goes on without it."""
    progress.make_room()
    try:
        print(text, flush=True)
    except BrokenPipeError:
        process.drop_output()
    except OSError as error:
        process.drop_output()
        raise EmbinitError(f"what it prints cannot be written: {error.strerror}") from None


def note(text: str) -> None:
    """Print a line to standard error. If that fails, the command goes on without it."""
    progress.make_room()
    with suppress(OSError):
        print(one_line(f"embinit: {text}"), file=sys.stderr)


def write_page(options: Namespace, page: bytes) -> None:
    """Write the page that --report names."""
    from pathlib import Path

    from embinit.files import write_file

    write_file(Path(options.report), page)
