"""Formats: what is refused, and what `embinit formats` says of each family."""

import re

import numpy as np
import pytest

from embinit import EmbinitError, Generator, Xorshift32
from embinit.__main__ import main
from embinit.formats import FORMATS, family_named, format_named
from embinit.store import encode

from support.formats import codes_of, generator_at

F32 = np.float32

# ---- Errors: what is wrong, what is allowed, what was received ----

ONES = np.ones(6, F32)
ERRORS = {
    "format must be one of float32, .*q<m>\\.<n>, .* got 'sym'": lambda: encode(ONES, "sym"),
    "format must be one of .* got 'sym08'": lambda: encode(ONES, "sym08"),
    "format must be one of .* got 'q7 '": lambda: encode(ONES, "q7 "),
    "format must be one of .* got None": lambda: encode(ONES, None),
    "the width of sym0 must be 1 to 31 .*exits.*, got 0": lambda: encode(ONES, "sym0"),
    "the width of sym32 must be 1 to 31 .* got 32": lambda: encode(ONES, "sym32"),
    "the width of sym_int32/32 must be 0 to 31 .* got 32": lambda: encode(ONES, "sym_int32/32"),
    "the width of asym0 must be 1 to 30 .* got 0": lambda: encode(ONES, "asym0"),
    "the width of asym31 must be 1 to 30 .* got 31": lambda: encode(ONES, "asym31"),
    "the width of affine17 must be 1 to 16 .* got 17": lambda: encode(ONES, "affine17"),
    "n of q-60.65 must be -32 to 64, got 65": lambda: encode(ONES, "q-60.65"),
    r"m \+ n of q1.0 must be 2 to 32 .* got 1": lambda: encode(ONES, "q1.0"),
    r"m \+ n of q3.30 must be 2 to 32 .* got 33": lambda: encode(ONES, "q3.30"),
    "the mantissa width of bfp1e5 must be 2 to 16, got 1": lambda: encode(ONES, "bfp1e5"),
    "the exponent width of bfp8e9 must be 2 to 8, got 9": lambda: encode(ONES, "bfp8e9"),
    "rounding must be one of half_away, .* got 'up'": lambda: encode(ONES, "q7", "up"),
    "rounding stochastic draws from an embinit.Generator, got generator=None": lambda: encode(ONES, "q7", "stochastic"),
    "group_size must divide the 6 elements of the array, got 4": lambda: encode(ONES, "sym8", group_size=4),
    "group_size must divide the 6 .* got 0": lambda: encode(ONES, "sym8", group_size=0),
    "group_size must divide the 6 .* got True": lambda: encode(ONES, "sym8", group_size=True),
    "asym8 takes no group_size: .* got group_size=2": lambda: encode(ONES, "asym8", group_size=2),
    "int8 takes no group_size: give channel_axis .* got group_size=2": lambda: encode(ONES, "int8", group_size=2),
    "sym8 takes no channel_axis: give group_size = .* got channel_axis=0": lambda: encode(ONES, "sym8", channel_axis=0),
    "float32 takes no channel_axis: .* got channel_axis=0": lambda: encode(ONES, "float32", channel_axis=0),
    "channel_axis must be an axis of the array, 0 to 0, got 1": lambda: encode(ONES, "int8", channel_axis=1),
    "channel_axis must be None for an array without axes, got 0": lambda: encode(F32(1), "int8", channel_axis=0),
    r"array must hold at least one real number, .* got float32 array of shape \(0,\)": lambda: encode(ONES[:0], "q7"),
    "array must hold at least one real number, .* got complex64 array": lambda: encode(ONES * 1j, "q7"),
    "q15 has no code for nan, at element 1": lambda: encode(np.array([np.inf, np.nan], F32), "q15"),
    "sym8 has no code for inf, at element 1": lambda: encode(np.array([0, np.inf], F32), "sym8"),
    "asym8 has no code for nan, at element 0": lambda: encode(np.array([np.nan, 0], F32), "asym8"),
    "affine8 has no code for -inf, at element 1": lambda: encode(np.array([0, -np.inf], F32), "affine8"),
    "bfp8e8 has no code for inf, at element 2": lambda: encode(np.array([0, 1, np.inf], F32), "bfp8e8"),
    "int8 needs a scale above 0, and that of group 1 underflows": lambda: encode(
        np.array([[1], [1e-45]], F32), "int8", channel_axis=0
    ),
    "affine16 needs a scale above 0": lambda: encode(np.array([1e-45, 0], F32), "affine16"),
    r"asym16 needs a zero point within int32, .* got 1048\d* for .* take affine16": lambda: encode(
        np.array([1e6, 1e6 + 0.0625], F32), "asym16"
    ),
    "sym26: above 25 bits .* must be negative, .* got 1.0 in group 1": lambda: encode(
        np.array([0.5, -1, 1, -0.5], F32), "sym26", group_size=2
    ),
    "the bound code of q7 must be an integer from 0 to 127, got 128": lambda: format_named("q7").uniform(
        generator_at(1), 128, 3
    ),
    "the bound of an integer-only fill must be finite and not negative, got -0.5": lambda: format_named(
        "q7"
    ).bound_code(-0.5),
}


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message):
    with pytest.raises(EmbinitError, match=f"^{message}"):
        ERRORS[message]()


def test_wide_sym_passes_where_the_largest_magnitude_is_negative():
    assert codes_of(encode(np.array([0.5, -1], F32), "sym26")) == [2**24, -(2**25)]
    assert codes_of(encode(np.array([0.5, 1], F32), "sym_int32/26")) == [2**24, 2**25]


def test_every_family_is_listed_with_a_name_that_works():
    examples = {"int<b>/<steps>": "int8/127.5"}
    for name in FORMATS:
        layout = format_named(examples.get(name) or re.sub(r"<\w+>", "8", name))
        assert layout.nbytes(8) == layout.bits
        assert layout.ctype in ("float", "double", "uint8_t", "int8_t", "int16_t", "uint16_t", "int32_t", "int64_t")
    assert format_named("q15") == format_named("q15")
    assert [format_named(name).bits for name in ("q7", "q3.9", "q31", "sym_int32/8", "bfp5e8")] == [8, 16, 32, 32, 5]


# ---- What `embinit formats` says ----

SAMPLES = ["float32", "q3.5", "q7", "q15", "q31", "int8", "int4", "sym8", "asym8", "affine8", "sym_int32/8", "bfp8e5"]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_family_says_what_encode_does(name):
    family, layout = family_named(name), format_named(name)
    for value, said in ((np.nan, family.nan), (np.inf, family.infinity)):
        array = np.array([1.0, value], np.float32)
        if said == "an error":
            with pytest.raises(EmbinitError):
                encode(array, name)
        elif said == "saturates":
            assert encode(array, name).data[1] == layout.qmax
        else:
            assert encode(array, name).data.tobytes() == array.tobytes()
    keys = {"group_size": 2} if layout.grouping == "groups" else {}
    generator = Generator(Xorshift32(5))
    buffer = encode(np.arange(6, dtype=np.float32), name, "stochastic", generator, **keys)
    assert generator.drawn == eval(family.draws.partition(",")[0], {"n": 6, "groups": 3 if keys else 1})
    kept = {"scale": buffer.scale, "zero point": buffer.zero_point, "stored exponent": buffer.exponents}
    assert {what for what, values in kept.items() if values is not None} == {w for w in kept if w in family.beside}
    for what, values in kept.items():
        if values is not None:
            assert f"{what}: {values.dtype}" in family.beside
    zeros = encode(np.zeros(4, np.float32), name)
    assert not zeros.decode().any()
    assert ("scale 1" in family.zeros) == (zeros.scale is not None and bool((zeros.scale == 1).all()))


@pytest.mark.parametrize(
    ("name", "positive", "negative"),
    [("int8", [127], [-127]), ("sym5", [15], [-15]), ("asym4", [0], [0]), ("affine4", [15], [0])],
)
def test_one_element_has_the_code_that_its_family_says(name, positive, negative):
    for value, codes in ((0.3, positive), (-0.3, negative)):
        assert codes_of(encode(np.array([value], np.float32), name)) == codes


def test_every_family_is_said_in_full(capsys):
    for name, family in FORMATS.items():
        assert main(["formats", name]) == 0
        said = capsys.readouterr().out
        assert all(text in said for text in vars(family).values())
    assert main(["formats", "sym5"]) == 0
    assert "sym5      5 bits per element, codes -16 to 15" in capsys.readouterr().out
    assert main(["formats", "sym50"]) == 2
