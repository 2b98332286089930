"""The slow oracle of the portable normal: its definition in Python ints, over a table derived afresh with mpmath."""

import importlib.util
from functools import cache
from pathlib import Path

DERIVATION = Path(__file__).parents[2] / "bench" / "normal_table.py"


@cache
def derivation():
    spec = importlib.util.spec_from_file_location("normal_table", DERIVATION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def row(octave, segment):
    """Derive a cubic; nothing is read from the package."""
    return derivation().row(octave, segment)


def magnitude(v):
    """|z| in units of 2^-24, where P(|Z| > |z|) = v / 2^32."""
    octave = 32 - v.bit_length()
    normalized = v << octave
    c0, c1, c2, c3 = row(octave, normalized >> 29 & 3)
    s = 2**32 - 1 - (normalized << 3) % 2**32
    z = c2 + (c3 * s >> 32)
    z = c1 + (z * s >> 32)
    z = c0 + (z * s >> 32)
    return z + 8 >> 4


def code(word):
    z = magnitude(2 * (word % 2**31) + 1)
    return -z if word >> 31 else z


def truncated_code(word):
    least = 195422145  # the largest integer below 2^33 P(Z > 2)
    z = min(magnitude(least + (2 * (word % 2**31) + 1) * (2**32 - least) // 2**32), 2 * 2**24)
    return -z if word >> 31 else z
