"""embinit plan: print what is drawn for each buffer."""

from argparse import Namespace

from embinit.commands.models import load
from embinit.commands.output import DONE, print_result, write_page


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    plan = load(options).plan()
    if options.report is not None:
        from embinit.pages.plan import page

        write_page(options, page(plan))
    print_result(options, plan, plan.as_json())
    return DONE
