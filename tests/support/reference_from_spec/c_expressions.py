"""14. C's expressions, one operation at a time, for builds that fuse nothing: values are (type, value)."""

import math
import operator
import re
from fractions import Fraction
from functools import cache

import numpy as np

from support.reference_from_spec.libm import LIBM
from support.reference_from_spec.libm_doubles import log_double, log_fdlibm, sine
from support.reference_from_spec.libm_wide import SINE
from support.reference_from_spec.notation import F, fl, fma, fma64

D = np.float64
INTEGERS = {f"{sign}int{bits}_t": (bits, sign == "") for sign in ("u", "") for bits in (8, 16, 32, 64)}
TYPES = {*INTEGERS, "float", "double"}
Value = tuple[str, object]


def convert(value: Value, ctype: str) -> Value:
    kind, x = value
    if kind == ctype:
        return value
    if ctype == "double":
        return ctype, D(x)
    if ctype == "float":
        return ctype, fl(Fraction(x)) if isinstance(x, int) else F(x)
    bits, signed = INTEGERS[ctype]
    x = int(x) % 2**bits
    return ctype, x - 2**bits if signed and x >> (bits - 1) else x


def promoted(ctype: str) -> str:
    return "int32_t" if ctype in INTEGERS and INTEGERS[ctype][0] < 32 else ctype


def common(a: str, b: str) -> str:
    a, b = promoted(a), promoted(b)
    for floating in ("double", "float"):
        if floating in (a, b):
            return floating
    return max(a, b, key=lambda each: (INTEGERS[each][0], not INTEGERS[each][1]))


TOKEN = re.compile(
    r"\s*((?:0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d+)?|\.?\d[\d.]*(?:[eE][+-]?\d+)?)[uUlLfF]*|\w+"
    r"|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>?:(),=])"
)
LEVELS = [
    ["||"],
    ["&&"],
    ["|"],
    ["^"],
    ["&"],
    ["==", "!="],
    ["<", ">", "<=", ">="],
    ["<<", ">>"],
    ["+", "-"],
    ["*", "/", "%"],
]


@cache
def tokens(text: str) -> tuple[str, ...]:
    found = TOKEN.findall(text)
    assert "".join(found) == re.sub(r"\s", "", text), text
    return tuple(found)


def names_of(text: str) -> set[str]:
    return {token for token in tokens(text) if re.fullmatch(r"[A-Za-z_]\w*", token)}


def literal(text: str) -> Value:
    hexadecimal = text[:2].lower() == "0x"
    if ("p" in text.lower()) if hexadecimal else re.search(r"[.eE]", text):
        single = text[-1] in "fF"
        digits = text.rstrip("fF") if single else text
        exact = Fraction(float.fromhex(digits)) if hexadecimal else Fraction(digits)
        return ("float", fl(exact)) if single else ("double", D(float(exact)))
    digits = text.rstrip("uUlL")
    x, suffix = int(digits, 0), text[len(digits) :].lower()
    for bits in (64,) if "l" in suffix else (32, 64):
        if "u" not in suffix and x < 2 ** (bits - 1):
            return f"int{bits}_t", x
        if ("u" in suffix or hexadecimal) and x < 2**bits:
            return f"uint{bits}_t", x
    raise ValueError(text)


def truncated_quotient(a: int, b: int) -> int:
    return -(-a // b) if (a < 0) != (b < 0) else a // b


BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
COMPARED = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def binary(op: str, a: Value, b: Value) -> Value:
    if op in {"<<", ">>"}:
        a = convert(a, promoted(a[0]))
        return convert(("exact", a[1] << b[1] if op == "<<" else a[1] >> b[1]), a[0])
    ctype = common(a[0], b[0])
    x, y = convert(a, ctype)[1], convert(b, ctype)[1]
    if op in COMPARED:
        return "int32_t", int(COMPARED[op](x, y))
    if ctype in INTEGERS:
        if op in {"/", "%"}:
            q = truncated_quotient(x, y)
            result = q if op == "/" else x - q * y
        else:
            result = BINARY[op](x, y)
        return convert(("exact", result), ctype)
    with np.errstate(all="ignore"):
        return ctype, x / y if op == "/" else BINARY[op](x, y)


def call(libm: str, name: str, arguments: list[Value]) -> Value:
    base = name[:-1] if name.endswith("f") else name
    single = name.endswith("f")
    ctype = "float" if single else "double"
    of = [convert(each, ctype)[1] for each in arguments]
    with np.errstate(all="ignore"):
        match base:
            case "sqrt" | "floor" | "ceil" | "trunc" | "fabs" | "fmod":
                result = getattr(np, base)(*of)
            case "fma":
                if libm == "fdlibm" and single:
                    result = F(D(of[0]) * D(of[1]) + D(of[2]))
                else:
                    result = fma(*of) if single else fma64(*map(float, of))
            case "log" if single:
                result = LIBM[libm][0](of[0])
            case "log":
                result = log_of(libm, float(of[0]))
            case "sin" | "cos" if single:
                result = SINE[libm](of[0], int(base == "cos"))
            case "sin" | "cos":
                result = sine(float(of[0]), int(base == "cos"))
            case _:
                raise ValueError(name)
    return ctype, (F if single else D)(result)


def log_of(libm: str, x: float) -> float:
    if x == 0:
        return -math.inf
    return (log_double if libm == "double" else log_fdlibm)(x)


class Expression:
    """Evaluates a text; `look_up` returns the value of a name."""

    def __init__(self, text: str, look_up, libm: str) -> None:
        self.tokens, self.at = tokens(text), 0
        self.look_up, self.libm = look_up, libm

    def take(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += found
        return found

    def conditional(self) -> Value:
        condition = self.level(0)
        if not self.take("?"):
            return condition
        yes = self.conditional()
        assert self.take(":")
        no = self.conditional()
        return convert(yes if condition[1] else no, common(yes[0], no[0]))

    def level(self, i: int) -> Value:
        if i == len(LEVELS):
            return self.unary()
        left = self.level(i + 1)
        while self.at < len(self.tokens) and self.tokens[self.at] in LEVELS[i]:
            op = self.tokens[self.at]
            self.at += 1
            right = self.level(i + 1)
            if op in {"&&", "||"}:
                test = all if op == "&&" else any
                left = "int32_t", int(test((left[1] != 0, right[1] != 0)))
            else:
                left = binary(op, left, right)
        return left

    def unary(self) -> Value:
        for op in "-+~!":
            if self.take(op):
                ctype, x = self.unary()
                if op == "!":
                    return "int32_t", int(x == 0)
                x = convert((ctype, x), promoted(ctype))[1]
                result = {"-": operator.neg, "+": operator.pos, "~": operator.invert}[op](x)
                return convert(("exact" if ctype in INTEGERS else promoted(ctype), result), promoted(ctype))
        token = self.tokens[self.at]
        self.at += 1
        if token == "(":
            ctype = self.tokens[self.at]
            if ctype in TYPES:
                self.at += 2
                return convert(self.unary(), ctype)
            value = self.conditional()
            assert self.take(")")
            return value
        if token[0].isdigit() or token[0] == ".":
            return literal(token)
        if self.take("("):
            arguments = [self.conditional()]
            while self.take(","):
                arguments.append(self.conditional())
            assert self.take(")")
            return call(self.libm, token, arguments)
        return self.look_up(token)


def evaluate(text: str, look_up, libm: str = "double") -> Value:
    expression = Expression(text, look_up, libm)
    value = expression.conditional()
    assert expression.at == len(expression.tokens), text
    return value
