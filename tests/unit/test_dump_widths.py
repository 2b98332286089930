"""Text of elements that have not 32 bits: half floats, doubles, and codes of 64 bits."""

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.dump import read_dump
from embinit.errors import EmbinitError


def _bundle(dialect="odt", **keys):
    return gather(embinit.Model("tiny", [embinit.Linear(name="fc", in_features=3, out_features=2, **keys)], 42,
                                dialect=dialect).plan())  # fmt: skip


BUNDLES = {
    "float16": lambda: _bundle(weight_format="float16", bias=False),
    "float64": lambda: _bundle("genann"),
}


def _read(bundle, text, tmp_path):
    path = tmp_path / "dump.txt"
    path.write_text(text + "\n")
    return read_dump(path, bundle)


@pytest.mark.parametrize(("name", "form"), [("float16", "%.9g"), ("float16", "%.5e"), ("float64", "%.17g")])
def test_floats_of_other_widths_are_read(name, form, tmp_path):
    bundle = BUNDLES[name]()
    text = " ".join(form % float(value) for array in bundle.arrays for value in array.data.ravel())

    assert _read(bundle, text, tmp_path) == {array.name: array.payload for array in bundle.arrays}


def test_whole_numbers_are_read_in_the_type_of_a_buffer(tmp_path):
    bundle = BUNDLES["float64"]()
    count = sum(array.count for array in bundle.arrays)
    found = _read(bundle, " ".join(map(str, range(count))), tmp_path)

    assert np.frombuffer(b"".join(found.values()), "<f8").tolist() == list(range(count))


def test_a_nan_of_a_double_keeps_its_bits(tmp_path):
    bundle = BUNDLES["float64"]()
    values = [f"{float(value):.17g}" for array in bundle.arrays for value in array.data.ravel()]
    found = _read(bundle, " ".join(["-nan(0x8000000000abc)", *values[1:]]), tmp_path)

    assert next(iter(found.values()))[:8].hex() == "bc0a00000000f8ff"


def test_doubles_with_the_digits_of_a_float_are_refused(tmp_path):
    bundle = BUNDLES["float64"]()
    text = " ".join(f"{float(value):.9g}" for array in bundle.arrays for value in array.data.ravel())

    with pytest.raises(EmbinitError, match=r'9 significant digits, and 17 tell a float64: print them with "%\.17g"'):
        _read(bundle, text, tmp_path)


def test_codes_of_64_bits_keep_their_sign(tmp_path):
    bundle = _bundle(weight_format="int8", bias_format="int64", input_scale=0.5)
    (bias,) = (array for array in bundle.arrays if array.name == "fc.bias")
    path = tmp_path / "bias.txt"
    path.write_text(" ".join(map(str, bias.data.tolist())) + "\n")

    assert read_dump(path, bundle, symbol="fc_bias") == {"fc.bias": bias.payload}
    path.write_text("5 -7\n")
    assert np.frombuffer(read_dump(path, bundle, symbol="fc_bias")["fc.bias"], "<i8").tolist() == [5, -7]
