"""The kinds of generators that a dialect file may name: for each one record, which says all that is asked of a kind."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any

from embinit.bitgen import (
    MT19937,
    RANDS,
    BitGenerator,
    Lcg,
    Minstd,
    Pcg32,
    Pcg64,
    Pcg64Dxsm,
    Xoroshiro128Plus,
    Xorshift,
    Xorshift32,
)
from embinit.bitgen.base import Words
from embinit.bitgen.minstd import PRIME
from embinit.dialects.declared.description import Where
from embinit.dialects.declared.tables import Check, expression, identifier, integer, one_of, several, text
from embinit.errors import EmbinitError, check_keys, check_known, listed, shown
from embinit.expressions import TYPES, CType, parse_declaration
from embinit.expressions.functions import FUNCTIONS

#: The types that a state may have in C.
INTEGERS = tuple(f"{sign}int{bits}_t" for sign in ("u", "") for bits in (8, 16, 32, 64))
#: Names that a file cannot use: anywhere, and for parts of a state.
EVERYWHERE = {"RAND_MAX", *FUNCTIONS}
RESERVED_STATE = EVERYWHERE | {"seed", "layer", "tensor"}

#: What makes words of an array of states.
Output = Callable[[Words], Words]
#: The keys of a [dialect.generator] table that belong to its kind.
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Twin:
    """A generator of embinit's C library: its type, its header, the statement that seeds `generator`, from {state} and
    {stream}, and the function that draws a word.
    """

    type: str
    header: str | Path
    seed: str
    draws: str


def _as_they_are(_where: Where, _parameters: dict[str, Any]) -> None:
    """Leave the keys of a kind as they are."""


@dataclass(frozen=True)
class Kind:
    """A kind of generator.

    make: returns one in a state, by the kind's keys; None for a kind whose steps the file says. state: the parts of the
    state with their C types, from the keys. keys: the checks of its own keys. defaults: what those are that may be left
    out. settle: checks keys together, and completes them. word_bits: the width of a word, None where an output or the C
    library decides. by_statements: whether a file seeds it by statements, and not by one expression. steps: the step as
    C statements, and the expression of the word after it, from the keys and the output; None if it has none. twin: what
    draws in C, if that is not its steps.
    """

    make: Callable[..., BitGenerator] | None
    state: Callable[[Parameters, Where], dict[str, CType]]
    keys: Mapping[str, Check[Any]] = field(default_factory=dict)
    defaults: Parameters = field(default_factory=dict)
    settle: Callable[[Where, dict[str, Any]], None] = _as_they_are
    word_bits: int | None = None
    by_statements: bool = False
    steps: Callable[[Parameters, str], tuple[list[str], str]] | None = None
    twin: Twin | None = None


# What makes them


def xorshift(
    seed: int,
    *,
    shifts: Sequence[int],
    state: str = "uint32_t",
    output: Output | None = None,
    word_bits: int | None = None,
) -> BitGenerator:
    """Return an xorshift in a state; (13, -17, 5) in 32 bits is the fastest."""
    if (tuple(shifts), state, output, word_bits or 32) == ((13, -17, 5), "uint32_t", None, 32):
        return Xorshift32(seed)
    return Xorshift(seed, shifts, state, word_bits, output)


def lcg(
    seed: int,
    *,
    multiplier: int,
    increment: int,
    bits: int = 32,
    output: Output | None = None,
    word_bits: int | None = None,
    shift: int = 0,
    mask: int | None = None,
) -> BitGenerator:
    """Return a congruential generator in a state."""
    if word_bits is None:
        word_bits = bits
    return Lcg(seed, bits, multiplier, increment, shift, word_bits, output, mask)


def rand(seed: int, *, rand: str) -> BitGenerator:
    """Return the rand() of a C library after srand(seed); the target says which library."""
    check_known("rand", rand, RANDS)
    return RANDS[rand](seed)


def minstd(seed: int, *, multiplier: int = 16807, modulus: int = PRIME) -> BitGenerator:
    """Return a multiplicative generator in a state."""
    if modulus != PRIME:
        raise EmbinitError(f"the modulus of minstd must be 2^31 - 1, {PRIME}, got {shown(modulus)}")
    generator = Minstd(1, multiplier)
    generator.state = seed
    return generator


def pcg32(seed: int, *, stream: int = 0) -> BitGenerator:
    """Return PCG32 after pcg32_srandom(seed, stream); only the low 63 bits of stream count, as in its C."""
    return Pcg32(seed, stream & 2**63 - 1)


def xoroshiro128plus(seed: tuple[int, int], *, rotations: Sequence[int] | None = None) -> BitGenerator:
    """Return xoroshiro128+ in the state (s0, s1); without rotations, with KANN's step."""
    generator = Xoroshiro128Plus(rotations=rotations)
    generator.state = seed
    return generator


def mt19937(seed: int) -> BitGenerator:
    """Return MT19937 after init_genrand(seed)."""
    return MT19937(seed)


def pcg64(seed: int) -> BitGenerator:
    """Return PCG64 as numpy.random.PCG64(seed) starts."""
    return Pcg64(seed)


def pcg64_dxsm(seed: int) -> BitGenerator:
    """Return PCG64DXSM as numpy.random.PCG64DXSM(seed) starts."""
    return Pcg64Dxsm(seed)


# Their states


def _one(ctype: str) -> Callable[[Parameters, Where], dict[str, CType]]:
    """Return the function that gives a state one part of a type."""
    return lambda _parameters, _where: {"state": TYPES[ctype]}


def _lcg_state(parameters: Parameters, _where: Where) -> dict[str, CType]:
    return {"state": TYPES[f"uint{parameters['bits']}_t"]}


def _xorshift_state(parameters: Parameters, _where: Where) -> dict[str, CType]:
    return {"state": TYPES[parameters["state"]]}


def _xoroshiro_state(_parameters: Parameters, _where: Where) -> dict[str, CType]:
    return {"s0": TYPES["uint64_t"], "s1": TYPES["uint64_t"]}


def _declared_state(parameters: Parameters, where: Where) -> dict[str, CType]:
    place = str(where / "state")
    return {name: ctype for ctype, name in (parse_declaration(each, place) for each in parameters["state"])}


# Their keys


def _declarations(what: str, value: Any) -> tuple[str, ...]:
    """Return declarations such as "uint32_t x", of different names."""
    found = several(text, most=64)(what, value)
    seen = set[str]()
    for each in found:
        type_, _, name = each.strip().partition(" ")
        if type_ not in INTEGERS or not name.strip():
            raise EmbinitError(
                f'{what} must hold declarations such as "uint32_t x" ({listed(INTEGERS)}), got {shown(each)}'
            )
        identifier("a name of the state", name.strip())
        if name.strip() in RESERVED_STATE | seen:
            raise EmbinitError(f"{what} must give each part of the state a name of its own, got {shown(name.strip())}")
        seen.add(name.strip())
    return found


def _check_lcg(where: Where, parameters: dict[str, Any]) -> None:
    for key in ("multiplier", "increment"):
        if parameters[key] >= 1 << parameters["bits"]:
            most = (1 << parameters["bits"]) - 1
            raise EmbinitError(f"{where / key}: must be an integer from 0 to {most}, got {parameters[key]}")


def _settle_xorshift(where: Where, parameters: dict[str, Any]) -> None:
    _settle_state(where, parameters)
    _check_shifts(where / "shifts", parameters)


def _settle_state(where: Where, parameters: dict[str, Any]) -> None:
    """Set the type of the state, which a file gives as `state`, as `bits`, or as both if they agree."""
    bits = parameters.pop("bits")
    state = parameters["state"] = parameters["state"] or f"uint{bits or 32}_t"
    if bits not in (None, _bits_of(state)):
        raise EmbinitError(f"{where / 'bits'}: must be {_bits_of(state)}, as state is a {state}, got {bits}")


def _bits_of(ctype: str) -> int:
    return int(re.sub(r"\D", "", ctype))


def _check_shifts(where: Where, parameters: Mapping[str, Any]) -> None:
    bits = _bits_of(parameters["state"])
    for shift in parameters["shifts"]:
        if not 0 < abs(shift) < bits:
            allowed = f"from 1 to {bits - 1} (<<) or -1 to {1 - bits} (>>) in a {parameters['state']}"
            raise EmbinitError(f"{where}: must be {allowed}, got {shift}")


# Their steps


def _own_steps(parameters: Parameters, output: str) -> tuple[list[str], str]:
    return list(parameters["step"]), output


def _lcg_steps(parameters: Parameters, output: str) -> tuple[list[str], str]:
    suffix = "ull" if parameters["bits"] == 64 else "u"
    return [f"state = state * {parameters['multiplier']}{suffix} + {parameters['increment']}{suffix}"], output


def _xorshift_steps(parameters: Parameters, output: str) -> tuple[list[str], str]:
    ctype = TYPES[parameters["state"]]
    right = "state" if not ctype.signed else f"({ctype})state"
    steps = [
        f"state = state ^ (state << {shift})" if shift > 0 else f"state = state ^ ({right} >> {-shift})"
        for shift in parameters["shifts"]
    ]
    if not ctype.signed:
        return steps, output
    return [*steps, f"{ctype} signed_state = ({ctype})state"], re.sub(r"\bstate\b", "signed_state", output)


def _minstd_steps(parameters: Parameters, _output: str) -> tuple[list[str], str]:
    product = f"(uint64_t)state * {parameters['multiplier']}u"
    return [f"state = (uint32_t)({product} % {parameters['modulus']}u)"], "state"


def _xoroshiro_steps(parameters: Parameters, _output: str) -> tuple[list[str], str]:
    a, b, c = parameters["rotations"]
    return [
        "uint64_t sum = s0 + s1",
        "s1 = s1 ^ s0",
        f"s0 = ((s0 << {a}) | (s0 >> {64 - a})) ^ s1 ^ (s1 << {b})",
        f"s1 = (s1 << {c}) | (s1 >> {64 - c})",
    ], "sum"


def _pcg64(draws: str) -> Twin:
    return Twin("embinit_pcg64", "embinit_pcg64.h", "embinit_pcg64_seed(&stream->generator, {state});", draws)


_OUTPUT = {"output": expression}
#: The kinds by their names in a dialect file.
KINDS: Mapping[str, Kind] = {
    "lcg": Kind(
        lcg,
        _lcg_state,
        {
            "bits": one_of(32, 64),
            "multiplier": integer(0, 2**64 - 1),
            "increment": integer(0, 2**64 - 1),
            **_OUTPUT,
        },
        {"output": "state"},
        _check_lcg,
        steps=_lcg_steps,
    ),
    "xorshift": Kind(
        xorshift,
        _xorshift_state,
        {
            "bits": one_of(16, 32, 64),
            "shifts": several(integer(-63, 63), 1, 8),
            "state": one_of(*INTEGERS),
            **_OUTPUT,
        },
        {"bits": None, "state": None, "output": "state"},
        _settle_xorshift,
        steps=_xorshift_steps,
    ),
    "steps": Kind(
        None,
        _declared_state,
        {"state": _declarations, "step": several(expression), **_OUTPUT},
        by_statements=True,
        steps=_own_steps,
    ),
    "rand": Kind(rand, _one("uint32_t")),
    "mt19937": Kind(
        mt19937,
        _one("uint32_t"),
        word_bits=32,
        twin=Twin(
            "embinit_mt19937",
            "embinit_mt19937.h",
            "embinit_mt19937_seed(&stream->generator, {state});",
            "embinit_mt19937_source",
        ),
    ),
    "pcg32": Kind(
        pcg32,
        _one("uint64_t"),
        {"stream": integer(0, 2**64 - 1)},
        {"stream": 0},
        word_bits=32,
        twin=Twin(
            "embinit_pcg32",
            "embinit.h",
            "embinit_pcg32_seed(&stream->generator, {state}, {stream}ull);",
            "embinit_pcg32_source",
        ),
    ),
    "pcg64": Kind(pcg64, _one("uint64_t"), word_bits=64, twin=_pcg64("embinit_pcg64_next")),
    "pcg64-dxsm": Kind(pcg64_dxsm, _one("uint64_t"), word_bits=64, twin=_pcg64("embinit_pcg64dxsm_next")),
    "minstd": Kind(
        minstd,
        _one("uint32_t"),
        {"multiplier": integer(1, 2**31 - 2), "modulus": one_of(PRIME)},
        {"multiplier": 16807, "modulus": PRIME},
        word_bits=31,
        steps=_minstd_steps,
    ),
    "xoroshiro128+": Kind(
        xoroshiro128plus,
        _xoroshiro_state,
        {"rotations": several(integer(1, 63), 3, 3)},
        {"rotations": (24, 16, 37)},
        word_bits=64,
        by_statements=True,
        steps=_xoroshiro_steps,
    ),
}


def declared(kind: str, seed: Any, keys: Parameters) -> BitGenerator:
    """Return a generator of a kind by its keys, right after it is seeded.

    >>> declared("lcg", 1, {"multiplier": 1664525, "increment": 1013904223}).random_raw(1).tolist()
    [1015568748]
    """
    check_known("kind", kind, KINDS)
    make = KINDS[kind].make
    if make is None:
        raise EmbinitError(f"kind {kind} is made of the statements of a dialect file")
    check_keys(f"kind {kind}", keys, *_keys_of(make))
    return make(seed, **keys)


@cache
def _keys_of(make: Callable[..., BitGenerator]) -> tuple[list[str], list[str]]:
    """Return the keys that a generator is made of, and those of them that it must be given."""
    known = list(signature(make).parameters.values())[1:]
    return [each.name for each in known], [each.name for each in known if each.default is each.empty]
