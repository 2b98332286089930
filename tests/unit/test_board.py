"""What a board gives besides a dump of everything: checksums, addresses, and what a core left."""

import binascii
import hashlib
import json
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import checksums
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.export import save


def run(*words):
    return main(list(words))


MODEL = """[model]
name = "m"
dialect = "odt"
target = "cortex-m4f"
seed = {seed}
[[layer]]
name = "fc"
type = "Linear"
in_features = 7
out_features = 6
[[layer]]
name = "out"
type = "Linear"
in_features = 6
out_features = 5
weight_format = "int8"
{keys}
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(keys="", seed=42):
        Path("m.toml").write_text(MODEL.format(keys=keys, seed=seed))
        return gather(embinit.load("m.toml").plan())

    return write


def by_bits(data, polynomial, reflected, final):
    """A CRC-32 bit by bit, as its parameters say it."""
    register = 0xFFFFFFFF
    for byte in data:
        for i in range(8):
            bit = byte >> (i if reflected else 7 - i) & 1
            register, out = (register << 1) & 0xFFFFFFFF, register >> 31
            register ^= polynomial if out ^ bit else 0
    register = int(f"{register:032b}"[::-1], 2) if reflected else register
    return register ^ final


@pytest.mark.parametrize("n", [0, 1, 3, 4, 15, 16, 17, 168, 1003])
def test_kinds_of_crc_are_what_their_parameters_say(n):
    data = np.random.default_rng(n).bytes(n)
    words = b"".join(data[i : i + 4].ljust(4, b"\0")[::-1] for i in range(0, n, 4))
    found = {kind.name: kind.of(data) for kind in checksums.KINDS}
    fletcher = [0, 0]
    for i in range(0, n, 2):
        fletcher[0] = (fletcher[0] + int.from_bytes(data[i : i + 2], "little")) % 65535
        fletcher[1] = (fletcher[1] + fletcher[0]) % 65535

    assert found["zlib's CRC-32"] == by_bits(data, 0x04C11DB7, True, 0xFFFFFFFF) == binascii.crc32(data)
    assert found["the CRC-32/MPEG-2 by bytes"] == by_bits(data, 0x04C11DB7, False, 0)
    assert found["the CRC-32/BZIP2"] == by_bits(data, 0x04C11DB7, False, 0xFFFFFFFF)
    assert found["the CRC-32C"] == by_bits(data, 0x1EDC6F41, True, 0xFFFFFFFF)
    assert found["the CRC-32 of an STM32's unit after reset (MPEG-2, by words)"] == by_bits(words, 0x04C11DB7, False, 0)
    assert found["the Adler-32"] == zlib.adler32(data)
    assert found["the Fletcher-32"] == fletcher[1] << 16 | fletcher[0]


def test_checksums_are_compared_and_their_kind_is_named(model, capsys):
    bundle = model()
    payload = bundle.entries[0].payload
    stm32 = by_bits(b"".join(payload[i : i + 4][::-1] for i in range(0, len(payload), 4)), 0x04C11DB7, False, 0)

    assert (
        run("verify", "m.toml", "--crc", f"fc.weight={zlib.crc32(payload):#010x}", "--crc", f"fc.bias=0x{0:08x}") == 1
    )
    out = capsys.readouterr().out
    assert "fc.weight: " in out and "is zlib's CRC-32" in out and "fc.bias: 0x00000000 is no checksum" in out
    assert run("verify", "m.toml", "--crc", f"fc.weight={stm32:08X}", "--json") == 0
    found = json.loads(capsys.readouterr().out)["checksums"][0]["kinds"]
    assert found == ["the CRC-32 of an STM32's unit after reset (MPEG-2, by words)"]
    sha = hashlib.sha256(payload).hexdigest()
    assert run("verify", "m.toml", "--crc", f"fc.weight={sha[:12]}") == 0
    assert "is the SHA-256" in capsys.readouterr().out


@pytest.mark.parametrize("crc", ["fc.weight", "fc.weight=0xzz", "nope=0x1", "fc.weight="])
def test_a_wrong_checksum_is_refused(model, capsys, crc):
    model()

    assert run("verify", "m.toml", "--crc", crc) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("keys", "seed", "line"),
    [
        ('byte_order = "big"', 42, 'byte_order = "big"'),
        ("", 43, "seed = 43"),
        ('bias_init = "zeros"', 42, 'bias_init = "zeros"'),
    ],
)
def test_diagnose_works_from_checksums_alone(model, capsys, keys, seed, line):
    made = model(keys, seed)
    given = [f"--crc={array.name}={checksums.mpeg2(array.payload):#x}" for array in made.entries]
    model()

    assert run("diagnose", "m.toml", *given) == 1
    out = capsys.readouterr().out
    assert "explained, every checksum:" in out
    assert line in out


def test_nothing_is_claimed_of_checksums_of_something_else(model, capsys):
    model()

    assert run("diagnose", "m.toml", "--crc", "fc.weight=0x12345678") == 1
    assert "nothing explains it" in capsys.readouterr().out
    assert run("diagnose", "m.toml", "--crc", "fc.weight=0x1234") == 2
    assert "by chance" in capsys.readouterr().err


def test_addresses_say_where_buffers_are(model, capsys):
    bundle = model()
    weight, codes, scale = (bundle.arrays[i].payload for i in (0, 2, 3))
    image = bytes(0x140) + weight + bytes(32) + codes + scale
    Path("ram.bin").write_bytes(image)
    places = [0x140, 0x140 + len(weight) + 32, 0x140 + len(weight) + 32 + len(codes)]
    names = ["fc.weight", "out.weight", "out.weight.scale"]
    at = [f"--at={name}={place:#x}" for name, place in zip(names, places, strict=True)]

    assert run("verify", "m.toml", "--dump", "ram.bin", *at) == 0
    assert "not compared: fc.bias, out.bias" in capsys.readouterr().out
    based = [f"--at={name}={0x20000000 + place:#x}" for name, place in zip(names, places, strict=True)]
    assert run("verify", "m.toml", "--dump", "ram.bin", "--base", "0x20000000", *based) == 0
    assert run("verify", "m.toml", "--dump", "ram.bin", "--at", "fc.weight=0x144") == 1
    assert run("verify", "m.toml", "--dump", "ram.bin", "--at", "fc.weight=0x10000") == 2
    assert "must hold fc.weight at 0x00010000" in capsys.readouterr().err
    assert run("verify", "m.toml", "--dump", "ram.bin", "--at", "fc.wait=0x140") == 2
    assert "did you mean fc.weight?" in capsys.readouterr().err
    assert run("verify", "m.toml", "--dump", "ram.bin", "--at", "fc.weight=heap") == 2
    assert run("verify", "m.toml", "--dump", "ram.bin") == 2
    assert "--at BUFFER=ADDRESS" in capsys.readouterr().err


@pytest.mark.device
def test_a_pointer_says_where_a_buffer_on_the_heap_is(model, capsys):
    weight = model().entries[0].payload
    Path("f.c").write_text("float *weights; int main(void) { return 0; }\n")
    subprocess.run(
        ["arm-none-eabi-gcc", "-nostdlib", "-e", "main", "-Tbss=0x20000000", "f.c", "-o", "f.elf"], check=True
    )
    Path("ram.bin").write_bytes((0x20000040).to_bytes(4, "little") + bytes(0x3C) + weight)

    assert run("verify", "m.toml", "--dump", "ram.bin", "--elf", "f.elf", "--at", "fc.weight=weights") == 0
    assert "not compared" in capsys.readouterr().out
    assert run("verify", "m.toml", "--dump", "ram.bin", "--elf", "f.elf", "--at", "fc.weight=other") == 2


def test_padded_rows_are_told_from_the_size(model, capsys):
    Path("w.bin").write_bytes(model("row_stride = 8").payload)
    model()

    assert run("verify", "m.toml", "--dump", "w.bin", "--symbol", "out_weight") == 2
    capsys.readouterr()
    padded = model("row_stride = 8").entries[2].payload
    model()
    Path("w.bin").write_bytes(padded)
    assert run("verify", "m.toml", "--dump", "w.bin", "--symbol", "out_weight") == 2
    assert "row_stride = 8 in the layer of out.weight" in capsys.readouterr().err
    model("row_stride = 8")
    assert run("verify", "m.toml", "--dump", "w.bin", "--symbol", "out_weight") == 0


def test_padding_may_hold_anything(model):
    bundle = model("row_stride = 8")
    held = np.frombuffer(bundle.entries[2].payload, np.uint8).copy().reshape(5, 8)
    held[:, 6:] = 0xA5
    Path("w.bin").write_bytes(held.tobytes())

    assert run("verify", "m.toml", "--dump", "w.bin", "--symbol", "out_weight") == 0
    held[1, 5] ^= 1
    Path("w.bin").write_bytes(held.tobytes())
    assert run("verify", "m.toml", "--dump", "w.bin", "--symbol", "out_weight") == 1


@pytest.mark.device
def test_what_a_core_left_is_saved(model, capsys):
    bundle = model('byte_order = "big"')

    assert run("verify", "m.toml", "--device", "--save", "left.npz") == 0
    with np.load("left.npz") as left:
        assert {name: left[name].tobytes() for name in left} == {a.name: a.data.tobytes() for a in bundle.arrays}
    assert run("verify", "m.toml", "--dump", "left.npz") == 0
    assert run("verify", "m.toml", "--dump", "left.npz", "--save", "again.npz") == 2
    assert "--save writes what a device left" in capsys.readouterr().err
    save(bundle, {array.name: array.payload for array in bundle.arrays}, Path("left.bin"))
    assert Path("left.bin").read_bytes() == bundle.payload
    with pytest.raises(embinit.EmbinitError, match=r"\.npz or \.bin"):
        save(bundle, {}, Path("left.txt"))
