"""C functions of the inputs of random expressions, compiled and run on tables of rows."""

import subprocess

import numpy as np

from embinit.clib import C_DIRECTORY, SOURCES
from embinit.expressions import TYPES
from embinit.targets import gcc_qemu

from support.compilers import compile_program
from support.random_expressions import INPUTS

PARAMETERS = ", ".join(f"{ctype} {name}" for name, ctype in INPUTS.items())
ARGUMENTS = ", ".join(INPUTS)
UNITS = list(SOURCES)

_MAIN = """
int main(void)
{{
#ifdef __SSE__
    __builtin_ia32_ldmxcsr(0x1f80); /* subnormal numbers stay what they are: -Ofast links code that flushes them */
#endif
    static unsigned char row[{width}];
    for (;;) {{
        uint32_t function;
        if (fread(&function, sizeof function, 1, stdin) != 1) {{
            return 0;
        }}
        if (fread(row, sizeof row, 1, stdin) != 1) {{
            return 1;
        }}
{reads}
        uint64_t result = 0;
        switch (function) {{
{cases}
        }}
        fwrite(&result, sizeof result, 1, stdout);
    }}
}}
"""


_DEVICE_MAIN = """
unsigned char rows[{size}];
uint64_t results[{count}];
void run_all(uint32_t count)
{{
    const unsigned char *row = rows;
    for (uint32_t call = 0; call < count; call++, row += 4 + {width}) {{
        uint32_t function;
        memcpy(&function, row, 4);
{reads}
        uint64_t result = 0;
        switch (function) {{
{cases}
        }}
        results[call] = result;
    }}
}}
"""


def columns(seed, count=64, *, special=True):
    """Return inputs, one array each: ordinary numbers, and special ones in a part of the rows."""
    random = np.random.default_rng(seed)
    table = {}
    for name, ctype in INPUTS.items():
        dtype = TYPES[ctype].dtype
        if dtype.kind == "f":
            values = random.uniform(-2, 2, count).astype(dtype)
            if not special:
                table[name] = values
                continue
            words = random.integers(0, 2**63, count // 4, np.uint64) * np.uint64(2)
            values[: count // 4] = (
                (words >> np.uint64(64 - 8 * dtype.itemsize)).astype(f"u{dtype.itemsize}").view(dtype)
            )
            values[np.isnan(values)] = np.nan  # a quiet one: what fminf makes of a signaling one is open
            values[count // 4 : count // 2] = (random.integers(-8, 8, count // 4) / 4).astype(dtype)
        else:
            info = np.iinfo(dtype)
            values = random.integers(info.min, info.max, count, dtype, endpoint=True)
            values[: count // 2] = random.integers(max(info.min, -9), 9, count // 2)
        table[name] = values
    return table


def program(functions, head="", main=_MAIN, **sizes):
    """Return the C of a program; functions: the text of each, the call that gives its value, and that value's type."""
    reads, offset = [], 0
    for name, ctype in INPUTS.items():
        reads.append(
            f"        {ctype} {name};\n        memcpy(&{name}, row + {offset + 4 * bool(sizes)}, sizeof {name});"
        )
        offset += 8
    cases = [
        f"        case {i}: {{ {ctype} out; {call} memcpy(&result, &out, sizeof out); break; }}"
        for i, (_, call, ctype) in enumerate(functions)
    ]
    body = main.format(**sizes, width=offset, reads="\n".join(reads), cases="\n".join(cases))
    includes = "#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n"
    return includes + head + "\n".join(text for text, _, _ in functions) + body


def packed(table):
    """Return a table's rows as bytes, eight per input."""
    count = len(next(iter(table.values())))
    rows = np.zeros((count, len(table), 8), np.uint8)
    for i, values in enumerate(table.values()):
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(count, values.dtype.itemsize)
        rows[:, i, : raw.shape[1]] = raw
    return rows.reshape(count, 8 * len(table))


def run(source, command, folder, tables, units=(), warnings=()):
    """Compile a program, with units of the C library; return each function's results for the rows of its table."""
    path = folder / "program.c"
    path.write_text(source, encoding="utf-8")
    output = folder / "program"
    compile_program(command[0], [path, *units], output, *command[1:], "-lm", warnings=warnings)
    done = subprocess.run([str(output)], input=calls(tables), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return split(np.frombuffer(done.stdout, np.uint64), tables)


def calls(tables):
    """Return what a program reads: the number of a function and a row, for each row of each function's table."""
    pieces = []
    for i, table in enumerate(tables):
        rows = packed(table)
        head = np.full((len(rows), 1), i, np.uint32).view(np.uint8)
        pieces.append(np.concatenate([head, rows], axis=1).tobytes())
    return b"".join(pieces)


def split(results, tables):
    """Return the results of each function."""
    return np.split(results, np.cumsum([len(next(iter(table.values()))) for table in tables])[:-1])


def run_on_board(functions, target, folder, tables, head="", flags=(), sources=()):
    """Run functions that arm-none-eabi-gcc compiled on an emulated board."""
    data = calls(tables)
    count = sum(len(next(iter(table.values()))) for table in tables)
    path = folder / "program.c"
    path.write_text(program(functions, head, _DEVICE_MAIN, size=len(data), count=count), encoding="utf-8")
    board = gcc_qemu.BOARDS[target]
    keep = ("run_all", "rows", "results")
    command = gcc_qemu.command(board, flags)
    elf = gcc_qemu.build(command, [path, *sources], board, folder / "p.elf", include=[C_DIRECTORY], keep=keep)
    machine = gcc_qemu.Machine(elf, board)
    machine.write("rows", data)
    machine.call("run_all", count, limit=120)
    return split(np.frombuffer(machine.read("results"), np.uint64), tables)


def bits_of(values):
    """Return values as uint64, every NaN as the same."""
    words = np.zeros(len(values), np.uint64)
    raw = values.view(f"u{values.dtype.itemsize}").astype(np.uint64)
    words[:] = raw
    if values.dtype.kind == "f":
        words[np.isnan(values)] = 2**64 - 1
    return words


def results_of(words, dtype):
    """Return a program's results as bits_of gives them."""
    return bits_of(words.astype(f"u{np.dtype(dtype).itemsize}").view(dtype))


def evaluated(made, arithmetic, table):
    """Return the rows with a defined result, and the results."""
    bound = made.compile(arithmetic).bind()
    good = bound.defined(**table)
    table = {name: values[good] for name, values in table.items()}
    return table, (bound.evaluate(**table)["x"] if good.any() else np.empty(0, made.types["x"].dtype))


def assert_equal(found, tables, wanted, got):
    """Fail with the first expression, row and result that differ; found: the text of each and its program."""
    for (text, _), table, want, have in zip(found, tables, wanted, got, strict=True):
        have = results_of(have, want.dtype)
        different = np.flatnonzero(bits_of(want) != have)
        if different.size:
            row = {name: values[different[0]] for name, values in table.items()}
            raise AssertionError(f"MISMATCH {text}\n{row}\nhost {want[different[0]]!r}, C {have[different[0]]:#x}")
