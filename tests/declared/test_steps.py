"""Steps of a file's own where C skips what it does not evaluate, in Python and compiled."""

import numpy as np
import pytest

import embinit

SCHRAGE = """
[dialect]
name = "schrage"
[dialect.generator]
kind = "steps"
state = ["int32_t s"]
seed = ["s = (int32_t)(seed & 0x3fffffffu) + 1"]
step = ["s = 16807 * (s % 127773) - 2836 * (s / 127773)", "s = s < 0 ? s + 2147483647 : s"]
output = "s"
word_bits = 31
[dialect.initializers.default]
value = "(float)word * 0x1p-31f"
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
"""


def words(seed, n):
    s, found = (seed & 0x3FFFFFFF) + 1, []
    for _ in range(n):
        s = 16807 * s % (2**31 - 1)
        found.append(s)
    return np.array(found, np.uint32)


@pytest.mark.parametrize("n", [300, 70_000])
def test_the_arm_that_is_not_taken_may_overflow(n, tmp_path):
    path = tmp_path / "schrage.toml"
    path.write_text(SCHRAGE, encoding="utf-8")
    out = np.empty(n, np.float32)

    embinit.Generator.seeded(12345, embinit.load_dialect(path)).fill("default", out=out, fan_in=1, fan_out=1)

    assert out.tolist() == (words(12345, n).astype(np.float32) * np.float32(2.0**-31)).tolist()


def test_the_arm_that_is_taken_may_not(tmp_path):
    path = tmp_path / "schrage.toml"
    path.write_text(SCHRAGE.replace("s < 0 ?", "s >= 0 ?"), encoding="utf-8")

    with pytest.raises(embinit.EmbinitError, match=r"dialect\.generator\.step, statement \d, column \d+: .* overflow"):
        embinit.load_dialect(path).start(7, "newlib").random_raw(50)


def test_low_may_be_said_by_high_and_a_redraw_is_of_what_was_drawn(tmp_path):
    tables = (
        '[dialect.values]\nunit = "(float)word"\nuniform = "low"\n[dialect.normal]\nwords = ["a", "b"]\n'
        'retry = "a < 1.0f"\nretry_after = "a"\nvalues = ["a"]\nresult = "z"\n[dialect.i'
    )
    text = SCHRAGE.replace("value = ", 'high = "0.5f"\nlow = "-high"\n#').replace("[dialect.i", tables)
    path = tmp_path / "schrage.toml"
    path.write_text(text, encoding="utf-8")
    out = np.empty(3, np.float32)

    embinit.Generator.seeded(1, embinit.load_dialect(path)).fill("default", out=out, fan_in=1, fan_out=1)

    assert out.tolist() == [-0.5] * 3
