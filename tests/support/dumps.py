"""Dumps of one small model in the forms that boards and tools write, and a firmware that they come from."""

import io
import json
import re
import struct
import subprocess
import sys

import numpy as np

import embinit
from embinit.bundle import gather
from embinit.dump import read_dump
from embinit.targets.zig_unicorn import RAM

BUNDLE = gather(
    embinit.Model(
        "tiny",
        [
            embinit.Conv1d(name="conv1", in_channels=3, out_channels=4, kernel_size=3),
            embinit.Linear(name="fc", in_features=5, out_features=2),
        ],
        seed=42,
        target="cortex-m4f",
    ).plan()
)
BUFFERS = {entry.row.name: entry.payload for entry in BUNDLE.entries}
RAW = b"".join(BUFFERS.values())
WORDS = [f"{word:08x}" for word in np.frombuffer(RAW, "<u4")]
FLOATS = np.frombuffer(RAW, "<f4")


def dumped(tmp_path, name, content, **how):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dump(path, BUNDLE, **how)


def by_tool(words, tmp_path, content=RAW):
    (tmp_path / "raw").write_bytes(content)
    return subprocess.run(words.split(), cwd=tmp_path, capture_output=True, check=True).stdout


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def record(offset, kind, data):
    body = bytes([len(data)]) + offset.to_bytes(2, "big") + bytes([kind]) + data
    return f":{body.hex()}{-sum(body) & 255:02x}".upper() + "\n"


END = record(0, 1, b"")


def intel_hex(start, data, size=16):
    """Write data as Intel HEX with linear addresses."""
    lines = []
    for at in range(0, len(data), size):
        lines.append(record(0, 4, ((start + at) >> 16).to_bytes(2, "big")))
        lines.append(record((start + at) & 0xFFFF, 0, data[at : at + size]))
    return "".join(lines)


def rows(form, per_line=4):
    """Write the words of the dump, some to a line; form takes the address and the words joined by a blank."""
    lines = (WORDS[at : at + per_line] for at in range(0, len(WORDS), per_line))
    return "\n".join(form(RAM + 4 * per_line * i, " ".join(line)) for i, line in enumerate(lines)) + "\n"


LOGS = {
    "words alone": rows(lambda at, words: words),
    "one a line": rows(lambda at, words: words, per_line=1),
    "capitals and 0x": rows(lambda at, words: re.sub(r"(\w+)", r"0x\1", words.upper())),
    "OpenOCD mdw": rows(lambda at, words: f"0x{at:08x}: {words} "),
    "J-Link mem32": rows(lambda at, words: f"{at:08X} = {words.upper()}"),
    "gdb x/4xw": rows(lambda at, words: f"0x{at:x} <conv1_weight+{at - RAM}>:\t" + words.replace(" ", "\t0x")),
    "gdb x/1xw": rows(lambda at, words: f"0x{at:x} <conv1_weight+{at - RAM}>:\t0x{words}", per_line=1),
    "a C array": "{\n" + rows(lambda at, words: "  0x" + words.replace(" ", ", 0x") + ",") + "};\n",
    "xxd -e": rows(lambda at, words: f"{at:08x}: {words}  .=..: ..=.h...4.:"),
    "an ASCII column between bars": rows(lambda at, words: f"{at:08x}: {words} |deadbeef|"),
    "colours": rows(lambda at, words: f"\x1b[0;32mI (1234) app: {words}\x1b[0m"),
    "time stamps and talk": "*** Booting Zephyr OS build v3.6.0 ***\r\n[00:00:00.012,000] <inf> app: 52 words\r\n"
    + rows(lambda at, words: f"[00:00:01.{at & 0xFFFFFF:06d},000] <inf> app: {words}\r")
    + "done.\r\n",
}
FIRMWARE = r"""
struct pair {{ float bias[4]; }};
int first = 1;
float conv1_weight[36] __attribute__((section(".at_a"))) = {{1}};
float device_conv1_bias[4] __attribute__((section(".at_b"))) = {{1}};
float tiny_fc_weight[10] __attribute__((section(".at_c"))) = {{1}};
float fc_bias[2] __attribute__((section(".at_d"))) = {{1}};
static float mine_fc_bias[2] __attribute__((used, section(".at_e"))) = {{1}};
float short_conv1_weight[35] __attribute__((section(".at_f"))) = {{1}};
const float flash_fc_bias[2] __attribute__((used)) = {{1, 2}};
void (*const constructors[])(void) __attribute__((used, section(".init_array"))) = {{0}};
{extra}
int main(void) {{ return first; }}
"""
LINK = """
MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 64K RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 64K }
SECTIONS
{
    .text : { *(.text .text.*) *(.rodata .rodata.*) } > FLASH
    .init_array : { KEEP(*(.init_array)) } > FLASH
    .data 0x20000008 : { KEEP(*(.data .data.*)) } > RAM AT > FLASH
    .a 0x20000020 : { KEEP(*(.at_a)) } > RAM AT > FLASH
    .b 0x20000200 : { KEEP(*(.at_b)) } > RAM AT > FLASH
    .c 0x20000210 : { KEEP(*(.at_c)) } > RAM AT > FLASH
    .d 0x20000300 : { KEEP(*(.at_d)) } > RAM AT > FLASH
    .e 0x20000400 : { KEEP(*(.at_e)) } > RAM AT > FLASH
    .f 0x20000500 : { KEEP(*(.at_f)) } > RAM AT > FLASH
    .bss : { *(.bss .bss.* COMMON) } > RAM
    /DISCARD/ : { *(.ARM.exidx* .ARM.extab*) }
}
"""
BEGIN, END_OF_RAM = 0x20000008, 0x20000600
PLACES = {"conv1.weight": 0x20000020, "conv1.bias": 0x20000200, "fc.weight": 0x20000210, "fc.bias": 0x20000300}


def link(folder, name, extra="", flags=()):
    """Link a firmware with flash and RAM, whose buffers lie where PLACES says."""
    (folder / f"{name}.c").write_text(FIRMWARE.format(extra=extra))
    (folder / "link.ld").write_text(LINK)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-O1"]
    command += ["-nostdlib", f"-Wl,-T,{folder / 'link.ld'}", "-Wl,--entry=main", *flags, "-o", f"{folder / name}.elf"]
    done = subprocess.run([*command, folder / f"{name}.c"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / f"{name}.elf"


def ram(begin=BEGIN, end=END_OF_RAM, **extra):
    """Return an image of RAM with the buffers in their places, and noise elsewhere."""
    image = bytearray(np.random.default_rng(1).bytes(END_OF_RAM - RAM))
    for name, address in PLACES.items():
        image[address - RAM : address - RAM + len(BUFFERS[name])] = BUFFERS[name]
    image[0x400:0x408] = BUFFERS["fc.bias"]
    return bytes(image[begin - RAM : end - RAM])


def one_line(error, *parts):
    text = str(error.value)
    assert len(text.splitlines()) == 1
    for part in parts:
        assert part in text


def ti_txt(pieces):
    lines = []
    for address, data in pieces:
        lines.append(f"@{address:04X}")
        lines += [data[i : i + 16].hex(" ").upper() for i in range(0, len(data), 16)]
    return "\n".join([*lines, "q", ""])


def uf2(address, data, size=256):
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    blocks = []
    for i, piece in enumerate(pieces):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0, address + i * size, len(piece), i, len(pieces), 0)
        blocks.append(head + piece.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    return b"".join(blocks)


def core(address, data, kind=4):
    head = b"\x7fELF\1\1\1" + bytes(9)
    head += struct.pack("<HHIIIIIHHHHHH", kind, 40, 1, 0, 52, 0, 0x5000400, 52, 32, 1, 0, 0, 0)
    return head + struct.pack("<8I", 1, 84, address, 0, len(data), len(data), 6, 1) + data


def lines_of(tokens, per_line, form):
    return "\n".join(form(i, tokens[i : i + per_line]) for i in range(0, len(tokens), per_line)) + "\n"


NINE = [f"{value:.9g}" for value in FLOATS]
BYTES = [f"{byte:02x}" for byte in RAW]
DOUBLES = FLOATS.astype(float)


def literal(value):
    return f"{value:.9g}f" if "." in f"{value:.9g}" else f"{value:.9g}.0f"


def halves(tokens):
    return f"{' '.join(tokens[:8])}  {' '.join(tokens[8:])}"


def dots(tokens):
    return "." * len(tokens)


FORMS = {
    "one float a line": "\n".join(NINE),
    "scientific": "\n".join(f"{value:.8e}" for value in FLOATS),
    "shortest": "\n".join(map(str, FLOATS)),
    "doubles": "\n".join(repr(float(value)) for value in FLOATS),
    "C literals": "float w[] = {" + ", ".join(map(literal, FLOATS)) + "};",
    "JSON": json.dumps(DOUBLES.tolist()),
    "nested JSON": json.dumps({"w": DOUBLES[:36].reshape(4, 9).tolist(), "rest": DOUBLES[36:].tolist()}),
    "JSON lines": json.dumps(DOUBLES.tolist(), indent=1),
    "CSV": lines_of(NINE, 4, lambda i, t: ",".join(t)),
    "semicolons": lines_of(NINE, 4, lambda i, t: ";".join(t)),
    "gdb p": "$1 = {" + ", ".join(NINE[:36]) + "}\n(gdb) p b\n$2 = {" + ", ".join(NINE[36:]) + "}\n",
    "gdb p, nested": "$1 = {{" + ", ".join(NINE[:18]) + "}, {" + ", ".join(NINE[18:]) + "}}\n",
    "gdb p with indexes": "$1 = {" + ", ".join(f"[{i}] = {t}" for i, t in enumerate(NINE)) + "}\n",
    "gdb x/f": lines_of(NINE, 4, lambda i, t: f"0x{0x20000000 + 4 * i:x} <w+{4 * i}>:\t" + "\t".join(t)),
    "gdb p/x": "$1 = {" + ", ".join(f"0x{int(w, 16):x}" for w in WORDS) + "}",
    "gdb x/xw": lines_of(WORDS, 4, lambda i, t: f"0x{0x20000000 + 4 * i:x}:\t0x" + "\t0x".join(t)),
    "gdb x/xb": lines_of(BYTES, 8, lambda i, t: f"0x{0x20000000 + i:x} <w+{i}>:\t0x" + "\t0x".join(t)),
    "hex floats": "\n".join(float(value).hex() for value in FLOATS),
    "OpenOCD mdb": lines_of(BYTES, 32, lambda i, t: f"0x{0x20000000 + i:08x}: " + " ".join(t)),
    "pyOCD read8": lines_of(BYTES, 16, lambda i, t: f"{0x20000000 + i:08x}:  {' '.join(t)}    |{dots(t)}|"),
    "J-Link mem8": lines_of(BYTES, 16, lambda i, t: f"{0x20000000 + i:08X} = {halves(t)}  ................".upper()),
    "probe-rs": " ".join(WORDS),
    "U-Boot md": lines_of(WORDS, 4, lambda i, t: f"{0x20000000 + 4 * i:08x}: {' '.join(t)}    ..=....."),
    "STM32CubeProgrammer": lines_of(WORDS, 4, lambda i, t: f"0x{0x20000000 + 4 * i:08X} : {' '.join(t).upper()}"),
    "ESP-IDF": lines_of(BYTES, 16, lambda i, t: f"\x1b[0;32mI ({305 + i}) main: {' '.join(t)} \x1b[0m"),
    "ESP-IDF hexdump": lines_of(
        BYTES, 16, lambda i, t: f"I ({305 + i}) main: 0x{0x3FFB0000 + i:08x}   {' '.join(t)}  |{dots(t)}|"
    ),
    "Zephyr": "*** Booting Zephyr OS build 3.6.0 ***\n"
    + lines_of(
        BYTES, 16, lambda i, t: f"[00:00:00.{i:03d},000] <inf> init: weights\n{' ' * 33}{halves(t)} |{dots(t)}|"
    ),
    "an address column without a mark": lines_of(WORDS, 4, lambda i, t: f"{0x20000000 + 4 * i:08x} {' '.join(t)}"),
    "words in lines with a label": lines_of(WORDS, 1, lambda i, t: f"w{i}=0x{t[0]}"),
    "Arduino, bits in decimal": "\n".join(str(int(word, 16)) for word in WORDS),
    "a Python list of bytes": str(list(RAW)),
    "capitals": " ".join(BYTES).upper(),
}
