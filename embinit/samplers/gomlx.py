"""GoMLX's values on one of its backends: a tensor is one call of the generator, a normal tensor two."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import Broadcast, Constant, Distribution, Normal, Uniform
from embinit.errors import EmbinitError, shown
from embinit.samplers.base import CDraw, Sampler, Source, bits_of, broadcast_draw
from embinit.targets import Build

#: How many words of the second call of a normal tensor are drawn at a time.
SECOND = 2**14


@dataclass(frozen=True)
class GoMlx(Sampler):
    """RandomUniform, RandomNormal and the arithmetic of GoMLX's initializers: no target changes a bit.

    block: how many words the backend's generator makes at a time. math: whose logarithm and cosine, and whether a
    uniform value takes one rounding (xla) or two.
    """

    block: int
    math: Literal["go", "xla", "xla-nofma"]
    whole = True

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if GoMLX does not have the distribution."""
        match distribution:
            case Constant() | Broadcast():
                return
            case Uniform(low, high):
                if not np.isfinite(_width(low, high)):
                    raise EmbinitError(f"{distribution}: its width must be a finite float32 number")
            case Normal(mean, _):
                if mean != 0:
                    raise EmbinitError(f"GoMLX's normal has no mean: it must be 0, got {shown(mean)}")
            case _:
                raise _unknown(distribution)

    def draws(self, distribution: Distribution, n: int) -> int:
        """Return n for uniform values; for normal ones n twice, and the rest of the block in between."""
        match distribution:
            case Constant() | Broadcast():
                return 0
            case Uniform():
                return n
            case Normal():
                return 2 * n + -n % self.block
        raise _unknown(distribution)

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        self.check(distribution)
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
                return 0
            case Broadcast(base):
                values = np.asarray(base, np.float32).ravel()
                out.reshape(-1, values.size)[:] = values
                return 0
        from embinit._kernels import gomlx

        source.bitgen.draw(out.view(np.uint32))
        if isinstance(distribution, Uniform):
            width = _width(distribution.low, distribution.high)
            gomlx.uniform(out, self.math == "xla", width, np.float32(distribution.low))
            return out.size
        assert isinstance(distribution, Normal)
        dropped = source.bitgen.align()
        math = {"go": gomlx.GO, "xla": gomlx.XLA, "xla-nofma": gomlx.XLA_NOFMA}[self.math]
        second = np.empty(min(out.size, SECOND), np.uint32)
        for start in range(0, out.size, SECOND):
            part = out[start : start + SECOND]
            source.bitgen.draw(second[: part.size])
            gomlx.normal(part, second[: part.size], math, np.float32(distribution.stddev))
        return 2 * out.size + dropped

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant, embinit_broadcast or one of the embinit_gomlx functions."""
        header = "embinit_gomlx.h"
        begin, end = CDraw(f"embinit_gomlx_{self._generator}_pair", n, header=header), self._end
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Broadcast(base):
                return broadcast_draw(base)
            case Uniform(low, high):
                function = f"embinit_gomlx_uniform{'_fused' if self.math == 'xla' else ''}"
                return CDraw(function, bits_of(low), bits_of(_width(low, high)), header=header, around=(None, end))
            case Normal(_, stddev):
                function = f"embinit_gomlx_normal_{self.math.replace('-', '_')}"
                return CDraw(function, bits_of(stddev), header=header, around=(begin, end))
        raise _unknown(distribution)

    def c_skip(self, words: int) -> CDraw:
        """Return the C of a call whose words are dropped."""
        return CDraw("embinit_skip", words, around=(None, self._end))

    @property
    def _generator(self) -> str:
        return "pcg" if self.math == "go" else "philox"

    @property
    def _end(self) -> CDraw:
        return CDraw(f"embinit_gomlx_{self._generator}_end", header="embinit_gomlx.h")

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out as RandomBernoulli does, which is one call, and return the number of words drawn."""
        from embinit._kernels import gomlx

        words = source.bitgen.random_raw(out.size)
        gomlx.below(words, np.float32(p), out)
        return out.size + source.bitgen.align()

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002 (none)
        """Raise EmbinitError: GoMLX shuffles data sets with another generator."""
        raise EmbinitError("GoMLX shuffles no tensors from its random state: use dialect torch, odt or portable")


def _width(low: float, high: float) -> np.float32:
    """Return high - low, computed in float64 and rounded once."""
    with np.errstate(over="ignore"):
        return np.float32(high - low)


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"GoMLX has no {distribution}: use random_uniform, random_normal, he or glorot_uniform")
