"""Rules: how devices get from values to codes, as tables of what they may do differently.

A rule is a choice of a quotient, of a rounding, and of what happens to codes out of range. A model file expresses it by
a format, a rounding and a quantizer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from math import frexp
from typing import Any

from embinit.formats import LOOSE, Quantized
from embinit.formats.base import Scaling
from embinit.formats.quantizer import Quantizer
from embinit.formats.storage import Storage


@dataclass(frozen=True)
class Choice:
    """One entry of a table of rules, in words, and the keys of a quantizer, the format or the rounding that it changes.

    planned: whether it is what the plan does. tried: whether other hypotheses simulate it. free: whether it has a
    number that the dump itself supplied.
    """

    says: str
    told: Mapping[str, Any] = field(default_factory=dict)
    format: str | None = None
    rounding: str | None = None
    planned: bool = False
    tried: bool = False
    free: bool = False

    @cached_property
    def quantizer(self) -> Quantizer:
        """The quantizer that differs in this choice alone."""
        return Quantizer(**self.told)


@dataclass(frozen=True)
class Rule:
    """The choices of quotient, rounding and range by which a value becomes a code. tail: the rounding of elements that
    fill no whole vector, how many elements a vector has, and whether vectors begin again in each row.
    """

    quotient: Choice
    rounding: Choice
    limits: Choice
    tail: tuple[Choice, int, bool] | None = None

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices that differ from the plan."""
        return tuple(each for each in (self.quotient, self.rounding, self.limits) if not each.planned)

    @property
    def simulated(self) -> bool:
        """Whether other hypotheses, alone or together, do the same."""
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
        """Return how a device with this rule stores a buffer, given how the plan stores it."""
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


# ---- Quotients ----


@lru_cache
def quotients(format_: Quantized) -> tuple[Choice, ...]:
    """Return the ways in which a device may compute the quotients that it rounds to codes, the planned way first."""
    return tuple(WAYS_OF[format_.scaling](format_))


#: How a scale and a quotient may be computed, in words and as keys of a quantizer, and whether other hypotheses
#: simulate it.
WAYS: tuple[tuple[str, Mapping[str, Any], bool], ...] = (
    ("", {}, False),
    ("values are multiplied by a float32 reciprocal of the scale", {"quotient": "reciprocal"}, True),
    ("values are multiplied by float32 {steps} / absmax", {"quotient": "multiply"}, False),
    ("values are divided by a float32 scale in double", {"quotient": "double"}, True),
    ("scales and quotients are computed in double", {"scale": "double"}, True),
    ("scales are rounded to float16", {"scale": "float16"}, True),
)


def _by_magnitude(format_: Quantized) -> Iterator[Choice]:
    """Yield how a device may compute quotients if a scale comes from the largest magnitude."""
    own = format_.divisor
    largest = float(format_.qmax)
    for steps in dict.fromkeys([own, largest, largest + 0.5, largest + 1, 2 * largest + 1]):
        like = None if steps == own else format_.variant("steps", steps)
        told = {} if steps == own or like else {"steps": steps}
        by = "" if steps == own else f"the scale is absmax / {_number(steps)}, not absmax / {_number(own)}"
        for says, way, tried in WAYS:
            text = ", and ".join(filter(None, (by, says.format(steps=_number(steps)))))
            yield Choice(text, {**told, **way}, like, None, not text, tried and steps == own)
    for what, kind in (("up", "power_of_two"), ("down", "power_of_two_below")):
        says = f"the scale is absmax / {_number(own)}, rounded {what} to a power of two"
        yield Choice(says, {"scale": kind}, tried=what == "up")


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _by_name(format_: Quantized) -> Iterator[Choice]:
    """Yield the factors that a device may use instead of one that is a power of two."""
    fraction, exponent = frexp(1 / format_.step)
    n = exponent - 1
    yield Choice("", planned=True)
    if fraction != 0.5:
        return
    if n > 0:
        for double in (False, True):
            how = ", in double" if double else ""
            says = f"values are multiplied by {2**n - 1} (2^{n} - 1){how}, not by 2^{n}"
            yield Choice(says, {"factor": 2.0**n - 1, **({"quotient": "double"} if double else {})})
    for other in range(max(n - 8, -32), min(n + 8, 64) + 1):
        if other != n:
            says = f"codes have {other} fraction bits, not {n}"
            like = format_.variant("factor", 2.0**other)
            told = {} if like else {"factor": 2.0**other}
            yield Choice(says, told, like, tried=like in ("q2.6", "q3.5", "q2.14", "q3.13"))


def _by_range(_format: Quantized) -> Iterator[Choice]:
    """Yield how a device may compute quotients if a zero point is added to what is rounded."""
    for says, told in (
        ("", {}),
        ("values are multiplied by a float32 reciprocal of the scale", {"quotient": "reciprocal"}),
        ("scales and quotients are computed in double", {"scale": "double"}),
    ):
        yield Choice(says, told, planned=not says, tried=bool(says))
        for zero, what in (("half_even", "half to even"), ("half_away", "half away from zero")):
            text = ", and ".join(filter(None, (says, f"zero points are rounded {what}")))
            yield Choice(text, {**told, "zero_point_rounding": zero})


def _by_values(_format: Quantized) -> Iterator[Choice]:
    """Return the planned way alone: nothing else is known of the scales."""
    yield Choice("", planned=True)


#: The function that yields how a device may compute quotients, by what the format's scales are derived from.
WAYS_OF: Mapping[Scaling, Callable[[Quantized], Iterator[Choice]]] = {
    "name": _by_name,
    "magnitude": _by_magnitude,
    "range": _by_range,
    "values": _by_values,
}


def takes_factors(format_: Quantized) -> bool:
    """Return whether a quantizer may multiply the values of a format by any number."""
    return format_.symmetric and format_.scaling in ("name", "magnitude")


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
#: How far below and above a code the quotients that become it may be.
REACH = {
    "half_away": (-0.5, 0.5), "half_even": (-0.5, 0.5), "half_up": (-0.5, 0.5), "half_down": (-0.5, 0.5),
    "floor": (0.0, 1.0), "ceil": (-1.0, 0.0),
}  # fmt: skip


def roundings(planned: str) -> list[Choice]:
    """Return all roundings, that of the plan marked as such; other hypotheses simulate those that formats have."""
    return [
        Choice(says, rounding=mode, planned=mode == planned, tried=mode not in LOOSE) for mode, says in SAYS.items()
    ]


# ---- Limits ----


@lru_cache
def limits(format_: Quantized) -> tuple[Choice, ...]:
    """Return the ways in which a device may treat codes that are out of range, and the ranges that it may have, the
    planned one first.
    """
    return tuple(_limited(format_))


def _limited(format_: Quantized) -> Iterator[Choice]:
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
        like = format_.variant("offset", -half)
        told = {} if like else {"offset": -half}
        yield Choice(f"codes are kept as signed integers, each {half} less", told, like)
    else:
        yield Choice(f"codes are kept as unsigned integers, each {half} more", {"offset": half})


def multiplied(factor: float, offset: int) -> Choice:
    """Return the choice of a factor, and of an offset that is then added to codes, which only the dump suggests."""
    added = f", and {offset} is added to codes" if offset else ""
    told = {"factor": factor, **({"offset": offset} if offset else {})}
    return Choice(f"values are multiplied by {factor!r}{added}", told, free=True)
