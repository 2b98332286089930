"""What stands around numbers: indices, labels, commands, columns; and lines that do not follow one another."""

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.dump import read_dump

from support.dumps import BUFFERS, BUNDLE, BYTES, FLOATS, NINE, RAW, WORDS, dumped, lines_of, one_line


def in_ascii(tokens):
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in bytes.fromhex("".join(tokens)))


def in_groups(tokens, size):
    return " ".join("".join(tokens[i : i + size]) for i in range(0, len(tokens), size))


def character(token):
    byte = int(token, 16)
    return f"{byte - 256 if byte > 127 else byte} '\\{byte:03o}'"


READ = {
    "the name of an array that is a hexadecimal number": "".join(f"fc[{i}]={t}\n" for i, t in enumerate(NINE)),
    "indices without a sign": "".join(f"[03:41:{i:02d}] w[{i}] {t}\n" for i, t in enumerate(NINE)),
    "indices of two axes": "".join(f"w[{i // 4}][{i % 4}] = {t}\n" for i, t in enumerate(NINE)),
    "indices of rows": lines_of(NINE, 4, lambda i, t: f"w[{i // 4}] = {' '.join(t)}"),
    "indices of first elements": lines_of(NINE, 5, lambda i, t: f"w[{i}]: {' '.join(t)}"),
    "lldb p": f"(float[{len(NINE)}]) w = {{\n" + "".join(f"  [{i}] = {t}\n" for i, t in enumerate(NINE)) + "}\n",
    "the command before the words": f"J-Link>mem32 20000410, {len(WORDS):x}\n" + lines_of(
        WORDS, 4, lambda i, t: f"{0x20000410 + 4 * i:08X} = {' '.join(t)}"
    ),
    "a command of gdb with an address": "(gdb) x/52xw 0x20000410\n" + lines_of(
        WORDS, 4, lambda i, t: f"0x{0x20000410 + 4 * i:x}:\t0x" + "\t0x".join(t)
    ),
    "a column header": f"Address   {' '.join(f'{i:02X}' for i in range(16))}\n" + lines_of(
        BYTES, 16, lambda i, t: f"{0x20000410 + i:08X}  {' '.join(t)}  {in_ascii(t)}"
    ),
    "a column header of words": "___address__|________0________4________8________C_0123456789ABCDEF\n" + lines_of(
        WORDS, 4, lambda i, t: f" D:{0x20000410 + 4 * i:08X}| {' '.join(t)}"
    ),
    "objdump -s": "Contents of section .data:\n" + lines_of(
        BYTES, 16, lambda i, t: f" {0x20000410 + i:04x} {in_groups(t, 4):35}  {in_ascii(t)}"
    ),
    "radare's px": "- offset -   0 1  2 3  4 5  6 7  8 9  A B  C D  E F  0123456789ABCDEF\n" + lines_of(
        BYTES, 16, lambda i, t: f"0x{0x20000410 + i:08x}  {in_groups(t, 2):39}  {in_ascii(t)}"
    ),
    "od -t f4": lines_of(NINE, 4, lambda i, t: f"{4 * i:07o} {'  '.join(t)}") + f"{len(RAW):07o}\n",
    "hexdump with addresses before floats": lines_of(NINE, 4, lambda i, t: f"{4 * i:08x}  {' '.join(t)}"),
    "gdb's /c": lines_of(BYTES, 8, lambda i, t: f"0x{0x20000410 + i:x} <w+{i}>:\t" + "\t".join(map(character, t))),
    "bytes between colons": ":".join(BYTES),
    "bytes between hyphens": "-".join(BYTES).upper() + "\r\n",
    "digits in two parts": "".join(f"0x{word[:4]}'{word[4:]}\n" for word in WORDS),
    "Rust's underscores": ", ".join(f"0x{word[:4]}_{word[4:]}" for word in WORDS),
    "Verilog": ",\n".join(f"32'h{word}" for word in WORDS),
    "gdb's own commands": "(gdb) set print elements 0\n(gdb) p w\n$1 = {" + ", ".join(NINE) + "}\n(gdb) quit\n",
    "OpenOCD's read_memory": "> read_memory 0x20000410 32 52\n" + " ".join(f"0x{word}" for word in WORDS),
    "a programmer's report": "ST-LINK SN  : 066DFF504955657867223541\nAddress:      : 0x20000410\n" + lines_of(
        WORDS, 4, lambda i, t: f"0x{0x20000410 + 4 * i:08X} : {' '.join(t).upper()}"
    ) + "Time elapsed: 00:00:00.012\n",
    "a monitor's banner": "--- monitor on /dev/ttyUSB0 115200 ---\n" + "".join(
        f"I ({312 + i}) nn: w[{i:02d}]={t}\n" for i, t in enumerate(NINE)
    ) + "heap 1234\n",
    "Arduino's plotter": "".join(f"w:{t}\r\n" for t in NINE),
    "an arrow behind an address": "".join(f"{0x20000410 + 4 * i:#x} -> {t}\n" for i, t in enumerate(NINE)),
    "the end of a DOS file": "\r\n".join(NINE) + "\x1a",
    "a table with bars": "| i | w |\n|---|---|\n" + "".join(f"| {i} | {t} |\n" for i, t in enumerate(NINE)),
    "a title, and lines cleared": "\x1b]0;minicom\x07\x1b[2J\x1b[H" + "".join(f"\x1b[1;31m{t}\x1b[K\n" for t in NINE),
    "UTF-16 without a mark": "\r\n".join(WORDS).encode("utf-16-le"),
    "buffers in another order": "".join(
        f"{entry.row.name}: " + " ".join(f"{x:.9g}" for x in entry.data.reshape(-1)) + "\n"
        for entry in reversed(BUNDLE.entries)
    ),
    "buffers anywhere": "".join(
        f"{entry.identifier}:\n" + lines_of(
            [f"{word:08x}" for word in np.frombuffer(entry.payload, "<u4")], 4,
            lambda i, t, start=0x20000900 - 0x100 * number: f"0x{start + 4 * i:08x}: {' '.join(t)}",
        )
        for number, entry in enumerate(BUNDLE.entries)
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", READ)
def test_what_surrounds_numbers_is_no_data(form, tmp_path):
    assert dumped(tmp_path, "d.txt", READ[form]) == BUFFERS


LINES = [f"0x{0x20000410 + 16 * i:08x}: {' '.join(WORDS[4 * i : 4 * i + 4])}" for i in range(len(WORDS) // 4)]
FEW_LINES = [f"0x{0x20000410 + 32 * i:08x}: {' '.join(WORDS[8 * i : 8 * i + 8])}" for i in range(7)]
ELEMENTS = [f"w[{i}] = {t}" for i, t in enumerate(NINE)]


def exchanged(lines, i, j):
    lines = list(lines)
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


REFUSED = {
    "lines out of order": (exchanged(LINES, 1, 2), ["at 0x20000430 follows that at 0x20000410", "another order"]),
    "few lines, the last two exchanged": (exchanged(FEW_LINES, 5, 6), ["follows that at 0x200004d0", "another order"]),
    "a line twice, and one that is missing": ("\n".join([*LINES[:3], LINES[2], *LINES[4:]]), ["repeated"]),
    "elements out of order": (exchanged(ELEMENTS, 5, 6), ["element [6] follows element [4]"]),
    "a lost element, and a number more": (
        "\n".join([*ELEMENTS[:5], "t = 0.5", *ELEMENTS[6:]]), ["a line without an index follows element [4]"]
    ),
    "a column of indices before another one": (
        "time,layer,i,w\n" + "".join(f"{i * 0.25:.2f},fc,{i},{t}\n" for i, t in enumerate(NINE)), ["decimal floats"]
    ),
    "integers before floats that are none": (
        "".join(f"$W,{i},{t}*{i:02X}\r\n" for i, t in enumerate(NINE)), ["got"]
    ),
    "numbers of processes before floats": (
        "".join(f"11-26 03:41:{i:02d}.{i:03d}  1234  5678 D nn : {t}\n" for i, t in enumerate(NINE)), ["got"]
    ),
    "thousands": ("\n".join(f"{int(word, 16):,}" for word in WORDS), ["commas part the digits of thousands"]),
    "a decimal comma": ("\n".join(NINE).replace(".", ","), ["decimals have a comma"]),
    "binary digits": (" ".join(f"{int(word, 16):032b}" for word in WORDS), ["binary"]),
    "octal digits": (" ".join(f"{int(word, 16):011o}" for word in WORDS), ["octal"]),
    "Python's bytes": (repr(RAW), ["escapes", ".hex()"]),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_numbers_that_are_not_those_of_the_buffers_are_refused(form, tmp_path):
    text, parts = REFUSED[form]
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.txt", text)
    one_line(error, *parts)


def test_one_digit_is_no_float(tmp_path):
    """The first digits of numbers in groups of thousands were read as the bits of floats."""
    (tmp_path / "d.txt").write_text("".join(f"{i % 9 + 1},xyz\n" for i in range(len(FLOATS))))

    with pytest.raises(embinit.EmbinitError):
        read_dump(tmp_path / "d.txt", BUNDLE)


CODES = gather(
    embinit.Model(
        "m", [embinit.Linear(name="fc", in_features=9, out_features=5, weight_format="q7", bias_format="q7")], seed=3
    ).plan()
)


@pytest.mark.parametrize("address", ["{0}:", "0x{0:x}:", "{0:o}:"])
def test_addresses_count_in_any_base(address, tmp_path):
    codes = np.frombuffer(CODES.payload, np.int8).tolist()
    (tmp_path / "d.txt").write_text("".join(f"{address.format(5000 + i)} {code}\n" for i, code in enumerate(codes)))

    assert b"".join(read_dump(tmp_path / "d.txt", CODES).values()) == CODES.payload
