"""Programs for an AVR with a first UART, as simavr runs them: what they print, and what they leave in buffers."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from embinit.targets.compilers import installed
from embinit.targets.device_error import DeviceError
from embinit.targets.gcc_qemu import OPTIMIZED, SECTIONS, compile_sources

LIMIT = 120.0  # seconds of a program
MCU = "atmega2560"
#: What must be free above the buffers, for the stack.
STACK_BYTES = 1024

# Sleeping with interrupts off ends the emulation.
_MAIN = """\
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdint.h>
#include <string.h>
HEAD

static int put(int c)
{
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)c;
    return c;
}

int main(void)
{
    UCSR0B = 1 << TXEN0;
    STATEMENT
    while (!(UCSR0A & (1 << TXC0))) {
    }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


def main(head: str, statement: str) -> str:
    """Return the C of a program that runs a statement, in which put(c) prints a character, after what head declares."""
    return _MAIN.replace("HEAD", head).replace("STATEMENT", statement)


def run(program: Path, macros: dict[str, str]) -> str:
    """Return what a program prints on the microcontroller for which the compiler's macros say that it was built."""
    mcu = macros.get("__AVR_DEVICE_NAME__")
    if mcu is None:
        raise DeviceError("avr-gcc: builds for no microcontroller; name it with -mmcu")
    command = [installed("simavr"), "-m", mcu, "-f", "16000000", str(program)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise DeviceError(f"simavr: the program has not ended within {LIMIT:g} seconds") from None
    text = re.sub(r"\x1b\[[\d;]*m", "", (done.stdout + done.stderr).decode("ascii", "replace"))
    # simavr prints a line of the UART with a dot at its end, and lines of its own.
    lines = [line.removesuffix(".") for line in text.splitlines() if line.endswith(".")]
    if done.returncode != 0 or not lines:
        raise DeviceError(f"simavr: {(text.strip().splitlines() or ['printed nothing'])[-1]}")
    return "\n".join(lines) + "\n"


_BUFFERS = """\
int FUNCTION(uint32_t a, uint32_t b);
extern uint8_t __heap_start;
DECLARED
static int put(int c);
static void put_hex(uint8_t byte)
{
    (void)put("0123456789abcdef"[byte >> 4]);
    (void)put("0123456789abcdef"[byte & 15]);
}

static void put_bytes(const uint8_t *bytes, uint16_t size)
{
    (void)put('=');
    for (uint16_t i = 0; i < size; i++) {
        put_hex(bytes[i]);
        if (i % 32 == 31) {
            (void)put('\\n');
        }
    }
    (void)put('\\n');
}

static int has_room(void)
{
    return (uint16_t)&__heap_start + STACK <= RAMEND;
}
"""


def is_installed() -> bool:
    """Whether this machine has all the tools."""
    return all(map(shutil.which, ("avr-gcc", "simavr")))


def command(cflags: Sequence[str] = ()) -> list[str]:
    """Return the compiler and its flags, and cflags after them."""
    return ["avr-gcc", f"-mmcu={MCU}", *OPTIMIZED, *SECTIONS, *cflags]


class Machine:
    """A microcontroller that is given what its buffers hold, runs one function, and gives the buffers back.

    A call builds the program around it, because no debugger tells a running AVR what to call.
    """

    def __init__(
        self,
        compiler: Sequence[str],
        sources: Sequence[Path],
        include: Sequence[Path],
        macros: dict[str, str],
        folder: Path,
    ) -> None:
        self._compiler = [*compiler, *(f"-I{directory}" for directory in include), "-Wl,--gc-sections"]
        self._sources, self._macros, self._folder = list(sources), macros, folder
        self._buffers: dict[str, bytes] = {}

    def write(self, symbol: str, data: bytes) -> None:
        """Say what a buffer holds before the call: one byte, throughout."""
        if data != data[:1] * len(data):
            raise DeviceError(
                f"{symbol} can hold one byte throughout before a call, got {len(set(data))} different ones"
            )
        self._buffers[symbol] = data

    def read(self, symbol: str) -> bytes:
        """Return the bytes of a buffer after a call."""
        return self._buffers[symbol]

    def call(self, function: str, *arguments: int) -> None:
        """Call a C function with up to two 32-bit integers; buffers that do not fit into the RAM are an error."""
        head = _BUFFERS.replace("FUNCTION", function).replace("STACK", str(STACK_BYTES))
        head = head.replace("DECLARED", "\n".join(f"extern uint8_t {name}[];" for name in self._buffers))
        filled = [f"(void)memset({name}, {data[0]}, {len(data)}u);" for name, data in self._buffers.items() if data]
        printed = [f"put_bytes({name}, {len(data)}u);" for name, data in self._buffers.items()]
        words = ", ".join(f"{argument & 0xFFFFFFFF}ul" for argument in (*arguments, 0, 0)[:2])
        steps = " ".join([*filled, f"(void){function}({words});", *printed])
        source = self._folder / "avr_main.c"
        body = f"if (has_room()) {{ {steps} }} else {{ (void)put('!'); (void)put('\\n'); }}"
        source.write_text(main(head, body), encoding="utf-8")
        program = self._folder / "avr.elf"
        try:
            compile_sources(self._compiler, [source, *self._sources], program)
        except DeviceError as error:
            raise self._too_large() if "is not within region `data'" in str(error) else error from None
        text = "".join(run(program, self._macros).split())
        if text == "!":
            raise self._too_large()
        found = [bytes.fromhex(part) for part in text.split("=")[1:]]
        if [len(part) for part in found] != [len(data) for data in self._buffers.values()]:
            raise DeviceError(f"{function}: ended before it returned")
        self._buffers = dict(zip(self._buffers, found, strict=True))

    def _too_large(self) -> DeviceError:
        size, mcu = sum(map(len, self._buffers.values())), self._macros.get("__AVR_DEVICE_NAME__")
        return DeviceError(f"{size} bytes of buffers and {STACK_BYTES} of stack do not fit into the RAM of {mcu}")
