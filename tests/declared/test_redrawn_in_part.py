"""Normal values of which a retry draws some units again, where its condition tests more: beside Python integers."""

from itertools import islice

import numpy as np
import pytest

import embinit
from embinit.dialects import load_dialect

FILE = """[dialect]
name = "acme"
summary = "Acme's firmware"
[dialect.generator]
kind = "lcg"
bits = 32
multiplier = 1664525
increment = 1013904223
output = "state >> 16"
word_bits = 16
seed = "seed"
[dialect.values]
unit = "(float)word / 65536.0f"
[dialect.normal]
words = {words}
retry = "{retry}"
retry_after = "{after}"
redraw = {redraw}
values = ["{value}"]
result = "mean + stddev * z"
[dialect.initializers.default]
mean = "0.0f"
stddev = "1.0f"
[dialect.bias]
initializer = "zeros"
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
order = ["weight", "bias"]
"""


def words(seed):
    state = seed
    while True:
        state = (state * 1664525 + 1013904223) % 2**32
        yield state >> 16


def drawn(units, first, again, redrawn, value):
    """Yield values in units of 2^-16: `first` units before the test, those in `redrawn` anew until it fails."""
    while True:
        held = list(islice(units, first))
        while again(*held):
            for place in redrawn:
                held[place] = next(units)
        yield value(*held, units)


#: The keys of the file, how many units come before the test, the test, what is drawn again, and the value.
CASES = {
    "the second": (
        {"words": '["u1", "u2"]', "retry": "u1 + u2 > 1.25f", "after": "u2", "redraw": '["u2"]', "value": "u1 - u2"},
        2, lambda a, b: a + b > 1.25 * 2**16, [1], lambda a, b, _: a - b,
    ),
    "the first": (
        {"words": '["u1", "u2"]', "retry": "u1 < u2", "after": "u2", "redraw": '["u1"]', "value": "u1 - u2"},
        2, lambda a, b: a < b, [0], lambda a, b, _: a - b,
    ),
    "two of three, and one afterwards": (
        {"words": '["u1", "u2", "u3", "u4"]', "retry": "u1 + u2 < u3", "after": "u3", "redraw": '["u1", "u2"]',
         "value": "u1 + u2 - (u3 + u4)"},
        3, lambda a, b, c: a + b < c, [0, 1], lambda a, b, c, units: a + b - (c + next(units)),
    ),
    "alone": (
        {"words": '["u1", "u2"]', "retry": "u2 > 0.75f", "after": "u2", "redraw": '["u2"]', "value": "u1 - u2"},
        2, lambda a, b: b > 0.75 * 2**16, [1], lambda a, b, _: a - b,
    ),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", CASES)
def test_units_are_drawn_again_as_the_file_says(name, size, tmp_path):
    keys, first, again, redrawn, value = CASES[name]
    (tmp_path / "acme.toml").write_text(FILE.format(**keys))
    dialect = load_dialect(tmp_path / "acme.toml")
    layer = embinit.Linear(name="fc", in_features=size, out_features=1)
    for seed in 1, 2**31 + 5:
        model = embinit.Model("m", [layer], seed=seed, dialect=dialect)
        want = [each / 2**16 for each in islice(drawn(words(seed), first, again, redrawn, value), size)]
        got = model.init()["fc.weight"].ravel()
        assert got.view(np.uint32).tolist() == np.array(want, np.float32).view(np.uint32).tolist()
