"""What a batch of seeds keeps in its buffers. If rounding draws nothing, a buffer is encoded for all seeds at once."""

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.formats.rounding import Rounding
from embinit.generator import Generator
from embinit.plan import Plan, Row
from embinit.store import Buffer, by_scales, coded, decoded, encoded, in_order_of_scales, saturated, scaled

Stack = NDArray[Any]


class Drawn(NamedTuple):
    """What a batch of seeds draws.

    stacks: an array for each buffer, whose first axis is the seed. rounding: for each buffer whose rounding draws, the
    generators that it draws from, one for each seed. unmoved: a generator for roundings that draw nothing.
    """

    stacks: dict[str, Stack]
    rounding: dict[str, list[Generator]]
    unmoved: Generator


class Held(NamedTuple):
    """What a batch of seeds keeps in a buffer: the values that its codes stand for, how many elements saturated with
    each seed, and the scales of each seed, if the format has scales.
    """

    values: Stack
    clipped: NDArray[np.int64]
    scales: NDArray[np.float32] | None


def held(plan: Plan, drawn: Drawn) -> dict[str, Held]:
    """Return what the seeds of a batch keep in each buffer."""
    found: dict[str, Held] = {}
    for row in in_order_of_scales(plan.rows):
        if row.same_as is not None:
            found[row.name] = found[row.same_as]
            continue
        scales = None
        if row.storage.input_scale is not None:
            of_weight = found[f"{row.layer.name}.weight"].scales
            assert of_weight is not None
            scales = np.float32(row.storage.input_scale) * of_weight
        found[row.name] = _held(row, drawn, scales)
    return {row.name: found[row.name] for row in plan.rows}


def _held(row: Row, drawn: Drawn, scales: Stack | None) -> Held:
    stack = drawn.stacks[row.name]
    count = len(stack)
    if row.codes is not None:
        codes = saturated(stack, row.format)
        return Held(codes.decode(), np.count_nonzero((codes.data != stack).reshape(count, -1), axis=1), None)
    if row.format == "float32" and row.storage.literals is None:
        return Held(stack, np.zeros(count, np.int64), None)
    together = _together(row, stack, scales, drawn.unmoved) if row.name not in drawn.rounding else None
    if together is not None:
        return together
    generators = drawn.rounding.get(row.name, [drawn.unmoved] * count)
    each = repeat(None) if scales is None else scales
    buffers = [_alone(row, *seed) for seed in zip(stack, each, generators, strict=False)]
    found = [buffer.scale for buffer in buffers if buffer.scale is not None]
    return Held(
        np.stack([buffer.decode() for buffer in buffers]),
        np.array([buffer.clipped for buffer in buffers]),
        np.stack(found) if found else None,
    )


def _alone(row: Row, array: Stack, scales: Stack | None, generator: Generator) -> Buffer:
    """Return the buffer of one seed."""
    try:
        if scales is not None:
            return by_scales(row, array, scales, generator)
        return encoded(array, row.storage, generator)
    except EmbinitError as error:
        raise EmbinitError(f"{row.place}: {error}") from None


def _together(row: Row, stack: Stack, scales: Stack | None, unmoved: Generator) -> Held | None:
    """Return what all seeds keep in a buffer, encoded at once, or None if each seed must be encoded alone. The values
    may take the memory of the stack.
    """
    count, storage = len(stack), row.storage
    if storage.format == "float64" or (storage.quantizer is not None and storage.quantizer.tail is not None):
        return None
    groups = storage.groups(row.shape).times(count, row.size)
    if groups is None:
        return None
    mode = Rounding(storage.rounding, unmoved)
    try:
        if scales is None:
            data, parameters, clipped = coded(stack, storage, groups, mode)
        else:
            of_each = np.broadcast_to(scales, (count, row.size)).reshape(-1)
            data, parameters, clipped = scaled(stack, row, of_each, mode)
    except EmbinitError:  # which seed it is shows when each is encoded alone
        return None
    of_groups = all(kept is None or kept.size == groups.count for kept in parameters)
    if clipped or not (of_groups or scales is not None):
        return None
    out = stack if stack.dtype == np.float32 else np.empty(stack.shape, np.float32)
    values = decoded(data, storage.kind, storage.quantizer, groups, parameters, out)
    kept = None if parameters.scale is None else parameters.scale.reshape(count, -1)
    return Held(values, np.zeros(count, np.int64), kept)
