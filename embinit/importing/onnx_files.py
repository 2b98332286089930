"""ONNX: the nodes of a graph that have weights, in the order of the graph."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
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
    by_equation,
    convolution,
    free,
    linear,
    norm,
    of_kind,
    recurrent,
    slopes,
    table,
)
from embinit.importing.onnx_graph import FLOATS, Graph, attributes_of, dequantized, format_of, missing
from embinit.importing.packages import package
from embinit.layers import Embedding, GroupNorm, LayerNorm, RMSNorm

Built = Iterator[Found | Unknown]
Builder = Callable[[Graph, Any], Built]

#: Layers that draw nothing, by node; those with a dimension end in {}.
_FREE = {
    "Relu": "ReLU", "LeakyRelu": "LeakyReLU", "Elu": "ELU", "Celu": "CELU", "Gelu": "GELU", "Selu": "SELU",
    "Mish": "Mish", "HardSwish": "Hardswish", "HardSigmoid": "Hardsigmoid", "Softsign": "Softsign",
    "Softplus": "Softplus", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Softmax": "Softmax", "LogSoftmax": "LogSoftmax",
    "Flatten": "Flatten", "Dropout": "Dropout", "MaxPool": "MaxPool{}d", "AveragePool": "AvgPool{}d",
    "GlobalAveragePool": "AdaptiveAvgPool{}d", "GlobalMaxPool": "AdaptiveMaxPool{}d", "LRN": "LocalResponseNorm",
}  # fmt: skip


def read(content: bytes, folder: Path) -> Content:
    """Return what an ONNX file holds. folder: where it lies, and with it what it keeps in other files."""
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
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=1)
    layers, shared = _once(_layers(Graph(model.graph, {}, {}, folder, opset)))
    away = missing(model.graph.initializer, folder)
    notes = [f"nothing is said of the values in {listed(away)}: there is no such file next to it"] if away else []
    return Content("an ONNX file", layers, (*shared, *notes))


def _once(layers: Iterable[Found | Unknown]) -> tuple[tuple[Found | Unknown, ...], tuple[str, ...]]:
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


def _layers(graph: Graph) -> Built:
    """Yield the layers of a graph, in the order of its nodes, and those of graphs in it."""
    for node in graph.nodes:
        if node.op_type in _BUILDERS and id(node) not in graph.taken:
            yield from _BUILDERS[node.op_type](graph, node)
        elif node.op_type in _FREE:
            yield free(graph.path(node), _FREE[node.op_type].format(graph.dimensions(node)))
        elif id(node) not in graph.taken:
            yield from graph.unknown(node)
        for each in node.attribute:
            for inner in (*([each.g] if each.HasField("g") else []), *each.graphs):
                yield from _layers(Graph(inner, graph.constants, graph.ranks, graph.folder, graph.opset))


# ---- Layers ----


def _computed(graph: Graph, node: Any) -> Unknown:
    """Return a node whose weights come from other nodes."""
    return Unknown(graph.path(node), node.op_type, "its weights are no constants of the file")


def _conv(transposed: bool, at: int, bias_at: int) -> Builder:
    def build(graph: Graph, node: Any) -> Built:
        weight = _codes(graph, node, at)
        if weight is None:
            yield _computed(graph, node)
            return
        if not 3 <= len(weight.shape) <= 5:
            yield from graph.unknown(node)
            return
        groups = attributes_of(node).get("group", 1)
        kind = f"Conv{'Transpose' if transposed else ''}{len(weight.shape) - 2}d"
        outputs = weight.shape[1] * groups if transposed else weight.shape[0]
        bias = _bias(graph, node, bias_at) or graph.added(node, outputs)
        path = graph.path(node, weight, bias)
        if bias is not None and bias.shape != (outputs,):
            yield Unknown(path, node.op_type, f"its bias must have shape [{outputs}], got {list(bias.shape)}")
            return
        yield convolution(path, weight, bias, LAYOUTS[kind], groups, transposed)

    return build


def _codes(graph: Graph, node: Any, at: int) -> Weight | None:
    """Return a weight of a node; that of an integer operator has its scale and zero point as inputs after it."""
    held = graph.weight(node, at)
    if held is None or held.dtype in FLOATS or held.quantized is not None:
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
    return dequantized(held, [scale, zero], {"axis": axis})


def _bias(graph: Graph, node: Any, at: int) -> Weight | None:
    """Return the bias of a node; one in integers counts in steps of the input's scale times the weight's."""
    held = graph.floats(node, at)
    if held is None:
        integers = graph.weight(node, at)
        if integers is None or integers.dtype != "int32":
            return None
        held = Weight(integers.name, integers.shape, quantized=Quantized("int32"))
    if held.quantized is None:
        return held
    of_input = node.op_type in ("QLinearConv", "QGemm")
    scale = graph.number(node.input[1]) if of_input else graph.scale_of(node.input[0])
    return replace(held, quantized=replace(held.quantized, input_scale=scale))


def _gemm(at: int, bias_at: int) -> Builder:
    def build(graph: Graph, node: Any) -> Built:
        weight = _codes(graph, node, at)
        if weight is None or len(weight.shape) != 2:
            yield from graph.unknown(node)
            return
        turned = bool(attributes_of(node).get("transB", 0))
        axes = ("out", "in") if turned else ("in", "out")
        outputs = weight.shape[0] if turned else weight.shape[1]
        bias = _bias(graph, node, bias_at)
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
    def build(graph: Graph, node: Any) -> Built:
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


def _einsum(graph: Graph, node: Any) -> Built:
    """Yield the Linear layer of a sum of products of an input and a weight."""
    held = [graph.floats(node, at) for at in range(len(node.input))]
    equation = str(attributes_of(node).get("equation", ""))
    terms, _, outputs = equation.partition("->")
    if len(held) != 2 or sum(each is None for each in held) != 1 or not outputs:
        yield from graph.unknown(node)
        return
    first, second = terms.split(",")
    weight = held[1] or held[0]
    assert weight is not None
    turned = f"{first},{second}->{outputs}" if held[1] is not None else f"{second},{first}->{outputs}"
    path = graph.path(node, weight)
    try:
        yield by_equation(path, turned, weight, None)
    except (EmbinitError, ValueError) as error:
        yield Unknown(path, node.op_type, f"{error}, with weights {weight.name} {list(weight.shape)}")


def _batch_norm(graph: Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None or bias is None or len(weight.shape) != 1:
        yield _computed(graph, node)
        return
    layer = of_kind("BatchNorm", graph.dimensions(node))(num_features=weight.shape[0])
    yield norm(graph.path(node, weight, bias), layer, weight, bias)


def _instance_norm(graph: Graph, node: Any) -> Built:
    """Yield an InstanceNorm; or a GroupNorm, which PyTorch exports as one over groups, and a product and a sum."""
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None or bias is None or len(weight.shape) != 1:
        yield _computed(graph, node)
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


def _other(graph: Graph, node: Any) -> _Constant | None:
    found = [held for at in (0, 1) if (held := graph.floats(node, at)) is not None]
    return _Constant(found[0]) if len(found) == 1 else None


def _layer_norm(graph: Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    if weight is None:
        yield _computed(graph, node)
        return
    layer = LayerNorm(normalized_shape=weight.shape, bias=bias is not None)
    yield norm(graph.path(node, weight, bias), layer, weight, bias)


def _rms_norm(graph: Graph, node: Any) -> Built:
    weight = graph.floats(node, 1)
    if weight is None:
        yield _computed(graph, node)
        return
    yield norm(graph.path(node, weight), RMSNorm(normalized_shape=weight.shape), weight, None)


#: The opset from which on GroupNormalization has a scale for each channel; before, each group had one.
_SCALED_BY_CHANNEL = 21


def _group_norm(graph: Graph, node: Any) -> Built:
    weight, bias = graph.floats(node, 1), graph.floats(node, 2)
    groups = attributes_of(node).get("num_groups", 1)
    if weight is None or bias is None:
        yield _computed(graph, node)
        return
    path = graph.path(node, weight, bias)
    if graph.opset < _SCALED_BY_CHANNEL:
        yield Unknown(path, node.op_type, "it has a scale for each group, and in PyTorch each channel has one")
        return
    yield norm(path, GroupNorm(num_groups=groups, num_channels=weight.shape[0]), weight, bias)


def _quotient(graph: Graph, node: Any) -> Built:
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


def _scaled(graph: Graph, node: Any) -> Built:
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


def _is_root(graph: Graph, name: str, steps: int) -> bool:
    maker = graph.makers.get(name)
    if maker is None or not steps:
        return False
    return maker.op_type == "Sqrt" or (
        maker.op_type in ("Reciprocal", "Div", "Cast") and any(_is_root(graph, each, steps - 1) for each in maker.input)
    )


def _gather(graph: Graph, node: Any) -> Built:
    held = graph.floats(node, 0)
    if held is None or graph.weight(node, 1) is not None or attributes_of(node).get("axis", 0) != 0:
        return
    if len(held.shape) != 2:
        if node.input[0] in graph.parameters:
            yield from graph.unknown(node)
        return
    layer = Embedding(num_embeddings=held.shape[0], embedding_dim=held.shape[1])
    yield table(graph.path(node, held), layer, held)


def _prelu(graph: Graph, node: Any) -> Built:
    slope = graph.floats(node, 1)
    if slope is None:
        yield _computed(graph, node)
        return
    yield slopes(graph.path(node, slope), node.op_type, slope)


#: ONNX's order of the gates, as places in PyTorch's.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def _recurrent(graph: Graph, node: Any) -> Built:
    kind, attributes = node.op_type, attributes_of(node)
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
        yield Unknown(path, kind, f"its weights {list(inputs.shape)} and direction are not those of one")
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
    "Einsum": _einsum,
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
