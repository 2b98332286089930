"""Limits: hypotheses that limits differ, as changes of a dialect file: another formula, the other fan, zero biases."""

from collections.abc import Iterator, Mapping
from typing import Any

from embinit.diagnose.declaring import Tables, declares
from embinit.diagnose.hypothesis import Aspect, Hypothesis
from embinit.diagnose.vocabulary import Formula
from embinit.dialects.declared import DeclaredDialect
from embinit.initializers import Named
from embinit.model import Description

Compound = tuple[Hypothesis, ...]


def declaration(
    aspect: Aspect,
    name: str,
    sentence: str,
    overlay: Tables,
    cost: int = 1,
    model: Mapping[str, Any] | None = None,
    line: str | None = None,
) -> Hypothesis:
    """Return the hypothesis that the dialect has other keys, and the model other fields."""
    change = declares(overlay, **(model or {}))
    return Hypothesis(aspect, name, sentence, change, line, cost, declares=overlay)


def _weights(model: Description) -> list[str]:
    """Return the names of the initializers that weights have."""
    found = [each.initializer for each in model.tensors if each.part == "weight"]
    return list(dict.fromkeys(each.name for each in found if isinstance(each, Named)))


def _variants(model: Description, rules: Mapping[str, Tables]) -> Iterator[tuple[str, Tables]]:
    """Yield, in words, the parts whose limits other rules change, and the tables of a dialect file for that."""
    dialect = model.conventions
    assert isinstance(dialect, DeclaredDialect)
    if not any(each.part == "bias" for each in model.tensors):
        yield "The weights", {"initializers": dict(rules)}
        return
    own = dialect.description.bias.initializer
    kept = own if own is not None else next(iter(rules), "default")
    tables = dialect.description.tables["initializers"]
    if kept in rules and kept in tables:
        former = {"initializers": {**rules, "former": dict(tables[kept])}, "bias": {"initializer": "former"}}
        yield "The weights", former
        yield "Weights and biases", {"initializers": dict(rules)}
    else:
        yield "The weights", {"initializers": dict(rules)}
    yield "The biases are 0, and the weights", {"initializers": dict(rules), "bias": {"initializer": "zeros"}}


def by_formula(model: Description, formula: Formula) -> Iterator[Hypothesis]:
    """Yield the changes that give weights, or weights and biases, the limit of a formula."""
    rules = {name: {"limit": formula.text, "low": "-limit", "high": "limit"} for name in _weights(model)}
    for whose, overlay in _variants(model, rules):
        yield declaration(Aspect.FORMULA, "limit", f"{whose}: {formula.says}.", overlay, formula.cost)


def by_other_fan(model: Description) -> Iterator[Hypothesis]:
    """Yield the changes that exchange fan_in and fan_out in the rules by which weights are drawn."""
    dialect = model.conventions
    assert isinstance(dialect, DeclaredDialect)
    tables = dialect.description.tables["initializers"]
    found = {name: tables[name] for name in _weights(model) if name in tables}
    rules = {name: {key: _exchanged(value) for key, value in rule.items()} for name, rule in found.items()}
    rules = {name: rule for name, rule in rules.items() if rule != tables[name]}
    for whose, overlay in _variants(model, rules) if rules else ():
        yield declaration(Aspect.FORMULA, "fan", f"{whose} are drawn with fan_out for fan_in.", overlay)


def _exchanged(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    return text.replace("fan_in", "fan_\0").replace("fan_out", "fan_in").replace("fan_\0", "fan_out")


def zero_biases(model: Description) -> Iterator[Compound]:
    """Yield the change to biases of 0, if there are biases."""
    if any(each.part == "bias" for each in model.tensors):
        overlay = {"bias": {"initializer": "zeros"}}
        yield (declaration(Aspect.BIAS, "bias", "The biases are 0 and draw nothing.", overlay),)
