"""Keras itself, its backend's dialect, and which models the bridge takes."""

from typing import Any

from embinit.errors import EmbinitError, check_known, shown
from embinit.keras.layers import is_graph

#: The dialect of each backend.
DIALECTS = {"torch": "keras-torch", "jax": "keras-jax", "tensorflow": "keras-tensorflow"}


def keras_package() -> Any:
    """Return Keras, or raise EmbinitError if it is missing."""
    try:
        import keras
    except ImportError:
        raise EmbinitError("embinit.keras needs Keras and its backend: pip install 'embinit[keras]' torch") from None
    return keras


def dialect_of(given: str | None) -> str:
    """Return the dialect that is given or, if none is, that of Keras' backend."""
    if given is not None:
        check_known("dialect", given, DIALECTS.values())
        return given
    backend = keras_package().backend.backend()
    if backend not in DIALECTS:
        raise EmbinitError(f"Keras' backend must be torch, jax or tensorflow, got {backend}: state dialect")
    return DIALECTS[backend]


def checked(model: Any) -> Any:
    """Return a model, or raise EmbinitError unless it is a Sequential or functional model of Keras that is built."""
    keras_package()
    if not is_graph(model):
        what = type(model).__name__ if hasattr(model, "layers") else shown(model)
        raise EmbinitError(f"model must be a keras.Sequential or a functional model, got {what}")
    if not model.built:
        raise EmbinitError("the Keras model must be built: give it an Input, or call model.build(shape)")
    return model
