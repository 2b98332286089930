"""Programs for an AVR with a first UART, as simavr runs them: what they print."""

import re
import subprocess
from pathlib import Path

from embinit.targets.compilers import installed
from embinit.targets.device_error import DeviceError

LIMIT = 120.0  # seconds of a program

# Sleeping with interrupts off ends the emulation.
_MAIN = """\
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "probe.h"

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


def main(statement: str) -> str:
    """Return the C of a program that runs a statement, in which put(c) prints a character."""
    return _MAIN.replace("STATEMENT", statement)


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
