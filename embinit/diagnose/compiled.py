"""Compiled: the conventions that are tried, each compiled once: generators, unit values, elements and limits."""

from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.vocabulary import Words, generators
from embinit.dialects.declared.description import NormalTransform, Where
from embinit.dialects.declared.reader import stream_of
from embinit.dialects.declared.sampler import arithmetic
from embinit.dialects.declared.stream import Generators, word_type
from embinit.errors import EmbinitError
from embinit.expressions import DOUBLE, FLOAT, Arithmetic, Bound, Definition, Input, Program, define
from embinit.targets import Build

F64 = NDArray[np.float64]
Array = NDArray[Any]


@lru_cache
def known_generators() -> tuple[Words, ...]:
    """Return the generators to try, the same objects each time."""
    return tuple(generators())


@lru_cache(maxsize=512)
def source_of(words: Words) -> Generators:
    """Return the generators that a dialect file with such words declares."""
    where = Where("the device") / "generator"
    return Generators(stream_of(where, words.keys), where)


@lru_cache(maxsize=4096)
def drawn_words(words: Words, seed: int, rand: str, skipped: int, n: int) -> tuple[Array, int] | None:
    """Return the words that a generator draws from a seed, after some that are skipped, and their width; None where it
    does not start.
    """
    try:
        bitgen = source_of(words).start(seed, rand)
        bitgen.advance(skipped)
        drawn: Array = bitgen.random_raw(n)
    except EmbinitError:
        return None
    drawn.flags.writeable = False
    return drawn, bitgen.word_bits


@lru_cache(maxsize=4096)
def _program(unit: str, element: str, bits: int, is_rand: bool) -> Program | None:
    """Return the program from a word to an element; None if C does not allow it."""
    inputs = _word(bits) | {"low": Input(FLOAT, "tensor"), "high": Input(FLOAT, "tensor")}
    try:
        body = [*_fixed(bits, is_rand), define("unit", unit, "unit"), define("element", element, "uniform")]
        return Program(body, inputs, {"element": FLOAT})
    except EmbinitError:
        return None


def _word(bits: int) -> dict[str, Input]:
    return {"word": Input(word_type(bits), "element", 0, 2**bits - 1)}


def _fixed(bits: int, is_rand: bool) -> list[Definition]:
    return [define("RAND_MAX", str(2**bits - 1), "generator")] if is_rand else []


_NORMALS: dict[tuple[int, Arithmetic], tuple[NormalTransform, Any]] = {}


def normal_routine(normal: NormalTransform, rounding: Arithmetic) -> Any:
    """Return the routine from the unit values of a draw to its normal values."""
    key = id(normal), rounding
    if key not in _NORMALS:
        definitions = [define(name, text, "normal") for name, text in normal.names.items()]
        definitions += [define(f"z{i}", text, "normal") for i, text in enumerate(normal.values)]
        outputs = {f"z{i}": DOUBLE for i in range(len(normal.values))}
        program = Program(definitions, dict.fromkeys(normal.words, Input(FLOAT)), outputs)
        _NORMALS[key] = normal, program.compile(rounding)
    return _NORMALS[key][1]


def unit_values(units: tuple[str, ...], bits: int, is_rand: bool, words: Array) -> list[F64 | None]:
    """Return, for each of some units, the unit values of words, or None if C does not define them."""
    bound = _units(units, bits, is_rand)
    if bound is not None:
        with suppress(EmbinitError):
            return list(bound.evaluate(word=words).values())
    if len(units) == 1:
        return [None]
    half = len(units) // 2  # those that C allows are computed together
    return [each for part in (units[:half], units[half:]) for each in unit_values(part, bits, is_rand, words)]


@lru_cache(maxsize=4096)
def _units(units: tuple[str, ...], bits: int, is_rand: bool) -> Bound | None:
    names = [f"unit{i}" for i in range(len(units))]
    try:
        defined = [define(name, unit, "unit") for name, unit in zip(names, units, strict=True)]
        program = Program([*_fixed(bits, is_rand), *defined], _word(bits), dict.fromkeys(names, DOUBLE))
    except EmbinitError:
        return None
    return program.compile(Arithmetic()).bind()


def elements(
    unit: str, element: str, bits: int, is_rand: bool, build: Build, low: float, high: float, words: Array
) -> Array | None:
    """Return the elements between two limits that words give on a build; None if C does not define them."""
    program = _program(unit, element, bits, is_rand)
    if program is None:
        return None
    bound = program.compile(arithmetic(build)).bind(low=np.float32(low), high=np.float32(high))
    try:
        values: Array = bound.evaluate(word=words)["element"]
    except EmbinitError:
        return None
    return values


@lru_cache(maxsize=4096)
def limit_of(text: str, build: Build, fan_in: int, fan_out: int) -> float:
    """Return the limit that an expression gives for two fans on a build."""
    routine = _fans_routine(text, arithmetic(build))
    given = {name: value for name, value in (("fan_in", fan_in), ("fan_out", fan_out)) if name in routine.inputs}
    return float(routine.bind(**given).scalar("limit"))


@lru_cache(maxsize=512)
def _fans_routine(text: str, rounding: Arithmetic) -> Any:
    fans = {name: Input(word_type(32), "tensor") for name in ("fan_in", "fan_out")}
    return Program([define("limit", text, "limit")], fans, {"limit": FLOAT}).compile(rounding)
