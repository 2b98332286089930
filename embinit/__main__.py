"""The command line: most commands read a model file and print or write one thing."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from embinit import process, progress
from embinit.commands.arguments import parser, with_cflags
from embinit.commands.output import BAD_INPUT, note
from embinit.errors import EmbinitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done and equal, 1 a mismatch was found, 2 bad input."""
    try:
        options = parser().parse_args(with_cflags(sys.argv[1:] if arguments is None else arguments))
        with progress.Progress(f"embinit {options.command}"):
            return int(import_module(f"embinit.commands.{options.file}").run(options))
    except EmbinitError as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        note("interrupted")
        return process.INTERRUPTED
    except Exception as error:
        if _memory_ended(error):
            said = f" ({error})" if str(error) else ""
            return _refused(f"memory ended before the work was done: take a smaller model{said}")
        if isinstance(error, OSError):  # errors about a command's own files are EmbinitErrors
            return _refused(f"the system refuses: {error}")
        raise


def _refused(why: str) -> int:
    note(f"error: {why}")
    return BAD_INPUT


def _memory_ended(error: BaseException | None) -> bool:
    """Return whether a MemoryError caused an error, perhaps one from closing the file that was being written."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__context__
    return error is not None


def program() -> NoReturn:
    """Run the command line as this process."""
    process.run(main)


if __name__ == "__main__":
    program()
