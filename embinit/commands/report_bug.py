"""embinit report-bug: print what a report about a board needs."""

from argparse import Namespace
from pathlib import Path

from embinit.commands.devices import read_back
from embinit.commands.output import DONE, print_result
from embinit.errors import EmbinitError


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.bugreport import report_bug

    if options.crc:
        raise EmbinitError("report-bug needs the bytes of buffers, by --dump, --device or --source: it takes no --crc")
    bundle, found, source, _ = read_back("report-bug", options)
    report = report_bug(bundle, found, Path(source).name if options.dump else source)
    print_result(options, report, report.as_json())
    return DONE
