"""What a file of a model holds: layers with their weights, in the file's order, whatever the format."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.errors import EmbinitError
from embinit.layers import WITH_PARAMETERS, Convolution, DrawFree, Layer, Linear, Norm, Stored
from embinit.model import DEFAULT_MEMORY_LIMIT

Array = NDArray[Any]
#: The most bytes of one tensor that are read to compare them.
MOST_BYTES = DEFAULT_MEMORY_LIMIT


@dataclass(frozen=True)
class Quantized:
    """How a weight is held in a file: its format, and the axis whose channels have one scale each; None for one scale.

    block: how many elements of the last axis share a scale, if they do. input_scale: for a bias that counts steps of
    the layer's input, the scale of that input.
    """

    format: str
    axis: int | None = None
    block: int | None = None
    input_scale: float | None = None


@dataclass(frozen=True)
class Weight:
    """A tensor of a file: its name there, its shape, the type of an element, and a way to its float32 values.

    load returns None where the values are not at hand.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    load: Callable[[], Array | None] = field(default=lambda: None, repr=False, compare=False)
    quantized: Quantized | None = None

    def values(self) -> Array | None:
        """Return the values in this shape; None where they are not float32, not at hand, or too many."""
        if self.dtype != "float32" or math.prod(self.shape) * 4 > MOST_BYTES:
            return None
        try:
            held = self.load()
        except EmbinitError:
            raise
        except Exception:  # what a library raises for damaged data
            raise EmbinitError(f"{self.name}: its values cannot be read: the file is damaged") from None
        return None if held is None or held.size != math.prod(self.shape) else held.reshape(self.shape)

    def without_values(self) -> "Weight":
        """Return a tensor of the same shape whose values nobody knows."""
        return replace(self, load=lambda: None)

    def transposed(self, axes: Sequence[int]) -> "Weight":
        """Return the tensor with its axes in another order."""
        held = self.quantized
        if held is not None and held.axis is not None:
            held = replace(held, axis=tuple(axes).index(held.axis))
        return self._changed(tuple(self.shape[i] for i in axes), lambda values: values.transpose(axes), held)

    def reshaped(self, shape: Sequence[int]) -> "Weight":
        """Return the tensor in another shape of as many elements; axes of size 1 may come and go."""
        held = self.quantized
        if held is not None and held.axis is not None:
            before, size = math.prod(self.shape[: held.axis]), self.shape[held.axis]
            same = [i for i, each in enumerate(shape) if each == size and math.prod(shape[:i]) == before]
            held = replace(held, axis=same[0] if same else None)
        return self._changed(tuple(shape), lambda values: values.reshape(shape), held)

    def rows(self, order: Sequence[int], blocks: int) -> "Weight":
        """Return the tensor with the blocks of its first axis in another order, such as the gates of an LSTM."""

        def ordered(values: Array) -> Array:
            cut = values.reshape(blocks, -1, *values.shape[1:])
            return cut[list(order)].reshape(values.shape)

        return self._changed(self.shape, ordered, self.quantized)

    def part(self, index: int | slice) -> "Weight":
        """Return one element, or a slice, of the first axis."""
        first, *rest = self.shape
        shape = tuple(rest) if isinstance(index, int) else (len(range(*index.indices(first))), *rest)
        return self._changed(shape, lambda values: values[index], self.quantized)

    def _changed(
        self, shape: tuple[int, ...], change: Callable[[Array], Array], quantized: Quantized | None
    ) -> "Weight":
        def load() -> Array | None:
            held = self.values()
            return None if held is None else np.ascontiguousarray(change(held))

        return replace(self, shape=shape, load=load, quantized=quantized)


def joined(weights: Sequence[Weight]) -> Weight:
    """Return tensors one after the other along their first axis."""

    def load() -> Array | None:
        held = [weight.values() for weight in weights]
        return None if any(each is None for each in held) else np.concatenate(held)  # type: ignore[arg-type]

    first, *rest = weights[0].shape
    shape = (sum(weight.shape[0] for weight in weights) if len(weights) > 1 else first, *rest)
    return replace(weights[0], shape=shape, load=load)


#: A part of a layer, with the names of its axes.
Parts = Mapping[str, tuple[Weight, tuple[str, ...]]]


@dataclass(frozen=True)
class Found:
    """A layer of a file: its path there, what it is in embinit, and its weights.

    not_in_keras: why dialects keras do not draw it as Keras does; empty if they do.
    """

    path: str
    layer: Layer
    parts: Parts = field(default_factory=dict)
    not_in_keras: str = ""


@dataclass(frozen=True)
class Unknown:
    """What holds weights in a file and is no layer that embinit knows: its path, its type, and why."""

    path: str
    type: str
    why: str

    def __str__(self) -> str:
        return f"{self.path or '(without a name)'} ({self.type}: {self.why})"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    kind: what kind of file it is, in words. layers: in the order of the file, with what holds weights and is no layer.
    notes: what a reader should know. framework: whose constructors may have drawn the weights.
    """

    kind: str
    layers: tuple[Found | Unknown, ...]
    notes: tuple[str, ...] = ()
    framework: str = "torch"


# ---- Layers from shapes ----

LAYOUTS: dict[str, tuple[str, ...]] = {"Linear": ("out", "in")}
for _cls in WITH_PARAMETERS.values():
    if issubclass(_cls, Convolution):
        _first = ("in", "out") if _cls.transposed else ("out", "in")
        LAYOUTS[_cls.__name__] = (*_first, *_cls.kernel_axes)


def linear(path: str, weight: Weight, bias: Weight | None, axes: Sequence[str] = LAYOUTS["Linear"]) -> Found:
    """Return a Linear layer, from a weight whose axes are named."""
    sizes = dict(zip(axes, weight.shape, strict=True))
    layer = Linear(in_features=sizes["in"], out_features=sizes["out"], bias=bias is not None)
    return _weighted(path, layer, weight, bias, tuple(axes))


def by_equation(path: str, equation: str, kernel: Weight, bias: Weight | None) -> Found:
    """Return the Linear layer that a sum of products of an input and a kernel is; EmbinitError if it is none."""
    inputs, summed, outputs = re.split(",|->", f"{equation},,".replace(" ", "").replace("...", ""))[:3]
    letters = [letter for letter in summed if letter not in outputs]
    if len(set(summed)) != len(summed) or any(letter not in inputs for letter in letters):
        raise EmbinitError(f"its equation {equation} is not that of a layer")
    if len(letters) == len(summed) or any(letter in inputs and letter in outputs for letter in summed):
        raise EmbinitError(f"its equation {equation} has a kernel for each place of an axis")
    places = [summed.index(letter) for letter in (*letters, *(each for each in outputs if each in summed))]
    return projection(path, kernel.transposed(places), len(letters), bias)


def projection(path: str, kernel: Weight, summed: int, bias: Weight | None) -> Found:
    """Return the Linear layer of a kernel whose first axes are summed over, and whose others are the outputs."""
    inputs, outputs = math.prod(kernel.shape[:summed]), math.prod(kernel.shape[summed:])
    if bias is not None and math.prod(bias.shape) != outputs:
        raise EmbinitError(f"its bias must have a value for each of its {outputs} outputs, got {list(bias.shape)}")
    flat = None if bias is None else bias.reshaped([outputs])
    return linear(path, kernel.reshaped([inputs, outputs]), flat, ("in", "out"))


def convolution(
    path: str, weight: Weight, bias: Weight | None, axes: Sequence[str], groups: int = 1, transposed: bool = False
) -> Found:
    """Return a convolution from a weight whose axes are named; of out and in, one counts the channels of a group."""
    sizes = dict(zip(axes, weight.shape, strict=True))
    kernel = [axis for axis in ("depth", "height", "width", "kernel") if axis in sizes]
    channels = {"in_channels": sizes["in"], "out_channels": sizes["out"]}
    channels["out_channels" if transposed else "in_channels"] *= groups
    cls: Any = WITH_PARAMETERS[f"Conv{'Transpose' if transposed else ''}{len(kernel)}d"]
    layer = cls(
        **channels,
        kernel_size=_plain([sizes[axis] for axis in kernel]),
        groups=groups,
        bias=bias is not None,
    )
    return _weighted(path, layer, weight, bias, tuple(axes))


def _plain(sizes: list[int]) -> int | list[int]:
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _weighted(path: str, layer: Layer, weight: Weight, bias: Weight | None, axes: tuple[str, ...]) -> Found:
    parts = {"weight": (weight, axes)} | ({} if bias is None else {"bias": (bias, ("out",))})
    return Found(path, layer, parts)


def norm(path: str, layer: Norm, weight: Weight | None, bias: Weight | None) -> Found:
    """Return a normalization with what is held of it."""
    held = {"weight": weight, "bias": bias}
    axes = tuple(f"axis{i}" for i in range(len(layer.shape)))
    return Found(path, layer, {part: (each, axes) for part, each in held.items() if each is not None})


def table(path: str, layer: Stored, weight: Weight) -> Found:
    """Return an embedding with its table."""
    return Found(path, layer, {"weight": (weight, ("index", "feature"))})


def slopes(path: str, kind: str, slope: Weight) -> "Found | Unknown":
    """Return a PReLU layer, whose slopes must be of channels, as PyTorch's are."""
    size = math.prod(slope.shape)
    if size != max(slope.shape, default=1):
        return Unknown(path, kind, f"its slopes must be of channels, got shape {list(slope.shape)}")
    layer = WITH_PARAMETERS["PReLU"](num_parameters=size)  # type: ignore[call-arg]
    return Found(path, layer, {"weight": (slope.reshaped([size]), ("slope",))})


def of_kind(name: str, dimensions: int) -> Any:
    """Return the class of a layer type for so many axes besides batch and channels, such as BatchNorm2d."""
    return WITH_PARAMETERS[f"{name}{min(max(dimensions, 1), 3)}d"]


def recurrent(
    path: str, kind: str, cells: Sequence[Mapping[str, Weight]], bidirectional: bool = False, proj_size: int = 0
) -> Found:
    """Return a recurrent layer from the cells of its layers and directions, in PyTorch's order of rows and of gates."""
    cls: Any = WITH_PARAMETERS[kind]
    first, directions = cells[0], 2 if bidirectional else 1
    keys = {"input_size": first["weight_ih"].shape[1], "hidden_size": first["weight_ih"].shape[0] // cls.gates}
    keys |= {"num_layers": len(cells) // directions} | ({"proj_size": proj_size} if proj_size else {})
    layer = cls(**keys, bidirectional=bidirectional, bias="bias_ih" in first)
    axes = {
        "weight_ih": ("gate", "input"),
        "weight_hh": ("gate", "state"),
        "bias_ih": ("gate",),
        "bias_hh": ("gate",),
        "weight_hr": ("state", "hidden"),
    }
    parts = {
        f"{part}_l{i // directions}{'_reverse' if i % directions else ''}": (held, axes[part])
        for i, cell in enumerate(cells)
        for part, held in cell.items()
    }
    return Found(path, layer, parts)


def free(path: str, kind: str) -> Found:
    """Return a layer that holds nothing."""
    return Found(path, DrawFree(kind=kind))


# ---- Names ----

#: What the last part of a weight's name says about its place in a layer, and not about the layer.
_PARTS = frozenset(
    """
    weight bias kernel gamma beta scale weights biases embedding embeddings w b r alpha slope depthwise_kernel
    recurrent_kernel quantized weight_quantized kernel_quantized bias_quantized
    """.split()
)
#: Operations, as exporters name what computes with a weight.
_OPERATIONS = frozenset(
    """
    MatMul Conv Conv1D Conv2D Conv3D Conv2DTranspose convolution depthwise conv_transpose ConvTranspose Gemm Add BiasAdd
    ReadVariableOp Read BatchNormalization LayerNormalization InstanceNormalization RMSNormalization LSTM GRU RNN PRelu
    Gather Einsum Tensordot Transpose Squeeze ExpandDims Relu Relu6 Reshape FusedBatchNormV3 DepthwiseConv2dNative
    embedding_lookup MatMulInteger ConvInteger Mul add mul
    """.split()
)
#: Names that exporters make up.
_MADE_UP = re.compile(
    r"(onnx::.*|val_?\d*|node_\w*|_?v?_?\d+|const(ant)?(_fold\w*)?_*\d*|arith\..*|tfl\..*|t\d*)", re.IGNORECASE
)


def stem(name: str) -> str:
    """Return the name of a layer from that of a weight, or of what computes with it; empty if an exporter made it up.

    >>> stem("net.conv.weight"), stem("dense/kernel:0"), stem("/fc/Gemm"), stem("onnx::Conv_16"), stem("m_w")
    ('net.conv', 'dense', 'fc', '', 'm')
    """
    name = re.sub(r"(:\d+|_quantized)$", "", name.partition(";")[0]).strip("/. ")
    if _MADE_UP.fullmatch(name):
        return ""
    while _split(name)[0] and re.sub(r"_\d+$", "", _split(name)[1]) in _OPERATIONS:
        name = _split(name)[0]
    head, last = _split(name)
    if head and last.lower() in _PARTS:
        return head
    return re.sub(r"_(weights?|bias(es)?|kernel|w|b)$", "", name, flags=re.IGNORECASE)


def _split(name: str) -> tuple[str, str]:
    """Return the parts of a name before and after its last . or /."""
    at = max(name.rfind("."), name.rfind("/"))
    return (name[:at], name[at + 1 :]) if at > 0 else ("", name)


def first_stem(names: Iterable[str]) -> str:
    """Return the first name of a layer that some names give; empty if none does."""
    return next(filter(None, map(stem, names)), "")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key by which numbers in names sort as numbers.

    >>> sorted(["b.10", "b.2", "a"], key=natural)
    ['a', 'b.2', 'b.10']
    """
    pieces = re.findall(r"\d+|\D+", name)
    return tuple((0, int(each[:300]), "") if each.isdigit() and each.isascii() else (1, 0, each) for each in pieces)
