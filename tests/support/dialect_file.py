"""A dialect file to which tests do one thing wrong, and how such a file is refused."""

from pathlib import Path

import pytest

import embinit

GOOD = """[dialect]
name = "acme"
summary = "Acme's firmware"
[dialect.generator]
kind = "lcg"
bits = 32
multiplier = 1664525
increment = 1013904223
output = "state >> 16"
word_bits = 16
seed = "seed == 0 ? 1 : seed"
scope = "model"
[dialect.values]
unit = "(float)word / 65536.0f"
uniform = "unit * (high - low) + low"
[dialect.normal]
words = ["u1", "u2"]
retry = "u1 <= 1e-7f"
redraw = ["u1"]
values = ["sqrtf(-2.0f * logf(u1)) * cosf(6.2831855f * u2)"]
result = "mean + stddev * z"
[dialect.initializers.default]
limit = "sqrtf(6.0f / (float)fan_in)"
low = "-limit"
high = "limit"
[dialect.initializers.small]
mean = "0.0f"
stddev = "0.02f"
[dialect.bias]
initializer = "zeros"
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
order = ["weight", "bias"]
"""


def r(old: str, new: str) -> str:
    """Return the good file with one thing replaced."""
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def assert_refused_in_one_line(text: str, message: str) -> None:
    """Expect that acme.toml with a text, in the working directory, is refused; "..." ends a message that goes on."""
    Path("acme.toml").write_text(text, encoding="utf-8")
    with pytest.raises(embinit.EmbinitError) as error:
        embinit.load_dialect("acme.toml").start(1, "newlib")
    start, cut, _ = message.partition("...")
    assert str(error.value).startswith(start) if cut else str(error.value) == message
    assert message.startswith("acme.toml: ")
    assert "\n" not in str(error.value)
