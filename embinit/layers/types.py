"""The types of layers, as model files name them."""

from collections.abc import Iterator, MutableMapping
from dataclasses import is_dataclass
from importlib import import_module

from embinit.errors import EmbinitError, check_known, shown
from embinit.layers.base import Layer, Stored
from embinit.layers.draw_free import DRAW_FREE, DrawFree


class Types(MutableMapping[str, type[Stored]]):
    """Classes of layers by name; a module is imported when one of its layers is first asked for."""

    def __init__(self) -> None:
        self._known: dict[str, type[Stored]] = {}
        self._modules: dict[str, str] = {}

    def announce(self, module: str, names: str) -> None:
        """Let model files name the layers of a module; the names are separated by blanks."""
        self._modules |= dict.fromkeys(names.split(), module)

    def __getitem__(self, name: str) -> type[Stored]:
        if name not in self._known and name in self._modules:
            self._known[name] = getattr(import_module(self._modules[name]), name)
        return self._known[name]

    def __setitem__(self, name: str, layer: type[Stored]) -> None:
        self._known[name] = layer

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._modules, *self._known)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._modules


#: The layers with parameters.
WITH_PARAMETERS = Types()
for _module, _names in {
    "weighted": "Linear",
    "convolutions": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "embeddings": "Embedding EmbeddingBag",
    "recurrent": "RNN GRU LSTM RNNCell GRUCell LSTMCell",
    "norms": (
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm "
        "GroupNorm RMSNorm"
    ),
}.items():
    WITH_PARAMETERS.announce(f"embinit.layers.{_module}", _names)


def register(layer: type[Stored]) -> type[Stored]:
    """Make a layer known to model files by the name of its class, and return it; a name that is taken is an error."""
    name = layer.__name__ if isinstance(layer, type) else shown(layer)
    if not (isinstance(layer, type) and issubclass(layer, Stored) and is_dataclass(layer)):
        raise EmbinitError(f"a layer must be a dataclass of embinit.layers.Stored to be registered, got {name}")
    known = WITH_PARAMETERS.get(name)
    if name in DRAW_FREE or (known is not None and _path(known) != _path(layer)):
        raise EmbinitError(f"a layer of type {name} is known already: give yours another name")
    WITH_PARAMETERS[name] = layer
    return layer


def _path(layer: type) -> str:
    return f"{layer.__module__}.{layer.__qualname__}"


def layer_class(layer_type: str) -> type[Layer]:
    """Return the class of a layer type, or raise EmbinitError with the known types.

    >>> layer_class("Linear").__name__
    'Linear'
    """
    if not isinstance(layer_type, str) or layer_type not in WITH_PARAMETERS:
        check_known("type", layer_type, (*WITH_PARAMETERS, *DRAW_FREE))
    return WITH_PARAMETERS.get(layer_type, DrawFree)
