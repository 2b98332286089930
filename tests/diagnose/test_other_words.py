"""Normals and codes that were made with another generator or another unit value are named as uniforms are."""

import json
import tomllib

import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

LCG = {
    "kind": "lcg", "bits": 32, "multiplier": 1664525, "increment": 1013904223, "output": "state", "word_bits": 32,
    "seed": "seed",
}  # fmt: skip
MISTAKES = {
    "lcg": ({"generator": LCG}, "x * 1664525 + 1013904223"),
    "mt19937": ({"generator": {"kind": "mt19937", "seed": "seed"}}, "MT19937"),
    "rand": (
        {"generator": {"kind": "rand", "seed": "seed"}, "values": {"unit": "(float)word / (float)RAND_MAX"}},
        "rand() of glibc. The unit value is rand() divided by (float)RAND_MAX",
    ),
    "unit": ({"values": {"unit": "(float)word / 4294967296.0f"}}, "4294967296.0f"),
}


def tables(weight_format, initializer, dialect, seed=42):
    given = {"weight_format": weight_format} | ({"weight_init": initializer} if initializer else {})
    layers = [
        {"name": name, "type": "Linear", "in_features": i, "out_features": o, "bias": False, **given}
        for name, i, o in (("first", 24, 10), ("second", 10, 6))
    ]
    model = {"name": "m", "seed": seed, **({"dialect": dialect} if isinstance(dialect, str) else {})}
    declared = {} if isinstance(dialect, str) else {"dialect": {"based_on": "odt", **dialect}}
    return {"model": model, "layer": layers, **declared}


def bundle(*how):
    return gather(from_tables(tables(*how), {}).plan())


def payloads(made):
    return {entry.row.name: entry.payload for entry in made.entries}


#: The last bits of a unit value do not reach codes of 8 bits.
CASES = [
    (mistake, weight_format, initializer)
    for mistake in MISTAKES
    for weight_format in ("float32", "q7", "int8")
    for initializer in ("kaiming_normal", None)
    if weight_format != "float32" or initializer
    if weight_format == "float32" or mistake != "unit"
]


@pytest.mark.parametrize(("mistake", "weight_format", "initializer"), CASES)
def test_it_is_named_first(mistake, weight_format, initializer):
    declared, said = MISTAKES[mistake]
    dump = payloads(bundle(weight_format, initializer, declared))
    planned = bundle(weight_format, initializer, "odt")

    found = diagnose(planned, dump, "dump").explanations[0]

    assert found.exact
    assert said in " ".join(cause.hypothesis.sentence for cause in found.causes)
    lines = tomllib.loads("\n".join(f"{head}\n{text}" for head, text in found.lines.items() if "dialect" in head))
    again = tables(weight_format, initializer, "odt") | lines
    again["model"] = {"name": "m", "seed": 42} | tomllib.loads(found.lines.get("[model]", ""))
    assert payloads(gather(from_tables(again, {}).plan())) == dump


@pytest.mark.parametrize("dialect", ["torch", "portable"])
def test_what_cannot_be_tried_is_said(dialect):
    planned = bundle("float32", None, dialect)
    dump = {name: bytes(range(1, 241)) * (len(held) // 240) for name, held in payloads(planned).items()}

    diagnosis = diagnose(planned, dump, "dump")

    wanted = "not tried: other generators, unit values and formulas of limits, because dialect"
    assert f"{wanted} {dialect} is not one that a dialect file can say" in str(diagnosis)
    assert wanted in json.loads(json.dumps(diagnosis.as_json()))["untried"]
