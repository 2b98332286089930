"""Recipes: what an initializer of a dialect file computes, as programs that a compiler sees in one piece.

A value that is not normal is one program from its words to the element. A normal value is cut where a compiler cannot
look through: at the loop that draws again, and between a value and its spare.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from embinit.dialects.declared.description import Description, NormalTransform, Rule, Where
from embinit.dialects.declared.stream import word_type
from embinit.errors import EmbinitError, shown
from embinit.expressions import DOUBLE, FLOAT, TYPES, CType, Definition, Input, Program, define, program_of
from embinit.expressions.syntax import Name, Tree

UINT32 = TYPES["uint32_t"]
#: The names that every initializer may use: the fans of its tensor.
FANS = {"fan_in": Input(UINT32, "tensor"), "fan_out": Input(UINT32, "tensor")}


def renamed(tree: Tree, names: Mapping[str, str]) -> Tree:
    """Return an expression with some of its names replaced.

    >>> from embinit.expressions.syntax import parse
    >>> sorted(renamed(parse("a + word", "x"), {"word": "u1_word"}).names)
    ['a', 'u1_word']
    """
    if isinstance(tree, Name):
        return Name(tree.column, names.get(tree.name, tree.name))

    def each(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(each, value))
        return renamed(value, names) if isinstance(value, Tree) else value

    return replace(tree, **{f.name: each(getattr(tree, f.name)) for f in fields(tree)})


def using(definitions: Iterable[Definition], wanted: Iterable[str]) -> list[Definition]:
    """Return the definitions that some names need, in their order."""
    needed, kept = set(wanted), []
    for each in reversed(list(definitions)):
        if each.name in needed:
            needed |= each.tree.names
            kept.append(each)
    return kept[::-1]


@dataclass(frozen=True)
class Drawn:
    """A stage of a recipe: a program, and which words of which units it reads. words: the name of an input of the
    program -> the unit's place in the draw, and the word's place in the unit.
    """

    program: Program
    words: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class NormalRecipe:
    """How a normal value is drawn.

    per_unit: words per unit. before: how many units are drawn before retry is tested; after: how many after. redrawn:
    the places of the units that are drawn again. attempt: the program that computes `again`, and what is used later,
    from the units of an attempt. kept: by place, the units that are drawn before the test and stay; each is computed
    separately. last: the program of both z or, if a draw gives one value, of the element; result: the program from z to
    the element, if there are both. spare: what becomes of the second value. block, fewer: the size of blocks, if
    elements are drawn in blocks, and how fewer elements are drawn.
    """

    per_unit: int
    before: int
    after: int
    redrawn: tuple[int, ...]
    attempt: Drawn | None
    kept: Mapping[int, Drawn]
    last: Drawn
    result: Program | None
    spare: str | None
    block: int = 1
    fewer: "NormalRecipe | None" = None

    @property
    def programs(self) -> list[Program]:
        """All programs of a draw."""
        drawn = [self.last, *self.kept.values(), *([self.attempt] if self.attempt else [])]
        found = [each.program for each in drawn] + ([self.result] if self.result else [])
        return found + (self.fewer.programs if self.fewer else [])


@dataclass(frozen=True)
class Recipe:
    """What an initializer computes.

    kind: "constant", "value", "uniform" or "normal". per_element: words per element, 0 for a constant. element: the
    program of one element, if it is not normal. shown: a program, run once per tensor, for what a plan shows, and the
    names of that. double: whether elements are doubles.
    """

    name: str
    kind: str
    parameters: tuple[tuple[str, str, float | None], ...]
    element: Drawn | None
    normal: NormalRecipe | None
    shown: Program
    names: tuple[str, ...]
    double: bool

    @property
    def programs(self) -> list[Program]:
        """All programs of an element."""
        return [self.element.program] if self.element else self.normal.programs if self.normal else []


class Kitchen:
    """Makes the recipes of a dialect file for words of a width."""

    def __init__(self, description: Description, word_bits: int, is_rand: bool) -> None:
        self._description, self._bits = description, word_bits
        self._where = Where(description.source)
        self._stored = DOUBLE if description.values.type == "double" else FLOAT
        self._word = Input(word_type(word_bits), "element", 0, 2**word_bits - 1)
        self._fixed = [define("RAND_MAX", str(2**word_bits - 1), str(self._where / "generator"))] if is_rand else []

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of an initializer, or raise EmbinitError if something is wrong with it."""
        rule = self._rule(name)
        if rule is None:
            raise EmbinitError(f"dialect {self._description.name} has no initializer {shown(name)}")
        return self._made(name, rule)

    def _rule(self, name: str) -> Rule | None:
        description = self._description
        if name in description.initializers:
            return description.initializers[name]
        given = "double" if self._stored is DOUBLE else "float"
        if name == "uniform" and description.values.uniform is not None:
            return Rule({"low": "low", "high": "high"}, {}, None, (("low", given, None), ("high", given, None)))
        if name == "normal" and description.normal is not None and description.normal.result is not None:
            return Rule({"mean": "mean", "stddev": "stddev"}, {}, None, (("mean", given, 0.0), ("stddev", given, 1.0)))
        return None

    def _made(self, name: str, rule: Rule) -> Recipe:
        where = self._where / "initializers" / name
        parameters = {key: Input(TYPES[ctype], "tensor") for key, ctype, _ in rule.parameters}
        inputs = {**FANS, **parameters}
        built_in = name not in self._description.initializers
        keys = [] if built_in else [define(key, text, str(where / key)) for key, text in rule.names.items()]
        ends = {key: define(key, text, str(where / key)) for key, text in rule.way.items() if not built_in}
        before = [*self._fixed, *keys]
        last = [ends[key] for key in ("low", "high", "mean", "stddev", "constant") if key in ends]
        once = [*before, *last]
        if self._needed([*keys, *last]) & set(ends):  # `low = "-high"`: all in the order of the file
            places = list(self._description.tables["initializers"][name])
            once = [*self._fixed, *sorted([*keys, *last], key=lambda each: places.index(each.name))]
        program = program_of(once, inputs, {})
        names = tuple(
            key for key in (*rule.way, *(each.name for each in keys)) if key in program.types or key in parameters
        )
        shown = program_of(once, inputs, dict.fromkeys((each for each in names if each in program.types), None))
        element: Drawn | None = None
        normal: NormalRecipe | None = None
        if "constant" in rule.way:
            kind, element = (
                "constant",
                self._element([*before, renamed_to(ends["constant"], "element")], inputs, (), where),
            )
        elif "value" in rule.way:
            kind = "value"
            value = renamed_to(ends["value"], "element")
            if "z" in self._needed([*keys, value]):
                normal = self._normal(self._transform, before, value, inputs)
            else:
                element = self._value(before, value, inputs, rule, where)
        elif "low" in rule.way:
            kind, uniform = "uniform", self._description.values.uniform
            assert uniform is not None
            value = define("element", uniform, str(self._where / "values" / "uniform"))
            element = self._value(once, value, inputs, replace(rule, words=None), where)
        else:
            kind, transform = "normal", self._description.normal
            assert transform is not None
            assert transform.result is not None
            result = define("element", transform.result, str(self._where / "normal" / "result"))
            normal = self._normal(transform, once, result, inputs)
        return Recipe(name, kind, rule.parameters, element, normal, shown, names, self._stored is DOUBLE)

    @staticmethod
    def _needed(definitions: Iterable[Definition]) -> set[str]:
        return set().union(*(each.tree.names for each in definitions))

    def _value(
        self, before: list[Definition], value: Definition, inputs: Mapping[str, Input], rule: Rule, where: Where
    ) -> Drawn:
        values = self._description.values
        words = rule.words or values.words
        unit = []
        if "unit" in value.tree.names:
            unit = [self._unit(values.unit, where)]
            if set(values.words) <= set(words):
                program_of([*self._fixed, *unit], dict.fromkeys(values.words, self._word), {})
        used = self._needed([*unit, value])
        drawn = words if used & {"unit", *words} else ()
        return self._element([*before, *unit, value], inputs, drawn, where)

    def _unit(self, text: str | None, where: Where) -> Definition:
        if text is None:
            raise EmbinitError(f"{where}: uses unit, and there is no key 'unit' in {(self._where / 'values').key}")
        return define("unit", text, str(self._where / "values" / "unit"))

    def _element(
        self, definitions: list[Definition], inputs: Mapping[str, Input], words: tuple[str, ...], where: Where
    ) -> Drawn:
        given = {**inputs, **dict.fromkeys(words, self._word)}
        self._refuse_element_stage(definitions, given, where)
        program = program_of(definitions, given, {"element": self._stored})
        return Drawn(program, {word: (0, i) for i, word in enumerate(words)})

    def _refuse_element_stage(self, definitions: list[Definition], inputs: Mapping[str, Input], where: Where) -> None:
        """Raise EmbinitError if a name of an initializer, computed once per tensor, depends on what is drawn."""
        for each in definitions:
            if each.where.startswith(str(where)) and each.name not in ("element", "unit"):
                drawn = [name for name in each.tree.names if name in inputs and inputs[name].stage == "element"]
                if drawn:
                    raise EmbinitError(
                        f"{each.where}: is computed once per tensor, and {drawn[0]} is drawn per element"
                    )

    @cached_property
    def _transform(self) -> NormalTransform:
        transform = self._description.normal
        if transform is None:
            raise EmbinitError(
                f"{self._where}: z is a normal value, and there is no table {(self._where / 'normal').key}"
            )
        return transform

    def _unit_of(
        self, transform: NormalTransform, unit: str, place: int
    ) -> tuple[Definition, dict[str, tuple[int, int]]]:
        """Return the definition of a unit of a normal draw with its words renamed, and which words those are."""
        values = self._description.values
        words = transform.unit_words or values.words
        where = self._where / ("normal" if transform.unit else "values") / "unit"
        text = transform.unit or values.unit
        if text is None:
            raise EmbinitError(f"{self._where / 'normal'}: needs a unit value, and there is no key 'unit'")
        names = {word: f"{unit}_{word}" for word in words}
        written = define(unit, text, str(where))
        tree = renamed(written.tree, names)
        return replace(written, tree=tree), {names[word]: (place, i) for i, word in enumerate(words)}

    def _normal(
        self, transform: NormalTransform, before: list[Definition], result: Definition, inputs: Mapping[str, Input]
    ) -> NormalRecipe:
        place = self._where / "normal"
        per_unit = len(transform.unit_words or self._description.values.words)
        units = {unit: self._unit_of(transform, unit, i) for i, unit in enumerate(transform.words)}
        names = [define(key, text, str(place / key)) for key, text in transform.names.items()]
        values = [define(f"z{i}", text, str(place / "values")) for i, text in enumerate(transform.values)]
        pair = len(values) == 2
        first, attempt, opaque, kept = len(units), None, dict[str, Input](), dict[int, Drawn]()
        later = [units[unit][0] for unit in units]
        reads = {name: at for _, words in units.values() for name, at in words.items()}
        if transform.retry is not None:
            first = transform.words.index(transform.retry_after) + 1
            again = define("again", transform.retry, str(place / "retry"))
            attempt, kept, opaque = self._loop(transform, units, names, again, first, [*values, *names])
            later = [units[unit][0] for unit in transform.words[first:]]
            names = [each for each in names if each.name not in opaque]
            reads = {name: at for unit in transform.words[first:] for name, at in units[unit][1].items()}
        body = [*self._fixed, *later, *names, *values]
        given = {**opaque, **dict.fromkeys(reads, self._word)}
        types = program_of(body, given, {}).types
        if pair and types["z0"] is not types["z1"]:
            raise EmbinitError(f"{place / 'values'}: both must be of one type, got {types['z0']} and {types['z1']}")
        redrawn = tuple(transform.words.index(unit) for unit in transform.redraw) if transform.retry else ()
        if pair:
            last = Drawn(program_of(body, given, {"z0": None, "z1": None}), reads)
            z = {"z": Input(types["z0"])}
            program: Program | None = program_of([*before, result], {**inputs, **z}, {"element": self._stored})
        else:
            z_name = [replace(values[0], name="z")]
            mine = [each for each in before if each not in self._fixed]
            clash = {each.name for each in mine} & {each.name for each in (*later, *names)}
            rename = {name: f"{name}_of_normal" for name in clash}
            inner = [
                replace(each, name=rename.get(each.name, each.name), tree=renamed(each.tree, rename))
                for each in (*later, *names, *z_name)
            ]
            opaque_inputs = {rename.get(name, name): value for name, value in given.items()}
            whole = [*self._fixed, *mine, *inner, result]
            last = Drawn(program_of(whole, {**inputs, **opaque_inputs}, {"element": self._stored}), reads)
            program = None
        spare = transform.spare if pair else None
        fewer = None if transform.fewer is None else self._normal(transform.fewer, before, result, inputs)
        return NormalRecipe(
            per_unit, first, len(units) - first, redrawn, attempt, kept, last, program, spare, transform.block, fewer
        )

    def _loop(
        self,
        transform: NormalTransform,
        units: Mapping[str, tuple[Definition, dict[str, tuple[int, int]]]],
        names: list[Definition],
        again: Definition,
        first: int,
        after: list[Definition],
    ) -> tuple[Drawn, dict[int, Drawn], dict[str, Input]]:
        """Return the program of one attempt, the programs of the units that stay, and what is used after the loop as it
        is.
        """
        if not again.tree.names:
            holds = program_of([*self._fixed, again], {}, {"again": None}).literal("again")
            rule = "always holds: no normal value is ever accepted" if holds else "never holds: leave it out"
            raise EmbinitError(f"{again.where}: {rule}")
        inside = transform.words[:first]
        tested = using(names, again.tree.names)
        needed = again.tree.names | self._needed(tested)
        for unit in transform.words[first:]:
            if unit in needed:
                raise EmbinitError(f"{again.where}: is tested after {transform.retry_after}, and {unit} is drawn later")
        if not needed & set(transform.redraw):
            raise EmbinitError(f"{again.where}: depends on no unit that is drawn again, and so never ends")
        redrawn = [unit for unit in inside if unit in transform.redraw]
        still = [unit for unit in inside if unit in needed and unit not in redrawn]
        body = [*self._fixed, *(units[unit][0] for unit in (*redrawn, *still)), *tested, again]
        reads = {name: at for unit in (*redrawn, *still) for name, at in units[unit][1].items()}
        held = replace(self._word, held=True)
        given = {name: held if unit in still else self._word for unit in (*redrawn, *still) for name in units[unit][1]}
        types = program_of(body, given, {}).types
        wanted = self._needed(after)
        outside = [name for name in (*inside, *(each.name for each in tested)) if name in wanted]
        outputs: dict[str, CType | None] = {name: None for name in outside if name in types}
        program = program_of(body, given, {"again": None, **outputs})
        kept = {}
        for unit in inside:
            if unit in wanted and unit not in types:
                definition, words = units[unit]
                own = program_of([*self._fixed, definition], dict.fromkeys(words, self._word), {unit: None})
                kept[transform.words.index(unit)] = Drawn(own, words)
                types = {**types, unit: own.types[unit]}
        return Drawn(program, reads), kept, {name: Input(types[name]) for name in outside}


def renamed_to(definition: Definition, name: str) -> Definition:
    """Return a definition under another name."""
    return replace(definition, name=name)
