"""By checksum: what explains a device if only checksums of its buffers are known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from embinit.bundle import Bundle
from embinit.checksums import Checksums, Given, check
from embinit.diagnose.account import Account, Image
from embinit.diagnose.declaring import base_of, lines_of
from embinit.diagnose.diagnosis import NOTHING, explained, replaces
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.hypothesis import Hypothesis
from embinit.diagnose.pasting import pasted, restricted
from embinit.diagnose.search import Cause, Explanation, saying
from embinit.diagnose.seeds import likely_seeds
from embinit.errors import EmbinitError
from embinit.model import Description

#: In models of at most so many elements, small seeds are tried too, although nothing else suggests them.
FEW = 20_000


@dataclass(frozen=True)
class ChecksumDiagnosis:
    """The comparison of checksums, and the explanations that give all of them, the simplest first."""

    report: Checksums
    explanations: tuple[Explanation, ...]

    def __str__(self) -> str:
        lines = [str(self.report)]
        if self.report.agrees:
            return lines[0]
        if not self.explanations:
            return "\n".join([*lines, "", NOTHING])
        for i, explanation in enumerate(self.explanations):
            lines += ["", *explained(explanation, "or, just as exactly:" if i else "explained, every checksum:")]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the diagnosis as plain values."""
        explanations = [
            {
                "causes": [
                    {"name": c.hypothesis.name, "sentence": c.hypothesis.sentence, "buffers": list(c.buffers)}
                    for c in explanation.causes
                ],
                "model_file": dict(explanation.lines),
                **replaces(explanation),
            }
            for explanation in self.explanations
        ]
        return {**self.report.as_json(), "explained": bool(explanations), "explanations": explanations}


def diagnose_checksums(bundle: Bundle, given: Mapping[str, Given], most: int = 5) -> ChecksumDiagnosis:
    """Return what explains the checksums of buffers, by name: each ordinary mistake is tried alone. most: how many
    explanations are returned.
    """
    report = check({array.name: array.payload for array in bundle.arrays}, given)
    if report.agrees:
        return ChecksumDiagnosis(report, ())
    for name, each in given.items():
        if each.short:
            raise EmbinitError(f"--crc {name}={each.text}: 16 bits agree by chance; diagnose needs a checksum of 32")
    model = bundle.plan.model
    planned = {each.name: set(each.kinds) for each in report.checked}
    found: list[Explanation] = []
    seen = set[tuple[str, ...]]()
    account = Account.of(model)
    for hypothesis in _hypotheses(model):
        image = _left(hypothesis, account)
        if image is None:
            continue
        buffers = _buffers(image, given, planned)
        if buffers is None:
            continue
        explanation = _explanation(hypothesis, model, given, buffers)
        if (key := tuple(sorted(map(str, explanation.lines.items()))) or (hypothesis.sentence,)) not in seen:
            seen.add(key)
            found.append(explanation)
    found.sort(key=lambda explanation: explanation.cost)
    return ChecksumDiagnosis(report, tuple(found[:most]))


def _hypotheses(model: Description) -> Iterator[Hypothesis]:
    yield from ordinary(model, normals=True)
    yield from likely_seeds(model, rare=sum(tensor.size for tensor in model.tensors) <= FEW)


def _left(hypothesis: Hypothesis, account: Account) -> Image | None:
    try:
        run = hypothesis.change(account).run()
    except EmbinitError:
        return None
    return {**run.image, **run.beside}


def _buffers(image: Image, given: Mapping[str, Given], planned: Mapping[str, set[str]]) -> tuple[str, ...] | None:
    """Return the buffers for which a mistake is needed to explain the checksums, all of one kind: those that the plan
    gets wrong, and the image right; an empty tuple if the image gets all of them right.

    None if no kind of checksum explains all. planned: the kinds by which the plan's buffers have the given checksums.
    """
    held = dict[str, set[str]]()
    for name in sorted(given, key=lambda name: (bool(planned[name]), len(image.get(name, b"")))):
        held[name] = set(given[name].kinds(image[name])) if name in image else set()
        if not held[name] and not planned[name]:
            return None
    found = []
    for kind in sorted(set[str]().union(*held.values(), *planned.values())):
        if all(kind in held[name] for name in given):
            return ()
        wrong = tuple(name for name in given if kind not in planned[name])
        if all(kind in held[name] for name in wrong):
            found.append(wrong)
    return min(found, key=len, default=None)


def _gives(image: Image, given: Mapping[str, Given]) -> bool:
    """Whether all buffers have the given checksums, of one kind."""
    return _buffers(image, given, {name: set() for name in given}) == ()


def _explanation(
    hypothesis: Hypothesis, model: Description, given: Mapping[str, Given], buffers: tuple[str, ...]
) -> Explanation:
    lines = hypothesis.lines(model)
    declared = {} if hypothesis.declares is None else lines_of(base_of(model.dialect), hypothesis.declares)
    if buffers:
        lines = {} if declared else dict(restricted(lines, model, buffers))
    elif declared:
        lines = {**lines, **declared}
    if lines and not declared:
        try:
            run = Account.of(pasted(model, lines)).run()
            lines = lines if _gives({**run.image, **run.beside}, given) else {}
        except EmbinitError:
            lines = {}
    cause = saying(model, Cause(hypothesis, buffers), lines)
    return Explanation((cause,), {}, tuple(given), len(given), True, lines)
