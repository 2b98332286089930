"""Init programs as firmware has them: what their C leaves, and what their dialect files say, bit for bit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from embinit.targets.device_error import DeviceError

from support.programs_built import CORES, FOLDER, HOSTS, SEEDS, names, on_core, on_emulated_core, on_host, values

RECORDED = np.load(FOLDER / "words.npz")
NAMES = names()


def assert_recorded(name, target, found):
    """Compare words of buffers, as they lie one behind the other, with the recorded ones."""
    for seed, buffers in found.items():
        words = np.concatenate(list(buffers.values()))
        assert words.tolist() == RECORDED[f"{name}/{target}/{seed}"].tolist(), seed


@pytest.mark.parametrize("target", [*HOSTS, *CORES])
@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_file_says_the_recorded_words(name, target):
    assert_recorded(name, target, {seed: values(name, target, seed) for seed in SEEDS})


def test_the_recordings_are_all_there():
    assert json.loads((FOLDER / "words.json").read_text(encoding="utf-8"))["arrays"] == len(RECORDED.files)
    assert len(RECORDED.files) == len(NAMES) * len([*HOSTS, *CORES]) * len(SEEDS)


@pytest.mark.parametrize("target", HOSTS)
@pytest.mark.parametrize("name", NAMES)
def test_gcc_leaves_the_recorded_words(name, target, tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    if target == "x86-64-v3" and " fma " not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this CPU has no FMA")
    assert_recorded(name, target, on_host(name, target, tmp_path))


@pytest.mark.device
@pytest.mark.parametrize(("name", "target"), [(name, CORES[i % 3]) for i, name in enumerate(NAMES)])
def test_a_core_leaves_the_recorded_words(name, target, tmp_path):
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    assert_recorded(name, target, on_core(name, target, tmp_path))


@pytest.mark.device
@pytest.mark.parametrize("name", NAMES)
def test_an_emulated_core_leaves_the_recorded_words(name, tmp_path):
    """Where arm-none-eabi-gcc is missing, this is what runs on a core; zig's small C library has no sinf."""
    if name == "box_muller":
        with pytest.raises(DeviceError, match="sinf"):
            on_emulated_core(name, tmp_path)
    else:
        assert_recorded(name, "cortex-m0", on_emulated_core(name, tmp_path))
