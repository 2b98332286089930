"""What a device does, its model file says, and generated C does the same on an emulated core."""

import pytest

from embinit import codegen, device
from embinit.codegen import NoCodeError
from embinit.verify import verify

from support.departures import HEAD, A, B, T, bundle_of, left_by_c, library_in

#: A dialect, keys of [model], and keys of layers a, b and t.
WAYS = [
    ("odt", "", "restart = { weight = true, bias = 7 }", "restart = 43", 'weight_format = "q7"'),
    (
        "odt", "",
        'order = ["bias", "weight"]',
        'order = ["bias", "weight"]',
        "",
    ),
    (
        "odt", 'order = ["t", "b.bias", "a"]',
        "",
        "",
        "",
    ),
    (
        "odt", "skip_words = 5",
        "skip_words = 17",
        "restart = true",
        "skip_words = 1",
    ),
    (
        "odt", "state = 0xdeadbeef",
        "",
        "restart = true",
        'weight_format = "int8"',
    ),
    (
        "odt", "skip_words = 3",
        'weight_format = "int4"\nskip_words = 2',
        "restart = true",
        "rounding = 'stochastic'",
    ),
    (
        "odt", "",
        'fan = "fan_out"',
        'bias_init = { name = "uniform", low = -0.25, high = 0.5 }',
        'fan = "fan_out"',
    ),
    (
        "odt", "",
        'weight_layout = ["in", "out"]',
        'weight_layout = ["kernel", "out", "in"]',
        'draws = ["out", "in", "kernel"]',
    ),
    (
        "odt", "",
        'weight_layout = ["in", "out"]\nweight_format = "int8"',
        'weight_layout = ["kernel", "in", "out"]\nweight_format = "int4"',
        'draws = ["kernel", "out", "in"]\nweight_format = "sym5"\nnibble_order = "high"',
    ),
    (
        "odt", "",
        'byte_order = "big"',
        'byte_order = "big"\nweight_format = "q15"',
        'byte_order = "big"\nweight_format = "int8"',
    ),
    (
        "odt", "",
        "row_stride = 16",
        'row_stride = 12\nweight_format = "int8"',
        'row_stride = 13\nbyte_order = "big"',
    ),
    (
        "odt", "",
        'nibble_order = "high"\nweight_format = "int4"',
        'nibble_order = "high"\nweight_format = "sym12"\nbias_format = "sym3"',
        'channel_axis = "in"\nweight_format = "int8"',
    ),
    (
        "odt", "",
        'reinitialize = true\nweight_init = "xavier_uniform"\nbias_init = "zeros"',
        "",
        "reinitialize = true",
    ),
    (
        "odt", "",
        'init = { bias = { name = "zeros", slices = { "2:5" = 1.5 } } }',
        'init = { weight = { name = "default", slices = { "0:1" = 0.25, "5:6" = -1.0 } } }\n'
        'draws = ["kernel", "out", "in"]',
        "",
    ),
    (
        "torch", "skip_words = 9",
        'reinitialize = true\nweight_init = "xavier_uniform"',
        'weight_layout = ["out", "kernel", "in"]',
        "restart = true",
    ),
    (
        "portable-int", "",
        'weight_layout = ["in", "out"]\nweight_format = "q7"\nbias_format = "q15"',
        'weight_format = "q15"\nbias_format = "q7"\nbyte_order = "big"',
        'weight_format = "q7"\nbias_format = "q7"\nrow_stride = 16',
    ),
    (
        "tinn", "skip_words = 4",
        'weight_layout = ["in", "out"]\nrow_stride = 8',
        None,
        None,
    ),
    (
        "tinn", "",
        'restart = true\nskip_words = 3\nreinitialize = false\nbyte_order = "big"',
        None,
        None,
    ),
    (
        "fann", "skip_words = 4",
        'byte_order = "big"',
        None,
        None,
    ),
    (
        "cranium", "skip_words = 4",
        'weight_format = "int8"\nskip_words = 2\nweight_layout = ["in", "out"]',
        None,
        None,
    ),
    (
        "cranium", "",
        "reinitialize = true",
        None,
        None,
    ),
]  # fmt: skip
#: The ways that are also tried on an emulated core.
ON_A_CORE = (4,)


def model(way):
    dialect, head, *layers = way
    text = HEAD.format(dialect=dialect, keys=head)
    return text + "".join(f"{base}{keys}\n" for base, keys in zip((A, B, T), layers, strict=True) if keys is not None)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return library_in(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
def test_c_does_what_the_model_file_says(way, library, tmp_path):
    bundle = bundle_of(way)
    formats = (keys and "\n".join(line for line in keys.splitlines() if "_format" in line) for keys in way[2:])
    report = verify(bundle, left_by_c(bundle, library, tmp_path), "C")

    assert report.agrees, report
    assert bundle.payload != bundle_of((way[0], "", *formats)).payload


@pytest.mark.parametrize("way", [WAYS[i] for i in ON_A_CORE], ids=ON_A_CORE)
def test_so_it_does_on_an_emulated_core(way):
    bundle = bundle_of(way)
    report = verify(bundle, device.run(bundle), "device")

    assert report.agrees, report


@pytest.mark.parametrize(
    ("dialect", "head", "layer", "what"),
    [
        ("odt", "", 'weight_format = "sym4"\ngroup_size = 7\nweight_layout = ["in", "out"]', "shares scales"),
        ("odt", "", 'weight_format = "q7"\nrounding = "stochastic"\ndraws = ["in", "out"]', "rounds"),
        ("odt", "", 'weight_format = "q7"\ninit = { weight = { slices = { "0:1" = 0.0 } } }', "sets slices"),
        ("portable-int", "skip_words = 2", 'weight_format = "q7"\nbias_format = "q7"', "integers alone"),
        ("tinn", "state = 1", "", "told state"),
    ],
)  # fmt: skip
def test_c_that_cannot_is_refused_by_name(dialect, head, layer, what):
    with pytest.raises(NoCodeError, match=what):
        codegen.init_source(bundle_of((dialect, head, layer, None, None)))
