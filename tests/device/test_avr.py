"""A core with an int of 16 bits, a double of 32 and a size_t of 16: the C library on AVR, compiled and emulated."""

import re
import shutil
import subprocess

import pytest

import embinit
from embinit import Linear, codegen
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SELFTEST, SOURCES

from support.compilers import WARNINGS
from support.firmware import example

pytestmark = pytest.mark.skipif(not shutil.which("avr-gcc"), reason="needs avr-gcc")
needs_simavr = pytest.mark.skipif(not shutil.which("simavr"), reason="needs simavr")

MCU = "atmega2560"
#: Without what asks the C library for rand, logf and cosf.
UNITS = [*SOURCES, C_DIRECTORY / "selftest.c"]

#: Sleeping with interrupts off ends the emulation.
MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
%s
int put(int c);
int put(int c)
{
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)c;
    return c;
}

int main(void)
{
    UCSR0B = 1 << TXEN0;
    (void)put(%s ? 'P' : 'F');
    (void)put('\\n');
    while (!(UCSR0A & (1 << TXC0))) {
    }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


def compiled(sources, output, *flags):
    command = ["avr-gcc", f"-mmcu={MCU}", *WARNINGS, f"-I{C_DIRECTORY}", *flags, *sources, "-o", output]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def emulated(sources, folder, head, result, *flags):
    """Return the lines that a program printed: at its end P where result, an expression in C, is true."""
    (folder / "main.c").write_text(MAIN % (head, result))
    done = compiled([*sources, folder / "main.c"], folder / "main.elf", "-Os", f"-I{folder}", *flags)
    assert done.returncode == 0, done.stderr
    command = ["simavr", "-m", MCU, "-f", "16000000", folder / "main.elf"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    text = re.sub(r"\x1b\[\d*m", "", printed.stdout + printed.stderr)
    return [line.rstrip(".") for line in text.splitlines()]


@pytest.mark.parametrize("unit", [unit.name for unit in sorted(C_DIRECTORY.glob("*.c"))])
@pytest.mark.parametrize("optimization", ["-O0", "-Os"])
def test_no_warning(unit, optimization, tmp_path):
    done = compiled([C_DIRECTORY / unit], tmp_path / "unit.o", optimization, "-c")
    assert done.returncode == 0, done.stderr


#: What computes in double: a use, and what the compiler then says.
NEEDS_DOUBLE = {
    "growth": "double f(const float *x) { return embinit_variance(x, 2); }",
    "libm_double": "float (*const f)(float) = embinit_logf_double;",
    "fmaf_of_newlib": "float f(float x) { return embinit_c_fmaf_fdlibm(x, x, x); }",
    "sqrt": "double f(double x) { return embinit_c_sqrt(x); }",
    "fma": "double f(double x) { return embinit_fused64(x, x, x); }",
    "scale_in_double": "const unsigned scale = EMBINIT_SCALE_DOUBLE;",
    "quotient_in_double": "const unsigned quotient = EMBINIT_QUOTIENT_DOUBLE;",
}


@pytest.mark.parametrize("what", NEEDS_DOUBLE)
def test_what_computes_in_double_says_so(what, tmp_path):
    headers = "".join(f'#include "embinit_{name}.h"\n' for name in ("expression", "growth", "libm", "quantizer"))
    (tmp_path / "use.c").write_text(headers + NEEDS_DOUBLE[what])
    done = compiled([tmp_path / "use.c"], tmp_path / "unit.o", "-c")
    assert done.returncode != 0
    assert f"{what}_needs_a_double_of_64_bits" in done.stderr


@needs_simavr
def test_the_known_answers(tmp_path):
    lines = emulated(UNITS, tmp_path, '#include "selftest.h"', "embinit_selftest(put) == 0")

    checks = SELFTEST[1].read_text().count("failures += wrong(")
    assert sum(line.startswith("ok ") for line in lines) == checks - 1
    assert any("normal, double" in line and "64 bits" in line for line in lines)
    assert "P" in lines


PACKED = """
#include "embinit_codes.h"
extern char packed_bytes[EMBINIT_PACKED_BYTES(5001, 15) == 9377 ? 1 : -1];
static uint8_t place[2] = {0x34, 0x12};
static int far_code(void)
{
    const uint8_t *volatile start = place;
    return embinit_unpack_signed(start - 8400, 4200, 16) == 0x1234;
}
"""


@needs_simavr
def test_a_code_behind_65536_bits(tmp_path):
    """The number of its bit does not fit in size_t; that of its byte does."""
    assert "P" in emulated([C_DIRECTORY / "embinit_codes.c"], tmp_path, PACKED, "far_code()")


WHOLE_NUMBERS = """
#include "embinit_expression.h"
static volatile uint32_t given[5] = {0x3fc00000u, 0xbfa00000u, 0x46800180u, 0x4b000001u, 0xc6800180u};
static const uint32_t whole[5] = {0x3f800000u, 0xbf800000u, 0x46800000u, 0x4b000001u, 0xc6800000u};
static int all_whole(void)
{
    for (int i = 0; i < 5; i++) {
        if (embinit_bits(embinit_c_truncf(embinit_float(given[i]))) != whole[i]) {
            return 0;
        }
    }
    return 1;
}
"""


@needs_simavr
def test_places_of_a_fraction_beyond_16(tmp_path):
    """1.5 has 23 of them, -1.25 too; 16384.75 has 9."""
    units = [C_DIRECTORY / f"embinit_{room}.c" for room in ("expression", "fma")]
    assert "P" in emulated(units, tmp_path, WHOLE_NUMBERS, "all_whole()")


# ---- Whole models ----


def of_many_formats():
    """Scales of every family, groups and channels, codes that do not fill bytes, and every rounding."""
    formats = ("sym5", "q3.9", "asym7", "affine3", "bfp6e4", "int8", "int4", "sym_int32/11", "q1.31", "sym25")
    roundings = ("stochastic", "half_even", "floor", "truncate", "half_away")
    layers = [
        Linear(name=f"fc{i}", in_features=6, out_features=4, weight_format=name, bias_format=name, rounding=rounding)
        for i, (name, rounding) in enumerate(zip(formats, roundings * 2, strict=True))
    ]
    normal = embinit.initializers.kaiming_normal()
    layers.append(Linear(name="last", in_features=5, out_features=3, weight_init=normal))
    return embinit.Model("m", layers, seed=7, target="cortex-m0")


def of_pytorch():
    layers = [Linear(name="a", in_features=9, out_features=5), Linear(name="b", in_features=5, out_features=4)]
    return embinit.Model("m", layers, seed=7, dialect="torch", target="cortex-m0")


@pytest.mark.parametrize("only", [[], ["-DEMBINIT_CRC_ONLY"]], ids=["arrays", "checksums"])
def test_no_warning_of_a_bundle(only, tmp_path):
    bundle = gather(of_many_formats().plan())
    (tmp_path / "expected_m.h").write_text("".join(codegen.expected_header(bundle)))
    (tmp_path / "m_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / "check_m.c").write_text(codegen.plain_check(bundle))
    done = compiled([tmp_path / "check_m.c"], tmp_path / "unit.o", "-c", "-Os", *only)
    assert done.returncode == 0, done.stderr


MODELS = {
    "many formats": of_many_formats,
    "integer_only": lambda: example("integer_only", target="cortex-m0"),
    "torch": of_pytorch,
}


@needs_simavr
@pytest.mark.parametrize("model", MODELS)
def test_a_whole_model(model, tmp_path):
    bundle = gather(MODELS[model]().plan())
    name = bundle.plan.model.name
    (tmp_path / f"{name}_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / f"{name}_init.c").write_text(codegen.init_source(bundle))
    (tmp_path / "firmware.c").write_text(codegen.firmware(bundle))
    sources = [*SOURCES, tmp_path / f"{name}_init.c", tmp_path / "firmware.c"]
    result = f"firmware_main({bundle.plan.model.seed}u)"
    flags = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]

    assert "P" in emulated(sources, tmp_path, "int firmware_main(uint32_t seed);", result, *flags)
