"""Records that a model file writes as a table of which every key may be left out."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

from embinit.errors import EmbinitError, check_keys, shown
from embinit.toml import toml


class Table:
    """A dataclass whose fields are the keys of a table."""

    @classmethod
    def of(cls, what: str, given: object) -> Self:
        """Return what a table says, or what was made of one before; what: the key that holds it."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise EmbinitError(f"{what} must be a table, got {shown(given)}")
        check_keys(what, given, [field.name for field in _fields(cls)])
        try:
            return cls(**given)
        except EmbinitError as error:
            raise EmbinitError(f"{what}: {error}") from None

    @property
    def told(self) -> dict[str, Any]:
        """The keys that are not at their defaults, as plain values."""
        held = {field.name: (getattr(self, field.name), field.default) for field in _fields(self)}
        told = {name: value for name, (value, usual) in held.items() if value != usual}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

    @property
    def says(self) -> str:
        """The table, as a model file writes it."""
        return toml(self.told)


def _fields(of: Any) -> Any:
    return fields(of)
