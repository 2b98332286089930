"""numpy.random's values, from PCG64 as Generator draws them and from MT19937 as RandomState does."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator, Pcg64
from embinit.distributions import Constant, Distribution, Normal, SingleNormal, SingleUniform, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Sampler, Source, bits_of
from embinit.samplers.ziggurat_tables import tables
from embinit.targets import Build

#: How many elements are computed at once: their doubles stay in the cache.
RUN = 2**14
HEADER = "embinit_numpy.h"
_UNIT = 2.0**-53


class _NumPy(Sampler):
    """What both of NumPy's samplers have: values that are computed in double and rounded to float32 once."""

    kinds: ClassVar[tuple[type, ...]] = (Constant, Uniform, Normal)
    c_name: ClassVar[str]

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if NumPy's calls do not have the distribution."""
        if not isinstance(distribution, self.kinds):
            raise _unknown(distribution)

    @abstractmethod
    def doubles(self, bitgen: BitGenerator, n: int) -> NDArray[np.float64]:
        """Return the next n doubles from 0 to 1."""

    @abstractmethod
    def halves(self, bitgen: BitGenerator, n: int) -> NDArray[np.uint32]:
        """Return the next n words of 32 bits without moving the generator."""

    @abstractmethod
    def advance_halves(self, bitgen: BitGenerator, n: int) -> int:
        """Move on by n words of 32 bits and return how many words that takes."""

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant or one of the embinit_numpy functions."""
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high):
                return self._of_double("uniform", low, high - low)
            case Normal(mean, stddev):
                return self._of_double("normal", mean, stddev)
        raise _unknown(distribution)

    def _of_double(self, values: str, start: float, scale: float) -> CDraw:
        rule = ("embinit_numpy_rule", f"{float(start).hex()}, {float(scale).hex()}")
        return CDraw(f"{self.c_name}_{values}", rule=rule, header=HEADER)

    def _uniform(self, source: Source, distribution: Uniform, out: NDArray[np.float32]) -> int:
        drawn = 0
        for start in range(0, out.size, RUN):
            filled = out[start : start + RUN]
            units = self.doubles(source.bitgen, filled.size)
            filled[:] = distribution.low + (distribution.high - distribution.low) * units
            drawn += self.draws(distribution, filled.size) or 0
        return drawn

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out as rng.random(n) < p does and return the number of words drawn."""
        out[:] = self.doubles(source.bitgen, out.size) < p
        return self.draws(Uniform(0.0, 1.0), out.size) or 0

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:
        """Permute order as shuffle does and return the number of words drawn."""
        from embinit._kernels import intervals

        drawn, i = 0, order.size - 1
        while i > 0:
            i, used = intervals.by_mask(self.halves(source.bitgen, min(2 * i + 16, RUN)), order, i)
            drawn += self.advance_halves(source.bitgen, used)
        return drawn


class NumPy(_NumPy):
    """Generator: words of 64 bits for doubles, and their halves, the low one first, for values of single precision.
    Normal values are the ziggurat's.
    """

    word_bits = 64
    kinds = (*_NumPy.kinds, SingleUniform, SingleNormal)
    c_name = "embinit_numpy"

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError unless the generator is one of NumPy's."""
        if not isinstance(bitgen, Pcg64):
            raise EmbinitError(f"the generator must be Pcg64 or Pcg64Dxsm, got {bitgen.label}")

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take; None if it depends on them, or on whether half a word is kept."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return n
            case SingleUniform() | Normal() | SingleNormal():
                return None
        raise _unknown(distribution)

    def doubles(self, bitgen: BitGenerator, n: int) -> NDArray[np.float64]:
        """Return the next n doubles from 0 to 1: the highest 53 bits of one word each."""
        return (bitgen.random_raw(n) >> np.uint64(11)).astype(np.float64) * _UNIT

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        bitgen = _pcg64(source.bitgen)
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
                return 0
            case Uniform():
                return self._uniform(source, distribution, out)
            case SingleUniform():
                halves = np.empty(out.size, np.uint32)
                drawn = bitgen.draw_halves(halves)
                np.multiply(halves >> np.uint32(8), np.float32(2.0**-24), out=out, dtype=np.float32, casting="unsafe")
                return drawn
            case Normal(mean, stddev):
                return _ziggurat(bitgen, out, float(mean), float(stddev))
            case SingleNormal():
                return _single_ziggurat(bitgen, out)
        raise _unknown(distribution)

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:
        """Return one of the embinit_numpy functions. standard_normal has none: its tail is of the host's C library."""
        match distribution:
            case SingleUniform():
                return CDraw("embinit_numpy_random", header=HEADER)
            case SingleNormal():
                raise EmbinitError(
                    f"{distribution} of NumPy has no C: its tail takes the host's log1pf, and C libraries differ in "
                    "it; draw normal, which is of double, or export the values instead (--format npz,h,bin)"
                )
        return super().c_draw(distribution, n, build)

    def c_skip(self, words: int) -> CDraw:
        """Return the C that drops words of 64 bits."""
        return CDraw("embinit_numpy_skip", words, header=HEADER)

    def halves(self, bitgen: BitGenerator, n: int) -> NDArray[np.uint32]:
        """Return the next n words of 32 bits without moving the generator."""
        out = np.empty(n, np.uint32)
        _pcg64(bitgen.copy()).draw_halves(out)
        return out

    def advance_halves(self, bitgen: BitGenerator, n: int) -> int:
        """Move on by n words of 32 bits and return how many words that takes."""
        return _pcg64(bitgen).advance_halves(n)


class LegacyNumPy(_NumPy):
    """RandomState: doubles of two 32-bit words each, and normal values by Marsaglia's polar method in double, two at a
    time, of which one may be left for the next fill.
    """

    c_name = "embinit_numpy_legacy"

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take; None if it depends on them."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return 2 * n
            case Normal():
                return None
        raise _unknown(distribution)

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002 (n does not matter)
        """Return 2 for uniform values; an array of others cannot be drawn in parts."""
        return 2 if isinstance(distribution, Uniform) else 0

    def doubles(self, bitgen: BitGenerator, n: int) -> NDArray[np.float64]:
        """Return the next n doubles from 0 to 1: the highest 27 bits of a word, and then the highest 26 of another."""
        return _joined(bitgen.random_raw(2 * n))

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
                return 0
            case Uniform():
                return self._uniform(source, distribution, out)
            case Normal(mean, stddev):
                return _polar(source, out, float(mean), float(stddev))
        raise _unknown(distribution)

    def halves(self, bitgen: BitGenerator, n: int) -> NDArray[np.uint32]:
        """Return the next n words without moving the generator."""
        return bitgen.copy().random_raw(n).astype(np.uint32, copy=False)

    def advance_halves(self, bitgen: BitGenerator, n: int) -> int:
        """Move on by n words and return n."""
        bitgen.advance(n)
        return n


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"NumPy has no {distribution}: use uniform or normal")


def _pcg64(bitgen: BitGenerator) -> Pcg64:
    assert isinstance(bitgen, Pcg64)
    return bitgen


def _joined(words: NDArray[Any]) -> NDArray[np.float64]:
    pairs = words.reshape(-1, 2)
    joined: NDArray[np.float64] = ((pairs[:, 0] >> np.uint32(5)) * 2.0**26 + (pairs[:, 1] >> np.uint32(6))) * _UNIT
    return joined


def _ziggurat(bitgen: Pcg64, out: NDArray[np.float32], mean: float, stddev: float) -> int:
    """Fill out with mean + stddev * z in double; return the words drawn. An element takes 1.02 words on average."""
    from embinit._kernels import ziggurat

    total, room = 0, 64
    while out.size:
        words = bitgen.copy().random_raw(min(out.size, RUN) + room)
        filled, used = ziggurat.doubles(words, *tables(52), mean, stddev, out[:RUN])
        bitgen.advance(used)
        total, out, room = total + used, out[filled:], 64 if filled else 2 * room
    return total


def _single_ziggurat(bitgen: Pcg64, out: NDArray[np.float32]) -> int:
    """Fill out with standard normal values in single precision; return the words drawn."""
    from embinit._kernels import ziggurat

    limit, width, height = tables(23)
    single = limit, width.astype(np.float32), height.astype(np.float32)
    total, room = 0, 64
    while out.size:
        halves = np.empty(min(out.size, RUN) + room, np.uint32)
        bitgen.copy().draw_halves(halves)
        filled, used = ziggurat.singles(halves, *single, out[:RUN])
        total += bitgen.advance_halves(used)
        out, room = out[filled:], 64 if filled else 2 * room
    return total


def _polar(source: Source, out: NDArray[np.float32], mean: float, stddev: float) -> int:
    """Fill out with mean + stddev * z in double; return the words drawn.

    A point in the unit circle gives two values: that of its second coordinate first, and the other is kept.
    """
    drawn = 0
    if out.size and not np.isnan(source.pending):
        out[0] = mean + stddev * source.pending
        source.pending, out = np.nan, out[1:]
    from embinit.expressions import double_libm

    while out.size:
        pairs = min((out.size + 1) // 2, RUN)
        ahead = source.bitgen.copy()
        x = 2.0 * _joined(ahead.random_raw(4 * (pairs + pairs // 3 + 16))).reshape(-1, 2) - 1.0
        square = x[:, 0] * x[:, 0] + x[:, 1] * x[:, 1]
        inside = np.flatnonzero((square < 1.0) & (square != 0.0))[:pairs]
        used = 4 * (int(inside[-1]) + 1 if inside.size else square.size)
        source.bitgen.advance(used)
        square = square[inside]
        factor = np.sqrt(-2.0 * double_libm.log_fused(square) / square)
        z = (factor[:, None] * x[inside, ::-1]).reshape(-1)
        count = min(z.size, out.size)
        out[:count] = mean + stddev * z[:count]
        if count < z.size:
            source.pending = float(z[-1])
        out, drawn = out[count:], drawn + used
    return drawn
