"""The core of an ESP8266: its board, and what stands in for the chip's ROM, beside this machine's arithmetic."""

from functools import cache

import numpy as np
import pytest

from embinit.clib import C_DIRECTORY, SELFTEST, SOURCES
from embinit.targets import gcc_qemu
from embinit.targets.boards import BOARDS
from embinit.targets.device_error import DeviceError
from embinit.targets.probe import board_of

from support.cores import left_out

BOARD = BOARDS["xtensa-lx106"]
needs_tools = left_out(BOARD)

FLOATS = [0, 1, 0x7FFFFF, 0x800000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x4B7FFFFF, 0x7F7FFFFF, 0x7F800000, 0x7FC00000]
DOUBLES = [
    0, 1, 2**52 - 1, 2**52, 0x3FEFFFFFFFFFFFFF, 0x3FF0000000000001, 0x36A0000000000001, 0x47EFFFFFEFFFFFFF,
    0x47EFFFFFF0000000, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000,
]  # fmt: skip

PROGRAM = """
#include <stdint.h>
enum {{ N = {count} }};
float f[2][N], float_results[5][N];
double d[2][N], double_results[6][N];
uint32_t w[2][N], word_results[3][N];
uint64_t l[2][N], long_results[5][N];
int32_t int_results[2][N];
int firmware_main(void);
int firmware_main(void)
{{
    for (int i = 0; i < N; i++) {{
        float_results[0][i] = f[0][i] + f[1][i];
        float_results[1][i] = f[0][i] - f[1][i];
        float_results[2][i] = f[0][i] * f[1][i];
        float_results[3][i] = (float)d[0][i];
        float_results[4][i] = (float)(int32_t)w[0][i];
        double_results[0][i] = d[0][i] + d[1][i];
        double_results[1][i] = d[0][i] - d[1][i];
        double_results[2][i] = d[0][i] * d[1][i];
        double_results[3][i] = d[0][i] / d[1][i];
        double_results[4][i] = f[0][i];
        double_results[5][i] = (int32_t)w[0][i];
        word_results[0][i] = w[0][i] / (w[1][i] | 1u);
        word_results[1][i] = w[0][i] % (w[1][i] | 1u);
        word_results[2][i] = (uint32_t)((double)w[0][i] * 0.5);
        long_results[0][i] = l[0][i] * l[1][i];
        long_results[1][i] = l[0][i] / (l[1][i] | 1u);
        long_results[2][i] = l[0][i] % (l[1][i] | 1u);
        long_results[3][i] = (uint64_t)((int64_t)l[0][i] / (int32_t)(w[1][i] | 1u));
        long_results[4][i] = (uint64_t)w[0][i] * w[1][i];
        int_results[0][i] = (int32_t)w[0][i] / (int32_t)(w[1][i] | 1u);
        int_results[1][i] = (int32_t)((float)(int32_t)w[0][i] * 0.25f);
    }}
    return 0;
}}
"""


def pairs(special, kind, rng):
    """All pairs of special values and their negatives, and random ones whose exponents are near and far."""
    bits = np.dtype(kind).itemsize * 8
    values = np.array([*special, *(value | 1 << (bits - 1) for value in special)], f"u{bits // 8}")
    one, other = (each.ravel() for each in np.meshgrid(values, values))
    more = rng.integers(0, 2**bits, (2, 500), f"u{bits // 8}")
    near = rng.uniform(-4, 4, (2, 500)).astype(kind).view(f"u{bits // 8}")
    return np.concatenate([[one, other], more, near], axis=1)


@cache
def inputs():
    """The operands: floats, doubles, and words and long words in which the halves of some are full."""
    rng = np.random.default_rng(7)
    floats, doubles = pairs(FLOATS, np.float32, rng), pairs(DOUBLES, np.float64, rng)
    count = min(floats.shape[1], doubles.shape[1])
    longs = rng.integers(0, 2**64, (2, count), np.uint64) >> rng.integers(0, 64, (2, count), np.uint64)
    words = (longs & 0xFFFFFFFF).astype(np.uint32)
    words[:, :4] = [[0, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFF], [0xFFFFFFFF, 1, 0xFFFFFFFE, 2]]
    return {"f": floats[:, -count:], "d": doubles[:, -count:], "w": words, "l": longs}


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What a program with one line for each operation leaves in its buffers."""
    folder = tmp_path_factory.mktemp("rom")
    given = inputs()
    (folder / "rom.c").write_text(PROGRAM.format(count=given["f"].shape[1]))
    names = [f"{name}_results" for name in ("float", "double", "word", "long", "int")]
    keep = ["firmware_main", *given, *names]
    elf = gcc_qemu.build(gcc_qemu.command(BOARD), [folder / "rom.c"], BOARD, folder / "rom.elf", keep=keep)
    machine = gcc_qemu.Machine(elf, BOARD)
    for name, values in given.items():
        machine.write(name, values.tobytes())
    machine.call("firmware_main")
    return {name: np.frombuffer(machine.read(name), np.uint8) for name in names}


def assert_same(left, expected):
    """All bits are the same; a NaN has any of its bits."""
    for got, right in zip(left.view(expected[0].dtype).reshape(len(expected), -1), expected, strict=True):
        unsigned = f"u{right.itemsize}"
        wrong = (got.view(unsigned) != right.view(unsigned)) & ~((got != got) & (right != right))
        assert not wrong.any(), np.nonzero(wrong)[0][:5]


@needs_tools
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_floats(left):
    a, b = inputs()["f"].view(np.float32)
    double, word = inputs()["d"][0].view(np.float64), inputs()["w"][0].view(np.int32)
    assert_same(left["float_results"], [a + b, a - b, a * b, double.astype(np.float32), word.astype(np.float32)])


@needs_tools
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_doubles(left):
    a, b = inputs()["d"].view(np.float64)
    single, word = inputs()["f"][0].view(np.float32), inputs()["w"][0].view(np.int32)
    expected = [a + b, a - b, a * b, a / b, single.astype(np.float64), word.astype(np.float64)]
    assert_same(left["double_results"], expected)


def divided(a, b):
    """C's quotient of integers: towards 0."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


@needs_tools
def test_integers(left):
    w, v = (each.tolist() for each in inputs()["w"])
    a, b = (each.tolist() for each in inputs()["l"])
    signed, divisors = ([int(x) for x in inputs()["w"][0].view(np.int32)], [x | 1 for x in v])
    as_signed = [int(x) for x in np.array(divisors, np.uint32).view(np.int32)]
    halves = [x // 2 for x in w]
    words = [[x // y for x, y in zip(w, divisors, strict=True)], [x % y for x, y in zip(w, divisors, strict=True)]]
    assert_same(left["word_results"], [np.array(each, np.uint32) for each in (*words, halves)])
    by = [int(x) for x in inputs()["l"][0].view(np.int64)]
    longs = [
        [x * y % 2**64 for x, y in zip(a, b, strict=True)],
        [x // (y | 1) for x, y in zip(a, b, strict=True)],
        [x % (y | 1) for x, y in zip(a, b, strict=True)],
        [divided(x, y) % 2**64 for x, y in zip(by, as_signed, strict=True)],
        [x * y for x, y in zip(w, v, strict=True)],
    ]
    assert_same(left["long_results"], [np.array(each, np.uint64) for each in longs])
    quarters = [int(np.float32(x) * np.float32(0.25)) for x in signed]
    ints = [[divided(x, y) for x, y in zip(signed, as_signed, strict=True)], quarters]
    assert_same(left["int_results"], [np.array(each, np.int64).astype(np.int32) for each in ints])


SAID = """
#include "selftest.h"
char said[8192];
static unsigned length;
static int put(int c) { if (length < sizeof said) said[length++] = (char)c; return c; }
int firmware_main(void);
int firmware_main(void) { return embinit_selftest(put); }
"""


@needs_tools
def test_the_known_answers(tmp_path):
    (tmp_path / "said.c").write_text(SAID)
    sources = [*SOURCES, SELFTEST[1], tmp_path / "said.c"]
    elf = gcc_qemu.build(
        gcc_qemu.command(BOARD), sources, BOARD, tmp_path / "s.elf", include=[C_DIRECTORY],
        keep=["firmware_main", "said"],
    )  # fmt: skip
    machine = gcc_qemu.Machine(elf, BOARD)

    assert machine.call("firmware_main") == 0
    lines = machine.read("said").rstrip(b"\0").decode().splitlines()
    assert [line[:3] for line in lines[:-1]] == ["ok "] * SELFTEST[1].read_text().count("failures += wrong(")
    assert lines[-1] == 'multiply_add = "separate"'


@needs_tools
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("*(volatile int *)0x12345678 = 1", r"fault \(EXCCAUSE 0x0000000f\), pc 0x\w+ in firmware_main\+0x"),
        ('__asm__ volatile("ill")', r"fault \(EXCCAUSE 0x00000000\), pc 0x\w+ in firmware_main\+0x"),
        ("for (;;) {}", "has not returned within 1 seconds"),
    ],
)
def test_a_fault_says_where(fault, told, tmp_path):
    (tmp_path / "f.c").write_text(f"int firmware_main(void);\nint firmware_main(void) {{ {fault}; return 0; }}\n")
    elf = gcc_qemu.build(gcc_qemu.command(BOARD), [tmp_path / "f.c"], BOARD, tmp_path / "f.elf")
    with pytest.raises(DeviceError, match=told):
        gcc_qemu.Machine(elf, BOARD).call("firmware_main", limit=1)


def test_xtensa_with_register_windows_is_refused():
    with pytest.raises(DeviceError, match="builds for Xtensa other than the LX106, which nothing here emulates"):
        board_of("xtensa-esp32-elf-gcc", {"__XTENSA__": "1", "__XTENSA_WINDOWED_ABI__": "1"})


MALLOC = """
#include <stdint.h>
#include <stdlib.h>
int firmware_main(void);
int firmware_main(void)
{
    char *first = malloc(100000), *last = malloc(8000000);
    if (first == 0 || last == 0 || malloc(16000000) != 0) {
        return 1;
    }
    first[99999] = last[7999999] = 1;
    return first[99999] + last[7999999];
}
"""


@pytest.mark.parametrize(
    "core", [pytest.param(core, marks=left_out(BOARDS[core])) for core in ("xtensa-lx106", "riscv32imac", "cortex-m3")]
)
def test_the_heap_is_what_the_buffers_leave(core, tmp_path):
    (tmp_path / "m.c").write_text(MALLOC)
    board = BOARDS[core]
    elf = gcc_qemu.build(gcc_qemu.command(board), [tmp_path / "m.c"], board, tmp_path / "m.elf")
    assert gcc_qemu.Machine(elf, board).call("firmware_main") == 2
