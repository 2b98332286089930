"""Compiled loops find what C leaves undefined, as the evaluation in NumPy and in Python does."""

from random import Random

import numpy as np
import pytest

import embinit
from embinit.dialects import dialect_named
from embinit.dialects.declared import stepping
from embinit.errors import EmbinitError
from embinit.expressions import TYPES, Arithmetic, Input, Program, define, statements
from embinit.expressions.loops import loop_of, recurrence_of

from support.compiled import columns
from support.random_expressions import INPUTS, any_integer, text_of

SCHRAGE = ["s = 16807 * (s % 127773) - 2836 * (s / 127773)", "s = s < 0 ? s + 2147483647 : s"]
COUNTING = ["s = s + 1"]


def stepped(steps):
    state = {"s": TYPES["int32_t"]}
    body = [*statements(steps, "step", state), define("word", "(uint32_t)s", "output")]
    return Program(body, {"s": Input(TYPES["int32_t"])}, {"s": None, "word": TYPES["uint32_t"]})


def test_schrage_is_compiled_and_gives_the_words_of_python():
    program = stepped(SCHRAGE)
    loop = recurrence_of(program.compile(Arithmetic()), ["s"], "word")
    state, out, parts = np.array([12345], np.uint64), np.empty(5000, np.uint32), [12345]

    assert loop(state, out)
    assert out.tolist() == stepping.stepwise(program, ["s"], "word", "step")(parts, 5000)
    assert state.tolist() == parts


def test_a_late_overflow_is_found_and_named():
    fill = stepping.filling(stepped(COUNTING), ["s"], "word", "step")
    state, out = np.array([2**31 - 1 - stepping.LOOPED - 10], np.uint64), np.empty(stepping.LOOPED, np.uint32)

    fill(state, out)
    assert out[-1] == 2**31 - 11
    before = state.copy()
    with pytest.raises(EmbinitError, match="step, statement 1, column 7: the result does not fit into int32_t: signed"):
        fill(state, out)
    assert state.tolist() == before.tolist()


@pytest.mark.parametrize(
    ("a", "b", "quotient"), [(-7, 2, -3), (7, -2, -3), (-7, -1, 7), (-(2**31), -1, None), (5, 0, None)]
)
def test_division_is_that_of_c(a, b, quotient):
    inputs = {"x": Input(TYPES["int32_t"]), "y": Input(TYPES["int32_t"])}
    loop = loop_of(Program([define("q", "x / y", "q")], inputs, {"q": None}).compile(Arithmetic()))
    out = np.empty(1, np.int32)
    given = {"x": np.array([a], np.int32), "y": np.array([b], np.int32)}

    assert loop.run(*(given[name] for name in loop.inputs), out) == (quotient is not None)
    assert quotient is None or out[0] == quotient


def compared(text, seed):
    """Compare a compiled loop with NumPy, row by row; return whether there was a loop, and how many rows were bad."""
    inputs = {name: Input(TYPES[ctype]) for name, ctype in INPUTS.items()}
    try:
        routine = Program([define("x", text, "x")], inputs, {"x": None}).compile(Arithmetic())
    except EmbinitError:
        return False, 0
    loop = None if routine.outputs["x"].op == "const" else loop_of(routine)
    if loop is None:
        return False, 0
    table, bound = columns(seed), routine.bind()
    fixed = bound.fixed(loop.fixed)
    good = bound.defined(**table)
    values = bound._evaluated(table)[0]["x"]
    for i, defined in enumerate(good):
        out = np.empty(1, values.dtype)
        ran = loop.run(*(table[name][i : i + 1] for name in loop.inputs), *fixed, out)
        assert ran == defined, (text, i)
        assert not defined or out[0] == values[i], (text, i)
    return True, int(np.count_nonzero(~good))


def test_loops_of_random_integers_agree_with_numpy():
    random, loops, undefined = Random(12), 0, 0
    while loops < 6:
        had, bad = compared(text_of(any_integer(random, 4)), loops)
        loops, undefined = loops + had, undefined + bad

    assert undefined > 10


def test_elements_that_overflow_are_named_from_a_large_array_too(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(
        '[dialect]\n[dialect.generator]\nkind = "lcg"\nbits = 32\nmultiplier = 1664525\n'
        "increment = 1013904223\n"
        '[dialect.initializers.default]\nvalue = "(float)((int32_t)word + 2000000000)"\n'
        '[dialect.layers.Linear]\nweight = ["out", "in"]\nfan_in = "in"\nfan_out = "out"\n',
        encoding="utf-8",
    )
    out = np.empty(1 << 18, np.float32)

    with pytest.raises(embinit.EmbinitError, match=r"default\.value, column 23: .* signed overflow"):
        embinit.Generator.seeded(1, embinit.load_dialect(path)).fill("default", out=out)


def test_a_seed_is_computed_by_a_program_that_is_compiled_once(monkeypatch):
    dialect, compiled, compile_ = dialect_named("kann"), [], Program._compiled
    monkeypatch.setattr(Program, "_compiled", lambda self, how: compiled.append(self) or compile_(self, how))

    for seed in range(20):
        dialect.start(seed, "newlib")

    assert len(compiled) == len(set(map(id, compiled)))
