"""Tables of a dialect file: each key is taken once and checked, and an unknown key is an error."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from embinit.dialects.declared.description import Where
from embinit.errors import EmbinitError, check_keys, check_known, check_there, is_int, listed, nearest, shown
from embinit.identifiers import check_identifier

T = TypeVar("T")
U = TypeVar("U")
#: Checks a value: returns what it means, or raises EmbinitError whose message begins with the value's name.
Check = Callable[[str, Any], T]

#: How long one expression may be, and how many statements or names a table may have.
MAX_TEXT, MAX_NAMES = 4000, 200


class Table:
    """A table at a place in the file.

    >>> table = Table(Where("acme.toml"), {"nmae": "acme"}, ["name", "summary"])
    Traceback (most recent call last):
    embinit.errors.EmbinitError: acme.toml: dialect has no key 'nmae'; its keys are name, summary; did you mean name?
    """

    def __init__(self, where: Where, values: object, known: Collection[str] | None = None) -> None:
        if not isinstance(values, Mapping):
            raise EmbinitError(f"{where} must be a table, got {shown(values)}")
        self.where, self.values, self.taken = where, values, set[str]()
        if known is not None:
            check_keys(where, values, known)

    def take(self, key: str, check: Check[T], default: U) -> T | U:
        """Return the checked value of a key, or the default where it is missing."""
        return self.need(key, check) if key in self.values else default

    def need(self, key: str, check: Check[T]) -> T:
        """Return the checked value of a key that must be there."""
        check_there(self.where, key, self.values)
        self.taken.add(key)
        try:
            return check("it", self.values[key])
        except EmbinitError as error:
            raise EmbinitError(f"{self.where / key}: {str(error).removeprefix('it ')}") from None

    def names(self, keys: Collection[str], reserved: Collection[str]) -> dict[str, str]:
        """Return the keys that are not taken: names that the file defines, each with its expression. A name that
        nothing uses and that is almost a key of the table is a misspelled key.
        """
        found: dict[str, str] = {}
        for key in self.values:
            if key in self.taken:
                continue
            if not isinstance(self.values[key], str) and (meant := nearest(key, keys)):
                raise EmbinitError(
                    f"{self.where} has no key {shown(key)}; its keys are {listed(keys)}, and names{meant}"
                )
            try:
                check_identifier("a name", key)
            except EmbinitError as error:
                raise EmbinitError(f"{self.where}: {error}") from None
            if key in reserved:
                raise EmbinitError(f"{self.where}: {shown(key)} has a meaning of its own here and cannot be a name")
            found[key] = self.need(key, expression)
        if len(found) > MAX_NAMES:
            raise EmbinitError(f"{self.where} must have at most {MAX_NAMES} names, got {len(found)}")
        return found


def text(what: str, value: Any) -> str:
    """Return a text of one line."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise EmbinitError(f"{what} must be text in quotes, on one line, got {shown(value)}")
    return value


def expression(what: str, value: Any) -> str:
    """Return an expression, not yet parsed."""
    if not isinstance(value, str):
        raise EmbinitError(f'{what} must be a C expression in quotes, such as "0.1f", got {shown(value)}')
    if not value.strip():
        raise EmbinitError(f"{what} must be a C expression, got nothing")
    if len(value) > MAX_TEXT:
        raise EmbinitError(f"{what} must be an expression of at most {MAX_TEXT} characters, got {len(value)}")
    return value


def several(check: Check[T], least: int = 1, most: int = MAX_NAMES) -> Check[tuple[T, ...]]:
    """Return the check for a list."""

    def checked(what: str, value: Any) -> tuple[T, ...]:
        amount = str(least) if least == most else f"{least} to {most}"
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            got = f"{len(value)} elements" if isinstance(value, list | tuple) else shown(value)
            raise EmbinitError(f"{what} must be a list of {amount} elements, got {got}")
        return tuple(check(f"{what} [{i}]", each) for i, each in enumerate(value))

    return checked


def names(what: str, value: Any) -> tuple[str, ...]:
    """Return a list of different identifiers."""
    found = several(identifier)(what, value)
    for i, name in enumerate(found):
        if name in found[:i]:
            raise EmbinitError(f"{what} must name each only once, got {shown(name)} twice")
    return found


def identifier(what: str, value: Any) -> str:
    """Return a C identifier."""
    check_identifier(what, value)
    return str(value)


def integer(low: int, high: int) -> Check[int]:
    """Return the check for an integer from low to high."""

    def checked(what: str, value: Any) -> int:
        if not is_int(value) or not low <= value <= high:
            raise EmbinitError(f"{what} must be an integer from {low} to {high}, got {shown(value)}")
        return value

    return checked


def one_of(*allowed: Any) -> Check[Any]:
    """Return the check for one of a few values."""

    def checked(what: str, value: Any) -> Any:
        if all(isinstance(each, str) for each in allowed):
            check_known(what, value, allowed)
        elif isinstance(value, bool) or value not in allowed:
            raise EmbinitError(f"{what} must be one of {listed(allowed)}, got {shown(value)}")
        return value

    return checked
