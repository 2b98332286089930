"""Memory: mistakes between draw and memory, in layouts, literals and byte order."""

from collections.abc import Iterator, Sequence
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
    """Yield the mistakes that can happen to values after they are drawn."""
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
            turns = any(row.order.turns > 1 for row in weights)  # rows that take turns have one order of draws
            for text, change, key in (
                ("stored transposed", held, "weight_layout"),
                *([] if turns else [("drawn in another layout", drawn, "draws")]),
            ):
                yield Hypothesis(
                    Aspect.LAYOUT, "layout", f"The weights are {text}: {what}.", transform(change),
                    told=partial(_axes_line, layout=layout, key=key),
                )  # fmt: skip


def _axes_line(model: Description, layout: "_Layout", key: str) -> Lines:
    """Return the lines with the layout of each layer's weight, under a key that is weight_layout or draws."""

    def line(tensors: list[Tensor]) -> str | None:
        for tensor in tensors:
            if tensor.part == "weight" and "in" in tensor.axes:
                return f"{key} = {toml([file_name(tensor.axes[axis]) for axis in layout.of(tensor)])}"
        return None

    return each_layer(model, line)


@dataclass(frozen=True)
class _Layout:
    """An order of a weight's axes. turned: whether weights with another number of axes have in and out exchanged."""

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


#: Forms of literals, the likely ones first, and words for them.
FORMS = {
    "float16": "rounded to float16",
    "bfloat16_truncated": "truncated to bfloat16: the low 16 bits are 0",
    "bfloat16": "rounded to bfloat16",
    **{f"%.{digits}f": f'written as "%.{digits}f" literals' for digits in (6, 4, 5, 7, 8)},
    **{f"%.{digits}g": f'written as "%.{digits}g" literals' for digits in (6, 7, 8)},
}


def _literals() -> Iterator[Hypothesis]:
    for form, says in FORMS.items():
        yield Hypothesis(
            Aspect.LITERALS, "literals", f"The values were {says}.", stored(partial(_through, form)),
            told=partial(each_layer, line=partial(_literals_line, form)),
        )  # fmt: skip


def _through(form: str, storage: Storage) -> Storage:
    return replace(storage, literals=form) if storage.format == "float32" else storage


def _literals_line(form: str, tensors: list[Tensor]) -> str | None:
    return f'literals = "{form}"' if any(each.format == "float32" for each in tensors) else None
