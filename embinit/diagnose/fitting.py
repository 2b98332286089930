"""Fitting: recover from a dump the rule by which a device turned known values into its codes.

All rules of the tables are tried on a few elements of each wrong buffer. Those that give all of its codes become
hypotheses, and so do factors and offsets that are computed from the dump itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Image, Run, draws
from embinit.diagnose.hypothesis import Aspect, Hypothesis, rows
from embinit.diagnose.pasting import Lines, each_layer, kind_of
from embinit.diagnose.rules import REACH, Choice, Rule, limits, multiplied, quotients, roundings, takes_factors
from embinit.diagnose.slopes import PREFIX, factors, unwrapped
from embinit.errors import EmbinitError
from embinit.formats import Quantized, Rounding, format_named
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.base import Groups
from embinit.formats.quantizer import AS_FORMAT, left_over
from embinit.formats.rounding import DRAW_FREE
from embinit.model import Description, Tensor
from embinit.plan import Row, row_with

F32 = NDArray[np.float32]
Floats = NDArray[Any]  # float32 or float64, as the device computes
Codes = NDArray[np.int64]
Places = NDArray[np.intp]

#: The fewest elements, and the fewest different codes, that do not fit too many rules.
ENOUGH, DIFFERENT = 8, 3
#: How many elements are looked at first, and the share of them that must be near their codes.
SAMPLE, NEAR = 64, 0.5
#: How many elements a vector kernel may round together.
LANES = (4, 8, 16)
#: The most hypotheses that come from one dump.
MOST = 3
#: The costs of a factor that only the dump suggests, and of a rounding that changes within a buffer.
FREE_SLOPE, MIXED = 3, 2


def fits(
    run: Run, dump: Image, wrong: Sequence[Row], thorough: bool, known: dict[object, "list[Rule]"]
) -> Iterator[tuple[Hypothesis, ...]]:
    """Yield the rules that give every code of wrong buffers, as hypotheses.

    thorough: whether to try rules with numbers that the dump supplies, too. known: the rules found for values that were
    asked about before, to which new ones are added.
    """
    asked = {row.name: (row, codes) for row in wrong if (codes := _codes_of(row, dump[row.name])) is not None}
    if not asked:
        return
    found: dict[str, list[Rule]] = {}
    for name, (row, codes) in asked.items():
        values = run.values[name].reshape(-1)
        key = name, row.storage, thorough, hash(values.tobytes())
        if key not in known:
            known[key] = list(_Fit(row, values, codes).rules(thorough))
        found[name] = known[key]
    if not any(found.values()):
        return
    texts = [{rule.sentence: rule for rule in rules} for rules in found.values() if rules]
    common = reduce(lambda kept, each: {text: rule for text, rule in kept.items() if text in each}, texts)
    fitted = {name: {rule.sentence: rule for rule in rules} for name, rules in found.items() if rules}
    if common:
        least = min(len(rule.choices) + bool(rule.tail) for rule in common.values())
        for text, rule in list(common.items())[:MOST]:
            if len(rule.choices) + bool(rule.tail) == least:
                yield (_hypothesis({name: rules[text] for name, rules in fitted.items()}),)
    else:
        yield (_hypothesis({name: rules[0] for name, rules in found.items() if rules}),)


def _codes_of(row: Row, held: bytes) -> Codes | None:
    """Return the codes that a buffer holds; None if they cannot be compared with known values."""
    format_ = format_named(row.format)
    if not isinstance(format_, Quantized) or row.codes is not None or not draws(row) or row.size < ENOUGH:
        return None
    if row.storage.arrangement != IN_ORDER or row.storage.rounding == "stochastic":
        return None
    if row.storage.quantizer is not None or row.storage.input_scale is not None:
        return None
    if len(held) != format_.nbytes(row.size) or format_.bits > 32:
        return None
    from embinit._kernels import formats

    codes = np.empty(row.size, np.int32)
    formats.unpack(
        formats.width_of(format_.bits), np.frombuffer(held, np.uint8).copy(), format_.bits, format_.signed, codes
    )
    return codes.astype(np.int64) if np.unique(codes[:PREFIX]).size >= DIFFERENT else None


class _Fit:
    """The search for the rules that turn the values of one buffer into its codes."""

    def __init__(self, row: Row, values: F32, codes: Codes) -> None:
        format_ = format_named(row.format)
        assert isinstance(format_, Quantized)
        self._row, self._values, self._codes, self._format = row, values, codes, format_
        self._groups: Groups = row.storage.groups(row.shape)
        self._roundings = roundings(row.storage.rounding)
        n = min(SAMPLE // 2, row.size)
        largest = np.argpartition(-np.abs(values), n - 1)[:n]
        self._sample = np.unique(np.concatenate([np.arange(min(SAMPLE, row.size)), largest]))
        self._known_codes: dict[tuple[object, ...], Floats] = {}  # of the sample
        self._known_quotients: dict[tuple[object, ...], tuple[Floats, Floats]] = {}

    def rules(self, thorough: bool) -> Iterator[Rule]:
        """Yield the rules that give the codes, those first that differ least from the plan."""
        if not np.isfinite(self._values).all():
            return
        found, near = list[Rule](), list[Choice]()
        for quotient in quotients(self._format):
            like = format_named(quotient.format or self._row.format)
            assert isinstance(like, Quantized)
            if not self._is_near(quotient, like):
                continue
            near.append(quotient)
            for rounding in self._roundings:
                ranges = [each for each in limits(like) if each.format or self._agrees_inside(quotient, rounding, like)]
                rules = (Rule(quotient, rounding, each) for each in ranges)
                found += [rule for rule in rules if self._gives(rule, self._sample) and self._gives(rule)]
        found.sort(key=lambda rule: (len(rule.choices), not rule.simulated))
        if found and found[0].simulated:  # another hypothesis, or two, say the same
            return
        yield from (rule for rule in found if not rule.simulated)
        if not found and thorough and self._row.size >= 2 * ENOUGH:
            yield from self._mixed(near)
            yield from self._sloped()
            yield from self._wrapped()

    def _counted(self, quotient: Choice, rounding: str | None, only: Places | None = None) -> Floats:
        """Return quotients, rounded if a rounding is given, plus the zero points."""
        format_, mode = quotient.format or self._row.format, rounding or self._row.storage.rounding
        key = quotient.says, format_, rounding
        if only is not None and key in self._known_codes:
            return self._known_codes[key]
        x, zero = self._quotients(quotient, format_, mode, only)
        with np.errstate(invalid="ignore"):
            whole: Floats = (x if rounding is None else DRAW_FREE[rounding](x)).astype(np.float64) + zero
        counted: Floats = np.nan_to_num(whole)
        if only is not None:
            self._known_codes[key] = counted
        return counted

    def _quotients(self, quotient: Choice, name: str, mode: str, only: Places | None) -> tuple[Floats, Floats]:
        """Return the quotients and the zero points to be added to them; only these depend on the rounding."""
        format_ = format_named(name)
        assert isinstance(format_, Quantized)
        key = quotient.says, name, format_.scaling == "range" and mode
        if only is not None and key in self._known_quotients:
            return self._known_quotients[key]
        x, _, zero = quotient.quantizer.quotients(format_, self._values, self._groups, Rounding(mode, None), only)
        if only is not None:
            self._known_quotients[key] = x, zero
        return x, zero

    def _is_near(self, quotient: Choice, like: Quantized) -> bool:
        """Whether enough quotients are near their codes, or enough are half of the range away from them."""
        try:
            whole, part = self._counted(quotient, None, self._sample), self._codes[self._sample]
        except EmbinitError:
            return False
        away = np.minimum(np.abs(whole - part), np.abs(np.clip(whole, like.qmin, like.qmax) - part))
        turn = 1 << like.bits
        apart = np.minimum(away % turn, turn - away % turn)  # as far as wrapping around allows
        half = np.abs(apart - turn // 2)
        reach = 2 if like.scaling == "range" else 1  # zero points are rounded too
        return bool((apart <= reach).mean() >= NEAR or (half <= reach).mean() >= NEAR)

    def _agrees_inside(self, quotient: Choice, rounding: Choice, like: Quantized) -> bool:
        """Whether all codes of the sample that no limits change are right, but for an offset of half of the range."""
        counted = self._counted(quotient, rounding.rounding, self._sample)
        inside = (counted > like.qmin + 1) & (counted < like.qmax - 1)
        return not ((self._codes[self._sample] - counted)[inside] % (1 << like.bits - 1)).any()

    def _gives(self, rule: Rule, only: Places | None = None) -> bool:
        """Whether a rule gives the codes of some elements, or of all."""
        name = rule.limits.format or rule.quotient.format or self._row.format
        format_, quotient = format_named(name), rule.quotient
        assert isinstance(format_, Quantized)
        if name != (quotient.format or self._row.format):
            quotient = replace(quotient, format=name)
        rounding = rule.rounding.rounding or self._row.storage.rounding
        counted = self._counted(quotient, rounding, only)
        if rule.tail is not None:
            other, lanes, by_row = rule.tail
            over = self._left_over(lanes, by_row)
            tail = self._counted(quotient, other.rounding, only)
            counted = np.where(over if only is None else over[only], tail, counted)
        codes, _ = rule.limits.quantizer.limited(format_, counted)
        mask = (1 << format_.bits) - 1
        return bool(np.array_equal(codes & mask, (self._codes if only is None else self._codes[only]) & mask))

    def _left_over(self, lanes: int, by_row: bool) -> NDArray[np.bool_]:
        return left_over(self._row.size, lanes, self._row.size // self._row.shape[0] if by_row else self._row.size)

    def _mixed(self, near: Sequence[Choice]) -> Iterator[Rule]:
        """Yield a rule by which whole vectors and the elements left over are rounded in two ways."""
        for quotient in near:
            like = format_named(quotient.format or self._row.format)
            assert isinstance(like, Quantized)
            limit = limits(like)[0]
            right = {}
            for each in self._roundings:
                codes, _ = AS_FORMAT.limited(like, self._counted(quotient, each.rounding))
                right[each.says] = codes == self._codes
            for lanes in LANES:
                for by_row in (False, True):
                    tail = self._left_over(lanes, by_row)
                    if not tail.any() or tail.all():
                        continue
                    body = [each for each in self._roundings if right[each.says][~tail].all()]
                    rest = [each for each in self._roundings if right[each.says][tail].all()]
                    if body and rest:
                        yield Rule(quotient, body[0], limit, (rest[0], lanes, by_row))
                        return

    def _sloped(self) -> Iterator[Rule]:
        """Yield a rule with a factor, and an offset, that only the dump suggests."""
        if not takes_factors(self._format):
            return
        half = 1 << (self._format.bits - 1)
        codes, values = self._codes, self._values
        for offset in (0, half, -half):
            inner = np.flatnonzero((codes > codes.min()) & (codes < codes.max()) & (np.abs(values) > 0))
            for rounding in self._roundings:
                below, above = REACH.get(rounding.rounding or "", (-1.0, 1.0))
                for some in (inner[:PREFIX], inner):  # a prefix refutes most slopes
                    x, counted = values[some].astype(np.float64), codes[some] - offset
                    found = list(factors(x, counted, below, above))
                    if not found:
                        break
                for factor in found:
                    rule = Rule(multiplied(factor, offset), rounding, limits(self._format)[0])
                    if 2.0**-64 <= factor <= 2.0**64 and self._gives(rule):
                        yield rule
                        return

    def _wrapped(self) -> Iterator[Rule]:
        """Yield a rule with a factor that only the dump suggests, by which large codes wrap around."""
        if not takes_factors(self._format):
            return
        wraps = next(limit for limit in limits(self._format) if limit.told == {"saturate": False})
        for rounding in self._roundings:
            reach = REACH.get(rounding.rounding or "", (-1.0, 1.0))
            some = np.flatnonzero(self._values)
            counted = unwrapped(self._values[some].astype(np.float64), self._codes[some], self._format.bits, reach)
            if counted is None or np.array_equal(counted, self._codes[some]):
                continue
            for factor in factors(self._values[some].astype(np.float64), counted, *reach):
                rule = Rule(multiplied(factor, 0), rounding, wraps)
                if 2.0**-64 <= factor <= 2.0**64 and self._gives(rule):
                    yield rule
                    return


# ---- The hypothesis ----


def _hypothesis(rules: dict[str, Rule]) -> Hypothesis:
    texts: dict[str, list[str]] = {}
    for name, rule in rules.items():
        texts.setdefault(rule.sentence, []).append(name)
    says = [f"{', '.join(names)}: {text}" if len(texts) > 1 else f"Of codes: {text}" for text, names in texts.items()]
    used = list({rule.sentence: rule for rule in rules.values()}.values())
    cost = sum(len(rule.choices) for rule in used) + sum(MIXED for rule in used if rule.tail is not None)
    cost += FREE_SLOPE * sum(rule.quotient.free for rule in used)

    def stored(row: Row) -> Row:
        return row_with(row, storage=rules[row.name].storage(row.storage)) if row.name in rules else row

    return Hypothesis(
        Aspect.SCALE, "codes", f"{'; '.join(says)}.", rows(stored), None, cost, tuple(rules),
        told=partial(_lines, rules=rules),
    )  # fmt: skip


def _lines(model: Description, rules: Mapping[str, Rule]) -> Lines:
    """Return the lines of the model file that reproduce rules."""

    def line(tensors: list[Tensor]) -> str | None:
        keys = dict[str, str]()
        for tensor in tensors:
            if tensor.name in rules:
                held, kind = rules[tensor.name].storage(tensor.storage), kind_of(tensor.part)
                if held.format != tensor.format:
                    keys[f"{kind}_format"] = f'"{held.format}"'
                if held.rounding != tensor.storage.rounding:
                    keys["rounding"] = f'"{held.rounding}"'
                if held.quantizer is not None:
                    keys[f"{kind}_quantizer"] = held.quantizer.says
        return "\n".join(f"{key} = {value}" for key, value in keys.items()) or None

    return each_layer(model, line)
