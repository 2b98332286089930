"""Keras' layers, each from its configuration and its weights."""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from embinit.dialects.keras import KERAS_TORCH
from embinit.errors import EmbinitError
from embinit.importing import tensors
from embinit.importing.found import (
    Found,
    Unknown,
    Weight,
    by_equation,
    convolution,
    free,
    linear,
    norm,
    of_kind,
    projection,
    recurrent,
    table,
)
from embinit.importing.keras_weights import snake
from embinit.initializers import Initializer
from embinit.layers import Embedding, GroupNorm, LayerNorm, Norm, RMSNorm, Weighted

_CONVOLUTIONS = re.compile(r"(SeparableConv|DepthwiseConv|Conv|Convolution)([123])D(Transpose)?")
_KERNELS = {1: ("kernel",), 2: ("height", "width"), 3: ("depth", "height", "width")}
#: Layers that hold nothing, in PyTorch's words; those with a dimension end in {}.
_FREE = {
    "ReLU": "ReLU", "LeakyReLU": "LeakyReLU", "ELU": "ELU", "Softmax": "Softmax", "Flatten": "Flatten",
    "Dropout": "Dropout", "AlphaDropout": "AlphaDropout", "GaussianDropout": "Dropout", "GaussianNoise": "Dropout",
    **{f"SpatialDropout{n}D": f"Dropout{n}d" for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": f"MaxPool{n}d" for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": f"AvgPool{n}d" for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": f"AdaptiveAvgPool{n}d" for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": f"AdaptiveMaxPool{n}d" for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": f"ZeroPad{n}d" for n in (1, 2, 3)},
    **dict.fromkeys(("UpSampling1D", "UpSampling2D", "UpSampling3D"), "Upsample"),
}  # fmt: skip
#: Layers without weights that take seeds, as Keras' augmentations do.
_AUGMENTATIONS = re.compile(r"Random\w+|RandAugment|AugMix|MixUp|CutMix|Pipeline")
#: Keras' order of the gates, as places in PyTorch's.
GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}
_OURS = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}
#: Why layers with weights are none of embinit's.
_REASONS = {
    **dict.fromkeys(("Attention", "AdditiveAttention"), "embinit has no scale of attention"),
    "Normalization": "its mean and variance come from data",
    "SpectralNormalization": "it divides the kernel by a singular value: save the model with the layer inside alone",
    **{f"ConvLSTM{n}D": "embinit has no convolutional LSTM" for n in (1, 2, 3)},
}
#: Why dialects keras would draw a layer in another way.
_PROJECTIONS = "Keras draws its kernels with fans of its own, which dialects keras do not have"
_SEEDS = "it takes seeds, which dialects keras do not count: make the model without it"

Settings = Mapping[str, Any]
Builder = Callable[[str, str, Settings, list[Weight]], Iterator[Found | Unknown]]


def layer_of(
    path: str, kind: str, is_keras: bool, settings: Settings, weights: Sequence[Weight]
) -> Iterator[Found | Unknown]:
    """Yield what a layer of Keras is in embinit, often one layer, or why it is none."""
    shapes = ", ".join(str(list(each.shape)) for each in weights)
    left = list(weights)
    try:
        builder = _builder(kind) if is_keras else None
        if builder is not None:
            found = [_initialized(each, settings) for each in builder(path, kind, settings, left)]
            if left:
                why = f"LoRA or quantize() gave it other weights, {shapes}: save the model before that"
                yield Unknown(path, kind, why)
            else:
                yield from found
        elif kind in _FREE and is_keras:
            if not _takes_no_seed(kind, settings):
                yield free(path, _FREE[kind])
        elif weights:
            reason = _REASONS.get(kind, "unknown") if is_keras else "unknown"
            yield Unknown(path, kind, f"{reason}, with weights {shapes}")
        elif is_keras and _AUGMENTATIONS.fullmatch(kind):
            yield replace(free(path, "Identity"), not_in_keras=_SEEDS)
    except (EmbinitError, ValueError, TypeError, KeyError, IndexError) as error:
        said = (
            str(error) if isinstance(error, EmbinitError) else f"its weights {shapes or '(none)'} are not those of one"
        )
        yield Unknown(path, kind, said)


def _takes_no_seed(kind: str, settings: Settings) -> bool:
    """Whether a dropping layer has no seed generator, or one with its own seed: Keras then takes no seed for it."""
    dropping = "Dropout" in kind or kind == "GaussianNoise"
    return dropping and (not settings.get("rate", settings.get("stddev", 1)) or isinstance(settings.get("seed"), int))


def _builder(kind: str) -> Builder | None:
    found = _CONVOLUTIONS.fullmatch(kind)
    if found:
        return _separable if found[1] == "SeparableConv" else _depthwise if found[1] == "DepthwiseConv" else _conv
    return _BUILDERS.get(kind)


def _bias(weights: list[Weight], settings: Settings) -> Weight | None:
    return weights.pop(0) if settings.get("use_bias", True) else None


def _dense(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    kernel = weights.pop(0)
    yield linear(path, kernel, _bias(weights, settings), ("in", "out"))


# ---- Convolutions ----


def _conv(path: str, kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    kernel = weights.pop(0)
    axes = _KERNELS[len(kernel.shape) - 2]
    turned = kind.endswith("Transpose")
    channels = ("out", "in") if turned else ("in", "out")
    yield convolution(
        path, kernel, _bias(weights, settings), (*axes, *channels), int(settings.get("groups", 1)), turned
    )


def _depthwise(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    yield _of_each_channel(path, weights.pop(0), _bias(weights, settings))


def _of_each_channel(path: str, kernel: Weight, bias: Weight | None) -> Found:
    """Return the convolution of a depthwise kernel: kernel axes, channels, and the outputs of each channel."""
    *sizes, channels, multiplier = kernel.shape
    flat = kernel.reshaped([*sizes, 1, channels * multiplier])
    return convolution(path, flat, bias, (*_KERNELS[len(sizes)], "in", "out"), channels)


def _separable(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    depthwise, pointwise = weights.pop(0), weights.pop(0)
    axes = (*_KERNELS[len(pointwise.shape) - 2], "in", "out")
    yield _of_each_channel(f"{path}/depthwise", depthwise, None)
    yield convolution(f"{path}/pointwise", pointwise, _bias(weights, settings), axes)


# ---- Projections ----


def _einsum(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    kernel = weights.pop(0)
    bias = weights.pop(0) if settings.get("bias_axes") else None
    yield replace(by_equation(path, str(settings["equation"]), kernel, bias), not_in_keras=_PROJECTIONS)


#: The projections of attention in the order in which Keras makes them: names, and how many axes are summed over.
_OF_ATTENTION = (("query", 1), ("key", 1), ("value", 1), ("gate", 1), ("attention_output", 2))


def _attention(path: str, _kind: str, _settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    """Yield the projections of an attention, each a Linear layer."""
    for name, summed in _OF_ATTENTION:
        groups = {name, f"{name}_dense".replace("attention_", ""), f"_{name}_dense".replace("attention_", "")}
        held = [each for each in weights if groups & set(each.name.split("/")[-3:-1])]
        for each in held:
            weights.remove(each)
        if held:
            kernel, *bias = held
            summing = len(kernel.shape) - 2 if summed == 1 else 2
            found = projection(f"{path}/{name}", kernel, summing, bias[0] if bias else None)
            yield replace(found, not_in_keras=_PROJECTIONS)


def _embedding(path: str, _kind: str, _settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    held = weights.pop(0)
    yield table(path, Embedding(num_embeddings=held.shape[0], embedding_dim=held.shape[1]), held)


def _reversible(path: str, kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    yield from _embedding(path, kind, settings, weights)
    if weights:
        yield replace(projection(f"{path}/reverse", weights.pop(0), 1, None), not_in_keras=_PROJECTIONS)


# ---- Normalizations ----


def _batch_norm(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    gamma, beta, held = _affine(settings, weights)
    affine = {"affine": bool(held), **held}
    yield norm(path, of_kind("BatchNorm", 1)(num_features=weights[0].shape[0], **affine), gamma, beta)
    weights.clear()  # the moving statistics


def _affine(settings: Settings, weights: list[Weight]) -> tuple[Weight | None, Weight | None, dict[str, Any]]:
    """Return the scale and the offset of a normalization, and the keys that say which of them it has."""
    scale, center = bool(settings.get("scale", True)), bool(settings.get("center", True))
    gamma = weights.pop(0) if scale else None
    beta = weights.pop(0) if center else None
    return gamma, beta, {"weight": scale, "bias": center} if scale or center else {}


def _layer_norm(path: str, kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    root = kind == "RMSNormalization" or settings.get("rms_scaling")
    gamma, beta, held = _affine({"scale": True, "center": False} if root else settings, weights)
    shape = next((each.shape for each in (gamma, beta) if each is not None), None)
    if shape is None:
        return
    layer: Norm
    if kind == "GroupNormalization":
        groups = int(settings["groups"])
        layer = GroupNorm(num_groups=shape[0] if groups == -1 else groups, num_channels=shape[0], **held)
    elif root:
        layer = RMSNorm(normalized_shape=shape)
    else:
        layer = LayerNorm(normalized_shape=shape, **held)
    yield norm(path, layer, gamma, beta)


def _prelu(path: str, _kind: str, _settings: Settings, weights: list[Weight]) -> Iterator[Found | Unknown]:
    slope = weights.pop(0)
    if math.prod(slope.shape) != max(slope.shape):
        raise EmbinitError(f"its slopes must be of channels, got shape {list(slope.shape)}")
    yield from tensors.read([replace(slope.reshaped([max(slope.shape)]), name=f"{path}/alpha/weight")], "").layers


# ---- Recurrent layers ----


def _rnn(path: str, kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    yield recurrent(path, _OURS[kind], [_cell(kind, settings, weights)])


def _cell(kind: str, settings: Settings, weights: list[Weight]) -> dict[str, Weight]:
    """Return a cell in PyTorch's order. Keras may have one bias where PyTorch has two: the second has no values."""
    order = GATES[kind]
    inputs, states = (weights.pop(0).transposed((1, 0)).rows(order, len(order)) for _ in range(2))
    cell = {"weight_ih": inputs, "weight_hh": states}
    bias = _bias(weights, settings)
    if bias is not None:
        both = [bias.part(0), bias.part(1)] if len(bias.shape) == 2 else [bias, bias.without_values()]
        cell |= {part: each.rows(order, len(order)) for part, each in zip(("bias_ih", "bias_hh"), both, strict=True)}
    return cell


def _of_cells(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    """Yield the layer of each cell of an RNN."""
    cell = settings["cell"]
    stacked = cell["config"]["cells"] if cell["class_name"] == "StackedRNNCells" else None
    for each in [cell] if stacked is None else stacked:
        kind, own = _of_cell(each)
        name = path if stacked is None else f"{path}/{own.get('name', each['class_name'])}"
        yield from _rnn(name, kind, own, weights)


def _of_cell(cell: Settings) -> tuple[str, Settings]:
    """Return the type of the layer that has a cell, and the settings of the cell."""
    kind = str(cell["class_name"]).removesuffix("Cell")
    if kind not in GATES or not of_keras(cell):
        known = ", ".join(f"{name}Cell" for name in GATES)
        raise EmbinitError(f"its cells must be of {known}, got {cell['class_name']}")
    return kind, cell["config"]


def _bidirectional(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    inner = settings["layer"]
    kind, own = str(inner["class_name"]), inner["config"]
    if kind == "RNN":
        kind, own = _of_cell(own["cell"])
    if kind not in GATES:
        raise EmbinitError(f"it is around a {kind}, and must be around one of {', '.join(GATES)}")
    weights.sort(key=lambda each: "backward" in each.name)
    yield recurrent(path, _OURS[kind], [_cell(kind, own, weights), _cell(kind, own, weights)], bidirectional=True)


def _wrapper(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found | Unknown]:
    """Yield the layer inside TimeDistributed and the like."""
    inner = settings["layer"]
    yield from layer_of(path, str(inner["class_name"]), of_keras(inner), inner["config"], weights)
    weights.clear()


def of_keras(entry: Mapping[str, Any]) -> bool:
    """Whether a layer is Keras' own, and not one that an author registered under the same name."""
    module, registered = entry.get("module"), str(entry.get("registered_name") or "")
    return ">" not in registered and (
        module is None or str(module).split(".")[0] in ("keras", "tensorflow", "tf_keras")
    )


_BUILDERS: dict[str, Builder] = {
    "Dense": _dense,
    "EinsumDense": _einsum,
    "MultiHeadAttention": _attention,
    "GroupQueryAttention": _attention,
    "GroupedQueryAttention": _attention,
    "Embedding": _embedding,
    "ReversibleEmbedding": _reversible,
    "BatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _layer_norm,
    "RMSNormalization": _layer_norm,
    "PReLU": _prelu,
    **dict.fromkeys(GATES, _rnn),
    "RNN": _of_cells,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _wrapper,
}

#: Keras' layers by the names that groups of weights have, of those whose weights tell all.
BY_GROUP = {
    snake(kind): kind
    for kind in (
        *_BUILDERS,
        *(f"{kind}{n}D{turned}" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for n in (1, 2, 3)
          for turned in ("", "Transpose")),
    )
    if kind not in ("EinsumDense", "GroupNormalization", "TimeDistributed", "Bidirectional", "RNN")
}  # fmt: skip

# ---- Initializers, which only dialects keras take over ----

#: The keys under which a configuration keeps the initializers of a weight.
_OF_WEIGHT = ("kernel_initializer", "depthwise_initializer", "embeddings_initializer")
_NAMES = {"".join(part.capitalize() for part in name.split("_")): name for name in KERAS_TORCH.named}


def _initialized(found: Found | Unknown, settings: Settings) -> Found | Unknown:
    """Return a layer with the initializers of its configuration, if these are not Keras' defaults."""
    if isinstance(found, Unknown) or not isinstance(found.layer, Weighted | Embedding) or found.not_in_keras:
        return found
    keys = (f"{found.path.rpartition('/')[2]}_initializer", *_OF_WEIGHT)  # of the two convolutions of a separable one
    weight = next((settings[key] for key in keys if key in settings), None)
    try:
        given = {"weight_init": _initializer(weight), "bias_init": _initializer(settings.get("bias_initializer"))}
    except EmbinitError as error:
        return replace(found, not_in_keras=str(error))
    if isinstance(found.layer, Embedding):
        drawn = given["weight_init"]
        usually = next(iter(KERAS_TORCH.parameters(found.layer))).initializer
        return found if drawn in (None, usually) else _with(found, init={"weight": drawn})
    usual = {"weight_init": KERAS_TORCH.weight, "bias_init": KERAS_TORCH.bias}
    return _with(found, **{key: value for key, value in given.items() if value is not None and value != usual[key]})


def _with(found: Found, **keys: Any) -> Found:
    return replace(found, layer=replace(found.layer, **keys))


def _initializer(theirs: Any) -> Initializer | None:
    if theirs is None:
        return None
    if isinstance(theirs, str):
        return KERAS_TORCH.initializer(theirs)
    name, settings = str(theirs["class_name"]), theirs.get("config") or {}
    name = _NAMES.get(name, name.lower())
    known = KERAS_TORCH.named.get(name)
    accepted = inspect.signature(known).parameters if known is not None else {}
    keys = {key: value for key, value in settings.items() if value is not None and key in accepted}
    return KERAS_TORCH.initializer({"name": name, **keys})
