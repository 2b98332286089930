"""Keras' values on its backends, for one initializer each: every tensor has a stream of its own."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Philox4x32
from embinit.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Sampler, Source, bits_of
from embinit.samplers.jax import Jax
from embinit.samplers.pytorch import LARGE
from embinit.targets import Build

F32 = np.float32
HEADER = "embinit_keras.h"
#: PyTorch draws as many candidates for each truncated value, TensorFlow reserves as many words for four of them.
CANDIDATES, RESERVED, GROUP = 4, 1024, 4
#: How many truncated values are made of their candidates at once.
RUN = 2**14


class _Keras(Sampler):
    """What the samplers of all backends have in common."""

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if Keras does not have the distribution."""
        if not isinstance(distribution, Constant | Uniform | Normal | TruncatedNormal):
            raise _unknown(distribution)

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:  # noqa: ARG002
        """Raise EmbinitError: no initializer draws a mask."""
        raise EmbinitError("dialects keras draw what initializers do, and no masks")

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002
        """Raise EmbinitError: no initializer draws an order."""
        raise EmbinitError("dialects keras draw what initializers do, and shuffle nothing")


class KerasTensorFlow(_Keras):
    """tf.random.stateless_uniform, stateless_normal and stateless_truncated_normal: a product and a sum, both rounded,
    on every target.
    """

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take, counting those that a group of truncated values reserves."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return n
            case Normal():
                return n + n % 2
            case TruncatedNormal():
                return RESERVED * -(-n // GROUP)
        raise _unknown(distribution)

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002 (n does not matter)
        """Return 1 for uniform values; an array of others cannot be drawn in parts."""
        return int(isinstance(distribution, Uniform))

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        from embinit._kernels import tensorflow

        match distribution:
            case Constant(value):
                out.fill(F32(value))
            case Uniform(low, high):
                tensorflow.uniform(*source.bitgen.stream, F32(low), F32(F32(high) - F32(low)), out)
            case Normal(mean, stddev):
                tensorflow.normal(*source.bitgen.stream, F32(mean), F32(stddev), out)
            case TruncatedNormal(mean, stddev):
                assert isinstance(source.bitgen, Philox4x32)
                key, counter, _ = source.bitgen.state
                low64, high64 = np.uint64(counter & (2**64 - 1)), np.uint64(counter >> 64)
                tensorflow.truncated_normal(np.uint64(key), low64, high64, F32(mean), F32(stddev), out)
                source.bitgen.advance(self.draws(distribution, out.size) or 0)
            case _:
                raise _unknown(distribution)
        return self.draws(distribution, out.size) or 0

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant or one of the embinit_tensorflow functions."""
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high):
                return CDraw("embinit_tensorflow_uniform", bits_of(low), bits_of(high), header=HEADER)
            case Normal(mean, stddev):
                words = bits_of(mean), bits_of(stddev)
                return CDraw("embinit_tensorflow_normal", *words, header=HEADER, elementwise=False, together=2)
            case TruncatedNormal(mean, stddev):
                words = bits_of(mean), bits_of(stddev)
                function = "embinit_tensorflow_truncated_normal"
                return CDraw(function, *words, header=HEADER, elementwise=False, together=GROUP)
        raise _unknown(distribution)


class KerasTorch(_Keras):
    """Keras' arithmetic on torch.rand and torch.normal: a product and a sum of tensors, both rounded. Of the candidates
    of a truncated value the first within 2 is taken.
    """

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return n
            case Normal():
                return _normal_words(n)
            case TruncatedNormal():
                return _normal_words(CANDIDATES * n)
        raise _unknown(distribution)

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002 (n does not matter)
        """Return 1 for uniform values; an array of others cannot be drawn in parts."""
        return int(isinstance(distribution, Uniform))

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        from embinit._kernels import pytorch

        kind, words = source.bitgen.stream
        match distribution:
            case Constant(value):
                out.fill(F32(value))
            case Uniform(low, high):
                pytorch.uniform(kind, words, False, F32(0), F32(1), out)
                out *= F32(high - low)
                out += F32(low)
            case Normal(mean, stddev):
                pytorch.normal(kind, words, True, out.size >= pytorch.LARGE, float(mean), float(stddev), math.nan, out)
            case TruncatedNormal(mean, stddev):
                start = 0
                while start < out.size:
                    end = out.size if out.size - start < RUN + GROUP else start + RUN
                    candidates = np.empty(CANDIDATES * (end - start), np.float32)
                    pytorch.normal(kind, words, True, candidates.size >= pytorch.LARGE, 0.0, 1.0, math.nan, candidates)
                    out[start:end] = _first_within(candidates) * F32(stddev) + F32(mean)
                    start = end
            case _:
                raise _unknown(distribution)
        return self.draws(distribution, out.size) or 0

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant, embinit_torch_normal, or one of the embinit_keras_torch functions."""
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high):
                rule = ("embinit_uniform_rule", "0, EMBINIT_SEPARATE")
                return CDraw("embinit_uniform", bits_of(low), bits_of(high - low), rule, HEADER)
            case Normal(mean, stddev) if n >= LARGE:
                words = bits_of(mean), bits_of(stddev)
                return CDraw("embinit_torch_normal", *words, header=HEADER, elementwise=False, together=LARGE)
            case TruncatedNormal(mean, stddev) if CANDIDATES * n >= LARGE:
                words = bits_of(mean), bits_of(stddev)
                function = "embinit_keras_torch_truncated_normal"
                return CDraw(function, *words, header=HEADER, elementwise=False, together=LARGE // CANDIDATES)
            case Normal() | TruncatedNormal():
                least = LARGE if isinstance(distribution, Normal) else LARGE // CANDIDATES
                raise EmbinitError(
                    f"{distribution} of {n} elements has no C: fewer than {least} take log1p, sin and cos of double; "
                    "export the values instead (--format npz,h,bin)"
                )
        raise _unknown(distribution)


class KerasJax(_Keras):
    """jax.random's uniform, normal and truncated_normal on x86-64 with FMA, and a mean that is added after them."""

    jax = Jax("fused")

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if Keras does not have the distribution, or XLA would take a value of it for 0."""
        super().check(distribution)
        self.jax.check(_without_mean(distribution))

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return 0 for constants, and n for values that are drawn."""
        return self.jax.draws(distribution, n)

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        drawn = self.jax.fill(source, _without_mean(distribution), out)
        if isinstance(distribution, Normal | TruncatedNormal):
            out += F32(distribution.mean)
        return drawn

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:
        """Return embinit_constant, embinit_jax_uniform, or embinit_keras_jax_normal."""
        draw = replace(self.jax.c_draw(_without_mean(distribution), n, build), header=HEADER)
        if not isinstance(distribution, Normal | TruncatedNormal) or draw.rule is None:
            return draw
        rule = ("embinit_keras_jax_rule", f"{{{draw.rule[1]}}}, 0x{bits_of(distribution.mean):08x}u")
        return replace(draw, function="embinit_keras_jax_normal", rule=rule)


def _without_mean(distribution: Distribution) -> Distribution:
    return replace(distribution, mean=0.0) if isinstance(distribution, Normal | TruncatedNormal) else distribution


def _normal_words(n: int) -> int:
    """Return how many words n values of torch.normal take from a new generator."""
    if n < LARGE:
        return 4 * -(-n // 2)
    return n + (LARGE if n % LARGE else 0)


def _first_within(candidates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return for each row of candidates the first from -2 to 2, or the first of all if none is."""
    rows = candidates.reshape(-1, CANDIDATES)
    first = (np.abs(rows) < 2).argmax(axis=1)
    within: NDArray[np.float32] = rows[np.arange(len(rows)), first]
    return within


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"Keras has no {distribution}: use random_uniform, random_normal or truncated_normal")
