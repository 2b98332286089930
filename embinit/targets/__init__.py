"""Targets: device builds, their arithmetic, and the ways to run code built for them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from embinit.errors import EmbinitError, shown
from embinit.targets.table import LIBMS, MULTIPLY_ADDS, RANDS, TARGETS, Build, Libc, Target, build_of, target_named

if TYPE_CHECKING:
    from embinit.targets.gcc_qemu import Board
    from embinit.targets.zig_unicorn import Emulation


def register(target: Target, emulation: "Emulation | None" = None, board: "Board | None" = None) -> Target:
    """Return a device build, now known to model files and to everything else; a name that is taken is an error.

    emulation: how toolchain zig builds for its core and runs it. board: the same for toolchain gcc. With either of them
    `embinit.device.run` has an emulated device of that name; without, the target is simulated only.

    >>> register(Target("cortex-m0", "Armv6-M, built otherwise", "fused", "fdlibm", "newlib"))
    Traceback (most recent call last):
    embinit.errors.EmbinitError: a target must have a name of its own to be registered, got 'cortex-m0'
    """
    if not isinstance(target, Target):
        raise EmbinitError(f"a target to register must be an embinit.targets.Target, got {shown(target)}")
    Build(target.name, target.multiply_add, target.libm, target.rand)
    known = replace(target, emulated=emulation is not None or board is not None)
    if TARGETS.get(target.name, known) != known:
        raise EmbinitError(f"a target must have a name of its own to be registered, got {shown(target.name)}")
    if emulation is not None:
        from embinit.targets.zig_unicorn import EMULATIONS

        EMULATIONS[target.name] = emulation
    if board is not None:
        from embinit.targets.gcc_qemu import BOARDS

        BOARDS[target.name] = board
    TARGETS[target.name] = known
    return known


__all__ = [
    "LIBMS",
    "MULTIPLY_ADDS",
    "RANDS",
    "TARGETS",
    "Build",
    "Libc",
    "Target",
    "build_of",
    "register",
    "target_named",
]
