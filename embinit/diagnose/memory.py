"""Mistakes between draw and memory: layouts, literals and byte order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

import numpy as np

from embinit.departures import file_name
from embinit.diagnose.account import F32, Transform
from embinit.diagnose.hypothesis import Aspect, Hypothesis, stored, transform
from embinit.diagnose.pasting import Lines, each_layer
from embinit.formats.storage import Storage
from embinit.model import Description, Tensor
from embinit.plan import Row
from embinit.toml import toml


def in_memory(planned: Sequence[Row]) -> Iterator[Hypothesis]:
    """Return the mistakes that can happen to values after they are drawn."""
    yield from _layouts(planned)
    yield from _literals()
    sentence = "The bytes of every element are in big-endian order."
    yield Hypothesis(Aspect.BYTE_ORDER, "byte order", sentence, stored(_big_endian), 'byte_order = "big"')


def _big_endian(storage: Storage) -> Storage:
    return replace(storage, arrangement=replace(storage.arrangement, byte_order="big"))


def _layouts(planned: Sequence[Row]) -> Iterator[Hypothesis]:
    weights = [row for row in planned if "in" in row.axes]
    if not weights:
        return
    example = max(weights, key=lambda row: len(row.axes))
    for order in permutations(range(len(example.axes))):
        names = [example.axes[axis] for axis in order]
        turned = (names.index("in") < names.index("out")) != (example.axes.index("in") < example.axes.index("out"))
        layout = _Layout(order, turned)
        what = f"{example.name} as [{', '.join(names)}], not [{', '.join(example.axes)}]"
        if tuple(names) != example.axes:
            held, drawn = Transform(layout.apply, layout.revert, moves=True), Transform(layout.revert, layout.apply)
            for text, change, key in (
                ("stored transposed", held, "weight_layout"),
                ("drawn in another layout", drawn, "draws"),
            ):
                yield Hypothesis(
                    Aspect.LAYOUT, "layout", f"The weights are {text}: {what}.", transform(change),
                    told=partial(_axes_line, layout=layout, key=key),
                )  # fmt: skip


def _axes_line(model: Description, layout: "_Layout", key: str) -> Lines:
    """Return the lines that say the layout of each layer's weight."""

    def line(tensors: list[Tensor]) -> str | None:
        for tensor in tensors:
            if tensor.part == "weight" and "in" in tensor.axes:
                return f"{key} = {toml([file_name(tensor.axes[axis]) for axis in layout.of(tensor)])}"
        return None

    return each_layer(model, line)


@dataclass(frozen=True)
class _Layout:
    """An order of a convolution's axes; turned: whether in and out change places in weights of another rank."""

    order: tuple[int, ...]
    turned: bool

    def of(self, row: Tensor) -> tuple[int, ...]:
        """Return the order of a buffer's axes."""
        order = list(range(len(row.shape)))
        if "in" not in row.axes:
            return tuple(order)
        if len(order) == len(self.order):
            return self.order
        if self.turned:
            inputs, outputs = row.axes.index("in"), row.axes.index("out")
            order[inputs], order[outputs] = outputs, inputs
        return tuple(order)

    def apply(self, row: Row, values: F32) -> F32:
        """Return the values in the order of the permuted array."""
        return np.ascontiguousarray(values.reshape(row.shape).transpose(self.of(row))).reshape(row.shape)

    def revert(self, row: Row, values: F32) -> F32:
        """Return the values whose permuted array has the given order."""
        order = self.of(row)
        permuted = values.reshape([row.shape[axis] for axis in order])
        return np.ascontiguousarray(permuted.transpose(np.argsort(order)))


#: 24 significant bits times the 28 of 5^12 are exact in float64, so rounding to decimals gives what printf prints.
MAX_DECIMALS = 12


def _literals() -> Iterator[Hypothesis]:
    forms: list[tuple[str, Callable[[F32], F32]]] = [
        ("rounded to float16", _half),
        ("truncated to bfloat16: the low 16 bits are 0", lambda values: _brain(values, rounded=False)),
        ("rounded to bfloat16", lambda values: _brain(values, rounded=True)),
    ]
    forms += [(f'written as "%.{digits}f" literals', _printed(_fixed, digits)) for digits in (6, 4, 5, 7, 8)]
    forms += [(f'written as "%.{digits}g" literals', _printed(_significant, digits)) for digits in (6, 7, 8)]
    for text, form in forms:
        yield Hypothesis(Aspect.LITERALS, "literals", f"The values were {text}.", transform(_on_floats(form)))


def _on_floats(form: Callable[[F32], F32]) -> Transform:
    return Transform(lambda row, values: form(values) if row.format == "float32" else values, elementwise=True)


def _printed(form: Callable[[F32, int], F32], digits: int) -> Callable[[F32], F32]:
    return lambda values: form(values, digits)


def _half(values: F32) -> F32:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def _brain(values: F32, rounded: bool) -> F32:
    bits = values.view(np.uint32)
    nearest = np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1)) if rounded else np.uint32(0)
    return (bits + nearest & np.uint32(0xFFFF0000)).view(np.float32)


def _fixed(values: F32, decimals: int) -> F32:
    return (np.rint(values.astype(np.float64) * 10.0**decimals) / 10.0**decimals).astype(np.float32)


def _significant(values: F32, digits: int) -> F32:
    wide = np.abs(values.astype(np.float64))
    written, rest = np.copy(values), wide > 0
    for decimals in range(MAX_DECIMALS + 1):
        decade = (wide >= 10.0 ** (digits - 1 - decimals)) & (wide < 10.0 ** (digits - decimals))
        written[decade] = _fixed(values[decade], decimals)
        rest &= ~decade
    written[rest] = [float(f"{value:.{digits}g}") for value in values[rest].tolist()]
    return written
