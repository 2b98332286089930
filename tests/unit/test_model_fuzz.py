"""Model files changed at random: each is planned, or refused in one printable line that echoes little of it."""

import contextlib
import io
import os
import random
import re
from pathlib import Path

import pytest

from embinit.__main__ import main
from embinit.dialects import DIALECTS
from embinit.initializers import BY_NAME
from embinit.layers import DRAW_FREE, WITH_PARAMETERS

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
HEAD = '[model]\nname = "m"\ndialect = "{}"\ntarget = "cortex-m4f"\nseed = 5\n'
CORPUS = [
    *(path.read_text(encoding="utf-8") for path in EXAMPLES),
    HEAD.format("torch")
    + '[[layer]]\ntype = "LSTM"\ninput_size = 3\nhidden_size = 4\nnum_layers = 2\nbidirectional = true\nproj_size = 2\n'
    + '[[layer]]\nname = "e"\ntype = "Embedding"\nnum_embeddings = 5\nembedding_dim = 3\npadding_idx = 1\n'
    + '[[layer]]\ntype = "Conv2d"\nin_channels = 4\nout_channels = 4\nkernel_size = [3, 2]\ngroups = 2\n'
    + 'weight_init = "trunc_normal"\nmean = 0.1\nstddev = 0.2\nlow = -1\nhigh = 1.5\n'
    + '[[layer]]\ntype = "LayerNorm"\nnormalized_shape = [2, 3]\nweight_format = "sym8"\nrounding = "stochastic"\n',
    HEAD.format("gomlx")
    + '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 2\nout_features = 3\nbias = false\n'
    + 'weight_init = "broadcast_tensor_to_shape"\nbase = [[1, 2, 3], [4.5, 5, 6]]\nweight_format = "affine5"\n',
    HEAD.format("portable-int")
    + '[[layer]]\ntype = "Conv1d"\nin_channels = 2\nout_channels = 2\nkernel_size = 3\nweight_format = "q3.5"\n'
    + 'bias_format = "q15"\nweight_init = "variance_scaling"\nmode = "fan_out"\ndistribution = "normal"\nscale = 1\n',
]
VALUES = [
    "", "0", "-1", "true", "nan", "-inf", "1e400", "1e38", "3.5e38", "-0.0", "1e-45", "2000000000", "2147483647", "16",
    "1" + "0" * 20, "-1" + "0" * 20, "1" + "0" * 400, "1" + "0" * 5000, "0x" + "f" * 100, "0x" + "f" * 4000,
    "0b1" + "0" * 9000, '""', '"\\n\\u001b[31m"', '"\\u202e\\u0000"', '"' + "x" * 5000 + '"', '"float32"', '"default"',
    "[" * 5 + "]" * 5, "[" * 60 + "1" + "]" * 60, "[" * 2000 + "]" * 2000, "{a = " * 9 + "1" + "}" * 9,
    "{a = " * 900 + "1" + "}" * 900, "[" + "1, " * 65 + "]", "[" + "2, " * 31 + "]", "[]", "{}", "[1, 2]", '["a"]',
    "1979-05-27T07:32:00Z", "07:32:00", "'''\n'''", "1_000", "+1", "0o7", "[[1], [2, 3]]", '{ name = "uniform" }',
]  # fmt: skip
KEYS = [
    "a." * 20000 + "a", "a." * 30 + "a", "x" * 5000, '"\\u0007"', '""', "layer", "model", "layer.x", "name", "groups",
    "bias", "memory_limit", "num_layers", "weight_init", "gain", "value", "low", "base", "in_axis", "mode", "libm",
    "group_size", "rounding", "weight_format", "multiply_add", "kernel_size", "nonlinearity", "path", "d\u00e9j\u00e0",
]  # fmt: skip
WORDS = [
    *WITH_PARAMETERS, *DRAW_FREE[:3], *DIALECTS, *BY_NAME, "orthogonal", "he", "int8", "q1.7", "sym26", "asym30",
    "bfp4e3", "affine17", "sym_int32/31", "half_even", "stochastic", "fused", "double", "class", "embinit_x", "a" * 41,
]  # fmt: skip


def a_value(text, dice):
    """Put another value behind a key."""
    return _line(text, dice, lambda line: re.sub(r"=.*", lambda _: f"= {dice.choice(VALUES)}", line))


def a_key(text, dice):
    """Put another key before a value."""
    return _line(text, dice, lambda line: re.sub(r"^[^=]*=", lambda _: f"{dice.choice(KEYS)} =", line))


def a_new_line(text, dice):
    """Add a key with a value."""
    return _line(text, dice, lambda line: f"{line}\n{dice.choice(KEYS)} = {dice.choice(VALUES)}")


def a_word(text, dice):
    """Put another known word between quotes."""
    return _line(text, dice, lambda line: re.sub(r'"[^"]*"', lambda _: f'"{dice.choice(WORDS)}"', line))


def a_number(text, dice):
    """Put another integer in the place of one."""
    return _line(text, dice, lambda line: re.sub(r"\d+", lambda _: str(dice.randrange(-2, 40)), line, count=1))


def a_line_less(text, dice):
    return _line(text, dice, lambda _: "")


def a_line_twice(text, dice):
    return _line(text, dice, lambda line: "\n".join([line] * dice.choice([2, 2, 3, 500])))


def a_part_of_another(text, dice):
    other = dice.choice(CORPUS)
    start = dice.randrange(len(other))
    at = dice.randrange(len(text) + 1)
    return text[:at] + other[start : start + dice.randrange(300)] + text[at:]


def lines_in_another_order(text, dice):
    lines = text.split("\n")
    dice.shuffle(lines)
    return "\n".join(lines)


def characters(text, dice):
    """Put a few random characters in the place of others."""
    at, what = dice.randrange(len(text) + 1), dice.choice(["\0", "\x1b", '"', "'", "[", "]", "{", "=", "\n", "\r", "é"])
    return text[:at] + what * dice.choice([1, 1, 2, 3]) + text[at + dice.randrange(4) :]


def an_end(text, dice):
    return text[: dice.randrange(len(text) + 1)]


MUTATORS = [
    a_value, a_value, a_value, a_key, a_new_line, a_new_line, a_word, a_word, a_number, a_line_less, a_line_twice,
    a_part_of_another, lines_in_another_order, characters, an_end,
]  # fmt: skip


def _line(text, dice, change):
    lines = text.split("\n")
    at = dice.randrange(len(lines))
    return "\n".join([*lines[:at], change(lines[at]), *lines[at + 1 :]])


def mutated(seed):
    dice = random.Random(seed)
    text = dice.choice(CORPUS)
    for _ in range(dice.choice([1, 1, 1, 2, 2, 3, 5])):
        text = dice.choice(MUTATORS)(text, dice)
    content = text.encode(errors="surrogatepass")
    if dice.random() < 0.03:
        at = dice.randrange(len(content) + 1)
        content = content[:at] + dice.randbytes(2) + content[at:]
    return content


def outcome(path, command="plan"):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([command, str(path)])
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("part", range(4))
def test_a_changed_model_file_is_planned_or_refused_in_a_line(part, tmp_path):
    count = int(os.environ.get("EMBINIT_MUTATIONS", "1000")) // 4
    path = tmp_path / "m.toml"
    seen = {0: 0, 2: 0}
    for seed in range(part * count, (part + 1) * count):
        path.write_bytes(mutated(seed))
        status, out, err = outcome(path)
        seen[status] += 1
        if status == 0:
            assert re.search(r"bytes\n(no init code: [^\n]+\n)?\Z", out), seed
            continue
        assert not out, seed
        assert re.fullmatch(r"embinit: error: [^\n]+\n", err), seed
        assert err[:-1].isprintable(), seed
        assert len(err) < 1000, seed
    assert min(seen.values()) > count // 20
