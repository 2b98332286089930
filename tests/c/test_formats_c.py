"""The C formats beside the kernels: the same bytes under sanitizers on the host and on emulated cores, and codes
without a single float instruction.
"""

import random

import pytest
from elftools.elf.elffile import ELFFile

from embinit.clib import C_DIRECTORY
from embinit.targets.zig_unicorn import EMULATIONS, build

from support.answers import on_core, on_host
from support.compilers import HOST_COMPILERS
from support.requests.formats import (
    UNITS,
    encode_requests,
    fill_requests,
    fixed_point_requests,
)

CODES, FORMATS = (C_DIRECTORY / f"{unit}.c" for unit in UNITS[-2:])
FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}
CORES = ["cortex-m0", "cortex-m4f"]


@pytest.fixture(scope="module")
def requests():
    """Requests and the answers of the kernels, the same every time: many for the host, fewer for the cores."""

    def made(scale):
        chance = random.Random(20261122)
        return [
            *encode_requests(chance, 60 * scale),
            *fixed_point_requests(chance, 3 * scale, 500 * scale),
            *fill_requests(chance, 5 * scale),
        ]

    host, core = made(20), made(3)
    buffers = [answer for asked, answer in host if asked[0] == 0]
    assert sum(answer == [0] for answer in buffers) > 20
    assert sum(answer != [0] for answer in buffers) > 1000
    return {"host": host, "core": core}


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_on_the_host_under_sanitizers(compiler, flags, requests, tmp_path):
    answers = on_host("formats", UNITS, requests["host"], compiler, FLAGS[flags], tmp_path)
    for (question, expected), got in zip(requests["host"], answers, strict=True):
        assert_equal(question, expected, got)


@pytest.mark.device
@pytest.mark.parametrize("core", CORES)
def test_on_emulated_cores(core, requests, tmp_path):
    answers = on_core("formats", UNITS, requests["core"], core, tmp_path)
    for (question, expected), got in zip(requests["core"], answers, strict=True):
        assert_equal(question, expected, got)


def assert_equal(question, expected, got):
    """Compare an answer; NaN has more than one pattern, and answers of a sum of values none that matters."""
    if question[0] == 0 and expected[0] == 1:
        n = question[9]
        expected, got = ([*words[:-n], *map(quiet, words[-n:])] for words in (expected, got))
    assert expected == got, f"request {question[:10]}"


def quiet(word):
    return 0x7FC00000 if word & 0x7FFFFFFF > 0x7F800000 else word


# ---- Codes without floats ----


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3"])
def test_codes_call_no_float_helper(core, tmp_path):
    """On a core without an FPU a float operation is a call of the compiler's runtime library."""
    assert float_helpers(CODES, core, tmp_path) == set()
    assert "__aeabi_fdiv" in float_helpers(FORMATS, core, tmp_path)


def float_helpers(source, core, folder):
    unit = folder / "unit.o"
    build([source], EMULATIONS[core], unit, include=[C_DIRECTORY], flags=["-c"])
    with unit.open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".symtab")
        undefined = {symbol.name for symbol in symbols.iter_symbols() if symbol["st_shndx"] == "SHN_UNDEF"}
    return undefined - {"", "__aeabi_lmul", "__aeabi_unwind_cpp_pr0"}


@pytest.mark.device
def test_codes_hold_no_float_instruction(tmp_path):
    """On a core with an FPU every float instruction begins with v; there is none, not even a load."""
    assert float_instructions(CODES, tmp_path) == []
    assert len(float_instructions(FORMATS, tmp_path)) > 20


def float_instructions(source, folder):
    assembly = folder / "unit.s"
    build([source], EMULATIONS["cortex-m4f"], assembly, include=[C_DIRECTORY], flags=["-S"])
    lines = (line.split() for line in assembly.read_text().splitlines())
    return [words[0] for words in lines if words and words[0].startswith("v")]
