"""Targets: device builds, their arithmetic, and the ways to run code built for them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.targets.table import (
    LIBMS,
    MULTIPLY_ADDS,
    OTHER,
    RANDS,
    TARGETS,
    Build,
    Libc,
    Target,
    build_of,
    target_named,
)

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
    _check(target)
    if emulation is not None:
        _check_emulation(target, emulation)
    if board is not None:
        from embinit.targets.boards import Board

        if not isinstance(board, Board):
            raise EmbinitError(f"board of target {target.name} must be a Board, got {shown(board)}")
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


def _check(target: Target) -> None:
    """Raise EmbinitError if a target says of itself what no target is."""
    check_known("multiply_add", target.multiply_add, MULTIPLY_ADDS)
    for what, libm, rand in [("", target.libm, target.rand), *_others(target)]:
        check_known(f"{what}libm", libm, LIBMS if what else (*LIBMS, OTHER))
        check_known(f"{what}rand", rand, RANDS)
    for what, allowed in {"int_bits": (16, 32), "double_bits": (32, 64)}.items():
        if getattr(target, what) not in allowed:
            raise EmbinitError(f"{what} must be one of {listed(map(str, allowed))}, got {shown(getattr(target, what))}")


def _others(target: Target) -> Iterator[tuple[str, object, object]]:
    """Yield what the other C libraries of a target give, each with its name."""
    for name, libc in target.libcs.items():
        if not isinstance(libc, Libc):
            raise EmbinitError(f"libcs of target {target.name} must be Libc(libm, rand) by name, got {shown(libc)}")
        yield f"libc {name}: ", *libc


def _check_emulation(target: Target, emulation: object) -> None:
    """Raise EmbinitError if no core is emulated in this way, or one of another instruction set than the target's."""
    from embinit.targets.emulations import Emulation
    from embinit.targets.isa import FAMILIES

    if not isinstance(emulation, Emulation):
        raise EmbinitError(f"emulation of target {target.name} must be an Emulation, got {shown(emulation)}")
    first = emulation.triple.partition("-")[0]
    check_known("the first part of an emulation's triple", first, FAMILIES)
    if target.isa != FAMILIES[first]:
        what = f"isa of target {target.name} must be {FAMILIES[first]}, which its emulation runs ({emulation.triple})"
        raise EmbinitError(f"{what}, got {shown(target.isa)}")


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
