"""Compilers of the user's own as toolchains, and builds that are not made twice."""

import subprocess
import sys
from pathlib import Path

import pytest

import embinit
from embinit import device
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.targets import gcc_qemu, zig_unicorn
from embinit.targets.boards import BOARDS
from embinit.targets.device_error import DeviceError
from embinit.verify import verify

from support.cores import OTHERS, left_out

EXAMPLES = Path(__file__).parents[2] / "examples"
needs_arm = left_out(BOARDS["cortex-m4f"])


def har_classifier(target, **given):
    return gather(embinit.load(EXAMPLES / "har_classifier.toml", target=target, **given).plan())


@pytest.mark.parametrize("core", OTHERS)
def test_generated_code_agrees_on_the_cores_of_other_instruction_sets(core):
    bundle = har_classifier(core)

    assert verify(bundle, device.run(bundle), core).agrees


COMMANDS = {
    "cortex-m4f": "arm-none-eabi-gcc -O2 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "cortex-m33": "arm-none-eabi-gcc -Os -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 --specs=nano.specs",
    "riscv32imafc": "riscv64-unknown-elf-gcc -O2 -march=rv32imafc -mabi=ilp32f",
    "riscv64": "riscv64-unknown-elf-gcc -O3 -march=rv64imafdc -mabi=lp64d --specs=picolibc.specs",
    "aarch64": "aarch64-linux-gnu-gcc -O2",
    "cortex-a7": "arm-linux-gnueabihf-gcc -O2 -mcpu=cortex-a7 -mfpu=neon-vfpv4",
}


@pytest.mark.parametrize("core", [pytest.param(core, marks=left_out(BOARDS[core])) for core in COMMANDS])
def test_a_compiler_command_is_a_toolchain(core, capsys):
    model = str(EXAMPLES / "starter.toml")

    assert main(["verify", model, "--device", core, "--toolchain", COMMANDS[core]]) == 0
    assert f"built by {COMMANDS[core]}, on the emulated {core}" in capsys.readouterr().out


@needs_arm
@pytest.mark.parametrize(
    ("toolchain", "told"),
    [
        (COMMANDS["cortex-m4f"], "does not build for target riscv32imac, whose core is riscv"),
        ("arm-none-eabi-gcc '", "toolchain must be a compiler command"),
        ("no-such-gcc -O2", "toolchain must be one of zig, gcc, or the command of a compiler, got 'no-such-gcc -O2'"),
    ],
)
def test_a_compiler_of_something_else_is_refused(toolchain, told, capsys):
    assert main(["verify", str(EXAMPLES / "starter.toml"), "--device", "riscv32imac", "--toolchain", toolchain]) == 2
    assert told in capsys.readouterr().err


# ---- Nothing is built twice ----


@pytest.fixture
def compilations(monkeypatch, tmp_path):
    """An empty cache, with zig's own kept, and the list of the builds that are made."""
    caches = zig_unicorn._zig_caches()
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path / "cache"))
    for name, folder in caches.items():
        monkeypatch.setenv(name, folder)
    made = []
    for module in (zig_unicorn, gcc_qemu):
        monkeypatch.setattr(
            module, "build", lambda *words, _build=module.build, **more: made.append(0) or _build(*words, **more)
        )
    return made


@pytest.mark.parametrize("toolchain", ["zig", pytest.param("gcc", marks=needs_arm)])
def test_a_second_verify_builds_nothing_and_finds_the_same(toolchain, compilations):
    bundle = har_classifier("cortex-m4f")
    first = device.run(bundle, toolchain)
    assert len(compilations) == 1

    assert dict(device.run(bundle, toolchain)) == dict(first)
    assert len(compilations) == 1
    assert verify(bundle, first, toolchain).agrees
    other = har_classifier("cortex-m4f", multiply_add="separate")
    assert verify(other, device.run(other, toolchain), "").agrees
    assert len(compilations) == 2
    if toolchain == "zig":
        device.run(bundle, toolchain, cflags=["-O1"])
        assert len(compilations) == 3


def test_a_damaged_file_of_the_cache_is_not_taken_for_a_result(compilations, tmp_path):
    bundle = har_classifier("cortex-m4f")
    device.run(bundle)
    (kept,) = (tmp_path / "cache" / "embinit" / "firmware").iterdir()
    kept.unlink()

    assert verify(bundle, device.run(bundle), "").agrees
    assert len(compilations) == 2


@needs_arm
def test_a_file_that_flags_name_is_looked_at_every_time(compilations, tmp_path):
    bundle = gather(embinit.load(EXAMPLES / "starter.toml", target="cortex-m0").plan())
    (tmp_path / "flags.h").write_text("/* nothing */\n")
    flags = ["-include", str(tmp_path / "flags.h")]
    device.run(bundle, "gcc", cflags=flags)
    (tmp_path / "flags.h").write_text("#error changed\n")

    with pytest.raises(DeviceError, match="changed"):
        device.run(bundle, "gcc", cflags=flags)


def test_the_users_own_file_is_looked_at_every_time(compilations, tmp_path):
    source = tmp_path / "own.c"
    layers = [embinit.Linear(name="fc", in_features=2, out_features=1, bias=False)]
    bundle = gather(embinit.Model("m", layers, 1, target="cortex-m0").plan())
    for value in ("0.5f", "0.25f"):
        head = "void own(const m_buffers *b, uint32_t seed)"
        body = f"{{ (void)seed; b->fc_weight[0] = b->fc_weight[1] = {value}; }}"
        source.write_text(f'#include "m_init.h"\n{head};\n{head}\n{body}\n')
        found = device.run(bundle, "zig", [source], "own")
        assert found["fc.weight"] == 2 * embinit.encode([float(value[:-1])], "float32").data.tobytes()


def test_many_processes_share_the_cache(tmp_path, monkeypatch):
    caches = zig_unicorn._zig_caches()
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path))
    for name, folder in caches.items():
        monkeypatch.setenv(name, folder)
    code = (
        "from pathlib import Path; import sys; from embinit import cache\n"
        "def make(path): path.write_bytes(b'x' * 100000)\n"
        "for i in range(60):\n"
        "    out = Path(sys.argv[1]) / f'{i}.out'; cache.fetch('firmware', str(i % 7), make, out)\n"
        "    assert out.read_bytes() == b'x' * 100000\n"
        "    folder = cache.written('sources', {'a.c': str(i % 5)}, Path(sys.argv[1]))\n"
        "    assert (folder / 'a.c').read_text() == str(i % 5)\n"
    )
    folders = [tmp_path / f"own{i}" for i in range(4)]
    for folder in folders:
        folder.mkdir()
    running = [subprocess.Popen([sys.executable, "-c", code, str(folder)]) for folder in folders]
    assert [process.wait(60) for process in running] == [0] * 4
