"""Values as tinygrad and MLX draw them: an array has a key, whose words depend on how many elements there are."""

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.bitgen.key_streams import MlxKeys, TinygradKeys
from embinit.distributions import Constant, Distribution, Normal, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Sampler, Source, bits_of
from embinit.targets import Build

F32 = np.float32
Floats = NDArray[np.float32]


class Recipe(NamedTuple):
    """How values are made: "uniform", a + b * u, or "normal", a + b * erf_inv(u); a and b are float32 numbers."""

    kind: str
    a: np.float32
    b: np.float32


class _KeyStream(Sampler):
    """What the samplers of tinygrad and MLX have in common."""

    word_bits: ClassVar[int | None] = 64
    whole: ClassVar[bool] = True
    keyed: ClassVar[bool] = True
    library: ClassVar[str]
    keys: ClassVar[type[TinygradKeys | MlxKeys]]
    #: Whether the counter of the word that an array of odd size does not have is 0.
    padded: ClassVar[bool]

    @abstractmethod
    def _recipe(self, distribution: Distribution) -> Recipe:
        """Return how values are made; raise EmbinitError if there is no such distribution."""

    @abstractmethod
    def _values(self, words: NDArray[np.uint32], recipe: Recipe, out: Floats) -> None:
        """Fill out with the values of words."""

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError if a generator gives other keys."""
        if not isinstance(bitgen, self.keys):
            raise EmbinitError(
                f"the generator must be a {self.keys.__name__}, whose words are keys, got {bitgen.label}: "
                "use Generator.seeded"
            )

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if there is no such distribution, or float32 cannot hold its width."""
        if isinstance(distribution, Constant):
            return
        with np.errstate(over="ignore"):
            _, a, b = self._recipe(distribution)
        if not np.isfinite(a) or not np.isfinite(b):
            raise EmbinitError(f"{distribution}: its width must be a finite float32 number; draw smaller values")

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002 (none can be)
        """Return 0: an array is drawn whole, from its key."""
        return 0

    def fill(self, source: Source, distribution: Distribution, out: Floats) -> int:
        """Fill a one-dimensional array and return how far its keys went."""
        if isinstance(distribution, Constant):
            out.fill(F32(distribution.value))
            return 0
        from embinit._kernels import key_streams

        self.check(distribution)
        recipe, keys = self._recipe(distribution), source.bitgen
        assert isinstance(keys, TinygradKeys | MlxKeys)
        words = np.empty(out.size, np.uint32)
        key_streams.halves(*keys.taken(out.size), self.padded, words)
        self._values(words, recipe, out)
        return self.draws(distribution, out.size) or 0

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002 (no build matters)
        """Return embinit_constant, or the C of the distribution with the size of the array."""
        if isinstance(distribution, Constant):
            return CDraw("embinit_constant", bits_of(distribution.value))
        kind, a, b = self._recipe(distribution)
        function, rule = f"embinit_{self.library.lower()}_{kind}", ("embinit_array_rule", f"{n}u")
        return CDraw(function, bits_of(a), bits_of(b), rule, "embinit_key_streams.h")

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:  # noqa: ARG002
        """Raise EmbinitError: a mask is a uniform array that is compared."""
        raise EmbinitError(f"masks of {self.library} are not known here: draw a uniform array and compare it with p")

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002
        """Raise EmbinitError: how it shuffles is not known here."""
        raise EmbinitError(f"shuffles of {self.library} are not known here: use a generator of another dialect")


class Tinygrad(_KeyStream):
    """Tensor.uniform on a CPU whose compiler fuses: 23 bits of a word are u, and u * b + a rounds once."""

    library, keys, padded = "tinygrad", TinygradKeys, False

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many values are counted: n, or 0 for constants."""
        return 0 if isinstance(distribution, Constant) else n

    def _recipe(self, distribution: Distribution) -> Recipe:
        if not isinstance(distribution, Uniform):
            raise EmbinitError(f"tinygrad has no {distribution} here: use uniform or a constant")
        return Recipe("uniform", F32(distribution.low), F32(distribution.high - distribution.low))

    def _values(self, words: NDArray[np.uint32], recipe: Recipe, out: Floats) -> None:
        from embinit._kernels.key_streams import tinygrad_uniform

        tinygrad_uniform(words, recipe.a, recipe.b, out)


class Mlx(_KeyStream):
    """mx.random of MLX's CPU backend: a word over 2^32 is u, below 1, and each operation rounds.

    A normal value is the product of erf_inv(2 u - 1) and sqrt 2 times its deviation.
    """

    library, keys, padded = "MLX", MlxKeys, True

    def draws(self, distribution: Distribution, n: int) -> int | None:  # noqa: ARG002 (of any size)
        """Return how many keys an array takes: 1, or 0 for constants."""
        return int(not isinstance(distribution, Constant))

    def _recipe(self, distribution: Distribution) -> Recipe:
        match distribution:
            case Uniform(low, high):
                return Recipe("uniform", F32(low), F32(high) - F32(low))
            case Normal(mean, stddev):
                return Recipe("normal", F32(mean), F32(math.sqrt(2.0)) * F32(stddev))
        raise EmbinitError(f"MLX has no {distribution} here: use uniform, normal or a constant")

    def _values(self, words: NDArray[np.uint32], recipe: Recipe, out: Floats) -> None:
        from embinit._kernels import key_streams

        if recipe.kind == "normal":
            key_streams.mlx_normal(words, recipe.b, recipe.a, out)
        else:
            key_streams.mlx_uniform(words, recipe.a, recipe.b, out)
