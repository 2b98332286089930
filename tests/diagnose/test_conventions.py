"""Another generator, another unit value, other limits: what diagnose names first, and its lines give every byte."""

import time
import tomllib
from itertools import cycle

import numpy as np
import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.compiled import known_generators

from support import other_conventions as device
from support.other_conventions import F32, MODEL, SEED, Device, glibc, lcg, newlib, over, top24, xorshift


def tables_with(explanation):
    """The model file's tables with an explanation's lines added."""
    text = "\n".join(f"{head}\n{lines}" for head, lines in explanation.lines.items() if head.startswith("[dialect"))
    tables = {**MODEL, **tomllib.loads(text)}
    tables["model"] = MODEL["model"] | tomllib.loads(explanation.lines.get("[model]", ""))
    layer = tomllib.loads(explanation.lines.get("[[layer]]", ""))
    tables["layer"] = [each | layer for each in MODEL["layer"]]
    return tables


def payloads(tables):
    return {entry.row.name: entry.payload for entry in gather(from_tables(tables, {}).plan()).entries}


def first(dump):
    diagnosis = diagnose(gather(from_tables(MODEL, {}).plan()), dump, "dump")
    assert diagnosis.explained, str(diagnosis)
    found = diagnosis.explanations[0]
    assert payloads(tables_with(found)) == dump
    for head, lines in found.lines.items():  # what is printed is what was loaded
        for line in lines.splitlines():
            assert line in str(diagnosis), (head, line)
    return found


def said(found):
    return " ".join(cause.hypothesis.sentence for cause in found.causes)


def names(found):
    return [cause.hypothesis.name for cause in found.causes]


def test_the_device_of_these_tests_is_the_simulation_where_it_makes_no_mistake():
    assert Device().memory() == payloads(MODEL)


def test_generators_are_told_apart_by_their_names():
    found = known_generators()
    assert len({words.says for words in found}) == len(found)


UNITS = {
    ">> 9 and 2^-24": ("(word >> 9), times 2^-24", lambda w: (w >> 9).astype(F32) * F32(2**-24)),
    ">> 9 and 2^-23": ("(word >> 9), divided by 8388608", lambda w: (w >> 9).astype(F32) * F32(2**-23)),
    "/ 4294967296.0f": ("4294967296.0f", over(4294967296.0)),
    "/ (float)UINT32_MAX": ("UINT32_MAX", over(np.uint32(0xFFFFFFFF))),
    "/ 4294967295.0": ("4294967295 in double", lambda w: w / 4294967295.0),
    "/ 16777215": ("divided by 16777215", lambda w: (w >> 8).astype(F32) / F32(16777215)),
    ">> 16 / 65536": ("(word >> 16), divided by 65536", lambda w: (w >> 16).astype(F32) / F32(65536)),
    ">> 16 / 65535": ("(word >> 16), divided by 65535", lambda w: (w >> 16).astype(F32) / F32(65535)),
    "& 0xffffff": ("word & 0xffffff", lambda w: (w & 0xFFFFFF).astype(F32) / F32(16777216)),
    "& 0x7fff": ("word & 0x7fff", lambda w: (w & 0x7FFF).astype(F32) / F32(32767)),
    "% 20001": ("word % 20001", lambda w: (w % 20001).astype(F32) / F32(20000)),
    "% 1000": ("word % 1000", lambda w: (w % 1000).astype(F32) / F32(1000)),
}
SIGNED = {
    "% 20001 - 10000": (
        "word % 20001", lambda w: ((w % 20001).astype(np.int64) - 10000).astype(F32) / F32(10000),
    ),
    "int32_t": ("int32_t", lambda w: w.astype(np.uint32).view(np.int32).astype(F32) * F32(2**-31)),
}  # fmt: skip


@pytest.mark.parametrize("mistake", UNITS)
def test_a_unit_value(mistake):
    words, unit = UNITS[mistake]
    double = Device(unit=unit).memory()
    if mistake == "/ 4294967295.0":  # a double unit stays one in what follows
        double = Device(
            unit=unit, element=lambda u, limit: np.float64(-limit) + u * np.float64(limit - -limit)
        ).memory()

    found = first(double)

    assert names(found) == ["unit value"]
    assert words in said(found)


@pytest.mark.parametrize("mistake", SIGNED)
def test_a_unit_value_about_0(mistake):
    words, unit = SIGNED[mistake]

    found = first(Device(unit=unit, element=lambda u, limit: u * limit).memory())

    assert names(found) == ["unit value"]
    assert words in said(found)


GENERATORS = {
    "13, 7, 17": ("<< 13, >> 7, << 17", lambda: xorshift(SEED, (13, -7, 17)), top24),
    "5, 13, 6": ("<< 5, >> 13, << 6", lambda: xorshift(SEED, (5, -13, 6)), top24),
    "7, 1, 9, to the right first": (">> 7, << 1, >> 9", lambda: xorshift(SEED, (-7, 1, -9)), top24),
    "another order": ("<< 13, << 5, >> 17", lambda: xorshift(SEED, (13, 5, -17)), top24),
    "arithmetic shift": ("arithmetic", lambda: xorshift(SEED, signed=True), top24),
    "64-bit state": ("64 bits", lambda: xorshift(SEED, bits=64), top24),
    "Numerical Recipes": ("1664525", lambda: lcg(SEED, 1664525, 1013904223), top24),
    "ANSI C": (
        "1103515245", lambda: lcg(SEED, 1103515245, 12345, 16, 0x7FFF), lambda w: w.astype(F32) / F32(32767),
    ),
    "glibc's TYPE_0": (
        "1103515245", lambda: lcg(SEED, 1103515245, 12345, 0, 0x7FFFFFFF), lambda w: w.astype(F32) / F32(2**31 - 1),
    ),
    "Microsoft": ("msvc", lambda: lcg(SEED, 214013, 2531011, 16, 0x7FFF), lambda w: w.astype(F32) / F32(32767)),
    "Borland": ("Borland", lambda: lcg(SEED, 22695477, 1, 16, 0x7FFF), lambda w: w.astype(F32) / F32(32767)),
    "newlib": ("newlib", lambda: newlib(SEED), over(2**31 - 1)),
    "glibc": ("glibc", lambda: glibc(SEED), over(2**31 - 1)),
    "musl": ("musl", lambda: device.musl(SEED), over(2**31 - 1)),
    "avr": ("avr", lambda: device.avr(SEED), over(32767)),
    "MT19937": ("mt19937", lambda: device.mt19937(SEED), over(2**32)),
}  # fmt: skip
SEEDS = {
    "Numerical Recipes, some seed": ("1664525", 0x9ABCDEF1, lambda s: lcg(s, 1664525, 1013904223), top24),
    "ANSI C, some seed": (
        "1103515245", 0x12345678, lambda s: lcg(s, 1103515245, 12345, 16, 0x7FFF), lambda w: w.astype(F32) / F32(32767),
    ),
    "newlib, an ADC's seed": ("newlib", 3001, newlib, over(2**31 - 1)),
    "glibc, an ADC's seed": ("glibc", 777, glibc, over(2**31 - 1)),
    "glibc, unseeded": ("glibc", 1, glibc, over(2**31 - 1)),
}  # fmt: skip


@pytest.mark.parametrize("mistake", GENERATORS)
def test_a_generator(mistake):
    words, generator, unit = GENERATORS[mistake]

    found = first(Device(words=generator(), unit=unit).memory())

    assert names(found) == ["generator"]
    assert words in said(found)


@pytest.mark.parametrize("mistake", SEEDS)
def test_a_generator_and_its_seed(mistake):
    words, seed, generator, unit = SEEDS[mistake]

    found = first(Device(words=generator(seed), unit=unit).memory())

    assert set(names(found)) == {"generator", "seed"}
    assert words in said(found)


def exchanged(fan_in, fan_out):
    return fan_out, fan_in


BOTH = {
    ">> 9": (UNITS[">> 9 and 2^-23"][1], None),
    "2^-24": (UNITS[">> 9 and 2^-24"][1], None),
    "/ 16777215": (UNITS["/ 16777215"][1], None),
    "% 20001": (UNITS["% 20001"][1], None),
    "/ 2^32": (UNITS["/ 4294967296.0f"][1], None),
    "13, 7, 17": (top24, lambda: xorshift(SEED, (13, -7, 17))),
    "Numerical Recipes": (top24, lambda: lcg(SEED, 1664525, 1013904223)),
    "64 bits": (top24, lambda: xorshift(SEED, bits=64)),
    "newlib": (over(2**31 - 1), lambda: newlib(SEED)),
    "glibc": (over(2**31 - 1), lambda: glibc(SEED)),
}


@pytest.mark.parametrize(("mistake", "whose"), [*zip(BOTH, cycle(["weights", "biases too"]))])
def test_fans_exchanged_as_well(mistake, whose):
    unit, generator = BOTH[mistake]
    changed = {"fans": exchanged, **({"bias_fans": exchanged} if whose == "biases too" else {})}

    found = first(Device(words=generator and generator(), unit=unit, **changed).memory())

    assert names(found)[1:] == ["fan"]
    assert names(found)[0] in ("generator", "unit value")


def n(fan_in, fan_out):
    return F32(fan_in + fan_out)


LIMITS = {
    "without the root": ("without the square root", lambda i, o: F32(6) / n(i, o)),
    "6 over the root": ("6 / sqrt(", lambda i, o: F32(6) / np.sqrt(n(i, o))),
    "root by root": ("sqrtf(3.0f) / sqrtf(", lambda i, o: F32(0.57735026919) * np.sqrt(F32(3)) / np.sqrt(F32(i))),
}


@pytest.mark.parametrize("mistake", LIMITS)
def test_one_formula_of_limits_for_all_buffers(mistake):
    words, limit = LIMITS[mistake]

    found = first(Device(limit=limit).memory())

    assert names(found) == ["limit"]
    assert words in said(found)


def test_an_interval_from_its_other_end():
    dump = Device(element=lambda unit, limit: limit - unit * (limit - -limit)).memory()

    assert "high - unit * (high - low)" in said(first(dump))


def test_random_bytes_are_explained_by_nothing_and_fast():
    sizes = {name: len(held) for name, held in Device().memory().items()}
    dump = {name: np.random.default_rng(1).bytes(size) for name, size in sizes.items()}
    bundle = gather(from_tables(MODEL, {}).plan())
    diagnose(bundle, dump, "dump")

    start = time.process_time()
    diagnosis = diagnose(bundle, dump, "dump")

    assert not diagnosis.explained
    assert time.process_time() - start < 2


@pytest.mark.parametrize("bit", [0, 31])
def test_one_wrong_bit_is_not_explained_away(bit):
    dump = Device(unit=UNITS["/ 16777215"][1]).memory()
    held = np.frombuffer(dump["second.weight"], np.uint32).copy()
    held[40] ^= np.uint32(1 << bit)
    dump["second.weight"] = held.tobytes()

    diagnosis = diagnose(gather(from_tables(MODEL, {}).plan()), dump, "dump")

    assert not diagnosis.explained
    assert "divided by 16777215" in said(diagnosis.explanations[0])
