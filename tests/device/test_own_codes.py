"""What a device does between values and codes, and with the order of elements: C does what the model file says."""

import itertools
import re

import pytest

from embinit import codegen, device
from embinit.codegen import NoCodeError
from embinit.verify import verify

from support.departures import bundle_of, left_by_c, library_in

pytestmark = pytest.mark.device

#: Quantizers of formats with one scale from the largest magnitude.
SCALED = [
    "{ saturate = false }",
    "{ steps = 255.0 }",
    "{ steps = 255.0, saturate = false }",
    '{ quotient = "reciprocal" }',
    '{ quotient = "multiply" }',
    '{ quotient = "double" }',
    '{ scale = "double" }',
    '{ scale = "float16" }',
    '{ scale = "power_of_two" }',
    '{ scale = "power_of_two_below", saturate = false }',
    '{ scale = "double", quotient = "reciprocal", steps = 127.5 }',
    "{ factor = 101.25 }",
    '{ factor = 300.0, quotient = "double", saturate = false }',
    "{ offset = 128 }",
    "{ qmin = -6, qmax = 5 }",
    '{ tail = "floor", lanes = 4 }',
    '{ tail = "half_even", lanes = 4, tail_of = "row" }',
    '{ steps = 128.0, scale = "float16", quotient = "double", qmin = -8, offset = 1 }',
]
OF_ANY = ["{ saturate = false }", "{ offset = 3 }", '{ tail = "ceil", lanes = 8 }', "{ qmax = 5 }"]
ROUNDINGS = ["half_away", "half_even", "truncate", "floor", "stochastic", "ceil", "half_up", "half_down", "add_half"]
SCALED_FORMATS = ["int8", 'sym8"\ngroup_size = "6', "int4", "sym_int32/8", "int8/127.5", "sym12"]
FIXED = ["{ factor = 127.0 }", '{ factor = 127.0, quotient = "double" }', "{ saturate = false, factor = 254.5 }"]


def line(format_, quantizer, rounding):
    group = re.sub(r'group_size = "(\d)"', r"group_size = \1", f'weight_format = "{format_}"')
    return f'{group}\nweight_quantizer = {quantizer}\nrounding = "{rounding}"'


def lines():
    """Every quantizer with some format and some rounding, and every rounding."""
    formats, roundings = itertools.cycle(SCALED_FORMATS), itertools.cycle(ROUNDINGS)
    for quantizer in SCALED * 2:
        yield line(next(formats), quantizer, next(roundings))
    for quantizer in [*FIXED, *OF_ANY]:
        yield line("q7", quantizer, next(roundings))
    for format_ in ("affine8", "affine_int8", "asym6", "bfp8e8", "q8/auto", "q15"):
        for quantizer in OF_ANY:
            yield line(format_, quantizer, next(roundings))
    for rounding in ROUNDINGS[5:]:
        for format_ in ("int8", "affine5", "asym9", "q7", "bfp4e5", "sym5", "q31"):
            yield f'weight_format = "{format_}"\nrounding = "{rounding}"'


LINES = list(lines())


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return library_in(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("part", range(4))
def test_c_gets_to_the_same_codes(part, library, tmp_path):
    """Models of three layers, so that few compilations try all lines."""
    mine = LINES[part::4]
    for i in range(0, len(mine), 3):
        layers = [*mine[i : i + 3], "", ""][:3]
        way = ("odt", "", *layers)
        bundle = bundle_of(way)
        report = verify(bundle, left_by_c(bundle, library, tmp_path), "C")
        assert report.agrees, (layers, report)


#: Orders of elements of layers a (6 x 7), b (6 x 4 x 3) and t (4 x 6 x 2).
ORDERS = [
    ("{ order = [2, 0, 1] }", "{ order = [0, 2, 4, 6, 1, 3, 5, 7] }", "{ order = [3, 2, 1, 0], unit = 2 }"),
    (
        '{ axis = "out", order = [1, 0, 2] }',
        '{ axis = "kernel", order = [2, 0, 1] }',
        '{ axis = "out", order = [1, 0] }',
    ),
    ("{ sizes = [7, 6], axes = [1, 0] }", "{ sizes = [3, 4, 6], axes = [2, 0, 1] }", "{ rotate = 5 }"),
    (
        "{ tile = [4, 2], axes = [0, 2, 3, 1] }",
        "{ tile = [4, 4], axes = [0, 2, 3, 1, 4], split = 2 }",
        "{ reverse = true }",
    ),
    (
        '{ tile = [4, 4], axes = [0, 2, 4, 1, 3], split = 2, left = "rows" }',
        "{ tile = [2, 3], axes = [2, 0, 1, 3] }",
        "",
    ),
]
WITH = [
    'weight_format = "int4"',
    'weight_format = "sym5"\nnibble_order = "high"',
    'byte_order = "big"',
    'weight_format = "q15"\nrow_stride = 16',
    'weight_format = "affine12"',
    "",
    'weight_format = "bfloat16"',
]


@pytest.mark.parametrize("orders", ORDERS, ids=range(len(ORDERS)))
def test_c_puts_elements_into_the_same_order(orders, library, tmp_path):
    kinds = itertools.cycle(WITH[len(orders[0]) % 3 :])
    layers = [f"element_order = {{ weight = {order} }}\n{next(kinds)}" if order else "" for order in orders]
    bundle, in_order = bundle_of(("odt", "", *layers)), [re.sub("element_order.*", "", layer) for layer in layers]
    plain = bundle_of(("odt", "", *in_order))

    report = verify(bundle, left_by_c(bundle, library, tmp_path), "C")

    assert report.agrees, report
    for mine, other in zip(bundle.entries, plain.entries, strict=True):
        assert mine.buffer.decode().tobytes() == other.buffer.decode().tobytes()
        moved = mine.name.endswith("weight") and "element_order" in layers["abt".index(mine.name[0])]
        assert (mine.payload != other.payload) is moved


@pytest.mark.parametrize("way", [0, 1])
def test_so_it_does_on_an_emulated_core(way):
    order = "element_order = { weight = { order = [2, 0, 1] } }\n"
    layers = [
        (
            order + line("int8", '{ quotient = "reciprocal" }', "add_half"),
            line("int8/127.5", '{ scale = "float16" }', "half_up"),
            line("q7", '{ factor = 127.0, quotient = "double", saturate = false }', "half_away"),
        ),
        (
            line("sym8", '{ scale = "double" }', "ceil"),
            line("int8", '{ quotient = "multiply", steps = 128.0 }', "half_down"),
            line("affine8", "{ saturate = false, offset = -128 }", "half_even"),
        ),
    ][way]
    bundle = bundle_of(("odt", "", *layers))
    report = verify(bundle, device.run(bundle), "device")

    assert report.agrees, report


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ('weight_format = "affine8"\nweight_quantizer = { quotient = "reciprocal" }', "no C has quotient"),
        ('weight_format = "asym8"\nweight_quantizer = { zero_point_sign = "both" }', "no C has zero_point_sign"),
        (
            'weight_format = "int8"\nweight_quantizer = { scale = "double" }\nbias_format = "int32"\ninput_scale = 0.5',
            "no C takes a bias's scales",
        ),
    ],
)
def test_c_that_cannot_is_refused_by_name(layer, what):
    with pytest.raises(NoCodeError, match=what):
        codegen.init_source(bundle_of(("odt", "", layer, None, None)))
