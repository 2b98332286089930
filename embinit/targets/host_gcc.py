"""C of the user's on this machine: built by gcc, and run in a process of its own, where a fault does no harm."""

import platform
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embinit.targets.compilers import compile_by, installed
from embinit.targets.device_error import DeviceError

LIMIT = 60.0  # seconds of one call
#: The targets that this machine itself may be, and the flags of their builds.
HOSTS = {"host": (), "x86-64-v3": ("-march=x86-64-v3",)}
#: What memory holds before the call, if nothing else is said.
FILL = 0xA5
#: Bytes watched on either side of a buffer, besides four times the largest buffer.
_WATCHED = 1 << 16

_MAIN = """\
#define main users_main
#include "{source}"
#undef main
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words)
{{
    size_t size = (size_t)strtoull(words[2], 0, 10);
    unsigned char *memory = malloc(size);
    void *pointers[{pointers}];
    uint32_t numbers[{numbers}];
    FILE *file;
    (void)count;
    if (memory == 0) {{
        return 1;
    }}
    memset(memory, atoi(words[3]), size);
    for (int i = 0; i < {pointers}; i++) {{
        long long start = strtoll(words[4 + i], 0, 10);
        pointers[i] = start < 0 ? 0 : memory + start;
    }}
    for (int i = 0; i < {numbers}; i++) {{
        numbers[i] = (uint32_t)strtoull(words[{first} + i], 0, 10);
    }}
    {entry}({arguments});
    file = fopen(words[1], "wb");
    return file == 0 || fwrite(memory, 1, size, file) != size || fclose(file) != 0;
}}
"""


def has_fma() -> bool:
    """Whether this machine runs code for the target x86-64-v3."""
    try:
        return platform.machine() == "x86_64" and " fma " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


class StrayWriteError(DeviceError):
    """C wrote outside of a buffer: its number, and the first byte from the buffer's start."""

    def __init__(self, buffer: int, byte: int) -> None:
        super().__init__(f"wrote outside of buffer {buffer}, at byte {byte}")
        self.buffer, self.byte = buffer, byte


@dataclass(frozen=True)
class Program:
    """A program that calls one function `void entry(void *..., uint32_t...)`."""

    path: Path

    @classmethod
    def build(
        cls,
        source: Path,
        entry: str,
        ctypes: Sequence[str],
        numbers: int,
        flags: Sequence[str],
        folder: Path,
        compiler: str = "gcc",
    ) -> "Program":
        """Return a program built from a C file; ctypes are the types that its pointers point to. flags may name more
        sources.

        Raises DeviceError when the compiler is missing, or with its first error line.
        """
        path = installed(compiler)
        arguments = [f"({ctype} *)pointers[{i}]" for i, ctype in enumerate(ctypes)]
        text = _MAIN.format(
            source=source,
            entry=entry,
            pointers=len(ctypes),
            numbers=numbers,
            first=4 + len(ctypes),
            arguments=", ".join([*arguments, *(f"numbers[{i}]" for i in range(numbers))]),
        )
        main, program = folder / f"main{numbers}.c", folder / f"main{numbers}"
        main.write_text(text, encoding="utf-8", errors="surrogateescape")
        compile_by([path, "-O2", "-std=gnu11", *flags, str(main), "-lm", "-o", str(program)], compiler)
        return cls(program)

    def run(self, sizes: Sequence[int | None], numbers: Sequence[int], fill: int = FILL) -> list[bytes]:
        """Return what the function leaves in buffers of so many bytes, each filled before; None is a null pointer.

        Raises StrayWriteError if it wrote outside a buffer, and DeviceError if it did not return.
        """
        watched = _WATCHED + -(-4 * max(size or 0 for size in sizes) // _WATCHED) * _WATCHED
        starts, end = list[int](), watched
        for size in sizes:
            starts.append(-1 if size is None else end)
            end += 0 if size is None else -(-size // 64) * 64 + watched
        left = self.path.with_suffix(".left")
        left.unlink(missing_ok=True)
        command = [str(self.path), str(left), *map(str, [end, fill, *starts, *numbers])]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, cwd=left.parent, timeout=LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            raise DeviceError(f"has not returned within {LIMIT:g} s") from None
        if done.returncode < 0:
            raise DeviceError(f"was ended by {signal.Signals(-done.returncode).name}")
        if done.returncode or not left.exists():
            raise DeviceError(f"ended the process, with exit status {done.returncode}")
        memory = np.fromfile(left, np.uint8)
        left.unlink()
        return _buffers(memory, starts, sizes, fill)


def _buffers(memory: NDArray[np.uint8], starts: Sequence[int], sizes: Sequence[int | None], fill: int) -> list[bytes]:
    """Return the content of each buffer; a byte that changed elsewhere is an error."""
    found = []
    elsewhere = memory != fill
    for start, size in zip(starts, sizes, strict=True):
        found.append(b"" if size is None else memory[start : start + size].tobytes())
        elsewhere[start : start + (size or 0)] = False
    if elsewhere.any():
        byte = int(np.argmax(elsewhere))
        distances = [
            np.inf if size is None else max(start - byte, byte - start - size + 1)
            for start, size in zip(starts, sizes, strict=True)
        ]
        nearest = int(np.argmin(distances))
        raise StrayWriteError(nearest, byte - starts[nearest])
    return found
