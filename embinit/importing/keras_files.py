"""Keras: the layers that the configuration of a .keras or .h5 file lists, with the shapes of their weights."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embinit.errors import EmbinitError, shown
from embinit.importing import tensors
from embinit.importing.archives import Archive, json_object
from embinit.importing.found import Content, Found, Unknown, natural
from embinit.importing.keras_layers import BY_GROUP, GATES, layer_of, of_keras
from embinit.importing.keras_weights import InKeras3, InLegacy, Stored, all_of, of_hdf5, own_name
from embinit.importing.packages import package

#: How deep models may lie in each other.
_DEPTH = 16
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MODELS = ("Sequential", "Functional", "Model")
_NO_ORDER = "it keeps no order of layers: they stand in the order of their names"


def keras(archive: Archive) -> Content:
    """Return the layers of a .keras file."""
    config = archive.object(_CONFIG)
    h5py = package("h5py", "h5", "a .keras file")
    with of_hdf5(), h5py.File(archive.file(_WEIGHTS), "r") as file:
        if _entries(config) is None:
            return _without_configuration(h5py, file, "a .keras file", _class(config))
        return Content("a .keras file", tuple(_layers(config, InKeras3(h5py, file))), framework="keras")


def h5(path: Path) -> Content:
    """Return the layers of a .h5 file: of a model, or of weights alone."""
    h5py = package("h5py", "h5", "a .h5 file")
    with of_hdf5(), h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        group = file.get("model_weights", file)
        if text is not None:
            config = json_object(text if isinstance(text, bytes) else str(text).encode(), "model_config")
            if _entries(config) is None:
                raise EmbinitError(f"holds {_class(config)}, which only its code knows: save it as .weights.h5")
            layers = tuple(_layers(config, InLegacy(h5py, group)))
            return Content("a .h5 file of Keras", layers, framework="keras")
        if _has_groups(h5py, file):
            return _without_configuration(h5py, file, "a .weights.h5 file of Keras")
        notes = ("it holds weights without a configuration, so layers are told by names and shapes",)
        return tensors.read(all_of(h5py, group), "a .h5 file of weights", notes=notes)


# ---- Models with a list of layers ----


def _entries(config: Mapping[str, Any]) -> list[Any] | None:
    """Return the layers that the configuration of a model lists, if it does; in the oldest files it is that list."""
    held = config.get("config")
    entries = held.get("layers") if isinstance(held, Mapping) else held
    return entries if isinstance(entries, list) else None


def _class(config: Mapping[str, Any]) -> str:
    return f"a {shown(config.get('class_name'))} without a list of layers"


def _layers(config: Mapping[str, Any], weights: Stored) -> Iterator[Found | Unknown]:
    """Yield the layers of a model, and then what it holds that belongs to none."""
    yield from _in_model(config, weights, "", 0)
    yield from weights.left()


def _in_model(config: Mapping[str, Any], weights: Stored, container: str, depth: int) -> Iterator[Found | Unknown]:
    """Yield the layers of a model, and of models in it."""
    entries = _entries(config)
    if entries is None or depth > _DEPTH:
        raise EmbinitError(f"holds {_class(config)}, which only its code knows")
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise EmbinitError(f"cannot be read: a layer of its configuration is {shown(entry)}")
        kind, settings = str(entry.get("class_name")), entry["config"]
        name = str(settings.get("name", entry.get("name", kind)))
        path = f"{container}/{name}".lstrip("/")
        own = weights.of(container, kind, name)
        if _is_model(entry):
            yield from _in_model(entry, weights, path, depth + 1)
        elif kind == "TimeDistributed" and _is_model(settings.get("layer")):
            weights.enter(container, name)
            yield from _in_model(settings["layer"], weights, path, depth + 1)
        else:
            yield from layer_of(path, kind, of_keras(entry), settings, own)


def _is_model(entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("class_name") in _MODELS and _entries(entry) is not None


# ---- Models without one ----


def _has_groups(h5py: Any, file: Any) -> bool:
    """Whether a file of weights alone has a group for each layer, as Keras 3 writes it."""
    return isinstance(file.get("layers"), h5py.Group) or isinstance(file.get("vars"), h5py.Group)


def _without_configuration(h5py: Any, file: Any, kind: str, holding: str = "") -> Content:
    """Return the layers of a file by its groups of weights."""
    notes = (f"it holds {holding}, so layers are told by their groups of weights",) if holding else ()
    return Content(kind, tuple(_grouped(h5py, file, "", 0)), (*notes, _NO_ORDER), "keras")


def _grouped(h5py: Any, group: Any, container: str, depth: int) -> Iterator[Found | Unknown]:
    """Yield the layers in a group: groups are named by the layers' types, or by the attributes that hold them."""
    for place in sorted(group, key=natural):
        held = group[place]
        if not isinstance(held, h5py.Group) or place in ("vars", "optimizer") or not (weights := all_of(h5py, held)):
            continue
        name = own_name(h5py, held) or place
        kind = next((BY_GROUP[base] for base in map(_base, (place, name)) if base in BY_GROUP), None)
        path = container if place == "layers" else f"{container}/{name}".lstrip("/")
        if kind is not None:
            yield from _of_group(path, kind, weights)
        elif _base(place) != "bidirectional" and not len(held.get("vars", ())):
            if depth > _DEPTH:
                raise EmbinitError(f"cannot be read: its groups lie more than {_DEPTH} deep in each other")
            yield from _grouped(h5py, held, path, depth + 1)
        else:
            yield Unknown(path, place, "unknown without the configuration of its model")


def _base(name: str) -> str:
    """Return the type of a group of weights; a cell is of the layer around it.

    >>> _base("dense_2"), _base("lstm_cell_1")
    ('dense', 'lstm')
    """
    return re.sub(r"_\d+$", "", name).removesuffix("_cell")


def _of_group(path: str, kind: str, weights: list[Any]) -> Iterator[Found | Unknown]:
    """Yield the layer of a group, by how many weights it has."""
    kernels = 2 if kind in GATES or kind.startswith("Separable") else 1
    usual = {"use_bias": len(weights) > kernels, "scale": True, "center": len(weights) > 1}
    if kind == "BatchNormalization":
        if len(weights) not in (2, 4):
            yield Unknown(path, kind, "what its weights are is unknown without the configuration of its model")
            return
        usual |= {"scale": len(weights) == 4, "center": len(weights) == 4}
    yield from layer_of(path, kind, True, usual, weights)
