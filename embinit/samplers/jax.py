"""JAX's values on an x86-64 CPU, as XLA compiles them: one word each, so no target changes a bit."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import (
    FLOAT32_MAX,
    BoundedNormal,
    Constant,
    Distribution,
    Normal,
    ScaledUniform,
    TruncatedNormal,
    Uniform,
)
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Sampler, Source, bits_of
from embinit.targets import Build

F32 = np.float32
ROOT_TWO, ROOT_HALF = np.array([0x3FB504F3, 0x3F3504F3], np.uint32).view(F32)
#: XLA's erf x = x P(x^2) / Q(x^2), up to where it is 1.
ERF_P = np.array([0x39702D51, 0x3B5F5DA2, 0x3D50B6EB, 0x3E3DA740, 0x3F906EBA], np.uint32).view(F32)
ERF_Q = np.array([0xB3FD3906, 0x37C588DF, 0x3A856D28, 0x3C6687D4, 0x3DE34C21, 0x3EFEB44A, 0x3F800000], np.uint32).view(
    F32
)
ERF_END = F32(3.832506856900711)
#: Of a smaller width, values can be below LEAST_NORMAL, and XLA makes those 0.
LEAST, LEAST_NORMAL = 2.0**-78, 2.0**-126
#: How XLA rounds a * b + c; "fused-0.6" is what JAX up to 0.6.2 makes of log1p.
Arithmetic = Literal["separate", "fused", "fused-0.6"]
ARITHMETICS: tuple[Arithmetic, ...] = ("separate", "fused", "fused-0.6")


class Recipe(NamedTuple):
    """How a value is made of u = max(low, low + width * k * 2^-23): u * scale or, if it has limits, a normal value, the
    product of factor and erf_inv(u), cut at the limits, * scale.
    """

    low: np.float32
    width: np.float32
    scale: np.float32
    factor: np.float32 = ROOT_TWO
    limits: tuple[np.float32, np.float32] | None = None


def recipe(distribution: Distribution, jit: bool) -> Recipe:
    """Return how JAX makes the values of a distribution, eagerly or under jax.jit.

    >>> recipe(ScaledUniform(-0.5, 0.5), jit=False)[:3]
    (np.float32(-1.0), np.float32(2.0), np.float32(0.5))
    """
    match distribution:
        case ScaledUniform(_, high):
            return Recipe(F32(-1), F32(2), F32(high)) if distribution.centered else Recipe(F32(0), F32(1), F32(high))
        case Uniform(low, high):
            with np.errstate(over="ignore"):
                return Recipe(F32(low), F32(F32(high) - F32(low)), F32(1))
        case Normal(0.0, stddev):
            least, unlimited = np.nextafter(F32(-1), F32(0)), (F32(-FLOAT32_MAX), F32(FLOAT32_MAX))
            scale, factor = (F32(1), ROOT_TWO * F32(stddev)) if jit else (F32(stddev), ROOT_TWO)
            return Recipe(least, F32(F32(1) - least), scale, factor, unlimited)
        case TruncatedNormal(0.0, stddev):
            return recipe(BoundedNormal(stddev, -2.0, 2.0), jit)
        case BoundedNormal(stddev, lower, upper):
            of_bound = _folded_erf if jit else erf
            least, most = of_bound(F32(lower)), of_bound(F32(upper))
            limits = np.nextafter(F32(lower), F32(np.inf)), np.nextafter(F32(upper), F32(-np.inf))
            return Recipe(least, F32(most - least), F32(stddev), limits=limits)
    raise EmbinitError(f"JAX has no {distribution}: use uniform, normal or truncated_normal, around 0 if it is normal")


def erf(bound: np.float32) -> np.float32:
    """Return what XLA's code computes for erf(bound / sqrt 2).

    >>> hex(erf(F32(-2)).view(np.uint32))
    '0xbf745a18'
    """
    return _erf_of(int(bound.view(np.uint32)))


@lru_cache(maxsize=64)
def _erf_of(bits: int) -> np.float32:
    """Return erf of a float32 by its bits, which tell -0 from 0; a sweep and a diagnosis ask for few, many times."""
    x = np.clip(np.uint32(bits).view(F32) * ROOT_HALF, -ERF_END, ERF_END)
    return F32(x * _polynomial(ERF_P, x * x) / _polynomial(ERF_Q, x * x))


def _folded_erf(bound: np.float32) -> np.float32:
    """Return what XLA's compiler makes of erf(bound / sqrt 2) of a constant: the host's erff, which later versions of
    glibc round to nearest.
    """
    from embinit.samplers.erff import erffs

    x = F32(bound / ROOT_TWO)
    found = {F32(math.erf(x)), *erffs(x)}
    if len(found) > 1:
        raise EmbinitError(
            f"under jax.jit, values truncated at {bound:.9g} are other ones with glibc up to 2.40 than with later "
            "versions, whose erff differs there; initialize without jit, or take another bound"
        )
    return found.pop()


def _polynomial(coefficients: NDArray[np.float32], x: np.float32) -> np.float32:
    """Return the value of a polynomial by Horner's rule, each step rounded once."""
    value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = _fused(value, x, coefficient)
    return F32(value)


def _fused(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """Return a * b + c, rounded once: to an odd double on the way, which no tie of float32 is."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = float(exact)
    if near != exact and not np.float64(near).view(np.int64) & 1:
        near = math.nextafter(near, math.inf if exact > near else -math.inf)
    return F32(near)


@dataclass(frozen=True)
class Jax(Sampler):
    """uniform, normal and truncated_normal of jax.random: fused where the CPU can, as in builds since 2013."""

    arithmetic: Arithmetic

    def bound(self, distribution: Distribution, build: Build) -> Distribution:
        """Return a distribution as it is, or raise EmbinitError if its values under jax.jit are not known."""
        if isinstance(distribution, BoundedNormal):
            recipe(distribution, build.jit)
        return distribution

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if JAX does not have the distribution, or XLA would take a value of it for 0."""
        if isinstance(distribution, Constant):
            return
        low, width, scale, *_ = recipe(distribution, jit=False)
        reach = abs(float(width) * float(scale))
        if not reach <= FLOAT32_MAX:
            raise EmbinitError(f"{distribution}: its width must be a finite float32 number; draw smaller values")
        if 0 < reach < LEAST or 0 < abs(low) < LEAST_NORMAL:
            raise EmbinitError(
                f"{distribution}: its width must be 0 or at least 2^-78, and its lower bound 0 or at least 2^-126, "
                "because XLA flushes subnormal values to 0; use zeros instead"
            )

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return 0 for constants, and n for values that are drawn."""
        return 0 if isinstance(distribution, Constant) else n

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        if isinstance(distribution, Constant):
            out.fill(F32(distribution.value))
            return 0
        from embinit._kernels import jax

        self.check(distribution)
        kind, words = source.bitgen.stream
        low, width, scale, factor, limits = recipe(distribution, source.build.jit)
        if limits is None:
            jax.uniform(kind, words, self.arithmetic != "separate", low, width, scale, out)
        else:
            jax.normal(kind, words, ARITHMETICS.index(self.arithmetic), low, width, factor, limits, scale, out)
        return out.size

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out as jax.random.bernoulli does, from a uniform array, and return the number of words drawn."""
        values = np.empty(out.size, np.float32)
        drawn = self.fill(source, Uniform(0.0, 1.0), values)
        np.less(values, F32(p), out=out)
        return drawn

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002
        """Raise EmbinitError: jax.random.permutation sorts by keys that it splits."""
        raise EmbinitError(
            "shuffles of JAX are not known here, as jax.random.permutation sorts by split keys: "
            "use dialect odt, torch or portable"
        )

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (a row of one shape for all)
        """Return embinit_constant, embinit_jax_uniform or embinit_jax_normal with its rule."""
        if isinstance(distribution, Constant):
            return CDraw("embinit_constant", bits_of(distribution.value))
        low, width, scale, factor, limits = recipe(distribution, build.jit)
        between = f"0x{bits_of(low):08x}u, 0x{bits_of(width):08x}u"
        if limits is None:
            fused = "EMBINIT_SEPARATE" if self.arithmetic == "separate" else "EMBINIT_FUSED"
            rule = ("embinit_jax_uniform_rule", f"{between}, {fused}")
            return CDraw("embinit_jax_uniform", bits_of(scale), rule=rule, header="embinit_jax.h")
        kind = f"EMBINIT_JAX_{self.arithmetic.upper().replace('-', '_').replace('.', '_')}"
        cut = ", ".join(f"0x{bits_of(limit):08x}u" for limit in limits)
        rule = ("embinit_jax_normal_rule", f"{between}, {cut}, {kind}")
        return CDraw("embinit_jax_normal", bits_of(scale), bits_of(factor), rule, "embinit_jax.h")
