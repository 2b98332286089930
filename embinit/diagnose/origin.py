"""Origin: the dialect and the seed that drew the weights of a file, if most of these are still as they were drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.seeds import ordinary_seeds
from embinit.errors import EmbinitError, listed
from embinit.fill import fill
from embinit.model import Description, Tensor
from embinit.plan import Row, in_draw_order, plan

#: The values of buffers by name, each with the names of its axes.
Held = Mapping[str, tuple[NDArray[Any], Sequence[str]]]
#: In how many buffers a seed is looked for, the fewest elements that show a seed, and the most elements that are drawn.
BUFFERS, TELLING, MOST_VALUES = 3, 4, 2**27
#: The time that any buffer takes, however small it is, as the number of elements that are drawn in it.
EACH = 2**14
#: How many seeds are tried on buffers after the first, in case the first one was changed.
FEWER = 100


@dataclass(frozen=True)
class Origin:
    """The dialect and the seed that drew a file's buffers: those that they give bit for bit, and those that differ."""

    dialect: str
    seed: int
    equal: tuple[str, ...]
    differing: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.equal) + len(self.differing)
        drawn = f"the weights are what dialect {self.dialect} draws with seed {self.seed}"
        if not self.differing:
            return f"{drawn}: all {count} tensors, bit for bit"
        differ = f"{len(self.differing)} of {count} tensors differ{'s' if len(self.differing) == 1 else ''}"
        return f"{drawn}; {differ}: {listed(self.differing)}"

    def as_json(self) -> dict[str, Any]:
        """Return the origin as plain values."""
        return asdict(self)


def origin(model: Description, held: Held, dialects: Sequence[str]) -> Origin | None:
    """Return what drew the values that a file holds, if it was the model's dialect or one of `dialects`, with the
    model's seed or one that people often choose; None if no buffer agrees.
    """
    best: Origin | None = None
    for dialect in dict.fromkeys((str(model.dialect), *dialects)):
        try:
            candidate = model if dialect == str(model.dialect) else replace(model, dialect=dialect)
            found = _in_dialect(candidate, held)
        except EmbinitError:  # the dialect has not these layers, or not these seeds
            continue
        if found is not None and (best is None or len(found.equal) > len(best.equal)):
            best = found
        if best is not None and not best.differing:
            break
    return best


def _in_dialect(model: Description, held: Held) -> Origin | None:
    rows = in_draw_order(plan(model).rows)
    drawn = [row for row in rows if row.draws != 0 and row.size >= TELLING and _values(row, held) is not None]
    for number, row in enumerate(drawn[:BUFFERS]):
        values, start = _values(row, held), plan(_until(model, row))
        seeds = _seeds(model, sum(each.size + EACH for each in start.rows))
        for seed in seeds[:FEWER] if number else seeds:
            if _equal(fill(start, seed=seed).arrays[row.name], values):
                return compared(replace(model, seed=seed), held)
    return None


def _until(model: Description, row: Row) -> Description:
    """Return the model up to the layer of a buffer, since later layers do not change the buffer."""
    last = next(i for i, layer in enumerate(model.layers) if layer.name == row.layer.name)
    return replace(model, layers=model.layers[: last + 1])


def _seeds(model: Description, size: int) -> list[int]:
    """Return the model's seed and those that people often choose; fewer if many values must be drawn for each."""
    return [model.seed, *ordinary_seeds(model.dialect, model.seed)][: max(16, MOST_VALUES // size)]


def compared(model: Description, held: Held) -> Origin:
    """Return the origin that a model is: of the buffers whose values are known, those that it gives bit for bit, and
    the others.
    """
    arrays = fill(plan(model)).arrays
    known = [tensor for tensor in model.tensors if _values(tensor, held) is not None]
    equal = [tensor.name for tensor in known if _equal(arrays[tensor.name], _values(tensor, held))]
    differing = tuple(tensor.name for tensor in known if tensor.name not in set(equal))
    return Origin(str(model.dialect), model.seed, tuple(equal), differing)


def _values(tensor: Tensor, held: Held) -> NDArray[Any] | None:
    """Return the values of a buffer in its layout; None if they are not known, or the buffer is not in float32."""
    if tensor.name not in held or tensor.format != "float32":
        return None
    values, axes = held[tensor.name]
    return laid_out(values, axes, tensor.axes, tensor.shape)


def laid_out(
    values: NDArray[Any], given: Sequence[str], axes: Sequence[str], shape: Sequence[int]
) -> NDArray[Any] | None:
    """Return values with their axes, which `given` names, in the order of `axes`; None if they do not fit the shape.

    >>> laid_out(np.array([[1.0, 2.0]]), ("out", "in"), ("in", "out"), (2, 1)).tolist()
    [[1.0], [2.0]]
    """
    plain = [axis.removeprefix("kernel_") for axis in axes]
    if "multiplier" in plain:  # Keras' depthwise kernels, whose channels have one output each
        given = ["multiplier" if axis == "in" else axis for axis in given]
    if sorted(plain) == sorted(given):
        values = values.transpose([list(given).index(axis) for axis in plain])
    return np.ascontiguousarray(values, np.float32) if values.shape == tuple(shape) else None


def _equal(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None or one.shape != other.shape or one.dtype != np.float32:
        return False
    return bool(np.array_equal(one.view(np.uint32), other.view(np.uint32)))
