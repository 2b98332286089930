"""PyTorch's values on the CPU, from the words of MT19937: its kernels are fixed, so no target changes a bit."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.distributions import Constant, Dirac, Distribution, Eye, Normal, PaddedNormal, Sparse, TruncNormal, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Fill, Float32s, Sampler, Source, bits_of
from embinit.targets import Build

#: normal_ computes this many elements at a time from single-precision uniforms; fewer take double-precision ones.
LARGE = 16
#: Bounds for which h * 2^-23 is exact and 2 * h finite, so that only one product rounds.
SYMMETRIC = (2.0**-103, 2.0**126)


@dataclass(frozen=True)
class Torch(Sampler):
    """uniform_ and normal_ of PyTorch: fused as in its AVX2 build for Linux, or separate as in its `default` build."""

    fused: bool
    strided_run = LARGE - 1

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if PyTorch does not have the distribution."""
        if not isinstance(
            distribution, Constant | Uniform | Normal | TruncNormal | Sparse | Eye | Dirac | PaddedNormal
        ):
            raise _unknown(distribution)

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take; None if it depends on them, or on what an earlier small
        normal left.
        """
        match distribution:
            case Constant() | Eye() | Dirac():
                return 0
            case Uniform():
                return n
            case TruncNormal():
                return None
            case Sparse(shape=(rows, columns)):
                normal = self._normal_draws(n)
                return None if normal is None else normal + columns * (rows - 1)
            case Normal() | PaddedNormal() | Sparse():
                return self._normal_draws(n)
        raise _unknown(distribution)

    def _normal_draws(self, n: int) -> int | None:
        return None if n < LARGE else n + (LARGE if n % LARGE else 0)

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        from embinit._kernels import pytorch

        kind, words = source.bitgen.stream
        large = out.size >= LARGE
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
                return 0
            case Uniform(low, high):
                return _uniforms(self.fused, low, high)(source, out)
            case Normal(mean, stddev):
                source.pending, drawn = pytorch.normal(
                    kind, words, self.fused, large, float(mean), float(stddev), source.pending, out
                )
                return drawn
            case TruncNormal(mean, stddev, low, high):
                source.pending, drawn = pytorch.trunc_normal(
                    kind, words, self.fused, large, float(mean), float(stddev), float(low), float(high),
                    *truncation(distribution), source.pending, out,
                )  # fmt: skip
                return drawn
            case Sparse(sparsity, stddev, shape=(rows, columns)):
                source.pending, drawn = pytorch.sparse(
                    kind, words, self.fused, large, float(stddev), sparse_zeros(sparsity, rows), source.pending,
                    out.reshape(rows, columns),
                )  # fmt: skip
                return drawn
            case Eye() | Dirac():
                fill_ones(ones_of(distribution), out)
                return 0
            case PaddedNormal(mean, stddev, padding_idx, shape=(rows, columns)):
                drawn = self.fill(source, Normal(mean, stddev), out)
                out.reshape(rows, columns)[padding_idx] = 0
                return drawn
        raise _unknown(distribution)

    def filling(self, distribution: Distribution, build: Build) -> Fill:
        """Return the function that fills arrays: a prepared one for uniform values, unless a subclass has its own."""
        if isinstance(distribution, Uniform) and type(self).fill is Torch.fill:
            return _uniforms(self.fused, distribution.low, distribution.high)
        return super().filling(distribution, build)

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant or one of the embinit_torch functions."""
        header = "embinit_mt19937.h"
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high) if self.fused and low == -high and SYMMETRIC[0] <= high <= SYMMETRIC[1]:
                return CDraw("embinit_torch_symmetric", bits_of(high), header=header)
            case Uniform(low, high):
                rule = ("embinit_uniform_rule", f"0, EMBINIT_{'FUSED' if self.fused else 'SEPARATE'}")
                return CDraw("embinit_torch_uniform", bits_of(low), bits_of(high), rule, header)
            case Normal(mean, stddev) if self.fused and n >= LARGE:
                words = bits_of(mean), bits_of(stddev)
                return CDraw("embinit_torch_normal", *words, header=header, elementwise=False, together=LARGE)
            case PaddedNormal(mean, stddev, padding_idx, shape=(_, columns)) if self.fused and n >= LARGE:
                rule = ("embinit_torch_row", f"{padding_idx * columns}u, {columns}u")
                words = bits_of(mean), bits_of(stddev)
                return CDraw("embinit_torch_padded_normal", *words, rule, header, elementwise=False)
            case Eye() | Dirac():
                rule = ("embinit_ones_rule", ", ".join(f"{number}u" for number in ones_of(distribution)))
                return CDraw("embinit_ones", rule=rule, elementwise=False)
            case Normal() | PaddedNormal():
                why = f"fewer than {LARGE} take log1p, sin and cos of double, and torch-nofma those of a libm"
            case Sparse():
                why = "it draws permutations, which take memory of their own"
            case _:
                why = "how many words it takes depends on them"
        raise EmbinitError(
            f"{distribution} of {n} elements has no C: {why}; export the values instead (--format npz,h,bin)"
        )

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out as bernoulli_(p) does and return the number of words drawn, two per element."""
        from embinit._kernels import pytorch

        pytorch.bernoulli(*source.bitgen.stream, float(p), out)
        return 2 * out.size

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:
        """Permute order as randperm does the numbers 0, 1, 2, ... and return the number of words drawn."""
        from embinit._kernels import pytorch

        pytorch.randperm(*source.bitgen.stream, order)
        return max(order.size - 1, 0)


class Truncation(NamedTuple):
    """How trunc_normal_ fills: whether by drawing normals again, and the logarithm of the density's peak from low to
    high.
    """

    redraws: bool
    peak: float


def truncation(distribution: TruncNormal) -> Truncation:
    """Return how trunc_normal_ fills. If more than 0.3 of the normals lie between low and high, it draws normals again;
    otherwise it rejects uniform values.

    >>> truncation(TruncNormal(0.0, 0.02, -2.0, 2.0)), truncation(TruncNormal(0.0, 1.0, 0.9, 1.1))
    (Truncation(redraws=True, peak=-0.0), Truncation(redraws=False, peak=-0.405))
    """
    mean, stddev, low, high = distribution.mean, distribution.stddev, distribution.low, distribution.high

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    mass = below((high - mean) / stddev) - below((low - mean) / stddev)
    mode = max(low, min(mean, high))
    return Truncation(mass > 0.3, -0.5 * ((mode - mean) / stddev) ** 2)


def sparse_zeros(sparsity: float, rows: int) -> int:
    """Return how many elements of each column sparse_ sets to 0.

    >>> sparse_zeros(0.1, 12)
    2
    """
    return math.ceil(sparsity * rows)


class Ones(NamedTuple):
    """Where eye_ and dirac_ put their ones: output i of every per_group outputs, if it is below inputs, has a 1 at
    input i, in the middle of receptive elements.
    """

    per_group: int
    inputs: int
    receptive: int
    middle: int


def ones_of(initializer: Eye | Dirac) -> Ones:
    """Return where the ones of a tensor are; a matrix counts as a convolution without a kernel.

    >>> ones_of(Dirac(groups=2, shape=(8, 3, 5)))
    Ones(per_group=4, inputs=3, receptive=5, middle=2)
    """
    outputs, inputs, *kernel = initializer.shape or ()
    groups = initializer.groups if isinstance(initializer, Dirac) else 1
    middle = 0
    for size in kernel:
        middle = middle * size + size // 2
    return Ones(outputs // groups, inputs, math.prod(kernel), middle)


def fill_ones(ones: Ones, out: NDArray[np.float32]) -> None:
    """Fill a one-dimensional array with 1 at those places and 0 elsewhere."""
    out.fill(0)
    weight = out.reshape(-1, ones.inputs, ones.receptive)
    outputs = np.arange(len(weight))
    passed = outputs[outputs % ones.per_group < ones.inputs]
    weight[passed, passed % ones.per_group, ones.middle] = 1


def _uniforms(fused: bool, low: float, high: float) -> Fill:
    """Return the function that fills arrays with values from low to high."""
    from embinit._kernels.jit import as_kernel
    from embinit._kernels.pytorch import uniform

    kernel, low32, high32 = as_kernel(uniform), np.float32(low), np.float32(high)

    def filled(source: Source, out: Float32s) -> int:
        kernel.direct(*source.bitgen.stream, fused, low32, high32, out)
        return out.size

    return filled


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"PyTorch has no {distribution}: use uniform, normal or trunc_normal")
