"""Programs: named expressions that a compiler sees as one piece of code, checked when they are built, and lowered for a
device's build.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from embinit.errors import EmbinitError, shown
from embinit.expressions.contraction import contracted
from embinit.expressions.functions import FUNCTIONS
from embinit.expressions.graph import ELEMENT, LITERAL, TENSOR, Graph, Node
from embinit.expressions.lowering import Lowering
from embinit.expressions.routine import Routine
from embinit.expressions.syntax import Tree, check_name, parse, parse_statement
from embinit.expressions.types import DOUBLE, FLOAT, UINT32, CType, Input  # noqa: F401 (doctests)

_STAGES = {"tensor": TENSOR, "element": ELEMENT}


@dataclass(frozen=True)
class Arithmetic:
    """How a build rounds: multiply_add `separate`, `fused` (gcc) or `fused-expression` (clang), and the class of libm.

    The others matter under `fused` only. fuses_double: whether the FPU fuses doubles as well as floats, as on x86-64-v3
    and the Cortex-M7. fuses_negation: whether it negates a multiply-add in the same operation, as on x86-64-v3 and
    RISC-V, which shows if the result is 0. hoists: whether gcc computes what both arms of ?: need before them, as it
    does except for Cortex-M. roots_branch: whether sqrtf and sqrt test their argument to set errno. They do in all C
    libraries but picolibc with an FPU, whose <math.h> writes them, and other functions, as instructions that gcc cannot
    look into; programs that call those others are refused.
    """

    multiply_add: Literal["separate", "fused", "fused-expression"] = "separate"
    libm: Literal["double", "fdlibm", "fdlibm-fused"] = "double"
    fuses_double: bool = True
    fuses_negation: bool = False
    hoists: bool = True
    roots_branch: bool = True


@dataclass(frozen=True)
class Definition:
    """`name = expression`, from a key of a file (`where`). ctype: the type to which the value is converted; None if it
    keeps its own. replaces: whether the name is a variable that gets a new value.
    """

    name: str
    tree: Tree
    where: str
    ctype: CType | None = None
    replaces: bool = False


def define(name: str, text: str, where: str) -> Definition:
    """Return the definition of a name by an expression, which is parsed here; where: its key, as errors name it."""
    check_name(name, where)
    return Definition(name, parse(text, where), where)


def statements(texts: Sequence[str], where: str, variables: Mapping[str, CType]) -> tuple[Definition, ...]:
    """Return statements `name = expression` or `type name = expression` as definitions, in order.

    variables: those that exist before, with their types. A statement that declares a type adds one.

    >>> step = statements(["uint32_t t = x ^ (x << 11)", "x = t"], "step", {"x": UINT32})
    >>> [str(each.ctype) for each in step]
    ['uint32_t', 'uint32_t']
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise EmbinitError(f"{where}: must be a list of statements, got {shown(texts)}")
    known = dict(variables)
    found = []
    for number, text in enumerate(texts, 1):
        place = f"{where}, statement {number}"
        declared, name, tree = parse_statement(text, place)
        if declared and name in known:
            raise EmbinitError(f"{place}: {name} exists already, as {known[name]}: leave the type out")
        if not declared and name not in known:
            names = ", ".join(known)
            raise EmbinitError(f"{place}: {name} is not declared: write its type before it, or one of {names}")
        found.append(Definition(name, tree, place, declared or known[name], replaces=declared is None))
        known.setdefault(name, found[-1].ctype or FLOAT)
    return tuple(found)


class Program:
    """Definitions in order, each of which may use the inputs and the names before it.

    A compiler sees a program as one piece of code. It looks through names, so a product that has a name can be fused
    into a sum that uses the name; it cannot look into inputs. So code is cut into programs where a compiler cannot look
    through: at a loop that draws again, and between a value and its spare.

    outputs: the names whose values are wanted, each with the type in which it is stored, None for its own.

    >>> unit = define("unit", "(float)word / 4294967296.0f", "unit")
    >>> value = define("value", "unit * (high - low) + low", "uniform")
    >>> bounds = {"low": Input(FLOAT, "tensor"), "high": Input(FLOAT, "tensor")}
    >>> program = Program([unit, value], {"word": Input(UINT32), **bounds}, {"value": FLOAT})
    >>> program.types["unit"].name
    'float'
    >>> import numpy as np
    >>> bound = program.compile(Arithmetic("fused")).bind(low=-1.0, high=1.0)
    >>> bound.evaluate(word=np.array([0, 2**31, 2**32 - 1], np.uint32))["value"].tolist()
    [-1.0, 0.0, 1.0]
    """

    def __init__(
        self,
        definitions: Iterable[Definition],
        inputs: Mapping[str, Input],
        outputs: Mapping[str, CType | None],
    ) -> None:
        self.definitions = tuple(definitions)
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)
        for definition in self.definitions:
            if definition.name in FUNCTIONS:
                raise EmbinitError(f"{definition.where}: {definition.name} is a function of C, not a name")
        self._routines: dict[Arithmetic, Routine] = {}
        names = self._lowered(Graph("double"), Arithmetic())
        #: The type of every name.
        self.types = {name: node.ctype for name, node in names.items()}
        #: When each name is known: 0 when it is read, 1 once per tensor, 2 per element.
        self.stages = {name: node.stage for name, node in names.items()}
        missing = [name for name in self.outputs if name not in names]
        if missing:
            raise EmbinitError(f"{missing[0]} is not defined")

    def literal(self, name: str) -> int | float | None:
        """Return the value of a name that is known when the dialect is read; None for any other name."""
        value = self._lowered(Graph("double"), Arithmetic())[name].number
        return None if value is None else value

    def compile(self, arithmetic: Arithmetic) -> Routine:
        """Return the program as a device's build computes it, the same routine each time."""
        if arithmetic not in self._routines:
            self._routines[arithmetic] = self._compiled(arithmetic)
        return self._routines[arithmetic]

    def _compiled(self, arithmetic: Arithmetic) -> Routine:
        hides = arithmetic.multiply_add == "fused" and not arithmetic.roots_branch
        graph = Graph(arithmetic.libm, roots_branch=arithmetic.roots_branch, hides=hides)
        names = self._lowered(graph, arithmetic)
        lowering = Lowering(graph, {}, "", LITERAL, fuse_written=False)
        roots = [
            lowering.converted(names[name], ctype, 0) if ctype else names[name] for name, ctype in self.outputs.items()
        ]
        if arithmetic.multiply_add == "fused":
            fused = (FLOAT, DOUBLE) if arithmetic.fuses_double else (FLOAT,)
            held = frozenset(name for name, each in self.inputs.items() if each.held)
            roots = contracted(
                graph, roots, fused, held, fuses_negation=arithmetic.fuses_negation, hoists=arithmetic.hoists
            )
        return Routine(self.inputs, dict(zip(self.outputs, roots, strict=True)))

    def _lowered(self, graph: Graph, arithmetic: Arithmetic) -> dict[str, Node]:
        names = {
            name: graph.input(each.ctype, name, _STAGES[each.stage], each.low, each.high)
            for name, each in self.inputs.items()
        }
        given = set(names)
        for each in self.definitions:
            if each.name in names and not each.replaces:
                rule = "is given, it cannot be defined" if each.name in given else "is defined twice"
                raise EmbinitError(f"{each.where}: {each.name} {rule}")
            if each.name in each.tree.names and each.name not in names:
                raise EmbinitError(f"{each.where}: {each.name} is defined by itself")
            used = [names[name].stage for name in each.tree.names if name in names]
            fuse_written = arithmetic.multiply_add == "fused-expression"
            graph.home = stage = max(used, default=LITERAL)
            lowering = Lowering(graph, names, each.where, stage, fuse_written=fuse_written)
            node = lowering.lower(each.tree)
            names[each.name] = lowering.converted(node, each.ctype, 1) if each.ctype else node
        return names


def program_of(
    definitions: Iterable[Definition], inputs: Mapping[str, Input], outputs: Mapping[str, CType | None]
) -> Program:
    """Return the program of definitions, the same object for equal ones. Dialects that differ in a few keys thus share
    the rest, with what is compiled from it.
    """
    return _shared(tuple(definitions), tuple(inputs.items()), tuple(outputs.items()))


@lru_cache(maxsize=1024)
def _shared(
    definitions: tuple[Definition, ...],
    inputs: tuple[tuple[str, Input], ...],
    outputs: tuple[tuple[str, CType | None], ...],
) -> Program:
    return Program(definitions, dict(inputs), dict(outputs))
