"""Once many elements were drawn, a compiled loop fills arrays, and before that NumPy: the bits are the same."""

from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.dialects import dialect_named
from embinit.dialects.declared import elements
from embinit.dialects.declared.elements import CALL, LOOPED
from embinit.expressions.loops import loop_of
from embinit.expressions.routine import Routine

FOLDER = Path(__file__).parents[1] / "vectors" / "declared"
FILES = ("acme_01", "acme_02", "acme_03", "acme_04", "acme_09", "acme_11", "acme_14", "acme_30")
BUILDS = [("host", None), ("x86-64-v3", None), ("x86-64-v3", "fused-expression"), ("cortex-m4f", None)]


@pytest.fixture
def without_loops(monkeypatch):
    """Return what has NumPy fill all arrays from then on."""
    return lambda: monkeypatch.setattr(elements._Loops, "after", lambda *_: None)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", FILES)
def test_a_large_array_is_its_parts(name, build, without_loops):
    dialect = embinit.load_dialect(FOLDER / f"{name}.toml")
    whole, parts = np.empty(LOOPED + 5, np.float32), np.empty(LOOPED + 5, np.float32)
    at_once, in_parts = (embinit.Generator.seeded(7, dialect, *build) for _ in range(2))

    at_once.fill("default", out=whole, fan_in=12, fan_out=5)
    without_loops()
    for start in range(0, parts.size, 10_000):
        in_parts.fill("default", out=parts[start : start + 10_000], fan_in=12, fan_out=5)

    assert np.array_equal(whole.view(np.uint32), parts.view(np.uint32))
    assert at_once.drawn == in_parts.drawn
    assert at_once.bitgen.state == in_parts.bitgen.state


def test_doubles_too(without_loops):
    whole, parts = np.empty(LOOPED), np.empty(LOOPED)
    at_once, in_parts = (embinit.Generator.seeded(7, "genann") for _ in range(2))

    at_once.fill("default", out=whole)
    without_loops()
    for start in range(0, parts.size, 9_999):
        in_parts.fill("default", out=parts[start : start + 9_999])

    assert np.array_equal(whole.view(np.uint64), parts.view(np.uint64))


@pytest.mark.parametrize("dialect", ["tinn", "genann", FOLDER / "acme_01.toml"], ids=str)
def test_many_small_arrays_are_filled_by_a_loop_in_the_end(dialect, without_loops, monkeypatch):
    elements._loops.cache_clear()
    dialect = dialect if isinstance(dialect, str) else embinit.load_dialect(dialect)
    compiled = []
    monkeypatch.setattr(elements, "loop_of", lambda *given: compiled.append(1) or loop_of(*given))
    calls = LOOPED // (CALL + 16) + 20

    def drawn():
        source, outs = embinit.Generator.seeded(7, dialect), np.empty((calls, 16), dialect_named(dialect).element)
        for number, out in enumerate(outs):
            source.uniform(-0.25, 0.5, out)
            if number == calls - 30:
                assert compiled == []
        return outs.tobytes(), source.drawn, source.state

    one = drawn()
    assert compiled == [1]
    compiled.clear()
    without_loops()
    assert drawn() == one


PAIRS = [("tinn", "uniform"), ("genann", "uniform"), ("kann", "uniform"), ("kann", "normal")]


@pytest.mark.parametrize(("dialect", "method"), PAIRS)
def test_what_is_the_same_for_all_calls_is_computed_once(dialect, method, monkeypatch):
    one, out = embinit.Generator.seeded(7, dialect), np.empty(9, dialect_named(dialect).element)
    draw = getattr(one, method)
    draw(0.0, 0.5, out)
    bound = []
    monkeypatch.setattr(Routine, "bind", lambda *_, **__: bound.append(1))
    for _ in range(3):
        draw(0.0, 0.5, out)
    assert bound == []


@pytest.mark.parametrize("dialect", ["tinn", "genann", "neuralnetworks"])
def test_constants_draw_nothing(dialect):
    one, out = embinit.Generator.seeded(7, dialect), np.empty(9, dialect_named(dialect).element)
    one.fill(embinit.initializers.constant(0.5), out)
    assert out.tolist() == 9 * [0.5]
    assert one.drawn == 0


def test_a_generator_of_another_dialect_or_build_prepares_anew():
    one, out, expected = embinit.Generator.seeded(7, "tinn"), *np.empty((2, 9), np.float32)
    one.uniform(-0.25, 0.5, out)
    other = embinit.Generator.seeded(7, "cranium")
    other.spend(one.drawn)
    other.uniform(-0.25, 0.5, expected)
    one.dialect = other.dialect
    one.uniform(-0.25, 0.5, out)
    assert out.tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["acme_07", "acme_12", "acme_13", "kann"])
def test_steps_are_the_same_compiled(name):
    dialect = dialect_named(name) if name == "kann" else embinit.load_dialect(FOLDER / f"{name}.toml")
    at_once, in_parts = (dialect.start(77, "newlib") for _ in range(2))

    whole = at_once.random_raw(70_000)
    parts = np.concatenate([in_parts.random_raw(1000) for _ in range(70)])

    assert whole.tolist() == parts.tolist()
    assert at_once.state == in_parts.state
    assert at_once == in_parts.copy()
