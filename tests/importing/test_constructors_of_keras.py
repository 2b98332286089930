"""module:Name of a Keras model, which on the backend torch is a torch.nn.Module as well."""

import sys
from types import SimpleNamespace

import pytest

from embinit.importing import import_model, origin_of

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras has its own


def net():
    layers = keras.layers
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(),
                             layers.DepthwiseConv2D(3), layers.Flatten(), layers.Dense(3)])  # fmt: skip


def test_a_constructor_of_keras_is_read_as_keras(monkeypatch):
    monkeypatch.setitem(sys.modules, "a_module_of_keras", SimpleNamespace(net=net))
    dialect = f"keras-{keras.backend.backend()}"
    found = import_model("a_module_of_keras:net", dialect, 5)
    stored = {tensor.layer.name for tensor in found.model.tensors}
    kinds = [layer.type for layer in found.model.layers if layer.name in stored]
    assert (found.kind, kinds) == ("a Keras model", ["Conv2d", "BatchNorm1d", "Conv2d", "Linear"])
    drawn = origin_of(found)
    assert (drawn.dialect, drawn.seed, drawn.differing) == (dialect, 5, ())
