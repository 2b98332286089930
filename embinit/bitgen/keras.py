"""The generators that Keras starts for an initializer's seed."""

from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np

from embinit.bitgen.base import BitGenerator, CGenerator, Words, checked_uint
from embinit.bitgen.counters import Philox4x32, Threefry2x32
from embinit.bitgen.mt19937 import MT19937

#: keras.random draws the seeds of initializers that have none from 1 up to this.
LARGEST = 10**9
#: TensorFlow scrambles a seed with this key.
SCRAMBLE = 0x02461E29 << 32 | 0x3EC8F720
#: The C expression for the seed of a tensor.
OWN_SEED = "embinit_keras_seed(seed, a, b)"


@lru_cache(maxsize=64)
def _numbers(seed: int) -> tuple[Random, list[int]]:
    return Random(seed), []


def nth_seed(seed: int, i: int) -> int:
    """Return the seed of the i-th initializer that is made after keras.utils.set_random_seed(seed).

    >>> nth_seed(42, 0), nth_seed(42, 1)
    (686579304, 119540832)
    """
    random, numbers = _numbers(seed)
    while len(numbers) <= i:
        numbers.append(random.randint(1, LARGEST))
    return numbers[i]


class OfSeed(BitGenerator):
    """A stream that Keras starts from a seed, on one of its backends."""

    _seed: int

    @staticmethod
    @abstractmethod
    def first_words(seeds: Words) -> Words:
        """Return the first word of the stream of each of many seeds."""

    @property
    def array_key(self) -> tuple[int, ...]:
        """The seed."""
        return (self._seed,)


def _filled(kernel: Callable[[Any, Any], None], seeds: Words) -> Words:
    words = np.empty_like(seeds)
    kernel(seeds, words)
    return words


def _in_c(kind: str, start: str) -> CGenerator:
    """Return the C of a stream that every tensor starts by itself; it is static, because no code seeds it before."""
    return CGenerator(kind, "embinit_keras.h", seed="", large=True, restart=start.format(OWN_SEED))


class TensorFlowPhilox(OfSeed, Philox4x32):
    """The stream of tf.random.stateless_uniform with the seed (seed, 0): Philox4x32-10 with a scrambled key.

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1, modulo 2^31 - 2 as Keras takes it.

    Examples
    --------
    >>> [f"{word:08x}" for word in TensorFlowPhilox(0).random_raw(2)]
    ['e79b028e', 'a0da5e89']
    """

    def __init__(self, seed: int) -> None:
        self._seed = checked_uint("the seed of TensorFlowPhilox", seed, 32)
        k0, k1, c2, c3 = Philox4x32(SCRAMBLE, counter=seed % (2**31 - 2)).random_raw(4).tolist()
        super().__init__(k1 << 32 | k0, counter=(c3 << 32 | c2) << 64)

    @staticmethod
    def first_words(seeds: Words) -> Words:
        """Return the first word of each seed's stream, of many at once."""
        from embinit._kernels.keras import tensorflow_words

        return _filled(tensorflow_words, seeds)

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_philox4x32."""
        return _in_c("embinit_philox4x32", "embinit_tensorflow_seed(&generator, {});")


class TorchOfKeras(OfSeed, MT19937):
    """The stream of a new torch.Generator with that seed.

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1.

    Examples
    --------
    >>> bool((TorchOfKeras(5).random_raw(9) == MT19937(5).random_raw(9)).all())
    True
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed

    @staticmethod
    def first_words(seeds: Words) -> Words:
        """Return the first word of each seed's stream, of many at once."""
        from embinit._kernels.keras import torch_words

        return _filled(torch_words, seeds)

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_mt19937, or embinit_mt19937_small if that gives enough words for every tensor."""
        kind = super().c_generator(words).type
        return _in_c(kind, f"{kind}_seed(&generator, {{}});")


class ThreefryOfKeras(OfSeed, Threefry2x32):
    """The stream of JAX's key (seed, 0), which is not jax.random.key(seed).

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1.

    Examples
    --------
    >>> ThreefryOfKeras(5).state
    ((5, 0), 0)
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start((seed, 0), "jax")

    @staticmethod
    def first_words(seeds: Words) -> Words:
        """Return the first word of each seed's stream, of many at once."""
        from embinit._kernels.keras import jax_words

        return _filled(jax_words, seeds)

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return embinit_threefry2x32."""
        return _in_c("embinit_threefry2x32", "embinit_threefry2x32_seed(&generator, {}, 0);")
