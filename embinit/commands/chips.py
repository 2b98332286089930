"""embinit targets chips: list the chips whose names stand for a target."""

from argparse import Namespace

from embinit.commands.output import DONE, print_result


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.targets.chips import CHIPS
    from embinit.text import table

    cells = [("chip", "core", "FPU", "target"), *((name, *chip) for name, chip in CHIPS.items())]
    print_result(options, "\n".join(table(cells)), [{"name": name, **chip._asdict()} for name, chip in CHIPS.items()])
    return DONE
