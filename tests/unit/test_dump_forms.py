"""Dumps as real tools write them, and files that are none: each is read, or refused by its name."""

import base64
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.dump import read_dump
from embinit.export import safetensors
from embinit.verify import verify

from support.dumps import (
    BEGIN,
    BUFFERS,
    BUNDLE,
    FLOATS,
    FORMS,
    NINE,
    RAW,
    by_tool,
    core,
    dumped,
    intel_hex,
    npy,
    one_line,
    ram,
    ti_txt,
    uf2,
)

CODES = gather(
    embinit.Model(
        "m",
        [embinit.Linear(name="fc", in_features=7, out_features=6, weight_format="q7", bias_format="q7")],
        seed=42,
    ).plan()
)
INTEGERS = np.frombuffer(CODES.payload, np.int8).tolist()


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


TOOLS = [
    "xxd raw", "xxd -u raw", "xxd -c 8 raw", "xxd -g 1 raw", "xxd -g 4 -e raw", "xxd -p raw", "xxd -i raw",
    "xxd -p -c 8 raw",    "hexdump -C raw", "hexdump raw", "hexdump -x raw", "hexdump -v -C raw",
    "od -t x1 raw", "od -A x -t x1 raw", "od -A x -t x1z raw", "od -A n -t x1 raw", "od -A d -t x4 raw", "od -t x2 raw",
    "od -A n -t fF raw", "od -A x -t x4z raw", "od -A n -t u1 raw", "od -A n -t d4 raw",
    "base64 raw", "base64 -w 0 raw",
]  # fmt: skip


@pytest.mark.parametrize("words", TOOLS)
def test_what_dumpers_print(words, tmp_path):
    if shutil.which(words.split()[0]) is None:
        pytest.skip(f"{words.split()[0]} is not installed")

    assert dumped(tmp_path, "d.txt", by_tool(words, tmp_path)) == BUFFERS


#: A buffer of zeros between others: dumpers print a star for repeated lines.
REPEATED = gather(
    embinit.Model(
        "m",
        [
            embinit.Linear(name="a", in_features=4, out_features=4),
            embinit.Linear(name="z", in_features=16, out_features=8, weight_init=embinit.initializers.zeros()),
        ],
        seed=1,
    ).plan()
)


@pytest.mark.parametrize(
    "words", ["hexdump -C raw", "hexdump raw", "od -t x1 raw", "od -A x -t x4 raw", "od -A d -t x1 raw"]
)
def test_a_star_stands_for_the_line_above_it(words, tmp_path):
    if shutil.which(words.split()[0]) is None:
        pytest.skip(f"{words.split()[0]} is not installed")
    text = by_tool(words, tmp_path, REPEATED.payload)
    assert b"\n*\n" in text
    (tmp_path / "d.txt").write_bytes(text)

    assert b"".join(read_dump(tmp_path / "d.txt", REPEATED).values()) == REPEATED.payload


TELLING = b"dead beefcafe 00 11 22 33 44 55 66 77 |ab|  cd" + bytes(2)


@pytest.mark.parametrize(
    "words", ["xxd raw", "xxd -g 1 raw", "xxd -g 4 -e raw", "hexdump -C raw", "od -A x -t x1z raw"]
)
def test_an_ascii_column_of_digits_is_no_data(words, tmp_path):
    if shutil.which(words.split()[0]) is None:
        pytest.skip(f"{words.split()[0]} is not installed")
    content = (TELLING * 5)[: len(RAW)]
    text = by_tool(words, tmp_path, content)

    assert b"".join(dumped(tmp_path, "d.txt", text).values()) == content


OBJCOPY = {"srec": "d.s19", "ihex": "d.hex", "verilog": "d.vmem"}


@needs("objcopy")
@pytest.mark.parametrize("form", OBJCOPY)
def test_records_by_objcopy(form, tmp_path):
    for address in ("0x20000410", "0x0", "0x1fff8", "0x12"):
        by_tool(f"objcopy -I binary -O {form} --change-addresses {address} raw d", tmp_path)
        shutil.copy(tmp_path / "d", tmp_path / OBJCOPY[form])
        for name in (OBJCOPY[form], "d", "d.bin"):
            shutil.copy(tmp_path / "d", tmp_path / name) if name != "d" else None
            assert read_dump(tmp_path / name, BUNDLE) == BUFFERS


@pytest.fixture(scope="module")
def bincopy():
    return pytest.importorskip("bincopy")


@pytest.mark.parametrize("form", ["as_srec", "as_ihex", "as_ti_txt", "as_verilog_vmem"])
def test_records_by_bincopy(form, bincopy, tmp_path):
    if form == "as_verilog_vmem":
        pytest.skip("bincopy counts words there")
    file = bincopy.BinFile()
    file.add_binary(RAW, address=0x20000100)

    assert dumped(tmp_path, "d", getattr(file, form)()) == BUFFERS


def test_ti_txt_and_uf2_and_a_core(tmp_path):
    assert dumped(tmp_path, "d.txt", ti_txt([(0x2000, RAW[:64]), (0x2040, RAW[64:])])) == BUFFERS
    assert dumped(tmp_path, "d", ti_txt([(0x2040, RAW[64:]), (0x2000, RAW[:64])])) == BUFFERS
    for name in ("d.uf2", "d", "d.bin"):
        assert dumped(tmp_path, name, uf2(0x20000000, RAW, 64)) == BUFFERS
        assert dumped(tmp_path, name, core(0x20000000, RAW)) == BUFFERS


def test_records_and_cores_with_the_firmware(elf, tmp_path):
    for content in (core(BEGIN, ram()), uf2(BEGIN, ram()), ti_txt([(BEGIN, ram())])):
        assert dumped(tmp_path, "d", content, elf=elf) == BUFFERS
        with pytest.raises(embinit.EmbinitError, match="has addresses of its own, and takes no base"):
            dumped(tmp_path, "d", content, elf=elf, base=BEGIN)
    with pytest.raises(embinit.EmbinitError, match=r"an ELF core must hold .* holds 0x20000008 to"):
        dumped(tmp_path, "d", core(BEGIN, ram()[:0x40]), elf=elf)


@pytest.mark.skipif(shutil.which("hexdump") is None, reason="hexdump is not installed")
def test_text_with_addresses_and_the_firmware(elf, tmp_path):
    image = ram()
    lines = [f"0x{BEGIN + at:08x}: {image[at : at + 16].hex(' ')}" for at in range(0, len(image), 16)]
    assert dumped(tmp_path, "d.log", "\n".join(lines), elf=elf) == BUFFERS
    assert dumped(tmp_path, "d.log", "\n".join(reversed(lines)), elf=elf) == BUFFERS
    xb = [
        f"{BEGIN + at:#x} <buffer+{at}>:\t" + "\t".join(f"0x{b:02x}" for b in image[at : at + 8])
        for at in range(0, len(image), 8)
    ]
    assert dumped(tmp_path, "d.log", "\n".join(xb), elf=elf) == BUFFERS
    assert dumped(tmp_path, "d.log", by_tool("hexdump -C raw", tmp_path, image), elf=elf) == BUFFERS


def test_an_image_with_initial_values_is_its_own_symbols(elf, tmp_path):
    """What a linker put into .data is compared; it is not what a device has computed."""
    content = elf.read_bytes()
    report = verify(BUNDLE, dumped(tmp_path, "f.elf", content), "f.elf")
    assert sum(c.equal for c in report.comparisons) < 10
    assert dumped(tmp_path, "f.elf", content)["conv1.weight"][:4] == np.float32(1).tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_what_debuggers_and_logs_print(form, tmp_path):
    for name, text in (("d.txt", FORMS[form]), ("d", FORMS[form].replace("\n", "\r\n"))):
        assert dumped(tmp_path, name, text) == BUFFERS


NUMBER = re.compile(
    r"[+-]?\d\.\d+e[+-]\d+|(?<![\w.+-])[+-]?(?:0[xX])?[0-9a-fA-F]*\.?[0-9a-fA-F]+(?:[ep][+-]?\d+)?f?(?![\w.])"
)


@pytest.mark.parametrize("form", FORMS)
def test_a_number_less_is_counted(form, tmp_path):
    *_, last = NUMBER.finditer(FORMS[form])
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, "d.txt", FORMS[form][: last.start()] + FORMS[form][last.end() :])
    one_line(error, "208 bytes", "52 elements", "got")


CODE_FORMS = {
    "decimals": ", ".join(map(str, INTEGERS)),
    "unsigned": " ".join(str(code & 255) for code in INTEGERS),
    "0x": " ".join(f"0x{code & 255:02x}" for code in INTEGERS),
    "0x without zeros": " ".join(f"{code & 255:#x}" for code in INTEGERS),
    "two digits": " ".join(f"{code & 255:02x}" for code in INTEGERS),
    "Serial.print(x, HEX)": "\n".join(f"{code & (255 if code >= 0 else 0xFFFFFFFF):X}" for code in INTEGERS),
    "savetxt": "\n".join(f"{code:.18e}" for code in INTEGERS),
    "JSON": json.dumps(INTEGERS),
}


@pytest.mark.parametrize("form", CODE_FORMS)
def test_codes(form, tmp_path):
    (tmp_path / "d.txt").write_text(CODE_FORMS[form])

    assert b"".join(read_dump(tmp_path / "d.txt", CODES).values()) == CODES.payload


def test_what_may_be_read_in_two_ways_is_refused(tmp_path):
    (tmp_path / "d.txt").write_text(" ".join(["12", "34", "56"] * 16))
    with pytest.raises(embinit.EmbinitError, match=r"may be read as .* or as .*, which differ"):
        read_dump(tmp_path / "d.txt", CODES)


REFUSED_TEXT = {
    "two decimals": ("\n".join(f"{value:.2f}" for value in FLOATS), ["significant digits", "%.9g", "%08x"]),
    "six digits": ("\n".join(f"{value:g}" for value in FLOATS), ["significant digits", "%.9g"]),
    "a cut array": ("$1 = {" + ", ".join(NINE[:20]) + "...}", ["got 20 decimal floats", "set print elements 0"]),
    "floats for codes": (None, ["codes", "got floats"]),
    "a log of talk": ("boot\nready\nfree heap: 1234\n", ["208 bytes", "got 1 "]),
}


@pytest.mark.parametrize("what", REFUSED_TEXT)
def test_text_that_does_not_tell_the_bits_is_refused(what, tmp_path):
    text, parts = REFUSED_TEXT[what]
    bundle = BUNDLE if text else CODES
    (tmp_path / "d.txt").write_text(text or "\n".join(str(code / 128) for code in INTEGERS))
    with pytest.raises(embinit.EmbinitError) as error:
        read_dump(tmp_path / "d.txt", bundle)
    one_line(error, *parts)


FOREIGN = {
    "gzip": (b"\x1f\x8b\x08" + bytes(300), ["gzip"]),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(300), ["HDF5"]),
    "pickle": (b"\x80\x04\x95" + bytes(300), ["pickle"]),
    "an ELF object": (core(0, RAW, kind=1), ["object file"]),
    "a damaged ELF": (b"\x7fELF\1\1\1" + bytes(40), ["ELF"]),
    "a cut core": (core(0x20000000, RAW)[:-8], ["ELF", "cut off"]),
    "a cut UF2": (uf2(0, RAW)[:-5], ["UF2"]),
    "a wrong S-record": (b"S1130000" + b"00" * 16 + b"ED", ["line 1 of S-records", "checksum must be 0xec, got 0xed"]),
    "a cut S-record": (b"S11300", ["S-records"]),
    "TI-TXT of words": (b"@2000\n1234 5678\nq\n", ["TI-TXT", "bytes of 2 digits"]),
    "text after the q": (b"@2000\n12\nq\nx\nq", ["TI-TXT", "follow the q"]),
    "a text-mode transfer": (RAW.replace(b"\n", b"\r\n") if b"\n" in RAW else None, ["0a has a 0d", "binary"]),
    "a RAM image": (bytes(100) + RAW + bytes(100), ["expected bytes of conv1.weight at 0x64", "--elf"]),
    "a larger image": (bytes(500), ["--elf"]),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("name", ["d", "d.bin"])
def test_files_that_hold_no_buffers_are_refused_by_name(what, name, tmp_path):
    content, parts = FOREIGN[what]
    if content is None:
        pytest.skip("no byte of this model is 0a")
    with pytest.raises(embinit.EmbinitError) as error:
        dumped(tmp_path, name, content)
    one_line(error, *parts)


# Arrays


def test_safetensors_as_exported(tmp_path):
    pytest.importorskip("safetensors")
    for name in ("d.safetensors", "d"):
        assert dumped(tmp_path, name, safetensors(BUNDLE)) == BUFFERS
    assert dumped(tmp_path, "d", safetensors(BUNDLE), symbol="fc_bias") == {"fc.bias": BUFFERS["fc.bias"]}
    with pytest.raises(embinit.EmbinitError, match="safetensors"):
        dumped(tmp_path, "d.safetensors", safetensors(BUNDLE)[:-9])
    (tmp_path / "d.safetensors").write_bytes(safetensors(CODES))
    with pytest.raises(embinit.EmbinitError, match=r"must hold conv1.weight, got fc.bias, fc.weight"):
        read_dump(tmp_path / "d.safetensors", BUNDLE)


def test_wider_numbers_are_taken_where_they_are_exact(tmp_path):
    assert dumped(tmp_path, "d.npy", npy(FLOATS.astype(float))) == BUFFERS
    (tmp_path / "d.npy").write_bytes(npy(np.array(INTEGERS)))
    assert b"".join(read_dump(tmp_path / "d.npy", CODES).values()) == CODES.payload
    (tmp_path / "d.npy").write_bytes(npy(np.array(INTEGERS) + 1000))
    with pytest.raises(embinit.EmbinitError, match=r"astype\(numpy.int8\)"):
        read_dump(tmp_path / "d.npy", CODES)


def test_a_shape_that_differs_is_said(tmp_path):
    arrays = {array.name: array.data for array in BUNDLE.arrays}
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, "fc.weight": arrays["fc.weight"].T})
    found = dumped(tmp_path, "d.npz", stream.getvalue())
    assert found.notes == ("fc.weight has shape [5, 2] in the dump, [2, 5] in the plan",)
    assert verify(BUNDLE, found, "d.npz").verdict.endswith(
        "; fc.weight has shape [5, 2] in the dump, [2, 5] in the plan"
    )
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, "fc.weight": arrays["fc.weight"].reshape(-1)})
    assert dumped(tmp_path, "d.npz", stream.getvalue()).notes == ()
    found = dumped(tmp_path, "d.npy", npy(arrays["fc.weight"].T), symbol="fc_weight")
    assert "[5, 2]" in found.notes[0]


def test_what_was_not_compared_is_in_the_verdict(tmp_path, capsys):
    found = dumped(tmp_path, "d.bin", BUFFERS["fc.bias"], symbol="fc_bias")
    report = verify(BUNDLE, found, "d.bin")
    assert report.verdict.endswith("; not compared: conv1.weight, conv1.bias, fc.weight")
    assert report.as_json()["not_compared"] == ["conv1.weight", "conv1.bias", "fc.weight"]


# Resources


def npy_header(shape, dtype="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def bomb(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, size in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(size >> 20):
                    member.write(bytes(1 << 20))
        for array in BUNDLE.arrays:
            if f"{array.name}.npy" not in members:
                archive.writestr(f"{array.name}.npy", npy(array.data))
    return stream.getvalue()


HUNGRY = {
    "a member beside": (lambda: bomb(other=150 << 20), None),
    "a member": (lambda: bomb(**{"fc.bias.npy": 150 << 20}), "elements"),
    "an array's header": (lambda: npy_header((1 << 38,)), "announces"),
    "a negative shape": (lambda: npy_header((-1, -52)) + RAW, "NumPy"),
    "a header's length": (lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(1000), "NumPy"),
    "Intel HEX": (lambda: intel_hex(0, RAW[:100]) + intel_hex(0xFFFFFF00, RAW[100:]) + ":00000001FF\n", "gap"),
    "repeats": (lambda: "$1 = {0x0 <repeats 999999999999 times>}", "got"),
    "repeats of repeats": (lambda: "{" + ", ".join(["0x0 <repeats 200 times>"] * 20000) + "}", "got"),
    "a star": (lambda: "00000000  00 00 00 00\n*\n7ffffff0  00 00 00 00\n", "got"),
    "bars": (lambda: " |" * 150000, "got"),
    "a long number": (lambda: "0x" + "1" * 500000 + "\n" + "1" * 500000 + "\n" + "." * 100000, "got"),
    "brackets": (lambda: "[1" * 100000 + "]" * 100000, "got"),
    "an ELF file's segments": (lambda: many_segments(), "ELF"),
}


def many_segments():
    data = bytes(1 << 16)
    head = b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 4, 40, 1, 0, 52, 0, 0, 52, 32, 30000, 0, 0, 0)
    segments = b"".join(struct.pack("<8I", 1, 0, i << 16, 0, len(data), len(data), 6, 1) for i in range(30000))
    return head + segments + data


READ_ALL = """
import json, resource, sys, time
import embinit
import support.dumps as t

said, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    began = time.process_time()
    try:
        said.append("read" if t.read_dump(path, t.BUNDLE) == t.BUFFERS else "wrong")
    except embinit.EmbinitError as error:
        said.append(str(error))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120 << 10, path
    assert time.process_time() - began < 10, path
json.dump(said, sys.stdout)
"""


def test_what_a_dump_takes_is_bounded_by_the_plan(tmp_path):
    """One process reads all: the most memory that it ever had is bounded."""
    paths = [tmp_path / what for what in HUNGRY]
    for path, (content, _) in zip(paths, HUNGRY.values(), strict=True):
        made = content()
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
    command = [sys.executable, "-c", READ_ALL, *paths]
    folder = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for said, (what, (_, part)) in zip(json.loads(done.stdout), HUNGRY.items(), strict=True):
        assert (part or "read") in said, what


def test_an_endless_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("embinit.dump.MOST", 1 << 16)
    with pytest.raises(embinit.EmbinitError, match="at most 72192 bytes, got more"):
        read_dump("/dev/zero", BUNDLE)


@pytest.mark.parametrize("byte", [0x00, 0x1F, 0x7F, 0x80, 0xFF])
def test_a_byte_that_no_text_has_makes_raw_memory(byte, tmp_path):
    content = bytes([byte]) + b"A" * (len(RAW) - 1)

    assert b"".join(dumped(tmp_path, "d", content).values()) == content


@pytest.mark.parametrize("byte", [0x20, 0x7E, 0x0A])
def test_what_is_printable_throughout_is_text(byte, tmp_path):
    with pytest.raises(embinit.EmbinitError, match="a text without numbers"):
        dumped(tmp_path, "d", bytes([byte]) + b"Z" * (len(RAW) - 1))


def test_base64_without_padding(tmp_path):
    assert dumped(tmp_path, "d.txt", base64.b64encode(RAW).rstrip(b"=")) == BUFFERS


def test_a_wrong_dump_points_to_diagnose(tmp_path, capsys):
    (tmp_path / "d.bin").write_bytes(bytes(1808))
    assert (
        main(
            [
                "verify",
                str(Path(__file__).parents[2] / "examples" / "starter.toml"),
                "--dump",
                str(tmp_path / "d.bin"),
            ]
        )
        == 1
    )
    assert "embinit diagnose" in capsys.readouterr().out
