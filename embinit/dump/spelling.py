"""Spellings: the kinds of tokens by which text prints words, bytes and numbers."""

import re
from dataclasses import dataclass
from functools import cached_property

SEPARATOR = r"\s,;{}\[\]\"'"


@dataclass(frozen=True)
class Spelling:
    """A kind of token: its name in the plural, and its pattern. width: how many bytes a token has, if its digits show
    that.
    """

    name: str
    pattern: str
    width: int | None = None

    @cached_property
    def runs(self) -> re.Pattern[str]:
        """The pattern of tokens that follow one another."""
        token = f"(?:{self.pattern})(?![^{SEPARATOR}])"
        return re.compile(f"(?<![^{SEPARATOR}]){token}(?:[{SEPARATOR}]++{token})*")

    def value(self, token: str) -> int:
        """Return the integer that a token spells."""
        if self.name == DECIMAL:
            return int(token)
        return int(token.rstrip("uUlL"), 16)


DECIMAL, FLOATS, HEXADECIMAL = "decimal integers", "decimal floats", "hexadecimal numbers"
_WORD = Spelling("words of 8 hexadecimal digits", r"(?:0[xX][0-9a-fA-F]{1,8}|[0-9a-fA-F]{8})[uU]?[lL]?", 4)
LONG_WORD = Spelling("words of 16 hexadecimal digits", r"(?:0[xX])?[0-9a-fA-F]{16}[uU]?[lL]{0,2}", 8)
SPELLINGS = (
    LONG_WORD,
    _WORD,
    Spelling("groups of 4 hexadecimal digits", r"[0-9a-fA-F]{4}", 2),
    Spelling("bytes of 2 hexadecimal digits", r"[0-9a-fA-F]{2}", 1),
    Spelling("numbers after 0x", r"0[xX][0-9a-fA-F]{1,16}[uUlL]*"),
    Spelling(HEXADECIMAL, r"[0-9a-fA-F]{1,2}|(?:ff|FF)[0-9a-fA-F]{6}"),
    Spelling(DECIMAL, r"[+-]?(?:0|[1-9]\d{0,19})"),
)
#: The spellings of memory images: their digits show how many bytes a token has.
IMAGE_SPELLINGS = (
    LONG_WORD,
    Spelling(_WORD.name, r"(?:0[xX])?[0-9a-fA-F]{8}[uU]?[lL]?", 4),
    Spelling(SPELLINGS[2].name, r"(?:0[xX])?[0-9a-fA-F]{4}[uU]?", 2),
    Spelling(SPELLINGS[3].name, r"(?:0[xX])?[0-9a-fA-F]{2}[uU]?", 1),
)
STRING = Spelling("hexadecimal strings", r"(?:[0-9a-fA-F]{2})++")
