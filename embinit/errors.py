"""The one exception that bad input raises."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class EmbinitError(ValueError):
    """Input that embinit cannot use: the message says what is wrong, what is allowed and what was received."""


class NoWordsError(EmbinitError):
    """A kernel's words did not come: the generator that it calls back failed."""


def listed(names: Iterable[object]) -> str:
    """Join names for an error message.

    >>> listed(["fused", "separate"])
    'fused, separate'
    """
    return ", ".join(str(name) for name in names)


def nearest(name: object, known: Collection[str]) -> str:
    """Return what a person may have meant, as the end of an error message; nothing where no known name is near.

    >>> nearest("in_feature", ["in_features", "out_features"])
    '; did you mean in_features?'
    """
    close = get_close_matches(str(name).lower(), {name.lower(): name for name in known}, 1)
    found = [each for each in known if each.lower() in close]
    return f"; did you mean {found[0]}?" if found else ""


def check_known(what: str, name: object, known: Collection[str]) -> None:
    """Raise EmbinitError, with the known names, unless name is one of them.

    >>> check_known("mode", "fan", ["fan_in", "fan_out"])
    Traceback (most recent call last):
    embinit.errors.EmbinitError: mode must be one of fan_in, fan_out, got 'fan'; did you mean fan_in?
    """
    if not isinstance(name, str) or name not in known:
        raise EmbinitError(f"{what} must be one of {listed(known)}, got {name!r}{nearest(name, known)}")
