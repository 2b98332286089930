"""What pytest leaves out where an extra is not installed."""

import importlib.util
import os
import re
from collections.abc import Generator

import pytest

#: The extras for frameworks. Keras needs a backend besides: PyTorch, unless the environment says otherwise.
PACKAGES = {"torch": "torch", "keras": "keras", "jax": "flax"}
MISSING = [extra for extra, package in PACKAGES.items() if importlib.util.find_spec(package) is None]
collect_ignore = [f"embinit/{extra}" for extra in MISSING]
if "torch" not in MISSING:
    os.environ.setdefault("KERAS_BACKEND", "torch")
#: NumPy's matrices are small here, and its threads wait for work in each of the hundreds of processes that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the examples of docstrings that import a framework that is not installed."""
    for item in items:
        examples = item.dtest.examples if isinstance(item, pytest.DoctestItem) and item.dtest else []
        for extra in MISSING:
            if any(re.search(rf"import {extra}|from {PACKAGES[extra]}", each.source) for each in examples):
                item.add_marker(pytest.mark.skip(reason=f"needs the extra {extra}"))
        if any("import keras" in example.source for example in examples):
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))  # Keras has its own


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let the examples of docstrings register what no test sees."""
    if not isinstance(item, pytest.DoctestItem):
        return (yield)
    from support.registries import restored

    with restored():
        return (yield)
