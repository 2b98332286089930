"""Dialect files against what gcc and clang built of the C that they describe."""

from pathlib import Path

import numpy as np

import embinit

from support.together import together

FOLDER = Path(__file__).parents[1] / "vectors" / "declared"
BUILDS = {
    "x86": {"target": "host"},
    "x86fma": {"target": "x86-64-v3"},
    "x86fma-clang": {"target": "x86-64-v3", "multiply_add": "fused-expression"},
    "m0": {"target": "cortex-m0"},
    "m3": {"target": "cortex-m3"},
    "m4f": {"target": "cortex-m4f"},
    "m7": {"target": "cortex-m7"},
}


RECORDINGS = [np.load(FOLDER / name) for name in ("vectors.npz", "vectors_clang.npz")]


def recorded() -> dict[tuple[str, str], dict[str, tuple[np.lib.npyio.NpzFile, str]]]:
    """Where each buffer is recorded: read when it is compared, not when tests are collected."""
    found: dict[tuple[str, str], dict[str, tuple[np.lib.npyio.NpzFile, str]]] = {}
    for arrays in RECORDINGS:
        for key in arrays.files:
            model, platform, buffer = key.split("/")
            found.setdefault((model, platform), {})[buffer] = arrays, key
    return found


RECORDED = recorded()


@together("built", RECORDED, ids=" ".join)
def test_a_dialect_file_gives_what_a_compiler_built(built):
    model, platform = built
    values = embinit.load(FOLDER / f"{model}.toml", **BUILDS[platform]).init()

    for buffer, (arrays, key) in RECORDED[model, platform].items():
        assert values[buffer].ravel().view(np.uint32).tolist() == arrays[key].tolist(), buffer


def test_the_recordings_are_all_there():
    assert len(RECORDED) == 32 * 7
    assert sum(len(buffers) for buffers in RECORDED.values()) == 1008
