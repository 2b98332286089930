"""Seed lists: recover from a dump the seeds from which a model of Keras drew its wrong buffers, because layers were
made in another order, something else took a seed, initializers have seeds of their own, or the program has another
seed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from embinit.bitgen.keras import OfSeed, ThreefryOfKeras
from embinit.diagnose.account import F32, Image, Run, draws, fresh
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.diagnose.keys import AT_ONCE, CALLS, Compound, GivenWords, in_order, near, numbered, sample_of
from embinit.diagnose.pasting import Lines, by_layer, named
from embinit.diagnose.seeds import FREE_SEED, found_seed
from embinit.dialects.keras import LISTED, OWN
from embinit.distributions import Uniform
from embinit.model import Description
from embinit.plan import Row

#: The seeds of a program that are tried: all below SEEDS, and dates.
SEEDS, DATES = 2**22, range(20200101, 20310101)
#: The seeds that are tried as an initializer's own, besides that of the model.
OWN_SEEDS = (*range(1001), 1234, 1337, 12345, 123456)

Restart = tuple[int, int]


def seed_lists(run: Run, dump: Image, wrong: Sequence[Row]) -> Iterator[Compound]:
    """Yield the seeds that give wrong buffers their values, as hypotheses."""
    samples = {row.name: sample_of(run.account, row, dump[row.name]) for row in wrong if draws(row)}
    told = [row for row in wrong if samples.get(row.name) is not None]
    if told:
        inquiry = _Inquiry(run, told, {name: each for name, each in samples.items() if each is not None})
        for asked in (inquiry.listed, inquiry.own, inquiry.seeds):
            found = list(asked())
            yield from found
            if found:
                return


class _Inquiry:
    """The search for the seeds that give wrong buffers their first elements."""

    def __init__(self, run: Run, wrong: Sequence[Row], samples: Mapping[str, F32]) -> None:
        self._account, self._wrong, self._samples = run.account, wrong, samples
        self._model, self._dialect = run.account.model, run.account.model.conventions

    def listed(self) -> Iterator[Compound]:
        """Yield the places in the list of seeds from which wrong buffers take theirs, as one hypothesis."""
        found = self._restarts((number, LISTED) for number in range(CALLS))
        if found is None:
            return
        some = ", ".join(f"{name} takes seed {number}" for name, (number, _) in list(found.items())[:4])
        more = " and so on" if len(found) > 4 else ""
        yield (
            Hypothesis(
                Aspect.ORDER, "list of seeds",
                f"Layers are made in another order, or others take seeds, too: {some}{more}.", numbered(found),
                told=lambda model: in_order(model, found),
            ),
        )  # fmt: skip

    def own(self) -> Iterator[Compound]:
        """Yield the seeds that the initializers of wrong buffers have themselves, as one hypothesis."""
        found = self._restarts((seed, OWN) for seed in dict.fromkeys((self._model.seed, *OWN_SEEDS)))
        if found is None:
            return
        seeds = ", ".join(f"that of {name} has seed {seed}" for name, (seed, _) in found.items())
        yield (
            Hypothesis(
                Aspect.RESTART, "seed of an initializer", f"Initializers have seeds of their own: {seeds}.",
                numbered(found), told=lambda model: _seeded_lines(model, found), cost=FREE_SEED,
            ),
        )  # fmt: skip

    def seeds(self) -> Iterator[Compound]:
        """Yield the seed of the program that gives wrong buffers what they hold."""
        from embinit._kernels import keras

        stream = fresh(self._model, 0)
        assert isinstance(stream, OfSeed)
        jax = isinstance(stream, ThreefryOfKeras)
        first = next((row for row in self._wrong if self._of_one_word(row, jax)), None)
        if first is None:
            return
        element, sample = _numbers(first)[0], self._samples[first.name][:1]
        for start in (*range(0, SEEDS, AT_ONCE), DATES.start):
            own = np.empty(min(AT_ONCE, len(DATES)) if start == DATES.start else AT_ONCE, np.uint32)
            keras.listed(start, element, own)
            words = stream.first_words(own)
            values = self._account.drawn(GivenWords(words), first, words.size)
            for place in np.flatnonzero(near(values, sample, first)).tolist():
                seed = start + place
                if all(self._agrees(row, seed, _numbers(row)) for row in self._wrong):
                    yield (found_seed(self._model, seed),)
                    return

    @staticmethod
    def _of_one_word(row: Row, jax: bool) -> bool:
        """Whether elements take one word each, the first one the first word of the stream of a seed of the list."""
        return (jax or isinstance(row.distribution, Uniform)) and _numbers(row)[1] == LISTED

    def _restarts(self, tried: Iterable[Restart]) -> dict[str, Restart] | None:
        """Return which of some places each wrong buffer starts at; None if one of them starts at none."""
        places, found = list(tried), dict[str, Restart]()
        for row in self._wrong:
            place = next((each for each in places if self._agrees(row, self._model.seed, each)), None)
            if place is None:
                return None
            found[row.name] = place
        return found

    def _agrees(self, row: Row, seed: int, restart: Restart) -> bool:
        """Whether a buffer holds what the stream of a place gives. All of it is drawn, because its first values may
        depend on its size.
        """
        sample = self._samples[row.name]
        bitgen = self._dialect.restarted(seed, self._model.build.rand, *restart)
        values = self._account.drawn(bitgen, row, row.size)[: sample.size]
        return bool(near(values, sample, row).all())


def _numbers(row: Row) -> Restart:
    assert row.order.restart is not None
    return row.order.restart


def _seeded_lines(model: Description, found: Mapping[str, Restart]) -> Lines:
    """Return the lines that give initializers seeds of their own; none if a model file cannot express one of them."""
    dialect, texts = model.conventions, dict[str, str]()
    for tensor in (tensor for tensor in model.tensors if tensor.name in found):
        text = named(dialect, tensor.initializer)
        if text is None:
            return {}
        text = '"glorot_uniform"' if text == '"default"' else text
        keys = text.strip("{} ") if text.startswith("{") else f"name = {text}"
        line = f"{tensor.part}_init = {{ {keys}, seed = {found[tensor.name][0]} }}"
        texts[tensor.layer.name] = "\n".join(filter(None, (texts.get(tensor.layer.name), line)))
    return by_layer(model, texts)
