"""Values that are an integer times a scale: the same bits on every device, under every compiler flag."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import Broadcast, Constant, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Fill, Float32s, Sampler, Source, bits_of, broadcast_draw
from embinit.targets import Build

#: Larger offsets would leave no room for the code in an int32.
MAX_OFFSET = 2**31 - 2**27
#: Of a smaller width 2^-24 is rounded to 0 or to 2^-149, up to twice too much.
LEAST_WIDTH = 2.0**-125


class ScaledInteger(Sampler):
    """float32(code + offset) * scale, one word each: an integer addition, a conversion that rounds once, and a product.
    The code of a uniform value is word >> 8; that of a normal value is z in units of 2^-24, from cubics in integers.
    """

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if the distribution has no offset and scale."""
        if not isinstance(distribution, Constant | Broadcast):
            offset_and_scale(distribution)

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return 0 for values that are given, and n for values that are drawn."""
        return 0 if isinstance(distribution, Constant | Broadcast) else n

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        if isinstance(distribution, Constant):
            out.fill(np.float32(distribution.value))
            return 0
        if isinstance(distribution, Broadcast):
            base = np.asarray(distribution.base, np.float32).ravel()
            out.reshape(-1, base.size)[:] = base
            return 0
        return _scaled(distribution)(source, out)

    def filling(self, distribution: Distribution, build: Build) -> Fill:
        """Return the function that fills arrays, unless a subclass has its own `fill`."""
        return self.side_by_side(distribution, build) or super().filling(distribution, build)

    def side_by_side(self, distribution: Distribution, build: Build) -> Fill | None:  # noqa: ARG002 (no build matters)
        """Return the same function where elements are drawn: its kernel takes several generators."""
        own = type(self).fill is ScaledInteger.fill and not isinstance(distribution, Constant | Broadcast)
        return _scaled(distribution) if own else None

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant, embinit_broadcast or one of the embinit_scaled functions."""
        if isinstance(distribution, Constant):
            return CDraw("embinit_constant", bits_of(distribution.value))
        if isinstance(distribution, Broadcast):
            return broadcast_draw(distribution.base)
        offset, scale = offset_and_scale(distribution)
        suffix: dict[type, str] = {Uniform: "uniform", Normal: "normal", TruncatedNormal: "truncated_normal"}
        return CDraw(
            f"embinit_scaled_{suffix[type(distribution)]}",
            bits_of(scale),
            offset & 0xFFFFFFFF,
            header="embinit_scaled.h",
        )


def _scaled(distribution: Distribution) -> Fill:
    """Return the function that fills arrays with integers times a scale."""
    from embinit._kernels import scaled
    from embinit._kernels.jit import as_kernel

    codes: dict[type, int] = {
        Uniform: scaled.UNIFORM, Normal: scaled.NORMAL, TruncatedNormal: scaled.TRUNCATED_NORMAL,
    }  # fmt: skip
    offset, exact = offset_and_scale(distribution)
    kernel, code, scale = as_kernel(scaled.scaled), codes[type(distribution)], float(exact)

    def filled(source: Source, out: Float32s) -> int:
        kernel.direct(*source.bitgen.stream, code, offset, scale, out)
        return out.size

    return filled


@lru_cache
def offset_and_scale(distribution: Distribution) -> tuple[int, np.float32]:
    """Return the integer offset and the float32 scale of a distribution, as exactly as possible.

    >>> offset_and_scale(Uniform(-0.5, 0.5))
    (-8388608, np.float32(5.9604645e-08))
    >>> offset_and_scale(Normal(0.0, 2.0))
    (0, np.float32(1.1920929e-07))
    """
    if isinstance(distribution, Uniform):
        with np.errstate(over="ignore"):
            start, width = np.float32(distribution.low), np.float32(distribution.high) - np.float32(distribution.low)
    elif isinstance(distribution, Normal | TruncatedNormal):
        start, width = np.float32(distribution.mean), np.float32(distribution.stddev)
    else:
        raise EmbinitError(f"dialect portable has no {distribution}: use uniform, normal or truncated_normal")
    scale = np.float32(width * np.float32(2.0**-24))
    if abs(width) < LEAST_WIDTH or not np.isfinite(scale):
        if start == 0 and width == 0:
            return 0, np.float32(0)
        raise EmbinitError(f"{distribution}: its width must be a float32 from 2^-125 to 2^127; use a constant instead")
    offset = round(Fraction(float(start)) / Fraction(float(scale)))
    if abs(offset) > MAX_OFFSET:
        raise EmbinitError(f"{distribution}: it must lie within 120 widths of 0, got {float(start) / float(width):.3g}")
    return offset, scale
