"""Dumps in every form that a board's bytes come in."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import codegen, device
from embinit.bundle import gather
from embinit.dump import read_dump
from embinit.export import npz
from embinit.targets.zig_unicorn import EMULATIONS, RAM, Machine, build
from embinit.verify import verify

from support.cli import run
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
    dumped,
    intel_hex,
    link,
    npy,
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
