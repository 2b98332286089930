"""The parts of pages: images, outlines, tallies, lines to paste, and what fits."""

import math
import re
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

import embinit
from embinit.bundle import gather
from embinit.distributions import BoundedNormal, Normal, TruncatedNormal, TruncNormal, Uniform
from embinit.pages.distances import distances
from embinit.pages.fitting import finest, within
from embinit.pages.histogram import histogram, sketch
from embinit.pages.image import Most, coarse, image
from embinit.pages.outline import outline
from embinit.pages.paste import paste
from embinit.pages.stream import stream
from embinit.pages.verify import page
from embinit.tally import MOST, Tally
from embinit.verify import verify

from support.html_page import Page

CELLS = arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-4, 5))


@given(CELLS, st.integers(1, 9), st.integers(1, 9))
def test_a_cell_has_the_largest_magnitude_in_its_place(grid, rows, columns):
    cells, _ = coarse(grid, Most(rows, columns))
    height, width = cells.shape

    assert (height, width) == (min(rows, grid.shape[0]), min(columns, grid.shape[1]))
    held = {}
    for (y, x), place in zip(np.ndindex(grid.shape), _places(grid.shape, (height, width)), strict=True):
        held.setdefault(place, []).append(int(grid[y, x]))
    assert set(held) == set(np.ndindex(height, width))
    for place, levels in held.items():
        largest = max(map(abs, levels))
        both = {largest, -largest} & set(levels)
        if len(both) == 2:
            both = {largest if sum(map(np.sign, levels)) >= 0 else -largest}
        assert {int(cells[place])} == both


def _places(shape, cells):
    """Yield the cell in which each element lies: cell i begins at element i * n // cells."""
    for place in np.ndindex(shape):
        yield tuple(max(i for i in range(c) if i * n // c <= at) for at, n, c in zip(place, shape, cells, strict=True))


@given(arrays(np.int8, array_shapes(max_dims=4, max_side=6), elements=st.integers(-4, 4)))
def test_an_image_has_the_levels(levels):
    shown = Page(image(levels, [f"axis{i}" for i in range(levels.ndim)], Most(9999, 9999), "told").encode())
    (found,) = shown.images

    assert found.levels == levels.reshape(len(levels) if levels.ndim > 1 else 1, -1).tolist()
    assert found.alt == "told"


FORMATS = [
    "float32", "float16", "bfloat16", "q7", "q15", "int8", "int4", "sym3", "sym8", "sym12", "asym5", "asym8", "affine8",
    "affine_int8", "int16", "bfp8e5", "bfp5e4",
]  # fmt: skip


def _value(format_, bits, width):
    """Return the place of an element's bits among all bits, in the order of the values that they stand for."""
    if "float" in format_:
        sign, magnitude = bits >> (width - 1), bits & ((1 << (width - 1)) - 1)
        return -1 - magnitude if sign else magnitude
    unsigned = format_.startswith("asym") or (format_.startswith("affine") and "int" not in format_)
    return bits if unsigned or bits >> (width - 1) == 0 else bits - (1 << width)


@pytest.mark.parametrize("format_", FORMATS)
def test_distances_are_those_of_the_values(format_):
    layer = embinit.Linear(name="fc", in_features=7, out_features=5, weight_format=format_, bias=False)
    (entry,) = gather(embinit.Model("m", [layer], seed=3, target="cortex-m4f").plan()).entries
    random = np.random.default_rng(8)
    device = random.integers(0, 256, len(entry.payload), dtype=np.uint8).tobytes()
    width = {"float32": 32, "float16": 16, "bfloat16": 16, "int16": 16, "q15": 16}.get(format_)
    width = width or (8 if format_ == "affine_int8" else int(re.match(r"[a-z]+(\d+)", format_)[1]))
    width = 8 if format_ == "q7" else width

    def values(held):
        whole = int.from_bytes(held, "little")
        return [_value(format_, whole >> (i * width) & ((1 << width) - 1), width) for i in range(35)]

    found = distances(entry, device)
    pairs = list(zip(values(entry.payload), values(device), strict=True))
    assert found.differ.shape == (5, 7)
    assert found.differ.ravel().tolist() == [expected != actual for expected, actual in pairs]
    assert found.magnitude.ravel().tolist() == [abs(actual - expected) for expected, actual in pairs]
    signs = [int(np.sign(actual - expected)) for expected, actual in pairs if actual != expected]
    assert found.sign[found.differ].tolist() == signs


@pytest.mark.parametrize(("format_", "nan"), [("float32", "<f4"), ("float16", "<f2"), ("bfloat16", None)])
def test_a_nan_has_a_level_of_its_own_and_infinity_has_none(format_, nan):
    layer = embinit.Linear(name="fc", in_features=4, out_features=1, weight_format=format_, bias=False)
    (entry,) = gather(embinit.Model("m", [layer], seed=3).plan()).entries
    size = len(entry.payload) // 4
    odd = [
        struct.pack("<f", value)[-size:] if nan is None else np.array([value], nan).tobytes()
        for value in (math.nan, math.inf)
    ]

    assert distances(entry, b"".join(odd) + entry.payload[2 * size :]).levels.tolist() == [[5, 4, 0, 0]]


@pytest.mark.parametrize(
    ("distribution", "oracle"),
    [
        (Uniform(0.25, -0.5), stats.uniform(-0.5, 0.75)),
        (Normal(1.0, 0.25), stats.norm(1.0, 0.25)),
        (TruncatedNormal(0.5, 2.0), stats.truncnorm(-2, 2, 0.5, 2.0)),
        (BoundedNormal(0.5, -1.0, 3.0), stats.truncnorm(-1, 3, 0, 0.5)),
        (TruncNormal(0.0, 1.0, -0.5, 9.0), stats.truncnorm(-0.5, 9, 0, 1)),
    ],
)
def test_an_outline_has_the_shares_of_its_distribution(distribution, oracle):
    drawn, at = outline(distribution), np.linspace(-8, 8, 97)

    np.testing.assert_allclose(drawn.below(at), oracle.cdf(at), atol=1e-12)
    assert drawn.low < drawn.high
    assert oracle.cdf(drawn.high) - oracle.cdf(drawn.low) > 0.99
    assert {drawn.marks[0], drawn.marks[-1]} == {drawn.low, drawn.high}


@pytest.mark.parametrize("distribution", [Uniform(1.0, 1.0), Normal(0.5, 0.0), Normal(0.0, 3e38), Uniform(-3e38, 3e38)])
def test_any_distribution_is_drawn(distribution):
    values = np.float32([0.5, 1.0, 3e38, -3e38, np.nan, np.inf])
    for device, simulation in ((values, None), (values, values[:2]), (values[4:], values[:1])):
        drawing = histogram(device, simulation, distribution, 41, "told")
        assert "nan" not in drawing.replace("NaN", "")
        assert "inf" not in drawing
        Page(drawing.encode())
    assert "nan" not in sketch(distribution, 41)


def test_the_outline_of_a_histogram_is_what_is_expected_of_each_bin():
    random = np.random.default_rng(2)
    drawing = histogram(np.float32(random.uniform(-1, 1, 20_000)), None, Uniform(-1.0, 1.0), 41, "told")
    (bars,) = re.findall(r'class="bar" d="([^"]+)"', drawing)
    (level,) = re.findall(r'class="expected" d="([^"]+)"', drawing)
    heights = [float(y) for y in re.findall(r"V([\d.]+)h", bars)]
    expected = [float(y) for y in re.findall(r"V([\d.]+)H", level)]

    assert len(heights) == 41
    assert (expected[0], len(set(expected)), expected[-1]) == (92.0, 2, 92.0)
    assert max(abs(height - min(expected)) for height in heights[2:-2]) < 15


def test_a_wide_device_widens_the_axis():
    def beyond(values):
        drawing = histogram(np.float32(values), None, Uniform(-1.0, 1.0), 41, "told")
        return re.findall(r"NaN: (\d+)", drawing)

    assert beyond(np.linspace(-3, 3, 500)) == []
    assert beyond([0.0] * 500 + [30.0]) == ["1"]
    assert beyond(np.linspace(-1e6, 1e6, 500)) == ["500"]


NUMBERS = st.floats(-1e30, 1e30, allow_subnormal=False)


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.randoms())
def test_a_tally_is_the_same_in_whatever_order_numbers_come(numbers, random):
    def tallied(order, at_once):
        tally = Tally()
        for i in range(0, len(order), at_once):
            tally.add(np.array(order[i : i + at_once]))
        return tally.low, tally.width, tally.counts.tolist()

    whole = tallied(numbers, 60)
    shuffled = random.sample(numbers, len(numbers))
    assert tallied(shuffled, 1) == tallied(shuffled, 7) == whole
    low, width, counts = whole
    assert len(counts) <= MOST
    assert sum(counts) == len(numbers)
    for i, count in enumerate(counts):
        assert count == sum(
            math.floor(Fraction(number) / Fraction(width)) == Fraction(low) / Fraction(width) + i for number in numbers
        )


def test_a_tally_leaves_out_what_is_not_finite():
    tally = Tally()
    tally.add(np.array([np.nan, np.inf]))
    assert (tally.width, tally.low, tally.counts.size) == (0.0, 0.0, 0)
    tally.add(np.array([0.0, -np.inf, 0.0]))
    assert (tally.low, tally.counts.tolist()) == (0.0, [2])
    tally.add(np.array([5e-324]))
    assert (tally.low, tally.width, tally.counts.tolist()) == (0.0, 5e-324, [2, 1])


def test_lines_stand_under_their_tables():
    lines = {"[model]": "seed = 43", "[[layer]]": 'bias_init = "zeros"', "[[layer]] fc": "skip_words = 2",
             "[dialect.values]": 'unit = "(a < b) ? 1.0f : 0.0f"', "[dialect]": 'based_on = "odt"'}  # fmt: skip
    shown = Page(paste(lines, "cause-0").encode())

    assert [text for text in shown.texts if text not in ("Copy",)] == [
        "Under [model]:", "seed = 43",
        "Under every [[layer]] with parameters:", 'bias_init = "zeros"',
        "Under [[layer]] of fc:", "skip_words = 2",
        "At the end of the model file:",
        '[dialect.values]\nunit = "(a < b) ? 1.0f : 0.0f"\n[dialect]\nbased_on = "odt"',
    ]  # fmt: skip
    ids = [attributes["id"] for tag, attributes in shown.elements if tag == "pre"]
    assert [attributes["data-of"] for tag, attributes in shown.elements if tag == "button"] == ids
    assert len(set(ids)) == 4


def test_layers_that_say_the_same_share_a_block():
    layout = 'weight_layout = ["in", "out"]'
    lines = {"[[layer]] a": layout, "[[layer]] b": "restart = true", "[[layer]] c": layout}
    shown = Page(paste(lines, "cause-0").encode())

    assert [text for text in shown.texts if text != "Copy"] == [
        "Under [[layer]] of each of a, c:", layout, "Under [[layer]] of b:", "restart = true",
    ]  # fmt: skip


def test_what_fits_is_kept():
    assert within(3, ["é", "a", "b"]) == (["é", "a"], 1)
    assert within(2, ["aa", "bb", "cc"], [0, 1, 2]) == (["cc"], 2)
    assert finest(6, lambda i, detail: "x" * detail, [0, 0], [4, 3, 1]) == (["xxx", "xxx"], 0)
    assert finest(2, lambda i, detail: f"{i}" * detail, [0, 1, 2, 2], [4, 1]) == (["2", "3"], 2)


def test_bits_that_only_fill_a_byte_are_no_element():
    layer = embinit.Linear(name="fc", in_features=3, out_features=1, weight_format="int4", bias=False)
    bundle = gather(embinit.Model("m", [layer], seed=3).plan())
    held = bundle.entries[0].payload
    device = {"fc.weight": held[:-1] + bytes([held[-1] ^ 0xF0])}
    shown = Page(page(bundle, device, verify(bundle, device, "d.bin")))

    assert "d.bin differs from the simulation" in shown.texts
    assert "No element differs, but bits that fill the last byte do." in shown.texts
    assert shown.images == []


def test_a_tally_puts_the_least_negative_number_below_zero():
    tally = Tally()
    tally.add(np.array([-5e-324, 0.0, 2e17]))
    assert (tally.low, tally.counts.tolist()[:2], int(tally.counts.sum())) == (-tally.width, [1, 1], 3)


def test_the_map_of_a_long_stream_keeps_what_differs():
    layers = [embinit.Linear(name=f"l{i}", in_features=2, out_features=2, bias=False) for i in range(50)]
    plan = embinit.Model("m", layers, seed=3).plan()
    shown = Page(stream(plan, {}, {row.name: row.name == "l40.weight" for row in plan.rows}, 900).encode())

    names = [row[0] for row in shown.tables[0][1:]]
    assert names[0] == "l0.weight"
    assert names[-1] == "l40.weight"
    assert f"{50 - len(names)} more rows are not shown." in shown.texts


def test_values_that_are_no_numbers_are_counted_as_such():
    """Signalling NaNs, too, which warn where they are converted: NumPy 2.5 converts them to find their bin."""
    values = np.array([0x7FA00001, 0x7F800001, 0xFFC00000, 0x7F800000, 0x3F000000] * 8, np.uint32).view(np.float32)
    for simulation in (None, values[::-1]):
        drawing = histogram(values, simulation, Uniform(-1.0, 1.0), 41, "told")
        assert "Too far away to be drawn, or NaN: 32." in drawing
