"""The sampler of a dialect file: evaluates its recipes on the words of a stream, with the arithmetic of a build."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects.declared.description import Description, Where
from embinit.dialects.declared.elements import Elements, bound
from embinit.dialects.declared.normals import Normals, Way
from embinit.dialects.declared.recipe import Kitchen, Recipe
from embinit.dialects.declared.stream import Generators
from embinit.distributions import Constant, Declared, Distribution
from embinit.errors import EmbinitError
from embinit.expressions import Arithmetic
from embinit.samplers.base import CDraw, Fill, Sampler, Source
from embinit.targets import MULTIPLY_ADDS, Build

Array = NDArray[Any]


@dataclass(frozen=True)
class Wanted(Declared):
    """An initializer of a dialect file for a tensor: its fans, and the values of its parameters."""

    name: str
    fan_in: int
    fan_out: int
    given: tuple[float, ...] = ()
    kind: str = field(default="declared", repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return its kind and the initializer's name."""
        return {"kind": self.kind, "initializer": self.name}

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Mixed(Declared):
    """A `Wanted` initializer as a build computes it: the recipe, and what a plan shows about it, once per tensor."""

    wanted: Wanted
    build: Build
    recipe: Recipe = field(repr=False, compare=False)
    shown: tuple[tuple[str, Any], ...] = field(compare=False)

    @property
    def kind(self) -> str:  # type: ignore[override]
        """How elements are computed."""
        return self.recipe.kind

    @property
    def middle(self) -> float:  # type: ignore[override]
        """The median of the elements, as far as the limits or the mean tell it; else 0."""
        values = {name: float(value) for name, value in self.shown}
        if {"low", "high"} <= values.keys():
            return (values["low"] + values["high"]) / 2
        return values.get("mean", 0.0)

    @property
    def limits(self) -> tuple[float, float, bool]:  # type: ignore[override]
        """Between which values elements lie, whatever is drawn, and whether NaN may be among them."""
        element, normal = self.recipe.element, self.recipe.normal
        last = element if normal is None else normal.last
        assert last is not None
        program = (normal and normal.result) or last.program
        return bound(program, arithmetic(self.build), **given_of(self.recipe, self.wanted)).ranges()["element"]

    def as_json(self) -> dict[str, Any]:
        """Return its name and its exact parameters, with their bits."""
        values = {name: _as_json(value) for name, value in self.shown}
        return {"kind": self.kind, "initializer": self.wanted.name, **values}

    def __str__(self) -> str:
        ways = {"uniform": ("low", "high"), "normal": ("mean", "stddev"), "constant": ("constant",)}
        values = dict(self.shown)
        if self.kind in ways and all(name in values for name in ways[self.kind]):
            return f"{self.kind}({', '.join(f'{values[name]:.9g}' for name in ways[self.kind])})"
        named = ", ".join(f"{name} {value:.9g}" for name, value in self.shown)
        return f"{self.wanted.name}({named})" if named else self.wanted.name


def _as_json(value: Any) -> Any:
    if value.dtype.kind != "f":
        return int(value)
    digits = 2 * value.dtype.itemsize
    return {"value": float(value), "bits": f"0x{int(value.view(f'u{value.dtype.itemsize}')):0{digits}x}"}


def arithmetic(build: Build) -> Arithmetic:
    """Return how a build rounds, as expressions take it."""
    return Arithmetic(
        build.multiply_add,  # type: ignore[arg-type]
        build.known_libm,  # type: ignore[arg-type]
        build.fuses_double,
        build.fuses_negation,
        build.hoists,
        build.roots_branch,
    )


class DeclaredSampler(Sampler):
    """Values computed by the expressions of a dialect file."""

    word_bits = None
    multiply_adds = MULTIPLY_ADDS
    in_c = True

    def __init__(self, description: Description, generators: Generators) -> None:
        self._description, self._generators = description, generators
        self._kitchens: dict[int, Kitchen] = {}
        self._recipes: dict[tuple[int, str], Recipe] = {}

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError if a generator's words are not as wide as the file says."""
        fixed = self._generators.fixed_bits
        if fixed is not None and bitgen.word_bits != fixed:
            raise EmbinitError(f"the generator must give words of {fixed} bits, got {bitgen.word_bits}")

    def recipe(self, name: str, rand: str) -> Recipe:
        """Return the recipe of an initializer on a C library with that rand()."""
        bits = self._generators.word_bits(rand)
        if (bits, name) not in self._recipes:
            is_rand = self._description.stream.kind == "rand"
            kitchen = self._kitchens.setdefault(bits, Kitchen(self._description, bits, is_rand))
            self._recipes[bits, name] = kitchen.recipe(name)
        return self._recipes[bits, name]

    def bound(self, distribution: Distribution, build: Build) -> Distribution:
        """Return a distribution with what a build computes once per tensor."""
        if not isinstance(distribution, Wanted):
            return distribution
        recipe = self.recipe(distribution.name, build.rand)
        given = given_of(recipe, distribution)
        shown: dict[str, Any] = {
            name: _stored(recipe, name, value) for name, value in given.items() if name in recipe.names
        }
        scalars = bound(recipe.shown, arithmetic(build), **given)
        shown |= {name: scalars.scalar(name) for name in recipe.shown.outputs}
        for program in recipe.programs:  # a build may refuse one
            program.compile(arithmetic(build))
        return Mixed(distribution, build, recipe, tuple((name, shown[name]) for name in recipe.names if name in shown))

    def check(self, distribution: Distribution) -> None:
        """Accept every distribution that was made for a build: errors of an initializer were found then."""

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take; None if that depends on the words, or on an earlier spare value."""
        if isinstance(distribution, Constant):
            return 0
        assert isinstance(distribution, Mixed)
        recipe = distribution.recipe
        if recipe.normal is None:
            return n * len(recipe.element.words) if recipe.element else 0
        normal = recipe.normal
        if normal.block > 1 and n >= normal.block:
            return (n + (normal.block if n % normal.block else 0)) * normal.per_unit
        normal = normal.fewer or normal
        if normal.attempt is not None or (normal.spare == "kept" and n % 2):
            return None
        pairs = n if normal.spare in (None, "call") else -(-n // 2)
        return pairs * (normal.before + normal.after) * normal.per_unit

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002
        """Return 0: blocks are evaluated one after the other."""
        return 0

    def fill(self, source: Source, distribution: Distribution, out: Array) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""
        return self.filling(distribution, source.build)(source, out)

    def filling(self, distribution: Distribution, build: Build) -> Fill:
        """Return what `fill` does for a distribution on a build, with everything that comes before the first word."""
        if isinstance(distribution, Constant):
            return partial(_constants, distribution.value)
        if isinstance(distribution, Wanted):
            distribution = self.bound(distribution, build)
        assert isinstance(distribution, Mixed)
        recipe, rounding = distribution.recipe, arithmetic(distribution.build)
        given = given_of(recipe, distribution.wanted)
        if recipe.normal is None:
            assert recipe.element is not None
            return Elements(recipe.element, rounding, given).fill
        where, normal = Where(self._description.source) / "normal", recipe.normal
        whole = fewer = Way(normal, rounding, given)
        if normal.fewer is not None:
            fewer = Way(normal.fewer, rounding, given)

        def filled(source: Source, out: Array) -> int:
            return Normals(source, fewer if out.size < normal.block else whole, where).fill(out)

        return filled

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:  # noqa: ARG002
        """Refuse: codegen writes C for the expressions themselves."""
        raise EmbinitError(f"{distribution} has no function of the C library")

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:  # noqa: ARG002
        """Refuse: a dialect file has no rule for it."""
        raise EmbinitError(f"dialect {self._description.name} does not say how it draws booleans")

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002
        """Refuse: a dialect file has no rule for it."""
        raise EmbinitError(f"dialect {self._description.name} does not say how it shuffles")


def given_of(recipe: Recipe, wanted: Wanted) -> dict[str, Any]:
    """Return the inputs of a tensor: its fans, and its parameters."""
    names = [name for name, _, _ in recipe.parameters]
    return {"fan_in": wanted.fan_in, "fan_out": wanted.fan_out, **dict(zip(names, wanted.given, strict=True))}


def _stored(recipe: Recipe, name: str, value: float) -> Any:
    ctype = next(ctype for each, ctype, _ in recipe.parameters if each == name)
    return np.float32(value) if ctype == "float" else np.float64(value)


def _constants(value: float, _: Source, out: Array) -> int:
    """Fill out with a value, for which no word is drawn."""
    out.fill(value)
    return 0
