"""embinit diagnose: name the mistake that explains why a device's buffers differ."""

from argparse import Namespace

from embinit.commands.checksums import diagnose_checksums
from embinit.commands.devices import read_back
from embinit.commands.output import DONE, MISMATCH, print_result, write_page


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.diagnose import diagnose

    if options.crc:
        return diagnose_checksums(options)
    bundle, found, source, origin = read_back("diagnose", options)
    diagnosis = diagnose(bundle, found, source, origin)
    if options.report is not None:
        from embinit.pages.diagnose import page

        write_page(options, page(bundle, found, diagnosis))
    print_result(options, diagnosis, diagnosis.as_json())
    return DONE if diagnosis.report.agrees else MISMATCH
