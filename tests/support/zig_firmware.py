"""Firmware that computes, fails and fills its stack as tests of the emulated cores ask, and its arrays."""

from pathlib import Path

import numpy as np

from embinit.targets.zig_unicorn import EMULATIONS, build

from support.cores import CORES as EACH

CORES = (*EACH, "riscv32imafc")
ARM_CORES = tuple(core for core in CORES if core.startswith("cortex"))
COUNT = 1000  # elements of the firmware's arrays
FIRMWARE = (Path(__file__).parent / "c" / "emulated_core.c").read_text()


def compile_text(text, core, directory, **options):
    source = directory / "firmware.c"
    source.write_text(text)
    return build([source], EMULATIONS[core], directory / "firmware.elf", **options)


def array(machine, symbol, dtype):
    return np.frombuffer(machine.read(symbol), dtype)


def finite_floats(seed, low=0x0000_0000, high=0x7F80_0000):
    """Return COUNT floats of either sign whose magnitudes have bit patterns between `low` and `high`."""
    rng = np.random.default_rng(seed)
    magnitudes = rng.integers(low, high, COUNT, np.uint32)
    return (magnitudes | rng.integers(0, 2, COUNT, np.uint32) << np.uint32(31)).view(np.float32)
