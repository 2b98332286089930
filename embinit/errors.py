"""The one exception that bad input raises."""

from collections.abc import Collection, Iterable


class EmbinitError(ValueError):
    """Input that embinit cannot use: the message says what is wrong, what is allowed and what was received."""


def listed(names: Iterable[object]) -> str:
    """Join names for an error message.

    >>> listed(["fused", "separate"])
    'fused, separate'
    """
    return ", ".join(str(name) for name in names)


def check_known(what: str, name: object, known: Collection[str]) -> None:
    """Raise EmbinitError, with the known names, unless name is one of them.

    >>> check_known("mode", "fan", ["fan_in", "fan_out"])
    Traceback (most recent call last):
    embinit.errors.EmbinitError: mode must be one of fan_in, fan_out, got 'fan'
    """
    if not isinstance(name, str) or name not in known:
        raise EmbinitError(f"{what} must be one of {listed(known)}, got {name!r}")
