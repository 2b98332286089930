"""Recurrent layers and their cells."""

from dataclasses import dataclass
from typing import ClassVar

from embinit.errors import EmbinitError, check_bool, is_int, shown
from embinit.layers.base import Stored


@dataclass(frozen=True, kw_only=True)
class Cell(Stored):
    """What recurrent cells have in common; `gates` is the number of blocks of hidden_size rows in their weights.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    input_size, hidden_size
        The numbers of inputs and of hidden values.
    bias
        Whether there are biases.
    """

    without_effect = frozenset({"nonlinearity"})
    gates: ClassVar[int]
    input_size: int
    hidden_size: int
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("bias", self.bias)


@dataclass(frozen=True, kw_only=True)
class RNNCell(Cell):
    """One step of a plain recurrent layer.

    Its parameters and errors are those of `Cell`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RNNCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342]]
    """

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRUCell(Cell):
    """One step of a gated recurrent unit.

    Its parameters and errors are those of `Cell`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GRUCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633]]
    """

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTMCell(Cell):
    """One step of a long short-term memory.

    Its parameters and errors are those of `Cell`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LSTMCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633], [0.9186112880706787]]
    """

    gates = 4


@dataclass(frozen=True, kw_only=True)
class Recurrent(Cell):
    """What recurrent layers have in common: num_layers cells one after another, twice as many if bidirectional.

    The other parameters and the errors are those of `Cell`.

    Parameters
    ----------
    num_layers
        The number of layers.
    bidirectional
        Whether each layer also has a cell that runs backwards.
    """

    without_effect = frozenset({"nonlinearity", "batch_first", "dropout"})
    num_layers: int = 1
    bidirectional: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("bidirectional", self.bidirectional)


@dataclass(frozen=True, kw_only=True)
class RNN(Recurrent):
    """A plain recurrent layer.

    Its parameters and errors are those of `Recurrent`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RNN(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342]]
    """

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRU(Recurrent):
    """A layer of gated recurrent units.

    Its parameters and errors are those of `Recurrent`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GRU(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633]]
    """

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTM(Recurrent):
    """A layer of long short-term memory.

    The other parameters and the errors are those of `Recurrent`.

    Parameters
    ----------
    proj_size
        The size to which the state is projected; 0 for no projection.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LSTM(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633], [0.9186112880706787]]
    """

    gates = 4
    proj_size: int = 0

    def _check(self) -> None:
        super()._check()
        size = self.proj_size
        if not is_int(size) or not 0 <= size < self.hidden_size:
            raise EmbinitError(f"proj_size must be an integer from 0 to {self.hidden_size - 1}, got {shown(size)}")
