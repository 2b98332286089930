"""ONNX: the nodes of a graph that have weights, in the order of the graph."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from embinit.errors import EmbinitError, listed
from embinit.importing.found import (
    LAYOUTS,
    Content,
    Found,
    Quantized,
    Unknown,
    Weight,
    convolution,
    first_stem,
    free,
    linear,
    norm,
    of_kind,
    recurrent,
    table,
)
from embinit.importing.packages import package
from embinit.layers import WITH_PARAMETERS, Embedding, GroupNorm, LayerNorm, RMSNorm

#: Types of elements by their numbers in ONNX: the name, and the bits of an element.
_TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32),
    7: ("int64", 64), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32),
    13: ("uint64", 64), 16: ("bfloat16", 16), 17: ("float8", 8), 18: ("float8", 8), 19: ("float8", 8),
    20: ("float8", 8), 21: ("uint4", 4), 22: ("int4", 4), 23: ("float4", 4), 24: ("float8", 8), 25: ("uint2", 2),
    26: ("int2", 2),
}  # fmt: skip
_FLOATS = ("float32", "float16", "bfloat16", "float64")
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
#: Layers that draw nothing, by node; those with a dimension end in {}.
_FREE = {
    "Relu": "ReLU", "LeakyRelu": "LeakyReLU", "Elu": "ELU", "Celu": "CELU", "Gelu": "GELU", "Selu": "SELU",
    "Mish": "Mish", "HardSwish": "Hardswish", "HardSigmoid": "Hardsigmoid", "Softsign": "Softsign",
    "Softplus": "Softplus", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Softmax": "Softmax", "LogSoftmax": "LogSoftmax",
    "Flatten": "Flatten", "Dropout": "Dropout", "MaxPool": "MaxPool{}d", "AveragePool": "AvgPool{}d",
    "GlobalAveragePool": "AdaptiveAvgPool{}d", "GlobalMaxPool": "AdaptiveMaxPool{}d", "LRN": "LocalResponseNorm",
}  # fmt: skip


def read(content: bytes) -> Content:
    """Return what an ONNX file holds."""
    onnx = package("onnx", "onnx", "an ONNX file")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # protobuf has an error of its own for each of its implementations
        raise EmbinitError(
            "is not an ONNX model that can be read: it is damaged, cut short, or another kind of file"
        ) from None
    if not model.ir_version or not (model.graph.node or model.graph.initializer):
        raise EmbinitError("is not an ONNX model that can be read: it has no graph")
    if model.functions:
        from onnx import inliner

        try:
            model = inliner.inline_local_functions(model)
        except Exception:
            raise EmbinitError("is not an ONNX model that can be read: its functions cannot be put in place") from None
    layers, shared = _once(_Graph(model.graph, {}, {}).layers())
    return Content("an ONNX file", layers, shared)


def _once(layers: Iterator[Found | Unknown]) -> tuple[tuple[Found | Unknown, ...], tuple[str, ...]]:
    """Return the layers, each weight once, and a note on those that use the weights of an earlier one."""
    kept: list[Found | Unknown] = []
    seen: set[str] = set()
    shared: list[str] = []
    for each in layers:
        held = (
            {weight.name for part, (weight, _) in each.parts.items() if "weight" in part}
            if isinstance(each, Found)
            else set()
        )
        if held and held <= seen:
            shared.append(each.path)
            continue
        seen |= held
        kept.append(each)
    if not shared:
        return tuple(kept), ()
    names = listed(dict.fromkeys(shared))
    return tuple(kept), (
        f"{len(shared)} nodes use the weights of an earlier one, and are no layers of their own: {names}",
    )


class _Graph:
    """A graph: its constants, which node uses what, and the ranks of tensors as far as they are known."""

    def __init__(self, graph: Any, outer: Mapping[str, Weight], ranks: Mapping[str, int]) -> None:
        self.nodes = list(graph.node)
        self.constants: dict[str, Weight] = dict(outer)
        self.scalars: dict[str, Any] = {}
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

    def layers(self) -> Iterator[Found | Unknown]:
        """Yield the layers in the order of the nodes."""
        for node in self.nodes:
            self._constant(node)
        for node in self.nodes:
            dimensions = self._dimensions(node)
            if node.op_type in _BUILDERS and id(node) not in self.taken:
                yield from _BUILDERS[node.op_type](self, node)
            elif node.op_type in _FREE:
                yield free(self._path(node), _FREE[node.op_type].format(dimensions or 1))
            elif id(node) not in self.taken:
                yield from self.unknown(node)
            for each in node.attribute:
                for inner in (*([each.g] if each.HasField("g") else []), *each.graphs):
                    yield from _Graph(inner, self.constants, self.ranks).layers()

    # ---- Constants ----

    def _hold(self, name: str, tensor: Any) -> None:
        self.constants[name] = _weight(name, tensor)

    def _constant(self, node: Any) -> None:
        """Keep what a node makes of constants alone: the same weights in another shape, type or order."""
        given = [self.constants.get(name) for name in node.input if name]
        if node.op_type == "Constant":
            for each in node.attribute:
                if each.name == "value":
                    self._hold(node.output[0], each.t)
            return
        if not given or given[0] is None or not node.output:
            return
        weight, attributes = given[0], _attributes(node)
        made: Weight | None = None
        match node.op_type:
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
                made = _dequantized(weight, given[1:], attributes) if weight.quantized is None else weight
        if made is not None:
            self.constants[node.output[0]] = made
            if node.input[0] in self.parameters:
                self.parameters.add(node.output[0])

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
        return held if held is not None and (held.dtype in _FLOATS or held.quantized is not None) else None

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
        held = self.weight(maker, 1)
        values = None if held is None else held.values()
        return float(values.ravel()[0]) if values is not None and values.size == 1 else None

    def unknown(self, node: Any) -> Iterator[Unknown]:
        """Yield a node that has weights, but is no layer; numbers that stand in the graph are none."""
        if node.op_type in _WITHOUT_WEIGHTS:
            return
        held = [
            weight
            for name in node.input
            if name in self.parameters and (weight := self.constants.get(name)) is not None
            if weight.dtype in _FLOATS or weight.quantized is not None
            if math.prod(weight.shape) > 1
        ]
        if held:
            shapes = ", ".join(f"{weight.name} {list(weight.shape)}" for weight in held)
            yield Unknown(self.path(node, *held), node.op_type, f"unknown, with weights {shapes}")


def _attributes(node: Any) -> dict[str, Any]:
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


def _weight(name: str, tensor: Any) -> Weight:
    """Return a tensor of the file, after checking that it has as much data as its dims say."""
    dtype, bits = _TYPES.get(tensor.data_type, ("unknown", 8))
    shape = tuple(map(int, tensor.dims))
    external = tensor.data_location == 1
    if any(size < 0 for size in shape):
        raise EmbinitError(f"initializer {name!r} has dims {list(shape)}, and must have none below 0")
    if dtype != "unknown" and tensor.data_type != 8 and not external:
        _check_data(name, tensor, shape, bits)

    def load() -> Any:
        from onnx import numpy_helper

        if external or math.prod(shape) == 0:
            return None
        return numpy_helper.to_array(tensor)

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


def _dequantized(weight: Weight, given: Sequence[Weight | None], attributes: Mapping[str, Any]) -> Weight:
    """Return a weight of codes as values, which remembers its format."""
    scale, zero = (*given, None)[:2]
    assert scale is not None
    count = math.prod(scale.shape)
    block = attributes.get("block_size") or None
    axis = attributes.get("axis", 1) % max(len(weight.shape), 1)
    zeros = None if zero is None else zero.load()
    asymmetric = zeros is not None and bool(np.any(np.asarray(zeros) != 0))
    code = (zero or weight).dtype if weight.dtype in _FLOATS else weight.dtype
    name = format_of(code, asymmetric)
    grouped = Quantized(name, None if count == 1 or block else axis, block)

    def load() -> Any:
        held, scales = weight.load(), scale.values()
        if held is None or scales is None or block or weight.dtype in _FLOATS:
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


# ---- Layers ----

Built = Iterator[Found | Unknown]
Builder = Callable[[_Graph, Any], Built]


def _conv(transposed: bool, at: int, bias_at: int) -> Builder:
    def build(graph: _Graph, node: Any) -> Built:
        weight = _codes(graph, node, at)
        if weight is None or not 3 <= len(weight.shape) <= 5:
            yield from graph.unknown(node)
            return
        groups = _attributes(node).get("group", 1)
        kind = f"Conv{'Transpose' if transposed else ''}{len(weight.shape) - 2}d"
        outputs = weight.shape[1] * groups if transposed else weight.shape[0]
        bias = graph.floats(node, bias_at) or _integers_bias(graph, node, bias_at) or graph.added(node, outputs)
        path = graph.path(node, weight, bias)
        if bias is not None and bias.shape != (outputs,):
            yield Unknown(path, node.op_type, f"its bias must have shape [{outputs}], got {list(bias.shape)}")
            return
        yield convolution(path, weight, bias, LAYOUTS[kind], groups, transposed)

    return build


def _codes(graph: _Graph, node: Any, at: int) -> Weight | None:
    """Return a weight of a node; that of an integer operator has its scale and zero point as inputs after it."""
    held = graph.weight(node, at)
    if held is None or held.dtype in _FLOATS or held.quantized is not None:
        return held
    scale, zero = graph.weight(node, at + 1), graph.weight(node, at + 2)
    if node.op_type in ("ConvInteger", "MatMulInteger"):  # their scales multiply the result
        zeros = graph.weight(node, 3)
        values = None if zeros is None else zeros.load()
        return Weight(
            held.name, held.shape, "float32",
            quantized=Quantized(format_of(held.dtype, values is not None and bool(np.any(values)))),
        )  # fmt: skip
    if scale is None:
        return None
    axis = 0 if "Conv" in node.op_type else len(held.shape) - 1
    return _dequantized(held, [scale, zero], {"axis": axis})


def _integers_bias(graph: _Graph, node: Any, at: int) -> Weight | None:
    held = graph.weight(node, at)
    if held is None or held.dtype != "int32":
        return None
    return Weight(held.name, held.shape, "float32", quantized=Quantized("int32"))


def _gemm(at: int, bias_at: int) -> Builder:
    def build(graph: _Graph, node: Any) -> Built:
        weight = _codes(graph, node, at)
        if weight is None or len(weight.shape) != 2:
            yield from graph.unknown(node)
            return
        turned = bool(_attributes(node).get("transB", 0))
        axes = ("out", "in") if turned else ("in", "out")
        outputs = weight.shape[0] if turned else weight.shape[1]
        bias = graph.floats(node, bias_at) or _integers_bias(graph, node, bias_at)
        if bias is not None:
            bias = bias.reshaped([outputs]) if math.prod(bias.shape) == outputs else bias
        else:
            bias = graph.added(node, outputs)
        path = graph.path(node, weight, bias)
        if bias is not None and bias.shape != (outputs,):
            yield Unknown(path, node.op_type, f"its bias must have {outputs} elements, got shape {list(bias.shape)}")
            return
        yield linear(path, weight, bias, axes)

    return build


def _matmul(at: int) -> Builder:
    def build(graph: _Graph, node: Any) -> Built:
        found = [(i, each) for i in (at, 0) if (each := _codes(graph, node, i)) is not None]
        if not found:
            return
        place, weight = found[0]
        if len(weight.shape) != 2:
            yield from graph.unknown(node)
            return
        axes = ("in", "out") if place == at else ("out", "in")
        outputs = weight.shape[axes.index("out")]
        bias = graph.added(node, outputs) if place == at else None
        yield linear(graph.path(node, weight, bias), weight, bias, axes)

    return build


def _batch_norm(graph: _Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None or bias is None or len(weight.shape) != 1:
        return
    layer = of_kind("BatchNorm", graph.dimensions(node))(num_features=weight.shape[0])
    yield norm(graph.path(node, weight, bias), layer, weight, bias)


def _instance_norm(graph: _Graph, node: Any) -> Built:
    """Yield an InstanceNorm; or a GroupNorm, which PyTorch exports as one over groups, and a product and a sum."""
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None or bias is None or len(weight.shape) != 1:
        return
    user = graph.after(node, "Reshape")
    product = user and graph.after(user, "Mul")
    total = product and graph.after(product, "Add")
    if total:
        gamma, beta = (_other(graph, each) for each in (product, total))
        if gamma is not None and beta is not None and gamma.size == beta.size and not gamma.size % weight.shape[0]:
            graph.taken |= {id(product), id(total)}
            layer = GroupNorm(num_groups=weight.shape[0], num_channels=gamma.size)
            flat = [each.weight.reshaped([each.size]) for each in (gamma, beta)]
            yield norm(graph.path(node, *flat), layer, *flat)
            return
    layer = of_kind("InstanceNorm", graph.dimensions(node))(num_features=weight.shape[0], affine=True)
    yield norm(graph.path(node, weight, bias), layer, weight, bias)


class _Constant:
    """A weight that a node combines with another tensor, and the number of its elements."""

    def __init__(self, weight: Weight) -> None:
        self.weight, self.size = weight, math.prod(weight.shape)


def _other(graph: _Graph, node: Any) -> _Constant | None:
    found = [held for at in (0, 1) if (held := graph.floats(node, at)) is not None]
    return _Constant(found[0]) if len(found) == 1 else None


def _layer_norm(graph: _Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None:
        return
    layer = LayerNorm(normalized_shape=weight.shape, bias=bias is not None)
    yield norm(graph.path(node, weight, bias), layer, weight, bias)


def _rms_norm(graph: _Graph, node: Any) -> Built:
    weight = graph.floats(node, 1)
    if weight is not None:
        yield norm(graph.path(node, weight), RMSNorm(normalized_shape=weight.shape), weight, None)


def _group_norm(graph: _Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    groups = _attributes(node).get("num_groups", 1)
    if weight is not None and bias is not None:
        layer = GroupNorm(num_groups=groups, num_channels=weight.shape[0])
        yield norm(graph.path(node, weight, bias), layer, weight, bias)


def _quotient(graph: _Graph, node: Any) -> Built:
    """Yield the LayerNorm that exporters before opset 17 wrote as its arithmetic: a quotient, a product and a sum."""
    root = graph.makers.get(node.input[1]) if len(node.input) > 1 else None
    product = graph.after(node, "Mul") if root is not None and root.op_type == "Sqrt" else None
    weight = product and _other(graph, product)
    if not weight:
        yield from graph.unknown(node)
        return
    total = graph.after(product, "Add")
    bias = _other(graph, total) if total else None
    graph.taken.add(id(product))
    held = bias.weight if bias is not None and bias.weight.shape == weight.weight.shape else None
    if held is not None:
        graph.taken.add(id(total))
    layer = LayerNorm(normalized_shape=weight.weight.shape, bias=held is not None)
    yield norm(graph.path(node, weight.weight, held), layer, weight.weight, held)


#: How far back the root stands that a RMSNorm divides by.
_STEPS = 3


def _scaled(graph: _Graph, node: Any) -> Built:
    """Yield the RMSNorm that an exporter wrote as its arithmetic: a product with a quotient by a root."""
    weight = _other(graph, node)
    other = next((name for name in node.input if name not in graph.constants), "")
    maker = graph.makers.get(other)
    if weight is None or weight.size == 1 or maker is None or maker.op_type not in ("Mul", "Div"):
        yield from graph.unknown(node)
        return
    if not any(_is_root(graph, name, _STEPS) for name in maker.input):
        yield from graph.unknown(node)
        return
    layer = RMSNorm(normalized_shape=weight.weight.shape)
    yield norm(graph.path(node, weight.weight), layer, weight.weight, None)


def _is_root(graph: _Graph, name: str, steps: int) -> bool:
    maker = graph.makers.get(name)
    if maker is None or not steps:
        return False
    return maker.op_type == "Sqrt" or (
        maker.op_type in ("Reciprocal", "Div", "Cast") and any(_is_root(graph, each, steps - 1) for each in maker.input)
    )


def _gather(graph: _Graph, node: Any) -> Built:
    held = graph.floats(node, 0)
    if held is None or graph.weight(node, 1) is not None or _attributes(node).get("axis", 0) != 0:
        return
    if len(held.shape) != 2:
        if node.input[0] in graph.parameters:
            yield from graph.unknown(node)
        return
    layer = Embedding(num_embeddings=held.shape[0], embedding_dim=held.shape[1])
    yield table(graph.path(node, held), layer, held)


def _prelu(graph: _Graph, node: Any) -> Built:
    slope = graph.floats(node, 1)
    if slope is not None:
        size = math.prod(slope.shape)
        layer = WITH_PARAMETERS["PReLU"](num_parameters=size)  # type: ignore[call-arg]
        yield Found(graph.path(node, slope), layer, {"weight": (slope.reshaped([size]), ("slope",))})


#: ONNX's order of the gates, as places in PyTorch's.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def _recurrent(graph: _Graph, node: Any) -> Built:
    kind, attributes = node.op_type, _attributes(node)
    inputs, states, biases = (graph.floats(node, at) for at in (1, 2, 3))
    path = graph.path(node, inputs, states, biases)
    if inputs is None or states is None or len(inputs.shape) != 3 or len(states.shape) != 3:
        yield Unknown(path, kind, "its weights are not in the file")
        return
    gates = len(_GATES[kind])
    if graph.weight(node, 7) is not None:
        yield Unknown(path, kind, "it has peepholes, which embinit does not know")
        return
    rows, order = inputs.shape[1], _GATES[kind]
    if rows % gates or inputs.shape[0] != states.shape[0] or attributes.get("direction") == "reverse":
        yield Unknown(path, kind, f"its weights {list(inputs.shape)} and direction are not those of an {kind}")
        return
    cells = []
    for i in range(inputs.shape[0]):
        cell = {"weight_ih": inputs.part(i).rows(order, gates), "weight_hh": states.part(i).rows(order, gates)}
        if biases is not None:
            for part, held in (("bias_ih", slice(0, rows)), ("bias_hh", slice(rows, 2 * rows))):
                cell[part] = biases.part(i).part(held).rows(order, gates)
        cells.append(cell)
    yield recurrent(path, kind, cells, bidirectional=inputs.shape[0] == 2)


_BUILDERS: dict[str, Builder] = {
    "Conv": _conv(False, 1, 2),
    "FusedConv": _conv(False, 1, 2),
    "ConvTranspose": _conv(True, 1, 2),
    "QLinearConv": _conv(False, 3, 8),
    "ConvInteger": _conv(False, 1, 99),
    "Gemm": _gemm(1, 2),
    "FusedGemm": _gemm(1, 2),
    "QGemm": _gemm(3, 6),
    "MatMul": _matmul(1),
    "FusedMatMul": _matmul(1),
    "QLinearMatMul": _matmul(3),
    "MatMulInteger": _matmul(1),
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "SimplifiedLayerNormalization": _rms_norm,
    "RMSNormalization": _rms_norm,
    "GroupNormalization": _group_norm,
    "Div": _quotient,
    "Mul": _scaled,
    "Gather": _gather,
    "PRelu": _prelu,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
