"""What a buffer format declares: its codes, its bytes, and how its grids are derived."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError, is_integer, shown
from embinit.formats.rounding import MODES, ROUNDINGS, Rounding
from embinit.support import Support

F32 = NDArray[np.float32]

#: What scales are derived from; see `Quantized.scaling`.
Scaling = Literal["name", "magnitude", "range", "values"]

#: From how many elements several threads encode an array that has one grid.
ENOUGH = 2**21
#: The bits of infinity; those of a NaN are larger.
INFINITE = np.uint32(0x7F800000)


@dataclass(frozen=True)
class Groups:
    """Which elements share a grid: in storage order come `run` elements of each of `count` groups in turn. turn: how
    many groups take turns, `rounds` times, before the next ones do; None if all of them do.

    >>> Groups(4, 1, turn=2, rounds=3).of(14).tolist()
    [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 0, 1]
    """

    count: int
    run: int
    turn: int | None = None
    rounds: int = 1

    def of(self, n: int) -> NDArray[np.intp]:
        """Return the groups of n elements."""
        return self.at(np.arange(n))

    def at(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the groups of the elements at some places."""
        if self.count == 1:
            return np.zeros(places.size, np.intp)
        runs = self.spread(np.arange(self.count))
        return runs[places // self.run % runs.size]

    def times(self, count: int, n: int) -> "Groups | None":
        """Return the groups of `count` arrays of n elements, one after the other and each with groups of its own; None
        if there is no such pattern.

        >>> Groups(2, 1).times(2, 4).of(8).tolist()
        [0, 1, 0, 1, 2, 3, 2, 3]
        """
        repeats = n // (self.count * self.run * self.rounds)
        if repeats == 1:
            return Groups(count * self.count, self.run, self.turn or self.count, self.rounds)
        return Groups(count * self.count, self.run, self.count, repeats) if self.rounds == 1 else None

    def spread(self, per_group: NDArray[Any]) -> NDArray[Any]:
        """Return the values of groups, run by run, until the groups repeat."""
        if self.rounds == 1 or per_group.size != self.count:
            return per_group
        return np.repeat(per_group.reshape(-1, 1, self.turn or self.count), self.rounds, axis=1).reshape(-1)

    def largest(self, per_run: NDArray[Any]) -> NDArray[Any]:
        """Return the largest value of each group from the largest values of its runs."""
        if self.rounds == 1:
            return per_run
        return np.ascontiguousarray(per_run.reshape(-1, self.rounds, self.turn or self.count).max(axis=1).reshape(-1))


class QuantizationParameters(NamedTuple):
    """What a device keeps besides the codes, one value per group; None if the format has no such thing."""

    scale: F32 | None = None
    zero_point: NDArray[Any] | None = None
    exponents: NDArray[np.uint8] | None = None


class Grid(NamedTuple):
    """How values map to codes, one grid per group: code = round(v / scale - offset) + zero. offset and zero are empty
    if a format has none.
    """

    scale: F32
    offset: F32 = np.empty(0, np.float32)
    zero: NDArray[np.int32] = np.empty(0, np.int32)

    def spread(self, groups: Groups) -> "Grid":
        """Return the grids run by run, until the groups repeat."""
        return Grid(*map(groups.spread, self))


class CFamily(NamedTuple):
    """What encodes a format in C: the suffix of its embinit_family_, two numbers that it reads, and its header.

    header: a name for one of the C library, a path for one of your own.
    """

    name: str
    width: int
    part: int = 0
    header: str | Path = "embinit_store.h"


class Encoded(NamedTuple):
    """Flat elements or a packed payload, what the device keeps besides them, and how many elements saturated."""

    data: NDArray[Any]
    parameters: QuantizationParameters
    clipped: int


@dataclass(frozen=True)
class Format(ABC):
    """A buffer format: its name, and the bits that one element takes in memory."""

    name: str
    bits: int

    #: What may share a grid, besides the whole buffer.
    grouping: ClassVar[Literal["none", "groups", "channels"]] = "none"
    #: How values are rounded unless a model says otherwise.
    default_rounding: ClassVar[str] = "half_away"
    #: The roundings that it has; a model that names another one is refused.
    roundings: ClassVar[tuple[str, ...]] = ROUNDINGS
    #: Whether codes are a stream of bits without gaps; otherwise each element is a type of C.
    packed: ClassVar[bool] = False

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The type of the data's elements, little endian; uint8 if codes are packed."""

    @property
    def ctype(self) -> str:
        """The C type of the data's elements."""
        return f"{self.dtype.name}_t"

    @property
    def c_family(self) -> CFamily | None:
        """What encodes the format on the device; None where no C does."""
        return None

    @abstractmethod
    def encoded(self, values: F32, groups: Groups, rounding: Rounding) -> Encoded:
        """Return what the device holds of flat values."""

    @abstractmethod
    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:
        """Write the flat values that elements stand for to out."""

    def nbytes(self, n: int) -> int:
        """Return how many bytes the payload of n elements takes."""
        return -(-n * self.bits // 8)

    def check(self, given: Support) -> None:  # noqa: B027 (not every format refuses a value)
        """Raise EmbinitError if the format may have no code for values like these, as far as that is known."""

    def draws(self, n: int, rounding: str, groups: int = 1) -> int:  # noqa: ARG002 (some formats draw for groups too)
        """Return the number of words that encoding n elements draws."""
        return n if rounding == "stochastic" else 0

    def groups(
        self,
        shape: tuple[int, ...],
        group_size: int | None = None,
        channel_axis: int | None = None,
        channel_groups: int = 1,
    ) -> Groups:
        """Return how the elements of an array share grids, or raise EmbinitError if they cannot. channel_groups: how
        many equal parts the axis before channel_axis has, each with channels of its own.
        """
        n = math.prod(shape)
        if group_size is not None:
            self._check_grouping("group_size", group_size, "groups")
        if channel_axis is not None:
            self._check_grouping("channel_axis", channel_axis, "channels")
        if not is_integer(channel_groups) or channel_groups < 1:
            raise EmbinitError(f"channel_groups must be a positive integer, got {shown(channel_groups)}")
        if channel_groups > 1 and channel_axis is None:
            raise EmbinitError(f"channel_groups goes with channel_axis, which is not given, got {channel_groups}")
        if group_size is not None:
            if not is_integer(group_size) or group_size < 1 or n % group_size:
                raise EmbinitError(f"group_size must divide the {n} elements of the array, got {shown(group_size)}")
            return Groups(n // group_size, group_size)
        if channel_axis is not None:
            if not is_integer(channel_axis) or not 0 <= channel_axis < len(shape):
                allowed = f"an axis of the array, 0 to {len(shape) - 1}" if shape else "None for an array without axes"
                raise EmbinitError(f"channel_axis must be {allowed}, got {shown(channel_axis)}")
            turn, run = shape[channel_axis], math.prod(shape[channel_axis + 1 :])
            if channel_groups == 1:
                return Groups(turn, run)
            before = shape[channel_axis - 1] if channel_axis else 1
            if before % channel_groups:
                raise EmbinitError(f"channel_groups must divide the {before} before channel_axis, got {channel_groups}")
            return Groups(turn * channel_groups, run, turn, before // channel_groups)
        return Groups(1, n)

    def _check_grouping(self, what: str, value: object, grouping: str) -> None:
        instead = {
            "none": "it has nothing that groups could differ in",
            "groups": "give group_size = elements / channels for one grid per channel",
            "channels": "give channel_axis for one grid per channel",
        }[self.grouping]
        if self.grouping != grouping:
            raise EmbinitError(f"{self.name} takes no {what}: {instead}; got {what}={shown(value)}")


@dataclass(frozen=True)
class Quantized(Format):
    """A format that holds codes: integers from qmin to qmax that count the steps of their group's grid."""

    qmin: int
    qmax: int

    roundings: ClassVar[tuple[str, ...]] = MODES
    #: Whether a quotient outside qmin to qmax counts as clipped even if rounding brings it inside.
    limited: ClassVar[bool] = False
    #: Whether the scales are not those of the values but of the layer's weight, times that of its input.
    of_weight: ClassVar[bool] = False
    #: Whether a code times a scale, or times the step that the name says, is its value.
    symmetric: ClassVar[bool] = False
    #: What the scales are derived from, so that quantizers may derive them in another way: "name", the step that the
    #: name says; "magnitude", absmax / divisor; "range", (max - min) / divisor, with a zero point; "values", as only
    #: `parameters` knows. A class with `parameters` of its own has "values" unless it says otherwise.
    scaling: ClassVar[Scaling] = "values"
    #: Whether a zero point is the code of 0, added after rounding, or the minimum in steps, subtracted before.
    zero_point_is_code: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "parameters" in vars(cls) and "scaling" not in vars(cls):
            cls.scaling = "values"

    @property
    def keeps_scales_alone(self) -> bool:
        """Whether values are codes times scales, which the device keeps and which are those of the values."""
        return self.symmetric and self.scaling != "name" and not self.of_weight

    @property
    def divisor(self) -> float:
        """By what the largest magnitude of a group, or its span, is divided to get its scale."""
        return float(self.qmax - self.qmin)

    def variant(self, key: str, value: float) -> str | None:  # noqa: ARG002 (for those that have some)
        """Return the name of the format that does by itself what this one does with a quantizer of one key: "steps",
        "factor" or "offset"; None if there is none.
        """
        return None

    @property
    def step(self) -> float:
        """The step between two codes where the name says it, else 0."""
        return 0.0

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the data's elements, little endian; uint8 if codes are packed."""
        return np.dtype("u1") if self.packed else np.dtype(f"<i{self.bits // 8}")

    @property
    def signed(self) -> bool:
        """Whether codes are two's complement."""
        return self.qmin < 0

    def check(self, given: Support) -> None:
        """Raise EmbinitError if the format may have no code for values like these, as far as that is known."""
        if not given.finite:
            raise EmbinitError(
                f"{self.name} has no code for inf or nan, which values like these may be, and C leaves their "
                "conversion to an integer undefined; take smaller parameters, or keep float32"
            )

    @abstractmethod
    def parameters(self, values: F32, groups: Groups, rounding: Rounding) -> QuantizationParameters:
        """Return what the device keeps besides the codes, derived from flat values."""

    @abstractmethod
    def grid(self, parameters: QuantizationParameters) -> Grid:
        """Return the grids that parameters describe."""

    def encoded(self, values: F32, groups: Groups, rounding: Rounding) -> Encoded:
        """Return the codes of flat values, with the parameters that are derived from these."""
        parameters = self.parameters(values, groups, rounding)
        payload, clipped = self.codes(values, groups, parameters, rounding)
        return Encoded(payload if self.packed else payload.view(self.dtype), parameters, clipped)

    def codes(
        self, values: F32, groups: Groups, parameters: QuantizationParameters, rounding: Rounding
    ) -> tuple[NDArray[np.uint8], int]:
        """Return the payload, and how many codes were clipped."""
        from embinit._kernels import formats
        from embinit.threads import each, parts

        payload = np.empty(self.nbytes(values.size), np.uint8)
        low, high = _outermost(self.qmin, self.qmax)
        grid, how = self.grid(parameters).spread(groups), rounding.arguments

        def encode(part: slice) -> int:
            bytes_ = payload[part.start * self.bits // 8 :]
            return formats.encode(
                *how, values[part], groups.run, *grid, low, high, self.qmin, self.qmax, self.limited, self.bits, bytes_
            )

        together = values.size < ENOUGH or groups.count > 1 or how[0] == formats.STOCHASTIC
        clipped = encode(slice(0, values.size)) if together else sum(each(encode, parts(values.size)))
        rounding.drew(values.size)
        if clipped and np.isnan(values.max()):  # the kernels count NaN as clipped, and max passes it on
            refuse(self.name, values, np.isnan(values))
        return payload, clipped

    def decode(self, data: NDArray[Any], groups: Groups, parameters: QuantizationParameters, out: F32) -> None:
        """Write the values that codes stand for to out, as the device computes them from codes and grids."""
        from embinit._kernels import formats

        payload = np.require(data, requirements=["C", "A", "W"]).reshape(-1).view(np.uint8)
        grid = self.grid(parameters)
        if grid.scale.size != groups.count:  # of a Buffer that does not say its groups
            groups = Groups(grid.scale.size, out.size // grid.scale.size)
        formats.decode(
            formats.width_of(self.bits), payload, self.bits, self.signed, groups.run, *grid.spread(groups), out
        )


@cache
def _outermost(qmin: int, qmax: int) -> tuple[np.float32, np.float32]:
    """Return the smallest and the largest float32 whose integer part lies within qmin to qmax."""
    below, above = np.float32(qmin - 1), np.float32(qmax + 1)
    below = below if int(below) < qmin else np.nextafter(below, np.float32(-np.inf))
    above = above if int(above) > qmax else np.nextafter(above, np.float32(np.inf))
    return np.nextafter(below, np.float32(0)), np.nextafter(above, np.float32(0))


@dataclass(frozen=True)
class Family:
    """Formats that share a name pattern, as users read about them (SPEC.md, section "Formats").

    bits: of an element. codes: the smallest and the largest, and their layout in memory. grid: what the codes are steps
    of. beside: what the device keeps besides the codes. draws: the words of stochastic rounding for n elements. zeros,
    one, infinity and nan: what happens to a buffer of zeros, to one element, to an infinity and to a NaN.
    """

    name: str
    bits: str
    summary: str
    codes: str
    grid: str
    beside: str = "nothing"
    draws: str = "n"
    zeros: str = "codes 0, scale 1"
    one: str = "code qmax, or -qmax of a negative one"
    infinity: str = "an error"
    nan: str = "an error"


#: Families, each with the regular expression of its names and the function that builds a format from a name and its
#: numbers.
Families = dict[Family, tuple[str, Callable[..., Format]]]

#: The regular expression of a number in a format's name.
NUMBER = r"(0|[1-9]\d{0,2})"


def check_width(name: str, what: str, value: int, low: int, high: int, why: str = "") -> None:
    """Raise EmbinitError if a number in a format's name is out of range."""
    if not low <= value <= high:
        raise EmbinitError(f"{what} of {name} must be {low} to {high}{why and f' ({why})'}, got {value}")


def largest(name: str, values: F32, groups: Groups) -> F32:
    """Return the largest magnitude of each group, or raise EmbinitError if a value is not finite."""
    from embinit._kernels import formats

    bits = np.empty(groups.count * groups.rounds, np.uint32)
    formats.absmax(values.view(np.uint32), groups.run, bits)
    if bits.max() >= INFINITE:
        refuse(name, values, ~np.isfinite(values))
    return groups.largest(bits).view(np.float32)


def extremes(name: str, values: F32, groups: Groups) -> tuple[F32, F32]:
    """Return the smallest and the largest value of each group, or raise EmbinitError if a value is not finite."""
    from embinit._kernels import formats

    low, high = np.empty(groups.count, np.float32), np.empty(groups.count, np.float32)
    formats.extremes(values.view(np.int32), groups.run, low.view(np.int32), high.view(np.int32))
    if not (np.isfinite(low) & np.isfinite(high)).all():
        refuse(name, values, ~np.isfinite(values))
    return low, high


def refuse(name: str, values: F32, bad: NDArray[np.bool_]) -> None:
    """Raise EmbinitError with the first bad value."""
    at = int(np.flatnonzero(bad)[0])
    raise EmbinitError(
        f"{name} has no code for {values[at]}, at element {at}, and C leaves its conversion to an integer undefined; "
        "mend the values first, or keep float32"
    )


def check_scale(name: str, least: float, steps: float) -> None:
    """Raise EmbinitError if the smallest span of values other than 0 has no scale."""
    if steps and least / abs(steps) <= 2.0**-150:
        raise EmbinitError(
            f"{name} needs a scale above 0, and that of a group of values as small as {least:.3g} underflows, which "
            "values like these may be; scale them up, take fewer bits, or keep float32"
        )


def scale_of(name: str, span: F32, steps: float) -> F32:
    """Return fl(span / fl(steps)), and 1 for a span of 0. A scale that underflows to 0 is an error, because a quotient
    by it has no code. An infinite scale is allowed: every code is 0.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        scale: F32 = span / np.float32(steps)
    if not span.all():
        scale[span == 0] = 1
    if not scale.all():
        lost = np.flatnonzero(scale == 0)
        raise EmbinitError(
            f"{name} needs a scale above 0, and that of group {lost[0]} underflows, got values that span "
            f"{span[lost[0]]}; scale the values up, take fewer bits, or keep float32"
        )
    return scale
