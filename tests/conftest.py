"""Settings of the whole suite."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("support")

from support.sweeps import CI, examples  # noqa: E402

# The first example of a test may compile a kernel, which takes seconds: no deadline. print_blob repeats a failure.
# Where CI is set, tests draw more examples, and every run the same ones, so that a failure is one of the change.
settings.register_profile(
    "embinit",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=examples(100),
    derandomize=CI,
)
settings.load_profile("embinit")

# Where an environment says this, as that of many containers does, each of the hundreds of processes that tests start
# would compile every module anew, and so would pytest with the tests.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    sys.dont_write_bytecode = False

# What collection makes stays until the end: each search for garbage in it would take time, and find nothing.
gc.disable()

collect_ignore = ["support"]
DEVICE = f"{Path(__file__).parent / 'device'}{os.sep}"


def pytest_collection_modifyitems(items):
    """Mark the tests of the folder device and those that take a linked firmware; others carry the marker themselves."""
    for item in items:
        if str(item.path).startswith(DEVICE) or "elf" in getattr(item, "fixturenames", ()):
            item.add_marker("device")


def pytest_collection_finish():
    """Look for garbage again, though seldom: a test makes many objects, and few of them refer to each other."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


#: What only tests with the marker device may start: cross-compilers, emulators, and commands that use them.
FOR_DEVICES = re.compile(
    r"(arm-none-eabi|arm-linux-gnueabihf|aarch64-linux-gnu|riscv64-unknown-elf|xtensa-lx106-elf|avr)-g|qemu-|simavr|"
    r"-target (thumb|arm|aarch64|riscv)|-m embinit verify .*--device"
)
_test = None


class _Popen(subprocess.Popen):
    """A process; an audit hook would see those that start, too, but every call of id() would be slower."""

    def __init__(self, args, *others, **named):
        if _test is not None:
            command = args if isinstance(args, str) else " ".join(map(str, args))
            assert not FOR_DEVICES.search(command), f"{_test} needs the marker device: it runs {command}"
        super().__init__(args, *others, **named)


subprocess.Popen = _Popen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    global _test
    _test = None if item.get_closest_marker("device") else item.nodeid
    try:
        return (yield)
    finally:
        _test = None
