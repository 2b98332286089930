"""embinit seeds: draw a model from many seeds."""

from argparse import Namespace

from embinit.commands.models import load
from embinit.commands.output import DONE, note, print_result, write_page


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.many import parse_seeds, sweep

    try:
        report = sweep(load(options), parse_seeds(options.seeds), progress=True, kept=options.keep)
    except KeyboardInterrupt:
        if options.keep is not None:
            note(f"{options.keep} holds what was found; the same command goes on from there")
        raise
    if options.report is not None:
        from embinit.pages.seeds import page

        write_page(options, page(report))
    print_result(options, report, report.as_json())
    return DONE
