"""The one exception that bad input raises, how its message shows what was received, and the checks that raise it."""

from collections.abc import Collection, Iterable
from math import log10
from numbers import Integral
from reprlib import Repr
from typing import TypeGuard

#: The most characters that a message shows of one value.
SHOWN = 60


class EmbinitError(ValueError):
    r"""Input that embinit cannot use: the message says what is wrong, what is allowed and what was received.

    As text it is one line: characters that a terminal would not print, such as line breaks, are escaped.

    Examples
    --------
    >>> print(EmbinitError("no layer a\n\x1b[31m"))
    no layer a\n\x1b[31m
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """Return a text in which everything that a terminal would not print as a character is escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str, most: int = SHOWN) -> str:
    """Return a text, without its middle if it has more characters than a message should show.

    >>> shortened(30 * "abc")
    'abcabcabcabcabcabcabcabcabca...bcabcabcabcabcabcabcabcabcabc'
    """
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[half + 3 - most :]}"


class _Repr(Repr):
    """Shows the first elements of the first levels, and cuts whatever has no short form."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, SHOWN, SHOWN

    def repr_int(self, value: int, _level: int) -> str:
        if value.bit_length() <= 128:
            return repr(value)
        return f"an integer of about {int(value.bit_length() * log10(2)) + 1} digits"

    def repr_tuple(self, value: tuple[object, ...], level: int) -> str:
        return self.repr_list(list(value), level)

    def repr_instance(self, value: object, level: int) -> str:
        return " ".join(super().repr_instance(value, level).split())


_REPR = _Repr()


def shown(value: object) -> str:
    """Return a value as messages show it: as Python writes it, but always short.

    >>> shown("odt"), shown(2**70), shown(10**400)
    ("'odt'", '1180591620717411303424', 'an integer of about 401 digits')
    """
    return shortened(_REPR.repr(value))


class NoWordsError(EmbinitError):
    """A generator that a kernel calls back raised an exception instead of giving words."""


#: The most names that a message lists.
LISTED = 50


def listed(names: Iterable[object]) -> str:
    """Return names joined for an error message; of very many names only the first.

    >>> listed(["fused", "separate"])
    'fused, separate'
    """
    every = [str(name) for name in names]
    more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more


def nearest(name: object, known: Collection[str]) -> str:
    """Return the end of an error message that suggests what was meant; empty if no known name is similar.

    >>> nearest("in_feature", ["in_features", "out_features"])
    '; did you mean in_features?'
    """
    if not isinstance(name, str) or len(name) > SHOWN:
        return ""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), {name.lower(): name for name in known}, 1)
    found = [each for each in known if each.lower() in close]
    return f"; did you mean {found[0]}?" if found else ""


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer of Python or NumPy; True and False are none, although Python counts them as such.

    >>> is_integer(1), is_integer(1.0), is_integer(True)
    (True, False, False)
    """
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))


def is_int(value: object) -> TypeGuard[int]:
    """Whether a value is an integer as files have them, of Python's own type; True and False are none.

    >>> is_int(1), is_int(1.0), is_int(True)
    (True, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number as files have them, of Python's own types; NaN, True and False are none.

    >>> is_number(1), is_number(1.0), is_number(True)
    (True, True, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def check_bool(what: str, value: object) -> None:
    """Raise EmbinitError unless value is True or False.

    >>> check_bool("saturate", 1)
    Traceback (most recent call last):
    embinit.errors.EmbinitError: saturate must be true or false, got 1
    """
    if not isinstance(value, bool):
        raise EmbinitError(f"{what} must be true or false, got {shown(value)}")


def check_known(what: str, name: object, known: Collection[str]) -> None:
    """Raise EmbinitError, listing the known names, unless name is one of them.

    >>> check_known("mode", "fan", ["fan_in", "fan_out"])
    Traceback (most recent call last):
    embinit.errors.EmbinitError: mode must be one of fan_in, fan_out, got 'fan'; did you mean fan_in?
    """
    if not isinstance(name, str) or name not in known:
        raise EmbinitError(f"{what} must be one of {listed(known)}, got {shown(name)}{nearest(name, known)}")


def check_keys(where: object, given: Iterable[str], known: Collection[str], required: Iterable[str] = ()) -> None:
    """Raise EmbinitError for the first key of a table that is unknown, or that is required and missing.

    >>> check_keys("[model]", {"nmae": "net"}, ["name", "seed"])
    Traceback (most recent call last):
    embinit.errors.EmbinitError: [model] has no key 'nmae'; its keys are name, seed; did you mean name?
    """
    keys = list(given)
    for key in keys:
        if key not in known:
            its = listed(known) or "none"
            raise EmbinitError(f"{where} has no key {shown(key)}; its keys are {its}{nearest(key, known)}")
    for key in required:
        check_there(where, key, keys)


def check_there(where: object, key: str, given: Collection[str]) -> None:
    """Raise EmbinitError if a key that a table needs is not among those given."""
    if key not in given:
        raise EmbinitError(f"{where} needs the key {shown(key)}, which is missing")
