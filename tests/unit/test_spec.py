"""SPEC.md alone suffices: no source file is normative, and its numbers are those that the C library computes with."""

import csv
import re
from pathlib import Path

import pytest

from embinit.dialects.declared.kinds import KINDS
from embinit.dialects.declared.reader import KEYS
from embinit.expressions import log_table

from support import reference_normal

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "SPEC.md").read_text(encoding="utf-8")
LOG_TABLE = (ROOT / "SPEC_log.csv").read_text(encoding="utf-8")
HEX_FLOAT = re.compile(r"0x[01](?:\.[0-9a-f]+)?p[+-]\d+")


def section(heading: str) -> str:
    """Return the text of a section."""
    return re.split(r"^## ", SPEC.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_no_source_file_is_normative() -> None:
    assert "normative" not in SPEC
    assert not re.findall(r"embinit/(?:_kernels|dialects|samplers)/\S+\.py", SPEC)


def test_the_table_of_the_portable_normal_is_the_one_derived() -> None:
    with (ROOT / "SPEC_normal.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["row", "c0", "c1", "c2", "c3"]
    assert [int(row[0]) for row in rows] == list(range(128))
    assert [tuple(int(word, 16) for word in row[1:]) for row in rows] == [*reference_normal.derivation().table()]


@pytest.mark.parametrize(
    ("file", "heading", "exact"),
    [
        ("embinit_libm.c", "5. libm classes", set()),
        ("embinit_double.c", "5. libm classes", set()),
        (
            "embinit_key_streams.c",
            "18. The tinygrad and mlx dialects",
            {"0x1p-32", "0x1.fffffep-1"},
        ),  # 2^-32, 1 - 2^-24
        ("embinit_pytorch.c", "7. The torch dialects", {"0x1p-24", "0x1p-23"}),  # written 2^-24 and 2^-23
    ],
)
def test_every_constant_of_the_c_library_is_stated(file: str, heading: str, exact: set[str]) -> None:
    code = (ROOT / "embinit" / "c" / file).read_text(encoding="utf-8")
    used = set(HEX_FLOAT.findall(re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL))) - exact
    assert len(used) > 15
    assert used <= set(HEX_FLOAT.findall(section(heading) + LOG_TABLE))


def test_every_key_of_a_dialect_file_is_stated() -> None:
    rows = " ".join(line for line in section("14. Dialect files").splitlines() if line.startswith("|"))
    words = set(re.findall(r"\w+", rows))
    missing = {key for keys in KEYS.values() for key in keys} | {key for kind in KINDS.values() for key in kind.keys}
    assert missing - words == {"modulus"}  # which has one value only
    assert {kind for kind in KINDS if kind not in rows} == set()


def test_the_table_of_log_is_the_one_computed_with() -> None:
    rows = list(csv.DictReader(LOG_TABLE.splitlines()))
    assert [int(row["i"]) for row in rows] == list(range(128))
    assert [float.fromhex(row["inverse"]) for row in rows] == log_table.INVERSE.tolist()
    assert [float.fromhex(row["logarithm"]) for row in rows] == log_table.LOGARITHM.tolist()
