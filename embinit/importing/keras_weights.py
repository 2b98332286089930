"""Where the weights of a Keras model lie in its HDF5, and what lies there that no layer asked for."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.importing.archives import MOST_TIMES
from embinit.importing.found import MOST_BYTES, Unknown, Weight, natural

#: The most members of a file that are read.
_MOST_MEMBERS = 2**16
#: What a file holds besides the weights of layers: seeds, and the state of training.
_NO_WEIGHTS = re.compile(r"(.*/)?(seed_generator\w*|random_generator\w*)/.*|(optimizer\w*|_?\w*metrics?|_?loss\w*)/.*")


@contextmanager
def of_hdf5() -> Iterator[None]:
    """Report a file as damaged, whichever of half a dozen types of exception h5py raises."""
    try:
        yield
    except EmbinitError:
        raise
    except Exception:
        raise EmbinitError("cannot be read: its HDF5 is damaged or cut short") from None


def snake(kind: str) -> str:
    """Return the name of a type in Keras' groups of weights.

    >>> snake("SeparableConv2D"), snake("Conv2DTranspose"), snake("LSTM")
    ('separable_conv2d', 'conv2d_transpose', 'lstm')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def all_of(h5py: Any, group: Any) -> list[Weight]:
    """Return all weights below a group, in the natural order of their names."""
    found: list[tuple[str, Any]] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and not _NO_WEIGHTS.fullmatch(name):
            found.append((name, item))
        return True if len(found) > _MOST_MEMBERS else None

    group.visititems(visit)
    return [_weight(item, name) for name, item in sorted(found, key=lambda each: natural(each[0]))]


def own_name(h5py: Any, group: Any) -> str | None:
    """Return the name that the layer of a group has in its model; None where the file does not say it."""
    own = group.get("vars")
    name = own.attrs.get("name") if isinstance(own, h5py.Group) else None
    return None if name is None else str(name)


def _weight(dataset: Any, name: str) -> Weight:
    shape = tuple(map(int, dataset.shape or ()))
    dtype = str(dataset.attrs.get("dtype", "bfloat16") if dataset.dtype.str == "|V2" else dataset.dtype)
    at_hand = dtype == "float32" and 4 * math.prod(shape) <= min(MOST_BYTES, MOST_TIMES * dataset.id.get_storage_size())
    values = np.asarray(dataset[()]) if at_hand else None
    return Weight(name, shape, dtype, lambda: values)


class Stored(ABC):
    """The weights of layers, as a file has them; each layer of its configuration must be asked for, in order."""

    @abstractmethod
    def of(self, container: str, kind: str, name: str) -> list[Weight]:
        """Return the weights of a layer of a type in a container, the path of the model around it."""

    @abstractmethod
    def enter(self, container: str, name: str) -> None:
        """Say that a layer, which was asked for, wraps a model, in which the layers that follow lie."""

    @abstractmethod
    def left(self) -> Iterator[Unknown]:
        """Yield what holds weights that no layer has."""


class InKeras3(Stored):
    """Weights in Keras 3's order: groups by the layers' types, numbered in the order of the model."""

    def __init__(self, h5py: Any, file: Any) -> None:
        self._h5py, self._file = h5py, file
        self._used: dict[tuple[str, str], int] = {}
        self._places: dict[str, str] = {}
        self._named: dict[str, dict[str, str]] = {}
        self._taken: set[str] = set()

    def of(self, container: str, kind: str, name: str) -> list[Weight]:
        """Return the weights of the group that has the layer's name or, in older files, its number."""
        base = snake(kind)
        root = "" if not container else self._places.get(container, "") + "/"
        number = self._used[root, base] = self._used.get((root, base), -1) + 1
        numbered = f"{root}layers/{base}{f'_{number}' if number else ''}"
        place = self._names(f"{root}layers").get(name, numbered)
        self._places[f"{container}/{name}".lstrip("/")] = place
        self._taken.add(place)
        group = self._file.get(place)
        return all_of(self._h5py, group) if isinstance(group, self._h5py.Group) else []

    def enter(self, container: str, name: str) -> None:
        """Go into the layer that a wrapper holds."""
        self._places[f"{container}/{name}".lstrip("/")] += "/layer"

    def _names(self, place: str) -> Mapping[str, str]:
        """Return the places of layers by their names, where the file says these."""
        if place not in self._named:
            group = self._file.get(place)
            held = list(group.items()) if isinstance(group, self._h5py.Group) else []
            names = {own_name(self._h5py, each): key for key, each in held if isinstance(each, self._h5py.Group)}
            self._named[place] = {name: f"{place}/{key}" for name, key in names.items() if name is not None}
        return self._named[place]

    def left(self) -> Iterator[Unknown]:
        """Yield groups that lie in none of those that were asked for."""
        places: dict[str, list[Weight]] = {}
        for each in all_of(self._h5py, self._file):
            parents = each.name.split("/")
            if not any("/".join(parents[:i]) in self._taken for i in range(len(parents))):
                places.setdefault("/".join(parents[:-2]), []).append(each)
        yield from (_left(place, held) for place, held in places.items())


class InLegacy(Stored):
    """Weights as older files hold them: groups by the layers' names, with the order of their weights."""

    def __init__(self, h5py: Any, group: Any) -> None:
        self._h5py, self._group = h5py, group
        self._taken: set[str] = set()

    def of(self, container: str, _kind: str, name: str) -> list[Weight]:
        """Return the weights of a layer; those of a model in the model lie in the outer one's group."""
        outer, *inner = [*container.split("/"), name] if container else [name]
        self._taken.add(outer)
        held = self._held(outer)
        if not inner:
            return held
        where: dict[tuple[str, ...], list[Weight]] = {}
        for each in held:
            parents = each.name.split("/")[1:-1]
            for i in (i for i, parent in enumerate(parents) if parent == name):
                where.setdefault(tuple(parents[:i]), []).append(each)
        around = tuple(inner[:-1])
        return (
            where[min(where, key=lambda at: (at != around, at[len(at) - len(around) :] != around, len(at)))]
            if where
            else []
        )

    def enter(self, container: str, name: str) -> None:
        """Do nothing: names of weights say in which model they lie."""

    def _held(self, outer: str) -> list[Weight]:
        group = self._group.get(outer)
        if not isinstance(group, self._h5py.Group):
            return []
        order = [
            each.decode() if isinstance(each, bytes) else str(each) for each in group.attrs.get("weight_names", [])
        ]
        return [
            _weight(group[each], f"{outer}/{each}") for each in order if isinstance(group.get(each), self._h5py.Dataset)
        ]

    def left(self) -> Iterator[Unknown]:
        """Yield groups of layers that the configuration does not name."""
        for outer in self._group:
            if outer not in self._taken and (held := self._held(outer)):
                yield _left(outer, held)


def _left(place: str, held: Sequence[Weight]) -> Unknown:
    shapes = ", ".join(str(list(each.shape)) for each in held)
    return Unknown(place, "weights", f"no layer of the configuration has its weights {shapes}")
