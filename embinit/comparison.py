"""What a framework put into a model's weights against what embinit computes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from embinit.errors import EmbinitError, listed, shown
from embinit.text import table


@dataclass(frozen=True)
class Problem:
    """A reason why embinit cannot fill a parameter, a layer or a whole model as its framework does.

    path: the layer or parameter that it is about, "" for the whole model. why, sentence: the reason, in a word and in
    full.
    """

    path: str
    why: str
    sentence: str


def refuse(problems: Iterable[Problem]) -> None:
    """Raise EmbinitError with the first problem and how many more there are, if there are any."""
    every = list(problems)
    if every:
        more = f" (and {len(every) - 1} more like it)" if len(every) > 1 else ""
        raise EmbinitError(every[0].sentence + more)


def problem_of(name: str, problems: Sequence[Problem]) -> Problem | None:
    """Return the problem that a parameter has, or None."""
    return next((each for each in problems if f"{name}.".startswith(f"{each.path}." if each.path else "")), None)


def check_order(order: Sequence[str], layers: Collection[str], what: str) -> None:
    """Raise EmbinitError unless order names layers of a module or model, by their paths, and each at most once."""
    for path in order:
        if path not in layers:
            raise EmbinitError(f"order must name layers of the {what}, one of {listed(layers)}, got {shown(path)}")
    if len(set(order)) != len(order):
        raise EmbinitError(f"order must name each layer once, got {listed(order)}")


@dataclass(frozen=True)
class Compared:
    """One parameter of a `Comparison`: whether its bits are those of the framework and, if not, why.

    Attributes
    ----------
    name
        The parameter's name in the framework's model.
    equal
        Whether all of its bits are the framework's.
    why, sentence
        The reason if they are not, in a word and in a sentence.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> embinit.torch.compare(lambda: torch.nn.Linear(2, 1), seed=42).parameters[0]
    Compared(name='weight', equal=True, why='', sentence='')
    """

    name: str
    equal: bool
    why: str = ""
    sentence: str = ""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` of a bridge to a framework returns: each parameter as the framework made it against what embinit
    computes; true if all are equal.

    Attributes
    ----------
    seed, dialect
        What was compared.
    parameters
        One `Compared` per parameter.
    notes
        Sentences on what else was noticed in the model.
    framework
        The framework that made the parameters.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> comparison = embinit.torch.compare(lambda: torch.nn.Linear(2, 1), seed=42)
    >>> bool(comparison), comparison.differing
    (True, ())
    """

    seed: int
    dialect: str
    parameters: tuple[Compared, ...]
    notes: tuple[str, ...] = ()
    framework: str = "PyTorch"

    def __bool__(self) -> bool:
        return not self.differing

    @property
    def differing(self) -> tuple[Compared, ...]:
        """The parameters that differ."""
        return tuple(each for each in self.parameters if not each.equal)

    def __repr__(self) -> str:
        return f"<Comparison: {self._verdict}>"

    def __str__(self) -> str:
        cells = [(each.name, each.why, each.sentence) for each in self.differing]
        lines = table([("parameter", "why", ""), *cells]) if cells else []
        return "\n".join([self._verdict, *lines, *self.notes])

    @property
    def _verdict(self) -> str:
        count, different = len(self.parameters), len(self.differing)
        what = f"seed {self.seed}, dialect {self.dialect}"
        whose = self.framework + ("'" if self.framework.endswith("s") else "'s")
        if not different:
            return f"all {count} parameters have {whose} bits; {what}"
        return f"{different} of {count} parameters differ from {whose}; {what}"

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain values.

        Examples
        --------
        >>> import torch, embinit.torch
        >>> embinit.torch.compare(lambda: torch.nn.Linear(2, 1), seed=42).as_json()["equal"]
        True
        """
        return {"equal": bool(self), **asdict(self)}
