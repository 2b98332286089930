"""Search: the hypothesis, or the two, that give every bit of a dump."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.diagnose.account import Account, Image, draws
from embinit.diagnose.arrangements import arrangements
from embinit.diagnose.contents import contents
from embinit.diagnose.conventions import conventions
from embinit.diagnose.declaring import base_of, lines_of
from embinit.diagnose.fitting import fits
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.diagnose.pasting import pasted, replaced, restricted
from embinit.diagnose.scales import scales
from embinit.diagnose.streams import starts
from embinit.dialects.declared.reader import merged
from embinit.errors import EmbinitError
from embinit.model import Description
from embinit.plan import Row
from embinit.progress import say

#: Once one mistake explains the dump at this cost or less, pairs of mistakes are not tried.
ENOUGH = (2, 0)
#: At this cost or less, other generators, unit values and limits are not looked for either.
CERTAIN = (1, 0)
#: With more elements than this, only buffers that a mistake changes are looked at for a second one.
LARGE = 1 << 15
#: A pair of mistakes is first tried on so many elements of one wrong buffer. The share of these that it explains must
#: be larger by so much than what either mistake explains alone.
HEAD, BETTER = 256, 0.05
#: Fewer elements than this show little of a pair.
TELLING = 16
#: The aspects of hypotheses that do not give every bit by chance.
DECLARED = frozenset({Aspect.GENERATOR, Aspect.VALUES})


@dataclass(frozen=True)
class Candidate:
    """Hypotheses taken together, and how what they lead to compares with the dump.

    equal: how many elements of each buffer are equal. exact: the buffers that are equal in every bit. apart: the sum of
    the distances between float32 values.
    """

    hypotheses: tuple[Hypothesis, ...]
    equal: Mapping[str, int]
    exact: frozenset[str]
    apart: float

    @property
    def cost(self) -> int:
        """How unlikely they are together."""
        return sum(hypothesis.cost for hypothesis in self.hypotheses)


@dataclass(frozen=True)
class Cause:
    """A hypothesis as part of an explanation.

    buffers: the only ones it applies to, all if empty. lines: the lines of the model file that reproduce it, by table;
    empty if none do. replaces: the keys to delete before these are pasted, by table.
    """

    hypothesis: Hypothesis
    buffers: tuple[str, ...]
    lines: Mapping[str, str] = field(default_factory=dict)
    replaces: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def restricted(self) -> bool:
        """Whether it applies to fewer buffers than the hypothesis is about."""
        return self.buffers != self.hypothesis.buffers


@dataclass(frozen=True)
class Explanation:
    """Causes, and how the bytes that follow from them compare with the dump.

    image: these bytes, by buffer. reproduces: the buffers that are equal bit for bit. equal: how many elements are
    equal. exact: whether all are. lines: the lines of the model file, by table, that reproduce all causes; empty if
    none do.
    """

    causes: tuple[Cause, ...]
    image: Image
    reproduces: tuple[str, ...]
    equal: int
    exact: bool
    lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def replaces(self) -> dict[str, Sequence[str]]:
        """The keys to delete from the model file before the lines are pasted, by table."""
        return {table: keys for cause in self.causes for table, keys in cause.replaces.items() if table in self.lines}

    @property
    def cost(self) -> tuple[int, int]:
        """How unlikely it is: free parameters and the number of causes first, then exceptions."""
        return sum(cause.hypothesis.cost for cause in self.causes), sum(cause.restricted for cause in self.causes)


class Search:
    """The search for what explains a dump.

    dump: the bytes of arrays by name, in the order of the plan. itemsizes: how many bytes an element of each has.
    """

    def __init__(self, model: Description, dump: Image, itemsizes: Mapping[str, int]) -> None:
        self._dump = dump
        self._seen: set[int] = set()
        self._accounts: dict[Hypothesis, Account] = {}
        self._account = Account.of(model)
        self._rows = [row for row in self._account.rows if row.name in dump]
        self._elements = {name: np.frombuffer(held, f"<u{itemsizes[name]}") for name, held in dump.items()}
        planned = self._tried()
        assert planned is not None
        self._planned, self._image = planned, self._account.run().image
        self._model = model
        self._large = sum(held.size for held in self._elements.values()) > LARGE
        wrong = [row for row in self._rows if row.name not in self._planned.exact]
        self._first = next((row.name for row in wrong if row.size >= TELLING), wrong[0].name if wrong else None)
        self._heads: dict[tuple[Hypothesis, ...], float] = {}
        self._unmoved = set[tuple[Hypothesis, ...]]()  # which mistakes leave that buffer as planned
        self._fitted: dict[object, Any] = {}

    def explanations(self, most: int = 5) -> list[Explanation]:
        """Return the simplest exact explanations, then the nearest of the others; most: how many of each."""
        say("trying each mistake alone")
        singles = [self._planned, *self._candidates([(h,) for h in self._ordinary()])]
        singles += self._candidates(self._derived(self._planned, thorough=True))
        found = list(self._exact_singles(singles))
        declared: list[Candidate] = []
        if not found or min(explanation.cost for explanation in found) > CERTAIN:
            say("trying other generators and formulas")
            declared = self._candidates(self._declared())
            found = [*self._exact_singles([self._planned, *declared]), *found]
        singles += declared
        others = singles[1:]
        told = any(h.aspect in DECLARED for explanation in found for h in _hypotheses(explanation))
        if not told and (not found or min(explanation.cost for explanation in found) > ENOUGH):
            say("trying two mistakes together")
            pairs = []
            for pair in self._pairs(singles[1:]):
                pairs.append(pair)
                if pair.exact == self._dump.keys() and (pair.cost, 0) <= ENOUGH:
                    break
            found += self._exact_pairs(singles, pairs)
            others += pairs
        found.sort(key=lambda explanation: explanation.cost)
        simplest = [explanation for explanation in _distinct(found) if explanation.cost == found[0].cost]
        # What is right without a mistake needs no explanation.
        least = 0 if found else sum(self._planned.equal.values())
        others = [c for c in others if len(c.exact) < len(self._dump) and sum(c.equal.values()) >= least]
        others = [c for c in others if any(c.equal.values()) or not found]
        others.sort(key=lambda c: (-sum(c.equal.values()), len(c.hypotheses), c.apart))
        return [*simplest[:most], *(self._explanation(dict.fromkeys(self._dump, c)) for c in others[:most])]

    def _ordinary(self) -> Iterator[Hypothesis]:
        return ordinary(self._model, any(self._heavy_tails(row) for row in self._rows))

    def _heavy_tails(self, row: Row) -> bool:
        """Whether values look normal: the largest is well above sqrt(3) deviations, which uniform values cannot exceed,
        but not far above.
        """
        if row.format != "float32" or not draws(row) or row.size < 24:
            return False
        held, planned = (np.frombuffer(image[row.name], np.float32) for image in (self._dump, self._image))
        with np.errstate(invalid="ignore", over="ignore"):
            peak, wide = np.abs(held).max(), held.astype(np.float64)
            deviation = np.sqrt(np.mean(wide**2))
        return bool(2 * deviation < peak < 8 * deviation and peak < 32 * np.abs(planned).max())

    def _derived(self, candidate: Candidate, thorough: bool) -> list[tuple[Hypothesis, ...]]:
        """Return the hypotheses that are suggested by the buffers that a candidate gets wrong."""
        run = self._changed(candidate.hypotheses).run()
        wrong = [row for row in run.account.rows if row.name in self._dump and row.name not in candidate.exact]
        changed = [row for row in wrong if thorough or run.image[row.name] != self._image[row.name]]
        if self._large:  # the others suggest what they did to the plan
            wrong = changed
        suggested = (
            starts(run, self._dump, changed, thorough),
            scales(run, self._dump, wrong),
            contents(run, self._dump, wrong, thorough),
            arrangements(run, self._dump, wrong),
            fits(run, self._dump, wrong, thorough, self._fitted),
        )
        return [compound for found in suggested for compound in found]

    def _declared(self) -> list[tuple[Hypothesis, ...]]:
        """Return the hypotheses about other conventions of a dialect file that the first wrong buffer suggests."""
        run = self._account.run()
        return list(conventions(run, self._dump, [row for row in self._rows if row.name not in self._planned.exact]))

    def _changed(self, hypotheses: tuple[Hypothesis, ...]) -> Account:
        if not hypotheses:
            return self._account
        if len(hypotheses) > 1:
            return hypotheses[-1].change(self._changed(hypotheses[:-1]))
        (only,) = hypotheses
        if only not in self._accounts:
            self._accounts[only] = only.change(self._account)
        return self._accounts[only]

    def _tried(self, *hypotheses: Hypothesis) -> Candidate | None:
        """Return a candidate; None if it is impossible, or if it gives what an earlier one gave and that is not the
        dump.
        """
        ordered = tuple(sorted(hypotheses, key=lambda hypothesis: hypothesis.aspect))
        try:
            image = self._memory(ordered)
        except EmbinitError:
            return None
        equal = {name: _equal(image[name], held) for name, held in self._elements.items()}
        exact = frozenset(name for name, count in equal.items() if count == self._elements[name].size)
        fingerprint = hash(tuple(image.values()))
        if fingerprint in self._seen and exact != self._dump.keys():
            return None
        self._seen.add(fingerprint)
        if len(ordered) == 1 and self._first is not None and image[self._first] == self._image[self._first]:
            self._unmoved.add(ordered)
        apart = self._apart(image) if len(ordered) == 1 else 0.0  # it ranks single mistakes that get nothing right
        return Candidate(ordered, equal, exact, apart)

    def _memory(self, hypotheses: tuple[Hypothesis, ...]) -> Image:
        """Return what hypotheses leave in the arrays of the dump; empty bytes for an array that they do not have."""
        run = self._changed(hypotheses).run()
        held = {**run.image, **run.beside}
        return {name: held.get(name, b"") for name in self._dump}

    def _apart(self, image: Image) -> float:
        """Return the sum of the absolute differences of float32 values; infinite if they cannot be compared."""
        total = 0.0
        for row in self._rows:
            if row.format == "float32" and len(image[row.name]) == len(self._dump[row.name]):
                given, held = (np.frombuffer(memory[row.name], np.float32) for memory in (image, self._dump))
                with np.errstate(invalid="ignore", over="ignore"):
                    total += float(np.abs(given - held).sum())
        return np.inf if np.isnan(total) else total

    def _candidates(self, compounds: Iterable[tuple[Hypothesis, ...]]) -> list[Candidate]:
        return [candidate for compound in compounds if (candidate := self._tried(*compound)) is not None]

    def _pairs(self, singles: list[Candidate]) -> Iterator[Candidate]:
        """Return candidates of two hypotheses: one with what the dump then suggests, or two of the single ones."""
        alone = [candidate for candidate in singles if len(candidate.hypotheses) == 1]
        for one in alone:
            yield from self._candidates(
                one.hypotheses + compound
                for compound in self._derived(one, thorough=False)
                if len(compound) == 1 and compound[0].aspect != one.hypotheses[0].aspect
            )
        for one, other in combinations(alone, 2):
            if one.hypotheses[0].aspect != other.hypotheses[0].aspect and self._may_explain_more(one, other):
                yield from self._candidates([one.hypotheses + other.hypotheses])

    def _may_explain_more(self, one: Candidate, other: Candidate) -> bool:
        """Whether two mistakes together may explain more than each alone: they must give more elements of a wrong
        buffer that neither gives exactly.
        """
        name = self._first
        if name is None or name in one.exact or name in other.exact:
            return True
        if self._unmoved.issuperset((one.hypotheses, other.hypotheses)):
            return False
        both = tuple(sorted(one.hypotheses + other.hypotheses, key=lambda hypothesis: hypothesis.aspect))
        together, *apart = (
            self._share_of_head(name, hypotheses) for hypotheses in (both, one.hypotheses, other.hypotheses)
        )
        return together == 1 or together > max(apart) + BETTER

    def _share_of_head(self, name: str, hypotheses: tuple[Hypothesis, ...]) -> float:
        """Return the share of the first elements of a buffer that are as in the dump."""
        if hypotheses in self._heads:
            return self._heads[hypotheses]
        head, share = self._elements[name][:HEAD], 0.0
        with suppress(EmbinitError):
            share = _equal(self._changed(hypotheses).head(name, HEAD)[: head.nbytes], head) / head.size
        if len(hypotheses) == 1:
            self._heads[hypotheses] = share
        return share

    def _exact_singles(self, singles: list[Candidate]) -> Iterator[Explanation]:
        """Yield explanations by one candidate, for all buffers or for those that the plan gets wrong."""
        planned, names = singles[0], self._dump.keys()
        for candidate in singles[1:]:
            if candidate.exact == names:
                yield self._explanation(dict.fromkeys(names, candidate))
            elif planned.exact and candidate.exact | planned.exact == names:
                yield self._explanation(_first_exact(names, planned, candidate))

    def _exact_pairs(self, singles: list[Candidate], pairs: list[Candidate]) -> Iterator[Explanation]:
        """Yield explanations by two hypotheses, each for all buffers or for some of them."""
        planned, names = singles[0], self._dump.keys()
        alone = {candidate.hypotheses: candidate for candidate in singles[1:]}
        both = {candidate.hypotheses: candidate for candidate in pairs}
        for candidate in pairs:
            parts = [alone[(h,)] for h in candidate.hypotheses if (h,) in alone]
            for choice in ([candidate], *([part, candidate] for part in parts), [planned, candidate]):
                if frozenset().union(*(c.exact for c in choice)) == names:
                    yield self._explanation(_first_exact(names, *choice))
                    break
        for one, other in combinations([c for c in singles[1:] if c.exact and len(c.hypotheses) == 1], 2):
            together = both.get(tuple(sorted(one.hypotheses + other.hypotheses, key=lambda h: h.aspect)))
            choice = [planned, one, other, *([together] if together else [])]
            if one.exact | other.exact | planned.exact | (together.exact if together else frozenset()) == names:
                yield self._explanation(_first_exact(names, *choice))

    def _explanation(self, chosen: Mapping[str, Candidate]) -> Explanation:
        """Return the explanation that takes each buffer from its candidate, after comparing all bytes."""
        distinct = dict.fromkeys(candidate.hypotheses for candidate in chosen.values())
        images = {hypotheses: self._memory(hypotheses) for hypotheses in distinct}
        image = {name: images[candidate.hypotheses][name] for name, candidate in chosen.items()}
        reproduces = tuple(name for name, held in self._dump.items() if image[name] == held)
        hypotheses = dict.fromkeys(h for candidate in chosen.values() for h in candidate.hypotheses)
        causes = []
        for hypothesis in sorted(hypotheses, key=lambda h: h.aspect):
            names = tuple(name for name, candidate in chosen.items() if hypothesis in candidate.hypotheses)
            causes.append(Cause(hypothesis, hypothesis.buffers or (() if len(names) == len(chosen) else names)))
        equal = sum(candidate.equal[name] for name, candidate in chosen.items())
        causes = [saying(self._model, cause, self._said(cause)) for cause in causes]
        exact, lines = len(reproduces) == len(self._dump), self._together(causes)
        if lines and not self._leads_to(lines, image):
            lines = {}
        if not lines:  # what holds for some buffers alone was not tried without the other causes
            causes = [replace(cause, lines={}) if cause.restricted else cause for cause in causes]
        return Explanation(tuple(causes), image, reproduces, equal, exact, lines)

    def _said(self, cause: Cause) -> Mapping[str, str]:
        """Return the lines of the model file that reproduce a cause, by table; empty if none do."""
        hypothesis = cause.hypothesis
        if cause.restricted:
            buffers = cause.buffers or tuple(self._dump)
            return {} if hypothesis.declares else restricted(hypothesis.lines(self._model), self._model, buffers)
        declared = {} if hypothesis.declares is None else lines_of(base_of(self._model.dialect), hypothesis.declares)
        return {**hypothesis.lines(self._model), **declared}

    def _together(self, causes: Sequence[Cause]) -> dict[str, str]:
        """Return the lines of all causes; empty if a cause has none, or if two need the same key."""
        if not all(cause.lines for cause in causes):
            return {}
        overlays = [cause.hypothesis.declares for cause in causes if cause.hypothesis.declares is not None]
        lines = lines_of(base_of(self._model.dialect), reduce(merged, overlays)) if overlays else {}
        for cause in causes:
            plain = cause.hypothesis.lines(self._model) if cause.hypothesis.declares is not None else cause.lines
            for table, text in plain.items():
                lines[table] = "\n".join(filter(None, (lines.get(table), text)))
        keys = [(table, line.split(" = ")[0]) for table, text in lines.items() for line in text.splitlines()]
        return lines if len(set(keys)) == len(keys) else {}

    def _leads_to(self, lines: Mapping[str, str], image: Image) -> bool:
        """Whether the model with these lines gives an image; lines of a dialect are taken on trust."""
        if any(table.startswith("[dialect") for table in lines):
            return True
        try:
            run = Account.of(pasted(self._model, lines)).run()
        except EmbinitError:
            return False
        held = {**run.image, **run.beside}
        return all(held.get(name) == payload for name, payload in image.items())


def saying(model: Description, cause: Cause, lines: Mapping[str, str]) -> Cause:
    """Return a cause with given lines, and with the keys of the model's file that these replace."""
    return replace(cause, lines=lines, replaces=replaced(model, lines))


def _hypotheses(explanation: Explanation) -> list[Hypothesis]:
    return [cause.hypothesis for cause in explanation.causes]


def _first_exact(names: Iterable[str], *choice: Candidate) -> dict[str, Candidate]:
    """Return, for each buffer, the first candidate that gives it exactly."""
    return {name: next(candidate for candidate in choice if name in candidate.exact) for name in names}


def _distinct(explanations: Iterable[Explanation]) -> list[Explanation]:
    """Return explanations without those that repeat an earlier one, or add causes to it."""
    kept: list[Explanation] = []
    for explanation in explanations:
        mine = {(cause.hypothesis.name, cause.buffers) for cause in explanation.causes}
        if not any({(cause.hypothesis.name, cause.buffers) for cause in earlier.causes} <= mine for earlier in kept):
            kept.append(explanation)
    return kept


def _equal(given: bytes, held: NDArray[Any]) -> int:
    """Return how many elements are equal; none if the number of elements differs."""
    return int(np.count_nonzero(np.frombuffer(given, held.dtype) == held)) if len(given) == held.nbytes else 0
