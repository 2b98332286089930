"""Each function of a bridge names a framework that is missing, with the way to install it."""

import sys

import pytest

import embinit
from embinit import EmbinitError
from embinit.jax import compare as compare_flax
from embinit.keras import compare as compare_keras
from embinit.torch import compare as compare_torch

CALLS = {
    "torch": [
        lambda: embinit.Model.from_torch(None, seed=1),
        lambda: compare_torch(lambda: None, seed=1),
        lambda: embinit.torch.init_(None, seed=1),
    ],
    "keras": [lambda: embinit.Model.from_keras(None, seed=1), lambda: compare_keras(lambda: None, seed=1)],
    "flax": [lambda: embinit.Model.from_flax(None, seed=1), lambda: compare_flax(lambda rngs: None, seed=1)],
    "jax": [lambda: compare_flax(lambda rngs: None, seed=1)],
}


@pytest.mark.parametrize(("package", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_a_missing_framework_is_named(package, call, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbinitError, match="pip install 'embinit"):
        call()
