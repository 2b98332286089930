"""Where the hidden neurons of two layers are in a model, and how the model and its buffers look with more of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from embinit.errors import EmbinitError, check_known, shown
from embinit.growth.step import Step
from embinit.growth.weights import Floats, Weights
from embinit.layers import Layer, Norm, Stored, Weighted
from embinit.model import Description

#: The statistics that a batch norm has of the layer before it, which a device may hold.
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Hidden:
    """Where hidden neurons are in a model: the positions of the layers first and second, and of the next layer with
    weights after these, or the number of layers.
    """

    model: Description
    start: int
    stop: int
    end: int

    @classmethod
    def of(cls, model: Description, layer: str) -> "Hidden":
        """Find a layer and the next one with weights, or raise EmbinitError if they cannot grow together."""
        names = [each.name for each in model.layers]
        weighted = [i for i, each in enumerate(model.layers) if isinstance(each, Weighted)]
        check_known("layer", layer, [names[i] for i in weighted[:-1]])
        start = names.index(layer)
        stop, *later = weighted[weighted.index(start) + 1 :]
        hidden = cls(model, start, stop, later[0] if later else len(names))
        for each in model.layers[start + 1 : stop]:
            if isinstance(each, Stored) and not isinstance(each, Norm):
                raise EmbinitError(f"layer {each.name!r}: no {each.type} may come between two layers that grow")
        for each in (hidden.first, hidden.second):
            if each.sizes.get("groups", 1) != 1:
                raise EmbinitError(f"layer {each.name!r}: groups must be 1 to grow, got {each.sizes['groups']}")
        outputs, inputs = hidden.first.sizes["out"], hidden.second.sizes["in"]
        if outputs != inputs:
            raise EmbinitError(
                f"layer {hidden.second.name!r}: to grow with layer {layer!r} its inputs must be the {outputs} outputs "
                f"of that layer, got {inputs}"
            )
        return hidden

    @property
    def first(self) -> Weighted:
        """The layer whose outputs are the hidden neurons."""
        return self.model.layers[self.start]  # type: ignore[return-value]

    @property
    def second(self) -> Weighted:
        """The layer whose inputs they are."""
        return self.model.layers[self.stop]  # type: ignore[return-value]

    def widened(self, extension: int) -> Description:
        """Return the model with more hidden neurons."""
        layers = list(self.model.layers)
        neurons = self.first.sizes["out"]
        layers[self.start] = _resized(self.first, ("out_features", "out_channels"), extension)
        for i in range(self.start + 1, self.stop):
            if isinstance(layers[i], Norm):
                layers[i] = _resized_norm(layers[i], neurons, extension)
        layers[self.stop] = _resized(self.second, ("in_features", "in_channels"), extension)
        return replace(self.model, layers=layers)

    def weights(self, arrays: Mapping[str, Floats]) -> tuple[Weights, Weights]:
        """Return what first and second hold, each with the statistics of the batch norm after it."""
        return self._weights(self.start, self.stop, arrays), self._weights(self.stop, self.end, arrays)

    def grown(self, arrays: Mapping[str, Floats], step: Step, wider: Description) -> dict[str, Floats]:
        """Return the buffers of the wider model, in its order, and the statistics."""
        values = dict(arrays)
        for layer, end, weights in ((self.start, self.stop, step.first), (self.stop, self.end, step.second)):
            held = {"weight": weights.weight, "bias": weights.bias}
            values |= {self._name(layer, part): array for part, array in held.items() if array is not None}
            for name in self._statistics(layer, end, arrays):
                values[name] = getattr(weights, name.rpartition(".")[2])
        shapes = {tensor.name: tensor.shape for tensor in wider.tensors}
        shapes |= dict.fromkeys(self._statistics(self.start, self.stop, arrays), (step.first.outputs,))
        fresh = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
        return {
            name: _padded(values[name], shapes.get(name, values[name].shape), fresh.get(name.rpartition(".")[2], 0.0))
            for name in values
        }

    def _weights(self, layer: int, end: int, arrays: Mapping[str, Floats]) -> Weights:
        axes = self.model.conventions.layouts[self.model.layers[layer].type]
        weight, bias = arrays[self._name(layer, "weight")], arrays.get(self._name(layer, "bias"))
        statistics = {name.rpartition(".")[2]: arrays[name] for name in self._statistics(layer, end, arrays)}
        return Weights(weight, bias, axes.index("out"), axes.index("in"), **statistics)

    def _statistics(self, layer: int, end: int, arrays: Mapping[str, Floats]) -> list[str]:
        """Return the names of the statistics of the first batch norm after a layer."""
        names = [[self._name(i, what) for what in STATISTICS] for i in range(layer + 1, end)]
        return next((pair for pair in names if pair[0] in arrays), [])

    def _name(self, layer: int, part: str) -> str:
        return f"{self.model.layers[layer].name}.{part}"


def _resized(layer: Weighted, sizes: tuple[str, str], extension: int) -> Layer:
    """Return a layer with a larger size. sizes: two names of it, one of which the layer has."""
    name = next(name for name in sizes if hasattr(layer, name))
    return replace(layer, **{name: getattr(layer, name) + extension})


def _resized_norm(norm: Layer, neurons: int, extension: int) -> Layer:
    """Return a norm of more neurons: the size in its shape that counts them is larger."""
    name = next(name for name in ("num_channels", "num_features", "normalized_shape") if hasattr(norm, name))
    size = getattr(norm, name)
    sizes = list(size) if isinstance(size, list | tuple) else [size]
    if sizes.count(neurons) != 1:
        raise EmbinitError(
            f"layer {norm.name!r}: {name} must have one size of {neurons} to grow with them, got {shown(size)}"
        )
    sizes[sizes.index(neurons)] += extension
    changed: dict[str, Any] = {name: sizes if isinstance(size, list | tuple) else sizes[0]}
    return replace(norm, **changed)


def _padded(array: Floats, shape: tuple[int, ...], value: float) -> Floats:
    """Return an array extended by a value at the end of every axis that is longer in shape."""
    out = np.full(shape, value, np.float32)
    out[tuple(map(slice, array.shape))] = array
    return out
