"""Settings of the whole suite."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("support")

# The first example of a test may compile a kernel, which takes seconds: no deadline. print_blob repeats a failure.
settings.register_profile(
    "embinit", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.load_profile("embinit")

DEVICE = Path(__file__).parent / "device"


def pytest_collection_modifyitems(items):
    """Mark the tests of the folder device and those that take a linked firmware; others carry the marker themselves."""
    for item in items:
        if DEVICE in item.path.parents or "elf" in getattr(item, "fixturenames", ()):
            item.add_marker("device")
