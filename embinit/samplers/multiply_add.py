"""Values from a float32 multiply-add, as plain C computes them: their last bits depend on the build."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import Constant, Distribution, Normal, Uniform
from embinit.errors import EmbinitError
from embinit.kinds import XORSHIFT32
from embinit.samplers.base import CDraw, Fill, Float32s, Sampler, Source, bits_of
from embinit.targets import LIBMS, Build

SHIFT = 8


@dataclass(frozen=True)
class MultiplyAdd(Sampler):
    """OnDeviceTraining's way: low + width * r with r = (word >> 8) * 2^-24, and Box-Muller with only the cosine kept.
    deviation_first: the radius is multiplied by stddev before it is by the cosine, which rounds differently.
    """

    deviation_first: bool

    def bound(self, distribution: Distribution, build: Build) -> Distribution:
        """Return a distribution as it is, or raise EmbinitError if it calls a libm of no known class."""
        if isinstance(distribution, Normal):
            _ = build.known_libm
        return distribution

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if OnDeviceTraining does not have the distribution."""
        if not isinstance(distribution, Constant | Uniform | Normal):
            raise _unknown(distribution)

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return n for uniform values, 0 for constants, and None for normal values, because a small u1 is
        drawn again.
        """
        return {Constant: 0, Uniform: n}.get(type(distribution))

    def stride(self, distribution: Distribution, n: int) -> int:
        """Return 2 for normal values, u1 and u2."""
        return 2 if isinstance(distribution, Normal) else super().stride(distribution, n)

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        return self._filling(distribution, source.build)(source, out)

    def filling(self, distribution: Distribution, build: Build) -> Fill:
        """Return the function that fills arrays, unless a subclass has its own `fill`."""
        own = type(self).fill is MultiplyAdd.fill
        return self._filling(distribution, build) if own else super().filling(distribution, build)

    def side_by_side(self, distribution: Distribution, build: Build) -> Fill | None:
        """Return the function that fills arrays with uniform values, unless a subclass has its own `fill`."""
        own = type(self).fill is MultiplyAdd.fill and isinstance(distribution, Uniform)
        return self._filling(distribution, build) if own else None

    def _filling(self, distribution: Distribution, build: Build) -> Fill:
        fused = build.multiply_add == "fused"
        match distribution:
            case Constant(value):
                return _constants(np.float32(value))
            case Uniform(low, high):
                return _uniforms(fused, float(low), float(high))
            case Normal(mean, stddev):
                from embinit._kernels.normal import box_muller_cosine

                libm, first, mean, stddev = (
                    LIBMS.index(build.known_libm),
                    self.deviation_first,
                    float(mean),
                    float(stddev),
                )
                return lambda source, out: box_muller_cosine(
                    *source.bitgen.stream, SHIFT, libm, first, fused, mean, stddev, out
                )
        raise _unknown(distribution)

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (a row of one shape for all)
        """Return embinit_constant, embinit_uniform or embinit_normal with their rules."""
        fused = f"EMBINIT_{build.multiply_add.upper()}"
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high):
                rule = ("embinit_uniform_rule", f"{SHIFT}, {fused}")
                return CDraw("embinit_uniform", bits_of(low), bits_of(_width(low, high)), rule)
            case Normal(mean, stddev):
                libm = build.known_libm.replace("-", "_")
                functions = f"embinit_logf_{libm}, embinit_cosf_{libm}"
                rule = ("embinit_normal_rule", f"{functions}, {SHIFT}, {fused}, {int(self.deviation_first)}")
                return CDraw("embinit_normal", bits_of(mean), bits_of(stddev), rule, "embinit_normal.h")
        raise _unknown(distribution)


def _constants(value: np.float32) -> Fill:
    def filled(_: Source, out: Float32s) -> int:
        out.fill(value)
        return 0

    return filled


def _uniforms(fused: bool, low: float, high: float) -> Fill:
    from embinit._kernels.jit import as_kernel
    from embinit._kernels.uniform import from_blocks, from_ring

    ring, blocks = as_kernel(from_ring), as_kernel(from_blocks)

    def filled(source: Source, out: Float32s) -> int:
        kind, words = source.bitgen.stream
        if kind == XORSHIFT32:
            ring.direct(words, SHIFT, fused, low, high, out)
        else:
            blocks.direct(kind, words, SHIFT, fused, low, high, out)
        return out.size

    return filled


def _width(low: float, high: float) -> np.float32:
    """Return high - low in float32, which may overflow to infinity as on the device."""
    with np.errstate(over="ignore"):
        return np.float32(np.float32(high) - np.float32(low))


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"OnDeviceTraining has no {distribution}: use a uniform or normal one")
