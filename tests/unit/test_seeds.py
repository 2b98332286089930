"""Seeds that are not a uint32: negative ones, 63 and 64 bits, any integer."""

import ctypes
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import codegen
from embinit.bitgen import CGenerator
from embinit.bundle import gather
from embinit.clib import SOURCES
from embinit.device import run
from embinit.dialects import Dialect
from embinit.dialects.portable import PORTABLE
from embinit.dialects.seeds import Integers, Seeds
from embinit.targets import gcc_qemu

from support.compilers import compile_program

LAYER = embinit.Linear(name="fc", in_features=3, out_features=2)


class Wide(embinit.Pcg32):
    """PCG32 whose initstate is a seed modulo 2^64; its C takes any type of seed."""

    def c_generator(self, words: int) -> CGenerator:
        return CGenerator("embinit_pcg32", "embinit.h", "embinit_pcg32_seed(&generator, (uint64_t)seed, 0);")


def dialect(seeds: Seeds, no_seed: int | None = None) -> Dialect:
    return replace(PORTABLE, name="wide", seeds=seeds, seeded=lambda seed: Wide(seed % 2**64), no_seed=no_seed)


SIGNED, UNSIGNED = dialect(range(-(2**63), 2**63)), dialect(range(2**64))
CASES = [(SIGNED, -(2**62) - 5), (UNSIGNED, 2**64 - 1), (dialect(Integers(0)), 2**63 + 1)]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (range(-(2**62), 2**62), "an integer from -4611686018427387904 to 4611686018427387903"),
        (Integers(0), "an integer from 0 up"),
    ],
)
def test_a_seed_out_of_range_is_told_the_range(seeds: Seeds, said: str) -> None:
    low = -(2**62) - 1 if isinstance(seeds, range) else -1
    for seed in (low, 1.0, True, "1"):
        with pytest.raises(embinit.EmbinitError, match=f"seed must be {said} in dialect wide, got "):
            embinit.Model("m", [LAYER], seed=seed, dialect=dialect(seeds))  # type: ignore[arg-type]
    dialect(Integers()).check_seed(-(10**40))


def test_any_integer_is_a_seed_on_every_way_in(tmp_path: Path) -> None:
    wide = dialect(Integers())
    for seed in (-(10**30), -1, 0, 10**30):
        model = embinit.Model("m", [LAYER], seed=seed, dialect=wide)
        out = np.empty((2, 3), np.float32)
        embinit.Generator.seeded(seed, wide).fill("default", out, fan_in=3, fan_out=2)
        assert model.init()["fc.weight"].tobytes() == out.tobytes()
        assert f"seed {seed}" in str(model.plan())
        path = tmp_path / "m.toml"
        path.write_text(
            f'[model]\nname = "m"\ndialect = "portable"\nseed = {seed}\n[[layer]]\nname = "fc"\ntype = "Linear"\n'
            "in_features = 3\nout_features = 2\n"
        )
        assert embinit.load(path, dialect=wide).init()["fc.weight"].tobytes() == out.tobytes()
        assert json.loads(json.dumps(model.plan().as_json()))["model"]["seed"] == seed
    many = dict(embinit.Model("m", [LAYER], seed=0, dialect=wide).init_many([-1, 10**30]))
    assert many[10**30]["fc.weight"].tobytes() == out.tobytes()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize(("wide", "seed"), CASES)
def test_c_takes_the_whole_seed(wide: Dialect, seed: int, tmp_path: Path) -> None:
    bundle = gather(embinit.Model("m", [LAYER], seed=seed, dialect=wide).plan())
    (tmp_path / "m_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / "firmware.c").write_text(codegen.init_source(bundle) + codegen.firmware(bundle))
    flags = ["-O0", "-shared", "-fPIC", f"-I{tmp_path}"]
    library = compile_program("gcc", [*SOURCES, tmp_path / "firmware.c"], tmp_path / "m.so", *flags)
    c_type = ctypes.c_int64 if wide is SIGNED else ctypes.c_uint64
    assert ctypes.CDLL(str(library)).firmware_main(c_type(seed)) == 1


@pytest.mark.device
@pytest.mark.parametrize(
    "toolchain",
    ["zig", pytest.param("gcc", marks=pytest.mark.skipif(not gcc_qemu.is_installed(), reason="needs QEMU"))],
)
def test_a_device_gets_the_whole_seed(toolchain: str) -> None:
    bundle = gather(embinit.Model("m", [LAYER], seed=CASES[0][1], dialect=SIGNED, target="cortex-m0").plan())
    assert run(bundle, toolchain) == {array.name: bytes(array.payload) for array in bundle.arrays}


def test_a_seed_that_c_cannot_hold_has_no_c() -> None:
    bundle = gather(embinit.Model("m", [LAYER], seed=2**64, dialect=dialect(Integers(0))).plan())
    with pytest.raises(codegen.NoCodeError, match=r"no C takes a seed above 2\^64 - 1, got 18446744073709551616"):
        codegen.init_source(bundle)
    bundle = gather(embinit.Model("m", [LAYER], seed=-(2**70), dialect=dialect(Integers())).plan())
    with pytest.raises(codegen.NoCodeError, match=r"no C takes a seed below -2\^63"):
        codegen.init_header(bundle)


def test_a_seed_is_picked_from_a_wide_range_too() -> None:
    picked = {
        embinit.Model("m", [LAYER], seed=0, dialect=dialect(range(-(2**63), 2**63), no_seed=0)).seed for _ in range(8)
    }
    assert len(picked) == 8 and 0 not in picked
    small = {embinit.Model("m", [LAYER], seed=0, dialect=dialect(range(-1, 2), no_seed=0)).seed for _ in range(40)}
    assert small == {-1, 1}


@pytest.mark.parametrize("name", ["portable", "torch", "gomlx", "kaun", "kaun-alpha3"])
@pytest.mark.parametrize("state", [5, "a", [1], [[[1]], 2]])
def test_a_told_state_of_another_form_is_refused(name: str, state: object) -> None:
    with pytest.raises(embinit.EmbinitError, match="state of "):
        embinit.Model("m", [LAYER], 1, name, state=state)
