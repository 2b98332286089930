"""Emitted C with values per tensor, on embinit's own emulated cores and as C++."""

import shutil
import subprocess

import numpy as np
import pytest

from embinit.device import C_DIRECTORY
from embinit.expressions import DOUBLE, FLOAT, TYPES, Arithmetic, Input, Program, define
from embinit.expressions.emit import emit
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

from support.compiled import UNITS

COUNT = 64
DEFINITIONS = [
    define("limit", "sqrtf(6.0f / (float)fan_in)", "limit"),
    define("unit", "((float)(word >> 8) + 0.5f) * (1.0f / 16777216.0f)", "unit"),
    define("uniform", "unit * (limit - -limit) + -limit", "uniform"),
    define("normal", "sqrtf(-2.0f * logf(unit)) * cosf(6.2831855f * unit) * 0.5f + limit", "normal"),
    define("wide", "unit * 2.0 * limit - (double)limit + fmaf(unit, unit, limit)", "wide"),
    define("whole", "(int32_t)(unit * 1000.0f) % 7 - 3", "whole"),
]
OUTPUTS = {"limit": FLOAT, "uniform": FLOAT, "normal": FLOAT, "wide": DOUBLE, "whole": TYPES["int16_t"]}
PROGRAM = Program(
    DEFINITIONS, {"word": Input(TYPES["uint32_t"]), "fan_in": Input(TYPES["uint32_t"], "tensor")}, OUTPUTS
)
FIRMWARE = f"""
uint32_t words[{COUNT}];
float limit, uniform[{COUNT}], normal[{COUNT}];
double wide[{COUNT}];
int16_t whole[{COUNT}];
void fill(uint32_t fan_in);
void fill(uint32_t fan_in)
{{
    e_fixed fixed;
    e_fix(&fixed, fan_in);
    limit = fixed.out_limit;
    for (int i = 0; i < {COUNT}; i++) {{
        e(&fixed, words[i], &uniform[i], &normal[i], &wide[i], &whole[i]);
    }}
}}
"""


def source(arithmetic):
    return '#include "embinit_expression.h"\n' + emit(PROGRAM.compile(arithmetic), "e") + FIRMWARE


@pytest.mark.device
@pytest.mark.parametrize(
    ("target", "arithmetic", "optimize"),
    [
        ("cortex-m0", Arithmetic("separate", "fdlibm"), "-O2"),
        ("cortex-m0", Arithmetic("fused", "double"), "-O0"),
        ("cortex-m4f", Arithmetic("fused", "fdlibm-fused", fuses_double=False), "-O3"),
        ("cortex-m7", Arithmetic("fused-expression", "double"), "-O2"),
    ],
)
def test_an_emulated_core_gives_the_bits_of_the_host(target, arithmetic, optimize, tmp_path):
    words = np.random.default_rng(3).integers(0, 2**32, COUNT, np.uint32)
    bound = PROGRAM.compile(arithmetic).bind(fan_in=37)
    wanted = {name: array for name, array in bound.evaluate(word=words).items() if name != "limit"}
    path = tmp_path / "firmware.c"
    path.write_text(source(arithmetic), encoding="utf-8")
    units = [*UNITS]
    elf = build([path, *units], EMULATIONS[target], tmp_path / "f.elf", include=[C_DIRECTORY], optimize=optimize)
    machine = Machine(elf, EMULATIONS[target])
    machine.write("words", words.tobytes())
    machine.call("fill", 37)

    assert machine.read("limit") == np.float32(bound.scalar("limit")).tobytes()
    for name, array in wanted.items():
        assert machine.read(name) == array.tobytes(), name


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_it_is_also_cpp(compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    path = tmp_path / "firmware.cpp"
    path.write_text(source(Arithmetic("fused")), encoding="utf-8")
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-c", f"-I{C_DIRECTORY}"]
    for unit in (path, C_DIRECTORY / "embinit_expression.c", C_DIRECTORY / "embinit_trigonometry.c"):
        command = [compiler, *flags, "-x", "c++", str(unit), "-o", str(tmp_path / "o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
