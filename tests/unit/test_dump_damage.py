"""Damaged dumps of every form end in buffers or in one line, whatever the damage."""

import random
import struct

import pytest

import embinit
from embinit.dump import read_dump
from embinit.export import npz

from support.dumps import BUFFERS, BUNDLE, FLOATS, FORMS, LOGS, RAW, core, intel_hex, npy, ti_txt, uf2

RANDOM = 0x5EED
BINARY = {
    "raw": RAW,
    "npy": npy(FLOATS),
    "npz": npz(BUNDLE),
    "uf2": uf2(0x20000000, RAW, 64),
    "core": core(0x20000000, RAW),
    "Intel HEX": (intel_hex(0x20000000, RAW) + ":00000001FF\n").encode(),
    "S-records": b"S0030000FC\nS1070000010203FF00\n",
    "TI-TXT": ti_txt([(0x2000, RAW)]).encode(),
}
SAMPLES = BINARY | {form: text.encode() for form, text in (FORMS | LOGS).items()}
SIZES = {name: len(payload) for name, payload in BUFFERS.items()}


def damaged(content, source):
    """Return content with some bytes changed, taken away, doubled, moved or cut off."""
    data = bytearray(content)
    for _ in range(source.randint(1, 4)):
        at, other = sorted(source.randrange(len(data) + 1) for _ in range(2))
        what = source.randrange(7)
        if what == 0:
            data[at : at + 1] = bytes([source.randrange(256)])
        elif what == 1:
            del data[at : at + source.randint(1, 9)]
        elif what == 2:
            data[at:at] = data[at:other][:64]
        elif what == 3:
            data[at:at] = source.choice(
                [b"\n", b" ", b"...", b"*\n", b"{", b"<repeats 99999 times>", b"0x", b"e9", b"\0", b"|"]
            )
        elif what == 4:
            data[at : at + 4] = struct.pack("<I", source.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
        elif what == 5 and len(data) > 16:
            del data[max(at, len(data) // 2) :]
        else:
            data[at:other] = data[at:other][::-1]
    return bytes(data)


def check(path, content):
    """Read a dump; return its error, or None."""
    path.write_bytes(content)
    try:
        found = read_dump(path, BUNDLE)
    except embinit.EmbinitError as error:
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 1500 + len(str(path))
        return str(error)
    assert {name: len(payload) for name, payload in found.items()} == SIZES
    return None


@pytest.mark.parametrize("form", SAMPLES)
def test_damage_ends_in_buffers_or_in_one_line(form, tmp_path):
    source = random.Random(f"{RANDOM} {form}")
    names = ["d", "d.bin", "d.txt", "d.npz", "d.npy", "d.safetensors", "d.hex"]
    errors = sum(check(tmp_path / source.choice(names), damaged(SAMPLES[form], source)) is not None for _ in range(60))

    assert errors > 0
