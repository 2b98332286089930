"""Keys: recover from a dump the keys from which a model of Flax drew its wrong buffers, because layers were made in
another order, or had other paths or another root key.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Called
from embinit.bitgen.base import Words
from embinit.diagnose.account import F32, Account, Image, Run, draws, precision, resolution, tells_values, until_set
from embinit.diagnose.hypothesis import Aspect, Change, Hypothesis, rows
from embinit.diagnose.pasting import MODEL, Lines, of_layer
from embinit.diagnose.seeds import found_seed
from embinit.dialects.flax import path_hash, path_of
from embinit.dialects.jax import fold_in, key_of, keyed, split
from embinit.dialects.keys import Key
from embinit.model import Description
from embinit.plan import Row
from embinit.toml import toml

Compound = tuple[Hypothesis, ...]
#: How many elements of a buffer are looked at.
SAMPLE = 16
#: How many calls of rngs.params() are tried, and how many modules of the same name.
CALLS, MODULES = 128, 16
#: How many seeds are tried, which include dates such as 20261126, and how many at once.
SEEDS, AT_ONCE = 2**25, 2**20
#: The scopes in which a module may be, and, by the type of its layer, what it may be called.
SCOPES = (
    "MLP_0",
    "Sequential_0",
    "CNN_0",
    "Encoder_0",
    "Decoder_0",
    "Block_0",
    "encoder",
    "decoder",
    "backbone",
    "net",
)
KINDS = {"Linear": ("Dense", "layers", "fc", "dense", "linear"), "Embedding": ("Embed", "embedding", "embed", "layers")}
#: The cost of a root key that only the dump suggests.
FREE_KEY = 2


def keys(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[Compound]:
    """Yield hypotheses about the keys that give wrong buffers their values: other numbers under the root key, or
    another root key.
    """
    samples = {row.name: sample_of(run.account, row, dump[row.name]) for row in wrong if draws(row)}
    told = [row for row in wrong if samples.get(row.name) is not None]
    if not told:
        return
    inquiry = _Inquiry(run.account, told, {name: each for name, each in samples.items() if each is not None})
    numbers = inquiry.paths if run.account.model.conventions.keys_by == "paths" else inquiry.calls
    for asked in (inquiry.roots, numbers, inquiry.seeds):
        found = list(asked())
        yield from found
        if found:
            return


def sample_of(account: Account, row: Row, payload: bytes) -> F32 | None:
    """Return the first elements of a buffer; None if they do not show from which words they were drawn."""
    values, free = account.observed(row, payload), until_set(row)
    return None if values is None or free < 2 or not tells_values(row) else values[: min(SAMPLE, free)]


class _Inquiry:
    """The search for the keys that give wrong buffers their first elements."""

    def __init__(self, account: Account, wrong: Sequence[Row], samples: Mapping[str, F32]) -> None:
        self._account, self._wrong, self._samples, self._model = account, wrong, samples, account.model
        self._root = key_of(account.model.seed)

    def calls(self) -> Iterator[Compound]:
        """Yield the calls of rngs.params() that gave wrong buffers their keys, as one hypothesis."""
        numbers = self._numbers(range(CALLS))
        if numbers is None:
            return
        some = ", ".join(f"{name} that of call {number}" for name, number in list(numbers.items())[:4])
        more = " and so on" if len(numbers) > 4 else ""
        yield (
            Hypothesis(
                Aspect.ORDER, "calls of rngs.params()",
                f"Modules take keys in another order, or others take some, too: {some}{more}.", _under_root(numbers),
                told=lambda model: in_order(model, _places(numbers)),
            ),
        )  # fmt: skip

    def paths(self) -> Iterator[Compound]:
        """Yield the paths of the layers that hold wrong buffers, as one hypothesis."""
        paths, numbers = dict[str, str](), dict[str, int]()
        for row in self._wrong:
            number = _number_of(row)
            known = paths.get(row.layer.name)
            tried = _paths(row, self._model) if known is None else [known]
            path = next((each for each in tried if self._agrees(row, self._root, path_hash(each, number))), None)
            if path is None:
                return
            paths[row.layer.name], numbers[row.name] = path, path_hash(path, number)
        places = ", ".join(f"{name} at {toml(path)}" for name, path in paths.items())
        lines = {name: f"path = {toml(path)}" for name, path in paths.items()}
        yield (
            Hypothesis(
                Aspect.RESTART, "path", f"Modules stand elsewhere in the parameter tree: {places}.",
                _under_root(numbers), told=lambda _: {of_layer(name): line for name, line in lines.items()},
            ),
        )  # fmt: skip

    def roots(self) -> Iterator[Compound]:
        """Yield another root key that gives wrong buffers what they hold."""
        for what, root in _roots(self._model.seed):
            if all(self._agrees(row, root, _folded(row)) for row in self._wrong):
                sentence = f"The root is {what}; the seed of the model stands for jax.random.key({self._model.seed})."
                yield (Hypothesis(Aspect.SEED, "root key", sentence, _rooted(root), cost=FREE_KEY),)
                return

    def seeds(self) -> Iterator[Compound]:
        """Yield the seed below 2^25 that gives wrong buffers what they hold."""
        from embinit._kernels.counters import jax_first_words

        first = self._wrong[0]
        sample, words = self._samples[first.name][:1], np.empty(AT_ONCE, np.uint32)
        for start in range(0, SEEDS, AT_ONCE):
            jax_first_words(start, _folded(first), words)
            values = self._account.drawn(GivenWords(words), first, AT_ONCE)
            for place in np.flatnonzero(near(values, sample, first)).tolist():
                seed = start + place
                if all(self._agrees(row, key_of(seed), _folded(row)) for row in self._wrong):
                    yield (found_seed(self._model, seed),)
                    return

    def _numbers(self, tried: Iterable[int]) -> dict[str, int] | None:
        """Return which of some numbers gives each wrong buffer its key under the root; None if one has none."""
        found = dict[str, int]()
        for row in self._wrong:
            number = next((each for each in tried if self._agrees(row, self._root, each)), None)
            if number is None:
                return None
            found[row.name] = number
        return found

    def _agrees(self, row: Row, root: Key, number: int) -> bool:
        """Whether a buffer holds what is drawn from the key that a root and a number make."""
        sample = self._samples[row.name]
        values = self._account.drawn(keyed(fold_in(root, number)), row, sample.size)
        return bool(near(values, sample, row).all())


class GivenWords(Called):
    """A generator of given words, and then of zeros; its state is how many have been read."""

    def __init__(self, given: NDArray[np.uint32]) -> None:
        self._given = given
        self.state = 0

    @property
    def state(self) -> int:
        """How many words have been read."""
        return int(self.words[0])

    @state.setter
    def state(self, state: int) -> None:
        self.words = np.array([state], np.uint64)

    def draw(self, out: Words) -> None:
        """Fill an array with the next words."""
        rest = self._given[self.state :][: out.size]
        out[: rest.size], out[rest.size :] = rest, 0
        self.state += out.size

    def advance(self, delta: int) -> None:
        """Move as if words had been read."""
        self.state += delta


def near(values: F32, sample: F32, row: Row) -> NDArray[np.bool_]:
    """Return which values are those of a sample of a buffer, within what its format rounds away."""
    step, part = resolution(row), max(1e-6, precision(row.format) or 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        near: NDArray[np.bool_] = np.abs(values - sample) <= step + part * np.abs(sample)
    return near


def _folded(row: Row) -> int:
    """Return the number that is folded into the root for the key of a buffer."""
    assert row.order.restart is not None
    return row.order.restart[1]


def _number_of(row: Row) -> int:
    """Return a buffer's place among the parameters of its module, counted from 1."""
    path = path_of(row.layer)
    return next(number for number in range(1, MODULES) if path_hash(path, number) == _folded(row))


def _paths(row: Row, model: Description) -> Iterator[str]:
    """Yield the paths that a module may have: those of other layers, and the names that Flax gives, in some scopes."""
    own = path_of(row.layer)
    kinds = KINDS.get(row.layer.type, (row.layer.type.rstrip("123d"), row.layer.type.rstrip("123d").lower(), "layers"))
    names = [
        own,
        *(f"{kind}_{i}" for kind in kinds for i in range(MODULES)),
        *(f"{kind}{i}" for kind in kinds for i in range(MODULES)),
    ]
    yield ""
    yield from (path_of(layer) for layer in model.layers)
    for scope in ("", *SCOPES, *(f"Block_{i}" for i in range(MODULES))):
        yield from (f"{scope}/{name}" if scope else name for name in names)


def _roots(seed: int) -> Iterator[tuple[str, Key]]:
    """Yield the keys that a program may have passed instead of key(seed), each with the expression for it."""
    for start in dict.fromkeys((seed, 0, 1, 42)):
        yield f"the words ({start}, 0)", (start & 0xFFFFFFFF, 0)
        what, key = f"key({start})", key_of(start)
        for i, each in enumerate(split(key, MODULES)):
            yield f"split({what}, n)[{i}], which is also fold_in({what}, {i})", each
        for _ in range(MODULES):
            what, key = f"split({what})[0]", split(key, 2)[0]
            yield from ((f"split({what})[{i}]", each) for i, each in enumerate(split(key, 2)))


def numbered(places: Mapping[str, tuple[int, int]]) -> Change:
    """Return the change to where the streams of some buffers start."""

    def changed(row: Row) -> Row:
        order = row.order if row.name not in places else replace(row.order, restart=places[row.name])
        return replace(row, order=order)

    return rows(changed)


def _places(numbers: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (0, number) for name, number in numbers.items()}


def _under_root(numbers: Mapping[str, int]) -> Change:
    """Return the change to the keys of some buffers."""
    return numbered(_places(numbers))


def _rooted(root: Key) -> Change:
    """Return the change to another root key."""
    return lambda account: replace(
        account,
        restarts={
            row.name: keyed(fold_in(root, _folded(row))) for row in account.rows if row.order.restart is not None
        },
    )


def in_order(model: Description, places: Mapping[str, tuple[int, int]]) -> Lines:
    """Return the line with the order of layers in which the streams of buffers start at these places; no line if there
    is no such order.
    """
    moved = {tensor.layer.name for tensor in model.tensors if tensor.name in places}
    told = [
        (place, tensor.layer.name)
        for tensor in model.tensors
        if (place := places.get(tensor.name) or (tensor.layer.name not in moved and tensor.order.restart))
    ]
    names = list(dict.fromkeys(layer for _, layer in sorted(told)))
    ordered = {tensor.name: tensor.order.restart for tensor in replace(model, order=names).tensors}
    if any(ordered[name] != place for name, place in places.items()):
        return {}
    return {MODEL: f"order = {toml(names)}"}
