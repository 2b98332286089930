"""Fitting: recover from a dump by which rule a device turned known values into its codes.

A code is what a rule makes of a value: a scale and a quotient, a rounding, and what happens at the outermost codes. All
rules of these tables are tried together on a few elements of each wrong buffer; those that give each of its codes, and
the slopes and offsets that a dump itself supplies, become hypotheses. A rule is a format, a rounding and a quantizer,
and so a model file can say it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Image, Run, draws
from embinit.diagnose.hypothesis import Aspect, Hypothesis, rows
from embinit.diagnose.pasting import Lines, each_layer, kind_of
from embinit.errors import EmbinitError
from embinit.formats import LOOSE, Quantized, Rounding, format_named
from embinit.formats.affine import Affine, Asymmetric, Channelwise, Symmetric
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.base import Groups
from embinit.formats.qformat import QFormat
from embinit.formats.quantizer import AS_FORMAT, Quantizer, left_over
from embinit.formats.rounding import DRAW_FREE
from embinit.formats.storage import Storage
from embinit.model import Description, Tensor
from embinit.plan import Row

F32 = NDArray[np.float32]
Floats = NDArray[Any]  # float32 or float64, as the device computes
Codes = NDArray[np.int64]
Places = NDArray[np.intp]

#: Fewer elements than this fit too many rules, and so do fewer different codes.
ENOUGH, DIFFERENT = 8, 3
#: How many elements are looked at first, and the share of them that must be near their codes.
SAMPLE, NEAR = 64, 0.5
#: How many elements limit a slope before all of them do.
PREFIX = 512
#: Groups of elements that a vector kernel rounds together.
LANES = (4, 8, 16)
#: How many hypotheses come from one dump at most.
MOST = 3
#: The costs of a slope for which only the dump speaks, and of a rounding that changes within a buffer.
FREE_SLOPE, MIXED = 3, 2


@dataclass(frozen=True)
class Choice:
    """One entry of a table of rules: what it says, and what of a quantizer, a format or a rounding it changes.

    planned: whether it is no mistake. tried: whether other hypotheses simulate it. free: whether the dump itself
    supplied a number.
    """

    says: str
    told: Mapping[str, Any] = field(default_factory=dict)
    format: str | None = None
    rounding: str | None = None
    planned: bool = False
    tried: bool = False
    free: bool = False


@dataclass(frozen=True)
class Rule:
    """Quotients, rounding and range: together they make a code of a value. tail: the rounding of elements that fill no
    whole vector, the elements of a vector, and whether rows are filled apart from each other.
    """

    quotient: Choice
    rounding: Choice
    limits: Choice
    tail: tuple[Choice, int, bool] | None = None

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What differs from the plan."""
        return tuple(each for each in (self.quotient, self.rounding, self.limits) if not each.planned)

    @property
    def simulated(self) -> bool:
        """Whether other hypotheses say the same, alone or together."""
        return all(choice.tried for choice in self.choices)

    @property
    def sentence(self) -> str:
        """What the device does differently."""
        says = [each.says for each in self.choices if each is not self.rounding or self.tail is None]
        if self.tail is not None:
            other, lanes, by_row = self.tail
            where = "each row" if by_row else "the buffer"
            says.append(
                f"elements in whole groups of {lanes} are rounded {self.rounding.says}, those left over at the end of "
                f"{where} {other.says}, as a vector kernel and its scalar tail do"
            )
        elif not self.rounding.planned:
            says[says.index(self.rounding.says)] = f"quotients are rounded {self.rounding.says}"
        return "; ".join(says)

    def storage(self, planned: Storage) -> Storage:
        """Return how a buffer is stored by this rule that a plan stores in its own way."""
        told = {**self.quotient.told, **self.limits.told}
        if self.tail is not None:
            other, lanes, by_row = self.tail
            told |= {"tail": other.rounding, "lanes": lanes, "tail_of": "row" if by_row else "buffer"}
        return replace(
            planned,
            format=self.limits.format or self.quotient.format or planned.format,
            rounding=self.rounding.rounding or planned.rounding,
            quantizer=Quantizer(**told) if told else None,
        )


# ---- Quotients: from values to what is rounded ----


def _quotients(format_: Quantized) -> Iterator[Choice]:
    if isinstance(format_, QFormat):
        yield from _in_fixed_point(format_)
    elif isinstance(format_, Symmetric):
        yield from _symmetric(format_)
    elif isinstance(format_, Affine):
        yield from _affine(format_)


#: How a scale and a quotient may be computed, and whether other hypotheses simulate it.
WAYS: tuple[tuple[str, Mapping[str, Any], bool], ...] = (
    ("", {}, False),
    ("values are multiplied by a float32 reciprocal of the scale", {"quotient": "reciprocal"}, True),
    ("values are multiplied by float32 {steps} / absmax", {"quotient": "multiply"}, False),
    ("values are divided by a float32 scale in double", {"quotient": "double"}, True),
    ("scales and quotients are computed in double", {"scale": "double"}, True),
    ("scales are rounded to float16", {"scale": "float16"}, True),
)


def _symmetric(format_: Symmetric) -> Iterator[Choice]:
    """Return how a device may get from values to quotients where a scale comes from the largest magnitude."""
    own, bits = float(format_.steps), format_.bits
    largest = float(format_.qmax)
    for steps in dict.fromkeys([own, largest, largest + 0.5, largest + 1, 2 * largest + 1]):
        like, told = None, {} if steps == own else {"steps": steps}
        if isinstance(format_, Channelwise) and steps != own and steps < 2 * format_.qmax:
            like, told = f"int{bits}" if steps == format_.qmax else f"int{bits}/{_number(steps)}", {}
        by = "" if steps == own else f"the scale is absmax / {_number(steps)}, not absmax / {_number(own)}"
        for says, way, tried in WAYS:
            text = ", and ".join(filter(None, (by, says.format(steps=_number(steps)))))
            yield Choice(text, {**told, **way}, like, None, not text, tried and steps == own)
    for what, kind in (("up", "power_of_two"), ("down", "power_of_two_below")):
        says = f"the scale is absmax / {_number(own)}, rounded {what} to a power of two"
        yield Choice(says, {"scale": kind}, tried=what == "up")


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _in_fixed_point(format_: QFormat) -> Iterator[Choice]:
    """Return which factors a device may use for one that is a power of two."""
    n, width = format_.frac_bits, format_.qmax.bit_length() + 1
    yield Choice("", planned=True)
    if n > 0:
        for double in (False, True):
            how = ", in double" if double else ""
            says = f"values are multiplied by {2**n - 1} (2^{n} - 1){how}, not by 2^{n}"
            yield Choice(says, {"factor": 2.0**n - 1, **({"quotient": "double"} if double else {})})
    for other in range(max(n - 8, -32), min(n + 8, 64) + 1):
        if other != n:
            says = f"codes have {other} fraction bits, not {n}"
            key = f"q{width - other}.{other}"
            yield Choice(says, format=key, tried=key in ("q2.6", "q3.5", "q2.14", "q3.13"))


def _affine(_format: Affine) -> Iterator[Choice]:
    """Return how a device may get to quotients where a zero point is added to what is rounded."""
    for says, told in (
        ("", {}),
        ("values are multiplied by a float32 reciprocal of the scale", {"quotient": "reciprocal"}),
        ("scales and quotients are computed in double", {"scale": "double"}),
    ):
        yield Choice(says, told, planned=not says, tried=bool(says))
        for zero, what in (("half_even", "half to even"), ("half_away", "half away from zero")):
            text = ", and ".join(filter(None, (says, f"zero points are rounded {what}")))
            yield Choice(text, {**told, "zero_point_rounding": zero})


# ---- Rounding ----

SAYS = {
    "half_away": "half away from zero",
    "half_even": "half to even",
    "truncate": "towards zero",
    "floor": "down",
    "add_half": "by a cast after 0.5 is added, (int)(x + 0.5)",
    "half_up": "by floor(x + 0.5)",
    "half_down": "by ceil(x - 0.5)",
    "ceil": "up",
}
#: How far below and above a code its quotients may lie.
REACH = {
    "half_away": (-0.5, 0.5), "half_even": (-0.5, 0.5), "half_up": (-0.5, 0.5), "half_down": (-0.5, 0.5),
    "floor": (0.0, 1.0), "ceil": (-1.0, 0.0),
}  # fmt: skip


def _roundings(planned: str) -> list[Choice]:
    """Return the roundings with that of the plan marked; other hypotheses simulate the better ones."""
    return [
        Choice(says, rounding=mode, planned=mode == planned, tried=mode not in LOOSE) for mode, says in SAYS.items()
    ]


# ---- Limits: what becomes of codes that are too large, and how they are counted ----


def _limits(format_: Quantized) -> Iterator[Choice]:
    low, high, bits = format_.qmin, format_.qmax, format_.bits
    yield Choice("", planned=True)
    if format_.signed:
        for least in (-high - 1, -high):
            if least != low:
                yield Choice(f"codes are clamped to {least} to {high}, not {low} to {high}", {"qmin": least})
    says = "codes that are too large wrap around, as a cast makes them, where they should saturate"
    yield Choice(says, {"saturate": False})
    half = 1 << (bits - 1)
    if not format_.signed:
        like = f"affine_int{bits}" if isinstance(format_, Affine) and bits in (4, 8, 16) else None
        told = {} if like else {"offset": -half}
        yield Choice(f"codes are kept as signed integers, each {half} less", told, like)
    elif isinstance(format_, Symmetric | QFormat):
        yield Choice(f"codes are kept as unsigned integers, each {half} more", {"offset": half})


# ---- The search ----


def fits(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Return the rules that give every code of wrong buffers; thorough: also such as the dump supplies numbers for."""
    asked = {row.name: (row, codes) for row in wrong if (codes := _codes_of(row, dump[row.name])) is not None}
    if not asked:
        return
    found: dict[str, list[Rule]] = {}
    for name, (row, codes) in asked.items():
        found[name] = list(_Fit(row, run.values[name].reshape(-1), codes).rules(thorough))
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
    """Return the codes that a buffer holds, if they can be compared with known values."""
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
    formats.unpack(np.frombuffer(held, np.uint8).copy(), format_.bits, format_.signed, codes)
    return codes.astype(np.int64) if np.unique(codes[:PREFIX]).size >= DIFFERENT else None


class _Fit:
    """The search for the rules that make the codes of one buffer of its values."""

    def __init__(self, row: Row, values: F32, codes: Codes) -> None:
        format_ = format_named(row.format)
        assert isinstance(format_, Quantized)
        self._row, self._values, self._codes, self._format = row, values, codes, format_
        self._groups: Groups = row.storage.groups(row.shape)
        self._roundings = _roundings(row.storage.rounding)
        n = min(SAMPLE // 2, row.size)
        largest = np.argpartition(-np.abs(values), n - 1)[:n]
        self._sample = np.unique(np.concatenate([np.arange(min(SAMPLE, row.size)), largest]))

    def rules(self, thorough: bool) -> Iterator[Rule]:
        """Return the rules that give the codes, those first that differ least from the plan."""
        if not np.isfinite(self._values).all():
            return
        found, near = list[Rule](), list[Choice]()
        for quotient in _quotients(self._format):
            like = format_named(quotient.format or self._row.format)
            assert isinstance(like, Quantized)
            if not self._is_near(quotient, like):
                continue
            near.append(quotient)
            rules = (Rule(quotient, each, limit) for each in self._roundings for limit in _limits(like))
            found += [rule for rule in rules if self._gives(rule, self._sample) and self._gives(rule)]
        found.sort(key=lambda rule: (len(rule.choices), not rule.simulated))
        if found and found[0].simulated:  # another hypothesis, or two, say the same
            return
        yield from (rule for rule in found if not rule.simulated)
        if not found and thorough and self._row.size >= 2 * ENOUGH:
            yield from self._mixed(near)
            yield from self._sloped()

    def _counted(self, quotient: Choice, rounding: str | None, only: Places | None = None) -> Floats:
        """Return quotients, rounded if a rounding is given, with what is added to them."""
        format_ = format_named(quotient.format or self._row.format)
        assert isinstance(format_, Quantized)
        mode = Rounding(rounding or self._row.storage.rounding, None)
        quantizer = Quantizer(**quotient.told)
        x, _, zero = quantizer.quotients(format_, self._values, self._groups, mode, only)
        with np.errstate(invalid="ignore"):
            whole: Floats = (x if rounding is None else DRAW_FREE[rounding](x)).astype(np.float64) + zero
        return np.nan_to_num(whole)

    def _is_near(self, quotient: Choice, like: Quantized) -> bool:
        """Return whether quotients come near to codes, perhaps but for a half of their range."""
        try:
            whole, part = self._counted(quotient, None, self._sample), self._codes[self._sample]
        except EmbinitError:
            return False
        away = np.minimum(np.abs(whole - part), np.abs(np.clip(whole, like.qmin, like.qmax) - part))
        turn = 1 << like.bits
        apart = np.minimum(away % turn, turn - away % turn)  # as far as wrapping around allows
        half = np.abs(apart - turn // 2)
        reach = 2 if isinstance(like, Asymmetric) else 1  # zero points are rounded too
        return bool((apart <= reach).mean() >= NEAR or (half <= reach).mean() >= NEAR)

    def _gives(self, rule: Rule, only: Places | None = None) -> bool:
        """Return whether a rule gives the codes of some elements, or of all."""
        storage = rule.storage(self._row.storage)
        format_, quantizer = storage.kind, storage.quantizer or AS_FORMAT
        assert isinstance(format_, Quantized)
        counted = self._counted(replace(rule.quotient, format=storage.format), storage.rounding, only)
        if rule.tail is not None:
            other, lanes, by_row = rule.tail
            over = self._left_over(lanes, by_row)
            tail = self._counted(replace(rule.quotient, format=storage.format), other.rounding, only)
            counted = np.where(over if only is None else over[only], tail, counted)
        codes, _ = quantizer.limited(format_, counted)
        mask = (1 << format_.bits) - 1
        return bool(np.array_equal(codes & mask, (self._codes if only is None else self._codes[only]) & mask))

    def _left_over(self, lanes: int, by_row: bool) -> NDArray[np.bool_]:
        return left_over(self._row.size, lanes, self._row.size // self._row.shape[0] if by_row else self._row.size)

    def _mixed(self, near: Sequence[Choice]) -> Iterator[Rule]:
        """Return rules by which vectors and what is left over are rounded in two ways."""
        for quotient in near:
            like = format_named(quotient.format or self._row.format)
            assert isinstance(like, Quantized)
            limit = next(_limits(like))
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
        """Return rules with a factor, and an offset, for which only the dump speaks."""
        if not isinstance(self._format, QFormat | Symmetric):
            return
        half = 1 << (self._format.bits - 1)
        codes, values = self._codes, self._values
        for offset in (0, half, -half):
            inner = np.flatnonzero((codes > codes.min()) & (codes < codes.max()) & (np.abs(values) > 0))
            for rounding in self._roundings:
                below, above = REACH.get(rounding.rounding or "", (-1.0, 1.0))
                for some in (inner[:PREFIX], inner):  # a prefix refutes most slopes
                    x, counted = values[some].astype(np.float64), codes[some] - offset
                    factors = list(_factors(x, counted, below, above))
                    if not factors:
                        break
                for factor in factors:
                    added = f", and {offset} is added to codes" if offset else ""
                    text = f"values are multiplied by {factor!r}{added}"
                    told = {"factor": factor, **({"offset": offset} if offset else {})}
                    rule = Rule(Choice(text, told, free=True), rounding, next(_limits(self._format)))
                    if 2.0**-64 <= factor <= 2.0**64 and self._gives(rule):
                        yield rule
                        return


def _factors(values: NDArray[np.float64], codes: Codes, below: float, above: float) -> Iterator[float]:
    """Return the factor with the fewest digits that gives all codes, if they leave little room."""
    if values.size < 2 * ENOUGH:
        return
    ends = np.stack([(codes + below) / values, (codes + above) / values])
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    if low > high or low <= 0:
        return
    middle = (low + high) / 2
    candidates = (float(f"{middle:.{digits}g}") for digits in range(1, 10))
    yield from [factor for factor in candidates if low <= factor <= high][:1]


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
        return replace(row, storage=rules[row.name].storage(row.storage)) if row.name in rules else row

    return Hypothesis(
        Aspect.SCALE, "codes", f"{'; '.join(says)}.", rows(stored), None, cost, tuple(rules),
        told=partial(_lines, rules=rules),
    )  # fmt: skip


def _lines(model: Description, rules: Mapping[str, Rule]) -> Lines:
    """Return the keys that reproduce rules."""

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
