"""PyTorch's .pt2: an ExportedProgram, read as the JSON that it is.

torch.export.load is not used: it unpickles some members of the archive freely, and nothing of these is needed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.importing import tensors
from embinit.importing.archives import Archive
from embinit.importing.found import Content, Weight
from embinit.importing.tensors import Hint

#: Types of elements by their numbers in PyTorch's schema.
_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    12: "bool", 13: "bfloat16",
}  # fmt: skip
_NAMES = ("models/model.json", "serialized_exported_program.json")


def read(archive: Archive) -> Content:
    """Return the layers of an ExportedProgram: its state dict, with what the graph does with each weight."""
    try:
        name = next(name for name in archive.names if name.endswith(_NAMES))
    except StopIteration:
        raise EmbinitError("is an archive without a program: it has no models/model.json") from None
    program = archive.object(name)
    try:
        module = program["graph_module"]
        named = dict(_parameters(module["signature"]["input_specs"]))
        shapes = {key: _meta(value) for key, value in module["graph"]["tensor_values"].items()}
        hints = {weight: hint for node in module["graph"]["nodes"] for weight, hint in _hints(node, named, shapes)}
        data = _data(archive)
        held = [
            Weight(full, *shapes[argument], load=data.get(full, lambda: None))
            for argument, full in named.items()
            if argument in shapes
        ]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise EmbinitError(f"is not an ExportedProgram that can be read: {type(error).__name__} {error}") from None
    return tensors.read(held, "a .pt2 file of PyTorch", hints)


def _parameters(specs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the arguments of the graph that are parameters or buffers, and their names in the state dict."""
    for spec in specs:
        for kind, key in (("parameter", "parameter_name"), ("buffer", "buffer_name")):
            if kind in spec and spec[kind].get("persistent", True):
                yield spec[kind]["arg"]["name"], spec[kind][key]


def _meta(value: Mapping[str, Any]) -> tuple[tuple[int, ...], str]:
    """Return the shape of a tensor and the type of an element; a size that is not known is 0."""
    return tuple(int(size.get("as_int", 0)) for size in value["sizes"]), _TYPES.get(value["dtype"], "unknown")


def _data(archive: Archive) -> dict[str, Any]:
    """Return the functions that load tensors, by name, of those that lie in the archive as plain float32 numbers."""
    config = next((name for name in archive.names if name.endswith("weights/model_weights_config.json")), None)
    if config is None:
        return {}
    folder = config.rpartition("/")[0]
    found = {}
    for full, entry in archive.object(config)["config"].items():
        shape, dtype = _meta(entry["tensor_meta"])
        if dtype == "float32" and not entry.get("use_pickle"):
            strides = [int(each.get("as_int", 0)) for each in entry["tensor_meta"]["strides"]]
            offset = int(entry["tensor_meta"]["storage_offset"].get("as_int", 0))
            found[full] = _Raw(archive, f"{folder}/{entry['path_name']}", shape, strides, offset)
    return found


class _Raw:
    """The values of a tensor in its storage; None if it has other strides than a plain array, or too few bytes."""

    def __init__(
        self, archive: Archive, name: str, shape: tuple[int, ...], strides: Sequence[int], offset: int
    ) -> None:
        self._archive, self._name, self._shape, self._offset = archive, name, shape, offset
        self._plain = list(strides) == [math.prod(shape[i + 1 :]) for i in range(len(shape))]

    def __call__(self) -> Any:
        if not self._plain:
            return None
        content = self._archive.read(self._name)
        count = math.prod(self._shape)
        if self._offset < 0 or len(content) < 4 * (self._offset + count):
            return None
        return np.frombuffer(content, "<f4", count, 4 * self._offset).reshape(self._shape)


#: Layers by the operator that a graph calls, and the arguments that are its weight and, by name, keys of the layer.
_CONVOLUTIONS = {f"conv{n}d": f"Conv{n}d" for n in (1, 2, 3)} | {
    f"conv_transpose{n}d": f"ConvTranspose{n}d" for n in (1, 2, 3)
}
_NORMS = {
    "batch_norm": "BatchNorm{}d", "_native_batch_norm_legit": "BatchNorm{}d", "cudnn_batch_norm": "BatchNorm{}d",
    "_native_batch_norm_legit_no_training": "BatchNorm{}d", "_batch_norm_with_update": "BatchNorm{}d",
    "native_batch_norm": "BatchNorm{}d", "instance_norm": "InstanceNorm{}d", "layer_norm": "LayerNorm",
    "native_layer_norm": "LayerNorm", "group_norm": "GroupNorm", "native_group_norm": "GroupNorm",
    "rms_norm": "RMSNorm", "_fused_rms_norm": "RMSNorm", "prelu": "PReLU", "_prelu_kernel": "PReLU",
}  # fmt: skip
_RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}


def _hints(
    node: Mapping[str, Any], named: Mapping[str, str], shapes: Mapping[str, tuple[tuple[int, ...], str]]
) -> Iterator[tuple[str, Hint]]:
    """Yield what a node tells about the layer of each weight that it takes."""
    target = str(node["target"]).removeprefix("torch.ops.aten.").partition(".")[0]
    given = {each["name"]: each["arg"] for each in node["inputs"]}

    def name_of(key: str) -> str | None:
        argument = given.get(key, {}).get("as_tensor", {}).get("name")
        return named.get(argument)

    def integer(key: str, default: int) -> int:
        return int(given.get(key, {}).get("as_int", default))

    rank = len(shapes.get(given.get("input", {}).get("as_tensor", {}).get("name", ""), ((0, 0, 0), ""))[0])
    weight = name_of("weight")
    if target in _RECURRENT:
        for each in given.get("params", {}).get("as_tensors", []):
            if each["name"] in named:
                yield named[each["name"]], Hint(_RECURRENT[target])
    elif weight is None:
        return
    elif target in _CONVOLUTIONS:
        yield weight, Hint(_CONVOLUTIONS[target], {"groups": integer("groups", 1)})
    elif target == "convolution":
        turned = "Transpose" if given.get("transposed", {}).get("as_bool") else ""
        axes = len(shapes[given["weight"]["as_tensor"]["name"]][0]) - 2
        yield weight, Hint(f"Conv{turned}{axes}d", {"groups": integer("groups", 1)})
    elif target == "linear":
        yield weight, Hint("Linear")
    elif target in ("embedding", "embedding_bag", "_embedding_bag"):
        row = integer("padding_idx", -1)
        yield (
            weight,
            Hint("Embedding" if target == "embedding" else "EmbeddingBag", {"padding_idx": row} if row >= 0 else {}),
        )
    elif target in _NORMS:
        groups = {"num_groups": integer("num_groups", integer("group", 1))} if "group_norm" in target else {}
        yield weight, Hint(_NORMS[target].format(min(max(rank - 2, 1), 3)), groups)
