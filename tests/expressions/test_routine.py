"""Blocks, ranges, stages and limits of a program."""

import numpy as np
import pytest

from embinit.errors import EmbinitError
from embinit.expressions import DOUBLE, FLOAT, TYPES, Arithmetic, Input, Program, define, statements
from embinit.expressions.routine import BLOCK

WORD = {"word": Input(TYPES["uint32_t"])}
BOUNDS = {"low": Input(FLOAT, "tensor"), "high": Input(FLOAT, "tensor")}
UNIFORM = [define("unit", "(float)word / 4294967296.0f", "unit"), define("x", "unit * (high - low) + low", "x")]


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
@pytest.mark.parametrize("multiply_add", ["separate", "fused", "fused-expression"])
def test_blocks_do_not_show(size, multiply_add):
    words = np.random.default_rng(size).integers(0, 2**32, size, np.uint32)
    bound = Program(UNIFORM, WORD | BOUNDS, {"x": FLOAT}).compile(Arithmetic(multiply_add)).bind(low=-0.1, high=0.3)
    whole = bound.evaluate(word=words)["x"]
    parts = [bound.evaluate(word=part)["x"] for part in np.array_split(words, 7)]

    assert whole.dtype == np.float32
    assert whole.view(np.uint32).tolist() == np.concatenate(parts).view(np.uint32).tolist()


def test_a_bound_is_rounded_to_its_type_before_it_is_used():
    bound = Program(UNIFORM, WORD | BOUNDS, {"x": FLOAT}).compile(Arithmetic()).bind(low=0.1, high=0.3)

    assert bound.evaluate(word=np.zeros(1, np.uint32))["x"][0] == np.float32(0.1)


def test_names_have_the_types_and_stages_of_their_expressions():
    definitions = [define("a", "1.0 / 3", "a"), define("b", "a * low", "b"), define("c", "b + word", "c")]
    program = Program(definitions, WORD | BOUNDS, {"c": FLOAT})

    assert [str(program.types[name]) for name in "abc"] == ["double"] * 3
    assert [program.stages[name] for name in "abc"] == [0, 1, 2]
    assert program.literal("a") == 1 / 3
    assert program.literal("b") is None


def test_statements_run_in_order_and_locals_do_not_last():
    state = dict.fromkeys("xyzw", TYPES["uint32_t"])
    step = statements(
        ["uint32_t t = x ^ (x << 11)", "x = y", "y = z", "z = w", "w = w ^ (w >> 19) ^ (t ^ (t >> 8))"], "step", state
    )
    inputs = {name: Input(ctype, "tensor") for name, ctype in state.items()}
    bound = (
        Program(step, inputs, dict(state)).compile(Arithmetic()).bind(x=123456789, y=362436069, z=521288629, w=88675123)
    )

    assert [int(bound.scalar(name)) for name in "xyzw"] == [362436069, 521288629, 88675123, 3701687786]


def test_an_assignment_converts_to_the_type_of_its_variable():
    lines = statements(["s = s * 3u + 1u"], "step", {"s": TYPES["uint16_t"]})
    routine = Program(lines, {"s": Input(TYPES["uint16_t"], "tensor")}, {"s": None}).compile(Arithmetic())

    assert routine.bind(s=60000).scalar("s") == (60000 * 3 + 1) % 2**16


def test_a_range_saves_a_check_and_a_wider_one_does_not():
    text = [define("x", "(int32_t)word % 20001 - 10000", "x"), define("y", "(int32_t)word * 2", "y")]
    program = Program(text, {"word": Input(TYPES["uint32_t"], high=2**30 - 1)}, {"x": None, "y": None})
    assert not any(node.check for node in program.compile(Arithmetic()).order)

    wide = Program(text, {"word": Input(TYPES["uint32_t"], high=2**31 - 1)}, {"y": None})
    assert any(node.check for node in wide.compile(Arithmetic()).order)


def test_a_double_is_stored_in_a_float_once():
    program = Program([define("x", "0.1 * word", "x")], WORD, {"x": FLOAT})
    word = np.array([3], np.uint32)

    assert program.compile(Arithmetic()).bind().evaluate(word=word)["x"][0] == np.float32(np.float64(0.1) * 3)
    assert (
        Program(program.definitions, WORD, {"x": DOUBLE}).compile(Arithmetic()).bind().evaluate(word=word)["x"][0]
        == 0.1 * 3
    )


def test_programs_have_a_limit():
    long = [define(f"n{i}", f"n{i - 1} * 3u + word" if i else "word", f"n{i}") for i in range(300)]
    with pytest.raises(EmbinitError, match="at most 400 operations may wait for each other"):
        Program(long, WORD, {"n299": None})


def test_missing_values_are_named():
    routine = Program(UNIFORM, WORD | BOUNDS, {"x": FLOAT}).compile(Arithmetic())
    with pytest.raises(EmbinitError, match="high has no value"):
        routine.bind(low=0)
    with pytest.raises(EmbinitError, match="word has no value"):
        routine.bind(low=0, high=1).evaluate()
    with pytest.raises(EmbinitError, match="y is not defined"):
        Program(UNIFORM, WORD | BOUNDS, {"y": None})


@pytest.mark.parametrize(
    ("text", "fused"),
    [
        ("a * b + sqrtf(c)", 0), ("sqrtf(c) + a * b", 1), ("a * b + a * b", 0), ("a * b + c * d", 1),
        ("a * 1.0f + c", 0), ("a / 4.0f + c", 1), ("a / 3.0f + c", 0), ("-(a * b) + c", 1), ("(float)(a * b) + c", 1),
        ("(a > b ? a : b) + c * d", 1), ("c * d + (a > b ? a : b)", 0), ("(a * b + c) * (a * b - d)", 2),
        ("(a * b + c) * (a * b)", 0), ("low * low + a", 0), ("low * a + low", 1), ("2.0f * 3.0f + a", 0),
        ("(double)a * b + 0.25", 1), ("(float)((double)(a * b) + 0.25)", 1), ("(float)((double)(a * b) + 0.1)", 0),
        ("a - b * c", 1), ("fabsf(a * a) + c", 1), ("logf(a) * b + logf(a)", 1),
    ],
)  # fmt: skip
def test_what_gcc_fuses(text, fused):
    inputs = {name: Input(FLOAT) for name in "abcd"} | BOUNDS
    routine = Program([define("x", text, "x")], inputs, {"x": None}).compile(Arithmetic("fused"))

    assert sum(node.op == "fma" for node in routine.order) == fused


@pytest.mark.parametrize(
    ("text", "fused"),
    [
        ("a * b + sqrtf(c)", 1), ("a * b + a * b", 1), ("a / 4.0f + c", 0), ("-(a * b) + c", 0), ("low * low + a", 1),
        ("2.0f * 3.0f + a", 0), ("(a * b + c) * (a * b)", 1), ("p + c", 0), ("(double)(a * b) + 0.25", 0),
    ],
)  # fmt: skip
def test_what_clang_fuses(text, fused):
    inputs = {name: Input(FLOAT) for name in "abcd"} | BOUNDS
    definitions = [define("p", "a * b", "p"), define("x", text, "x")]
    routine = Program(definitions, inputs, {"x": None}).compile(Arithmetic("fused-expression"))

    assert sum(node.op == "fma" for node in routine.order) == fused
