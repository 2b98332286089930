"""Dumps that are damaged, too short or elsewhere are refused, each in one line that says what is wrong."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.__main__ import main
from embinit.dump import read_dump
from embinit.export import npz
from embinit.targets.zig_unicorn import RAM

from support.cli import assert_refused
from support.dumps import (
    BUFFERS,
    BUNDLE,
    END,
    FLOATS,
    LOGS,
    PLACES,
    RAW,
    WORDS,
    dumped,
    intel_hex,
    link,
    npy,
    one_line,
    ram,
    record,
)

ROOT = Path(__file__).parents[2]


HEX = intel_hex(RAM, RAW)
DAMAGED = {
    "empty": ("d.bin", b"", ["208 bytes", "conv1.weight to fc.bias", "got 0"]),
    "short": ("d.bin", RAW[:-1], ["208 bytes", "got 207"]),
    "long": ("d.bin", RAW + b"\0", ["208 bytes", "got 209"]),
    "a text of nothing": ("d.txt", b"hello\n", ["208 bytes", "52 elements", "got a text without numbers"]),
    "a lost word": ("d.txt", " ".join(WORDS[:-1]), ["208 bytes", "got 51 words of 8 hexadecimal digits (204 bytes)"]),
    "a word without its zeros": (
        "d.txt",
        LOGS["one a line"].replace(WORDS[7], WORDS[7][1:], 1),
        ["got 51 words", "204 bytes"],
    ),
    "a lost digit": ("d.log", LOGS["OpenOCD mdw"].replace(WORDS[5], WORDS[5][:-1]), ["208 bytes"]),
    "too many words": ("d.txt", " ".join([*WORDS, WORDS[0]]), ["got 53 words", "212 bytes"]),
    "a wrong checksum": ("d.hex", HEX[:-3] + "00\n" + END, ["line 26", "checksum must be 0x", "got 0x00"]),
    "a cut record": ("d.hex", HEX[:-7], ["line 26", "data bytes it announces"]),
    "no end": ("d.hex", HEX, ["end-of-file record"]),
    "something after the end": ("d.hex", HEX + END + HEX, ["line 28", "end-of-file"]),
    "no record": ("d.hex", HEX + "hello\n" + END, ["line 27", "'hello'"]),
    "an odd digit": ("d.hex", HEX + ":0\n" + END, ["line 27", "':0'"]),
    "a gap": ("d.hex", intel_hex(RAM, RAW[:16]) + intel_hex(RAM + 20, RAW[16:]) + END, ["0x20000010 to 0x20000014"]),
    "an overlap": ("d.hex", HEX + intel_hex(RAM + 8, b"\0") + END, ["0x20000008 twice"]),
    "an unknown type": ("d.hex", HEX + record(0, 6, b"") + END, ["type", "0 to 5", "got 6"]),
    "a short address": ("d.hex", record(0, 4, b"\0") + HEX + END, ["extended address must have 2 bytes, got 1"]),
    "past 64 KiB": ("d.hex", record(0xFFFF, 0, b"12") + END, ["64 KiB", "2 bytes at 0xffff"]),
    "no array": ("d.npy", RAW, ["NumPy"]),
    "a cut array": ("d.npy", npy(FLOATS)[:-1], ["NumPy"]),
    "pickled objects": ("d.npy", npy(np.array([None, {}], object)), ["NumPy"]),
    "doubles that no float32 is": ("d.npy", npy(FLOATS + 1e-9 * np.ones(52)), ["float32", "float64", "astype"]),
    "complex numbers": ("d.npy", npy(FLOATS.astype(complex)), ["complex128", "floats or integers"]),
    "half floats": ("d.npy", npy(FLOATS.astype(np.float16)), ["got float16"]),
    "too few elements": ("d.npy", npy(FLOATS[1:]), ["208 bytes", "got 204"]),
    "no archive": ("d.npz", RAW, ["NumPy"]),
    "an empty archive": ("d.npz", b"PK\5\6" + bytes(18), ["must hold conv1.weight, got nothing"]),
    "a cut archive": ("d.npz", npz(BUNDLE)[:-30], ["NumPy"]),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_dump_is_refused(what, tmp_path):
    name, content, parts = DAMAGED[what]
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, name, content)

    one_line(error, f"{tmp_path / name}: ", *parts)


def archive(**arrays):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in arrays.items():
            file.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("members", "parts"),
    [
        ({"fc.bias.npy": npy(FLOATS[:2])}, ["must hold conv1.weight, got fc.bias"]),
        ({"conv1.weight.npy": npy(FLOATS[:35])}, ["144 bytes (conv1.weight)", "got 140"]),
        ({"conv1.weight.npy": npy(FLOATS[:36].astype(int))}, ["conv1.weight", "got int64"]),
        ({"conv1.weight": b"no array"}, ["conv1.weight", "NumPy"]),
        ({"conv1.weight.npy": npy(FLOATS)[:99]}, ["NumPy"]),
    ],
)
def test_a_wrong_archive_is_refused(members, parts, tmp_path):
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.npz", archive(**members))

    one_line(error, *parts)


@pytest.mark.parametrize(
    ("content", "how", "parts"),
    [
        (ram(end=0x20000304), {}, ["fc.bias at 0x20000300 to 0x20000308", "0x20000008 to 0x20000304"]),
        (ram(), {"base": 0}, ["conv1.weight at 0x20000020 to 0x200000b0", "holds 0x00000000 to 0x000005f8"]),
        (ram(), {"base": 0x20000100}, ["conv1.weight at 0x20000020"]),
        (b"", {}, ["conv1.weight"]),
        (ram(), {"symbol": "short_conv1_weight"}, ["short_conv1_weight", "144 bytes of conv1.weight, got 140"]),
        (ram(), {"symbol": "other_fc_bias"}, ["one symbol other_fc_bias, got none"]),
        (ram(), {"symbol": "fc"}, ["conv1_weight, conv1_bias, fc_weight, fc_bias", "got 'fc'"]),
        (ram(), {"symbol": "main"}, ["conv1_weight", "got 'main'"]),
        (ram(), {"symbol": ""}, ["conv1_weight", "got ''"]),
    ],
)
def test_what_an_elf_file_does_not_fit_is_refused(content, how, parts, elf, tmp_path):
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "ram.bin", content, elf=elf, **how)

    one_line(error, *parts)


def test_intel_hex_with_a_base_is_refused(elf, tmp_path):
    with pytest.raises(embinit.EmbinitError, match="addresses of its own"):
        dumped(tmp_path, "d.hex", HEX + END, elf=elf, base=0)


def test_intel_hex_with_a_gap_in_a_buffer_is_refused(elf, tmp_path):
    text = intel_hex(PLACES["conv1.weight"], BUFFERS["conv1.weight"][:80]) + END
    with pytest.raises(embinit.EmbinitError, match="holds 0x20000020 to 0x20000070"):
        dumped(tmp_path, "d.hex", text, elf=elf, symbol="conv1_weight")
    with pytest.raises(embinit.EmbinitError, match="holds nothing"):
        dumped(tmp_path, "d.hex", END, elf=elf)


def test_an_archive_takes_no_elf_file(elf, tmp_path):
    with pytest.raises(embinit.EmbinitError, match="takes no ELF file"):
        dumped(tmp_path, "d.npz", npz(BUNDLE), elf=elf)


def test_a_base_needs_an_elf_file(tmp_path):
    with pytest.raises(embinit.EmbinitError, match="needs an ELF file"):
        dumped(tmp_path, "d.bin", RAW, base=RAM)


@pytest.mark.device
def test_one_buffer_under_two_symbols_is_refused(tmp_path):
    elf = link(tmp_path, "twice", extra="float conv1_bias[4] = {5};")
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "ram.bin", ram(), elf=elf)

    one_line(error, "conv1_bias at 0x2000", "device_conv1_bias at 0x20000200")
    assert dumped(tmp_path, "ram.bin", ram(), elf=elf, symbol="device_conv1_bias") == {
        "conv1.bias": BUFFERS["conv1.bias"]
    }


@pytest.mark.device
def test_a_stripped_elf_file_is_refused(tmp_path):
    elf = link(tmp_path, "stripped", flags=["-s"])
    with pytest.raises(
        embinit.EmbinitError, match="one symbol conv1_weight or device_conv1_weight or tiny_conv1_weight"
    ):
        dumped(tmp_path, "ram.bin", ram(), elf=elf)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + bytes(100), RAW])
def test_no_elf_file_is_refused(content, tmp_path):
    (tmp_path / "f.elf").write_bytes(content)
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "ram.bin", ram(), elf=tmp_path / "f.elf")

    one_line(error, "f.elf: is not an ELF file")


@settings(max_examples=60)
@given(data=st.data())
def test_any_damage_ends_in_one_line_or_in_buffers(data, tmp_path_factory, elf):
    folder = tmp_path_factory.mktemp("damage")
    forms = {
        "d.hex": (HEX + END).encode(),
        "d.npy": npy(FLOATS),
        "d.npz": npz(BUNDLE),
        "d.log": LOGS["OpenOCD mdw"].encode(),
        "d": RAW,
        "f.elf": elf.read_bytes()[:40] + elf.read_bytes()[-2400:],
    }
    name = data.draw(st.sampled_from(list(forms)))
    content = bytearray(forms[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    (folder / name).write_bytes(content)
    (folder / "ram.bin").write_bytes(ram())
    try:
        if name == "f.elf":
            found = read_dump(folder / "ram.bin", BUNDLE, elf=folder / name)
        else:
            found = read_dump(folder / name, BUNDLE)
    except embinit.EmbinitError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert {name: len(payload) for name, payload in found.items()} == {n: len(p) for n, p in BUFFERS.items()}


STARTER = ROOT / "examples" / "starter.toml"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--dump", "absent.bin", "--elf", "absent.elf"], ["absent.bin", "cannot be read"]),
        (["--dump", "/dev/null", "--elf", "absent.elf"], ["absent.elf", "cannot be read"]),
        (["--dump", "/dev/null", "--elf", "/"], ["cannot be read"]),
        (["--dump", "/dev/null", "--symbol", "x"], ["conv_weight", "got 'x'"]),
        (["--dump", "/dev/null", "--base", "x"], ["--base", "0x20000000", "'x'"]),
        (["--dump", "/dev/null", "--base", "0x20000000"], ["needs an ELF file"]),
        (["--device", "--elf", "f.elf"], ["--dump FILE"]),
        (["--device", "--symbol", "conv_weight"], ["--dump FILE"]),
        (["--device", "--base", "0"], ["--dump FILE"]),
    ],
)
def test_a_bad_command_line_is_refused(words, parts, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["verify", str(STARTER), *words])
    except SystemExit as stopped:
        status = stopped.code
    told = capsys.readouterr()

    assert (status, told.out, len(told.err.splitlines())) == (2, "", 1)
    for part in parts:
        assert part in told.err


def test_without_pyelftools_the_command_says_what_to_install(tmp_path):
    hidden = (
        "import sys; sys.modules['elftools'] = None; from embinit.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    (tmp_path / "d.bin").write_bytes(b"")
    (tmp_path / "f.elf").write_bytes(b"\x7fELF\1\1")
    words = ["verify", STARTER, "--dump", "d.bin", "--elf", "f.elf"]
    done = subprocess.run(
        [sys.executable, "-c", hidden, *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert_refused(done, "pip install 'embinit[device]'")
