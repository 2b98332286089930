"""The dialects that a model may name: declarations in Python, files that come with embinit, and what users bring."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from embinit.dialects.base import Dialect
from embinit.dialects.programs import program_names
from embinit.errors import EmbinitError, shown


class Registry(Mapping[str, Dialect]):
    """Dialects by name; a module or a file of embinit is read, and a package imported, when its dialect is first asked
    for.

    declared: for each module of this folder the names of the dialects that it declares, separated by blanks. Iteration
    is over the dialects of embinit and those that are registered; `names` also has those of packages.
    """

    def __init__(self, declared: Mapping[str, str]) -> None:
        self._known: dict[str, Dialect] = {}
        self._modules = {name: module for module, names in declared.items() for name in names.split()}
        self._files = [name for name in program_names() if name not in self._modules]

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._known:
            if name in self._modules:
                module = import_module(f"embinit.dialects.{self._modules[name]}")
                self._known |= {each.name: each for each in vars(module).values() if isinstance(each, Dialect)}
            elif name in self._files:
                from embinit.dialects.declared import program_dialect

                self._known[name] = program_dialect(name)
            elif self._is_installed(name):
                from embinit.dialects.packages import installed_dialect

                self._known[name] = installed_dialect(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._modules, *self._files, *self._known)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return self._has(name) or self._is_installed(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all dialects, those of installed packages last; none is loaded."""
        from embinit.installed import installed_names

        return tuple(dict.fromkeys((*self, *installed_names())))

    def add(self, dialect: Dialect) -> None:
        """Let models name a dialect; a name that is taken is an error."""
        if self._has(dialect.name) and self[dialect.name] is not dialect:
            raise EmbinitError(f"a dialect must have a name of its own to be registered, got {shown(dialect.name)}")
        self._known[dialect.name] = dialect

    def _has(self, name: object) -> bool:
        return name in self._known or name in self._modules or name in self._files

    def _is_installed(self, name: object) -> bool:
        from embinit.installed import installed_names

        return name in installed_names()
