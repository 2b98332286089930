"""The probe: its known answers are the specification's, and it tells one real build from another."""

import ctypes
import ctypes.util
import json
import platform
import re
import shlex
import shutil
import subprocess
import tomllib
import zlib
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.__main__ import main
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.targets import LIBMS, TARGETS, build_of
from embinit.targets.gcc_qemu import BOARDS
from embinit.targets.probe import probe
from embinit.targets.zig_unicorn import EMULATIONS, UART, Machine, build

from support import reference
from support.boards import needs_tools
from support.compilers import HOST_COMPILERS, WARNINGS, compile_program
from support.cores import EVERY_BOARD, with_libcs
from support.libm import CLASSES, KERNELS
from support.model_files import GOOD

SOURCE = (C_DIRECTORY / "probe.c").read_text()


def function_text(name):
    """The part of probe.c's table that is about one function."""
    return SOURCE[SOURCE.index(f'{{"{name}",') :].partition("}}}}")[0]


def words(text):
    return [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})u", text)]


def shape(text):
    """The two known answers of a shape of the multiply-add."""
    return words(re.search(rf'"{re.escape(text)}", \w+, .*', SOURCE)[0])


def kernel(name, libm, bits):
    """Bits of a kernel's results for bits of arguments."""
    out = np.empty(len(bits), np.float32)
    KERNELS[name](CLASSES[libm.replace("-", "_")], np.array(bits, np.uint32).view(np.float32), out)
    return out.view(np.uint32)


def sample(name):
    """Bits of the arguments whose results the probe sums up."""
    (count,) = re.findall(r"#define ARGUMENTS (\d+)u", SOURCE)
    u = ((np.arange(1, int(count) + 1, dtype=np.uint64) * 2654435769 & 0xFFFFFFFF) >> 8).astype(np.float32)
    scale = {"logf": np.float32(2**-24), "cosf": np.float32(6.2831855) * np.float32(2**-24)}[name]
    return (u * scale).view(np.uint32)


# ---- Known answers ----


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("low + r * (high - low)", "-0.3", "0.4"), ("the same from -limit to limit", "-0.4", "0.4")],
)
def test_the_shapes_of_uniforms(text, low, high):
    separate, fused = shape(text)
    for fuses, expected in ((False, separate), (True, fused)):
        generator = reference.Xorshift32(42)
        bits = [reference.odt_uniform(reference.f32(low), reference.f32(high), generator, fuses) for _ in range(100)]

        assert zlib.crc32(np.array(bits, "<u4").tobytes()) == expected


def test_the_plain_shape():
    separate, fused = shape("x * y + z")
    generator = reference.Xorshift32(42)
    x, y, z = [reference.odt_float(generator) for _ in range(100)], reference.f32("0.4"), reference.f32("-0.3")

    once, twice = [reference.fma(each, y, z) for each in x], [reference.add(reference.mul(each, y), z) for each in x]
    assert zlib.crc32(np.array(once, "<u4").tobytes()) == fused
    assert zlib.crc32(np.array(twice, "<u4").tobytes()) == separate


@pytest.mark.parametrize("name", KERNELS)
def test_the_answers_of_each_libm_class(name):
    crc32s, answers = words(function_text(name))[: len(LIBMS)], words(function_text(name))[len(LIBMS) :]
    table = np.array(answers, np.uint32).reshape(-1, 1 + len(LIBMS))

    assert [zlib.crc32(kernel(name, libm, sample(name)).tobytes()) for libm in LIBMS] == crc32s
    for column, libm in enumerate(LIBMS, 1):
        assert kernel(name, libm, table[:, 0]).tolist() == table[:, column].tolist()
    for one in range(1, len(LIBMS)):
        for other in range(one + 1, len(LIBMS) + 1):
            assert np.count_nonzero(table[:, one] != table[:, other]) >= 2


# ---- Real builds ----

M4 = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"
BUILDS = [  # flags, multiply-add, libm
    (f"-O0 {M4}", "separate", "fdlibm-fused"),
    (f"-Og {M4}", "separate", "fdlibm-fused"),
    (f"-O1 {M4}", "separate", "fdlibm-fused"),
    (f"-O2 {M4}", "fused", "fdlibm-fused"),
    (f"-Os {M4}", "fused", "fdlibm-fused"),
    (f"-O2 -flto {M4}", "fused", "fdlibm-fused"),
    (f"-Ofast {M4}", "fused", "fdlibm-fused"),
    (f"-O2 -std=gnu11 {M4}", "fused", "fdlibm-fused"),
    (f"-O2 -std=c11 {M4}", "separate", "fdlibm-fused"),
    (f"-O2 -std=c11 -ffp-contract=fast {M4}", "fused", "fdlibm-fused"),
    (f"-O2 -ffp-contract=off {M4}", "separate", "fdlibm-fused"),
    ("-O2 -mcpu=cortex-m4", "separate", "fdlibm"),
    ("-O2 -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-sp-d16", "fused", "fdlibm-fused"),
    ("-O2 -mcpu=cortex-m23", "separate", "fdlibm"),
    ("-O2 -mcpu=cortex-m55 -mfloat-abi=hard", "fused", "double"),
]


@needs_tools
@pytest.mark.parametrize(("flags", "multiply_add", "libm"), BUILDS)
def test_arm_builds(flags, multiply_add, libm):
    found = probe(f"arm-none-eabi-gcc {flags}")

    assert (found.multiply_add, found.libm) == (multiply_add, libm)
    assert found.known
    assert "mps" in found.ran_on


#: rand() of these C libraries is newlib's.
FAMILY = {"newlib-nano": "newlib", "picolibc": "newlib"}


def built(core, specs=()):
    system = BOARDS[core].system
    flags = [flag for flag in system.flags if flag != "-static"]
    return shlex.join([system.compiler, "-O2", *flags, *BOARDS[core].flags, *specs])


@pytest.mark.parametrize("core", EVERY_BOARD)
def test_the_table_of_targets_is_what_its_builds_do(core):
    found, target = probe(built(core)), TARGETS[core]

    assert (found.multiply_add, found.libm) == (target.multiply_add, target.libm)
    assert found.rand == FAMILY.get(target.rand, target.rand)
    assert (found.int_bits, found.double_bits, found.byte_order) == (target.int_bits, target.double_bits, "little")


@pytest.mark.parametrize(("core", "libc"), with_libcs("cortex-m0", "cortex-m4f", "cortex-m7"))
def test_the_c_libraries_of_the_table_are_what_their_builds_do(core, libc):
    found, build = probe(built(core, BOARDS[core].system.libcs[libc])), build_of(core, libc=libc)

    assert (found.multiply_add, found.libm) == (build.multiply_add, build.libm)
    assert found.rand == FAMILY[build.rand]


@pytest.mark.skipif(not (shutil.which("avr-gcc") and shutil.which("simavr")), reason="needs avr-gcc and simavr")
@pytest.mark.parametrize("mcu", ["atmega2560", "atmega328p"])
def test_the_table_is_what_avr_gcc_does(mcu):
    found, target = probe(f"avr-gcc -O2 -mmcu={mcu}"), TARGETS["avr"]

    assert (found.multiply_add, found.libm, found.rand) == (target.multiply_add, target.libm, target.rand)
    assert (found.int_bits, found.double_bits) == (target.int_bits, target.double_bits) == (16, 32)
    assert "int of 16 bits, double of 32, little-endian" in str(found)
    assert not found.known


def class_of_this_machine():
    """Which kernels have the results of this machine's logf and cosf, called without a compiler."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    classes = set()
    for name in KERNELS:
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
        arguments = sample(name)
        results = np.array([function(x) for x in arguments.view(np.float32).tolist()], np.float32).view(np.uint32)
        classes.add(next((libm for libm in LIBMS if np.array_equal(kernel(name, libm, arguments), results)), "other"))
    return classes.pop() if len(classes) == 1 else "other"


@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_builds_for_this_machine(compiler):
    unfused = probe(f"{compiler} -O1 -ffp-contract=off")
    assert (unfused.multiply_add, unfused.libm) == ("separate", class_of_this_machine())
    assert unfused.ran_on == "this machine"

    if platform.machine() == "x86_64" and " fma " in Path("/proc/cpuinfo").read_text():
        assert probe(f"{compiler} -O2 -mfma -ffp-contract=fast").multiply_add == "fused"


#: Flags that put the C library's twins of one class in the place of the libm.
TWINS = ["-Dlogf=embinit_logf_fdlibm", "-Dcosf=embinit_cosf_fdlibm"]
MAIN = '#include <stdio.h>\n#include "probe.h"\nint main(void) { return embinit_probe(putchar); }\n'
WITH_TWINS = f'#include "embinit_libm.h"\n{MAIN}'
OTHER_LIBM = """
double log(double x);
double cos(double x);
float rounded_log(float x); float rounded_cos(float x);
float rounded_log(float x) { return (float)log((double)x); }
float rounded_cos(float x) { return (float)cos((double)x); }
"""


@pytest.fixture
def other_libm(tmp_path):
    """A compiler command with a libm of no known class: rounded once from float64."""
    (tmp_path / "other.c").write_text(OTHER_LIBM)
    compiler = next(iter(HOST_COMPILERS))
    return f"{compiler} -O1 -Dlogf=rounded_log -Dcosf=rounded_cos {tmp_path / 'other.c'}"


def test_another_libm_is_told_with_the_arguments_that_differ(other_libm):
    found = probe(other_libm)

    assert (found.libm, found.known) == ("other", False)
    for name, exact in (("logf", np.log), ("cosf", np.cos)):
        (nearest,) = re.findall(rf"^# {name} is nearest to (.+)$", found.text, re.MULTILINE)
        pattern = rf"^# {name}\(0x(\w{{8}})\) = 0x(\w{{8}}), {nearest} has 0x(\w{{8}})$"
        told = np.array([[int(w, 16) for w in row] for row in re.findall(pattern, found.text, re.M)], np.uint32)
        known = words(function_text(name))[len(LIBMS) :: 1 + len(LIBMS)]
        results = exact(np.array(known, np.uint32).view(np.float32).astype(np.float64)).astype(np.float32)
        differ = results.view(np.uint32) != kernel(name, nearest, known)
        assert told[:, 0].tolist() == np.array(known)[differ].tolist()
        assert told[:, 1].tolist() == results.view(np.uint32)[differ].tolist()
        assert told[:, 2].tolist() == kernel(name, nearest, known)[differ].tolist()


def test_half_another_libm_is_another(other_libm):
    assert probe(other_libm.replace("-Dcosf=rounded_cos", "")).libm == "other"


def test_a_build_that_fuses_here_and_not_there_is_another(tmp_path):
    """One of the three shapes fused by hand."""
    fused_by_hand = SOURCE.replace("return x * stddev + mean;", "return embinit_fused(x, stddev, mean);")
    assert fused_by_hand != SOURCE
    (tmp_path / "probe.c").write_text(fused_by_hand)
    (tmp_path / "main.c").write_text(WITH_TWINS)
    sources, flags = [tmp_path / "probe.c", *SOURCES, tmp_path / "main.c"], ["-O1", "-ffp-contract=off", *TWINS]
    program = compile_program(next(iter(HOST_COMPILERS)), sources, tmp_path / "probe", *flags)
    done = subprocess.run([program], capture_output=True, text=True, check=False)

    kinds = re.findall(r"^# .*: (separate|fused|other)$", done.stdout, re.MULTILINE)
    assert kinds[:3] == ["separate", "separate", "fused"]
    assert tomllib.loads(done.stdout)["multiply_add"] == "other"
    assert done.returncode == 1


# ---- On a board, without an operating system or a C library ----

PUT = f"""
#include <stdint.h>
#include "probe.h"
int test_put(int c); int run(void);
int test_put(int c) {{ *(volatile uint32_t *){UART:#x}u = (uint32_t)c; return c; }}
int run(void) {{ return embinit_probe(test_put); }}
"""


@pytest.mark.parametrize(("core", "multiply_add"), [("cortex-m0", "separate"), ("cortex-m7", "fused")])
def test_a_board_prints_the_entry(core, multiply_add, tmp_path):
    (tmp_path / "put.c").write_text(PUT)
    sources = [*SOURCES, C_DIRECTORY / "probe.c", tmp_path / "put.c"]
    elf = build(sources, EMULATIONS[core], tmp_path / "probe.elf", include=[C_DIRECTORY], flags=TWINS)
    machine = Machine(elf, EMULATIONS[core])

    assert machine.call("run") == 0
    assert tomllib.loads(machine.output.decode()) == {"multiply_add": multiply_add, "libm": "fdlibm"}


@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_no_compiler_warns(compiler, tmp_path):
    (tmp_path / "main.c").write_text(WITH_TWINS)
    sources = [*SOURCES, C_DIRECTORY / "probe.c", tmp_path / "main.c"]
    assert "-Wconversion" in WARNINGS

    assert compile_program(compiler, sources, tmp_path / "probe", "-O1", *HOST_COMPILERS[compiler], *TWINS).is_file()


# ---- The command line and the model file ----


def test_the_command_prints_what_a_model_file_takes(capsys, tmp_path):
    compiler = f"{next(iter(HOST_COMPILERS))} -O1 -ffp-contract=off -I{C_DIRECTORY}"
    library = [C_DIRECTORY / f"embinit_{room}.c" for room in ("libm", "fma")]
    twins = " ".join([*TWINS, "-include embinit_libm.h", *map(str, library)])
    assert main(["targets", "probe", "--cc", f"{compiler} {twins}"]) == 0
    entry = capsys.readouterr().out
    (tmp_path / "m.toml").write_text(GOOD.replace("[model]\n", f"[model]\n{entry}"))

    model = embinit.load(tmp_path / "m.toml")
    assert (model.build.multiply_add, model.build.libm) == ("separate", "fdlibm")
    assert (TARGETS[model.target].multiply_add, TARGETS[model.target].libm) == ("fused", "fdlibm-fused")


def test_the_command_as_json(capsys):
    compiler = f"{next(iter(HOST_COMPILERS))} -O1 -ffp-contract=off"
    status = main(["targets", "probe", "--json", "--cc", compiler])

    told = json.loads(capsys.readouterr().out)
    assert {"cc": compiler, "ran_on": "this machine", "multiply_add": "separate"}.items() <= told.items()
    assert "x * y + z: separate" in told["details"]
    assert status == (told["libm"] == "other")


def test_another_libm_is_a_mismatch(other_libm, capsys):
    assert main(["targets", "probe", "--cc", other_libm]) == 1
    assert 'libm = "other"\n' in capsys.readouterr().out


def test_a_libm_of_no_class_is_refused_in_a_model_file(tmp_path):
    (tmp_path / "m.toml").write_text(GOOD.replace("seed", 'libm = "other"\nseed'))

    with pytest.raises(embinit.EmbinitError, match="libm must be one of double, fdlibm, fdlibm-fused, got 'other'"):
        embinit.load(tmp_path / "m.toml")


@pytest.mark.parametrize(
    ("cc", "parts"),
    [
        ("no-such-cc -O2", ["no-such-cc is not installed"]),
        ("", ["cc must be a compiler command"]),
        ("gcc '", ["cc must be a compiler command", "No closing quotation"]),
        (f"{next(iter(HOST_COMPILERS))} -include absent.h", ["absent.h"]),
        (f"{next(iter(HOST_COMPILERS))} -Dlogf=nowhere", ["nowhere"]),
        (f"{next(iter(HOST_COMPILERS))} -r -nostdlib", ["does not run on this machine"]),
        pytest.param("arm-none-eabi-gcc -O2", ["no Cortex-M", "-mcpu"], marks=needs_tools),
        pytest.param("arm-none-eabi-gcc -mcpu=cortex-m99", ["cortex-m99"], marks=needs_tools),
    ],
)
def test_what_does_not_compile_or_run_is_refused(cc, parts, capsys):
    assert main(["targets", "probe", "--cc", cc]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    for part in parts:
        assert part in told.err
