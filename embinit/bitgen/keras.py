"""The generators that Keras starts for an initializer's seed."""

from functools import lru_cache
from random import Random
from typing import ClassVar

from embinit.bitgen.base import BitGenerator, CGenerator, checked_uint
from embinit.bitgen.counters import Philox4x32, Threefry2x32
from embinit.bitgen.mt19937 import MT19937

#: keras.random takes seeds from 1 up to this for initializers without one.
LARGEST = 10**9
#: TensorFlow scrambles a seed with this key.
SCRAMBLE = 0x02461E29 << 32 | 0x3EC8F720


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


class _OfSeed(BitGenerator):
    """A stream that the C of Keras starts from a seed."""

    _seed: int
    _c_name: ClassVar[str]

    @property
    def array_key(self) -> tuple[int, ...]:
        """The seed."""
        return (self._seed,)

    def c_generator(self, words: int) -> CGenerator:  # noqa: ARG002 (any number)
        """Return the C of this stream."""
        seed, restart = (f"{self._c_name}_start(&generator, seed, {place});" for place in ("0, 0", "a, b"))
        return CGenerator(self._c_name, "embinit_keras.h", seed, large=True, restart=restart)


class TensorFlowPhilox(_OfSeed, Philox4x32):
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

    _c_name = "embinit_keras_tensorflow"

    def __init__(self, seed: int) -> None:
        self._seed = checked_uint("the seed of TensorFlowPhilox", seed, 32)
        k0, k1, c2, c3 = Philox4x32(SCRAMBLE, counter=seed % (2**31 - 2)).random_raw(4).tolist()
        super().__init__(k1 << 32 | k0, counter=(c3 << 32 | c2) << 64)


class TorchOfKeras(_OfSeed, MT19937):
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

    _c_name = "embinit_keras_torch"

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed


class ThreefryOfKeras(_OfSeed, Threefry2x32):
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

    _c_name = "embinit_keras_jax"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._start((seed, 0), "jax")
