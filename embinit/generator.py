"""Generator: a bit generator read by a dialect's rules on a target's arithmetic."""

from collections.abc import Mapping, MutableSequence
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import BitGenerator, checked_uint
from embinit.dialects import Dialect, dialect_named
from embinit.distributions import Broadcast, Constant, Distribution, Normal, Uniform
from embinit.drawing import Drawing
from embinit.errors import EmbinitError, is_integer, shown
from embinit.initializers import Initializer
from embinit.samplers.base import Fill
from embinit.targets import Build, build_of

#: How many distributions a generator keeps prepared.
PREPARED = 16
_NUMBERS = (float, int)


class _Prepared(NamedTuple):
    """An initializer, its distribution and the function that fills arrays from it, with the dialect and the build for
    which they were prepared.
    """

    initializer: Initializer
    distribution: Distribution
    fill: Fill
    dialect: Dialect
    build: Build


class Generator(Drawing):
    """Draws float32 values from a bit generator as a device's code does, one array after another from one stream.

    Use it where there is no model: for a single array, a shuffled order of samples, a dropout mask.

    Parameters
    ----------
    bitgen
        The bit generator, such as `Xorshift32`, which every draw moves; or an object of your own with next_raw(), which
        returns the next word, and word_bits.
    dialect
        The framework whose rules turn words into values: a name, or what `load_dialect` returned.
    target
        The device build whose arithmetic is used: a name, or that of a chip.
    multiply_add
        What the compiler makes of a * b + c, if not what the target says: "separate", "fused" or "fused-expression".
    libm
        The class of the C library's logf and cosf, if not the target's: "double", "fdlibm" or "fdlibm-fused".
    rand
        Whose rand() the firmware links, if not the target's.
    libc
        The C library whose libm class and rand() the firmware has, if not the target's: a name such as "picolibc".

    Attributes
    ----------
    drawn
        How many words have been drawn.
    dropped
        How many of these the last array left unused, the rest of a block.
    state
        The state of the bit generator, with a normal value that is pending.

    Raises
    ------
    EmbinitError
        If a name is unknown, or the dialect cannot read the words of the bit generator.

    Examples
    --------
    >>> import numpy as np
    >>> from embinit import Generator, Xorshift32
    >>> out = np.empty(3, np.float32)
    >>> g = Generator(Xorshift32(42), dialect="odt", target="cortex-m4f")
    >>> g.uniform(-0.5, 0.25, out=out)
    >>> [f"{bits:08x}" for bits in out.view(np.uint32)]
    ['befefc18', 'bb9c2c80', 'bed5647a']
    """

    def __init__(
        self,
        bitgen: BitGenerator,
        dialect: str | Dialect = "odt",
        target: str = "host",
        multiply_add: str | None = None,
        libm: str | None = None,
        rand: str | None = None,
        libc: str | None = None,
    ) -> None:
        self._begin(bitgen, dialect, build_of(target, multiply_add, libm, rand, libc=libc))

    def _begin(self, bitgen: BitGenerator, dialect: str | Dialect, build: Build, seed: int | None = None) -> None:
        super().__init__(bitgen, dialect, build, seed)
        self._prepared: dict[Any, _Prepared] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_prepared": {}}

    @classmethod
    def seeded(
        cls,
        seed: int,
        dialect: str | Dialect,
        target: str = "host",
        multiply_add: str | None = None,
        libm: str | None = None,
        rand: str | None = None,
        jit: bool = False,
        libc: str | None = None,
    ) -> Self:
        """Return the generator that a program of a dialect has right after it seeds. `Generator` takes a bit generator
        in any state instead.

        Parameters
        ----------
        seed
            What the program seeds with: an integer in the dialect's range.
        dialect, target, multiply_add, libm, rand
            As in `Generator`.
        jit
            Whether initializers run under jax.jit, in dialects jax and flax: some normal values round differently
            there.
        libc
            As in `Generator`.

        Raises
        ------
        EmbinitError
            If a name is unknown, or the dialect does not take the seed, or asks the clock for another.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator
        >>> out = np.empty(2, np.float32)
        >>> Generator.seeded(42, "tinn", target="cortex-m4f").fill("default", out=out)
        >>> out.tolist()
        [0.48004335165023804, 0.43753039836883545]
        """
        conventions = dialect_named(dialect)
        conventions.check_seed(seed)
        if seed == conventions.no_seed:
            raise EmbinitError(f"seed must not be {seed}: it asks dialect {conventions.name} for a random one")
        build = build_of(target, multiply_add, libm, rand, jit, libc)
        return cls.of(conventions.start(seed, build.rand), conventions, build, seed)

    @classmethod
    def of(cls, bitgen: BitGenerator, dialect: str | Dialect, build: Build, seed: int | None = None) -> Self:
        """Return a generator that draws on a build's arithmetic, given as a `Build` instead of by names.

        Parameters
        ----------
        bitgen, dialect
            As in `Generator`.
        build
            The device's arithmetic, as embinit.targets.build_of returns it.
        seed
            What the program was seeded with, if it was.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> from embinit.targets import build_of
        >>> Generator.of(Xorshift32(42), "odt", build_of("cortex-m4f")).build.multiply_add
        'fused'
        """
        generator = cls.__new__(cls)
        generator._begin(bitgen, dialect, build, seed)
        return generator

    @property
    def key(self) -> tuple[int, ...]:
        """The key that everything is drawn from, as uint32 words, in dialects with keys, such as jax, kaun and mlx.

        Raises
        ------
        EmbinitError
            If the dialect has no keys.

        Examples
        --------
        >>> from embinit import Generator
        >>> Generator.seeded(42, "jax").key
        (0, 42)
        """
        self.dialect.key_rules("key")
        return self._key("key")

    def split(self, n: int) -> list["Generator"]:
        """Return generators of the keys that this one's key is split into, as the framework's split does; this one
        stays where it is.

        Parameters
        ----------
        n
            How many.

        Raises
        ------
        EmbinitError
            If the dialect has no keys, or n is no number of keys.

        Examples
        --------
        >>> from embinit import Generator
        >>> [g.key for g in Generator.seeded(42, "jax").split(2)]
        [(1832780943, 270669613), (64467757, 2916123636)]
        """
        rules, key = self.dialect.key_rules("split"), self._key("split")
        return [self._keyed(rules.start(each)) for each in rules.split(key, checked_uint("n", n, 31))]

    def fold_in(self, data: int) -> "Generator":
        """Return the generator of the key that this one's key and an integer make, as the framework's fold_in does;
        this one stays where it is.

        Parameters
        ----------
        data
            An integer: the number of a layer, or of a step.

        Raises
        ------
        EmbinitError
            If the dialect has no keys or, like mlx, no fold_in, or data is no integer that the framework takes.

        Examples
        --------
        >>> from embinit import Generator
        >>> Generator.seeded(42, "jax").fold_in(1).key
        (64467757, 2916123636)
        """
        rules, key = self.dialect.key_rules("fold_in"), self._key("fold_in")
        if rules.fold_in is None:
            raise EmbinitError(f"dialect {self.dialect} has keys, but no fold_in: use split")
        if not is_integer(data):
            raise EmbinitError(f"data must be an integer, got {shown(data)}")
        return self._keyed(rules.start(rules.fold_in(key, int(data))))

    def _key(self, what: str) -> tuple[int, ...]:
        """Return the key of the bit generator."""
        key: tuple[int, ...] | None = getattr(self.bitgen, "key", None)
        if key is None:
            raise EmbinitError(f"{self.bitgen.label} has no key, and so no {what}: use Generator.seeded")
        return key

    def _keyed(self, bitgen: BitGenerator) -> "Generator":
        return Generator.of(bitgen, self.dialect, self.build)

    def spawn(self, n: int) -> list["Generator"]:
        """Return generators of the next children of the seed, as NumPy's Generator.spawn does; what this one draws is
        not changed.

        Parameters
        ----------
        n
            How many.

        Raises
        ------
        EmbinitError
            If the bit generator cannot spawn, or n is not an integer from 0 up.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator
        >>> out = np.empty(2, np.float32)
        >>> Generator.seeded(42, "numpy").spawn(2)[1].uniform(0, 1, out)
        >>> bool((out == np.random.default_rng(42).spawn(2)[1].random(2).astype(np.float32)).all())
        True
        """
        from embinit.bitgen.pcg64 import Pcg64

        if not isinstance(self.bitgen, Pcg64):
            raise EmbinitError(
                f"{self.bitgen.label} of dialect {self.dialect} cannot spawn, as only dialect numpy can: "
                "seed another generator instead"
            )
        return [Generator.of(child, self.dialect, self.build) for child in self.bitgen.spawn(n)]

    def uniform(self, low: float, high: float, out: NDArray[np.float32]) -> None:
        """Fill out with values between low and high; in most dialects each takes one word.

        Parameters
        ----------
        low, high
            The bounds. Whether they are rounded to float32, and when, depends on the dialect: C programs round them
            first, NumPy never does.
        out
            A writable, C-contiguous float32 array of any shape (float64 in dialects that draw doubles).

        Raises
        ------
        EmbinitError
            If a bound is not a finite float32 number, or out is another kind of array.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator, Xorshift32
        >>> out = np.empty(2, np.float32)
        >>> Generator(Xorshift32(42)).uniform(-1, 1, out)
        >>> out.tolist()
        [-0.994712233543396, 0.32062387466430664]
        """
        self._draw_ordinary(Uniform, low, high, out)

    def normal(self, mean: float, stddev: float, out: NDArray[np.float32]) -> None:
        """Fill out with normal values; how many words that takes depends on the dialect.

        Parameters
        ----------
        mean, stddev
            The mean and the standard deviation, rounded as the dialect does.
        out
            A writable, C-contiguous float32 array of any shape (float64 in dialects that draw doubles).

        Raises
        ------
        EmbinitError
            If a parameter is not a finite float32 number, or out is another kind of array.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator, Xorshift32
        >>> out = np.empty(2, np.float32)
        >>> Generator(Xorshift32(42), target="cortex-m4f").normal(0, 1, out)
        >>> out.view(np.uint32).tolist()
        [3219887070, 1067248274]
        """
        self._draw_ordinary(Normal, mean, stddev, out)

    def fill(
        self,
        initializer: Initializer | str | Mapping[str, Any],
        out: NDArray[np.float32],
        fan_in: int | None = None,
        fan_out: int | None = None,
    ) -> None:
        """Fill out by an initializer, as a layer's init code would.

        Parameters
        ----------
        initializer
            An initializer, a name that the dialect knows, or a table such as {"name": "uniform", "low": -0.1, "high":
            0.1}: whatever weight_init of a model file may be.
        out
            A writable, C-contiguous float32 array of any shape (float64 in dialects that draw doubles).
        fan_in, fan_out
            The fans, which an initializer that scales variance needs. Dialects torch, jax, flax, keras, gomlx, mlx and
            kaun-alpha3 read them off the shape of out if they are not given.

        Raises
        ------
        EmbinitError
            If the dialect does not have the initializer, fans are missing, or out is another kind of array.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator
        >>> out = np.empty((3, 2), np.float32)
        >>> Generator.seeded(1, "kaun").fill("glorot_uniform", out, fan_in=3, fan_out=2)
        >>> out[0].view(np.uint32).tolist()
        [3209658803, 3210225211]
        """
        initializer, fans = self.dialect.initializer(initializer), None
        if self.dialect.needs_fans(initializer) and (
            self.dialect.shape_fans is None or (fan_in, fan_out) != (None, None)
        ):
            fans = _fan("fan_in", fan_in), _fan("fan_out", fan_out)
        initializer, *fans_of_out = self.dialect.meaning(initializer, np.shape(out), fans)
        distribution = self.dialect.distribution(initializer, *fans_of_out)
        if Broadcast in self.dialect.own and isinstance(out, np.ndarray) and out.dtype.kind in "iub":
            _fill_integers(initializer, out)
        else:
            self._draw(initializer, distribution, None, out)

    def bernoulli(self, p: float, n: int) -> NDArray[np.bool_]:
        """Return booleans that are true with a probability, one word each: a dropout mask.

        Parameters
        ----------
        p
            The probability, from 0 to 1.
        n
            How many to draw.

        Raises
        ------
        EmbinitError
            If p is no probability or n no number of elements.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> Generator(Xorshift32(42)).bernoulli(0.5, 4).tolist()
        [True, False, True, False]
        """
        if not isinstance(p, Real) or isinstance(p, bool) or not 0 <= p <= 1:
            raise EmbinitError(f"p must be a probability from 0 to 1, got {shown(p)}")
        out = np.empty(checked_uint("n", n, 63), np.bool_)
        self._count(self.dialect.sampler.bernoulli, p, out)
        return out

    def shuffle(self, indices: MutableSequence[Any] | NDArray[Any]) -> None:
        """Permute a list or an array in place, as a program shuffles the order of its training samples. That draws at
        least one word for each index but one.

        Parameters
        ----------
        indices
            The list, or the array of any type, whose first axis is permuted.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> order = list(range(6))
        >>> Generator(Xorshift32(42)).shuffle(order)
        >>> order
        [1, 5, 2, 4, 3, 0]
        """
        order = np.arange(len(indices), dtype=np.int64)
        self._count(self.dialect.sampler.shuffle, order)
        if isinstance(indices, np.ndarray):
            indices[:] = indices[order]
        else:
            indices[:] = [indices[i] for i in order.tolist()]

    def _draw_ordinary(self, kind: type[Uniform | Normal], a: float, b: float, out: NDArray[np.float32]) -> None:
        """Fill out from a distribution of two parameters, which is prepared when it is first used and then kept."""
        plain = type(a) in _NUMBERS and type(b) in _NUMBERS
        key = (kind, a or str(a), b or str(b)) if plain else None  # 0 and -0 are equal, and are not the same
        found = self._prepared.get(key)
        if found is not None and found.dialect is self.dialect and found.build is self.build:
            self._draw(found.initializer, found.distribution, found.fill, out)
            return
        prepared = self._prepare(kind, a, b)
        self._draw(prepared.initializer, prepared.distribution, prepared.fill, out)
        if plain:
            if len(self._prepared) == PREPARED:
                del self._prepared[next(iter(self._prepared))]
            self._prepared[key] = prepared

    def _prepare(self, kind: type[Uniform | Normal], a: float, b: float) -> _Prepared:
        initializer = kind(a, b)
        distribution = self.dialect.distribution(initializer, 1, 1)
        fill = self.dialect.sampler.filling(distribution, self.build)
        return _Prepared(initializer, distribution, fill, self.dialect, self.build)


def _fill_integers(initializer: Initializer, out: NDArray[Any]) -> None:
    """Fill an integer or bool array with the truncated values of an initializer; zeros if it draws its values."""
    given = {Constant: "value", Broadcast: "base"}.get(type(initializer))
    values = np.asarray(getattr(initializer, given) if given else 0)
    whole = values if out.dtype.kind == "b" else np.trunc(values)
    with np.errstate(invalid="ignore"):
        out[...] = whole.astype(out.dtype)
    if out.dtype.kind != "b" and (out != whole).any():
        raise EmbinitError(f"{initializer}: its values must fit {out.dtype}, the type of out")


def _fan(what: str, value: int | None) -> int:
    if not is_integer(value) or int(value) < 1:
        raise EmbinitError(
            f"{what} must be a positive integer for an initializer that scales variance, got {shown(value)}"
        )
    return int(value)
