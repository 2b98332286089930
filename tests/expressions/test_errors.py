"""What is refused, in one line that says where and why."""

import pytest

from embinit.errors import EmbinitError
from embinit.expressions import FLOAT, TYPES, Input, Program, define, parse_declaration, statements

from support.wrong_expressions import NAMES, WRONG

INPUTS = {name: Input(TYPES[ctype]) for name, ctype in NAMES.items()}


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text[:20] or "nothing" for text, _ in WRONG])
def test_a_wrong_expression_says_where_and_why(text, message):
    with pytest.raises(EmbinitError) as raised:
        Program([define("x", text, "acme.toml: [dialect.values] x")], INPUTS, {"x": None})

    said = str(raised.value)
    assert said.startswith("acme.toml: [dialect.values] x")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("x = 1", "step: must be a list of statements, got 'x = 1'"),
        (["x"], "step, statement 1, column 2: a statement is 'name = expression' or 'type name = expression'"),
        (["x + 1"], "step, statement 1, column 3: a statement is 'name = expression' or 'type name = expression'"),
        (["1 = x"], "step, statement 1, column 1: a statement is 'name = expression' or 'type name = expression'"),
        (["t = x"], "step, statement 1: t is not declared: write its type before it, or one of x"),
        (["uint32_t x = 1"], "step, statement 1: x exists already, as uint32_t: leave the type out"),
        (["int t = 1"], "step, statement 1, column 1: write int32_t for int"),
        (["float while = 1"], "step, statement 1: while is a word of C, not a name"),
        (["x = 1; x = 2"], "step, statement 1, column 6: one expression has no semicolon"),
        (["x ^= x"], "step, statement 1, column 3: a statement is 'name = expression' or 'type name = expression'"),
        ([5], "step, statement 1: must be a statement in quotes, got 5"),
    ],
)
def test_a_wrong_statement_says_where_and_why(lines, message):
    with pytest.raises(EmbinitError) as raised:
        statements(lines, "step", {"x": TYPES["uint32_t"]})

    assert str(raised.value) == message


def test_a_name_is_defined_once_after_what_it_uses():
    with pytest.raises(EmbinitError, match="b, column 1: a is not known here"):
        Program([define("b", "a", "b"), define("a", "1", "a")], {}, {"b": None})
    with pytest.raises(EmbinitError, match="unit: unit is given, it cannot be defined"):
        Program([define("unit", "1", "unit")], INPUTS, {"unit": None})
    with pytest.raises(EmbinitError, match="a: a is defined twice"):
        Program([define("a", "1", "a"), define("a", "2", "a")], {}, {"a": None})
    with pytest.raises(EmbinitError, match="sqrtf is a function of C, not a name"):
        Program([define("sqrtf", "1", "sqrtf")], {}, {"sqrtf": None})


@pytest.mark.parametrize("text", ["uint32_t", "uint32_t x y", "int x", "uint32_t 1", "uint32_t float", 5])
def test_a_wrong_declaration_is_refused(text):
    with pytest.raises(EmbinitError, match="state: "):
        parse_declaration(text, "state")


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("(int32_t)word + 1", 2**31 - 1, "x, column 15: the result does not fit into int32_t: signed overflow"),
        ("1 / (int32_t)word", 0, "x, column 3: division by 0"),
        ("1u << word", 32, "x, column 4: uint32_t is shifted by 0 to 31"),
        ("1ull >> (int32_t)word", 64, "x, column 6: uint64_t is shifted by 0 to 63"),
        ("1u << (int32_t)word", 2**32 - 1, "x, column 4: uint32_t is shifted by 0 to 31"),
        ("(uint8_t)(float)word", 256, "x, column 1: the value does not fit into uint8_t"),
        ("(int8_t)-(float)word", 129, "x, column 1: the value does not fit into int8_t"),
        ("(uint32_t)-(float)word", 1, "x, column 1: the value does not fit into uint32_t"),
        ("cosf((float)word)", 200, "x, column 1: cosf is known for angles below 120"),
    ],
)
def test_what_c_leaves_undefined_is_refused_when_it_is_evaluated(text, values, message):
    import numpy as np

    from embinit.expressions import Arithmetic

    program = Program([define("x", text, "x")], {"word": Input(TYPES["uint32_t"])}, {"x": None})
    bound = program.compile(Arithmetic()).bind()
    with pytest.raises(EmbinitError) as raised:
        bound.evaluate(word=np.array([0, values] if values else [1, 0], np.uint32))

    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "word", "value"),
    [
        ("(int32_t)word + 1", 2**31 - 2, 2**31 - 1),
        ("1u << word", 31, 2**31),
        ("1ull << (int32_t)word", 63, 2**63),
        ("(uint8_t)((float)word + 0.5f)", 255, 255),
        ("(int8_t)-(float)word", 128, -128),
        ("(uint8_t)((float)word - 0.5f)", 0, 0),
    ],
)
def test_the_last_value_that_c_defines_is_computed(text, word, value):
    import numpy as np

    from embinit.expressions import Arithmetic

    program = Program([define("x", text, "x")], {"word": Input(TYPES["uint32_t"])}, {"x": None})
    got = program.compile(Arithmetic()).bind().evaluate(word=np.array([word], np.uint32))["x"]

    assert got.tolist() == [value]


def test_a_condition_is_evaluated_though_both_arms_are_equal():
    import numpy as np

    from embinit.expressions import Arithmetic

    program = Program([define("x", "1 / word ? word : word", "x")], {"word": Input(TYPES["uint32_t"])}, {"x": None})
    with pytest.raises(EmbinitError, match="division by 0"):
        program.compile(Arithmetic()).bind().evaluate(word=np.zeros(1, np.uint32))


def test_what_is_not_evaluated_may_be_undefined():
    import numpy as np

    from embinit.expressions import Arithmetic

    text = "word == 0 ? 5 : 100 / (int32_t)word + (word != 9 && 1 % (int32_t)(word - 9))"
    program = Program([define("x", text, "x")], {"word": Input(TYPES["uint32_t"])}, {"x": FLOAT})
    got = program.compile(Arithmetic()).bind().evaluate(word=np.array([0, 4, 9], np.uint32))["x"]

    assert got.tolist() == [5.0, 26.0, 11.0]
