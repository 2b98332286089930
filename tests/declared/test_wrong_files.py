"""Wrong dialect files: one line each, which names the file, the key, the column where there is one, and the rule."""

import numpy as np
import pytest

import embinit
from embinit.errors import EmbinitError

from support.dialect_file import GOOD, assert_refused_in_one_line, r


def steps(state='["uint32_t x"]', seed='["x = seed | 1u"]', step='["x = x ^ (x << 13)"]', output='"x"') -> str:
    start, end = GOOD.index('kind = "lcg"'), GOOD.index('scope = "model"')
    keys = f'kind = "steps"\nstate = {state}\nseed = {seed}\nstep = {step}\noutput = {output}\n'
    return GOOD[:start] + keys + GOOD[end:]


XORSHIFT = 'kind = "lcg"\nbits = 32\nmultiplier = 1664525\nincrement = 1013904223'
WRONG = {
    "not toml": (
        "dialect = [",
        "acme.toml: is not TOML: Invalid value (at end of document)",
    ),
    "empty": (
        "",
        "acme.toml: must have one table, [dialect], and tables within it, got nothing",
    ),
    "two tables": (
        GOOD + '[model]\nname = "m"\n',
        "acme.toml: must have one table, [dialect], and tables within it, got [dialect], [model]",
    ),
    "unknown key": (
        r("summary =", "sumary ="),
        "acme.toml: dialect has no key 'sumary'; its keys are name, summary, based_on, rehearsal, generato...",
    ),
    "unknown table": (
        r("[dialect.bias]", "[dialect.biases]"),
        "acme.toml: dialect has no key 'biases'; its keys are name, summary, based_on, rehearsal, generato...",
    ),
    "name with a space": (
        r('"acme"', '"ac me"'),
        "acme.toml: dialect.name: must be a letter, then at most 63 letters, digits, '.', '_', '+' and '-'...",
    ),
    "summary is a number": (
        r('"Acme\'s firmware"', "3"),
        "acme.toml: dialect.summary: must be text in quotes, on one line, got 3",
    ),
    "no generator": (
        r("[dialect.generator]", "[dialect.generators]"),
        "acme.toml: dialect has no key 'generators'; its keys are name, summary, based_on, rehearsal, gene...",
    ),
    "unknown kind": (
        r('"lcg"', '"lgc"'),
        "acme.toml: dialect.generator.kind: must be one of lcg, xorshift, steps, rand, mt19937, pcg32, pcg...",
    ),
    "key of another kind": (
        r("bits = 32", "bits = 32\nshifts = [13, -17, 5]"),
        "acme.toml: dialect.generator has no key 'shifts'; its keys are kind, seed, word_bits, scope, warm...",
    ),
    "missing parameter": (
        r("multiplier = 1664525\n", ""),
        "acme.toml: dialect.generator needs the key 'multiplier', which is missing",
    ),
    "bits 48": (
        r("bits = 32", "bits = 48"),
        "acme.toml: dialect.generator.bits: must be one of 32, 64, got 48",
    ),
    "multiplier too large": (
        r("1664525", "4294967296"),
        "acme.toml: dialect.generator.multiplier: must be an integer from 0 to 4294967295, got 4294967296",
    ),
    "multiplier is text": (
        r("1664525", '"1664525"'),
        "acme.toml: dialect.generator.multiplier: must be an integer from 0 to 18446744073709551615, got '...",
    ),
    "increment negative": (
        r("1013904223", "-1"),
        "acme.toml: dialect.generator.increment: must be an integer from 0 to 18446744073709551615, got -1",
    ),
    "word_bits 0": (
        r("word_bits = 16", "word_bits = 0"),
        "acme.toml: dialect.generator.word_bits: must be an integer from 1 to 64, got 0",
    ),
    "word_bits too small": (
        r("word_bits = 16", "word_bits = 8"),
        "acme.toml: dialect.generator.word_bits: is 8, and the word 0xfb18 has more bits",
    ),
    "unknown scope": (
        r('"model"', '"network"'),
        "acme.toml: dialect.generator.scope: must be one of model, layer, tensor, got 'network'",
    ),
    "warmup negative": (
        r('scope = "model"', "warmup = -1"),
        "acme.toml: dialect.generator.warmup: must be an integer from 0 to 1000000, got -1",
    ),
    "seed is a list": (
        r('"seed == 0 ? 1 : seed"', '["state = seed"]'),
        'acme.toml: dialect.generator.seed: must be a C expression in quotes, such as "0.1f", got [\'state...',
    ),
    "seed of a name unknown": (
        r('"seed == 0 ? 1 : seed"', '"seeds"'),
        "acme.toml: dialect.generator.seed, column 1: seeds is not known here; did you mean seed?; known:...",
    ),
    "layer without a scope": (
        r('"seed == 0 ? 1 : seed"', '"seed + layer"'),
        "acme.toml: dialect.generator.seed, column 8: layer is not known here; known: seed",
    ),
    "xorshift shift 0": (
        r(XORSHIFT, 'kind = "xorshift"\nshifts = [13, 0, 5]'),
        "acme.toml: dialect.generator.shifts: must be from 1 to 31 (<<) or -1 to -31 (>>) in a uint32_t, g...",
    ),
    "xorshift shift 32": (
        r(XORSHIFT, 'kind = "xorshift"\nshifts = [13, -32, 5]'),
        "acme.toml: dialect.generator.shifts: must be from 1 to 31 (<<) or -1 to -31 (>>) in a uint32_t, g...",
    ),
    "output a float": (
        r('"state >> 16"', '"(float)state"'),
        "acme.toml: dialect.generator.output: must be an integer, got a float",
    ),
    "shift by 32": (
        r('"state >> 16"', '"state >> 32"'),
        "acme.toml: dialect.generator.output, column 7: uint32_t is shifted by 0 to 31, got 32",
    ),
    "steps without state": (
        steps(state="[]"),
        "acme.toml: dialect.generator.state: must be a list of 1 to 64 elements, got 0 elements",
    ),
    "steps: type unknown": (
        steps(state='["uint x"]'),
        'acme.toml: dialect.generator.state: must hold declarations such as "uint32_t x" (uint8_t, uint16_...',
    ),
    "steps: state twice": (
        steps(state='["uint32_t x", "uint32_t x"]'),
        "acme.toml: dialect.generator.state: must give each part of the state a name of its own, got 'x'",
    ),
    "steps: state not seeded": (
        steps(state='["uint32_t x", "uint32_t y"]'),
        "acme.toml: dialect.generator.seed: must give each part of the state a value, and y has none",
    ),
    "steps: undeclared": (
        steps(step='["t = x ^ (x << 13)"]'),
        "acme.toml: dialect.generator.step, statement 1: t is not declared: write its type before it, or o...",
    ),
    "steps: declared twice": (
        steps(step='["uint32_t x = 1u"]'),
        "acme.toml: dialect.generator.step, statement 1: x exists already, as uint32_t: leave the type out",
    ),
    "steps: a loop": (
        steps(step='["for (;;) x = 1"]'),
        "acme.toml: dialect.generator.step, statement 1, column 5: a statement is 'name = expression' or '...",
    ),
    "steps: a float": (
        steps(step='["x = (uint32_t)(0.5f * x)"]'),
        "acme.toml: dialect.generator.step: computes with integers alone, and float is none",
    ),
    "unit unknown name": (
        r("(float)word /", "(float)wrod /"),
        "acme.toml: dialect.values.unit, column 8: wrod is not known here; did you mean word?; known: word",
    ),
    "unit unknown function": (
        r("(float)word /", "tanhf(word) /"),
        "acme.toml: dialect.values.unit, column 1: tanhf is not known here; functions: sqrtf, sqrt, fabsf,...",
    ),
    "division by 0": (
        r("65536.0f", "0.0f"),
        "acme.toml: dialect.values.unit, column 13: division by the literal 0",
    ),
    "integer division by 0": (
        r("(float)word / 65536.0f", "word / 0"),
        "acme.toml: dialect.values.unit, column 6: division by the literal 0",
    ),
    "unbalanced": (
        r("(float)word /", "((float)word /"),
        "acme.toml: dialect.values.unit, column 24: ')' is missing for the '(' of column 1",
    ),
    "long suffix": (
        r("65536.0f", "65536l"),
        "acme.toml: dialect.values.unit, column 15: 65536l: long has 32 bits on one machine and 64 on anot...",
    ),
    "long double": (
        r("65536.0f", "65536.0l"),
        "acme.toml: dialect.values.unit, column 15: long double is not supported: 65536.0l",
    ),
    "pointer": (
        r("(float)word /", "*word /"),
        "acme.toml: dialect.values.unit, column 1: there are no pointers",
    ),
    "comma": (
        r("(float)word / 65536.0f", "(1, word)"),
        "acme.toml: dialect.values.unit, column 3: the comma operator is not supported",
    ),
    "assignment": (
        r("(float)word / 65536.0f", "word = 1"),
        "acme.toml: dialect.values.unit, column 6: an expression assigns nothing",
    ),
    "% of a float": (
        r("(float)word / 65536.0f", "(float)word % 3"),
        "acme.toml: dialect.values.unit, column 13: % takes integers, got float",
    ),
    "too few arguments": (
        r("sqrtf(6.0f / (float)fan_in)", "fmaf(6.0f, 1.0f)"),
        "acme.toml: dialect.initializers.default.limit, column 1: fmaf takes 3 arguments, got 2",
    ),
    "type unknown": (
        r("uniform =", 'type = "half"\nuniform ='),
        "acme.toml: dialect.values.type: must be one of float, double, got 'half'",
    ),
    "words twice": (
        r('["u1", "u2"]', '["u1", "u1"]'),
        "acme.toml: dialect.normal.words: must name each only once, got 'u1' twice",
    ),
    "redraw unknown": (
        r('redraw = ["u1"]', 'redraw = ["u3"]'),
        "acme.toml: dialect.normal.redraw must be one of u1, u2, got 'u3'",
    ),
    "retry always": (
        r('"u1 <= 1e-7f"', '"1"'),
        "acme.toml: dialect.normal.retry: always holds: no normal value is ever accepted",
    ),
    "retry never": (
        r('"u1 <= 1e-7f"', '"0"'),
        "acme.toml: dialect.normal.retry: never holds: leave it out",
    ),
    "retry on what stays": (
        r('redraw = ["u1"]', 'redraw = ["u2"]'),
        "acme.toml: dialect.normal.retry: depends on no unit that is drawn again, and so never ends",
    ),
    "three values": (
        r('values = ["sqrtf', 'values = ["u1", "u2", "sqrtf'),
        "acme.toml: dialect.normal.values: must be a list of 1 to 2 elements, got 3 elements",
    ),
    "spare of one value": (
        r('result = "mean', 'spare = "kept"\nresult = "mean'),
        "acme.toml: dialect.normal.spare: needs two values, the second of which is spare, got one",
    ),
    "redraw without retry": (
        r('retry = "u1 <= 1e-7f"\n', ""),
        "acme.toml: dialect.normal.redraw: says what happens on a retry, and there is no key 'retry'",
    ),
    "a name of two": (
        r('result = "mean', 'radius = "angle"\nangle = "radius"\nresult = "mean'),
        "acme.toml: dialect.normal.radius, column 1: angle is not known here; known: u1, u2",
    ),
    "misspelled key in normal": (
        r("retry = ", "rety = "),
        "acme.toml: dialect.normal.redraw: says what happens on a retry, and there is no key 'retry'",
    ),
    "low without high": (
        r('high = "limit"\n', ""),
        "acme.toml: dialect.initializers.default needs the key 'high', which is missing",
    ),
    "low and value": (
        r('high = "limit"\n', 'high = "limit"\nvalue = "unit"\n'),
        "acme.toml: dialect.initializers.default: must have one of constant; value; low and high; mean and...",
    ),
    "recursion": (
        r('limit = "sqrtf(6.0f / (float)fan_in)"', 'limit = "limit"'),
        "acme.toml: dialect.initializers.default.limit: limit is defined by itself",
    ),
    "a name drawn": (
        r('limit = "sqrtf(6.0f / (float)fan_in)"', 'limit = "unit"'),
        "acme.toml: dialect.initializers.default.limit, column 1: unit is not known here; known: fan_in, f...",
    ),
    "constant a number": (
        r('mean = "0.0f"\nstddev = "0.02f"', "constant = 0.1"),
        'acme.toml: dialect.initializers.small.constant: must be a C expression in quotes, such as "0.1f",...',
    ),
    "reserved name": (
        r('limit = "sqrtf', 'word = "sqrtf'),
        "acme.toml: dialect.initializers.default: 'word' has a meaning of its own here and cannot be a name",
    ),
    "C word as a name": (
        r(
            'limit = "sqrtf(6.0f / (float)fan_in)"\nlow = "-limit"\nhigh = "limit"',
            'while = "1.0f"\nlow = "-while"\nhigh = "while"',
        ),
        "acme.toml: dialect.initializers.default: a name must not be a reserved word of C or C++, got 'while'",
    ),
    "bias unknown": (
        r('"zeros"', '"zeroes"'),
        "acme.toml: dialect.bias.initializer: must be one of zeros, ones, constant, uniform, normal, defau...",
    ),
    "layer unknown": (
        r("layers.Linear", "layers.Dense"),
        "acme.toml: dialect.layers: a layer must be one of Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1d...",
    ),
    "axes missing": (
        r('["out", "in"]', '["out"]'),
        "acme.toml: dialect.layers.Linear.weight: must name each of out, in once, got out",
    ),
    "axes unknown": (
        r('["out", "in"]', '["out", "input"]'),
        "acme.toml: dialect.layers.Linear.weight: must name each of out, in once, got out, input",
    ),
    "fan of a name unknown": (
        r('fan_in = "in"', 'fan_in = "inputs"'),
        "acme.toml: dialect.layers.Linear.fan_in, column 1: inputs is not known here; known: out, in, kernel",
    ),
    "fan a float": (
        r('fan_in = "in"', 'fan_in = "in * 1.0f"'),
        "acme.toml: dialect.layers.Linear.fan_in: must be an integer, got a float",
    ),
    "order of one": (
        r('["weight", "bias"]', '["weight"]'),
        "acme.toml: dialect.layers.Linear.order: must be a list of 2 elements, got 1 elements",
    ),
    "interleave unknown": (
        r('order = ["weight", "bias"]', 'interleave = "in"'),
        "acme.toml: dialect.layers.Linear.interleave: must be one of none, out, got 'in'",
    ),
    "no normal": (
        r("[dialect.normal]", "[dialect.normals]"),
        "acme.toml: dialect has no key 'normals'; its keys are name, summary, based_on, rehearsal, generat...",
    ),
    "mean without a normal": (
        GOOD[: GOOD.index("[dialect.normal]")] + GOOD[GOOD.index("[dialect.initializers.default]") :],
        "acme.toml: dialect.initializers.small: mean and stddev need the key 'result' of dialect.normal",
    ),
    "based on nothing": (
        r("summary =", 'based_on = "odtt"\nsummary ='),
        "acme.toml: dialect.based_on: dialect must be one of aifes, aifes-express, cranium, darknet, fann,...",
    ),
    "uniform missing": (
        r('uniform = "unit * (high - low) + low"\n', ""),
        "acme.toml: dialect.initializers.default: low and high need the key 'uniform' of dialect.values",
    ),
    "z without normal value of double": (
        r('"mean + stddev * z"', '"mean + stddev * zz"'),
        "acme.toml: dialect.normal.result, column 17: zz is not known here; did you mean z?; known: fan_in...",
    ),
    "infinite literal": (
        r("65536.0f", "1e99f"),
        "acme.toml: dialect.values.unit, column 15: the number is out of the range of float",
    ),
    "interleave and tensor": (
        r('order = ["weight", "bias"]', 'interleave = "out"').replace('"model"', '"tensor"'),
        "acme.toml: dialect.layers.Linear.interleave: bias and rows in turn cannot each start the stream,...",
    ),
    "nested too deep": (
        r("(float)word / 65536.0f", "(" * 500 + "word" + ")" * 500),
        "acme.toml: dialect.values.unit, column 65: at most 64 parentheses...",
    ),
    "too long": (
        r("(float)word / 65536.0f", "+".join(["word"] * 2000)),
        "acme.toml: dialect.values.unit: must be an expression of at most 4000 characters, got 9999",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused_in_one_line(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused_in_one_line(*WRONG[what])


def test_the_file_that_all_are_made_of_is_good(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(GOOD, encoding="utf-8")

    assert embinit.load_dialect(path).name == "acme"


def test_a_normal_that_never_accepts_ends(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(r('"u1 <= 1e-7f"', '"u1 < 2.0f"'), encoding="utf-8")

    generator = embinit.Generator.seeded(1, embinit.load_dialect(path))
    with pytest.raises(EmbinitError, match=r"dialect.normal.retry: holds for \d+ units in a row"):
        generator.normal(0.0, 1.0, out=np.empty(3, np.float32))
