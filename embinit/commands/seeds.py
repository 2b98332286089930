"""embinit seeds: draw a model from many seeds."""

from argparse import Namespace

from embinit.commands.models import load
from embinit.commands.output import DONE, print_result, write_page


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.many import parse_seeds, sweep

    report = sweep(load(options), parse_seeds(options.seeds), progress=True)
    if options.report is not None:
        from embinit.pages.seeds import page

        write_page(options, page(report))
    print_result(options, report, report.as_json())
    return DONE
