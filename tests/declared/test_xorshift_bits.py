"""`bits` of an xorshift: the width of its state, which `state` says too."""

import numpy as np
import pytest

import embinit

FILE = """
[dialect]
name = "own"
based_on = "odt"
[dialect.generator]
kind = "xorshift"
shifts = [13, -7, 17]
"""


def values(tmp_path, *lines):
    path = tmp_path / "own.toml"
    path.write_text(FILE + "\n".join(lines), encoding="utf-8")
    layer = embinit.Linear(name="fc", in_features=4, out_features=3)
    return embinit.Model("m", [layer], 42, embinit.load_dialect(path)).init()["fc.weight"]


def xorshift(bits, n, state=42):
    for _ in range(n):
        for shift in (13, -7, 17):
            state ^= (state << shift if shift > 0 else state >> -shift) % 2**bits
        yield state


@pytest.mark.parametrize("lines", [[], ["bits = 32"], ['state = "uint32_t"'], ["bits = 32", 'state = "uint32_t"']])
def test_32_bits_may_be_said_or_not(lines, tmp_path):
    units = np.array([word >> 8 for word in xorshift(32, 12)], np.float32) * np.float32(2**-24)
    assert np.array_equal(np.argsort(values(tmp_path, *lines).reshape(-1)), np.argsort(units))


def test_bits_alone_say_the_state(tmp_path):
    lines = "word_bits = 32", 'output = "(uint32_t)(state >> 32)"'
    assert np.array_equal(values(tmp_path, "bits = 64", *lines), values(tmp_path, 'state = "uint64_t"', *lines))


def test_bits_of_another_width_than_the_state_are_refused(tmp_path):
    message = r"dialect\.generator\.bits: must be 64, as state is a uint64_t, got 32"
    with pytest.raises(embinit.EmbinitError, match=message):
        values(tmp_path, "bits = 32", 'state = "uint64_t"')
