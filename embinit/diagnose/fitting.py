"""Fitting: recover from a dump by which rule a device turned known values into its codes.

A code is what a rule makes of a value: a scale and a quotient, a rounding, and what happens at the outermost codes. All
rules of these tables are tried together on a few elements of each wrong buffer; those that give each of its codes, and
the slopes and offsets that a dump itself supplies, become hypotheses.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Account, Image, Run, draws
from embinit.diagnose.encoders import Encoder, buffer_of
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.errors import EmbinitError
from embinit.formats import QuantizationParameters, Quantized, format_named
from embinit.formats.affine import Affine, Channelwise, Symmetric
from embinit.formats.arrangement import IN_ORDER
from embinit.formats.qformat import QFormat
from embinit.generator import Generator
from embinit.plan import Row
from embinit.store import Buffer

F32 = NDArray[np.float32]
Floats = NDArray[Any]  # float32 or float64, as the device computes
Codes = NDArray[np.int64]
#: From a row and its values, what is rounded, and what is kept besides codes.
Quotient = Callable[[Row, F32], tuple[Floats, QuantizationParameters]]

#: Fewer elements than this fit too many rules, and so do fewer different codes.
ENOUGH, DIFFERENT = 8, 3
#: How many elements are looked at first, and the share of them that must be near their codes.
SAMPLE, NEAR = 64, 0.5
#: Groups of elements that a vector kernel rounds together.
LANES = (4, 8, 16)
#: How many hypotheses come from one dump at most.
MOST = 3
#: The costs of a slope for which only the dump speaks, and of a rounding that changes within a buffer.
FREE_SLOPE, MIXED = 3, 2


@dataclass(frozen=True)
class Choice:
    """One entry of a table of rules: what it says, and the value that says it in a model file.

    like: the format whose range its codes have, if not that of the plan. planned: whether it is no mistake. tried:
    whether it is simulated without being fitted. free: whether the dump itself supplied a number.
    """

    says: str
    apply: Callable[..., Any]
    key: str | None = None
    like: str | None = None
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

    def codes(self, row: Row, values: F32) -> tuple[Codes, QuantizationParameters]:
        """Return the codes of a buffer's values and what is kept besides them."""
        x, parameters = self.quotient.apply(row, values)
        rounded = self.rounding.apply(x)
        if self.tail is not None:
            other, lanes, by_row = self.tail
            rounded = np.where(left_over(row, lanes, by_row), other.apply(x), rounded)
        return self.limits.apply(row, rounded, parameters), parameters

    def encode(self, row: Row, values: F32, generator: Generator) -> Buffer:  # noqa: ARG002
        """Return a buffer as the rule encodes it."""
        codes, parameters = self.codes(row, values.reshape(-1))
        format_ = format_named(row.format)
        assert isinstance(format_, Quantized)
        if format_.bits < 32:  # as the type of C has them
            codes = codes & ((1 << format_.bits) - 1)
            codes = np.where(format_.signed & (codes >> (format_.bits - 1) == 1), codes - (1 << format_.bits), codes)
        return buffer_of(row, format_, codes.astype(np.int32), parameters)


def left_over(row: Row, lanes: int, by_row: bool) -> NDArray[np.bool_]:
    """Return which elements fill no whole group of lanes, counted in the whole buffer or in each row."""
    n = row.size // row.shape[0] if by_row else row.size
    at: NDArray[np.intp] = np.arange(row.size) % n
    return at >= n // lanes * lanes


# ---- Quotients: from a row and its values, what is rounded, and what is kept ----


def _groups(row: Row, n: int) -> NDArray[np.intp]:
    return row.storage.groups(row.shape).of(n)


def _absmax(row: Row, values: F32) -> tuple[F32, NDArray[np.intp]]:
    """Return the largest magnitude of each group, and the groups."""
    groups = row.storage.groups(row.shape)
    of = groups.of(values.size)
    found = np.zeros(groups.count, np.float32)
    np.maximum.at(found, of, np.abs(values))
    return found, of


def _divided(scale: Callable[[F32], Floats]) -> Quotient:
    return _by(scale, lambda values, scale, _span: values / scale)


def _by(scale: Callable[[F32], Floats], quotient: Callable[[F32, Floats, F32], Floats]) -> Quotient:
    """Return quotients from values, their scales, and the largest magnitudes of their groups."""

    def grid(row: Row, values: F32) -> tuple[Floats, QuantizationParameters]:
        span, of = _absmax(row, values)
        with np.errstate(all="ignore"):
            scales = np.where(span == 0, np.float32(1), scale(span))
            x = quotient(values, scales[of], span[of])
        return x, QuantizationParameters(scale=scales.astype(np.float32))

    return grid


def _symmetric(format_: Symmetric) -> Iterator[Choice]:
    """Return how a device may get from values to quotients where a scale comes from the largest magnitude."""
    own, bits = float(format_.steps), format_.bits
    for steps in dict.fromkeys(
        [own, format_.qmax + 0.0, format_.qmax + 0.5, format_.qmax + 1.0, 2.0 * format_.qmax + 1]
    ):
        like = None
        if isinstance(format_, Channelwise) and steps != own and steps < 2 * format_.qmax:
            like = f"int{bits}" if steps == format_.qmax else f"int{bits}/{_number(steps)}"
        by = "" if steps == own else f"the scale is absmax / {_number(steps)}, not absmax / {_number(own)}"
        for says, apply, tried in _ways(np.float32(steps)):
            text = ", and ".join(filter(None, (by, says)))
            yield Choice(text, apply, None if says else like, like, not text, tried and steps == own)
    for what, power in (("up", np.ceil), ("down", np.floor)):
        says = f"the scale is absmax / {_number(own)}, rounded {what} to a power of two"
        yield Choice(says, _divided(_to_a_power(power, np.float32(own))), tried=what == "up")


def _to_a_power(power: np.ufunc, steps: np.float32) -> Callable[[F32], Floats]:
    return lambda span: np.exp2(power(np.log2(span / steps))).astype(np.float32)


def _ways(steps: np.float32) -> Iterator[tuple[str, Quotient, bool]]:
    """Return how a scale and a quotient may be computed, and whether that is simulated without being fitted."""

    def scale(span: F32) -> Floats:
        return span / steps

    def wide(span: F32) -> Floats:
        return span.astype(np.float64) / np.float64(steps)

    def half(span: F32) -> Floats:
        return (span / steps).astype(np.float16).astype(np.float32)

    yield "", _divided(scale), False
    reciprocal = _by(scale, lambda v, s, _span: v * (np.float32(1) / s))
    yield "values are multiplied by a float32 reciprocal of the scale", reciprocal, True
    yield f"values are multiplied by float32 {_number(float(steps))} / absmax", _by(scale, _by_factor(steps)), False
    in_double = _by(scale, lambda v, s, _span: v.astype(np.float64) / s)
    yield "values are divided by a float32 scale in double", in_double, True
    yield "scales and quotients are computed in double", _divided(wide), True
    yield "scales are rounded to float16", _divided(half), True


def _by_factor(steps: np.float32) -> Callable[[F32, Floats, F32], Floats]:
    return lambda values, _scale, span: values * (steps / span)


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _fixed(factor: float, double: bool = False) -> Quotient:
    def grid(_row: Row, values: F32) -> tuple[Floats, QuantizationParameters]:
        with np.errstate(over="ignore"):
            x = values.astype(np.float64) * factor if double else values * np.float32(factor)
        return x, QuantizationParameters()

    return grid


def _in_fixed_point(format_: QFormat) -> Iterator[Choice]:
    """Return which factors a device may use for one that is a power of two."""
    n, width = format_.frac_bits, format_.qmax.bit_length() + 1
    yield Choice("", _fixed(2.0**n), planned=True)
    if n > 0:
        for double in (False, True):
            how = ", in double" if double else ""
            says = f"values are multiplied by {2**n - 1} (2^{n} - 1){how}, not by 2^{n}"
            yield Choice(says, _fixed(2.0**n - 1, double))
    for other in range(max(n - 8, -32), min(n + 8, 64) + 1):
        if other != n:
            says = f"codes have {other} fraction bits, not {n}"
            key = f"q{width - other}.{other}"
            yield Choice(says, _fixed(2.0**other), key, key, tried=key in ("q2.6", "q3.5", "q2.14", "q3.13"))


def _affine(format_: Affine) -> Iterator[Choice]:
    """Return how a device may get to quotients where a zero point is added to what is rounded."""
    for says, divided, wide in (
        ("", np.divide, False),
        ("values are multiplied by a float32 reciprocal of the scale", _times_reciprocal, False),
        ("scales and quotients are computed in double", np.divide, True),
    ):
        yield Choice(says, _spanned(format_, divided, _half_away, wide), planned=not says, tried=bool(says))
        text = ", and ".join(filter(None, (says, "zero points are rounded half to even")))
        yield Choice(text, _spanned(format_, divided, np.rint, wide))


def _times_reciprocal(values: Floats, scale: Floats) -> Floats:
    return values * (np.float32(1) / scale)


def _spanned(
    format_: Affine, divided: Callable[[Floats, Floats], Floats], nearest: Callable[[Floats], Floats], wide: bool
) -> Quotient:
    def grid(row: Row, values: F32) -> tuple[Floats, QuantizationParameters]:
        groups = row.storage.groups(row.shape)
        of, low, high = groups.of(values.size), *np.zeros((2, groups.count), np.float32)
        np.minimum.at(low, of, values)
        np.maximum.at(high, of, values)
        kind = np.float64 if wide else np.float32
        steps = kind(format_.qmax - format_.qmin)
        with np.errstate(all="ignore"):
            span = high.astype(kind) - low.astype(kind)
            scale = np.where(span == 0, kind(1), span / steps)
            zero = np.clip(nearest(divided(-low, scale)), 0, steps) + format_.qmin
            return divided(values, scale[of]), QuantizationParameters(scale.astype(np.float32), zero.astype(np.int64))

    return grid


# ---- Rounding ----


def _half_away(x: Floats) -> Floats:
    whole = np.trunc(x)
    rounded: Floats = whole + np.copysign(np.abs(x - whole) >= 0.5, x)
    return rounded


def _half(x: Floats) -> Floats:
    lifted: Floats = x + x.dtype.type(0.5)
    return lifted


ROUNDINGS = (
    Choice("half away from zero", _half_away, "half_away"),
    Choice("half to even", np.rint, "half_even"),
    Choice("towards zero", np.trunc, "truncate"),
    Choice("down", np.floor, "floor"),
    Choice("by a cast after 0.5 is added, (int)(x + 0.5)", lambda x: np.trunc(_half(x))),
    Choice("by floor(x + 0.5)", lambda x: np.floor(_half(x))),
    Choice("by ceil(x - 0.5)", lambda x: np.ceil(x - x.dtype.type(0.5))),
    Choice("up", np.ceil),
)


def _roundings(planned: str) -> list[Choice]:
    """Return the table with the rounding of the plan marked; those of model files are tried without being fitted."""
    return [replace(each, planned=each.key == planned, tried=each.key is not None) for each in ROUNDINGS]


# ---- Limits: what becomes of codes that are too large, and how they are counted ----


def _clipped(low: int, high: int) -> Callable[[Row, Floats, QuantizationParameters], Codes]:
    def limited(row: Row, rounded: Floats, parameters: QuantizationParameters) -> Codes:
        return np.clip(_counted(row, rounded, parameters), low, high).astype(np.int64)

    return limited


def _counted(row: Row, rounded: Floats, parameters: QuantizationParameters) -> Floats:
    """Return codes with their zero points, before anything limits them."""
    whole: Floats = np.clip(np.nan_to_num(rounded.astype(np.float64)), -(2.0**62), 2.0**62)
    if parameters.zero_point is not None:
        whole += parameters.zero_point[_groups(row, rounded.size)]
    return whole


def _limits(format_: Quantized) -> Iterator[Choice]:
    low, high, bits = format_.qmin, format_.qmax, format_.bits
    yield Choice("", _clipped(low, high), planned=True)
    if format_.signed:
        for least in (-high - 1, -high):
            if least != low:
                yield Choice(f"codes are clamped to {least} to {high}, not {low} to {high}", _clipped(least, high))

    def wrapped(row: Row, rounded: Floats, parameters: QuantizationParameters) -> Codes:
        codes: Codes = _counted(row, rounded, parameters).astype(np.int64) & ((1 << bits) - 1)
        return np.where(format_.signed & (codes >> (bits - 1) == 1), codes - (1 << bits), codes)

    yield Choice("codes that are too large wrap around, as a cast makes them, where they should saturate", wrapped)
    if not format_.signed:
        shift = 1 << (bits - 1)

        def signed(row: Row, rounded: Floats, parameters: QuantizationParameters) -> Codes:
            return (_clipped(low, high)(row, rounded, parameters) - shift) & ((1 << bits) - 1)

        key = f"affine_int{bits}" if bits in (4, 8, 16) else None
        yield Choice(f"codes are kept as signed integers, each {shift} less", signed, key)
    elif isinstance(format_, Symmetric | QFormat):
        half = 1 << (bits - 1)

        def lifted(row: Row, rounded: Floats, parameters: QuantizationParameters) -> Codes:
            return ((_clipped(low, high)(row, rounded, parameters) + half + half) & ((1 << bits) - 1)) - half

        yield Choice(f"codes are kept as unsigned integers, each {half} more", lifted)


# ---- The search ----


def fits(run: Run, dump: Image, wrong: Sequence[Row], thorough: bool) -> Iterator[tuple[Hypothesis, ...]]:
    """Return the rules that give every code of wrong buffers; thorough: also such as the dump supplies numbers for."""
    asked = {row.name: (row, codes) for row in wrong if (codes := _codes_of(row, dump[row.name])) is not None}
    if not asked:
        return
    found: dict[str, list[Rule]] = {}
    for name, (row, codes) in asked.items():
        found[name] = list(_rules(row, run.values[name].reshape(-1), codes, thorough))
    if not any(found.values()):
        return
    texts = [{rule.sentence: rule for rule in rules} for rules in found.values() if rules]
    common = reduce(lambda kept, each: {text: rule for text, rule in kept.items() if text in each}, texts)
    fitted = {name: {rule.sentence: rule for rule in rules} for name, rules in found.items() if rules}
    if common:
        least = min(len(rule.choices) + bool(rule.tail) for rule in common.values())
        for text, rule in list(common.items())[:MOST]:
            if len(rule.choices) + bool(rule.tail) == least:
                yield (_hypothesis({name: rules[text] for name, rules in fitted.items()}, run.account),)
    else:
        yield (_hypothesis({name: rules[0] for name, rules in found.items() if rules}, run.account),)


def _codes_of(row: Row, held: bytes) -> Codes | None:
    """Return the codes that a buffer holds, if they can be compared with known values."""
    format_ = format_named(row.format)
    if not isinstance(format_, Quantized) or row.codes is not None or not draws(row) or row.size < ENOUGH:
        return None
    if row.storage.arrangement != IN_ORDER or row.storage.rounding == "stochastic":
        return None
    if len(held) != format_.nbytes(row.size) or format_.bits > 32:
        return None
    from embinit._kernels import formats

    codes = np.empty(row.size, np.int32)
    formats.unpack(np.frombuffer(held, np.uint8).copy(), format_.bits, format_.signed, codes)
    return codes.astype(np.int64) if np.unique(codes).size >= DIFFERENT else None


def _quotients(format_: Quantized) -> Iterator[Choice]:
    if isinstance(format_, QFormat):
        yield from _in_fixed_point(format_)
    elif isinstance(format_, Symmetric):
        yield from _symmetric(format_)
    elif isinstance(format_, Affine):
        yield from _affine(format_)


def _rules(row: Row, values: F32, codes: Codes, thorough: bool) -> Iterator[Rule]:
    """Return the rules that give the codes of a buffer, those first that differ least from the plan."""
    format_ = format_named(row.format)
    assert isinstance(format_, Quantized)
    if not np.isfinite(values).all():
        return
    sample = np.unique(np.concatenate([np.arange(min(SAMPLE, row.size)), np.argsort(np.abs(values))[-SAMPLE // 2 :]]))
    found, near = list[Rule](), list[tuple[Choice, Floats, QuantizationParameters]]()
    roundings = _roundings(row.storage.rounding)
    for quotient in _quotients(format_):
        limits = list(_limits(_like(quotient, format_)))
        x, parameters = quotient.apply(row, values)
        whole = _counted(row, x, parameters)[sample]
        part = codes[sample]
        away = np.minimum(np.abs(whole - part), np.abs(np.clip(whole, format_.qmin, format_.qmax) - part))
        turn = 1 << format_.bits
        apart = np.minimum(away % turn, turn - away % turn)  # as far as wrapping around allows
        half = np.abs(apart - turn // 2)
        if (apart <= 1).mean() < NEAR and (half <= 1).mean() < NEAR:
            continue
        near.append((quotient, x, parameters))
        for rounding in roundings:
            rounded = rounding.apply(x)
            for limit in limits:
                if np.array_equal(limit.apply(row, rounded, parameters)[:SAMPLE], codes[:SAMPLE]) and np.array_equal(
                    limit.apply(row, rounded, parameters), codes
                ):
                    found.append(Rule(quotient, rounding, limit))
    found.sort(key=lambda rule: (len(rule.choices), not _simulated(rule)))
    if found and _simulated(found[0]):  # another hypothesis, or two, say the same
        return
    yield from (rule for rule in found if not _simulated(rule))
    if not found and thorough:
        yield from _mixed(row, codes, near, roundings)
        yield from _sloped(row, values, codes, format_, roundings)


def _like(quotient: Choice, format_: Quantized) -> Quantized:
    """Return the format whose range the codes of a quotient have."""
    like = format_ if quotient.like is None else format_named(quotient.like)
    assert isinstance(like, Quantized)
    return like


def _simulated(rule: Rule) -> bool:
    """Return whether other hypotheses say the same, alone or together."""
    return all(choice.tried for choice in rule.choices)


def _mixed(
    row: Row, codes: Codes, near: Sequence[tuple[Choice, Floats, QuantizationParameters]], roundings: Sequence[Choice]
) -> Iterator[Rule]:
    """Return rules by which vectors and what is left over are rounded in two ways."""
    if row.size < 2 * ENOUGH:
        return
    format_ = format_named(row.format)
    assert isinstance(format_, Quantized)
    for quotient, x, parameters in near:
        limit = next(_limits(_like(quotient, format_)))
        rounded = {each.says: limit.apply(row, each.apply(x), parameters) == codes for each in roundings}
        for lanes in LANES:
            for by_row in (False, True):
                tail = left_over(row, lanes, by_row)
                if not tail.any() or tail.all():
                    continue
                body = [each for each in roundings if rounded[each.says][~tail].all()]
                rest = [each for each in roundings if rounded[each.says][tail].all()]
                if body and rest:
                    yield Rule(quotient, body[0], limit, (rest[0], lanes, by_row))
                    return


def _sloped(row: Row, values: F32, codes: Codes, format_: Quantized, roundings: Sequence[Choice]) -> Iterator[Rule]:
    """Return rules with a factor, and an offset, for which only the dump speaks."""
    if row.size < 2 * ENOUGH:
        return
    limit = next(_limits(format_))
    for offset in (0, 1 << (format_.bits - 1), -(1 << (format_.bits - 1))):
        counted = codes - offset
        inner = (codes > codes.min()) & (codes < codes.max()) & (np.abs(values) > 0)
        for rounding in roundings:
            below, above = _reach(rounding.says)
            for factor in _factors(values[inner].astype(np.float64), counted[inner], below, above):
                text = f"values are multiplied by {factor!r}" + (f", and {offset} is added to codes" if offset else "")

                def grid(
                    _row: Row, values: F32, factor: float = factor, offset: int = offset
                ) -> tuple[Floats, QuantizationParameters]:
                    return values * np.float32(factor) + np.float32(offset), QuantizationParameters()

                rule = Rule(Choice(text, grid, free=True), rounding, limit)
                if np.array_equal(rule.codes(row, values)[0], codes):
                    yield rule
                    return


def _reach(rounding: str) -> tuple[float, float]:
    """Return how far below and above a code its quotients may lie."""
    if "0.5" in rounding or "half" in rounding:
        return (-1.0, 1.0) if "cast" in rounding else (-0.5, 0.5)
    return {"down": (0.0, 1.0), "up": (-1.0, 0.0)}.get(rounding, (-1.0, 1.0))


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


@dataclass(frozen=True)
class _Fitted:
    """An encoder: some buffers by rules of their own, all others as before."""

    rules: dict[str, Rule]
    before: Encoder

    def __call__(self, row: Row, values: F32, generator: Generator) -> Buffer:
        rule = self.rules.get(row.name)
        if rule is None:
            return self.before(row, values, generator)
        try:
            return rule.encode(row, values, generator)
        except (ValueError, OverflowError) as error:
            raise EmbinitError(f"{row.name} has no codes: {error}") from None


def _hypothesis(rules: dict[str, Rule], account: Account) -> Hypothesis:
    texts: dict[str, list[str]] = {}
    for name, rule in rules.items():
        texts.setdefault(rule.sentence, []).append(name)
    says = [f"{', '.join(names)}: {text}" if len(texts) > 1 else f"Of codes: {text}" for text, names in texts.items()]
    used = list({rule.sentence: rule for rule in rules.values()}.values())
    cost = sum(len(rule.choices) for rule in used) + sum(MIXED for rule in used if rule.tail is not None)
    cost += FREE_SLOPE * sum(rule.quotient.free for rule in used)
    line = _line(rules, account)
    return Hypothesis(Aspect.SCALE, "codes", f"{'; '.join(says)}.", _encoding(rules), line, cost, tuple(rules))


def _encoding(rules: dict[str, Rule]) -> Callable[[Account], Account]:
    return lambda account: replace(account, encoder=_Fitted(rules, account.encoder))


def _line(rules: dict[str, Rule], account: Account) -> str | None:
    """Return the keys that reproduce rules; None where a rule has none, or where other buffers would change too."""
    lines: dict[str, str] = {}
    rows = {row.name: row for row in account.rows}
    for name, rule in rules.items():
        if rule.tail is not None or any(choice.key is None for choice in rule.choices):
            return None
        for choice in rule.choices:
            part = name.rpartition(".")[2]
            key = "rounding" if choice is rule.rounding else f"{part}_format"
            if lines.setdefault(key, f'{key} = "{choice.key}"') != f'{key} = "{choice.key}"':
                return None
    alike = {row.name for row in rows.values() if row.format in {rows[name].format for name in rules} and draws(row)}
    return "\n".join(lines.values()) if alike == set(rules) else None
