"""Each rule of fitting and arrangements: a device follows it, diagnose names it, and its lines are accepted."""

import dataclasses

import numpy as np
import pytest

import embinit
from embinit import codegen
from embinit.bundle import gather
from embinit.codegen import NoCodeError
from embinit.diagnose import diagnose
from embinit.diagnose.pasting import pasted
from embinit.diagnose.rules import SAYS, Choice, Rule, limits, quotients
from embinit.formats import format_named
from embinit.formats.quantizer import Quantizer
from embinit.formats.storage import Storage
from embinit.pages.distances import elements
from embinit.store import encoded
from embinit.verify import verify

from support.sweeps import CI, swept

FORMATS = ["int8", "int8/127.5", "sym8", "int4", "q7", "q15", "q3.9", "affine8", "asym8"]


def model(weight_format, rounding=None):
    layer = embinit.Linear(
        name="fc", in_features=23, out_features=18, weight_format=weight_format, bias=False, rounding=rounding
    )
    return embinit.Model("m", [layer], seed=42, target="cortex-m4f")


def bundle_of(description):
    return gather(description.plan())


def memory(bundle):
    return {entry.name: entry.payload for entry in bundle.entries}


def rules(weight_format):
    """Each entry of the tables alone."""
    format_ = format_named(weight_format)
    ways, ends = quotients(format_), limits(format_)
    roundings = [Choice(says, rounding=mode, planned=mode == "half_away") for mode, says in SAYS.items()]
    plain = Rule(ways[0] if ways else Choice("", planned=True), roundings[0], ends[0])
    yield from (dataclasses.replace(plain, quotient=each) for each in ways[1:])
    yield from (dataclasses.replace(plain, rounding=each) for each in roundings[1:])
    yield from (dataclasses.replace(plain, limits=each) for each in ends[1:])
    yield from (
        dataclasses.replace(plain, tail=(roundings[3], lanes, by_row)) for lanes, by_row in ((4, True), (8, False))
    )


def with_storage(description, storage):
    keys = {"weight_format": storage.format, "rounding": storage.rounding, "weight_quantizer": storage.quantizer}
    return dataclasses.replace(description, layers=[dataclasses.replace(description.layers[0], **keys)])


def accepted(description, explanation):
    """The model with the lines of an explanation."""
    return pasted(description, explanation.lines)


@pytest.mark.parametrize("weight_format", FORMATS)
def test_a_rule_is_found_and_then_accepted(weight_format):
    planned = model(weight_format)
    (tensor,), ours, tried = planned.tensors, bundle_of(planned), 0
    for rule in swept(list(rules(weight_format)), 3):
        theirs = bundle_of(with_storage(planned, rule.storage(tensor.storage)))
        if memory(theirs) == memory(ours) or np.unique(theirs.entries[0].data).size < 8:
            continue
        explanations = [each for each in diagnose(ours, memory(theirs), "dump").explanations if each.exact]
        if weight_format == "asym8" and not explanations:
            continue  # no table has its quotients
        tried += 1
        assert explanations, rule.sentence
        assert explanations[0].lines, rule.sentence
        again = bundle_of(accepted(planned, explanations[0]))
        assert verify(again, memory(theirs), "dump").agrees, rule.sentence
        try:
            assert "fc" in codegen.init_source(again)
        except NoCodeError as error:
            assert "zero points" in str(error)
    assert not CI or tried >= (2 if weight_format == "asym8" else 7), tried


@pytest.mark.parametrize(
    ("kind", "shape", "order"),
    [
        ("float32", (24, 8), (0, 2, 4, 6, 1, 3, 5, 7)),
        ("int4", (24, 8), (0, 4, 1, 5, 2, 6, 3, 7)),
        ("int8", (12, 10), tuple(range(10))[::-1]),
    ],
)
def test_an_order_is_found_and_then_accepted(kind, shape, order):
    layer = embinit.Linear(
        name="fc", in_features=shape[1], out_features=shape[0], weight_format=kind, bias=False,
        element_order={"weight": {"order": order}},
    )  # fmt: skip
    theirs = embinit.Model("m", [layer], seed=42, target="cortex-m4f")
    planned = dataclasses.replace(theirs, layers=[dataclasses.replace(layer, element_order=None)])

    found = diagnose(bundle_of(planned), memory(bundle_of(theirs)), "dump").explanations[0]

    assert found.exact
    assert memory(bundle_of(accepted(planned, found))) == memory(bundle_of(theirs))


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"weight_quantizer": {"saturat": False}}, "saturat.*did you mean|has no key"),
        ({"weight_quantizer": {"steps": -1.0}}, "steps must be a number above 0"),
        ({"weight_quantizer": {"steps": 127.0}, "weight_format": "q7"}, "steps is for formats with scales"),
        ({"weight_quantizer": {"saturate": False}, "weight_format": "float32"}, "is for formats with codes"),
        ({"weight_quantizer": {"tail": "floor"}}, "tail and lanes belong together"),
        ({"weight_quantizer": {"factor": 3.0, "scale": "float16"}}, "factor replaces the scale"),
        ({"weight_quantizer": {"qmin": 5, "qmax": 4}}, "must lie within"),
        ({"weight_quantizer": {"zero_point_sign": "both"}}, "zero points, such as affine8"),
        ({"element_order": {"bais": {"reverse": True}}}, "element_order must name one of its parts"),
        ({"element_order": {"weight": {"order": [0, 2]}}}, "each index from 0 on once"),
        ({"element_order": {"weight": {"sizes": [2, 3], "axes": [1, 0]}}}, "the product of sizes"),
        ({"element_order": {"weight": {"order": [1, 0], "axis": "gate"}}}, "axis must be one of"),
        ({"element_order": {"weight": {"reverse": True, "rotate": 2}}}, "must say one of"),
        ({"element_order": {"weight": {"tile": [40, 1], "axes": [0, 2, 1, 3]}}}, "tile must fit"),
        (
            {"rounding": "add_half", "weight_format": "float16"},
            "rounding of float16 must be one of half_away.* got 'add_half'",
        ),
        ({"literals": "%d", "weight_format": "float32"}, "literals must be a form of printf"),
        ({"literals": "%.6f"}, "literals needs a buffer in float32"),
    ],
)
def test_what_cannot_be_is_refused_when_the_model_is_built(keys, text):
    keys = {"weight_format": "int8", **keys}
    with pytest.raises(embinit.EmbinitError, match=f"layer 'fc': .*{text}|{text}"):
        embinit.Model("m", [embinit.Linear(name="fc", in_features=5, out_features=4, bias=False, **keys)], seed=1)


@pytest.mark.parametrize("offset", [128, -3])
def test_decoding_takes_the_offset_away(offset):
    quantizer = {"offset": offset}
    keys = {"in_features": 5, "out_features": 4, "bias": False, "weight_format": "int8"}
    plain, moved = (
        embinit.Model("m", [embinit.Linear(name="fc", weight_quantizer=told, **keys)], seed=1).stored()["fc.weight"]
        for told in (None, quantizer)
    )
    assert moved.data.tobytes() != plain.data.tobytes()
    assert np.array_equal(moved.decode(), plain.decode())


@pytest.mark.parametrize("keys", [{"nibble_order": "high"}, {"element_order": {"weight": {"reverse": True}}}])
def test_a_page_shows_codes_by_their_indices(keys):
    layers = [
        embinit.Linear(name="fc", in_features=6, out_features=4, bias=False, weight_format="int4", **more)
        for more in ({}, keys)
    ]
    (plain,), (held,) = (bundle_of(embinit.Model("m", [layer], seed=1)).entries for layer in layers)

    assert held.payload != plain.payload
    assert np.array_equal(elements(held, held.payload), elements(plain, plain.payload))


PRINTED = {
    "%.6f": lambda x: float(f"{x:.6f}"), "%.4f": lambda x: float(f"{x:.4f}"), "%.7g": lambda x: float(f"{x:.7g}"),
    "%.8e": lambda x: float(f"{x:.8e}"), "%.2e": lambda x: float(f"{x:.2e}"), "%.12g": lambda x: float(f"{x:.12g}"),
    "float16": lambda x: float(np.float16(x)),
}  # fmt: skip


@pytest.mark.parametrize("form", PRINTED)
def test_values_that_were_written_as_literals(form):
    layer = embinit.Linear(name="fc", in_features=40, out_features=30)
    plain, written = (embinit.Model("m", [dataclasses.replace(layer, literals=how)], seed=1) for how in (None, form))
    expected = {
        entry.name: np.array([PRINTED[form](x) for x in entry.data.reshape(-1).tolist()], np.float32).tobytes()
        for entry in bundle_of(plain).entries
    }

    assert memory(bundle_of(written)) == expected
    with pytest.raises(NoCodeError, match="no C writes values as"):
        codegen.init_source(bundle_of(written))


@pytest.mark.parametrize(("scale", "size"), [("float16", 1e-8), ("float16", 1e8), ("power_of_two", 2.0**-120)])
def test_a_scale_that_its_type_does_not_hold_is_refused_as_c_refuses_it(scale, size):
    with pytest.raises(embinit.EmbinitError, match=f"a scale in {scale} must be finite and above"):
        quantizer = Quantizer(scale=scale, quotient="reciprocal")
        values = np.array([size, -size / 3, 0.0], np.float32)
        encoded(values, Storage("int8", quantizer=quantizer), None)
