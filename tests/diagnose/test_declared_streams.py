"""Models of declared dialects: the seed, the position in the stream and whose rand() the device had instead."""

from itertools import islice

import numpy as np
import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

from support import other_conventions as device
from support.other_conventions import F32, LAYERS, SEED, Device, glibc, lcg, newlib, over, top24, xorshift

NUMERICAL_RECIPES = {
    "kind": "lcg", "bits": 32, "multiplier": 1664525, "increment": 1013904223, "output": "state", "word_bits": 32,
    "seed": "seed",
}  # fmt: skip
FILES = {
    "lcg": ({"generator": NUMERICAL_RECIPES}, lambda seed: lcg(seed, 1664525, 1013904223), top24),
    "xorshift": (
        {"generator": {"kind": "xorshift", "shifts": [13, -7, 17]}}, lambda seed: xorshift(seed, (13, -7, 17)), top24,
    ),
    "rand": (
        {"generator": {"kind": "rand", "seed": "seed"}, "values": {"unit": "(float)word / (float)RAND_MAX"}},
        newlib, over(2**31 - 1),
    ),
}  # fmt: skip


def model(file, seed=SEED, **build):
    return {
        "model": {"name": "m", "target": "host", "rand": "newlib", "seed": seed, **build},
        "dialect": {"name": "own", "based_on": "odt", **FILES[file][0]},
        "layer": [{"name": n, "type": "Linear", "in_features": i, "out_features": o} for n, i, o in LAYERS],
    }


def payloads(tables):
    return {entry.row.name: entry.payload for entry in gather(from_tables(tables, {}).plan()).entries}


def first(file, dump):
    diagnosis = diagnose(gather(from_tables(model(file), {}).plan()), dump, "dump")
    assert diagnosis.explained, str(diagnosis)
    found = diagnosis.explanations[0]
    return [cause.hypothesis.name for cause in found.causes], found


def made(file, seed=SEED, skip=0):
    _, words, unit = FILES[file]
    return Device(words=islice(words(seed), skip, None), unit=unit).memory()


@pytest.mark.parametrize("file", FILES)
def test_the_device_of_these_tests_is_the_simulation(file):
    assert made(file) == payloads(model(file))


@pytest.mark.parametrize(
    ("file", "seed"),
    [
        *((file, seed) for file in FILES for seed in (7, 999)),
        ("lcg", 0x9ABCDEF1),
        ("xorshift", 0x9ABCDEF1),
        ("rand", 3001),
    ],
)
def test_another_seed(file, seed):
    names, found = first(file, made(file, seed))

    assert names == ["seed"]
    assert found.lines == {"[model]": f"seed = {seed}"}
    assert payloads(model(file, seed)) == found.image


def test_rand_without_srand():
    assert first("rand", made("rand", 1))[0] == ["unseeded start"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("skip", [1, 17, 3000])
def test_words_before(file, skip):
    names, found = first(file, made(file, skip=skip))

    assert names == ["stream position"]
    assert f"{skip} word" in found.causes[0].hypothesis.sentence


@pytest.mark.parametrize("file", FILES)
def test_seeded_again_for_every_layer(file):
    dump = {}
    for layer in LAYERS:
        dump |= Device(words=FILES[file][1](SEED), unit=FILES[file][2]).memory([layer])

    assert first(file, dump)[0] == ["seeded per layer"]


@pytest.mark.parametrize(
    ("rand", "words", "unit"),
    [("glibc", glibc, over(2**31 - 1)), ("musl", device.musl, over(2**31 - 1)), ("avr", device.avr, over(32767))],
)
def test_the_rand_of_another_library(rand, words, unit):
    dump = Device(words=words(SEED), unit=unit).memory()

    names, found = first("rand", dump)

    assert names == ["rand"]
    assert found.lines == {"[model]": f'rand = "{rand}"'}
    assert payloads(model("rand", rand=rand)) == dump


@pytest.mark.parametrize("file", FILES)
def test_another_unit_value_in_an_own_dialect(file):
    def unit(words):
        return (words & np.uint64(0x7FFF)).astype(F32) / F32(32767)

    names, found = first(file, Device(words=FILES[file][1](SEED), unit=unit).memory())

    assert names == ["unit value"]
    table = model(file)
    unit_text = found.lines["[dialect.values]"].removeprefix('unit = "').removesuffix('"')
    table["dialect"] = {**table["dialect"], "values": {"unit": unit_text}}
    assert payloads(table) == found.image
