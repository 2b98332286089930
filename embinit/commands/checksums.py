"""The option --crc of verify and diagnose: checksums that a board printed, instead of its buffers."""

from argparse import Namespace
from typing import TYPE_CHECKING

from embinit.commands.models import load
from embinit.commands.output import DONE, MISMATCH, print_result, write_page
from embinit.errors import EmbinitError

if TYPE_CHECKING:
    from embinit.bundle import Bundle
    from embinit.checksums import Given


def verify_checksums(options: Namespace) -> int:
    """Compare checksums, and return the exit status."""
    from embinit import checksums

    bundle, given = _given(options)
    report = checksums.check({array.name: array.payload for array in bundle.arrays}, given)
    if options.report is not None:
        from embinit.pages.checksums import verified

        write_page(options, verified(bundle.plan.model, report))
    print_result(options, report, report.as_json())
    return DONE if report.agrees else MISMATCH


def diagnose_checksums(options: Namespace) -> int:
    """Name the mistake that explains checksums, and return the exit status."""
    from embinit.diagnose.by_checksum import diagnose_checksums

    bundle, given = _given(options)
    diagnosis = diagnose_checksums(bundle, given)
    if options.report is not None:
        from embinit.pages.checksums import diagnosed

        write_page(options, diagnosed(bundle.plan.model, diagnosis))
    print_result(options, diagnosis, diagnosis.as_json())
    return DONE if diagnosis.report.agrees else MISMATCH


def _given(options: Namespace) -> "tuple[Bundle, dict[str, Given]]":
    """Return the simulation's bundle, and the given checksums by the names of buffers. No other option that says what a
    device holds may be given.
    """
    from embinit import checksums
    from embinit.bundle import gather

    others = ("device", "source", "toolchain", "entry", "dump", "elf", "symbol", "base", "at", "save")
    for key in others:
        if getattr(options, key, None) not in (None, []):
            raise EmbinitError(f"--crc is all that is known of a device: it goes with no --{key}")
    if options.cflags:
        raise EmbinitError("--crc is all that is known of a device: it goes with no --cflags")
    return gather(load(options).plan()), checksums.parse(options.crc)
