"""Readings of text that are easily mistaken: groups of any size, columns of numbers, values cut by their printer."""

import shutil
import struct

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.dump import read_dump

from support.dumps import by_tool


def bundle(**keys):
    layer = embinit.Linear(name="fc", in_features=7, out_features=5, **keys)
    return gather(embinit.Model("m", [layer], seed=11).plan())


FLOATS = bundle()
MODELS = {
    "float32": FLOATS,
    "q7": bundle(weight_format="q7", bias_format="q7"),
    "q15": bundle(weight_format="q15", bias_format="q15"),
    "q31": bundle(weight_format="q31", bias_format="q31"),
    "odd size": bundle(weight_format="sym8"),
    "nibbles": bundle(weight_format="int4", bias_format="q31"),
}
VALUES = [float(value) for entry in FLOATS.entries for value in entry.data.reshape(-1)]
SHORT = gather(
    embinit.Model("m", [embinit.Linear(name="fc", in_features=2, out_features=2, bias=False)], seed=1).plan()
)


def read(path, text, model):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return b"".join(read_dump(path, model).values())


TOOLS = [
    "xxd raw", "xxd -c 12 -g 4 raw", "xxd -g 4 raw", "xxd -g 8 raw", "xxd -g 16 raw", "xxd -e raw", "xxd -e -g 2 raw",
    "xxd -e -g 8 raw", "xxd -o 0x20000000 raw", "xxd -d raw", "xxd -p -c 8 raw", "xxd -p -c 16 raw",
    "od -t x8 -v raw", "od -A x -t x8 -v raw", "od -A n -t x8 -v raw", "od -t x4 -v raw", "od -A n -t x2 -v raw",
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("words", TOOLS)
def test_groups_of_any_size(words, model, tmp_path):
    if shutil.which(words.split()[0]) is None:
        pytest.skip(f"{words.split()[0]} is not installed")
    payload = MODELS[model].payload

    assert read(tmp_path / "d.txt", by_tool(words, tmp_path, payload), MODELS[model]) == payload


@pytest.mark.skipif(shutil.which("xxd") is None, reason="xxd is not installed")
def test_spaces_at_the_ends_of_an_ascii_column_are_data(tmp_path):
    content = (b"  a\xfe b  " * 20)[: len(FLOATS.payload)]

    for words in ("xxd -g 4 raw", "xxd -e -g 2 raw", "xxd -g 8 raw"):
        assert read(tmp_path / "d.txt", by_tool(words, tmp_path, content), FLOATS) == content


def test_double_words_of_a_debugger(tmp_path):
    words = struct.unpack(f"<{len(FLOATS.payload) // 8}Q", FLOATS.payload)
    lines = [
        f"0x{0x20000000 + 8 * i:x} <w+{8 * i}>:\t0x{words[i]:016x}\t0x{words[i + 1]:016x}"
        for i in range(0, len(words), 2)
    ]

    assert read(tmp_path / "d.txt", "\n".join(lines), FLOATS) == FLOATS.payload


def test_strings_behind_addresses_that_may_be_words_are_refused(tmp_path):
    rows = [FLOATS.payload[i : i + 8].hex() for i in range(0, len(FLOATS.payload), 8)]

    with pytest.raises(embinit.EmbinitError, match=r"may be read as words of 16 .* or as hexadecimal strings"):
        read(tmp_path / "d.txt", "\n".join(f"{8 * i:08x}: {row}" for i, row in enumerate(rows)), FLOATS)


@pytest.mark.parametrize("model", ["float32", "q7", "q15", "q31"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("line", ["{} {}", "{},{}", "{}\t{}", "  {} ;  {}", "{}: {}", "w[{}] = {}"])
def test_a_column_that_counts_the_lines_is_no_data(line, first, model, tmp_path):
    entries = MODELS[model].entries
    values = [value.item() for entry in entries for value in entry.data.reshape(-1)]
    text = "\n".join(line.format(i, value) for i, value in enumerate(values, first))
    anew = "\n".join(
        "\n".join([entry.name, *(line.format(i, x) for i, x in enumerate(entry.data.reshape(-1).tolist(), first))])
        for entry in entries
    )

    assert read(tmp_path / "d.txt", f"index,value\n{text}", MODELS[model]) == MODELS[model].payload
    assert read(tmp_path / "d.txt", anew, MODELS[model]) == MODELS[model].payload


def test_values_that_numpy_has_cut_are_no_mismatch(tmp_path):
    for text in (str(np.array(VALUES, np.float32)), " ".join(f"{value:.9f}" for value in VALUES)):
        with pytest.raises(embinit.EmbinitError, match=r"printed with [89] decimals, too few .*%\.9g"):
            read(tmp_path / "d.txt", text, FLOATS)


def test_neighbours_of_the_expected_values_are_read(tmp_path):
    near = np.nextafter(np.array(VALUES, np.float32), np.float32(9))

    for text in (
        " ".join(f"{value:.9g}" for value in near),
        " ".join(map(str, near)),
        " ".join(f"{v:.12f}" for v in near),
    ):
        assert read(tmp_path / "d.txt", text, FLOATS) == near.tobytes()


def test_values_that_are_not_finite_have_their_bits(tmp_path):
    given = {
        "$1 = {nan(0x400000), -nan(0x412345), nan(0x1), -inf}": [0x7FC00000, 0xFFC12345, 0x7F800001, 0xFF800000],
        "$1 = {nan(0x400000) <repeats 4 times>}": [0x7FC00000] * 4,
        "nan nan inf -inf": [0x7FC00000, 0x7FC00000, 0x7F800000, 0xFF800000],
        "0x1.8p+0 -inf nan 0x0p+0": [0x3FC00000, 0xFF800000, 0x7FC00000, 0],
        "0x1p99999 -0x1p99999 0x1p-99999 0x.8p1": [0x7F800000, 0xFF800000, 0, 0x3F800000],
        "0.0, -0.0, 0.0, 0.0": [0, 0x80000000, 0, 0],
    }
    for text, bits in given.items():
        assert read(tmp_path / "d.txt", text, SHORT) == struct.pack("<4I", *bits)


@pytest.mark.parametrize("token", ["0xp1", "0x.p1", "0x1p٣", "0.00", "nan(0x7fc00000)"])
def test_tokens_that_are_no_float32_are_refused(token, tmp_path):
    with pytest.raises(embinit.EmbinitError, match=r"a dump must have 16 bytes|significant digits"):
        read(tmp_path / "d.txt", f"{token} 0.00 0.00 0.00", SHORT)


def test_white_space_of_any_alphabet_separates_the_bytes_of_records(tmp_path):
    data = SHORT.payload.hex(" ").replace(" ", "\u2003")

    assert read(tmp_path / "d.txt", f"@2000\n{data}\nq\n", SHORT) == SHORT.payload


def test_text_with_a_byte_order_mark_is_text_under_any_name(tmp_path):
    text = " ".join(f"{value:.9g}" for value in VALUES)

    for name in ("d", "d.bin", "d.txt"):
        assert read(tmp_path / name, text.encode("utf-8-sig"), FLOATS) == FLOATS.payload


def test_an_archive_is_named_whatever_its_suffix(tmp_path):
    with pytest.raises(embinit.EmbinitError, match="is a gzip archive"):
        read(tmp_path / "d.txt", b"\x1f\x8b\x08" + bytes(90), FLOATS)


def test_a_text_far_longer_than_its_buffers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("embinit.dump.text.MOST", 1000)
    text = " ".join(f"{value:.9g}" for value in VALUES)
    assert read(tmp_path / "d.txt", "boot\n" * 200 + text, FLOATS) == FLOATS.payload

    with pytest.raises(embinit.EmbinitError, match=r"a text must have at most 41960 characters, got \d+: keep"):
        read(tmp_path / "d.txt", "boot\n" * 10000 + text, FLOATS)


def test_an_empty_file_is_called_empty(tmp_path):
    for name in ("d", "d.bin", "d.txt"):
        with pytest.raises(embinit.EmbinitError, match="got 0: the file is empty"):
            read(tmp_path / name, "", FLOATS)
