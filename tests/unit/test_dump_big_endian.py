"""Texts of big-endian devices: a debugger prints values, whatever the order of their bytes in memory."""

import shutil
import struct
import subprocess

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.dump import read_dump

LAYER = {"in_features": 6, "out_features": 5, "byte_order": "big"}
FLOATS = gather(embinit.Model("m", [embinit.Linear(name="fc", **LAYER)], seed=42).plan())
OF_CODES = embinit.Linear(name="fc", weight_format="q15", bias_format="q15", **LAYER)
CODES = gather(embinit.Model("m", [OF_CODES], seed=42).plan())
WORDS = struct.unpack(f">{len(FLOATS.payload) // 4}I", FLOATS.payload)
VALUES = np.frombuffer(FLOATS.payload, ">f4")
SHORTS = np.frombuffer(CODES.payload, ">i2")
HALVES = [f"0x{code & 0xFFFF:04x}" for code in SHORTS.tolist()]


def rows(tokens, width, form):
    return "\n".join(form(width * i, tokens[i : i + 4]) for i in range(0, len(tokens), 4))


TEXTS = {
    "gdb x/xw": (FLOATS, rows(WORDS, 4, lambda at, t: f"0x{0x2000 + at:x}:\t" + "\t".join(f"0x{x:08x}" for x in t))),
    "gdb x/f": (FLOATS, rows(VALUES, 4, lambda at, t: f"0x{0x2000 + at:x}:\t" + "\t".join(f"{x:.9g}" for x in t))),
    "gdb p": (FLOATS, "$1 = {" + ", ".join(f"{x:.9g}" for x in VALUES) + "}"),
    "gdb p/x": (FLOATS, "$1 = {" + ", ".join(f"0x{x:x}" for x in WORDS) + "}"),
    "words": (FLOATS, "\n".join(f"{x:08x}" for x in WORDS)),
    "U-Boot md": (FLOATS, rows(WORDS, 4, lambda at, t: f"{0x2000 + at:08x}: " + " ".join(f"{x:08x}" for x in t))),
    "bytes": (FLOATS, FLOATS.payload.hex(" ")),
    "one string": (FLOATS, FLOATS.payload.hex()),
    "decimals of codes": (CODES, "\n".join(map(str, SHORTS.tolist()))),
    "gdb x/xh": (CODES, rows(HALVES, 2, lambda at, t: f"0x{0x2000 + at:x}:\t" + "\t".join(t))),
}  # fmt: skip


@pytest.mark.parametrize("form", TEXTS)
def test_values_are_those_of_the_device(form, tmp_path):
    bundle, text = TEXTS[form]
    (tmp_path / "d.txt").write_text(text)

    assert b"".join(read_dump(tmp_path / "d.txt", bundle).values()) == bundle.payload


@pytest.mark.parametrize(
    "words", ["xxd raw", "hexdump -C raw", "od -A x -t x4 raw", "hexdump -x raw", "xxd -g 4 -e raw"]
)
def test_dumpers_of_files_run_on_a_little_endian_machine(words, tmp_path):
    if shutil.which(words.split()[0]) is None:
        pytest.skip(f"{words.split()[0]} is not installed")
    (tmp_path / "raw").write_bytes(FLOATS.payload)
    text = subprocess.run(words.split(), cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / "d.txt").write_bytes(text)

    assert b"".join(read_dump(tmp_path / "d.txt", FLOATS).values()) == FLOATS.payload
