"""The one exception that bad input raises."""

from collections.abc import Iterable


class EmbinitError(ValueError):
    """Input that embinit cannot use: the message says what is wrong, what is allowed and what was received."""


def listed(names: Iterable[object]) -> str:
    """Join names for an error message.

    >>> listed(["fused", "separate"])
    'fused, separate'
    """
    return ", ".join(str(name) for name in names)
