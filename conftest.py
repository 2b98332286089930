"""What pytest leaves out where an extra is not installed."""

import importlib.util

import pytest

HAS_TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = [] if HAS_TORCH else ["embinit/torch"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the examples of docstrings that import PyTorch, if it is not installed."""
    for item in items:
        examples = item.dtest.examples if isinstance(item, pytest.DoctestItem) and item.dtest else []
        if not HAS_TORCH and any("import torch" in example.source for example in examples):
            item.add_marker(pytest.mark.skip(reason="needs the extra torch"))


@pytest.fixture(autouse=True)
def _registers_for_itself(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the examples of docstrings register dialects that no test sees."""
    if isinstance(request.node, pytest.DoctestItem):
        from embinit.dialects import DIALECTS

        monkeypatch.setattr(DIALECTS, "_known", dict(DIALECTS._known))
