"""Extras are imported when they are used, and what is missing is named with the way to install it."""

import subprocess
import sys

import pytest

from embinit import EmbinitError, Model


def test_importing_embinit_imports_no_framework():
    code = "import sys, embinit; print(sorted({'torch', 'keras', 'jax', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_missing_keras_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(EmbinitError, match=r"embinit.keras needs Keras and its backend: pip install 'embinit\[k"):
        Model.from_keras(None, seed=1)
