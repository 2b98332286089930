"""Random C expressions as trees of tuples, their text, and the inputs that they name.

("literal", text, type, value), ("input", name), (operator, a), (operator, a, b), ("?:", c, a, b), ("cast", type, a),
("call", name, ...). Types are C's names. Nothing here knows embinit.
"""

from fractions import Fraction
from functools import cache
from random import Random

from hypothesis import strategies as st

INPUTS = {
    "a": "float", "b": "float", "c": "float", "d": "float", "p": "double", "q": "double",
    "u": "uint32_t", "v": "uint32_t", "w": "uint64_t", "i": "int32_t", "h": "uint16_t", "s": "int8_t",
}  # fmt: skip
FLOATS = ("float", "double")
OF_ONE = ["sqrtf", "fabsf", "floorf", "ceilf", "truncf", "roundf", "sqrt", "fabs", "floor", "ceil", "trunc", "round"]
OF_TWO = ["fminf", "fmaxf", "fmodf", "fmin", "fmax", "fmod"]
INTEGERS = ("uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t")
PRECEDENCE = {
    "?:": 0, "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip

_FLOAT_LITERALS = [
    "0.5f", "2.0f", "1.0f", "0.1f", "3.0f", "-1.0f", "1e-7f", "0x1.8p3f", "6.2831855f", "4.0f", "1.1f",
]  # fmt: skip
_DOUBLE_LITERALS = ["0.5", "0.1", "2.0", "1.0", "3.0", "0.25", "0x1p-24", "1e-3"]
_INTEGER_LITERALS = {
    "0": "int32_t", "1": "int32_t", "7": "int32_t", "0x7fff": "int32_t", "013": "int32_t", "1u": "uint32_t",
    "0xffffffff": "uint32_t", "4294967296": "int64_t", "16807u": "uint32_t", "5ll": "int64_t", "3ull": "uint64_t",
    "0x8000000000000000": "uint64_t", "0xB400U": "uint32_t",
}  # fmt: skip


def value_of(text):
    """Return what a literal of the tables says."""
    bare = text.rstrip("fF") if "0x" not in text.lower() or "p" in text.lower() else text
    if "p" in bare:
        digits, power = bare.removeprefix("0x").split("p")
        whole, _, rest = digits.partition(".")
        return Fraction(int(whole + rest, 16)) * Fraction(2) ** (int(power) - 4 * len(rest))
    if "." in bare or ("e" in bare and "0x" not in bare):
        return Fraction(bare)
    bare = text.lower().rstrip("ul")
    return int(bare, 8) if bare.startswith("0") and bare.isdigit() and bare != "0" else int(bare, 0)


def literal(text, ctype):
    if text.startswith("-"):
        return ("neg", ("literal", text[1:], ctype, value_of(text[1:])))
    return ("literal", text, ctype, value_of(text))


def _inputs(*types):
    return st.sampled_from([("input", name) for name, ctype in INPUTS.items() if ctype in types])


@cache
def floats(depth):
    """Expressions whose type is float or double."""
    leaf = st.one_of(
        _inputs("float", "float", "double"),
        st.sampled_from([literal(text, "float") for text in _FLOAT_LITERALS]),
        st.sampled_from([literal(text, "double") for text in _DOUBLE_LITERALS]),
    )
    if depth == 0:
        return leaf
    deeper = st.deferred(lambda: floats(depth - 1))
    arithmetic = st.tuples(st.sampled_from(["+", "-", "*", "*", "+"]), deeper, deeper)
    return st.one_of(
        leaf,
        arithmetic,
        arithmetic,
        st.tuples(st.just("/"), deeper, deeper),
        st.tuples(st.just("neg"), deeper),
        st.tuples(st.just("cast"), st.sampled_from(FLOATS), st.one_of(deeper, integers(depth - 1))),
        st.tuples(st.just("?:"), truths(depth - 1), deeper, deeper),
        st.tuples(st.just("call"), st.sampled_from(OF_ONE), deeper),
        st.tuples(st.just("call"), st.sampled_from(OF_TWO), deeper, deeper),
        st.tuples(st.just("call"), st.sampled_from(["ldexpf", "ldexp"]), deeper, integers(depth - 1)),
        st.tuples(st.just("call"), st.just("fmaf"), deeper, deeper, deeper),
    )


@cache
def truths(depth):
    """Comparisons, and what && || ! make of them."""
    sides = st.one_of(floats(depth), integers(depth))
    compared = st.tuples(st.sampled_from(["<", ">", "<=", ">=", "==", "!="]), sides, sides)
    if depth == 0:
        return compared
    deeper = st.deferred(lambda: truths(depth - 1))
    return st.one_of(
        compared,
        st.tuples(st.sampled_from(["&&", "||"]), deeper, deeper),
        st.tuples(st.just("!"), st.one_of(deeper, sides)),
    )


@cache
def integers(depth):
    """Expressions of integer type; many of them have no defined result for some inputs."""
    leaf = st.one_of(
        _inputs(*INTEGERS), st.sampled_from([literal(text, ctype) for text, ctype in _INTEGER_LITERALS.items()])
    )
    if depth == 0:
        return leaf
    deeper = st.deferred(lambda: integers(depth - 1))
    counts = st.one_of(
        st.sampled_from([literal(text, "int32_t") for text in ("1", "3", "5", "7")]),
        deeper.map(lambda x: ("&", x, literal("7", "int32_t"))),
        deeper,
    )
    divisors = st.one_of(deeper, deeper.map(lambda x: ("|", x, literal("1", "int32_t"))))
    return st.one_of(
        leaf,
        st.tuples(st.sampled_from(["+", "-", "*", "&", "|", "^"]), deeper, deeper),
        st.tuples(st.sampled_from(["/", "%"]), deeper, divisors),
        st.tuples(st.sampled_from(["<<", ">>"]), deeper, counts),
        st.tuples(st.sampled_from(["neg", "~"]), deeper),
        st.tuples(st.just("cast"), st.sampled_from(INTEGERS), st.one_of(deeper, floats(depth - 1))),
        st.tuples(st.just("?:"), truths(depth - 1), deeper, deeper),
        truths(depth - 1),
    )


def expressions(depth=4):
    return st.one_of(floats(depth), integers(depth), truths(depth - 1))


def text_of(tree, outer=-1):
    """Return a tree as C, with the parentheses that it needs and no others."""
    kind = tree[0]
    if kind == "literal":
        return tree[1]
    if kind == "input":
        return tree[1]
    if kind == "call":
        return f"{tree[1]}({', '.join(text_of(each) for each in tree[2:])})"
    if kind in ("neg", "~", "!"):
        return f"{'- ' if kind == 'neg' else kind}{text_of(tree[1], 11)}"
    if kind == "cast":
        return f"({tree[1]}){text_of(tree[2], 11)}"
    level = PRECEDENCE[kind]
    if kind == "?:":
        text = f"{text_of(tree[1], 1)} ? {text_of(tree[2])} : {text_of(tree[3], 0)}"
    else:
        text = f"{text_of(tree[1], level)} {kind} {text_of(tree[2], level + 1)}"
    return f"({text})" if level < outer else text


# ---- The same from a random number generator: batches for compilers are more varied this way, and need not shrink ----


def _one(random, names):
    return ("input", random.choice(names))


def _of(*types):
    return [name for name, ctype in INPUTS.items() if ctype in types]


def _float_leaf(random):
    if random.random() < 0.7:
        return _one(random, _of("float", "float", "double"))
    table, ctype = random.choice([(_FLOAT_LITERALS, "float"), (_DOUBLE_LITERALS, "double")])
    return literal(random.choice(table), ctype)


def any_float(random, depth):
    """Return an expression of type float or double."""
    if depth == 0:
        return _float_leaf(random)
    kind = random.choice(
        ["+", "-", "*", "+", "-", "*", "/", "neg", "cast", "?:", "call", "min", "ldexp", "fmaf", "leaf"]
    )
    first = any_float(random, depth - 1)
    if kind in "+-*/":
        return (kind, first, any_float(random, depth - 1))
    if kind == "neg":
        return ("neg", first)
    if kind == "cast":
        return ("cast", random.choice(FLOATS), random.choice([first, any_integer(random, depth - 1)]))
    if kind == "?:":
        return ("?:", any_truth(random, depth - 1), first, any_float(random, depth - 1))
    if kind == "call":
        return ("call", random.choice(OF_ONE), first)
    if kind == "min":
        return ("call", random.choice(OF_TWO), first, any_float(random, depth - 1))
    if kind == "ldexp":
        return ("call", random.choice(["ldexpf", "ldexp"]), first, any_integer(random, depth - 1))
    if kind == "fmaf":
        return ("call", "fmaf", first, any_float(random, depth - 1), any_float(random, depth - 1))
    return _float_leaf(random)


def any_truth(random, depth):
    """Return a comparison, or what && || ! make of some."""
    kind = random.choice(["<", ">", "<=", ">=", "==", "!=", "&&", "||", "!"]) if depth else random.choice("<>")
    if kind in ("&&", "||"):
        return (kind, any_truth(random, depth - 1), any_truth(random, depth - 1))
    if kind == "!":
        return (kind, any_truth(random, depth - 1))
    side = random.choice([any_float, any_integer])
    return (kind, side(random, max(depth - 1, 0)), side(random, max(depth - 1, 0)))


def any_integer(random, depth):
    """Return an expression of integer type, which may have no defined result for some inputs."""
    if depth == 0:
        if random.random() < 0.7:
            return _one(random, _of(*INTEGERS))
        return literal(*random.choice(list(_INTEGER_LITERALS.items())))
    kind = random.choice(["+", "-", "*", "&", "|", "^", "/", "%", "<<", ">>", "neg", "~", "cast", "?:", "truth"])
    first = any_integer(random, depth - 1)
    if kind in ("neg", "~"):
        return (kind, first)
    if kind == "cast":
        return ("cast", random.choice(INTEGERS), random.choice([first, any_float(random, depth - 1)]))
    if kind == "?:":
        return ("?:", any_truth(random, depth - 1), first, any_integer(random, depth - 1))
    if kind == "truth":
        return any_truth(random, depth - 1)
    second = any_integer(random, depth - 1)
    if kind in ("<<", ">>"):
        second = ("&", second, literal("7", "int32_t"))
    if kind in ("/", "%"):
        second = ("|", second, literal("1", "int32_t"))
    return (kind, first, second)


def any_sum(random, depth, names, casts=("float", "float", "double"), functions=("sqrtf", "fabsf", "floorf")):
    """Return a floating expression of + - * above all, to see what is fused.

    There is no ?: in it: of a hundred random sums around a ?: gcc moves about one product into another block.
    """
    if depth == 0 or random.random() < 0.12:
        text = random.choice(["2.0f", "0.1f", "0.5f", "1.1f", "-1.0f", "4.0f", "1.0f"])
        return _one(random, names) if random.random() < 0.8 else literal(text, "float")
    first = any_sum(random, depth - 1, names, casts, functions)
    kind = random.choice(["+", "-", "*", "+", "-", "*", "+", "-", "*", "*", "neg", "/", "call", "cast"])
    if kind == "neg":
        return ("neg", first)
    if kind == "call":
        return ("call", random.choice(functions), first)
    if kind == "cast":
        return ("cast", random.choice(casts), first)
    return (kind, first, any_sum(random, depth - 1, names, casts, functions))


def batch(seed, count=60):
    """Return random expressions: sums and products of floats, and anything."""
    random = Random(seed)
    return [
        any_sum(random, 4, ["a", "b", "c", "d", "a", "b", "p"]) if i % 2 else random.choice(
            [any_float, any_integer, any_truth])(random, 4)
        for i in range(count)
    ]  # fmt: skip
