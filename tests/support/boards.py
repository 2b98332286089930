"""An example on the boards of gcc and QEMU, and whether what is built for one of them agrees."""

from pathlib import Path

import pytest

import embinit
from embinit import device
from embinit.bundle import gather
from embinit.targets.boards import CORTEX_M
from embinit.targets.gcc_qemu import is_installed
from embinit.verify import verify

EXAMPLES = Path(__file__).parents[2] / "examples"
TOOLS = CORTEX_M.compiler, CORTEX_M.emulator
needs_tools = pytest.mark.skipif(not is_installed(), reason=f"needs {' and '.join(TOOLS)}")


def har_classifier(core, **overrides):
    return gather(embinit.load(EXAMPLES / "har_classifier.toml", target=core, **overrides).plan())


def agrees(bundle, toolchain="gcc", source=(), entry=None, cflags=()):
    return verify(bundle, device.run(bundle, toolchain, source, entry, cflags), toolchain).agrees
