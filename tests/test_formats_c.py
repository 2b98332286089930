"""The C formats beside the kernels: the same bytes under sanitizers on the host and on emulated cores, and codes
without a single float instruction.
"""

import random
import re
import zlib

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from test_formats import LIMITS

from embinit import EmbinitError, Generator, Xorshift32
from embinit.clib import C_DIRECTORY
from embinit.formats import ROUNDINGS, Parameters, format_named
from embinit.store import encode
from embinit.targets.zig_unicorn import EMULATIONS, build

from answers import on_core, on_host
from compilers import CORE, HOST_COMPILERS

F32 = np.float32
UNITS = (*CORE, "embinit_codes", "embinit_formats")
CODES, FORMATS = (C_DIRECTORY / f"{unit}.c" for unit in UNITS[-2:])
FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}
CORES = ["cortex-m0", "cortex-m4f"]
CORNERS = [0.0, -0.0, 0.5, -0.5, 1.5, -2.5, 127.5, 1.0, -1.0, 1e-41, -3e38, 3e38, 0.49999997]
#: States whose next word gives the smallest jitters, 0 and 2^-24, and the largest.
RARE = [Xorshift32(word).jumped(-1).state for word in (1, 0xFF, 0x100, 0x1FF, 0xFFFFFFFF)]
FAMILIES = ["q", "int", "sym", "sym_int32", "asym", "affine", "bfp"]


def name_of(chance):
    """Any format."""
    family, width = chance.choice(FAMILIES), chance.randint(1, 31)
    if family == "q":
        m = chance.randint(1, width + 1)
        return f"q{m}.{width + 1 - m}"
    if family == "bfp":
        return f"bfp{chance.randint(2, 16)}e{chance.randint(2, 8)}"
    if family == "int":
        return chance.choice(["int4", "int8"])
    if family == "sym_int32":
        return f"sym_int32/{chance.choice([width, 0])}"
    return f"{family}{min(width, {'asym': 30, 'affine': 16}.get(family, 31))}"


def in_c(name):
    """What the C harness calls a format: a family and two numbers."""
    family = re.match(r"sym_int32|[a-z]+", name)[0]
    first, second = [*map(int, re.findall(r"\d+", name.removeprefix("sym_int32"))), 0][:2]
    return [FAMILIES.index(family), first + second if family == "q" else first, second]


def values(chance, n):
    kind, size = chance.random(), 2.0 ** chance.choice([chance.randint(-20, 20), chance.randint(-140, 120)])
    if kind < 0.1:
        return np.full(n, chance.choice([0.0, 0.3, -0.3]), F32)
    array = np.array([chance.gauss(0, 1) for _ in range(n)]) * size + chance.choice([0, 0, 3 * size])
    if kind < 0.3:
        array = np.rint(array / size * 4) / 4  # ties
    array = array.astype(F32)
    if kind > 0.8:
        array[chance.randrange(n)] = F32(chance.choice([*CORNERS, np.inf, np.nan]))
    return array


def encode_request(chance, name, array, rounding, groups):
    """The request for a buffer of groups or, in two rounds, of channels; and the answer that the package gives."""
    state, layout = chance.choice([chance.getrandbits(32) or 1, chance.choice(RARE)]), format_named(name)
    run, sharing = array.size // groups, {}
    if groups > 1 and layout.grouping == "groups":
        sharing = {"group_size": run}
    elif groups > 1:
        run //= 2
        array, sharing = array[: 2 * groups * run].reshape(2, groups, run), {"channel_axis": 1}
    asked = [0, *in_c(name), layout.bits, ROUNDINGS.index(rounding), run, groups, state, array.size]
    asked += array.reshape(-1).view(np.uint32).tolist()
    generator = Generator(Xorshift32(state))
    try:
        buffer = encode(array, name, rounding, generator, **sharing)
    except EmbinitError:
        return asked, [0]
    scale = layout.grid(Parameters(buffer.scale, buffer.zero_point, buffer.exponents)).scale
    zero_points = [0] * groups if buffer.zero_point is None else buffer.zero_point.tolist()
    exponents = [0] * groups if buffer.exponents is None else buffer.exponents.tolist()
    parameters = zip(scale.view(np.uint32).tolist(), [z & 0xFFFFFFFF for z in zero_points], exponents, strict=True)
    data = np.ascontiguousarray(buffer.data).tobytes()
    words = np.frombuffer(data + b"\0" * (-len(data) % 4), np.uint32).tolist()
    decoded = buffer.decode().reshape(-1).view(np.uint32).tolist()
    beside = [parameter for group in parameters for parameter in group]
    return asked, [1, generator.bitgen.state, buffer.clipped, *beside, *words, *decoded]


def encode_requests(chance, count):
    for _ in range(count):
        name = name_of(chance)
        groups = 1 if format_named(name).grouping == "none" else chance.choice([1, 1, 2, 5])
        array = values(chance, groups * chance.randint(2, 200 // groups))
        if name.startswith("q"):
            array = np.where(np.isnan(array), F32(0.5), array)
        yield encode_request(chance, name, array, chance.choice(ROUNDINGS), groups)
    for name, arrays in LIMITS.items():
        for array in arrays:
            for rounding in ROUNDINGS:
                yield encode_request(chance, name, np.array(array, F32), rounding, 1)


def fixed_point_requests(chance, count, floats):
    """Floats spread over all bit patterns, and a dense run about a tie; NaN is read as 0."""
    for _ in range(count):
        width, rounding = chance.randint(2, 32), chance.randrange(4)
        frac_bits = chance.randint(0, width - 1)
        tie = int(F32((chance.randint(0, 2**20) + 0.5) / 2.0**frac_bits).view(np.uint32)) | chance.getrandbits(1) << 31
        for first, stride in ((chance.getrandbits(32), chance.getrandbits(32) | 1), (tie - floats // 2, 1)):
            words = (np.arange(floats, dtype=np.uint64) * stride + first).astype(np.uint32)
            words[np.isnan(words.view(F32))] = 0
            buffer = encode(words.view(F32), f"q{width - frac_bits}.{frac_bits}", ROUNDINGS[rounding])
            crc32 = zlib.crc32(buffer.data.astype(np.int32).tobytes())
            yield [1, width, frac_bits, rounding, first, stride, floats], [0, crc32, buffer.clipped, 0]


def fill_requests(chance, count):
    for _ in range(count):
        bits, state, n = chance.choice([8, 16, 32]), chance.getrandbits(32) or 1, chance.randrange(60)
        layout, generator = format_named(f"q1.{bits - 1}"), Generator(Xorshift32(state))
        bound = chance.choice([0, 1, layout.qmax, chance.randint(0, layout.qmax)])
        codes = layout.uniform(generator, bound, n).astype(np.int32).view(np.uint32).tolist()
        yield [2, bits, bound, state, n], [*codes, generator.bitgen.state]


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


def test_codes_hold_no_float_instruction(tmp_path):
    """On a core with an FPU every float instruction begins with v; there is none, not even a load."""
    assert float_instructions(CODES, tmp_path) == []
    assert len(float_instructions(FORMATS, tmp_path)) > 20


def float_instructions(source, folder):
    assembly = folder / "unit.s"
    build([source], EMULATIONS["cortex-m4f"], assembly, include=[C_DIRECTORY], flags=["-S"])
    lines = (line.split() for line in assembly.read_text().splitlines())
    return [words[0] for words in lines if words and words[0].startswith("v")]
