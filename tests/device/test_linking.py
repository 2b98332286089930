"""clang has no C library for a bare core: it gets gcc's, and gcc links."""

import shutil

import pytest

from embinit.__main__ import main
from embinit.targets import linking
from embinit.targets.boards import BOARDS
from embinit.targets.compilers import PACKAGES
from embinit.targets.device_error import DeviceError
from embinit.targets.probe import probe

from support.cores import left_out
from support.model_files import GOOD

needs_clang = pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
ARM, RISCV = "clang -O2 --target=arm-none-eabi", "clang -O2 --target=riscv32-unknown-elf"
COMMANDS = {
    "cortex-m4f": f"{ARM} -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "cortex-m55": f"{ARM} -mcpu=cortex-m55 -mfloat-abi=hard",
    "riscv32imac": f"{RISCV} -march=rv32imac -mabi=ilp32",
    "riscv32imafc": f"{RISCV} -march=rv32imafc -mabi=ilp32f",
}
#: clang does not fuse on a Cortex-M4, unlike gcc.
MULTIPLY_ADDS = {"cortex-m4f": "separate", "cortex-m55": "fused", "riscv32imac": "separate", "riscv32imafc": "fused"}
LIBMS = {"cortex-m4f": "fdlibm-fused", "cortex-m55": "double", "riscv32imac": "fdlibm", "riscv32imafc": "fdlibm"}


def on_boards(*cores):
    """Parameters: cores, left out where gcc for them is not installed."""
    return [pytest.param(core, marks=left_out(BOARDS[core])) for core in cores]


@needs_clang
@pytest.mark.parametrize("core", on_boards(*COMMANDS))
def test_what_clang_builds_is_probed(core):
    found = probe(COMMANDS[core])
    assert (found.multiply_add, found.libm, found.rand) == (MULTIPLY_ADDS[core], LIBMS[core], "newlib")


@needs_clang
@pytest.mark.parametrize("core", on_boards("cortex-m55", "riscv32imac"))
def test_what_clang_builds_agrees(core, tmp_path, capsys):
    (tmp_path / "m.toml").write_text(GOOD)

    assert main(["verify", str(tmp_path / "m.toml"), "--device", core, "--toolchain", COMMANDS[core]]) == 0
    assert f"on the emulated {core} (multiply-add" in capsys.readouterr().out


@needs_clang
def test_the_gcc_that_is_needed_is_named(monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith("riscv64") else which(name))
    system = BOARDS["riscv32imac"].system
    with pytest.raises(DeviceError, match="clang has no C library for this core, and riscv64-unknown-elf-gcc, whose"):
        linking.linker_of(COMMANDS["riscv32imac"].split(), system)
    assert PACKAGES[system.compiler].startswith("gcc-riscv64-unknown-elf ")


@pytest.mark.parametrize("core", on_boards("cortex-m4f", "aarch64"))
def test_a_compiler_with_a_c_library_links_itself(core):
    system = BOARDS[core].system
    assert linking.linker_of([shutil.which(system.compiler), *system.flags], system) is None
