"""What is known by name, and how to have it known again as before."""

from contextlib import contextmanager

import embinit
from embinit import formats, layers, targets
from embinit.dialects import DIALECTS
from embinit.dialects.pytorch.rules import LAYERS
from embinit.targets.gcc_qemu import BOARDS
from embinit.targets.zig_unicorn import EMULATIONS

REGISTRIES = (
    formats.FORMATS, formats._FAMILIES, layers.WITH_PARAMETERS._known, LAYERS, targets.TARGETS, EMULATIONS, BOARDS,
    DIALECTS._known,
)  # fmt: skip


@contextmanager
def restored():
    """Let code register what it likes: afterwards it is forgotten."""
    _ = embinit.TransformerEncoder  # PyTorch's layers are registered when one is first named, and stay
    before = [dict(registry) for registry in REGISTRIES]
    try:
        yield
    finally:
        for registry, known in zip(REGISTRIES, before, strict=True):
            if registry != known:
                registry.clear()
                registry.update(known)
                formats._format_named.cache_clear()
