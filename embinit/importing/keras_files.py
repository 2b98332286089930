"""Keras: the layers that the configuration of a .keras or .h5 file lists, with the shapes of their weights."""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embinit.dialects.keras import KERAS_TORCH
from embinit.errors import EmbinitError, shown
from embinit.importing import tensors
from embinit.importing.archives import MOST_TIMES, Archive, json_object
from embinit.importing.found import (
    MOST_BYTES,
    Content,
    Found,
    Unknown,
    Weight,
    convolution,
    free,
    linear,
    natural,
    norm,
    of_kind,
    recurrent,
    table,
)
from embinit.importing.packages import package
from embinit.initializers import Initializer
from embinit.layers import Embedding, GroupNorm, LayerNorm, Norm, RMSNorm, Weighted

#: The most members of a file that are read.
_MOST_MEMBERS = 2**16
#: How deep models may lie in each other.
_DEPTH = 16
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
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
#: Keras' order of the gates, as places in PyTorch's.
_GATES = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}
_OURS = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}


def keras(archive: Archive) -> Content:
    """Return the layers of a .keras file."""
    config = archive.object(_CONFIG)
    h5py = package("h5py", "h5", "a .keras file")
    with _of_hdf5(), h5py.File(archive.file(_WEIGHTS), "r") as file:
        layers = _layers(config, _Keras3(h5py, file).of, "", 0)
        return Content("a .keras file", tuple(layers), framework="keras")


def h5(path: Path) -> Content:
    """Return the layers of a .h5 file: of a model, or of weights alone."""
    h5py = package("h5py", "h5", "a .h5 file")
    with _of_hdf5(), h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        group = file.get("model_weights", file)
        if text is not None:
            config = json_object(text if isinstance(text, bytes) else str(text).encode(), "model_config")
            layers = tuple(_layers(config, _Legacy(h5py, group).of, "", 0))
            return Content("a .h5 file of Keras", layers, framework="keras")
        if isinstance(file.get("layers"), h5py.Group):
            notes = ("it keeps no order of layers: they stand in the order of their names",)
            return Content("a .weights.h5 file of Keras", tuple(_unordered(h5py, file["layers"], "")), notes, "keras")
        notes = ("it holds weights without a configuration, so layers are told by names and shapes",)
        return tensors.read(list(_all(h5py, group)), "a .h5 file of weights", notes=notes)


@contextmanager
def _of_hdf5() -> Iterator[None]:
    """Say of a file that it is damaged, whatever h5py raises, which has half a dozen types for that."""
    try:
        yield
    except EmbinitError:
        raise
    except Exception:
        raise EmbinitError("cannot be read: its HDF5 is damaged or cut short") from None


# ---- Where the weights of a layer lie ----

#: Returns the weights of a layer, in the order in which Keras saved them.
Weights = Callable[[str, str, str], list[Weight]]


class _Keras3:
    """Weights in Keras 3's order: groups by the layers' types, numbered in the order of the model."""

    def __init__(self, h5py: Any, file: Any) -> None:
        self._h5py, self._file = h5py, file
        self._used: dict[tuple[str, str], int] = {}
        self._places: dict[str, str] = {}

    def of(self, container: str, kind: str, name: str) -> list[Weight]:
        """Return the weights of the next layer of a type in a container; each layer must be asked for, in order."""
        base = _snake(kind)
        root = "" if not container else self._places.get(container, "") + "/"
        number = self._used[root, base] = self._used.get((root, base), -1) + 1
        place = f"{root}layers/{base}{f'_{number}' if number else ''}"
        self._places[f"{container}/{name}".lstrip("/")] = place
        group = self._file.get(place)
        if not isinstance(group, self._h5py.Group):
            return []
        return [each for each in _all(self._h5py, group) if "/seed_generator/" not in f"/{each.name}"]


def _snake(kind: str) -> str:
    """Return the name of a type in Keras' groups of weights.

    >>> _snake("SeparableConv2D"), _snake("Conv2DTranspose"), _snake("LSTM")
    ('separable_conv2d', 'conv2d_transpose', 'lstm')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


class _Legacy:
    """Weights as older files hold them: groups by the layers' names, with the order of their weights."""

    def __init__(self, h5py: Any, group: Any) -> None:
        self._h5py, self._group = h5py, group

    def of(self, container: str, _kind: str, name: str) -> list[Weight]:
        """Return the weights of a layer; those of a model in the model lie in the outer one's group."""
        outer = container.partition("/")[0] or name
        group = self._group.get(outer)
        if not isinstance(group, self._h5py.Group):
            return []
        order = [
            each.decode() if isinstance(each, bytes) else str(each) for each in group.attrs.get("weight_names", [])
        ]
        held = [
            _weight(group[each], f"{outer}/{each}") for each in order if isinstance(group.get(each), self._h5py.Dataset)
        ]
        return [each for each in held if not container or f"/{name}/" in f"/{each.name}"]


def _all(h5py: Any, group: Any) -> Iterator[Weight]:
    """Yield all datasets below a group, numbers in names counted as numbers."""
    found: list[tuple[str, Any]] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append((name, item))
        return True if len(found) > _MOST_MEMBERS else None

    group.visititems(visit)
    for name, item in sorted(found, key=lambda each: natural(each[0])):
        yield _weight(item, name)


def _unordered(h5py: Any, group: Any, container: str) -> Iterator[Found | Unknown]:
    """Yield the layers of a file of weights alone, whose groups are named by the layers' types."""
    for place in sorted(group, key=natural):
        held = group[place]
        if not isinstance(held, h5py.Group):
            continue
        own = held.get("vars")
        name = str(own.attrs.get("name", place)) if isinstance(own, h5py.Group) else place
        path = f"{container}/{name}".lstrip("/")
        kind = _SNAKES.get(re.sub(r"_\d+$", "", place), place)
        if isinstance(held.get("layers"), h5py.Group):
            yield from _unordered(h5py, held["layers"], path)
            continue
        weights = [each for each in _all(h5py, held) if "seed_generator" not in each.name]
        few = len(weights) % 3 if kind in _GATES else len(weights)
        whole = {"BatchNormalization": 4}.get(kind, 2)
        usual = {"use_bias": few != 1 + (kind in _GATES), "scale": True, "center": len(weights) >= whole}
        if kind == "BatchNormalization":
            usual["scale"] = usual["center"]
        if kind == "Bidirectional" or kind not in (*_SNAKES.values(),):
            yield from [] if not weights else [Unknown(path, kind, "unknown without the configuration of its model")]
        else:
            yield from _layer(path, kind, True, usual, weights)


def _weight(dataset: Any, name: str) -> Weight:
    shape = tuple(map(int, dataset.shape or ()))
    dtype = str(dataset.dtype)
    at_hand = dtype == "float32" and 4 * math.prod(shape) <= min(MOST_BYTES, MOST_TIMES * dataset.id.get_storage_size())
    values = np.asarray(dataset[()]) if at_hand else None
    return Weight(name, shape, dtype, lambda: values)


# ---- Layers ----


def _layers(config: Mapping[str, Any], weights: Weights, container: str, depth: int) -> Iterator[Found | Unknown]:
    """Yield the layers of a model, and of models in it."""
    held = config.get("config")
    entries = held.get("layers") if isinstance(held, Mapping) else held  # a list in the oldest files
    if not isinstance(entries, list) or depth > _DEPTH:
        raise EmbinitError(
            f"holds a {shown(config.get('class_name'))} without a list of layers, which only its code knows"
        )
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise EmbinitError(f"cannot be read: a layer of its configuration is {shown(entry)}")
        kind, settings = str(entry.get("class_name")), entry["config"]
        name = str(settings.get("name", entry.get("name", kind)))
        path = f"{container}/{name}".lstrip("/")
        own = weights(container, kind, name)
        if kind in ("Sequential", "Functional", "Model") and isinstance(settings.get("layers"), list):
            yield from _layers(entry, weights, path, depth + 1)
        else:
            yield from _layer(path, kind, _of_keras(entry), settings, own)


def _of_keras(entry: Mapping[str, Any]) -> bool:
    """Whether a layer is Keras' own, and not one that an author registered under the same name."""
    module = entry.get("module")
    return not entry.get("registered_name") or module is None or str(module).startswith("keras")


def _layer(
    path: str, kind: str, is_keras: bool, settings: Mapping[str, Any], weights: Sequence[Weight]
) -> Iterator[Found | Unknown]:
    shapes = ", ".join(str(list(each.shape)) for each in weights)
    try:
        builder = _builder(kind) if is_keras else None
        if builder is not None:
            yield from (_initialized(found, settings) for found in builder(path, kind, settings, list(weights)))
        elif kind in _FREE and is_keras:
            if not _takes_no_seed(kind, settings):
                yield free(path, _FREE[kind])
        elif weights:
            yield Unknown(path, kind, f"unknown, with weights {shapes}")
    except (EmbinitError, ValueError, TypeError, KeyError, IndexError) as error:
        said = (
            str(error) if isinstance(error, EmbinitError) else f"its weights {shapes or '(none)'} are not those of one"
        )
        yield Unknown(path, kind, said)


def _takes_no_seed(kind: str, settings: Mapping[str, Any]) -> bool:
    """Whether a dropping layer has no seed generator, or one with its own seed: Keras then takes no seed for it."""
    dropping = "Dropout" in kind or kind == "GaussianNoise"
    return dropping and (not settings.get("rate", settings.get("stddev", 1)) or isinstance(settings.get("seed"), int))


Settings = Mapping[str, Any]
Builder = Callable[[str, str, Settings, list[Weight]], Iterator[Found | Unknown]]


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


def _embedding(path: str, _kind: str, _settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    held = weights.pop(0)
    yield table(path, Embedding(num_embeddings=held.shape[0], embedding_dim=held.shape[1]), held)


def _batch_norm(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    gamma, beta, held = _affine(settings, weights)
    affine = {"affine": bool(held), **held}
    yield norm(path, of_kind("BatchNorm", 1)(num_features=weights[0].shape[0], **affine), gamma, beta)


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


def _rnn(path: str, kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    yield recurrent(path, _OURS[kind], [_cell(kind, settings, weights)])


def _cell(kind: str, settings: Settings, weights: list[Weight]) -> dict[str, Weight]:
    """Return a cell in PyTorch's order. Keras may have one bias where PyTorch has two: the second has no values."""
    order = _GATES[kind]
    inputs, states = (weights.pop(0).transposed((1, 0)).rows(order, len(order)) for _ in range(2))
    cell = {"weight_ih": inputs, "weight_hh": states}
    bias = _bias(weights, settings)
    if bias is not None:
        both = [bias.part(0), bias.part(1)] if len(bias.shape) == 2 else [bias, bias.without_values()]
        cell |= {part: each.rows(order, len(order)) for part, each in zip(("bias_ih", "bias_hh"), both, strict=True)}
    return cell


def _bidirectional(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found]:
    inner = settings["layer"]
    kind, own = str(inner["class_name"]), inner["config"]
    if kind not in _GATES:
        raise EmbinitError(f"it is around a {kind}, and must be around one of {', '.join(_GATES)}")
    backward = sorted(weights, key=lambda each: "backward" in each.name)
    yield recurrent(path, _OURS[kind], [_cell(kind, own, backward), _cell(kind, own, backward)], bidirectional=True)


def _wrapper(path: str, _kind: str, settings: Settings, weights: list[Weight]) -> Iterator[Found | Unknown]:
    """Yield the layer inside TimeDistributed and the like."""
    inner = settings["layer"]
    yield from _layer(path, str(inner["class_name"]), _of_keras(inner), inner["config"], weights)


_BUILDERS: dict[str, Builder] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "BatchNormalization": _batch_norm,
    "BatchNormalizationV1": _batch_norm,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _layer_norm,
    "RMSNormalization": _layer_norm,
    "PReLU": _prelu,
    **dict.fromkeys(_GATES, _rnn),
    "Bidirectional": _bidirectional,
    "TimeDistributed": _wrapper,
}

#: Keras' layers by the names that groups of weights have.
_SNAKES = {
    _snake(kind): kind
    for kind in (
        *_BUILDERS,
        *(f"{kind}{n}D{turned}" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for n in (1, 2, 3)
          for turned in ("", "Transpose")),
    )
    if kind not in ("GroupNormalization", "TimeDistributed", "Bidirectional")
}  # fmt: skip

# ---- Initializers, which only dialects keras take over ----

#: The keys under which a configuration keeps the initializers of a weight, and of a bias.
_OF_WEIGHT = ("kernel_initializer", "depthwise_initializer", "embeddings_initializer")
_NAMES = {"".join(part.capitalize() for part in name.split("_")): name for name in KERAS_TORCH.named}


def _initialized(found: Found | Unknown, settings: Settings) -> Found | Unknown:
    """Return a layer with the initializers of its configuration, if these are not Keras' defaults."""
    if isinstance(found, Unknown) or not isinstance(found.layer, Weighted | Embedding):
        return found
    weight = next((settings[key] for key in _OF_WEIGHT if key in settings), None)
    try:
        given = {"weight_init": _initializer(weight), "bias_init": _initializer(settings.get("bias_initializer"))}
    except EmbinitError as error:
        return Unknown(found.path, found.layer.type, str(error))
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
