"""What C makes of an expression, in Python ints and Fractions, one value at a time: slow, and sharing no code."""

import math
from fractions import Fraction

BITS = {"uint8_t": 8, "uint16_t": 16, "uint32_t": 32, "uint64_t": 64, "int8_t": 8, "int16_t": 16, "int32_t": 32,
        "int64_t": 64}  # fmt: skip
RANK = ["int32_t", "uint32_t", "int64_t", "uint64_t", "float", "double"]
DIGITS = {"float": (24, -149, 128), "double": (53, -1074, 1024)}


class Undefined(Exception):  # noqa: N818
    """C defines no result."""


def rounded(x, ctype):
    """Return a Fraction rounded to nearest, ties to even."""
    digits, lowest, limit = DIGITS[ctype]
    if x == 0:
        return 0.0
    sign, x = (-1 if x < 0 else 1), abs(x)
    exponent = lowest
    while x >= Fraction(2) ** (exponent + digits):
        jump = max(1, x.numerator.bit_length() - x.denominator.bit_length() - digits - exponent - 1)
        exponent += jump
    unit = Fraction(2) ** exponent
    whole = x / unit
    floor = whole.numerator // whole.denominator
    rest = whole - floor
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2):
        floor += 1
    if floor * unit >= Fraction(2) ** limit:
        return sign * math.inf
    return sign * float(floor * unit)


def fits(value, ctype):
    low, high = (0, 2 ** BITS[ctype]) if ctype.startswith("u") else (-(2 ** (BITS[ctype] - 1)), 2 ** (BITS[ctype] - 1))
    return low <= value < high


def wrapped(value, ctype):
    value %= 2 ** BITS[ctype]
    return value - 2 ** BITS[ctype] if not ctype.startswith("u") and value >= 2 ** (BITS[ctype] - 1) else value


def promoted(ctype):
    return ctype if ctype in RANK else "int32_t"


def common(a, b):
    return max(promoted(a), promoted(b), key=RANK.index)


def convert(value, source, target):
    if source == target:
        return value
    if target in DIGITS:
        if source in DIGITS:
            if not math.isfinite(value) or value == 0:
                return value
            return rounded(Fraction(value), target)
        return rounded(Fraction(value), target)
    if source in DIGITS:
        if not math.isfinite(value):
            raise Undefined
        whole = int(Fraction(value))
        if not fits(whole, target):
            raise Undefined
        return whole
    return wrapped(value, target)


def sign(x):
    return math.copysign(1, x)


def float_op(op, a, b, ctype):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if op == "-":
        op, b = "+", -b
    if op == "+":
        if math.isinf(a) or math.isinf(b):
            return math.nan if math.isinf(a) and math.isinf(b) and a != b else a if math.isinf(a) else b
        total = Fraction(a) + Fraction(b)
        if total == 0:
            return -0.0 if sign(a) < 0 and sign(b) < 0 else 0.0
        return rounded(total, ctype)
    negative = sign(a) * sign(b)
    if op == "*":
        if math.isinf(a) or math.isinf(b):
            return math.nan if a == 0 or b == 0 else negative * math.inf
        product = Fraction(a) * Fraction(b)
        return math.copysign(rounded(product, ctype), negative)
    if math.isinf(a):
        return math.nan if math.isinf(b) else negative * math.inf
    if math.isinf(b):
        return negative * 0.0
    if b == 0:
        return math.nan if a == 0 else negative * math.inf
    return math.copysign(rounded(Fraction(a) / Fraction(b), ctype), negative)


def fma(a, b, c, ctype="float"):
    if not all(map(math.isfinite, (a, b, c))):
        return float_op("+", float_op("*", a, b, "double"), c, "double")
    total = Fraction(a) * Fraction(b) + Fraction(c)
    if total == 0:
        product_sign = sign(a) * sign(b)
        exact_zero = a == 0 or b == 0
        if exact_zero and c == 0:
            return -0.0 if product_sign < 0 and sign(c) < 0 else 0.0
        return 0.0
    return rounded(total, ctype)


def root(x, ctype):
    if math.isnan(x) or x == 0 or x == math.inf:
        return x
    if x < 0:
        return math.nan
    scaled = Fraction(x) * 4**1200
    approximate = math.isqrt(scaled.numerator // scaled.denominator)
    low = Fraction(approximate, 2**1200)
    return rounded(low if low * low == Fraction(x) else low + Fraction(1, 2**1201), ctype)


def whole(name, x):
    if not math.isfinite(x) or x == 0:
        return x
    half = Fraction(1, 2)
    rules = {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc,
             "round": lambda a: math.floor(abs(a) + half) * (1 if a > 0 else -1)}  # fmt: skip
    return math.copysign(float(rules[name.removesuffix("f")](Fraction(x))), x)


def remainder(x, y):
    if math.isinf(x) or y == 0 or math.isnan(x) or math.isnan(y):
        return math.nan
    if math.isinf(y):
        return x
    a, b = abs(Fraction(x)), abs(Fraction(y))
    return math.copysign(float(a - b * (a // b)), x)


def scaled(x, power, ctype):
    if abs(power) >= 5000:
        raise Undefined
    if not math.isfinite(x) or x == 0:
        return x
    least, most = (-126, 128) if ctype == "float" else (-1022, 1024)
    exact = abs(Fraction(x)) * Fraction(2) ** power
    if exact < Fraction(2) ** least:
        raise Undefined
    return math.copysign(math.inf if exact >= Fraction(2) ** most else float(exact), x)


def call(name, args):
    if name in ("sqrtf", "sqrt"):
        return root(args[0], "float" if name == "sqrtf" else "double")
    if name in ("fabsf", "fabs"):
        return abs(args[0])
    if name == "fmaf":
        return fma(*args)
    if name in ("fmodf", "fmod"):
        return remainder(*args)
    if name in ("ldexpf", "ldexp"):
        return scaled(*args, "float" if name == "ldexpf" else "double")
    if name in ("fminf", "fmaxf", "fmin", "fmax"):
        a, b = args
        if math.isnan(a) or math.isnan(b):
            return b if math.isnan(a) else a
        if a == b == 0 and sign(a) != sign(b):
            raise Undefined
        return (min if name in ("fminf", "fmin") else max)(a, b)
    return whole(name, args[0])


def integer_op(op, a, b, ctype):
    if op in ("/", "%"):
        if b == 0:
            raise Undefined
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        if not fits(quotient, ctype):
            raise Undefined
        return quotient if op == "/" else a - b * quotient
    exact = {"+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b}[op]
    if not ctype.startswith("u") and not fits(exact, ctype):
        raise Undefined
    return wrapped(exact, ctype)


COMPARE = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


DOUBLES = ("sqrt", "fabs", "floor", "ceil", "trunc", "round", "fmin", "fmax", "fmod", "ldexp")


def type_of(tree, types):
    """Return the C type of a tree."""
    kind = tree[0]
    if kind == "literal":
        return tree[2]
    if kind == "input":
        return types[tree[1]]
    if kind == "cast":
        return tree[1]
    if kind == "call":
        return "double" if tree[1] in DOUBLES else "float"
    if kind in COMPARE or kind in ("&&", "||", "!"):
        return "int32_t"
    if kind in ("neg", "~", "<<", ">>"):
        return promoted(type_of(tree[1], types))
    return common(type_of(tree[-2], types), type_of(tree[-1], types))


def evaluate(tree, inputs, types):
    """Return the value of a tree, a Python int or float; raise Undefined where C defines none."""

    def value(each, ctype):
        return convert(evaluate(each, inputs, types), type_of(each, types), ctype)

    kind, ctype = tree[0], type_of(tree, types)
    if kind == "literal":
        return rounded(tree[3], ctype) if ctype in DIGITS else tree[3]
    if kind == "input":
        return inputs[tree[1]]
    if kind == "cast":
        return value(tree[2], ctype)
    if kind == "call":
        types_of = [ctype, "int32_t"] if tree[1] in ("ldexpf", "ldexp") else [ctype] * 3
        return call(tree[1], [value(each, wanted) for each, wanted in zip(tree[2:], types_of, strict=False)])
    if kind == "!":
        return int(evaluate(tree[1], inputs, types) == 0)
    if kind in ("&&", "||"):
        first = evaluate(tree[1], inputs, types) != 0
        return int(first if first == (kind == "||") else evaluate(tree[2], inputs, types) != 0)
    if kind == "?:":
        return value(tree[2] if evaluate(tree[1], inputs, types) != 0 else tree[3], ctype)
    if kind in COMPARE:
        shared = common(type_of(tree[1], types), type_of(tree[2], types))
        return int(COMPARE[kind](value(tree[1], shared), value(tree[2], shared)))
    if kind in ("<<", ">>"):
        count = evaluate(tree[2], inputs, types)
        if not 0 <= count < BITS[ctype]:
            raise Undefined
        left = value(tree[1], ctype)
        return wrapped(left << count, ctype) if kind == "<<" else left >> count
    if kind == "neg":
        operand = value(tree[1], ctype)
        return -operand if ctype in DIGITS else integer_op("-", 0, operand, ctype)
    if kind == "~":
        return wrapped(~value(tree[1], ctype), ctype)
    operands = value(tree[1], ctype), value(tree[2], ctype)
    return (float_op if ctype in DIGITS else integer_op)(kind, *operands, ctype)
