"""The real compiler and newlib on emulated boards: generated code under every flag, and every way a call can end."""

import os

import pytest

import embinit
from embinit import device
from embinit.bundle import gather
from embinit.targets.compilers import PACKAGES, installed
from embinit.targets.device_error import DeviceError
from embinit.targets.gcc_qemu import BOARDS, Machine, build, command
from embinit.verify import verify

from support.boards import EXAMPLES, TOOLS, agrees, har_classifier, needs_tools
from support.cores import EVERY_BOARD


@pytest.mark.parametrize("core", EVERY_BOARD)
def test_generated_code_agrees_on_every_board(core):
    assert agrees(har_classifier(core))


@needs_tools
@pytest.mark.parametrize("cflags", ["-O0", "-O3 -ffp-contract=fast", "-Os -flto", "-std=c99"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_generated_code_agrees_under_other_flags(core, cflags):
    assert agrees(gather(embinit.load(EXAMPLES / "starter.toml", target=core).plan()), cflags=cflags.split())


@needs_tools
def test_a_wrong_multiply_add_is_noticed():
    fused, separate = (har_classifier("cortex-m4f", multiply_add=kind) for kind in ("fused", "separate"))

    assert not verify(separate, device.run(fused, "gcc"), "gcc").agrees


@pytest.mark.parametrize("toolchain", device.TOOLCHAINS)
def test_a_target_that_no_emulator_has_is_refused(toolchain):
    with pytest.raises(embinit.EmbinitError, match=r"target host is not an emulated device; .*cortex-m4f"):
        device.run(har_classifier("host"), toolchain)


def test_an_unknown_toolchain_is_refused():
    expected = "toolchain must be one of zig, gcc, or the command of a compiler, got 'icc'"
    with pytest.raises(embinit.EmbinitError, match=expected):
        device.run(har_classifier("cortex-m0"), "icc")


# ---- The board ----

FIRMWARE = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t counter = 7;
uint32_t buffer[3];
static char inside[4];

int absent(int x);
int unreachable(int x);
int unreachable(int x) { return absent(x); } /* what is not called may call what is not there */

uint32_t add(uint32_t a, uint32_t b, uint32_t c, uint32_t d);
uint32_t add(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { counter++; return a + 10 * b + 100 * c + 1000 * d; }
uint32_t sum(void);
uint32_t sum(void) { return buffer[0] + buffer[1] + buffer[2] + (uint32_t)inside[0]; }
int hang(void);
int hang(void) { for (;;) { __asm__ volatile(""); } }
int say(void);
int say(void) { float *heap = malloc(64); heap[5] = 1.5f; printf("heap %.1f\\n", (double)heap[5]); return 3; }
int leave(void);
int leave(void) { puts("groups must divide channels"); exit(1); }
int give_up(void);
int give_up(void) { abort(); }
int trap(void);
int trap(void) { __builtin_trap(); }
int stray(void);
int stray(void) { ((void (*)(void))(volatile uint32_t)0xf0000001u)(); return 1; }
int dig(volatile int *x);
int dig(volatile int *x) { volatile int y[64]; y[3] = *x + 1; return dig(y + 3) + y[2]; }
"""
FUNCTIONS = ["add", "sum", "hang", "say", "leave", "give_up", "trap", "stray", "dig", "counter", "buffer", "inside"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Return a function that loads the firmware into a fresh board."""
    folder = tmp_path_factory.mktemp("firmware")
    (folder / "firmware.c").write_text(FIRMWARE)
    board = BOARDS["cortex-m4f"]
    elf = build(command(board), [folder / "firmware.c"], board, folder / "firmware.elf", keep=FUNCTIONS)
    return lambda: Machine(elf, board)


@needs_tools
def test_arguments_results_and_memory(machine):
    board = machine()

    assert board.call("add", 1, 2, 3, 4) == 4321
    assert board.call("add", -1) == 2**32 - 1
    assert board.read("counter") == (9).to_bytes(4, "little")
    board.write("buffer", b"\1\0\0\0\2\0\0\0")
    board.write("counter", b"\5")
    assert board.call("sum") == 3
    assert board.read("buffer") == b"\1\0\0\0\2\0\0\0\0\0\0\0"
    assert board.read("counter") == b"\5\0\0\0"
    assert machine().call("sum") == 0


@needs_tools
def test_newlib_allocates_and_prints(machine):
    board = machine()

    assert board.call("say") == 3
    assert board.output == b"heap 1.5\n"


FAILURES = {
    "hang": "hang: has not returned within 1 seconds",
    "leave": "leave: ended before it returned: groups must divide channels",
    "give_up": "give_up: ended before it returned",
    "trap": r"trap: fault \(CFSR 0x00010000\), pc 0x[0-9a-f]{8} in trap\+0x0",
    "stray": r"stray: fault .*, pc 0xf0000000 in no function, called from stray\+0x",
    "dig": "dig: ended before it returned: qemu: fatal: Lockup",
    "no_such": "the firmware has no symbol 'no_such'",
}


@needs_tools
@pytest.mark.parametrize("function", FAILURES)
def test_a_call_that_fails_says_how(function, machine):
    with pytest.raises(DeviceError, match=FAILURES[function]):
        machine().call(function, limit=1 if function == "hang" else 60)


@needs_tools
def test_memory_that_is_not_there_is_refused(machine):
    board = machine()
    with pytest.raises(DeviceError, match="after a call"):
        board.read("counter")
    board.call("sum")
    with pytest.raises(DeviceError, match="add: only buffers can be read"):
        board.read("add")
    with pytest.raises(DeviceError, match="counter has 4 bytes, got 5"):
        board.write("counter", bytes(5))


@needs_tools
def test_buffers_beyond_the_ram_are_refused(tmp_path):
    (tmp_path / "large.c").write_text("char large[17 << 20]; int firmware_main(void) { return large[3]; }\n")
    board = BOARDS["cortex-m33"]

    with pytest.raises(DeviceError, match="the buffers do not fit into the board's 16 MB"):
        build(command(board), [tmp_path / "large.c"], board, tmp_path / "large.elf")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_missing_tool_is_named_with_its_package(tool, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(DeviceError) as refused:
        installed(tool)

    assert str(refused.value) == f"{tool} is not installed: apt-get install {PACKAGES[tool]}"
    with pytest.raises(DeviceError, match="arm-none-eabi-gcc is not installed"):
        device.run(har_classifier("cortex-m3"), "gcc")
