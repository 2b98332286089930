"""Normal values of a dialect file: pairs of them, attempts that are drawn again, blocks, and the spare value."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.dialects.declared.description import Where
from embinit.dialects.declared.elements import bound, chunks
from embinit.dialects.declared.recipe import NormalRecipe
from embinit.errors import EmbinitError
from embinit.expressions import Arithmetic
from embinit.samplers.base import Source

Array = NDArray[Any]

#: Within how many units a normal value must be accepted.
MOST_UNITS = 1 << 20


class _Draws(NamedTuple):
    """Where draws are in a run of units: their first unit, the attempt that was accepted, and the unit after it."""

    start: Array
    attempt: Array
    end: Array


class Way:
    """How normal values are drawn, with what is known before any is."""

    def __init__(self, recipe: NormalRecipe, rounding: Arithmetic, given: Mapping[str, Any]) -> None:
        self.recipe = recipe
        self.last = bound(recipe.last.program, rounding, **given)
        self.result = None if recipe.result is None else bound(recipe.result, rounding, **given)
        self.attempt = None if recipe.attempt is None else bound(recipe.attempt.program, rounding)
        self.kept = {place: bound(drawn.program, rounding) for place, drawn in recipe.kept.items()}


class Normals:
    """Draws normal values, and keeps the spare one."""

    def __init__(self, source: Source, way: Way, where: Where) -> None:
        self._source, self._recipe, self._where = source, way.recipe, where
        self._last, self._result, self._attempt, self._kept = way.last, way.result, way.attempt, way.kept
        self.drawn = 0

    def fill(self, out: Array) -> int:
        """Fill out and return the number of words drawn."""
        recipe = self._recipe
        if recipe.spare is None:
            for part in chunks(out):
                part[...] = self._values(part.size)["element"]
            return self.drawn
        assert self._result is not None
        if recipe.block > 1:
            return self._blocks(out)
        for part in chunks(out):
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
        """Return n values, of which the spare one of an earlier draw comes first."""
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
        end = int(draws.end[-1]) + recipe.after
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
        later = {name: units[draws.end + place - recipe.before, i] for name, (place, i) in recipe.last.words.items()}
        return self._last.evaluate(**given, **later)

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
        starts, attempts, ends = list[int](), list[int](), list[int]()
        position = 0
        while len(starts) < n and position + before + after <= count:
            attempt, end = -1, position + before
            if at_first[position]:
                attempt = end
                while attempt < len(fails) and fails[attempt]:
                    attempt += redrawn
                end = attempt + redrawn
            if end + after > count:
                break
            starts.append(position)
            attempts.append(attempt)
            ends.append(end)
            position = end + after
        return _Draws(*(np.array(each, np.int64) for each in (starts, attempts, ends)))

    def _stepped(self, units: Array, n: int) -> _Draws:
        """Take draws as if none failed, up to the first that does; that one is drawn again unit by unit."""
        recipe, count = self._recipe, len(units)
        width, redrawn = recipe.before + recipe.after, len(recipe.redrawn)
        starts, attempts, ends = list[int](), list[int](), list[int]()
        position = 0
        while len(starts) < n and position + width <= count:
            block = position + width * np.arange(min((count - position) // width, 64, n - len(starts)))
            fails = np.flatnonzero(self._again(units, {place: block + place for place in range(recipe.before)}))
            good = block[: fails[0]] if fails.size else block
            starts += good.tolist()
            attempts += [-1] * len(good)
            ends += (good + recipe.before).tolist()
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
            ends.append(attempt + redrawn)
            position = attempt + redrawn + recipe.after
        return _Draws(*(np.array(each, np.int64) for each in (starts, attempts, ends)))
