"""Conventions: recover from a dump the generator, the unit value and the limits that a device has instead of the
dialect's.

An element is a + b * unit, whatever the limits are, so a short run of elements shows at once which words and which unit
values it can come from. Those are then computed to the bit, with the limits that fit, and only what agrees is
simulated.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Image, Run, resolution, until_set
from embinit.diagnose.compiled import (
    F64,
    Array,
    drawn_words,
    elements,
    known_generators,
    limit_of,
    normal_routine,
    source_of,
    unit_values,
)
from embinit.diagnose.declaring import declared, tables_of
from embinit.diagnose.hypothesis import Aspect, Hypothesis, model_with, seeded
from embinit.diagnose.limits import Compound, by_formula, by_other_fan, declaration, zero_biases
from embinit.diagnose.seeds import FREE_SEED
from embinit.diagnose.solving import seeds_of_rand, shifts_from, states_of
from embinit.diagnose.vocabulary import (
    FORMS,
    OUTPUTS,
    Form,
    Unit,
    Words,
    formulas,
    units,
    written,
    xorshift,
)
from embinit.dialects.declared import DeclaredDialect
from embinit.dialects.declared.description import NormalTransform
from embinit.dialects.declared.sampler import Mixed, arithmetic
from embinit.errors import EmbinitError
from embinit.model import Description
from embinit.plan import Row, plan
from embinit.targets import Build

#: How many elements are looked at, and the fewest that show anything.
SAMPLE, LEAST = 64, 8
#: How far elements may be from a straight line through their unit values, relative to its slope, and the ends of that
#: line from the limits, relative to the distance between these.
STRAIGHT, NEAR = 2e-6, 2e-6
#: The tolerance of a line is relative to the range of the unit values, which counts as at least this.
NARROW = 1e-3
#: The most combinations that are simulated if elements cannot be computed to the bit before.
MOST = 16


def conventions(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[Compound]:
    """Yield the generators, unit values and limits with which the first wrong buffer that has enough elements may have
    been drawn.
    """
    model = run.account.model
    if tables_of(model.dialect) is None:
        return
    try:
        base = declared(model, {})
    except EmbinitError:
        return
    rows = {row.name: row for row in plan(base).rows}
    for row in wrong:
        mixed = rows[row.name].distribution
        values = run.account.observed(row, dump[row.name])
        if values is None or until_set(row) < LEAST:
            continue
        if isinstance(mixed, Mixed) and mixed.kind != "constant":
            held = values[: min(SAMPLE, _of_one_scale(row), until_set(row))]
            if not np.isfinite(held).all():
                return
            sample = held.astype(np.float64)
            if sample.size >= LEAST and np.ptp(sample) > 0:
                inquiry = _Inquiry(run, base, rows[row.name], sample)
                yield from inquiry.normals() if mixed.kind == "normal" else inquiry.compounds()
                return


class _Stream(NamedTuple):
    """Words from which the sample may have been drawn: the generator (None for the dialect's), the seed (None for the
    model's), the words, their width, and whether they are those of rand().
    """

    words: Words | None
    seed: int | None
    drawn: Array
    bits: int
    is_rand: bool


class _Fit(NamedTuple):
    """A straight line through elements over their unit values: the element for unit 0, and the slope."""

    stream: _Stream
    unit: Unit
    start: float
    slope: float


@dataclass(frozen=True)
class _Limits:
    """Limits that the sample may have.

    everywhere: what the same rule gives for all weights. variants: the hypotheses that lead to them.
    """

    low: float
    high: float
    everywhere: tuple[float, ...]
    variants: tuple[Compound, ...]


class _Inquiry:
    """The search among conventions for those of one buffer.

    base: the model with its dialect as a file. row: the buffer in that model. values: its first elements in the dump.
    """

    def __init__(self, run: Run, base: Description, row: Row, values: F64) -> None:
        self._run, self._base, self._row, self._values = run, base, row, values
        dialect = base.conventions
        assert isinstance(dialect, DeclaredDialect)
        self._tables, self._dialect = dialect.description.tables, dialect
        self._place = run.places[row.name]
        skipped = base.skip_words if self._place.origin == run.account.start else 0
        self._words = self._place.words + skipped  # from the seed on
        self._exact = row.format in ("float32", "float64")
        self._step = 0.0 if self._exact else resolution(row) or 1.0  # codes of other formats count as they are
        own = self._place.bitgen()
        self._own = _Stream(None, None, own.random_raw(values.size), own.word_bits, self._dialect.rand)

    def compounds(self) -> Iterator[Compound]:
        """Yield the hypotheses that give the sample or, if it holds codes, may give it."""
        limits = list(self._limits())
        fits = self._fits(self._streams(limits))
        if not self._exact or not limits:
            for fit in sorted(fits, key=_strangeness)[:MOST]:
                yield from self._said(fit, None, ())
            return
        own = (Form(self._tables["values"]["uniform"], cost=0),)
        for forms, build in product((own, FORMS), self._builds()):
            found = [compound for fit in fits for compound in self._agreeing(fit, limits, forms, build)]
            yield from found
            if found:
                return

    def normals(self) -> Iterator[Compound]:
        """Yield the generators and unit values for which the sample lies on a straight line over the dialect's normal
        values, as long as no draw was repeated.
        """
        normal = self._dialect.description.normal
        if normal is not None and normal.unit is None and normal.block == 1:
            for fit in self._fits(self._streams(()), normal)[:MOST]:
                yield from self._said(fit, None, ())

    # Streams

    def _streams(self, limits: Sequence[_Limits]) -> Iterator[_Stream]:
        model, at = self._base, self._words
        yield self._own
        if not at:
            yield from self._reseeded(self._likely(limits))
        highs = self._likely(limits)
        if not at:
            found = shifts_from(self._state(), self._values, highs)
            for shifts in found:
                yield from self._drawn(Words(xorshift(shifts), f"xorshift with shifts {written(shifts)}"), [model.seed])
        for words in known_generators():
            seeds = [model.seed, *(seed for seed in (1, 0) if seed != model.seed)]
            if words.rand is not None and not at:
                seeds += seeds_of_rand(words.rand, self._values)
            if words.lcg is not None and not at:
                seeds += states_of(words.lcg, self._values, highs)
            yield from self._drawn(words, list(dict.fromkeys(seeds)))

    def _reseeded(self, highs: Sequence[float]) -> Iterator[_Stream]:
        """Yield the dialect's own words from other seeds, if its generator is one that can be solved for the seed."""
        stream, seeds = self._dialect.description.stream, list[int]()
        if stream.kind == "rand":
            seeds += seeds_of_rand(self._base.build.rand, self._values)
        elif stream.kind == "lcg":
            known = {output: (shift, bits) for output, shift, bits in OUTPUTS}
            keys, output = stream.parameters, stream.output or "state"
            if keys["bits"] == 32 and output in known and keys["multiplier"] % 2:
                seeds += states_of((keys["multiplier"], keys["increment"], *known[output]), self._values, highs)
        for seed in seeds:
            if seed != self._base.seed and seed in self._dialect.seeds:
                bitgen = self._dialect.start(seed, self._base.build.rand)
                drawn = bitgen.random_raw(self._values.size)
                yield _Stream(None, seed, drawn, bitgen.word_bits, self._dialect.rand)

    def _likely(self, limits: Sequence[_Limits]) -> list[float]:
        """Return the upper limits that are likely given the largest element, nearly equal ones only once."""
        peak, n = float(np.abs(self._values).max()), self._values.size
        found = {f"{each.high:.5g}": each.high for each in reversed(limits)}
        return [high for high in found.values() if peak <= high * (1 + NEAR) and peak >= high * 0.001 ** (1 / n)]

    def _state(self) -> int:
        """Return the state from which an xorshift of 32 bits starts."""
        return self._base.seed & 0xFFFFFFFF or 0xFFFFFFFF

    def _drawn(self, words: Words, seeds: Iterable[int]) -> Iterator[_Stream]:
        source, rand = source_of(words), words.rand or self._base.build.rand
        for seed in seeds:
            if seed not in source.seeds:
                continue
            found = drawn_words(words, seed, rand, self._words, self._values.size)
            if found is None:
                continue
            drawn, bits = found
            if bits != self._own.bits or not np.array_equal(drawn, self._own.drawn):
                yield _Stream(words, seed, drawn, bits, words.rand is not None)

    # Unit values

    def _fits(self, streams: Iterable[_Stream], normal: NormalTransform | None = None) -> list[_Fit]:
        """Return the words and unit values for which the elements lie on a straight line over the unit values, or over
        their normal values.
        """
        groups: dict[tuple[int, bool], list[_Stream]] = {}
        order: dict[int, int] = {}
        for stream in streams:
            groups.setdefault((stream.bits, stream.is_rand), []).append(stream)
            order[id(stream)] = len(order)
        found = []
        for (bits, is_rand), group in groups.items():
            units, drawn = self._units(bits, is_rand), np.stack([stream.drawn for stream in group])
            if normal is None:
                units, rows = self._not_refuted(units, bits, is_rand, drawn)
                group, drawn = [group[i] for i in rows], drawn[rows]
            if not group:
                continue
            given = unit_values(tuple(unit.text for unit in units), bits, is_rand, drawn.reshape(-1))
            for unit, values in zip(units, given, strict=True):
                if values is not None and normal is not None:
                    values = self._normal_values(normal, values)
                if values is None:
                    continue
                by_stream = values.reshape(len(group), -1)
                for i, start, slope in _lines(by_stream, self._values[: by_stream.shape[1]], self._step):
                    found.append(_Fit(group[i], unit, start, slope))
        return sorted(found, key=lambda fit: order[id(fit.stream)])

    def _not_refuted(
        self, units: Sequence[Unit], bits: int, is_rand: bool, drawn: Array
    ) -> tuple[list[Unit], list[int]]:
        """Return the unit values, and the streams, by which the smallest and the largest elements may lie on a line.
        drawn: the words of all elements, a row for each stream.
        """
        ordered = np.argsort(self._values)
        few = np.concatenate([ordered[: LEAST // 2], ordered[-LEAST // 2 :]])
        given = unit_values(tuple(unit.text for unit in units), bits, is_rand, drawn[:, few].T.reshape(-1))
        known = [(unit, each) for unit, each in zip(units, given, strict=True) if each is not None]
        if not known:
            return [], []
        stacked = np.stack([each for _, each in known]).reshape(len(known), few.size, -1)
        likely = _may_be_lines(stacked, self._values[few], self._step)
        kept = [known[i][0] for i in np.flatnonzero(likely.any(axis=1))]
        return kept, np.flatnonzero(likely.any(axis=0)).tolist()

    def _normal_values(self, normal: NormalTransform, given: F64) -> F64 | None:
        """Return the normal values that unit values give, if none is drawn again; None if C does not define them."""
        per_draw = given.astype(np.float32).reshape(-1, len(normal.words))
        try:
            bound = normal_routine(normal, arithmetic(self._base.build)).bind()
            values = bound.evaluate(**{name: per_draw[:, i] for i, name in enumerate(normal.words)})
        except EmbinitError:
            return None
        kept = values.values() if normal.spare != "call" else [values["z0"]]
        return np.stack(list(kept), axis=1).reshape(-1)

    def _units(self, bits: int, is_rand: bool) -> list[Unit]:
        """Return the unit values of words, that of the dialect first."""
        own = self._tables.get("values", {}).get("unit")
        known = units(bits, is_rand)
        if own is None or self._tables["values"].get("words", ["word"]) != ["word"]:
            return list(known)
        return [Unit(own, "", "as before"), *(unit for unit in known if unit.text != own)]

    # Limits

    def _limits(self) -> Iterator[_Limits]:
        """Yield the limits of the plan and those that formulas give this buffer; none if it is not drawn by limits."""
        rows = plan(self._base).rows
        own = self._limits_in(rows, ((), *zero_biases(self._base)))
        if own is None:
            return
        yield own
        exchanged = list(by_other_fan(self._base))
        if exchanged:
            assert exchanged[0].declares is not None
            rows_exchanged = plan(declared(self._base, exchanged[0].declares)).rows
            limits = self._limits_in(rows_exchanged, tuple((each,) for each in exchanged))
            if limits is not None:
                yield limits
        fans = [(row.fan_in, row.fan_out) for row in rows if row.name.endswith(".weight")]
        for formula in formulas():
            limit, *everywhere = (
                limit_of(formula.text, self._base.build, *each)
                for each in ((self._row.fan_in, self._row.fan_out), *fans)
            )
            variants = tuple((each,) for each in by_formula(self._base, formula))
            yield _Limits(-limit, limit, tuple(everywhere), variants)

    def _limits_in(self, rows: Sequence[Row], variants: tuple[Compound, ...]) -> _Limits | None:
        """Return the limits that rows give this buffer; None if they give it none."""
        bounds = {row.name: _bounds(row) for row in rows}
        found = bounds[self._row.name]
        if found is None:
            return None
        everywhere = tuple(each[1] for name, each in bounds.items() if name.endswith(".weight") and each is not None)
        return _Limits(*found, everywhere, variants)

    # To the bit

    def _builds(self) -> Iterator[Build]:
        own = self._base.build
        yield own
        yield replace(own, multiply_add="separate" if own.multiply_add != "separate" else "fused")

    def _agreeing(
        self, fit: _Fit, limits: Sequence[_Limits], forms: Sequence[Form], build: Build
    ) -> Iterator[Compound]:
        """Yield the conventions that give the sample bit for bit."""
        seen = set()
        for each in limits:
            if each.everywhere in seen:
                continue
            for form in forms:
                if not _fitting(form, fit, each):
                    continue
                text = form.text.format(numerator=fit.unit.numerator, divisor=fit.unit.divisor)
                given = elements(
                    fit.unit.text, text, fit.stream.bits, fit.stream.is_rand, build, each.low, each.high,
                    fit.stream.drawn,
                )  # fmt: skip
                if given is not None and np.array_equal(given, self._values):
                    seen.add(each.everywhere)
                    for variant in each.variants:
                        yield from self._said(fit, None if form.cost == 0 else replace(form, text=text), variant, build)
                    break

    # Hypotheses

    def _said(self, fit: _Fit, form: Form | None, variant: Compound, build: Build | None = None) -> Iterator[Compound]:
        values: dict[str, Any] = {}
        says = []
        if fit.unit.divisor:
            values["unit"] = fit.unit.text
            says.append(f"The unit value is {fit.unit.says}")
        if form is not None:
            values["uniform"] = form.text
            says.append(f"an element is {form.text}" if says else f"An element is {form.text}")
        overlay: dict[str, Any] = {"values": values} if values else {}
        compound: list[Hypothesis] = []
        words = fit.stream.words
        cost = form.cost if form is not None else 1
        seed = fit.stream.seed
        if words is not None:
            overlay = {"generator": dict(words.keys), **overlay}
            texts = (f"The words are those of {words.says}", "; ".join(says))
            sentence = " ".join(f"{text}." for text in texts if text)
            rand, line = {}, None
            if words.rand is not None and words.rand != self._base.build.rand:
                rand, line = {"rand": words.rand}, f'rand = "{words.rand}"'
            compound.append(declaration(Aspect.GENERATOR, "generator", sentence, overlay, cost, rand, line))
        elif overlay:
            compound.append(declaration(Aspect.VALUES, "unit value", f"{'; '.join(says)}.", overlay, cost))
        if seed is not None and seed != self._base.seed:
            sentence = f"The device seeds with {seed}; the model says {self._base.seed}."
            compound.append(seeded(seed, "seed", sentence, 1 if seed in (0, 1) else FREE_SEED))
        if build is not None and build != self._base.build:
            sentence = f"The device's build has multiply_add {build.multiply_add}."
            line = f'multiply_add = "{build.multiply_add}"'
            compound.append(
                Hypothesis(Aspect.BUILD, "multiply-add", sentence, model_with(multiply_add=build.multiply_add), line)
            )
        compound += variant
        if compound:
            yield tuple(compound)


def _strangeness(fit: _Fit) -> tuple[bool, bool]:
    """Return the key that sorts candidates: the dialect's unit value first, and elements around 0 before others."""
    return fit.unit.divisor != "", abs(fit.start + fit.slope / 2) > abs(fit.slope) / 8


def _of_one_scale(row: Row) -> int:
    """Return how many elements from the first on have codes of one scale."""
    return row.size if row.format in ("float32", "float64") else row.storage.groups(row.shape).run


def _bounds(row: Row) -> tuple[float, float] | None:
    """Return the limits between which a row's elements are drawn; None if they are drawn in another way."""
    shown = dict(row.distribution.shown) if isinstance(row.distribution, Mixed) else {}
    return (float(shown["low"]), float(shown["high"])) if {"low", "high"} <= shown.keys() else None


def _fitting(form: Form, fit: _Fit, limits: _Limits) -> bool:
    """Whether elements of a form, between limits, lie about on the line of a fit."""
    if form.cost and (form.signed != fit.unit.signed or ("{divisor}" in form.text and not fit.unit.divisor)):
        return False
    low, high = limits.low, limits.high
    slack = NEAR * (high - low)
    start, slope = (0.0, high) if form.signed else (high, low - high) if form.mirrored else (low, high - low)
    return abs(fit.start - start) < slack and abs(fit.slope - slope) < slack


def _may_be_lines(given: F64, values: F64, step: float) -> NDArray[np.bool_]:
    """Return, for each unit and stream, whether `_lines` may find it. given: the unit values of a few elements, which
    are the second axis; values: those elements, the smallest and the largest of all among them.

    No line is nearer to these few than their own line of least squares. So if that is further away than `_lines` allows
    for all values, which is a share of their range, the line through all of them is too.
    """
    tolerance = 1.1 * np.sqrt(values.size) * (STRAIGHT * float(np.ptp(values)) + step)
    with np.errstate(all="ignore"):
        centred, wanted = given - given.mean(axis=1, keepdims=True), (values - values.mean())[:, None]
        slopes = (centred * wanted).sum(axis=1) / (centred**2).sum(axis=1)
        rest = np.abs(wanted - slopes[:, None] * centred).max(axis=1)
    found: NDArray[np.bool_] = (np.ptp(given, axis=1) < NARROW) | (rest <= tolerance)
    return found


def _lines(given: F64, values: F64, step: float) -> Iterator[tuple[int, float, float]]:
    """Yield the rows of unit values over which the values lie on a straight line, with its start and its slope."""
    with np.errstate(all="ignore"):
        means = given.mean(axis=1)
        centred, wanted = given - means[:, None], values - values.mean()
        slopes = (centred @ wanted) / (centred**2).sum(axis=1)
        rest = np.abs(wanted - slopes[:, None] * centred).max(axis=1)
        good = rest <= STRAIGHT * np.abs(slopes) * np.maximum(np.ptp(given, axis=1), NARROW) + step
    for i in np.flatnonzero(good & (np.abs(slopes) > 1e-30)):
        yield int(i), float(values.mean() - slopes[i] * means[i]), float(slopes[i])
