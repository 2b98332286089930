"""Departures: what a device does differently from its dialect, according to keys of a layer and of the model."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from embinit.dialects import Dialect, naming, parameters_of
from embinit.distributions import Distribution
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.formats.element_order import ElementOrder
from embinit.initializers import Initializer, Sliced
from embinit.layers import Layer, Parameter, Stored, Weighted
from embinit.targets import Build

# ---- One buffer ----


def departing(dialect: Dialect, layer: Layer, parameter: Parameter) -> Parameter:
    """Return a parameter with the fans, the initializer, the slices and the order of axes that its layer asks for."""
    assert isinstance(layer, Stored)
    if isinstance(layer, Weighted) and layer.fan is not None:
        fan = getattr(parameter, layer.fan)
        parameter = replace(parameter, fan_in=fan, fan_out=fan)
    for part, told in layer.told.items():
        if _means(part, parameter.part):
            parameter = _initialized(dialect, layer, parameter, told)
    if isinstance(layer, Weighted) and parameter.part == "weight":
        if layer.weight_layout is not None:
            if parameter.slices:
                raise EmbinitError("weight_layout must be left out: slices are along the dialect's first axis")
            parameter = _laid_out(parameter, positions(parameter.axes, layer.weight_layout, "weight_layout"))
        if layer.draws is not None:
            if parameter.order.turns > 1:
                raise EmbinitError("draws must be left out: its rows take turns with its bias")
            axes = positions(parameter.axes, layer.draws, "draws")
            parameter = replace(parameter, order=replace(parameter.order, axes=_in_memory_order(axes)))
    return parameter


def positions(axes: Sequence[str], told: Sequence[str], what: str) -> tuple[int, ...]:
    """Return the positions of the axes that a model file names, in a layer's words or in those of a dialect file.

    >>> positions(("out", "in", "height", "width"), ("out", "kernel_height", "kernel_width", "in"), "weight_layout")
    (0, 2, 3, 1)
    """
    plain = [axis.removeprefix("kernel_") for axis in axes]
    names = [axis.removeprefix("kernel_") for axis in told]
    if sorted(plain) != sorted(names):
        raise EmbinitError(f"{what} must name the weight's axes {listed(map(file_name, axes))}, got {shown(told)}")
    return tuple(plain.index(name) for name in names)


def position(axes: Sequence[str], told: str, what: str) -> int:
    """Return the position of an axis that a model file names."""
    plain = [axis.removeprefix("kernel_") for axis in axes]
    if told.removeprefix("kernel_") not in plain:
        check_known(what, told, [file_name(axis) for axis in axes])
    return plain.index(told.removeprefix("kernel_"))


def file_name(axis: str) -> str:
    """Return the name that a weight's axis has in a dialect file, where the axes of a kernel have a prefix."""
    return axis if axis in ("out", "in", "kernel") or axis.startswith("kernel_") else f"kernel_{axis}"


def _means(name: str, part: str) -> bool:
    """Whether a name in `init` stands for a part: the part, or all of its kind in the cells of a recurrent layer."""
    return part == name or part.startswith(f"{name}_l")


def element_order(layer: Stored, parameter: Parameter) -> ElementOrder | None:
    """Return the order of a buffer's elements in memory, if its layer gives one."""
    for part, order in layer.element_orders.items():
        if _means(part, parameter.part):
            if order.axis is None:
                return order
            axis = position(parameter.axes, order.axis, f"element_order of {part}: axis")
            return order.along(axis, parameter.shape)
    return None


def _initialized(dialect: Dialect, layer: Stored, parameter: Parameter, told: Initializer | Sliced) -> Parameter:
    sliced = told if isinstance(told, Sliced) else Sliced(told)
    for start, stop, _ in sliced.slices:
        if stop > parameter.shape[0]:
            raise EmbinitError(f"{parameter.part}: slice {start}:{stop} must end within its {parameter.shape[0]} rows")
    parameter = replace(parameter, slices=sliced.slices)
    if sliced.initializer is None:
        return parameter
    given = sliced.initializer
    if isinstance(layer, Weighted):
        given = dialect.layer_weight(given) if parameter.part == "weight" else given
    by_shape = dialect.shape_fans is not None and not isinstance(layer, Weighted)
    fans = None if by_shape else (parameter.fan_in, parameter.fan_out)
    meaning, fan_in, fan_out = dialect.meaning(given, parameter.shape, fans)
    return replace(parameter, initializer=meaning, fan_in=fan_in, fan_out=fan_out)


def _laid_out(parameter: Parameter, axes: tuple[int, ...]) -> Parameter:
    """Return a weight whose memory has its axes in another order, while its draws keep theirs."""
    drawn = parameter.order.axes or tuple(range(len(axes)))
    order = replace(parameter.order, axes=_in_memory_order(tuple(axes.index(axis) for axis in drawn)))
    names, sizes = tuple(parameter.axes[axis] for axis in axes), tuple(parameter.shape[axis] for axis in axes)
    return replace(parameter, axes=names, shape=sizes, order=order)


def _in_memory_order(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if axes == tuple(range(len(axes))) else axes


# ---- All buffers ----


def restarts(layer: Stored, first: str) -> dict[str, Any]:
    """Return the parts before which the stream starts again, each with the seed, or with True for the model's own.

    first: the part that is drawn first, before which a restart of the whole layer comes.
    """
    by_part = dict(layer.restart) if isinstance(layer.restart, tuple) else {first: layer.restart}
    return {part: value for part, value in by_part.items() if value is not False}


#: A buffer as its layer's name and its part.
Name = tuple[str, str]


def check_parts(layers: Iterable[Layer], held: Mapping[str, Sequence[str]]) -> None:
    """Raise EmbinitError if a layer says something about a part that it does not have. held: each layer's parts."""
    for layer in layers:
        if isinstance(layer, Stored):
            with naming(layer):
                _check_parts(layer, held.get(layer.name, ()))


def _check_parts(layer: Stored, parts: Sequence[str]) -> None:
    for key, told in (("init", layer.told), ("element_order", layer.element_orders)):
        for name in told:
            if not any(_means(name, part) for part in parts):
                has = listed(parts) or "(it has none)"
                raise EmbinitError(f"{key} must name one of its parts {has}, got {shown(name)}")
    if layer.order is not None and sorted(layer.order) != sorted(parts):
        raise EmbinitError(f"order must name its parts {listed(parts) or '(it has none)'}, got {shown(layer.order)}")
    for name in restarts(layer, parts[0] if parts else ""):
        if name not in parts and isinstance(layer.restart, tuple):
            check_known("restart", name, parts)
    for key in ("restart", "skip_words", "reinitialize"):
        if getattr(layer, key) and not parts:
            raise EmbinitError(f"{key} needs a layer that holds something: say it of the next one that does")


def draw_order(layers: Sequence[Layer], names: Sequence[Name], told: Sequence[str] | None) -> list[Name]:
    """Return buffers in the order of their draws: that of memory, unless layers or the model give another one.

    names: the buffers in the order of memory. told: what the model's key `order` says.
    """
    orders = {layer.name: layer.order for layer in layers if isinstance(layer, Stored)}
    found: list[Name] = []
    for layer, part in names:
        order = orders[layer]
        mine = [name for name in names if name[0] == layer] if order is not None else []
        rank = mine.index((layer, part)) if mine else 0
        found.append((layer, order[rank]) if order is not None else (layer, part))
    if told is None:
        return found
    first: list[Name] = []
    for name in told:
        mine = [each for each in found if name in (each[0], ".".join(each))]
        if not mine:
            check_known("order", name, list(dict.fromkeys(chain((n for n, _ in found), map(".".join, found)))))
        if any(each in first for each in mine):
            raise EmbinitError(f"order must name each layer or buffer once, got {shown(name)} again")
        first += mine
    return [*first, *(name for name in found if name not in first)]


def overwritten(
    dialect: Dialect, build: Build, layers: Sequence[Layer], drawn: Sequence[Name]
) -> tuple[list[Name], dict[Name, tuple[tuple[Distribution, int], ...]]]:
    """Return the order of the draws if some layers are drawn again, and what is drawn before each buffer and then
    overwritten.

    The model is first drawn as the dialect does by default; then the buffers of those layers are drawn again.
    """
    again = {layer.name: layer for layer in layers if isinstance(layer, Stored) and layer.reinitialize}
    if not again:
        return list(drawn), {}
    plain = [_by_default(layer) if layer.name in again else layer for layer in layers]
    defaults = {(layer.name, each.part): each for layer, each in parameters_of(dialect, plain)}
    before: list[tuple[Distribution, int]] = []
    lost, first, second = {}, list[Name](), list[Name]()
    for name in drawn:
        layer, default = again.get(name[0]), defaults[name]
        if layer is not None and name[1] in _told_parts(layer, [part for of, part in drawn if of == name[0]]):
            initial = dialect.distribution_on(build, default.initializer, default.fan_in, default.fan_out)
            before += [*default.lost, (initial, math.prod(default.shape))]
            second.append(name)
        else:
            lost[name], before = tuple(before), []
            first.append(name)
    lost |= dict.fromkeys(second, ())
    if second:
        lost[second[0]] = tuple(before)
    return [*first, *second], lost


def _by_default(layer: Layer) -> Layer:
    if isinstance(layer, Weighted):
        return replace(layer, init=None, weight_init=None, bias_init=None)
    return replace(layer, init=None) if isinstance(layer, Stored) else layer


def _told_parts(layer: Stored, parts: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a layer that are drawn again."""
    told = list(layer.told)
    if isinstance(layer, Weighted):
        told += [part for part in ("weight", "bias") if getattr(layer, f"{part}_init") is not None]
    for part in parts:
        if not told or any(_means(name, part) for name in told):
            yield part
