"""embinit targets probe: find out what a compiler builds."""

from argparse import Namespace

from embinit.commands.output import DONE, MISMATCH, print_result


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.targets.probe import probe

    found = probe(options.cc)
    print_result(options, found, found.as_json())
    return DONE if found.known else MISMATCH
