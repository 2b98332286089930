"""The dialects that a model may name: written in Python, read from files of embinit, or registered by users."""

from collections.abc import Iterator, Mapping

from embinit.dialects.base import Dialect
from embinit.dialects.programs import program_names
from embinit.errors import EmbinitError


class Registry(Mapping[str, Dialect]):
    """Dialects by name; a file is read when its dialect is first asked for."""

    def __init__(self, declared: Mapping[str, Dialect]) -> None:
        self._known: dict[str, Dialect] = dict(declared)
        self._files = [name for name in program_names() if name not in declared]

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._known and name in self._files:
            from embinit.dialects.declared import program_dialect

            self._known[name] = program_dialect(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._known, *self._files))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._files

    def add(self, dialect: Dialect) -> None:
        """Let models name a dialect; if the name is taken, EmbinitError."""
        if dialect.name in self and self[dialect.name] is not dialect:
            raise EmbinitError(f"a dialect must have a name of its own to be registered, got {dialect.name!r}")
        self._known[dialect.name] = dialect
