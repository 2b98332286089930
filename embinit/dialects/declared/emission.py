"""The C of a dialect file: its stream and its recipes, for a build."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embinit.dialects.declared.dialect import DeclaredDialect
from embinit.dialects.declared.kinds import Twin
from embinit.dialects.declared.recipe import NormalRecipe, Recipe
from embinit.dialects.declared.sampler import Mixed, arithmetic, given_of
from embinit.dialects.declared.stream import Generators, word_type
from embinit.errors import EmbinitError
from embinit.expressions import TYPES, Arithmetic, Program
from embinit.expressions.emit import HEADERS, constant, emit
from embinit.expressions.routine import Routine

_INDENT = "    "


@dataclass
class Emission:
    """C while it is written: headers, definitions, and for each recipe a function that draws an element."""

    name: str
    dialect: DeclaredDialect
    rand: str
    headers: set[str | Path] = field(default_factory=lambda: set(HEADERS))
    lines: list[str] = field(default_factory=list)
    _drawing: dict[int, str] = field(default_factory=dict)
    _spares: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stored = False
        self._stream()

    @property
    def element(self) -> str:
        """The C type of an element."""
        return "double" if self.dialect.element == "float64" else "float"

    @property
    def generators(self) -> Generators:
        """The file's generators."""
        return self.dialect.generators

    @property
    def keeps(self) -> bool:
        """Whether a stream keeps a spare value."""
        return self._spare_type() is not None

    @property
    def drops(self) -> bool:
        """Whether a spare value is lost at the end of each tensor."""
        normal = self.dialect.description.normal
        return self.keeps and normal is not None and normal.spare == "tensor"

    def constant(self, value: float) -> str:
        """Return an element as C writes it, exact."""
        return constant(TYPES[self.element], value)

    def _stream(self) -> None:
        """Write the stream: its state, how it starts, and the next word."""
        stream, bits = self.generators.stream, self.generators.word_bits(self.rand)
        word = word_type(bits)
        twin = self._twin()
        held = {"generator": twin.type} if twin else self.generators.held
        state = [f"    {c} {name};" for name, c in held.items()]
        spare = self._spare_type()
        kept = [f"    {spare} spare;", "    int spared;"] if spare else []
        self.lines += ["typedef struct {", *state, *kept, "} stream_state;", ""]
        head = f"static {word} next_word(stream_state *stream)"
        if twin:
            self.headers.add(twin.header)
            self.lines += [head, "{", f"    return {twin.draws}(&stream->generator);", "}", ""]
        else:
            self._stepping(head)
        self._starting(twin, stream.warmup)

    def stored(self, *, skips: bool = False) -> None:
        """Write what the C library needs of a stream to store codes; each recipe gets a distribution of its own. skips:
        whether words are dropped.
        """
        self._stored = True
        numbered = self.generators.stream.scope != "model"
        at = self.lines.index("} stream_state;")
        if numbered:
            self.lines.insert(at, "    uint32_t seed;")
        self.lines += [
            "static uint32_t stream_next(void *state)", "{",
            "    return (uint32_t)next_word((stream_state *)state);", "}", "",
            "static void stream_copy(void *to, const void *from)", "{",
            "    *(stream_state *)to = *(const stream_state *)from;", "}", "",
        ]  # fmt: skip
        if numbered:
            self._distribution("restart", ["start(stream, stream->seed, a, b);"], "rule")
        if skips:
            drop = ["uint32_t i;", "for (i = 0; i < a; i++) {", "    (void)next_word(stream);", "}"]
            self._distribution("skip", drop, "rule", "b")
        if self.drops:
            self._distribution("drop", ["stream->spared = 0;"], "rule", "a", "b")

    def _distribution(self, name: str, body: Sequence[str], *unused: str, array: bool = False) -> None:
        """Write an embinit_distribution that draws from the stream."""
        voids = [f"(void){each};" for each in (*unused, *(() if array else ("out", "n")))]
        self.lines += [
            f"static void {name}(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,",
            " " * (len(name) + 13) + "size_t n)", "{",
            "    stream_state *const stream = (stream_state *)source->state;",
            *(_INDENT + line for line in (*body, *voids)), "}", "",
        ]  # fmt: skip

    def _twin(self) -> Twin | None:
        if self.generators.stream.kind != "rand":
            return self.generators.kind.twin
        from embinit.bitgen import RANDS

        found = RANDS[self.rand](1).c_generator(2**31)
        if found is None:
            raise EmbinitError(f"rand() of {self.rand} has no C")
        seeded = f"{found.type}_seed(&stream->generator, {{state}});"
        return Twin(found.type, found.header, seeded, f"{found.type}_source")

    def _stepping(self, head: str) -> None:
        routine = self.generators.stepping().compile(Arithmetic())
        self.lines += [emit(routine, "step"), ""]
        parts = list(self.generators.held)
        outs = ", ".join([*(f"&stream->{part}" for part in parts), "&word"])
        arguments = ", ".join([*(f"stream->{part}" for part in parts), outs])
        word = routine.outputs["drawn_word"].ctype
        self.lines += [
            head, "{", "    step_fixed fixed;", f"    {word} word;", "    step_fix(&fixed);",
            f"    step(&fixed, {arguments});", "    return word;", "}", "",
        ]  # fmt: skip

    def _starting(self, twin: Twin | None, warmup: int) -> None:
        """Write the function that seeds the stream, which leaves a spare value where it is."""
        program = self.generators.seeding()
        routine = program.compile(Arithmetic())
        self.lines += [emit(routine, "seeding"), ""]
        given = {"seed": "seed", "layer": "layer", "tensor": "tensor"}
        arguments = ", ".join(given.get(name, "0") for name in program.inputs)
        numbered = "layer" in program.inputs
        parameters = "stream_state *stream, uint32_t seed" + (", uint32_t layer, uint32_t tensor" if numbered else "")
        body = ["seeding_fixed begun;", f"seeding_fix(&begun, {arguments});"]
        if twin:
            stream = self.generators.stream.parameters.get("stream", 0) & (2**63 - 1)
            body.append(twin.seed.format(state="begun.out_state", stream=stream))
        else:
            casts = self.generators.held
            body += [f"stream->{part} = ({casts[part]})begun.out_{part};" for part in casts]
        body = ["seeding_fixed begun;", *(["int i;"] if warmup else []), *body[1:]]
        if warmup:
            body += [f"for (i = 0; i < {warmup}; i++) {{", "    (void)next_word(stream);", "}"]
        self.lines += [f"static void start({parameters})", "{", *(_INDENT + line for line in body), "}", ""]

    def _spare_type(self) -> str | None:
        normal = self.dialect.description.normal
        if normal is None or len(normal.values) == 1 or normal.spare == "call":
            return None
        for name in ("normal", *self.dialect.description.initializers):
            try:
                recipe = self.dialect.sampler.recipe(name, self.rand)  # type: ignore[attr-defined]
            except EmbinitError:
                continue
            if recipe.normal is not None and recipe.normal.result is not None:
                return str(recipe.normal.result.inputs["z"].ctype)
        return None

    def drawing(self, distribution: Mixed) -> str:
        """Write the function that draws an element, once for each recipe, and return the prefix of its names."""
        key = id(distribution.recipe)
        if key not in self._drawing:
            prefix = f"rule{len(self._drawing)}"
            self._drawing[key] = prefix
            self._recipe(prefix, distribution.recipe, arithmetic(distribution.build))
            if self._stored:
                self._filling(prefix, rehearsed=self.dialect.description.rehearsal != "none")
        return self._drawing[key]

    def _filling(self, prefix: str, *, rehearsed: bool) -> None:
        """Write the distribution of a recipe, and if rehearsed, the one that draws `a` values and drops them."""
        head = [f"const {prefix}_fixed *const fixed = (const {prefix}_fixed *)rule;", "size_t i;"]
        fill = ["for (i = 0; i < n; i++) {", f"    out[i] = {prefix}_draw(stream, fixed);", "}"]
        self._distribution(f"{prefix}_fill", [*head, *fill], "a", "b", array=True)
        if rehearsed:
            vain = ["for (i = 0; i < a; i++) {", f"    (void){prefix}_draw(stream, fixed);", "}"]
            self._distribution(f"{prefix}_rehearse", [*head, *vain], "b")

    def _recipe(self, prefix: str, recipe: Recipe, rounding: Arithmetic) -> None:
        self.lines.append(f"/* {recipe.name} */")
        if recipe.normal is None:
            assert recipe.element is not None
            self._program(f"{prefix}_element", recipe.element.program, rounding)
            body = self._words({name: name for name in recipe.element.words})
            call = self._call(
                f"{prefix}_element", recipe.element.program, rounding, {name: name for name in recipe.element.words}
            )
            self._function(prefix, [f"{prefix}_element"], body, call)
            return
        if recipe.normal.block > 1:
            raise EmbinitError("normal values in blocks have no C")
        self._normal(prefix, recipe.normal, rounding)

    def _program(self, name: str, program: Program, rounding: Arithmetic) -> Routine:
        routine = program.compile(rounding)
        self.lines += [emit(routine, name), ""]
        return routine

    def _words(self, words: Iterable[str]) -> list[str]:
        word = word_type(self.generators.word_bits(self.rand))
        return [f"const {word} w_{name} = next_word(stream);" for name in words]

    def _call(self, name: str, program: Program, rounding: Arithmetic, given: dict[str, str]) -> list[str]:
        """Return the call of an element's program, whose result is `value`."""
        routine = program.compile(rounding)
        member = name.rpartition("_")[2]
        if routine.outputs["element"].stage < 2:
            return [f"value = fixed->{member}.out_element;"]
        inputs = [f"w_{given[key]}" for key, each in program.inputs.items() if each.stage == "element"]
        return [f"{name}(&fixed->{member}, {''.join(f'{each}, ' for each in inputs)}&value);"]

    def _function(self, prefix: str, members: Sequence[str], body: list[str], call: list[str]) -> None:
        fields = [f"    {member}_fixed {member.rpartition('_')[2]};" for member in members]
        self.lines += ["typedef struct {", *fields, f"}} {prefix}_fixed;", ""]
        lines = [f"{self.element} value;", *body, *call, "return value;"]
        if not body:
            lines.insert(1, "(void)stream;")
        head = f"static {self.element} {prefix}_draw(stream_state *stream, const {prefix}_fixed *fixed)"
        self.lines += [head, "{", *(_INDENT + line for line in lines), "}", ""]

    def _normal(self, prefix: str, recipe: NormalRecipe, rounding: Arithmetic) -> None:
        """Write how a normal value is drawn: attempts until one is accepted, and the spare value."""
        last = self._program(f"{prefix}_last", recipe.last.program, rounding)
        members = [f"{prefix}_last"]
        body: list[str] = []
        word = word_type(self.generators.word_bits(self.rand))
        width = recipe.before + recipe.after
        body.append(f"{word} words[{width}][{recipe.per_unit}];")
        first = recipe.before if recipe.attempt else width
        body += _drawn(range(first), recipe.per_unit)
        if recipe.attempt is not None:
            attempt = self._program(f"{prefix}_attempt", recipe.attempt.program, rounding)
            members.append(f"{prefix}_attempt")
            outs = [f"{node.ctype} {name};" for name, node in attempt.outputs.items()]
            inputs = [_word(recipe.attempt.words[name]) for name in recipe.attempt.program.inputs]
            call = ", ".join(["&fixed->attempt", *inputs, *(f"&{name}" for name in attempt.outputs)])
            again = _drawn(recipe.redrawn, recipe.per_unit)
            body = [
                *outs,
                *body,
                "for (;;) {",
                f"    {prefix}_attempt({call});",
                "    if (!again) {",
                "        break;",
                "    }",
            ]
            body += [*(_INDENT + line for line in again), "}"]
            for place, drawn in recipe.kept.items():
                ((kept, node),) = self._program(f"{prefix}_kept{place}", drawn.program, rounding).outputs.items()
                members.append(f"{prefix}_kept{place}")
                inputs = [_word(drawn.words[name]) for name in drawn.program.inputs]
                body = [
                    f"{node.ctype} {kept};",
                    *body,
                    f"{prefix}_kept{place}(&fixed->kept{place}, {', '.join(inputs)}, &{kept});",
                ]
            body += _drawn(range(recipe.before, width), recipe.per_unit)
        arguments = [
            _word(recipe.last.words[name]) if name in recipe.last.words else name
            for name, each in recipe.last.program.inputs.items()
            if each.stage == "element"
        ]
        if recipe.result is None:
            self._function(
                prefix, members, body, [f"{prefix}_last({', '.join(['&fixed->last', *arguments, '&value'])});"]
            )
            return
        self._program(f"{prefix}_result", recipe.result, rounding)
        members.append(f"{prefix}_result")
        z = last.outputs["z0"].ctype
        pair = f"{prefix}_last({', '.join(['&fixed->last', *arguments, '&z', '&other'])});"
        result = f"{prefix}_result(&fixed->result, z, &value);"
        names = [f"{z} z, other;"]
        if recipe.spare == "call":
            self._function(prefix, members, [*names, *body, pair, "(void)other;"], [result])
            return
        pairs = [*names, *body, pair, "stream->spare = other;", "stream->spared = 1;", "return z;"]
        head = f"static {z} {prefix}_pair(stream_state *stream, const {prefix}_fixed *fixed)"
        fields = [f"    {member}_fixed {member.rpartition('_')[2]};" for member in members]
        self.lines += ["typedef struct {", *fields, f"}} {prefix}_fixed;", ""]
        self.lines += [head, "{", *(_INDENT + line for line in pairs), "}", ""]
        draw = [
            f"{self.element} value;",
            f"{z} z;",
            "if (stream->spared) {",
            "    z = stream->spare;",
            "    stream->spared = 0;",
            "} else {",
            f"    z = {prefix}_pair(stream, fixed);",
            "}",
            result,
            "return value;",
        ]
        head = f"static {self.element} {prefix}_draw(stream_state *stream, const {prefix}_fixed *fixed)"
        self.lines += [head, "{", *(_INDENT + line for line in draw), "}", ""]

    def fixing(self, distribution: Mixed, name: str) -> list[str]:
        """Return statements that compute into a variable what all elements of a tensor share."""
        prefix, recipe = self.drawing(distribution), distribution.recipe
        given = given_of(recipe, distribution.wanted)
        programs = {"element": recipe.element.program} if recipe.element else {}
        if recipe.normal is not None:
            programs = {"last": recipe.normal.last.program}
            if recipe.normal.attempt is not None:
                programs["attempt"] = recipe.normal.attempt.program
            programs |= {f"kept{place}": drawn.program for place, drawn in recipe.normal.kept.items()}
            if recipe.normal.result is not None:
                programs["result"] = recipe.normal.result
        lines = []
        for member, program in programs.items():
            values = [
                constant(
                    each.ctype, given[key] if not each.ctype.floating else float(each.ctype.dtype.type(given[key]))
                )
                for key, each in program.inputs.items()
                if each.stage == "tensor"
            ]
            lines.append(f"{prefix}_{member}_fix({', '.join([f'&{name}.{member}', *values])});")
        return lines


def _word(at: tuple[int, int]) -> str:
    return f"words[{at[0]}][{at[1]}]"


def _drawn(places: Iterable[int], per_unit: int) -> list[str]:
    """Return statements that draw the words of units, in order."""
    lines = []
    for place in places:
        lines += [f"words[{place}][{i}] = next_word(stream);" for i in range(per_unit)]
    return lines
