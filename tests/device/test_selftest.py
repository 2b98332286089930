"""The self-test that a board runs: it passes on every core, says how the build multiplies and adds, and can fail."""

import re
import subprocess

import pytest

from embinit.clib import C_DIRECTORY, SELFTEST, SOURCES
from embinit.targets.zig_unicorn import EMULATIONS, UART, Machine, build

from support.compilers import HOST_COMPILERS, compile_program
from support.cores import CORES, OTHERS

PUT = f"""
#include <stdint.h>
#include "selftest.h"
int test_put(int c); int run(void);
int test_put(int c) {{ *(volatile uint32_t *){UART:#x}u = (uint32_t)c; return c; }}
int run(void) {{ return embinit_selftest(test_put); }}
"""
CHECKS = SELFTEST[1].read_text().count("failures += wrong(")


@pytest.mark.parametrize("core", [*CORES, *OTHERS])
def test_every_core_passes(core, tmp_path):
    (tmp_path / "put.c").write_text(PUT)
    sources = [*SOURCES, SELFTEST[1], tmp_path / "put.c"]
    elf = build(sources, EMULATIONS[core], tmp_path / "selftest.elf", include=[C_DIRECTORY])
    machine = Machine(elf, EMULATIONS[core])

    assert machine.call("run") == 0
    lines = machine.output.decode().splitlines()
    assert [line[:3] for line in lines[:-1]] == ["ok "] * CHECKS
    assert re.fullmatch(r'multiply_add = "(fused|separate)"', lines[-1])


MAIN = """
#include <stdio.h>
#include "selftest.h"
int main(void) { return embinit_selftest(putchar) != 0; }
"""


def on_host(folder, flags=(), sources=(*SOURCES, SELFTEST[1])):
    (folder / "main.c").write_text(MAIN)
    compiler = next(iter(HOST_COMPILERS))
    program = compile_program(compiler, [*sources, folder / "main.c"], folder / "selftest", *flags)
    return subprocess.run([program], capture_output=True, text=True, check=False)


def test_a_host_passes_and_says_how_it_multiplies_and_adds(tmp_path):
    done = on_host(tmp_path, ["-O2", "-ffp-contract=off"])

    assert done.returncode == 0
    assert done.stdout.count("ok ") == CHECKS
    assert done.stdout.endswith('multiply_add = "separate"\n')


BREAKS = {
    "x << 13": ("xorshift32", "x << 12"),
    "x >> 17": ("xorshift32", "x >> 16"),
    "x << 5": ("xorshift32", "x << 6"),
    "0x003ec241u": ("xorshift32", "0x003ec243u"),
    "6364136223846793005u": ("pcg32", "6364136223846793009u"),
    "0x1p-24f": ("distributions", "0x1p-25f"),
    "0xedb88320u,": ("model", "0xedb88321u,"),
    "rest > half": ("fma", "rest >= half"),
}


@pytest.mark.parametrize("right", BREAKS)
def test_a_wrong_constant_is_noticed(right, tmp_path):
    wrong = C_DIRECTORY / f"embinit_{BREAKS[right][0]}.c"
    text = wrong.read_text()
    assert text.count(right) == 1
    (tmp_path / wrong.name).write_text(text.replace(right, BREAKS[right][1]))
    sources = [tmp_path / source.name if source == wrong else source for source in SOURCES]
    done = on_host(tmp_path, sources=[*sources, SELFTEST[1]])

    assert done.returncode == 1
    assert "WRONG" in done.stdout
