"""A small model of two layers that meet, for growth."""

from embinit import Conv1d, ConvTranspose1d, Linear, Model
from embinit.layers import DrawFree


def network(kind, dialect="odt", hidden=6, **first):
    """Return a model of two layers of a kind with something between them, and its activations."""
    if kind == "Linear":
        layers = [
            Linear(name="a", in_features=5, out_features=hidden, **first),
            DrawFree(name="relu", kind="ReLU"),
            Linear(name="b", in_features=hidden, out_features=4),
        ]
    else:
        cls = {"Conv1d": Conv1d, "ConvTranspose1d": ConvTranspose1d}[kind]
        layers = [
            cls(name="a", in_channels=5, out_channels=hidden, kernel_size=3, **first),
            DrawFree(name="relu", kind="ReLU"),
            cls(name="b", in_channels=hidden, out_channels=4, kernel_size=2),
        ]
    return Model("net", layers, seed=3, dialect=dialect)
