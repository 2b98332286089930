"""What a device left, read back from an emulated core or from a dump."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from embinit.commands.models import load, words
from embinit.errors import EmbinitError, listed, shown

if TYPE_CHECKING:
    from embinit.bundle import Bundle
    from embinit.diagnose.origin import Origin
    from embinit.readback import Readback


class Left(NamedTuple):
    """The simulation's bundle, what a device or a dump holds, the name of that source, and the origin of the weights if
    a framework's file holds them.
    """

    bundle: "Bundle"
    found: "Readback"
    source: str
    origin: "Origin | None" = None


def read_back(command: str, options: Namespace) -> Left:
    """Return what a device or a dump holds, with the bundle of its simulation, after checking that the options fit."""
    from embinit.bundle import gather
    from embinit.dump import read_dump
    from embinit.targets import TARGETS, target_named

    on_device = options.device is not None or bool(options.source)
    if on_device == (options.dump is not None):
        given = "--device and --dump" if on_device else "neither"
        raise EmbinitError(
            f"{command} needs either a device, by --device or --source, or a dump, by --dump, or checksums, by --crc; "
            f"got {given}"
        )
    if options.device and options.target and target_named(options.device) != target_named(options.target):
        raise EmbinitError(f"--device {options.device} is the target to simulate too, and --target must not be another")
    if not on_device and (options.entry or options.toolchain or options.cflags):
        raise EmbinitError("--entry, --toolchain and --cflags say how to build for a device, and go with no --dump")
    cut = {"elf": options.elf, "symbol": options.symbol, "base": options.base, "at": _places(options.at) or None}
    if options.dump is None and any(value is not None for value in cut.values()):
        raise EmbinitError("--elf, --symbol, --base and --at say how to read a dump: give --dump FILE with them")
    model = load(options, target=options.device or options.target)  # the package of its dialect may bring the target
    if options.device:
        device = target_named(options.device)
        if not device.emulated:
            emulated = [name for name, target in TARGETS.items() if target.emulated]
            raise EmbinitError(
                f"--device must be one of {listed(emulated)}, or a chip with such a core, got {device.name}"
            )
    plan = model.plan()
    if on_device and not options.source:
        from embinit.codegen import no_c

        if (why := no_c(plan)) is not None:
            raise EmbinitError(why)
    bundle = gather(plan)
    if on_device:
        return Left(bundle, *_from_device(options, bundle))
    if all(value is None for value in cut.values()):
        from embinit.importing.dumps import read_framework

        if (read := read_framework(options.dump, bundle)) is not None:
            return Left(bundle, read[0], options.dump, read[1])
    return Left(bundle, read_dump(options.dump, bundle, **cut), options.dump)


def toolchain(options: Namespace, target: str) -> str:
    """Return the name of the toolchain that builds code for a target."""
    from embinit.device import default_toolchain

    return str(options.toolchain or default_toolchain(options.source, target))


def _from_device(options: Namespace, bundle: "Bundle") -> "tuple[Readback, str]":
    """Return the buffers of an emulated device, and the device's name."""
    from embinit import device

    model = bundle.plan.model
    builder = toolchain(options, model.target)
    cflags = words("--cflags", options.cflags)
    found = device.run(bundle, builder, options.source, options.entry, cflags)
    core = f"the emulated {model.target} (multiply-add {model.build.multiply_add})"
    if builder == "zig" and not options.source:
        return found, core
    built = " ".join([f"{options.entry or f'{model.name}_init'}, built by {builder}", *cflags])
    return found, f"{built}, on {core}"


def _places(options: Sequence[str]) -> dict[str, str]:
    """Return what options such as fc.weight=0x20000410 say: a place, as text, for each buffer."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, place = option.partition("=")
        if not equals or not place or name in found:
            raise EmbinitError(f"--at must be BUFFER=ADDRESS, once for each buffer, got {shown(option)}")
        found[name] = place
    return found
