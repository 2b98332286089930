"""The sampler of a dialect file: evaluates its recipes on the words of a stream, with the arithmetic of a build."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects.declared.description import Description, Where
from embinit.dialects.declared.recipe import Drawn, Kitchen, NormalRecipe, Recipe
from embinit.dialects.declared.stream import Source as Generators
from embinit.distributions import Constant, Declared, Distribution
from embinit.errors import EmbinitError
from embinit.expressions import Arithmetic, Bound, Program
from embinit.expressions.loops import Loop, loop_of
from embinit.samplers.base import CDraw, Fill, Sampler, Source
from embinit.targets import MULTIPLY_ADDS, Build

Array = NDArray[Any]

#: How many words are drawn together and then evaluated: they stay in the cache.
CHUNK = 1 << 15
#: After how many elements a loop is compiled for a program; a call counts CALL more.
LOOPED, CALL = 1 << 18, 1 << 9
#: Within how many units a normal value must be accepted.
MOST_UNITS = 1 << 20


@dataclass(frozen=True)
class Wanted(Declared):
    """An initializer of a dialect file for a tensor: its fans, and the values of its parameters."""

    name: str
    fan_in: int
    fan_out: int
    given: tuple[float, ...] = ()
    kind: str = field(default="declared", repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return its name and its fans."""
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
        """The value below and above which as many elements lie, as far as the limits or the mean say it; else 0."""
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
        return _bound(program, arithmetic(self.build), **given_of(self.recipe, self.wanted)).ranges()["element"]

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
        scalars = _bound(recipe.shown, arithmetic(build), **given)
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
            return _Elements(recipe.element, rounding, given).fill
        where, normal = Where(self._description.source) / "normal", recipe.normal
        whole = fewer = _Way(normal, rounding, given)
        if normal.fewer is not None:
            fewer = _Way(normal.fewer, rounding, given)

        def filled(source: Source, out: Array) -> int:
            return _Normals(source, fewer if out.size < normal.block else whole, where).fill(out)

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


def _bound(program: Program, rounding: Arithmetic, **given: Any) -> Bound:
    routine = program.compile(rounding)
    return routine.bind(**{name: value for name, value in given.items() if name in routine.inputs})


def _constants(value: float, _: Source, out: Array) -> int:
    """Fill out with a value, for which no word is drawn."""
    out.fill(value)
    return 0


class _Elements:
    """Fills arrays by a program of each element's words, with what is known before any is drawn."""

    def __init__(self, element: Drawn, rounding: Arithmetic, given: Mapping[str, Any]) -> None:
        self._words, self._width = element.words, len(element.words)
        self._bound, self._loops = _bound(element.program, rounding, **given), _loops(element.program, rounding)
        self._run: Callable[[Mapping[str, Array], Array], bool] | None = None

    def fill(self, source: Source, out: Array) -> int:
        """Fill out and return the number of words drawn."""
        if not self._width:
            out.fill(self._bound.scalar("element"))
            return 0
        run, bitgen = self._run or self._looped(out.size), source.bitgen
        for part in [out] if out.size <= CHUNK else _chunks(out):
            words: Array = np.empty(part.size * self._width, np.uint32 if bitgen.word_bits <= 32 else np.uint64)
            bitgen.draw(words)
            arrays = {name: words[i :: self._width] for name, (_, i) in self._words.items()}
            if run is None or not run(arrays, part):
                part[...] = self._bound.evaluate(**arrays)["element"]
        return out.size * self._width

    def _looped(self, n: int) -> Callable[[Mapping[str, Array], Array], bool] | None:
        """Return the function that fills an array by a compiled loop, unless C leaves results undefined; None if
        operations need more than one loop, or too few elements were evaluated yet.
        """
        loop = self._loops.after(n)
        fixed = None if loop is None else self._bound.fixed(loop.fixed)
        if loop is None or fixed is None:
            return None
        from embinit._kernels.jit import as_kernel

        kernel, names = as_kernel(loop.run), loop.inputs
        if names and self._width == 1:  # words are contiguous
            self._run = lambda arrays, out: kernel.direct(*(arrays[name] for name in names), *fixed, out)
        else:
            self._run = lambda arrays, out: kernel.direct(
                *(np.ascontiguousarray(arrays[name]) for name in names), *fixed, out
            )
        return self._run


class _Loops:
    """The loop of a program, once so many elements were evaluated that it is worth compiling."""

    def __init__(self, program: Program, rounding: Arithmetic) -> None:
        self._program, self._rounding = program, rounding
        self._left = LOOPED
        self._loop: Loop | None = None

    def after(self, n: int) -> Loop | None:
        """Return the loop if it is to evaluate the next n elements."""
        if self._left > 0:
            self._left -= CALL + n
            if self._left <= 0:
                self._loop = loop_of(self._program.compile(self._rounding))
        return self._loop


_loops = lru_cache(maxsize=1024)(_Loops)


class _Draws(NamedTuple):
    """Where draws are in a run of units: their first unit, the attempt that was accepted, and the unit after it."""

    start: Array
    attempt: Array
    behind: Array


class _Way:
    """How normal values are drawn, with what is known before any is."""

    def __init__(self, recipe: NormalRecipe, rounding: Arithmetic, given: Mapping[str, Any]) -> None:
        self.recipe = recipe
        self.last = _bound(recipe.last.program, rounding, **given)
        self.result = None if recipe.result is None else _bound(recipe.result, rounding, **given)
        self.attempt = None if recipe.attempt is None else _bound(recipe.attempt.program, rounding)
        self.kept = {place: _bound(drawn.program, rounding) for place, drawn in recipe.kept.items()}


class _Normals:
    """Draws normal values, and keeps the spare one."""

    def __init__(self, source: Source, way: _Way, where: Where) -> None:
        self._source, self._recipe, self._where = source, way.recipe, where
        self._last, self._result, self._attempt, self._kept = way.last, way.result, way.attempt, way.kept
        self.drawn = 0

    def fill(self, out: Array) -> int:
        """Fill out and return the number of words drawn."""
        recipe = self._recipe
        if recipe.spare is None:
            for part in _chunks(out):
                part[...] = self._values(part.size)["element"]
            return self.drawn
        assert self._result is not None
        if recipe.block > 1:
            return self._blocks(out)
        for part in _chunks(out):
            part[...] = self._result.evaluate(z=self._pairs(part.size))["element"]
        if recipe.spare == "tensor":
            self._source.spare = None
        return self.drawn

    def _blocks(self, out: Array) -> int:
        """Fill out block by block; if the last block is incomplete, the last whole block of the array is
        drawn again.
        """
        whole = out.size // self._recipe.block * self._recipe.block
        words = self._words(out.size)
        self._block(words[:whole], out[:whole])
        if whole < out.size:
            last = out[out.size - self._recipe.block :]
            self._block(self._words(last.size), last)
        return self.drawn

    def _words(self, n: int) -> Array:
        words = self._source.bitgen.random_raw(n * self._recipe.per_unit).reshape(n, self._recipe.per_unit)
        self.drawn += words.size
        return words

    def _block(self, words: Array, out: Array) -> None:
        """Fill whole blocks from one unit per element: element i and the one half a block after it share two units."""
        assert self._result is not None
        halves = words.reshape(-1, 2, self._recipe.block // 2, self._recipe.per_unit)
        reads = {name: halves[:, place, :, i].reshape(-1) for name, (place, i) in self._recipe.last.words.items()}
        both = self._last.evaluate(**reads)
        filled = out.reshape(-1, 2, self._recipe.block // 2)
        for half, z in enumerate((both["z0"], both["z1"])):
            filled[:, half] = self._result.evaluate(z=z)["element"].reshape(filled[:, half].shape)

    def _pairs(self, n: int) -> Array:
        """Return n values, the spare one of before first."""
        recipe = self._recipe
        if recipe.spare == "call":
            return self._values(n)["z0"]
        before = [] if self._source.spare is None else [self._source.spare]
        missing = n - len(before)
        pairs = self._values(-(-missing // 2)) if missing else {"z0": np.empty(0), "z1": np.empty(0)}
        both = np.stack([pairs["z0"], pairs["z1"]], axis=1).reshape(-1)
        self._source.spare = both[missing] if both.size > missing else None
        return np.concatenate([np.array(before, both.dtype), both[:missing]]) if before else both[:missing]

    def _values(self, n: int) -> dict[str, Array]:
        """Return what the last program makes of n draws."""
        recipe = self._recipe
        if recipe.attempt is None:
            width = recipe.before + recipe.after
            words = self._source.bitgen.random_raw(n * width * recipe.per_unit).reshape(n, width, recipe.per_unit)
            self.drawn += words.size
            reads = {name: np.ascontiguousarray(words[:, place, i]) for name, (place, i) in recipe.last.words.items()}
            return self._last.evaluate(**reads)
        parts, done = [], 0
        while done < n:
            parts.append(self._accepted(n - done))
            done += len(next(iter(parts[-1].values())))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _accepted(self, n: int) -> dict[str, Array]:
        """Return what the last program makes of up to n draws, at least one, and move the stream past them."""
        recipe = self._recipe
        width = recipe.before + recipe.after
        wanted = max(64, n * width * 5 // 4)
        ahead, units = self._source.bitgen.copy(), np.empty((0, recipe.per_unit), np.uint32)
        while True:
            words = ahead.random_raw(wanted * recipe.per_unit).reshape(-1, recipe.per_unit)
            units = words if not units.size else np.concatenate([units, words])
            draws = self._search(units, n)
            if draws.start.size:
                break
            if len(units) > MOST_UNITS:
                raise EmbinitError(
                    f"{self._where / 'retry'}: holds for {len(units)} units in a row: no normal value is accepted"
                )
            wanted = len(units)
        end = int(draws.behind[-1]) + recipe.after
        self._source.bitgen.advance(end * recipe.per_unit)
        self.drawn += end * recipe.per_unit
        return self._evaluated(units, draws)

    def _evaluated(self, units: Array, draws: _Draws) -> dict[str, Array]:
        recipe = self._recipe
        assert recipe.attempt is not None
        assert self._attempt is not None
        reads = {}
        for name, (place, i) in recipe.attempt.words.items():
            in_attempt = recipe.redrawn.index(place) if place in recipe.redrawn else None
            first = draws.start + place
            at = first if in_attempt is None else np.where(draws.attempt < 0, first, draws.attempt + in_attempt)
            reads[name] = units[at, i]
        given = {name: array for name, array in self._attempt.evaluate(**reads).items() if name != "again"}
        for place, drawn in recipe.kept.items():
            words = {name: units[draws.start + place, i] for name, (_, i) in drawn.words.items()}
            given |= self._kept[place].evaluate(**words)
        behind = {
            name: units[draws.behind + place - recipe.before, i] for name, (place, i) in recipe.last.words.items()
        }
        return self._last.evaluate(**given, **behind)

    def _search(self, units: Array, n: int) -> _Draws:
        """Return up to n draws that lie completely within the units."""
        recipe = self._recipe
        assert recipe.attempt is not None
        alone = all(place in recipe.redrawn for place, _ in recipe.attempt.words.values())
        if alone:
            try:
                return self._chased(units, n)
            except EmbinitError:
                pass  # there was no defined result at an offset where no draw begins: evaluate only where draws begin
        return self._stepped(units, n)

    def _again(self, units: Array, places: Mapping[int, Array]) -> Array:
        """Return whether the attempts whose units are at some places fail."""
        recipe = self._recipe
        assert recipe.attempt is not None
        assert self._attempt is not None
        reads = {name: units[places[place], i] for name, (place, i) in recipe.attempt.words.items()}
        again: Array = self._attempt.evaluate(**reads)["again"] != 0
        return again

    def _chased(self, units: Array, n: int) -> _Draws:
        """Test every unit as the beginning of an attempt, and then walk from draw to draw."""
        recipe, count = self._recipe, len(units)
        redrawn = len(recipe.redrawn)
        whole = recipe.redrawn == tuple(range(recipe.before)) and not recipe.after
        offsets = np.arange(0, count - redrawn + 1, redrawn if whole else 1)
        fails = self._again(units, {place: offsets + i for i, place in enumerate(recipe.redrawn)})
        if whole:
            found = offsets[~fails][:n]
            starts = np.concatenate([[0], found[:-1] + redrawn]) if found.size else found
            return _Draws(starts, found, found + redrawn)
        first = np.arange(count - recipe.before + 1)
        at_first = self._again(units, {place: first + place for place in recipe.redrawn})
        return self._walked(fails.tolist(), at_first.tolist(), count, n)

    def _walked(self, fails: list[bool], at_first: list[bool], count: int, n: int) -> _Draws:
        recipe = self._recipe
        before, after, redrawn = recipe.before, recipe.after, len(recipe.redrawn)
        starts, attempts, behinds = list[int](), list[int](), list[int]()
        position = 0
        while len(starts) < n and position + before + after <= count:
            attempt, behind = -1, position + before
            if at_first[position]:
                attempt = behind
                while attempt < len(fails) and fails[attempt]:
                    attempt += redrawn
                behind = attempt + redrawn
            if behind + after > count:
                break
            starts.append(position)
            attempts.append(attempt)
            behinds.append(behind)
            position = behind + after
        return _Draws(*(np.array(each, np.int64) for each in (starts, attempts, behinds)))

    def _stepped(self, units: Array, n: int) -> _Draws:
        """Take draws as if none failed, up to the first that does; that one is drawn again unit by unit."""
        recipe, count = self._recipe, len(units)
        width, redrawn = recipe.before + recipe.after, len(recipe.redrawn)
        starts, attempts, behinds = list[int](), list[int](), list[int]()
        position = 0
        while len(starts) < n and position + width <= count:
            block = position + width * np.arange(min((count - position) // width, 64, n - len(starts)))
            fails = np.flatnonzero(self._again(units, {place: block + place for place in range(recipe.before)}))
            good = block[: fails[0]] if fails.size else block
            starts += good.tolist()
            attempts += [-1] * len(good)
            behinds += (good + recipe.before).tolist()
            position = starts[-1] + width if starts and len(good) else position
            if not fails.size:
                continue
            attempt = position + recipe.before
            while attempt + redrawn + recipe.after <= count:
                places = {place: np.array([position + place]) for place in range(recipe.before)}
                places |= {place: np.array([attempt + i]) for i, place in enumerate(recipe.redrawn)}
                if not self._again(units, places)[0]:
                    break
                attempt += redrawn
            else:
                break
            starts.append(position)
            attempts.append(attempt)
            behinds.append(attempt + redrawn)
            position = attempt + redrawn + recipe.after
        return _Draws(*(np.array(each, np.int64) for each in (starts, attempts, behinds)))


def _chunks(out: Array) -> Iterator[Array]:
    """Yield parts of an array, of an even size, so that spare values stay within them."""
    for start in range(0, out.size, CHUNK):
        yield out[start : start + CHUNK]
