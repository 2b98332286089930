"""The graph of an ONNX file: its constants, and what its nodes make of them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.importing.found import Quantized, Unknown, Weight, first_stem

#: Types of elements by their numbers in ONNX: the name, and the bits of an element.
_TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32),
    7: ("int64", 64), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32),
    13: ("uint64", 64), 16: ("bfloat16", 16), 17: ("float8", 8), 18: ("float8", 8), 19: ("float8", 8),
    20: ("float8", 8), 21: ("uint4", 4), 22: ("int4", 4), 23: ("float4", 4), 24: ("float8", 8), 25: ("uint2", 2),
    26: ("int2", 2),
}  # fmt: skip
#: Where a tensor says that its data lie in another file.
_EXTERNAL = 1
FLOATS = ("float32", "float16", "bfloat16", "float64")
#: Nodes whose constants are no weights: sizes, limits, scales of an activation.
_WITHOUT_WEIGHTS = frozenset(
    """
    Resize Upsample Pad Clip Range Expand Tile Slice Reshape Shape Squeeze Unsqueeze Split QuantizeLinear
    DequantizeLinear Dropout Constant ConstantOfShape Flatten Concat Where Equal Less Greater Cast TopK ReduceMean
    ReduceSum ReduceMax ReduceMin NonMaxSuppression OneHot DynamicQuantizeLinear Identity Transpose QLinearAdd
    QLinearMul QLinearGlobalAveragePool QLinearAveragePool QLinearSigmoid QLinearLeakyRelu QLinearConcat
    QLinearSoftmax RotaryEmbedding LoopBegin Softmax Loop If Scan
    """.split()
)


class Graph:
    """A graph: its constants, which node uses what, and the ranks of tensors as far as they are known."""

    def __init__(
        self, graph: Any, outer: Mapping[str, Weight], ranks: Mapping[str, int], folder: Path, opset: int
    ) -> None:
        self.folder, self.opset = folder, opset
        self.nodes = list(graph.node)
        self.constants: dict[str, Weight] = dict(outer)
        self.parameters = {each.name for each in graph.initializer}
        for each in graph.initializer:
            self._hold(each.name, each)
        for each in graph.sparse_initializer:
            raise EmbinitError(f"{each.values.name}: it is a sparse tensor, which embinit does not read")
        self.ranks: dict[str, int] = dict(ranks)
        for each in (*graph.input, *graph.value_info, *graph.output):
            if each.type.tensor_type.HasField("shape"):
                self.ranks[each.name] = len(each.type.tensor_type.shape.dim)
        self.users: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.taken: set[int] = set()

        for node in self.nodes:
            self._constant(node)

    # ---- Constants ----

    def _hold(self, name: str, tensor: Any) -> None:
        self.constants[name] = _weight(name, tensor, self.folder)

    def _constant(self, node: Any) -> None:
        """Keep what a node makes of constants alone: the same weights in another shape, type or order."""
        given = [self.constants.get(name) for name in node.input if name]
        if node.op_type == "Constant":
            for each in node.attribute:
                if each.name == "value":
                    self._hold(node.output[0], each.t)
                elif each.name in ("value_floats", "value_ints"):
                    self.constants[node.output[0]] = _listed(node.output[0], each)
            return
        if not given or given[0] is None or not node.output:
            return
        weight, attributes = given[0], attributes_of(node)
        made: Weight | None = None
        match node.op_type:
            case "ConstantOfShape":
                made = self._filled(node)
            case "Identity" | "Dropout":
                made = weight
            case "Transpose":
                axes = attributes.get("perm") or tuple(reversed(range(len(weight.shape))))
                made = weight.transposed(axes) if sorted(axes) == list(range(len(weight.shape))) else None
            case "Cast":
                made = weight
            case "Squeeze" | "Unsqueeze" | "Reshape" if None not in given:
                made = self._reshaped(node, weight, attributes)
            case "QuantizeLinear" | "DequantizeLinear" if None not in given:
                made = dequantized(weight, given[1:], attributes) if weight.quantized is None else weight
        if made is not None:
            self.constants[node.output[0]] = made
            if node.input[0] in self.parameters:
                self.parameters.add(node.output[0])

    def _filled(self, node: Any) -> Weight | None:
        """Return the tensor that ConstantOfShape makes: files without their weights have it in place of these."""
        shape = self._integers(node, 0)
        value = next((each.t for each in node.attribute if each.name == "value"), None)
        if shape is None or min(shape, default=0) < 0:
            return None
        held = (
            Weight("", (1,), "float32", lambda: np.zeros(1, np.float32))
            if value is None
            else _weight("", value, self.folder)
        )

        def load() -> Any:
            filling = held.load()
            return None if filling is None else np.full(shape, filling.ravel()[0], np.float32)

        self.parameters.add(node.output[0])
        return Weight(node.output[0], tuple(shape), held.dtype, load)

    def _reshaped(self, node: Any, weight: Weight, attributes: Mapping[str, Any]) -> Weight | None:
        count = math.prod(weight.shape)
        if node.op_type == "Reshape":
            wanted = self._integers(node, 1)
            if wanted is None:
                return None
            known = math.prod(size if size else weight.shape[i] for i, size in enumerate(wanted) if size != -1)
            shape = [count // max(known, 1) if n == -1 else n or weight.shape[i] for i, n in enumerate(wanted)]
        else:
            axes = attributes.get("axes") or self._integers(node, 1)
            shape = list(weight.shape)
            if node.op_type == "Squeeze":
                gone = {axis % len(shape) for axis in axes} if axes else {i for i, n in enumerate(shape) if n == 1}
                shape = [size for i, size in enumerate(shape) if i not in gone]
            elif axes:
                for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
                    shape.insert(axis, 1)
        return weight.reshaped(shape) if math.prod(shape) == count else None

    def _integers(self, node: Any, at: int) -> list[int] | None:
        held = self.weight(node, at)
        values = None if held is None or len(held.shape) > 1 else held.load()
        return None if values is None else [int(value) for value in values.ravel()[:64]]

    # ---- What builders ask ----

    def weight(self, node: Any, at: int) -> Weight | None:
        """Return the constant that a node has as an input."""
        name = node.input[at] if at < len(node.input) else ""
        return self.constants.get(name) if name else None

    def floats(self, node: Any, at: int) -> Weight | None:
        """Return the weight, in floats or codes, that a node has as an input."""
        held = self.weight(node, at)
        return held if held is not None and (held.dtype in FLOATS or held.quantized is not None) else None

    def path(self, node: Any, *weights: Weight | None) -> str:
        """Return the name of a layer: from its weights, or from its node."""
        return first_stem(weight.name for weight in weights if weight is not None) or self._path(node)

    def _path(self, node: Any) -> str:
        return first_stem((node.name, *node.output)) or node.op_type.lower()

    def _dimensions(self, node: Any) -> int:
        """Return how many axes the input of a node has besides batch and channels; 0 where it is not known."""
        return max(self._rank(node.input[0], 64) - 2, 0) if node.input else 0

    def _rank(self, name: str, steps: int) -> int:
        """Return the rank of a tensor, from what made it where the file does not say it; 0 for unknown."""
        while name and steps:
            if name in self.ranks:
                return self.ranks[name]
            maker = self.makers.get(name)
            if maker is None or not maker.input:
                return 0
            if maker.op_type in ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "FusedConv"):
                held = self.weight(maker, 3 if maker.op_type == "QLinearConv" else 1)
                return len(held.shape) if held is not None else 0
            if maker.op_type in ("Reshape", "Flatten", "Gemm", "Squeeze", "Unsqueeze", "Gather"):
                return 2 if maker.op_type in ("Flatten", "Gemm") else 0
            name, steps = maker.input[0], steps - 1
        return 0

    def dimensions(self, node: Any) -> int:
        """Return how many axes the input of a node has besides batch and channels, at least 1."""
        return max(self._dimensions(node), 1)

    def added(self, node: Any, size: int) -> Weight | None:
        """Return the bias that the node after another one, its only user, adds to each of so many outputs."""
        users = self.users.get(node.output[0], [])
        if len(users) != 1 or users[0].op_type != "Add":
            return None
        for at in (0, 1):
            held = self.floats(users[0], at)
            if held is not None and math.prod(held.shape) == size:
                self.taken.add(id(users[0]))
                return held.reshaped([size])
        return None

    def after(self, node: Any, kind: str) -> Any:
        """Return the node of a kind that alone uses what another one makes; None if there is none."""
        users = self.users.get(node.output[0], [])
        return users[0] if len(users) == 1 and users[0].op_type == kind else None

    def scale_of(self, name: str) -> float | None:
        """Return the scale with which a tensor was quantized, where one is known."""
        maker = self.makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear":
            return None
        return self.number(maker.input[1])

    def number(self, name: str) -> float | None:
        """Return the one element of a constant; None for a tensor that is none, or has more."""
        held = self.constants.get(name)
        values = None if held is None else held.values()
        return float(values.ravel()[0]) if values is not None and values.size == 1 else None

    def unknown(self, node: Any) -> Iterator[Unknown]:
        """Yield a node that has weights, but is no layer; constants of the graph do not count as weights."""
        if node.op_type in _WITHOUT_WEIGHTS:
            return
        held = [
            weight
            for name in node.input
            if name in self.parameters and (weight := self.constants.get(name)) is not None
            if weight.dtype in FLOATS or weight.quantized is not None
            if math.prod(weight.shape) > 1
        ]
        if held:
            shapes = ", ".join(f"{weight.name} {list(weight.shape)}" for weight in held)
            yield Unknown(self.path(node, *held), node.op_type, f"unknown, with weights {shapes}")


def _listed(name: str, attribute: Any) -> Weight:
    """Return the numbers of an attribute of Constant."""
    values = np.array([*attribute.floats, *attribute.ints], "float32" if attribute.floats else "int64")
    return Weight(name, values.shape, values.dtype.name, lambda: values)


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the integers and lists of integers among a node's attributes, and its texts."""
    found: dict[str, Any] = {}
    for each in node.attribute:
        if each.type == 2:
            found[each.name] = int(each.i)
        elif each.type == 7:
            found[each.name] = tuple(map(int, each.ints))
        elif each.type == 3:
            found[each.name] = bytes(each.s).decode(errors="replace")
    return found


def missing(tensors: Iterable[Any], folder: Path) -> list[str]:
    """Return the names of files that hold tensors and are not in the model's directory."""
    external = {
        each.value
        for tensor in tensors
        if tensor.data_location == _EXTERNAL
        for each in tensor.external_data
        if each.key == "location"
    }
    return sorted(name for name in external if not (folder / name).is_file())


def _weight(name: str, tensor: Any, folder: Path) -> Weight:
    """Return a tensor of the file, after checking that it has as much data as its dims say."""
    dtype, bits = _TYPES.get(tensor.data_type, ("unknown", 8))
    shape = tuple(map(int, tensor.dims))
    external = tensor.data_location == _EXTERNAL
    if any(size < 0 for size in shape):
        raise EmbinitError(f"initializer {name!r} has dims {list(shape)}, and must have none below 0")
    if dtype != "unknown" and tensor.data_type != 8 and not external:
        _check_data(name, tensor, shape, bits)

    def load() -> Any:
        from onnx import numpy_helper

        if math.prod(shape) == 0 or (external and missing([tensor], folder)):
            return None
        return numpy_helper.to_array(tensor, str(folder))

    return Weight(name, shape, dtype, load)


def _check_data(name: str, tensor: Any, shape: Sequence[int], bits: int) -> None:
    count = math.prod(shape)
    if tensor.raw_data or not count:
        held, needed, unit = len(tensor.raw_data), -(-count * bits // 8), "bytes"
    else:
        fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
        held, needed, unit = sum(map(len, fields)), count, "elements"
        needed = -(-count * bits // 8) if bits < 8 else needed
    if held != needed:
        raise EmbinitError(f"initializer {name!r} of dims {list(shape)} needs {needed} {unit} of data, got {held}")


def dequantized(weight: Weight, given: Sequence[Weight | None], attributes: Mapping[str, Any]) -> Weight:
    """Return a weight of codes as values, which remembers its format."""
    scale, zero = (*given, None)[:2]
    assert scale is not None
    count = math.prod(scale.shape)
    block = attributes.get("block_size") or None
    axis = attributes.get("axis", 1) % max(len(weight.shape), 1)
    zeros = None if zero is None else zero.load()
    asymmetric = zeros is not None and bool(np.any(np.asarray(zeros) != 0))
    code = (zero or weight).dtype if weight.dtype in FLOATS else weight.dtype
    name = format_of(code, asymmetric)
    grouped = Quantized(name, None if count == 1 or block else axis, block)

    def load() -> Any:
        held, scales = weight.load(), scale.values()
        if held is None or scales is None or block or weight.dtype in FLOATS:
            return None
        along = [-1 if i == axis and count > 1 else 1 for i in range(len(weight.shape))]
        offset = 0 if zeros is None else np.asarray(zeros).reshape(along if np.size(zeros) > 1 else [1] * len(along))
        return ((held.astype(np.int32) - offset) * scales.reshape(along)).astype(np.float32)

    return Weight(weight.name, weight.shape, "float32", load, grouped)


def format_of(code: str, asymmetric: bool) -> str:
    """Return the format of codes of a type: with scales alone, or with zero points too.

    >>> format_of("int8", False), format_of("int8", True), format_of("uint8", True), format_of("int32", False)
    ('int8', 'affine_int8', 'affine8', 'int32')
    """
    if code == "int8":
        return "affine_int8" if asymmetric else "int8"
    if code in ("uint8", "uint4", "uint2"):
        return f"affine{code.removeprefix('uint')}"
    if asymmetric and code in ("int4", "int2"):
        return f"affine{code.removeprefix('int')}"
    return code
