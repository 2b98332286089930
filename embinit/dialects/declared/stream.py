"""Streams of a dialect file: its kind of generator, seeded and with the output as the file says."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from embinit.bitgen import RANDS, BitGenerator
from embinit.bitgen.base import Words
from embinit.bitgen.steps import Steps
from embinit.dialects.declared.description import Stream, Where
from embinit.dialects.declared.kinds import KINDS, declared
from embinit.dialects.declared.stepping import Fill, filling
from embinit.errors import EmbinitError
from embinit.expressions import (
    TYPES,
    Arithmetic,
    Bound,
    CType,
    Input,
    Program,
    define,
    program_of,
    statements,
)
from embinit.expressions.graph import Node
from embinit.expressions.loops import Loop, loop_of
from embinit.expressions.routine import Routine

UINT32, UINT64 = TYPES["uint32_t"], TYPES["uint64_t"]
#: How many words are drawn when a model is built, to check that they are as wide as the file says.
PROBED = 16
#: From how many states on a loop is compiled for an output: as many as a generator gives it at a time.
LOOPED = 1 << 13
_MASK = 2**64 - 1


def word_type(bits: int) -> CType:
    """Return the type of `word` for words of a width."""
    return UINT32 if bits <= 32 else UINT64


class Generators:
    """The generators of a dialect file: how each is seeded, and how wide its words are."""

    def __init__(self, stream: Stream, where: Where) -> None:
        self._stream, self._where = _plain(stream), where
        self.kind = KINDS[self._stream.kind]
        self._types = self.kind.state(self._stream.parameters, where)
        self._wide = any(ctype.bits == 64 for ctype in self._types.values())
        self._seeds = {ctype: self._seed_program(ctype) for ctype in ((UINT32, UINT64) if self._wide else (UINT32,))}
        for program in self._seeds.values():  # C may leave one undefined
            program.compile(Arithmetic())
        self._unchecked: Fill | None = None
        self._widest = _MASK
        self._bits_taken: tuple[int, int] | None = None
        self._output: tuple[Routine, Bound, Loop | None] | None = None
        self.fixed_bits = self._word_bits()
        self._surely_defined = self._stream.kind != "steps" and self._is_output_sure()

    @property
    def stream(self) -> Stream:
        """What the file says of the generator."""
        return self._stream

    @property
    def types(self) -> dict[str, CType]:
        """The parts of the state with their types."""
        return dict(self._types)

    @property
    def held(self) -> dict[str, CType]:
        """The parts of the state with the types that C holds them in: those of statements, else unsigned ones."""
        if self.kind.by_statements:
            return self.types
        return {name: TYPES[f"uint{ctype.bits}_t"] for name, ctype in self._types.items()}

    def seeding(self) -> Program:
        """Return the program that computes the state from a uint32_t seed."""
        return self._seeds[UINT32]

    def stepping(self) -> Program:
        """Return the program of one step, with the next state and the word as outputs, for kinds that have one."""
        where, bits, state = str(self._where), self.fixed_bits, self.held
        assert bits is not None
        assert self.kind.steps is not None
        steps, output = self.kind.steps(self._stream.parameters, self._stream.output or "state")
        inputs = {name: Input(ctype) for name, ctype in state.items()}
        body = [*statements(steps, where, state), define("drawn_word", output, where)]
        return program_of(body, inputs, {**state, "drawn_word": word_type(bits)})

    @property
    def seeds(self) -> range:
        """The seeds that the file's code takes: uint32_t, or uint64_t if its state is that."""
        return range(2**64 if self._wide else 2**32)

    def word_bits(self, rand: str) -> int:
        """Return the width of a word on a C library with that rand()."""
        if self.fixed_bits is not None:
            return self.fixed_bits
        return RANDS[rand](1).word_bits

    def start(self, seed: int, rand: str, layer: int = 0, tensor: int = 0) -> BitGenerator:
        """Return the generator where the stream begins, after the words that are dropped there."""
        state = self._seeded(seed, layer, tensor)
        bitgen = self._made(state, rand)
        declared = self._stream.word_bits
        if declared is not None and bitgen.word_bits != declared:
            what = f"rand() of {rand}" if self._stream.kind == "rand" else self._stream.kind
            raise EmbinitError(
                f"{self._where / 'word_bits'}: is {declared}, and {what} gives words of {bitgen.word_bits} bits"
            )
        if self._stream.warmup:
            bitgen.advance(self._stream.warmup)
        if not self._surely_defined:
            bitgen.copy().random_raw(PROBED)
        return bitgen

    def _seed_program(self, seed: CType) -> Program:
        stream, where = self._stream, self._where / "seed"
        inputs = {"seed": Input(seed, "tensor")}
        if stream.scope != "model":
            inputs |= {"layer": Input(UINT32, "tensor"), "tensor": Input(UINT32, "tensor")}
        if isinstance(stream.seed, str):
            return program_of([define("state", stream.seed, str(where))], inputs, dict(self._types))
        found = statements(stream.seed, str(where), self._types)
        assigned = {each.name for each in found}
        for name in self._types:
            if name not in assigned:
                raise EmbinitError(f"{where}: must give each part of the state a value, and {name} has none")
        inputs |= {name: Input(ctype, "tensor") for name, ctype in self._types.items()}
        return program_of(found, inputs, dict(self._types))

    def _seeded(self, seed: int, layer: int, tensor: int) -> Mapping[str, int]:
        numbers = (0, 0) if self._stream.scope == "model" else (layer, tensor)
        return _state(self._seeds[UINT32 if seed < 2**32 else UINT64], seed, *numbers)

    def _word_bits(self) -> int | None:
        """Return the width of a word if no C library decides it, and prepare the output of a state."""
        stream = self._stream
        if stream.output is None:
            return self.kind.word_bits
        if stream.kind == "steps":
            return self._prepare_steps()
        (ctype,) = self._types.values()
        where = str(self._where / "output")
        inputs = {"state": Input(ctype)}
        program = program_of([define("word", stream.output, where)], inputs, {"word": None})
        bits = self._checked_bits(program.types["word"], where)
        if stream.output == "state" and bits == ctype.bits and (bits in (32, 64)):
            return bits
        routine = program_of(program.definitions, inputs, {"word": word_type(bits)}).compile(Arithmetic())
        self._output = routine, routine.bind(), loop_of(routine)
        self._widest = routine.outputs["word"].most
        if stream.kind == "lcg" and not self._widest >> bits:
            self._bits_taken = bits_taken(routine.outputs["word"])
        return bits

    def _is_output_sure(self) -> bool:
        """Return whether C defines the output of every state, and no word is too wide."""
        if self._output is None or self._bits_taken is not None:
            return True
        assert self.fixed_bits is not None
        return not self._widest >> self.fixed_bits and not any(node.check for node in self._output[0].order)

    def _prepare_steps(self) -> int:
        stream = self._stream
        assert stream.output is not None
        step = statements(stream.parameters["step"], str(self._where / "step"), self._types)
        where = str(self._where / "output")
        output = define("output", stream.output, where)
        inputs = {name: Input(ctype) for name, ctype in self._types.items()}
        outputs: dict[str, CType | None] = dict(self._types)
        types = program_of([*step, output], inputs, {**outputs, "output": None}).types
        bits = self._checked_bits(types["output"], where)
        program = program_of([*step, output], inputs, {**outputs, "output": word_type(bits)})
        self._widest = program.compile(Arithmetic()).outputs["output"].most
        self._unchecked = filling(program, list(self._types), "output", str(self._where / "step"))
        return bits

    def _checked_bits(self, ctype: CType, where: str) -> int:
        if ctype.floating:
            raise EmbinitError(f"{where}: must be an integer, got a {ctype}")
        return ctype.bits if self._stream.word_bits is None else self._stream.word_bits

    def _made(self, state: Mapping[str, int], rand: str) -> BitGenerator:
        """Return a generator of the file's kind in a state."""
        kind, keys = self._stream.kind, dict(self._stream.parameters)
        if kind == "steps":
            assert self.fixed_bits is not None
            return Steps(np.array([part & _MASK for part in state.values()], np.uint64), self._stepped, self.fixed_bits)
        if kind == "rand":
            keys["rand"] = rand
        if self._bits_taken is not None:
            shift, mask = self._bits_taken
            keys |= {"shift": shift, "mask": mask, "word_bits": self.fixed_bits}
        elif self._output is not None:
            keys |= {"output": self._words, "word_bits": self.fixed_bits}
        seed: Any = tuple(state.values())
        if len(seed) == 1:
            (ctype,) = self._types.values()
            seed = seed[0] & (1 << ctype.bits) - 1
        try:
            return declared(kind, seed, keys)
        except EmbinitError as error:
            raise EmbinitError(f"{self._where / 'seed'}: {error}") from None

    def _stepped(self, words: Words, out: Words) -> None:
        """Fill an array by steps, and check that no word is too wide."""
        assert self._unchecked is not None
        self._unchecked(words, out)
        self._check_width(out)

    def _words(self, states: Words) -> Words:
        """Return what the file's output makes of states."""
        assert self._output is not None
        (ctype,) = self._types.values()
        states = states.view(ctype.dtype) if states.itemsize == ctype.dtype.itemsize else states.astype(ctype.dtype)
        routine, bound, loop = self._output
        fixed = None if loop is None or states.size < LOOPED else bound.fixed(loop.fixed)
        words: Words = np.empty(states.size, routine.outputs["word"].ctype.dtype)
        if loop is None or fixed is None or not loop.run(*([states] if loop.inputs else []), *fixed, words):
            words = bound.evaluate(state=states)["word"]
        self._check_width(words)
        return words

    def _check_width(self, words: Words) -> None:
        assert self.fixed_bits is not None
        if self._widest >> self.fixed_bits and words.size and int(words.max()) >> self.fixed_bits:
            place = self._where / "word_bits"
            raise EmbinitError(f"{place}: is {self.fixed_bits}, and the word {int(words.max()):#x} has more bits")


@lru_cache(maxsize=4096)
def _state(program: Program, seed: int, layer: int, tensor: int) -> Mapping[str, int]:
    """Return the parts of the state that a program makes of a seed."""
    routine = program.compile(Arithmetic())
    given = dict.fromkeys(routine.inputs, 0) | {"seed": seed, "layer": layer, "tensor": tensor}
    bound = routine.bind(**given)
    return {name: int(bound.scalar(name)) for name in routine.outputs}


def bits_taken(node: Node) -> tuple[int, int] | None:
    """Return the shift and the mask of an output that takes bits of the state, `(state >> 16) & 0x7fff`, or None."""
    if node.op == "input":
        return 0, node.most
    inner = bits_taken(node.args[0]) if node.args else None
    number = node.args[1].number if len(node.args) == 2 else None
    if inner is None or node.args[0].ctype.floating or node.args[0].least < 0:
        return None
    shift, mask = inner
    if node.op == "cast" and not node.ctype.floating and node.args[0].most <= node.ctype.high:
        return inner
    if node.op == "and" and number is not None and number >= 0:
        return shift, mask & number
    if node.op == "shr" and number is not None:
        return shift + number, mask >> number
    return None


def _plain(stream: Stream) -> Stream:
    """Return a stream in which xorshifts without a kernel are replaced by steps."""
    if stream.kind != "xorshift":
        return stream
    shifts, state = stream.parameters["shifts"], stream.parameters["state"]
    if len(shifts) <= 3 and not state.endswith("int8_t"):
        return stream
    bits = state.lstrip("u")
    moves = (f"(({state})((u{bits})state << {shift}))" if shift > 0 else f"(state >> {-shift})" for shift in shifts)
    parameters = {"state": (f"{state} state",), "step": tuple(f"state = state ^ {move}" for move in moves)}
    return replace(stream, kind="steps", parameters=parameters, seed=(f"state = {stream.seed}",))
