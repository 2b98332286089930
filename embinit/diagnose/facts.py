"""Facts: what can be seen of a dump that nothing explains, to narrow down what the device did."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Image
from embinit.plan import Row

F64 = NDArray[np.float64]

#: Fewer elements than this show little.
ENOUGH = 16
#: The finest grid that is looked for, in steps from end to end; with more steps, float32 itself is a grid.
FINEST = 1 << 18
#: The most bits that the register of a recurrence over GF(2) may have, and how many more signs must obey it.
LONGEST, SPARE = 64, 40
#: By how much the log-likelihoods of a uniform and of a normal distribution must differ before one is named.
SURE = 5.0


@dataclass(frozen=True)
class Fact:
    """A fact about one buffer: the buffer's name, the name of the kind of fact, and a sentence."""

    buffer: str
    name: str
    sentence: str

    def as_json(self) -> dict[str, str]:
        """Return the fact as plain values."""
        return {"buffer": self.buffer, "name": self.name, "sentence": self.sentence}


def facts(rows: Sequence[Row], dump: Image, wrong: Sequence[str]) -> tuple[Fact, ...]:
    """Return the facts about the wrong buffers of floats, and about those that begin alike."""
    found = [fact for row in rows if row.name in wrong for fact in _of_buffer(row, dump[row.name])]
    return (*found, *_shared({name: dump[name] for name in wrong}))


def _of_buffer(row: Row, held: bytes) -> Iterator[Fact]:
    if row.format not in ("float32", "float64"):
        return
    raw = np.frombuffer(held, row.format)
    if raw.size and (raw.view(f"u{raw.itemsize}") == raw.view(f"u{raw.itemsize}")[0]).all():
        yield Fact(row.name, "constant", f"all {raw.size} values are {float(raw[0])!r}")
        return
    if not np.isfinite(raw).all():
        n = int(np.count_nonzero(~np.isfinite(raw)))
        yield Fact(row.name, "not finite", f"{n} of {raw.size} values are NaN or infinite: these may be no floats")
        return
    if raw.size < ENOUGH:
        return
    values = raw.astype(np.float64)
    if (huge := int(np.count_nonzero(np.abs(values) > 1e6))) > raw.size // 8:
        yield Fact(row.name, "range", f"{huge} of {raw.size} magnitudes are above 10^6: these may be no floats")
        return
    yield Fact(row.name, "range", f"values from {raw.min():.9g} to {raw.max():.9g}; {_shape(values)}")
    distinct = int(np.unique(raw).size)
    if distinct < raw.size:
        often = f"the most frequent one {int(np.unique(raw, return_counts=True)[1].max())} times"
        yield Fact(row.name, "repeated values", f"only {distinct} of {raw.size} values are different, {often}")
    if (period := _period(raw)) is not None:
        yield Fact(row.name, "period", f"the values repeat after {period} elements")
    elif (grid := _grid(values)) is not None:
        steps = round(float(np.ptp(values)) / grid)
        yield Fact(row.name, "grid", f"all values lie on a grid with step {grid:.9g}, {steps} steps from end to end")
    elif (length := _recurrence(values)) is not None:
        yield Fact(
            row.name, "recurrence",
            f"the values' signs obey a linear recurrence of {length} bits, as those of a xorshift or LFSR do",
        )  # fmt: skip


def _shape(values: F64) -> str:
    low, high = float(values.min()), float(values.max())
    if low >= 0 or high <= 0:
        return f"none is {'negative' if low >= 0 else 'positive'}"
    n = values.size
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    shape = "roughly symmetric about 0" if abs(mean) < 4 * spread / n**0.5 else f"not symmetric: mean {mean:.3g}"
    ends = (high - low) * (n + 1) / (n - 1)  # of the uniform distribution from which n values came
    normal = n * math.log(ends / (spread * math.sqrt(2 * math.pi * math.e)))
    if normal > SURE:
        shape += "; with tails, as normal values have"
    elif normal < -SURE:
        shape += "; bounded, as uniform values are"
    return shape


def _period(raw: NDArray[Any]) -> int | None:
    """Return after how many elements an array repeats itself, at least once in full."""
    for start in np.flatnonzero(raw[1 : raw.size // 2 + 1] == raw[0]) + 1:
        if np.array_equal(raw[start:], raw[: raw.size - start]):
            return int(start)
    return None


def _grid(values: F64) -> float | None:
    """Return the step of the grid on which values lie; None if there is none that is coarser than that of floats.

    >>> _grid(np.arange(20.0)[[3, 7, 11, 12, 19, *range(15)]] / 8)
    0.125
    """
    unique = np.unique(values)
    noise = 2.0**-23 * float(np.abs(unique).max())
    gaps = np.diff(unique)
    gaps = gaps[gaps > 2 * noise]
    if not gaps.size:
        return None
    step = float(gaps.min())
    for gap in np.sort(gaps)[: 4 * ENOUGH]:  # Euclid's algorithm, as far as rounded values allow
        a, b = float(gap), step
        while b > 8 * noise:
            a, b = b, abs(a - round(a / b) * b)
        step = a
    span = float(unique[-1] - unique[0])
    steps = round(span / step)
    if steps > FINEST or steps < 1:
        return None
    step = span / steps
    off = (unique - unique[0]) / step
    if np.abs(off - np.rint(off)).max() * step > 2 * noise:
        return None
    return step


def _recurrence(values: F64) -> int | None:
    """Return how many bits the linear recurrence over GF(2) has that the signs obey; None if they obey none.

    Massey, "Shift-Register Synthesis and BCH Decoding", 1969.
    """
    bits = (values[: 2 * LONGEST + SPARE] < 0).tolist()
    current, previous, length, since = 1, 1, 0, 1
    history = 0
    for i, bit in enumerate(bits):
        history = history << 1 | int(bit)
        if (current & history).bit_count() & 1:
            kept = current
            current ^= previous << since
            if 2 * length <= i:
                length, previous, since = i + 1 - length, kept, 0
        since += 1
    return length if 0 < length <= min(LONGEST, (len(bits) - SPARE) // 2) else None


def _shared(held: Mapping[str, bytes]) -> Iterator[Fact]:
    """Yield a fact about each buffer that begins as an earlier one does."""
    names = list(held)
    for i, name in enumerate(names):
        for other in names[:i]:
            n = min(len(held[name]), len(held[other]))
            if n >= ENOUGH and held[name][:n] == held[other][:n] and len(set(held[name][:n])) > 2:
                yield Fact(name, "the same values", f"it begins as {other} does: a stream starts again")
                break
