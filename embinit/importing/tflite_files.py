"""TFLite: the operators of a flatbuffer that have weights, in the order in which they run."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.importing.found import (
    Content,
    Found,
    Quantized,
    Unknown,
    Weight,
    convolution,
    first_stem,
    free,
    joined,
    linear,
    recurrent,
    slopes,
    table,
)
from embinit.importing.onnx_graph import format_of
from embinit.importing.packages import package
from embinit.layers import Embedding

MAGIC = b"TFL3"
_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float64",
    17: "int4",
}  # fmt: skip
_SIZES = {"float32": 4, "float16": 2, "int32": 4, "uint8": 1, "int64": 8, "int16": 2, "int8": 1, "float64": 8}
_CODES = ("int8", "uint8", "int16", "int4")
_FREE = {
    "RELU": "ReLU", "RELU6": "ReLU6", "LEAKY_RELU": "LeakyReLU", "ELU": "ELU", "GELU": "GELU", "TANH": "Tanh",
    "HARD_SWISH": "Hardswish", "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax", "LOG_SOFTMAX": "LogSoftmax",
    "MAX_POOL_2D": "MaxPool2d", "AVERAGE_POOL_2D": "AvgPool2d",
}  # fmt: skip
#: Operators whose constants are no weights.
_WITHOUT_WEIGHTS = frozenset(
    """
    RESHAPE SHAPE STRIDED_SLICE SLICE PACK UNPACK SQUEEZE EXPAND_DIMS TRANSPOSE PAD PADV2 MIRROR_PAD MEAN SUM REDUCE_MAX
    REDUCE_MIN CONCATENATION SPLIT SPLIT_V RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR QUANTIZE DEQUANTIZE CAST FILL RANGE
    TILE GATHER_ND ARG_MAX ARG_MIN WHERE SELECT SELECT_V2 EQUAL LESS GREATER WHILE IF ONE_HOT TOPK_V2 BROADCAST_TO
    MAXIMUM MINIMUM SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND
    """.split()
)


def read(content: bytes) -> Content:
    """Return what a TFLite file holds."""
    tflite = package("tflite", "tflite", "a .tflite file")
    try:
        model = tflite.Model.GetRootAs(content, 0)
        graphs = [_Graph(tflite, model, model.Subgraphs(i)) for i in range(_counted(model.SubgraphsLength(), content))]
        layers = [layer for graph in graphs for layer in graph.layers()]
    except EmbinitError:
        raise
    except Exception:  # flatbuffers raises struct.error, IndexError, TypeError and others for damaged files
        raise EmbinitError("is not a TFLite model that can be read: it is damaged or cut short") from None
    return Content("a .tflite file", tuple(layers), framework="keras")


def _counted(count: int, content: bytes) -> int:
    """Return a length that a file states, or raise EmbinitError if the file is too short for it."""
    if not 0 <= count <= len(content):
        raise EmbinitError(f"is not a TFLite model that can be read: it states {count} entries in {len(content)} bytes")
    return count


class _Graph:
    """A subgraph: its tensors, and the operators that make them."""

    def __init__(self, tflite: Any, model: Any, graph: Any) -> None:
        content = model._tab.Bytes
        self.tflite, self.model, self.graph = tflite, model, graph
        self.tensors = [graph.Tensors(i) for i in range(_counted(graph.TensorsLength(), content))]
        self.operators = [graph.Operators(i) for i in range(_counted(graph.OperatorsLength(), content))]
        self.makers = {int(i): each for each in self.operators for i in _numbers(each.OutputsAsNumpy())}
        self.users: dict[int, list[Any]] = {}
        for each in self.operators:
            for i in _numbers(each.InputsAsNumpy()):
                self.users.setdefault(i, []).append(each)

    def layers(self) -> Iterator[Found | Unknown]:
        """Yield the layers in the order of the operators."""
        for operator in self.operators:
            kind = self.kind(operator)
            if kind in _BUILDERS:
                yield from _BUILDERS[kind](self, operator)
            elif kind in _FREE:
                yield free(self.path(operator), _FREE[kind])
            else:
                yield from self.unknown(operator)

    def kind(self, operator: Any) -> str:
        """Return the name of an operator."""
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        if code.CustomCode():
            return bytes(code.CustomCode()).decode(errors="replace")
        return str(self.tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode())))

    def index(self, operator: Any, at: int) -> int:
        """Return the number of an operator's input; -1 if it has none."""
        inputs = _numbers(operator.InputsAsNumpy())
        return inputs[at] if at < len(inputs) else -1

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return tuple(_numbers(self.tensors[index].ShapeAsNumpy())) if index >= 0 else ()

    def weight(self, operator: Any, at: int) -> Weight | None:
        """Return the constant that an operator has as an input, through what only changes its type."""
        return self._constant(self.index(operator, at), 4)

    def _constant(self, index: int, steps: int) -> Weight | None:
        if index < 0 or not steps:
            return None
        maker = self.makers.get(index)
        if maker is not None:
            if self.kind(maker) not in ("DEQUANTIZE", "CAST", "RESHAPE"):
                return None
            inner = self._constant(self.index(maker, 0), steps - 1)
            return inner.reshaped(self.shape(index)) if inner is not None else None
        tensor = self.tensors[index]
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer is None or not buffer.DataLength():
            return None
        return self._weight(tensor, buffer)

    def _weight(self, tensor: Any, buffer: Any) -> Weight:
        dtype, shape = _TYPES.get(tensor.Type(), "unknown"), tuple(_numbers(tensor.ShapeAsNumpy()))
        count, name = math.prod(shape), bytes(tensor.Name() or b"").decode(errors="replace")
        if any(size < 0 for size in shape):
            raise EmbinitError(f"tensor {name!r} has shape {list(shape)}, and must have no size below 0")
        held, needed = buffer.DataLength(), -(-count // 2) if dtype == "int4" else count * _SIZES.get(dtype, 0)
        if needed and tensor.Sparsity() is None and held < needed:
            raise EmbinitError(f"tensor {name!r} of shape {list(shape)} needs {needed} bytes of data, got {held}")
        parameters = tensor.Quantization()
        scales = np.ravel(parameters.ScaleAsNumpy()) if parameters and parameters.ScaleLength() else np.empty(0)
        zeros = np.ravel(parameters.ZeroPointAsNumpy()) if parameters and parameters.ZeroPointLength() else np.zeros(1)
        axis = int(parameters.QuantizedDimension()) if parameters else 0
        quantized = None
        if dtype in (*_CODES, "int32", "int64") and scales.size:
            quantized = Quantized(format_of(dtype, bool(np.any(zeros))), axis if scales.size > 1 else None)

        def load() -> Any:
            data = np.frombuffer(bytes(buffer.DataAsNumpy().tobytes()), np.uint8)
            if dtype in ("float32", "float16"):
                return data.view(np.dtype(dtype).newbyteorder("<"))[:count].astype(np.float32)
            if dtype not in ("int8", "uint8", "int16", "int32") or quantized is None:
                return None
            along = [-1 if i == axis and scales.size > 1 else 1 for i in range(len(shape))]
            codes = data.view(np.dtype(dtype).newbyteorder("<"))[:count].reshape(shape).astype(np.int64)
            offset = zeros.reshape(along if zeros.size > 1 else [1] * len(along))
            return ((codes - offset) * scales.reshape(along)).astype(np.float32)

        known = "float32" if quantized is not None or dtype == "float32" else dtype
        return Weight(name, shape, known, load, quantized)

    def scale(self, operator: Any, at: int) -> float | None:
        """Return the scale of an operator's input, if that is quantized."""
        index = self.index(operator, at)
        parameters = self.tensors[index].Quantization() if index >= 0 else None
        return float(parameters.Scale(0)) if parameters and parameters.ScaleLength() == 1 else None

    def bias(self, operator: Any, at: int) -> Weight | None:
        """Return the bias of an operator; one in integers counts in steps of the input's scale times the weight's."""
        held = self.weight(operator, at)
        if held is None or held.quantized is None:
            return held
        return replace(held, quantized=replace(held.quantized, input_scale=self.scale(operator, 0)))

    def path(self, operator: Any, *weights: Weight | None) -> str:
        """Return the name of a layer: from its weights, or from what its operator makes."""
        outputs = [
            bytes(self.tensors[i].Name() or b"").decode(errors="replace") for i in _numbers(operator.OutputsAsNumpy())
        ]
        found = first_stem([*(weight.name for weight in weights if weight is not None), *outputs])
        return found or self.kind(operator).lower()

    def unknown(self, operator: Any) -> Iterator[Unknown]:
        """Yield an operator that has weights, but is no layer."""
        kind = self.kind(operator)
        if kind in _WITHOUT_WEIGHTS:
            return
        held = [
            weight for at in range(len(_numbers(operator.InputsAsNumpy()))) if (weight := self.weight(operator, at))
        ]
        held = [each for each in held if each.dtype.startswith("float") and math.prod(each.shape) > 1]
        if held:
            shapes = ", ".join(f"{each.name} {list(each.shape)}" for each in held)
            yield Unknown(self.path(operator, *held), kind, f"unknown, with weights {shapes}")

    def is_line(self, operator: Any) -> bool:
        """Whether a convolution of images is one of sequences, whose input gets an axis of size 1 before it."""
        maker = self.makers.get(self.index(operator, 0))
        return (
            maker is not None
            and self.kind(maker) in ("EXPAND_DIMS", "RESHAPE")
            and len(self.shape(self.index(maker, 0))) == 3
        )


def _numbers(array: Any) -> list[int]:
    """Return a vector of integers; flatbuffers gives 0 for one that is missing."""
    return [int(value) for value in array] if isinstance(array, np.ndarray) else []


Built = Iterator[Found | Unknown]
Builder = Callable[[_Graph, Any], Built]


def _options(graph: _Graph, operator: Any, name: str) -> Any:
    table_ = operator.BuiltinOptions()
    if table_ is None:
        return None
    options = getattr(graph.tflite, name)()
    options.Init(table_.Bytes, table_.Pos)
    return options


def _image(graph: _Graph, operator: Any) -> Built:
    """Yield CONV_2D, whose filters are out, height, width, in."""
    weight, bias = graph.weight(operator, 1), graph.bias(operator, 2)
    path = graph.path(operator, weight, bias)
    if weight is None or len(weight.shape) != 4:
        yield Unknown(path, "CONV_2D", "its filters are not in the file")
        return
    channels = graph.shape(graph.index(operator, 0))
    groups = channels[-1] // weight.shape[3] if channels and weight.shape[3] and channels[-1] > 0 else 1
    weight, axes = _of_images(graph, operator, weight)
    yield convolution(path, weight, bias, axes, max(groups, 1))


def _of_images(graph: _Graph, operator: Any, weight: Weight) -> tuple[Weight, tuple[str, ...]]:
    out, height, width, each = weight.shape
    if height == 1 and graph.is_line(operator):
        return weight.reshaped([out, width, each]), ("out", "kernel", "in")
    return weight, ("out", "height", "width", "in")


def _depthwise(graph: _Graph, operator: Any) -> Built:
    """Yield DEPTHWISE_CONV_2D, whose filters are 1, height, width, out."""
    weight, bias = graph.weight(operator, 1), graph.bias(operator, 2)
    path = graph.path(operator, weight, bias)
    if weight is None or len(weight.shape) != 4:
        yield Unknown(path, "DEPTHWISE_CONV_2D", "its filters are not in the file")
        return
    channels = graph.shape(graph.index(operator, 0))
    options = _options(graph, operator, "DepthwiseConv2DOptions")
    multiplier = max(int(options.DepthMultiplier()), 1) if options is not None else 1
    groups = channels[-1] if channels and channels[-1] > 0 else weight.shape[3] // multiplier
    _, height, width, out = weight.shape
    axes: tuple[str, ...] = ("in", "height", "width", "out")
    if height == 1 and graph.is_line(operator):
        weight, axes = weight.reshaped([1, width, out]), ("in", "kernel", "out")
    yield convolution(path, weight, bias, axes, groups)


def _transposed(graph: _Graph, operator: Any) -> Built:
    """Yield TRANSPOSE_CONV, whose filters are out, height, width, in; the shape of its output comes first."""
    weight, bias = graph.weight(operator, 1), graph.weight(operator, 3)
    path = graph.path(operator, weight, bias)
    if weight is None or len(weight.shape) != 4:
        yield Unknown(path, "TRANSPOSE_CONV", "its filters are not in the file")
        return
    yield convolution(path, weight, bias, ("out", "height", "width", "in"), transposed=True)


def _volume(weight_at: int, bias_at: int, turned: bool) -> Builder:
    def build(graph: _Graph, operator: Any) -> Built:
        weight, bias = graph.weight(operator, weight_at), graph.weight(operator, bias_at)
        path = graph.path(operator, weight, bias)
        if weight is None or len(weight.shape) != 5:
            yield Unknown(path, graph.kind(operator), "its filters are not in the file")
            return
        channels = ("out", "in") if turned else ("in", "out")
        yield convolution(path, weight, bias, ("depth", "height", "width", *channels), transposed=turned)

    return build


def _dense(graph: _Graph, operator: Any) -> Built:
    """Yield FULLY_CONNECTED, whose weights are out, in."""
    weight, bias = graph.weight(operator, 1), graph.bias(operator, 2)
    if weight is None:
        return
    path = graph.path(operator, weight, bias)
    if len(weight.shape) != 2:
        yield Unknown(path, "FULLY_CONNECTED", f"its weights must have two axes, got {list(weight.shape)}")
        return
    if bias is not None and math.prod(bias.shape) == weight.shape[0]:
        bias = bias.reshaped([weight.shape[0]])
    yield linear(path, weight, bias)


def _product(graph: _Graph, operator: Any) -> Built:
    weight = graph.weight(operator, 1)
    if weight is None:
        return
    path = graph.path(operator, weight)
    if len(weight.shape) != 2:
        yield Unknown(path, "BATCH_MATMUL", f"its weights must have two axes, got {list(weight.shape)}")
        return
    options = _options(graph, operator, "BatchMatMulOptions")
    turned = options is not None and bool(options.AdjY())
    yield linear(path, weight, None, ("out", "in") if turned else ("in", "out"))


def _rows(at: int) -> Builder:
    def build(graph: _Graph, operator: Any) -> Built:
        weight = graph.weight(operator, at)
        if weight is None or len(weight.shape) != 2 or not (weight.quantized or weight.dtype.startswith("float")):
            return
        layer = Embedding(num_embeddings=weight.shape[0], embedding_dim=weight.shape[1])
        yield table(graph.path(operator, weight), layer, weight)

    return build


def _prelu(graph: _Graph, operator: Any) -> Built:
    slope = graph.weight(operator, 1)
    if slope is not None:
        yield slopes(graph.path(operator, slope), graph.kind(operator), slope)


def _lstm(graph: _Graph, operator: Any) -> Built:
    """Yield an LSTM, whose gates are tensors of their own: input, forget, cell, output, as in PyTorch."""
    inputs, states, biases = ([graph.weight(operator, at) for at in range(first, first + 4)] for first in (1, 5, 12))
    path = graph.path(operator, *inputs[1:], *biases)
    beside = [graph.weight(operator, at) for at in (9, 10, 11, 16, 17)]
    if None in inputs or None in states or any(each is not None for each in beside):
        yield Unknown(path, graph.kind(operator), "it has peepholes, a projection, or an input gate that is coupled")
        return
    cell = {"weight_ih": _joined(inputs), "weight_hh": _joined(states)}
    if None not in biases:
        cell |= _both(_joined(biases))
    yield recurrent(path, "LSTM", [cell])


def _joined(weights: Sequence[Weight | None]) -> Weight:
    return joined([weight for weight in weights if weight is not None])


def _both(bias: Weight) -> dict[str, Weight]:
    """Return the two biases of PyTorch; a file with one bias has no values for the second."""
    return {"bias_ih": bias, "bias_hh": bias.without_values()}


def _rnn(graph: _Graph, operator: Any) -> Built:
    inputs, states, bias = (graph.weight(operator, at) for at in (1, 2, 3))
    path = graph.path(operator, inputs, states, bias)
    if inputs is None or states is None:
        yield Unknown(path, graph.kind(operator), "its weights are not in the file")
        return
    cell = {"weight_ih": inputs, "weight_hh": states}
    cell |= _both(bias) if bias is not None else {}
    yield recurrent(path, "RNN", [cell])


_BUILDERS: dict[str, Builder] = {
    "CONV_2D": _image,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "CONV_3D": _volume(1, 2, False),
    "CONV_3D_TRANSPOSE": _volume(1, 3, True),
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    "EMBEDDING_LOOKUP": _rows(1),
    "GATHER": _rows(0),
    "PRELU": _prelu,
    "LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
    "RNN": _rnn,
}
