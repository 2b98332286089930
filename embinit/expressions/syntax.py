"""C's grammar of expressions: from a text to a tree, each node of which knows its column."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import assert_never

from embinit.errors import EmbinitError, shortened, shown
from embinit.expressions.types import DOUBLE, FLOAT, INT32, INT64, TYPES, UINT32, UINT64, CType

#: Limits on one expression: its characters, how deep parentheses and signs are nested, and how many operators are
#: pending.
LONGEST, MOST_NESTED, DEEPEST = 4096, 64, 200


class _Expression:
    """The base class of every node of a tree."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that an expression uses.

        >>> sorted(parse("a + sqrtf(b)", "unit").names)
        ['a', 'b']
        """
        assert isinstance(self, Tree)
        own = {self.name} if isinstance(self, Name) else ()
        return frozenset(own).union(*(each.names for each in operands(self)))


@dataclass(frozen=True)
class Literal(_Expression):
    """A number with the type that C gives it; `value` is what was written, before it is rounded to a float."""

    column: int
    ctype: CType
    value: int | Fraction


@dataclass(frozen=True)
class Name(_Expression):
    """The name of an input, or of an earlier definition."""

    column: int
    name: str


@dataclass(frozen=True)
class Unary(_Expression):
    """One of + - ~ ! before an operand."""

    column: int
    operator: str
    operand: "Tree"


@dataclass(frozen=True)
class Binary(_Expression):
    """An operator of two operands; the column is the operator's."""

    column: int
    operator: str
    left: "Tree"
    right: "Tree"


@dataclass(frozen=True)
class Conditional(_Expression):
    """`condition ? yes : no`."""

    column: int
    condition: "Tree"
    yes: "Tree"
    no: "Tree"


@dataclass(frozen=True)
class Cast(_Expression):
    """`(type)operand`."""

    column: int
    ctype: CType
    operand: "Tree"


@dataclass(frozen=True)
class Call(_Expression):
    """A function's name and its arguments."""

    column: int
    name: str
    arguments: tuple["Tree", ...]


Tree = Literal | Name | Unary | Binary | Conditional | Cast | Call


def operands(tree: Tree) -> tuple[Tree, ...]:
    """Return the operands of an operator, from left to right."""
    match tree:
        case Unary() | Cast():
            return (tree.operand,)
        case Binary():
            return tree.left, tree.right
        case Conditional():
            return tree.condition, tree.yes, tree.no
        case Call():
            return tree.arguments
        case Literal() | Name():
            return ()
    assert_never(tree)


_LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"), ("+", "-"),
           ("*", "/", "%"))  # fmt: skip
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_TOKEN = re.compile(
    r"(?P<number>(?:\.[0-9]|[0-9])(?:[eEpP][+-]|[\w.])*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator><<=|>>=|\+\+|--|->|&&|\|\||<<|>>|<=|>=|==|!=|[-+*/%&|^]=|[-+*/%&|^~!<>=?:(),;.{}\[\]])",
    re.ASCII,
)
_SPACE = re.compile(r"(?:\s|/\*.*?\*/|//[^\n]*)*", re.DOTALL)
_REFUSED = {
    **dict.fromkeys(
        ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="], "an expression assigns nothing"
    ),
    **dict.fromkeys(["++", "--"], "an expression changes nothing"),
    ",": "the comma operator is not supported",
    ";": "one expression has no semicolon",
    **dict.fromkeys(["[", "]", "->", ".", "{", "}"], "there are no arrays, pointers, or structs"),
}
_OTHER_TYPES = {
    "int": "int32_t", "unsigned": "uint32_t", "char": "int8_t or uint8_t", "short": "int16_t", "signed": "int32_t",
    "long": "int64_t", "size_t": "uint32_t", "bool": "uint8_t", "_Bool": "uint8_t", "uint": "uint32_t",
    "uint_fast32_t": "uint32_t", "float32_t": "float", "float64_t": "double",
}  # fmt: skip
_KEYWORDS = frozenset(
    "auto break case const continue default do else enum extern for goto if inline register restrict return "
    "sizeof static struct switch typedef union void volatile while".split()
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int


class Position:
    """A text, and the key that it comes from, with which its errors begin."""

    def __init__(self, where: str, text: str) -> None:
        self.where, self.text = where, text

    def error(self, column: int, rule: str) -> EmbinitError:
        """Return the error for a rule that the text breaks at a column, counted from 1."""
        return EmbinitError(f"{self.where}, column {column}: {rule}")


def parse(text: str, where: str) -> Tree:
    """Return the tree of a C expression, or raise an EmbinitError that says where the text comes from, the column, and
    the rule.

    >>> parse("a + 1u", "unit").operator
    '+'
    >>> parse("a + ", "unit")
    Traceback (most recent call last):
    embinit.errors.EmbinitError: unit, column 5: a value is missing
    """
    if not isinstance(text, str):
        raise EmbinitError(f"{where}: must be a C expression in quotes, got {shown(text)}")
    if len(text) > LONGEST:
        raise EmbinitError(f"{where}: an expression has at most {LONGEST} characters, got {len(text)}")
    return _parsed(text, where)


@lru_cache(maxsize=1024)
def _parsed(text: str, where: str) -> Tree:
    """Return the tree of a text, the same one for the same text, so that dialects which differ in a few keys share the
    rest.
    """
    return _Parser(Position(where, text)).whole()


def parse_statement(text: str, where: str) -> tuple[CType | None, str, Tree]:
    """Return the declared type (None: the variable exists), the name, and the expression of `[type] name = expression`.

    >>> declared, name, tree = parse_statement("uint32_t t = x ^ (x << 11)", "step")
    >>> print(declared, name)
    uint32_t t
    """
    if not isinstance(text, str):
        raise EmbinitError(f"{where}: must be a statement in quotes, got {shown(text)}")
    if len(text) > LONGEST:
        raise EmbinitError(f"{where}: a statement has at most {LONGEST} characters, got {len(text)}")
    return _Parser(Position(where, text)).statement()


def parse_declaration(text: str, where: str) -> tuple[CType, str]:
    """Return the type and the name of a declaration.

    >>> parse_declaration("uint32_t x", "state")[1]
    'x'
    """
    words = text.split() if isinstance(text, str) else []
    if len(words) != 2 or words[0] not in TYPES:
        raise EmbinitError(f"{where}: must be a type and a name, such as 'uint32_t x', got {shown(text)}")
    check_name(words[1], where)
    return TYPES[words[0]], words[1]


def check_name(name: str, where: str) -> None:
    """Raise EmbinitError if a name cannot be used in C: it must be an identifier, and neither a keyword nor a type."""
    if not re.fullmatch(r"[A-Za-z_]\w{0,62}", name, re.ASCII):
        raise EmbinitError(f"{where}: a name is a C identifier of at most 63 characters, got {shown(name)}")
    if name in _KEYWORDS or name in TYPES or name in _OTHER_TYPES:
        raise EmbinitError(f"{where}: {name} is a word of C, not a name")


def _tokens(position: Position) -> Iterator[_Token]:
    text, at = position.text, 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing at worst
        if at == len(text):
            yield _Token("end", "", at + 1)
            return
        match = _TOKEN.match(text, at)
        if match is None:
            raise position.error(at + 1, f"{text[at]!r} has no meaning here")
        yield _Token(str(match.lastgroup), match.group(), at + 1)
        at = match.end()


class _Parser:
    """Recursive descent with precedence climbing over the tokens of one text."""

    def __init__(self, position: Position) -> None:
        self._position = position
        self._tokens = list(_tokens(position))
        self._at = self._depth = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._token
        self._at += 1
        return token

    def _error(self, rule: str, token: _Token | None = None) -> EmbinitError:
        return self._position.error((token or self._token).column, rule)

    def _is(self, *texts: str) -> bool:
        return self._token.kind != "end" and self._token.text in texts

    def _expect(self, text: str, opened: _Token) -> None:
        if not self._is(text):
            if self._token.kind == "end":
                raise self._error(f"{text!r} is missing for the {opened.text!r} of column {opened.column}")
            self._unexpected()
        self._at += 1

    def _unexpected(self) -> None:
        token = self._token
        raise self._error(_REFUSED.get(token.text, f"{token.text!r} is out of place"))

    def whole(self) -> Tree:
        tree = self._conditional()
        if self._token.kind != "end":
            self._unexpected()
        self._limit_depth(tree)
        return tree

    def _limit_depth(self, tree: Tree) -> None:
        level, depth = [tree], 0
        while level:
            depth += 1
            if depth > DEEPEST:
                raise self._position.error(level[0].column, f"at most {DEEPEST} operators may wait for each other")
            level = [operand for each in level for operand in operands(each)]

    def statement(self) -> tuple[CType | None, str, Tree]:
        declared = None
        if self._token.text in TYPES:
            declared = TYPES[self._next().text]
        elif self._token.text in _OTHER_TYPES and self._tokens[self._at + 1].kind == "name":
            raise self._error(f"write {_OTHER_TYPES[self._token.text]} for {self._token.text}")
        name = self._next()
        if name.kind != "name" or not self._is("="):
            at = self._token if name.kind == "name" else name
            raise self._error("a statement is 'name = expression' or 'type name = expression'", at)
        check_name(name.text, self._position.where)
        self._at += 1
        return declared, name.text, self.whole()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise self._error(f"at most {MOST_NESTED} parentheses or signs may be inside each other")

    def _conditional(self) -> Tree:
        tree = self._binary(0)
        if self._is("?"):
            question = self._next()
            yes = self._conditional()
            self._expect(":", question)
            tree = Conditional(question.column, tree, yes, self._conditional())
        return tree

    def _binary(self, level: int) -> Tree:
        tree = self._unary()
        while self._token.kind == "operator" and (found := _PRECEDENCE.get(self._token.text, -1)) >= level:
            operator = self._next()
            tree = Binary(operator.column, operator.text, tree, self._binary(found + 1))
        return tree

    def _unary(self) -> Tree:
        token = self._token
        if self._is("*", "&"):
            raise self._error("there are no pointers")
        self._deeper()
        tree = self._operand(token)
        self._depth -= 1
        return tree

    def _operand(self, token: _Token) -> Tree:
        if self._is("+", "-", "~", "!"):
            self._at += 1
            return Unary(token.column, token.text, self._unary())
        if self._is("("):
            self._at += 1
            if (self._token.text in TYPES or self._token.text in _OTHER_TYPES) and self._tokens[
                self._at + 1
            ].text != "(":
                return self._cast(token)
            tree = self._conditional()
            self._expect(")", token)
            return tree
        if token.kind == "number":
            self._at += 1
            return _literal(token, self._position)
        if token.kind == "name":
            return self._named(token)
        if token.kind == "end":
            raise self._error("a value is missing")
        if token.text in _PRECEDENCE or token.text in ("?", ":", ")"):
            raise self._error(f"a value is missing before {token.text!r}")
        self._unexpected()
        raise AssertionError

    def _cast(self, opened: _Token) -> Tree:
        name = self._next()
        if name.text in _OTHER_TYPES:
            raise self._error(f"write {_OTHER_TYPES[name.text]} for {name.text}", name)
        if self._is("*"):
            raise self._error("there are no pointers")
        self._expect(")", opened)
        return Cast(opened.column, TYPES[name.text], self._unary())

    def _named(self, token: _Token) -> Tree:
        self._at += 1
        if token.text in _KEYWORDS:
            raise self._error(f"{token.text} is not part of an expression", token)
        if token.text in TYPES or token.text in _OTHER_TYPES:
            raise self._error(f"a type stands in parentheses before a value: ({token.text})", token)
        if not self._is("("):
            return Name(token.column, token.text)
        opened = self._next()
        arguments = []
        if not self._is(")"):
            arguments.append(self._conditional())
            while self._is(","):
                self._at += 1
                arguments.append(self._conditional())
        self._expect(")", opened)
        return Call(token.column, token.text, tuple(arguments))


_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([uUlL]*)")
_DECIMAL = re.compile(r"((?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)([fFlL]?)")
_HEXADECIMAL = re.compile(r"0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)([fFlL]?)")


def _literal(token: _Token, position: Position) -> Literal:
    """Return a number with the type that C gives it. Suffixes for long are refused; long long has 64 bits."""
    text = token.text
    if match := _INTEGER.fullmatch(text):
        return _integer(token, match[1], match[2].lower(), position)
    if match := _DECIMAL.fullmatch(text):
        exponent = re.split("[eE]", match[1])[1:]
        value = Fraction(match[1]) if not exponent or abs(int(exponent[0])) <= 5000 else None
        suffix = match[2]
    elif (match := _HEXADECIMAL.fullmatch(text)) and (digits := match[1] + match[2]):
        power = int(match[3]) - 4 * len(match[2])
        value = int(digits, 16) * Fraction(2) ** power if abs(power) <= 5000 else None
        suffix = match[4]
    elif re.match("0[xX].*[.]", text):
        raise position.error(
            token.column, f"a hexadecimal float needs an exponent, as in 0x1.8p3, got {shortened(text)}"
        )
    else:
        raise position.error(token.column, f"{shown(text)} is not a number")
    if suffix in ("l", "L"):
        raise position.error(token.column, f"long double is not supported: {shortened(text)}")
    if value is None:
        raise position.error(token.column, f"the exponent is out of range: {shortened(text)}")
    return Literal(token.column, FLOAT if suffix else DOUBLE, value)


def _integer(token: _Token, digits: str, suffix: str, position: Position) -> Literal:
    if suffix not in ("", "u", "ll", "ull", "llu"):
        rule = (
            "long has 32 bits on one machine and 64 on another, write ll"
            if suffix in ("l", "ul", "lu")
            else "no suffix"
        )
        raise position.error(token.column, f"{shortened(token.text)}: {rule}")
    decimal = digits[0] != "0" or digits == "0"
    base = 10 if decimal else {"x": 16, "b": 2}.get(digits[1].lower(), 8)
    value = int(digits, base) if len(digits) < 80 else 1 << 64
    unsigned = "u" in suffix
    candidates = [UINT32, UINT64] if unsigned else [INT32, INT64] if decimal else [INT32, UINT32, INT64, UINT64]
    wide = [each for each in candidates if each.bits == 64 or "l" not in suffix]
    for ctype in wide:
        if value <= ctype.high:
            return Literal(token.column, ctype, value)
    hint = "; write u after it" if value < 1 << 64 and not unsigned else ""
    raise position.error(token.column, f"{shortened(token.text)} does not fit into {wide[-1]}{hint}")
