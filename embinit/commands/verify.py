"""embinit verify: compare a device's buffers with the simulation."""

from argparse import Namespace
from pathlib import Path

from embinit import progress
from embinit.commands.checksums import verify_checksums
from embinit.commands.devices import read_back, toolchain
from embinit.commands.output import DONE, MISMATCH, print_result, write_page
from embinit.errors import EmbinitError

WHY = "why: `embinit diagnose`, with the same arguments, looks for the mistake that explains it"


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit import device, verify
    from embinit.export import save

    if options.crc:
        return verify_checksums(options)
    if options.save is not None and options.dump is not None:
        raise EmbinitError("--save writes what a device left: give --device or --source with it, not --dump")
    bundle, found, source, _ = read_back("verify", options)
    if options.save is not None:
        save(bundle, found, Path(options.save))
    progress.say("comparing the buffers")
    report = verify.verify(bundle, found, source)
    if options.source and not report.agrees:
        bundle, report = device.by_its_arithmetic(bundle, found, report, toolchain(options, bundle.plan.model.target))
    if options.report is not None:
        from embinit.pages.verify import page

        write_page(options, page(bundle, found, report))
    print_result(options, report if report.agrees else f"{report}\n{WHY}", report.as_json())
    return DONE if report.agrees else MISMATCH
