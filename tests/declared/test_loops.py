"""Large arrays are filled by a compiled loop, small ones by NumPy: the bits are the same."""

from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.dialects import dialect_named
from embinit.dialects.declared.sampler import LOOPED

FOLDER = Path(__file__).parents[1] / "vectors" / "declared"
FILES = ("acme_01", "acme_02", "acme_03", "acme_04", "acme_09", "acme_11", "acme_14", "acme_30")
BUILDS = [("host", None), ("x86-64-v3", None), ("x86-64-v3", "fused-expression"), ("cortex-m4f", None)]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", FILES)
def test_a_large_array_is_its_parts(name, build):
    dialect = embinit.load_dialect(FOLDER / f"{name}.toml")
    whole, parts = np.empty(LOOPED + 5, np.float32), np.empty(LOOPED + 5, np.float32)
    at_once, in_parts = (embinit.Generator.seeded(7, dialect, *build) for _ in range(2))

    at_once.fill("default", out=whole, fan_in=12, fan_out=5)
    for start in range(0, parts.size, 10_000):
        in_parts.fill("default", out=parts[start : start + 10_000], fan_in=12, fan_out=5)

    assert np.array_equal(whole.view(np.uint32), parts.view(np.uint32))
    assert at_once.drawn == in_parts.drawn
    assert at_once.bitgen.state == in_parts.bitgen.state


def test_doubles_too():
    whole, parts = np.empty(LOOPED), np.empty(LOOPED)
    at_once, in_parts = (embinit.Generator.seeded(7, "genann") for _ in range(2))

    at_once.fill("default", out=whole)
    for start in range(0, parts.size, 9_999):
        in_parts.fill("default", out=parts[start : start + 9_999])

    assert np.array_equal(whole.view(np.uint64), parts.view(np.uint64))


@pytest.mark.parametrize("name", ["acme_07", "acme_12", "acme_13", "kann"])
def test_steps_are_the_same_compiled(name):
    dialect = dialect_named(name) if name == "kann" else embinit.load_dialect(FOLDER / f"{name}.toml")
    at_once, in_parts = (dialect.start(77, "newlib") for _ in range(2))

    whole = at_once.random_raw(70_000)
    parts = np.concatenate([in_parts.random_raw(1000) for _ in range(70)])

    assert whole.tolist() == parts.tolist()
    assert at_once.state == in_parts.state
    assert at_once == in_parts.copy()
