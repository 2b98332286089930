"""Hypothesis: one mistake that a device may have made, and how it changes the account of what the device did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, auto
from typing import Any

from embinit.diagnose.account import Account, Transform
from embinit.formats.storage import Storage
from embinit.initializers import Initializer
from embinit.model import Description
from embinit.plan import Row, row_with

Change = Callable[[Account], Account]


class Aspect(IntEnum):
    """What a hypothesis is about. The order is that in which hypotheses take effect; two that are taken together have
    different aspects.
    """

    DIALECT = auto()
    GENERATOR = auto()
    VALUES = auto()
    FORMULA = auto()
    BUILD = auto()
    SEED = auto()
    INITIALIZER = auto()
    FAN = auto()
    BIAS = auto()
    FORMAT = auto()
    GROUPS = auto()
    ROUNDING = auto()
    SCALE = auto()
    ORDER = auto()
    RESTART = auto()
    POSITION = auto()
    LAYOUT = auto()
    LITERALS = auto()
    ARRANGEMENT = auto()
    PACKING = auto()
    BYTE_ORDER = auto()
    CONTENT = auto()


OF_LAYERS = frozenset(
    {
        Aspect.INITIALIZER, Aspect.FAN, Aspect.BIAS, Aspect.FORMAT, Aspect.GROUPS, Aspect.ROUNDING, Aspect.SCALE,
        Aspect.RESTART, Aspect.PACKING, Aspect.BYTE_ORDER,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Hypothesis:
    """A mistake: its name, a sentence about the device, and how it changes an account.

    change: raises EmbinitError if the mistake is not possible. line: the line of the model file that reproduces it, if
    one does. cost: how unlikely it is; a parameter that the dump itself supplied costs more. buffers: the only ones it
    is about, all if empty. declares: the keys of a dialect file that reproduce it, if it is a change of those. told:
    the function that returns the lines that reproduce it in a model, by their table, if that takes more than one line.
    """

    aspect: Aspect
    name: str
    sentence: str
    change: Change
    line: str | None = None
    cost: int = 1
    buffers: tuple[str, ...] = ()
    declares: Mapping[str, Any] | None = field(default=None, compare=False)
    told: Callable[[Description], Mapping[str, str]] | None = field(default=None, compare=False)

    @property
    def table(self) -> str:
        """The table of the model file to which the line belongs."""
        return "[[layer]]" if self.aspect in OF_LAYERS else "[model]"

    @property
    def reproducible(self) -> bool:
        """Whether lines of a model file reproduce it."""
        return self.line is not None or self.declares is not None or self.told is not None

    def lines(self, model: Description) -> dict[str, str]:
        """Return the lines of a model's file that reproduce it, by their table, without those of a dialect."""
        found = {} if self.line is None else {self.table: self.line}
        return found if self.told is None else {**found, **self.told(model)}


def model_with(**changes: Any) -> Change:
    """Return the change to a model with other fields."""
    return lambda account: account.with_model(**changes)


def account_with(**changes: Any) -> Change:
    """Return the change to an account with other fields."""
    return lambda account: replace(account, **changes)


def transform(added: Transform) -> Change:
    """Return the change that adds a step between draw and memory."""
    return lambda account: replace(account, transforms=(*account.transforms, added))


def initializers(changed: Callable[[Row], Initializer | None]) -> Change:
    """Return the change to some buffers' initializers; None leaves a buffer as it is."""
    return lambda account: account.with_initializers(changed)


def rows(changed: Callable[[Row], Row]) -> Change:
    """Return the change to every row."""
    return lambda account: account.with_rows(changed)


def stored(changed: Callable[[Storage], Storage]) -> Change:
    """Return the change to how every row is stored."""
    return rows(lambda row: row_with(row, storage=changed(row.storage)))


def seeded(seed: int, name: str, sentence: str, cost: int = 1) -> Hypothesis:
    """Return the hypothesis that the device has another seed."""
    return Hypothesis(Aspect.SEED, name, sentence, model_with(seed=seed), f"seed = {seed}", cost)
