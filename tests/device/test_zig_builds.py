"""Firmware built by zig: its errors, its flags, its RAM, its cache."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from embinit.targets import zig_unicorn
from embinit.targets.device_error import DeviceError
from embinit.targets.zig_unicorn import EMULATIONS, RAM, Machine, build

from support.zig_firmware import FIRMWARE, array, compile_text, finite_floats


def test_firmware_lies_where_the_machine_has_ram(firmware):
    with firmware("cortex-m0").open("rb") as stream:
        assert next(ELFFile(stream).iter_segments("PT_LOAD"))["p_vaddr"] == RAM


def test_a_compile_error_is_the_compilers_first(tmp_path):
    with pytest.raises(DeviceError, match=r"zig cc -mcpu=cortex_m3: .*firmware\.c:2:\d+: error: .*undeclared.*'oops'"):
        compile_text("#warning first\nint f(void) { return oops + again; }\n", "cortex-m3", tmp_path)


def test_a_link_error_names_the_missing_function(tmp_path):
    with pytest.raises(DeviceError, match="undefined symbol: nowhere"):
        compile_text("int nowhere(void); int f(void) { return nowhere(); }\n", "cortex-m3", tmp_path)


def test_a_stripped_file_is_an_error(tmp_path):
    elf = compile_text("int f(void) { return 0; }\n", "cortex-m3", tmp_path, flags=["-Wl,--strip-all"])
    with pytest.raises(DeviceError, match=r"firmware\.elf has no symbol table"):
        Machine(elf, EMULATIONS["cortex-m3"])


def test_flags_includes_and_several_sources(tmp_path):
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "answer.h").write_text("int answer(void);\n")
    sources = [tmp_path / "one.c", tmp_path / "two.c", tmp_path / "three.c"]
    sources[0].write_text('#include "answer.h"\nint shared = 1;\nint twice(void) { return 2 * answer(); }\n')
    sources[1].write_text(
        '#include "answer.h"\nstatic volatile int shared = 2;\nint answer(void) { return ANSWER + 0 * shared; }\n'
    )
    core = EMULATIONS["cortex-m0"]
    sources[2].write_text("int unused[3];\n")
    flags = ["-DANSWER=21", "-std=c99", "-Werror", "-ffunction-sections", "-fdata-sections"]
    elf = build(sources, core, tmp_path / "both.elf", include=[tmp_path / "headers"], optimize="-O0", flags=flags)
    device = Machine(elf, core)

    assert elf == tmp_path / "both.elf"
    assert device.call("twice") == 42
    assert array(device, "shared", np.int32)[0] == 1  # the global one
    assert device.read("unused") == bytes(12)


def test_unoptimized_firmware_computes_the_same(tmp_path, machine):
    core = "cortex-m0"
    slow = Machine(compile_text(FIRMWARE, core, tmp_path, optimize="-O0"), EMULATIONS[core])
    fast = machine(core)
    for device in (slow, fast):
        device.write("a", finite_floats(14, 0x3F00_0000, 0x4000_0000).tobytes())
        device.write("b", finite_floats(15, 0x3F00_0000, 0x4000_0000).tobytes())
        device.call("multiply_add")

    assert slow.read("fused") == fast.read("fused")
    assert slow.symbol("negate")[1] > fast.symbol("negate")[1]
    with pytest.raises(DeviceError, match="no symbol '__divtf3'"):
        slow.symbol("__divtf3")  # of zig's runtime library, only what is called


def test_ram_grows_to_what_the_firmware_needs(tmp_path):
    text = "unsigned char big[300u << 20]; void touch(unsigned i) { big[i] = 1; }\n"
    core = EMULATIONS["cortex-m4f"]
    elf = compile_text(text, "cortex-m4f", tmp_path)
    device = Machine(elf, core)
    last = (300 << 20) - 1
    device.call("touch", last)

    assert device.read_at(device.symbol("big")[0] + last, 1) == b"\x01"
    with pytest.raises(DeviceError, match=r"firmware\.elf needs 3145\d{5} bytes of RAM, got 1048576"):
        Machine(elf, core, ram_bytes=1 << 20)


def test_ram_of_a_given_size_ends_there(machine):
    device = machine("cortex-m0", ram_bytes=1 << 20)
    device.write_at(RAM + (1 << 20) - 4, b"last")

    assert device.call("load", RAM + (1 << 20) - 4) == int.from_bytes(b"last", "little")
    with pytest.raises(DeviceError, match="invalid read of 4 bytes at 0x20100000"):
        device.call("load", RAM + (1 << 20))


def test_builds_may_run_at_once_and_leave_the_working_directory_alone(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    script = (
        "import sys; from pathlib import Path; from embinit.targets.zig_unicorn import EMULATIONS, Machine, build\n"
        "core = EMULATIONS['cortex-m3']; elf = build([Path(sys.argv[1])], core, Path(sys.argv[2]))\n"
        "print(Machine(elf, core).call('number'))"
    )
    path = os.pathsep.join(entry for entry in (str(Path(zig_unicorn.__file__).parents[2]), *sys.path) if entry)

    def number(index):
        source = tmp_path / f"{index}.c"
        source.write_text(f"int number(void) {{ return {index}; }}\n")
        command = [sys.executable, "-c", script, str(source), str(tmp_path / f"{index}.elf")]
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(number, range(3))) == ["0\n", "1\n", "2\n"]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "cache"),
    [
        ({"EMBINIT_CACHE_DIR": "one", "XDG_CACHE_HOME": "two"}, "one/embinit/zig"),
        ({"XDG_CACHE_HOME": "two"}, "two/embinit/zig"),
        ({"HOME": "three"}, "three/.cache/embinit/zig"),
        ({"XDG_CACHE_HOME": "two", "ZIG_GLOBAL_CACHE_DIR": "four", "ZIG_LOCAL_CACHE_DIR": "four"}, "four"),
    ],
)
def test_zig_caches_for_the_user_unless_told_otherwise(variables, cache, tmp_path, monkeypatch):
    for name in ("EMBINIT_CACHE_DIR", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, directory in variables.items():
        monkeypatch.setenv(name, str(tmp_path / directory))
    expected = tmp_path / cache

    assert zig_unicorn._zig_caches() == {
        "ZIG_GLOBAL_CACHE_DIR": str(expected),
        "ZIG_LOCAL_CACHE_DIR": str(expected),
    }
    assert expected.is_dir()


def test_zigs_cache_falls_back_where_the_kernels_does(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elf = compile_text("int f(void) { return 7; }\n", "cortex-m0", tmp_path)

    assert Machine(elf, EMULATIONS["cortex-m0"]).call("f") == 7
    (own,) = tmp_path.glob("embinit-*")
    assert any((own / "zig").iterdir())


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZIG_LOCAL_CACHE_DIR", str(tmp_path / "file" / "zig"))
    with pytest.raises(DeviceError, match=r"zig cannot have its cache in ZIG_LOCAL_CACHE_DIR = .*: Not a directory"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)

    monkeypatch.delenv("ZIG_LOCAL_CACHE_DIR")
    monkeypatch.setattr("embinit.cache.directory", lambda name: None)
    with pytest.raises(DeviceError, match="set EMBINIT_CACHE_DIR"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)


def test_a_missing_wheel_says_how_to_install_it(tmp_path, machine, monkeypatch):
    machine("cortex-m0")
    install = r"install it with: pip install 'embinit\[device\]'"
    needs = {"unicorn": "emulated devices need unicorn", "elftools.elf.elffile": "an ELF file needs pyelftools"}
    for module, says in needs.items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(DeviceError, match=f"{says}: {install}"):
                machine("cortex-m0").call("shallow")
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(DeviceError, match=f"emulated devices need ziglang: {install}"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)
