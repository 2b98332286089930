"""A lowered program as C99 that computes the same bits under every compiler flag.

Every float operation is one statement whose result is a volatile object, so that no compiler fuses, reorders or narrows
it; constants are volatile too, because -ffast-math computes with them in advance. Integer operations are written so
that nothing is undefined for any operands: if C defines no result, the host refuses and the emitted code gives an
arbitrary one. A routine becomes a pair of functions:

    static void NAME_fix(NAME_fixed *fixed, ...);        once per tensor, from the inputs of a tensor
    static void NAME(const NAME_fixed *fixed, ...);      once per element

The second writes the outputs; outputs that are the same for all elements are members of the struct.
"""

from collections.abc import Callable

from embinit.expressions.graph import ELEMENT, Node
from embinit.expressions.operations import COMPARED, INFIX
from embinit.expressions.routine import Routine
from embinit.expressions.types import DOUBLE, FLOAT, INT32, CType

#: What the emitted code includes.
HEADERS = ("embinit_double.h", "embinit_expression.h")


def constant(ctype: CType, value: int | float) -> str:
    """Return a constant as C writes it, exact.

    >>> print(constant(FLOAT, 0.5), constant(DOUBLE, 1.0), constant(FLOAT, 2.0**-149))
    0.5f 1.0 1.40129846e-45f
    """
    if ctype.floating:
        text = f"{value:.9g}" if ctype is FLOAT else repr(float(value))
        return (text if set(text) & set(".en") else text + ".0") + "f" * (ctype is FLOAT)
    if ctype.bits < 32:
        return f"({ctype}){int(value)}"
    macro = f"{'INT' if ctype.signed else 'UINT'}{ctype.bits}_C"
    if value == ctype.low and ctype.signed:
        return f"(-{macro}({-int(value) - 1}) - 1)"
    return f"{macro}({int(value)})" if value >= 0 else f"(-{macro}({-int(value)}))"


def emit(routine: Routine, name: str) -> str:
    """Return the C of a routine, as static functions whose names begin with a prefix."""
    return _Emission(routine, name).text()


class _Emission:
    def __init__(self, routine: Routine, name: str) -> None:
        self._routine, self._name = routine, name
        order = self._needed()
        self._fixed = [node for node in order if node.stage < ELEMENT and node.op != "const"]
        self._element = [node for node in order if node.stage == ELEMENT]
        self._kept = self._crossing()
        self._label = {node: f"t{i}" for i, node in enumerate(order)}
        inputs = {node: f"in_{node.data}" for node in order if node.op == "input"}
        self._label |= inputs
        self._constants = [node for node in order if node.op == "const" and node.ctype.floating]
        self._doubles = any(node.ctype is DOUBLE for node in order)

    def _needed(self) -> list[Node]:
        """Return the operations that the code computes, without those that only serve comparisons whose outcome is
        known from integers' ranges.
        """
        needed = set(self._routine.outputs.values())
        for node in reversed(self._routine.order):
            if node in needed and (node.op not in COMPARED or _decided(node) is None):
                needed.update(node.args)
        return [node for node in self._routine.order if node in needed]

    def _crossing(self) -> list[Node]:
        """Return the values that are computed per tensor and either used per element or outputs."""
        used = {arg for node in self._element for arg in node.args} | set(self._routine.outputs.values())
        return [node for node in self._fixed if node in used]

    def _inputs(self, stage: str) -> list[str]:
        return [f"{each.ctype} in_{name}" for name, each in self._routine.inputs.items() if each.stage == stage]

    def text(self) -> str:
        """Return the struct and the two functions."""
        lines = ["#if DBL_MANT_DIG != 53", '#error "these expressions need a double of 64 bits"', "#endif"]
        lines = lines if self._doubles else []
        lines += [f"static const volatile {node.ctype} {self._name}_{self._label[node]} = "
                  f"{constant(node.ctype, node.data)};" for node in self._constants]  # fmt: skip
        outputs = self._routine.outputs
        members = [f"    {node.ctype} {self._label[node]};" for node in self._kept]
        members += [f"    {node.ctype} out_{label};" for label, node in outputs.items() if node.stage < ELEMENT]
        lines += ["typedef struct {", *(members or ["    char nothing;"]), f"}} {self._name}_fixed;", ""]
        lines += self._function(f"{self._name}_fix", [f"{self._name}_fixed *fixed", *self._inputs("tensor")], [
            *self._unused(self._inputs("tensor")), *(self._statement(node) for node in self._fixed),
            *(f"fixed->{self._label[node]} = {self._value(node)};" for node in self._kept),
            *(f"fixed->out_{label} = {self._value(node)};" for label, node in outputs.items() if node.stage < ELEMENT),
            *([] if members else ["fixed->nothing = 0;"]),
        ])  # fmt: skip
        written = {label: node for label, node in outputs.items() if node.stage == ELEMENT}
        if written:
            parameters = [f"const {self._name}_fixed *fixed", *self._inputs("element")]
            parameters += [f"{node.ctype} *out_{label}" for label, node in written.items()]
            lines += ["", *self._function(self._name, parameters, [
                *self._unused(["fixed", *self._inputs("element")]),
                *(f"const {node.ctype} {self._label[node]} = fixed->{self._label[node]};" for node in self._kept
                  if any(node in each.args for each in self._element)),
                *(self._statement(node) for node in self._element),
                *(f"*out_{label} = {self._value(node)};" for label, node in written.items()),
            ])]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _function(self, name: str, parameters: list[str], body: list[str]) -> list[str]:
        return [f"static void {name}({', '.join(parameters)})", "{", *(f"    {line}" for line in body if line), "}"]

    def _unused(self, parameters: list[str]) -> list[str]:
        return [f"(void){parameter.split()[-1]};" for parameter in parameters]

    def _value(self, node: Node) -> str:
        if node.op != "const":
            return self._label[node]
        return f"{self._name}_{self._label[node]}" if node.ctype.floating else constant(node.ctype, node.data)

    def _statement(self, node: Node) -> str:
        if node.op == "input":
            return ""
        qualifier = "volatile" if node.ctype.floating else "const"
        return f"{qualifier} {node.ctype} {self._label[node]} = {self._expression(node)};"

    def _expression(self, node: Node) -> str:
        known = _decided(node) if node.op in COMPARED else None
        if known is not None:
            return constant(INT32, known)
        args = [self._value(arg) for arg in node.args]
        if node.op in COMPARED:
            return f"{args[0]} {COMPARED[node.op]} {args[1]}"
        if (
            node.op in INFIX
            and (node.ctype.floating or node.ctype.wraps)
            and not (node.op in ("div", "rem") and node.ctype.wraps)
        ):
            return f"{args[0]} {INFIX[node.op]} {args[1]}"
        return _EXPRESSIONS[node.op](node, *args)


def _decided(node: Node) -> int | None:
    """Return the result of a comparison of integers whose ranges decide it, since compilers warn about such ones; None
    if they do not.
    """
    a, b = node.args
    if a.ctype.floating:
        return None
    same = a is b
    below, above = a.most < b.least, a.least > b.most
    decided = {
        "lt": (below, same or a.least >= b.most),
        "ge": (same or a.least >= b.most, below),
        "gt": (above, same or a.most <= b.least),
        "le": (same or a.most <= b.least, above),
        "eq": (same, below or above),
        "ne": (below or above, same),
    }
    yes, no = decided[node.op]
    return 1 if yes else 0 if no else None


def _unsigned(ctype: CType) -> str:
    return f"uint{ctype.bits}_t"


def _signed_infix(node: Node, a: str, b: str) -> str:
    word = _unsigned(node.ctype)
    return f"({node.ctype})(({word}){a} {INFIX[node.op]} ({word}){b})"


def _divided(node: Node, a: str, b: str) -> str:
    """Return the C of a quotient or a remainder, with an arbitrary result where C would define none."""
    operator = INFIX[node.op]
    dividend, divisor = node.args
    if not node.check:
        return f"{a} {operator} {b}"
    zero = constant(node.ctype, 0)
    if node.ctype.wraps or not (dividend.least == node.ctype.low and divisor.least <= -1 <= divisor.most):
        return f"{b} == 0 ? {zero} : {a} {operator} {b}"
    word = _unsigned(node.ctype)
    by_minus_one = f"({node.ctype})(0u - ({word}){a})" if node.op == "div" else zero
    return f"{b} == 0 ? {zero} : {b} == -1 ? {by_minus_one} : {a} {operator} {b}"


def _shifted(node: Node, a: str, b: str) -> str:
    count = f"({b} & {node.ctype.bits - 1})" if node.check else b
    if node.op == "shr":
        return f"{a} >> {count}"
    return f"({node.ctype})(({_unsigned(node.ctype)}){a} << {count})" if node.ctype.signed else f"{a} << {count}"


def _negated(node: Node, a: str) -> str:
    if node.ctype.floating:
        return f"-{a}"
    return f"({node.ctype})(({_unsigned(node.ctype)})0 - ({_unsigned(node.ctype)}){a})"


def _cast(node: Node, a: str) -> str:
    source = node.args[0].ctype
    if source.floating and not node.ctype.floating:
        bounds = constant(source, float(node.ctype.low)), constant(source, float(node.ctype.high + 1))
        least = f"{a} > -1" if node.ctype.low == 0 else f"{a} > {constant(source, float(node.ctype.low - 1))}"
        if (node.ctype.low and float(node.ctype.low - 1) == float(node.ctype.low)) or (
            source is FLOAT and node.ctype.signed and node.ctype.bits >= 32
        ):
            least = f"{a} >= {bounds[0]}"
        return f"{least} && {a} < {bounds[1]} ? ({node.ctype}){a} : ({node.ctype})0"
    return f"({node.ctype}){a}"


def _called(node: Node, *args: str) -> str:
    name, libm, _ = node.data
    suffix = "" if name not in _BY_CLASS else "_" + libm.replace("-", "_")
    return f"embinit_c_{name}{suffix}({', '.join(args)})"


_BY_CLASS = frozenset({"logf", "cosf", "sinf", "log", "fmaf"})


def _fused(node: Node, a: str, b: str, c: str) -> str:
    negate_product, negate_addend = node.data
    function = "embinit_fused" if node.ctype is FLOAT else "embinit_fused64"
    return f"{function}({'-' * negate_product}{a}, {b}, {'-' * negate_addend}{c})"


_EXPRESSIONS: dict[str, Callable[..., str]] = {
    **dict.fromkeys(("add", "sub", "mul", "and", "or", "xor"), _signed_infix),
    **dict.fromkeys(("div", "rem"), _divided),
    **dict.fromkeys(("shl", "shr"), _shifted),
    "neg": _negated,
    "not": lambda node, a: f"({node.ctype})~{a}",
    "lnot": lambda _node, a: f"{a} == 0",
    "land": lambda _node, a, b: f"{a} != 0 && {b} != 0",
    "lor": lambda _node, a, b: f"{a} != 0 || {b} != 0",
    "select": lambda _node, c, a, b: f"{c} != 0 ? {a} : {b}",
    "cast": _cast,
    "call": _called,
    "fma": _fused,
}
