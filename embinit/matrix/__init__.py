"""Matrix: a user's C over many builds, which of them leave the same bits, and why others do not."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import ascii_uppercase
from tempfile import TemporaryDirectory

from embinit import codegen, progress
from embinit.bundle import gather
from embinit.errors import EmbinitError, shown
from embinit.matrix.builds import COMPILERS, FLAG_SETS, Build, builds
from embinit.matrix.changes import NOT_REPEATABLE, TIME_OF_BUILDING, TIMES, Cause, Change, causes, undefined_behaviour
from embinit.matrix.code import Code
from embinit.matrix.report import Difference, Group, Matrix
from embinit.plan import Plan
from embinit.targets.device_error import DeviceError
from embinit.verify import compare

__all__ = ["COMPILERS", "FLAG_SETS", "Build", "Matrix", "builds", "matrix"]

#: Groups beyond so many are not explained, because that takes several builds each.
EXPLAINED = 8
#: Another byte that buffers hold before the code runs.
OTHER_FILL = 0x5A


def matrix(
    plan: Plan,
    sources: Sequence[str | Path],
    entry: str,
    chosen: Sequence[Build] | None = None,
    cflags: Sequence[str] = (),
) -> Matrix:
    """Build C files of the user's in many ways, run them, and return which builds leave the same bits.

    The plan says which buffers there are; its dialect has no say. entry is `void entry(const <name>_buffers *buffers,
    uint32_t seed)`, as for `embinit verify --source`, or the generated `<name>_init`. Where two groups of builds
    differ, their builds are made again with one property after another the same in both, until they are equal: that
    property is why. cflags: flags that all builds have besides their own.
    """
    _check(sources, entry)
    with TemporaryDirectory(prefix="embinit-") as folder:
        return _found(Code(gather(plan), [Path(source) for source in sources], entry, cflags, Path(folder)), chosen)


def _found(code: Code, chosen: Sequence[Build] | None) -> Matrix:
    """Build code in many ways, run it, and return what is found."""
    chosen = builds() if chosen is None else chosen
    first, *others = chosen
    left, failed = dict[Build, tuple[bytes, ...]](), list[tuple[Build, str]]()

    def run(build: Build) -> tuple[bytes, ...] | str:
        progress.say(f"building {build}")
        try:
            return tuple(code.left(build).values())
        except DeviceError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for build, found in zip(chosen, [run(first), *pool.map(run, others)], strict=True):
            if isinstance(found, str):
                failed.append((build, found))
            else:
                left[build] = found
    if not left:
        build, why = failed[0]
        form = codegen.init_signature(code.bundle, code.entry)
        raise DeviceError(f"no build leaves anything; the entry must be: {form}; {build}: {why}")
    progress.say("running it again")
    return Matrix(
        code.entry, tuple(_groups(code, left)), tuple(failed), tuple(chosen), tuple(_notes(code, next(iter(left))))
    )


def _check(sources: Sequence[str | Path], entry: str) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", entry, re.ASCII):
        raise EmbinitError(f"--entry must be a C identifier, got {shown(entry)}")
    for path in sources:
        if not Path(path).is_file():
            raise EmbinitError(f"{str(path)[:200]}: is not a file")
        if Path(path).suffix != ".c" or re.search(r'["\\\x00-\x1f]', str(Path(path).resolve())):
            raise EmbinitError(f"a source must be a C file NAME.c, its path without quotes, got {shown(str(path))}")


def _groups(code: Code, left: dict[Build, tuple[bytes, ...]]) -> list[Group]:
    """Return the groups of equal builds, the largest first, and of equally large ones the first built."""
    members: dict[tuple[bytes, ...], list[Build]] = {}
    for build, held in left.items():
        members.setdefault(held, []).append(build)
    ordered = sorted(members.values(), key=lambda group: -len(group))
    groups, known = [Group("A", tuple(ordered[0]))], list[tuple[Cause, ...]]()
    for i, group in enumerate(ordered[1:], start=1):
        one, other = min(((one, other) for one in ordered[0] for other in group), key=lambda pair: _distance(*pair))
        progress.say(f"finding out why {other} differs")
        found = _why(code, one, other, known) if i <= EXPLAINED else ()
        comparisons = tuple(
            compare(array, *held) for array, *held in zip(code.bundle.arrays, left[one], left[other], strict=True)
        )
        groups.append(Group(_letter(i), tuple(group), Difference(one, other, comparisons, found)))
    return groups


def _letter(number: int) -> str:
    return ascii_uppercase[number] if number < len(ascii_uppercase) else f"A{number}"


def _distance(one: Build, other: Build) -> tuple[bool, bool, bool]:
    """Return how much two builds differ: the less, the fewer causes there can be."""
    return one.on_host != other.on_host, one.target != other.target, one.compiler != other.compiler


def _why(code: Code, one: Build, other: Build, known: list[tuple[Cause, ...]]) -> tuple[Cause, ...]:
    """Return the causes of a difference; those of earlier ones are tried first."""

    def equal(change: Change) -> bool | None:
        try:
            left, right = both.map(lambda build: code.left(build, change), (one, other))
        except DeviceError:
            return None
        return left == right

    with ThreadPoolExecutor(2) as both:
        found = causes(one, other, equal, known)
    if found and found not in known:
        known.append(found)
    return found or _otherwise(code, one, other)


def _otherwise(code: Code, one: Build, other: Build) -> tuple[Cause, ...]:
    """Return why builds differ that no change makes equal: they do not repeat, or do what C leaves undefined."""
    if any(build.on_host and not _repeats(code, build) for build in (one, other)):
        return (NOT_REPEATABLE,)
    said = code.undefined
    return (undefined_behaviour(said),) if said else ()


def _repeats(code: Code, build: Build) -> bool:
    return code.again(build) == code.left(build)


def _notes(code: Code, build: Build) -> Iterator[str]:
    """Yield what is wrong with a build by itself: it does not repeat, or it depends on when it was made or on what the
    buffers held.
    """
    if not _repeats(code, build):
        yield f"{build}: {NOT_REPEATABLE.text}"
    elif code.again(build, OTHER_FILL) != code.left(build):
        yield f"{build}: what it leaves depends on what the buffers held before: write each element before it is read"
    if code.says(TIMES) and code.left(build, TIME_OF_BUILDING.change) != code.left(build):
        yield f"{build}: {TIME_OF_BUILDING.text}"
