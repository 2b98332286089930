"""PyTorch's values on the CPU, from the words of MT19937: its kernels are fixed, so no target moves a bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.initializers import Constant, Distribution, Normal, Uniform
from embinit.samplers.base import CDraw, Sampler, Source, bits_of

#: normal_ computes this many elements at a time from single precision uniforms; fewer take double precision ones.
LARGE = 16
#: Bounds for which h * 2^-23 is exact and 2 * h finite, so that one product is all that rounds.
SYMMETRIC = (2.0**-103, 2.0**126)


@dataclass(frozen=True)
class Torch(Sampler):
    """uniform_ and normal_ of PyTorch: fused as its AVX2 build for Linux has them, or separate as its `default` one."""

    fused: bool
    strided_run = LARGE - 1

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return the words that n elements take; None for a small normal, which may use the value left by another."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return n
        return None if n < LARGE else n + (LARGE if n % LARGE else 0)

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        from embinit._kernels import torch

        kind, words = source.bitgen.kind, source.bitgen.words
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
                return 0
            case Uniform(low, high):
                torch.uniform(kind, words, self.fused, np.float32(low), np.float32(high), out)
                return out.size
            case Normal(mean, stddev):
                source.pending, drawn = torch.normal(
                    kind, words, self.fused, float(mean), float(stddev), source.pending, out
                )
                return drawn
        raise _unknown(distribution)

    def c_draw(self, distribution: Distribution, n: int, multiply_add: str, libm: str) -> CDraw:  # noqa: ARG002 (no build matters)
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
                return CDraw("embinit_torch_normal", bits_of(mean), bits_of(stddev), header=header, elementwise=False)
            case Normal():
                raise EmbinitError(
                    f"{distribution} of {n} elements has no C: fewer than {LARGE} take log1p, sin and cos of double in "
                    "PyTorch, and torch-nofma those of its libm; export the values instead (--format npz,h,bin)"
                )
        raise _unknown(distribution)

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out as bernoulli_(p) does and return the number of words drawn, two an element."""
        from embinit._kernels import torch

        torch.bernoulli(source.bitgen.kind, source.bitgen.words, float(p), out)
        return 2 * out.size

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:
        """Permute order as randperm does the numbers 0, 1, 2, ... and return the number of words drawn."""
        from embinit._kernels import torch

        torch.randperm(source.bitgen.kind, source.bitgen.words, order)
        return max(order.size - 1, 0)


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"PyTorch has no {distribution}: use a uniform or normal one")
