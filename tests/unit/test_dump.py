"""Dumps in every form that a board's bytes come in; and what is damaged, too short or elsewhere is refused."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import codegen, device
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.dump import read_dump
from embinit.export import npz
from embinit.targets.zig_unicorn import EMULATIONS, RAM, Machine, build
from embinit.verify import verify

from support.cli import assert_refused, run
from support.dumps import (
    BUFFERS,
    BUNDLE,
    END,
    FIRMWARE,
    FLOATS,
    LINK,
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


@pytest.mark.parametrize("form", LOGS)
@pytest.mark.parametrize("suffix", ["", ".log", ".hex"])
def test_words_of_a_log(form, suffix, tmp_path):
    assert dumped(tmp_path, f"d{suffix}", LOGS[form]) == BUFFERS


@pytest.mark.skipif(shutil.which("xxd") is None, reason="xxd is not installed")
def test_a_log_by_a_real_xxd(tmp_path):
    text = subprocess.run(["xxd", "-e", "-g4"], input=RAW, capture_output=True, check=True).stdout

    assert dumped(tmp_path, "d.txt", text) == BUFFERS


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_saved_on_windows(encoding, tmp_path):
    text = "Grüße vom Gerät\r\n" + LOGS["OpenOCD mdw"]

    assert dumped(tmp_path, "putty.log", text.encode(encoding)) == BUFFERS


def test_the_last_word_of_a_log_may_reach_beyond_the_buffers(tmp_path):
    model = embinit.Model("q", [embinit.Linear(name="fc", in_features=3, out_features=3, weight_format="q7")], seed=1)
    bundle = gather(model.plan())
    raw = b"".join(entry.payload for entry in bundle.entries)
    assert len(raw) % 4 == 1
    words = np.frombuffer(raw + b"\xaa\xbb\xcc", "<u4")
    path = tmp_path / "q.txt"
    path.write_text("\n".join(f"{word:08x}" for word in words))

    assert b"".join(read_dump(path, bundle).values()) == raw


ARRAYS = {
    "floats": FLOATS,
    "bits": FLOATS.view("<u4"),
    "bytes": np.frombuffer(RAW, np.uint8),
    "big endian": FLOATS.astype(">f4"),
    "rows": FLOATS.reshape(2, -1),
    "columns": np.asfortranarray(FLOATS.reshape(2, -1)),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("name", ["d.npy", "d"])
def test_npy(what, name, tmp_path):
    assert dumped(tmp_path, name, npy(ARRAYS[what])) == BUFFERS


def test_npz_as_exported(tmp_path):
    assert dumped(tmp_path, "d.npz", npz(BUNDLE)) == BUFFERS
    assert dumped(tmp_path, "d.npz", npz(BUNDLE), symbol="fc_bias") == {"fc.bias": BUFFERS["fc.bias"]}


def test_raw(tmp_path):
    assert dumped(tmp_path, "d.bin", RAW) == BUFFERS
    assert dumped(tmp_path, "d", RAW) == BUFFERS


def test_bin_is_raw_whatever_it_holds(tmp_path):
    text = (b":PK\x03\x04" + b"3dcccccd " * 100)[: len(RAW)]

    assert b"".join(dumped(tmp_path, "d.bin", text).values()) == text


def test_intel_hex(tmp_path):
    pieces = [intel_hex(RAM + 0x1FFF0, RAW[:16]), intel_hex(RAM + 0x20000, RAW[16:])]

    assert dumped(tmp_path, "d.hex", "".join(pieces) + END) == BUFFERS
    assert dumped(tmp_path, "d", "".join(reversed(pieces)) + END + "\n\n") == BUFFERS
    starts = record(0, 3, b"\0\0\0\1") + record(0, 5, b"\0\0\0\1") + record(7, 0, b"")
    assert dumped(tmp_path, "d.ihex", starts + pieces[0] + pieces[1].lower() + END) == BUFFERS


def test_intel_hex_with_segments(tmp_path):
    text = record(0, 2, b"\x10\x00") + record(4, 0, RAW[:28]) + record(0, 2, b"\x10\x02") + record(0, 0, RAW[28:])

    assert dumped(tmp_path, "d.hex", text + END) == BUFFERS


@pytest.mark.skipif(shutil.which("objcopy") is None, reason="objcopy is not installed")
def test_intel_hex_by_a_real_objcopy(tmp_path):
    (tmp_path / "d.bin").write_bytes(RAW)
    words = ["objcopy", "-I", "binary", "-O", "ihex", "--change-addresses", "0x2000fff8", "d.bin", "d.hex"]
    subprocess.run(words, cwd=tmp_path, check=True)

    assert read_dump(tmp_path / "d.hex", BUNDLE) == BUFFERS


@pytest.mark.parametrize("name", ["conv1.weight", "fc.bias"])
def test_one_buffer_alone(name, tmp_path):
    alone, identifier = {name: BUFFERS[name]}, name.replace(".", "_")
    forms = {
        "d.bin": BUFFERS[name],
        "d.npy": npy(np.frombuffer(BUFFERS[name], "<f4")),
        "d.hex": intel_hex(RAM, BUFFERS[name]) + END,
        "d.log": " ".join(f"{word:08x}" for word in np.frombuffer(BUFFERS[name], "<u4")),
    }
    for form, content in forms.items():
        for symbol in (identifier, f"device_{identifier}", f"{identifier}.lto_priv.0"):
            assert dumped(tmp_path, form, content, symbol=symbol) == alone


def test_a_symbol_names_the_buffer_with_the_longest_identifier_that_it_ends_with(tmp_path):
    layers = [embinit.Linear(name=name, in_features=size, out_features=1) for name, size in (("fc", 2), ("b_fc", 3))]
    bundle = gather(embinit.Model("m", layers, seed=1).plan())
    (tmp_path / "d.bin").write_bytes(bytes(12))

    assert list(read_dump(tmp_path / "d.bin", bundle, symbol="my_b_fc_weight")) == ["b_fc.weight"]


def test_an_image_of_ram_begins_at_the_lowest_writable_section(elf, tmp_path):
    assert dumped(tmp_path, "ram.bin", ram(), elf=elf) == BUFFERS
    assert dumped(tmp_path, "ram.npy", npy(np.frombuffer(ram(), np.uint8)), elf=elf) == BUFFERS
    words = " ".join(f"{word:08x}" for word in np.frombuffer(ram(), "<u4"))
    assert dumped(tmp_path, "ram.log", words, elf=elf) == BUFFERS


def test_an_image_of_ram_from_a_base(elf, tmp_path):
    assert dumped(tmp_path, "ram.bin", ram(begin=RAM), elf=elf, base=RAM) == BUFFERS
    assert dumped(tmp_path, "ram.bin", ram(begin=RAM + 0x20, end=RAM + 0x308), elf=elf, base=RAM + 0x20) == BUFFERS
    shifted = dumped(tmp_path, "ram.bin", ram(begin=RAM), elf=elf)
    assert not verify(BUNDLE, shifted, "an image that does not begin where .data does").agrees


def test_intel_hex_and_an_elf_file_may_have_gaps_between_buffers(elf, tmp_path):
    text = "".join(intel_hex(PLACES[name], BUFFERS[name]) for name in reversed(BUFFERS)) + END

    assert dumped(tmp_path, "ram.hex", text, elf=elf) == BUFFERS


@pytest.mark.parametrize("symbol", ["fc_bias", "mine_fc_bias"])
def test_one_symbol(symbol, elf, tmp_path):
    found = dumped(tmp_path, "ram.bin", ram(), elf=elf, symbol=symbol)

    assert found == {"fc.bias": BUFFERS["fc.bias"]}
    report = verify(BUNDLE, found, "ram.bin")
    assert report.agrees
    assert [c.name for c in report.comparisons] == ["fc.bias"]


@pytest.mark.device
def test_a_global_symbol_hides_its_local_namesake(tmp_path):
    (tmp_path / "other.c").write_text('static float fc_bias[2] __attribute__((used, section(".at_f"))) = {3};')
    elf = link(tmp_path, "namesakes", flags=[tmp_path / "other.c"])

    assert dumped(tmp_path, "ram.bin", ram(), elf=elf) == BUFFERS


def ran(name, folder):
    """Run an example's firmware on an emulated core; return its bundle, its ELF file and an image of its RAM."""
    bundle = gather(embinit.load(ROOT / "examples" / f"{name}.toml").plan())
    for file, text in {
        f"{name}_init.h": codegen.init_header(bundle),
        f"{name}_init.c": codegen.init_source(bundle),
        "firmware.c": codegen.firmware(bundle),
    }.items():
        (folder / file).write_text(text)
    sources = [*device.SOURCES, folder / f"{name}_init.c", folder / "firmware.c"]
    emulation = EMULATIONS["cortex-m4f"]
    elf = build(sources, emulation, folder / "firmware.elf", include=[device.C_DIRECTORY])
    machine = Machine(elf, emulation)
    machine.call("firmware_main", bundle.plan.model.seed)
    end = max(sum(machine.symbol(f"device_{array.identifier}")) for array in bundle.arrays)
    (folder / "ram.bin").write_bytes(machine.read_at(RAM, end - RAM))
    return bundle, elf, folder / "ram.bin"


@pytest.mark.device
def test_what_is_kept_beside_codes_comes_with_an_elf_file_and_in_an_archive(tmp_path):
    bundle, elf, image = ran("quantized", tmp_path)
    everything = {array.name: array.payload for array in bundle.arrays}
    codes = {entry.name: entry.payload for entry in bundle.entries}
    assert len(everything) > len(codes)

    assert read_dump(image, bundle, elf=elf, base=RAM) == everything
    scale = next(name for name in everything if name.endswith(".scale"))
    symbol = f"device_{scale.replace('.', '_')}"
    assert read_dump(image, bundle, elf=elf, base=RAM, symbol=symbol) == {scale: everything[scale]}

    (tmp_path / "d.npz").write_bytes(npz(bundle))
    assert read_dump(tmp_path / "d.npz", bundle) == everything
    np.savez(tmp_path / "codes.npz", **{entry.name: entry.data for entry in bundle.entries})
    assert read_dump(tmp_path / "codes.npz", bundle) == codes
    (tmp_path / "d.bin").write_bytes(b"".join(codes.values()))
    assert read_dump(tmp_path / "d.bin", bundle) == codes
    done = run("verify", ROOT / "examples" / "quantized.toml", "--dump", tmp_path / "d.bin")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "; not compared: conv1.weight.scale" in done.stdout
    done = run("verify", ROOT / "examples" / "quantized.toml", "--dump", tmp_path / "d.bin", "--json")
    assert json.loads(done.stdout)["not_compared"] == [name for name in everything if name not in codes]
    done = run("verify", ROOT / "examples" / "quantized.toml", "--dump", tmp_path / "d.npz")
    assert "not compared" not in done.stdout


@pytest.mark.device
def test_the_firmware_that_ran(tmp_path):
    bundle, elf, image = ran("har_classifier", tmp_path)

    report = verify(bundle, read_dump(image, bundle, elf=elf, base=RAM), "ram.bin")
    assert report.agrees, report
    words = ("verify", ROOT / "examples" / "har_classifier.toml", "--dump", tmp_path / "ram.bin", "--elf", elf)
    done = run(*words, "--base", "0x20000000")
    assert done.returncode == 0, done.stderr
    assert "10214 of 10214" in done.stdout
    done = run(*words, "--base", "0x20000000", "--symbol", "device_conv2_weight", "--seed", "43", "--json")
    assert done.returncode == 1
    (buffer,) = json.loads(done.stdout)["buffers"]
    assert buffer["name"] == "conv2.weight"
    assert buffer["equal"] < 10 < buffer["largest_ulp"]


@pytest.mark.device
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_gcc_links_the_same_firmware(tmp_path):
    (tmp_path / "f.c").write_text(FIRMWARE.format(extra=""))
    (tmp_path / "link.ld").write_text(LINK)
    words = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-O2", "-nostdlib", "-nostartfiles", "-T", "link.ld"]
    words += ["-Wl,--entry=main", "-Wl,--no-warn-rwx-segments", "f.c", "-o", "f.elf"]
    subprocess.run(words, cwd=tmp_path, check=True)

    assert dumped(tmp_path, "ram.bin", ram(), elf=tmp_path / "f.elf") == BUFFERS


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
