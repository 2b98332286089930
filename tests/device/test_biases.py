"""int32 and int64 biases: TFLite's rule in NumPy, what is refused, and the C on emulated cores."""

import numpy as np
import pytest

import embinit
from embinit import Conv1d, ConvTranspose1d, EmbinitError, LayerNorm, Linear, device
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.verify import verify

F32 = np.float32


def rounded(x):
    return np.copysign(np.floor(np.abs(x.astype(np.float64)) + 0.5), x)


def linear(**keys):
    return Linear(**{"name": "fc", "in_features": 20, "out_features": 6, "weight_format": "int8", "input_scale": 0.05,
                     "bias_format": "int32"} | keys)  # fmt: skip


def model(*layers, **keys):
    return embinit.Model("m", layers, **{"seed": 42} | keys)


@pytest.mark.parametrize("name", ["int32", "int64"])
@pytest.mark.parametrize("input_scale", [0.05, 1e-4, 3.0])
@pytest.mark.parametrize("per_channel", [True, False])
def test_tflites_rule(name, input_scale, per_channel):
    """SymmetricBiasQuantize: round(data * (1 / scale)), scale = input_scale * the scale of the weight's channel."""
    asked = model(linear(bias_format=name, input_scale=input_scale, per_channel=per_channel))
    weight, bias = gather(asked.plan()).entries
    scale = F32(input_scale) * weight.buffer.scale
    values = asked.init()["fc.bias"]

    assert np.array_equal(bias.buffer.scale, scale)
    assert bias.data.tolist() == rounded(values * (F32(1) / scale)).astype(np.int64).tolist()
    assert bias.data.dtype == name
    assert np.array_equal(bias.buffer.decode(), bias.data.astype(F32) * scale)


def test_what_is_too_large_saturates_symmetrically():
    for name, limit in (("int32", 2**31 - 1), ("int64", 2**63 - 1)):
        bias = gather(model(linear(bias_format=name, input_scale=1e-30)).plan()).entries[1]
        assert {abs(code) for code in bias.data.tolist()} == {limit}
        assert bias.buffer.clipped == 6


REFUSED = {
    "needs input_scale": lambda: model(linear(input_scale=None)),
    "zero point 0 and one scale": lambda: model(linear(weight_format="affine8")),
    "one scale, or one of each output channel": lambda: model(linear(weight_format="sym8", group_size=10)),
    "holds the bias of a layer": lambda: model(linear(weight_format="int32")),
    "with one weight": lambda: model(LayerNorm(normalized_shape=4, bias_format="int32")),
    "input_scale is for a bias in int32 or int64": lambda: model(linear(bias_format="q7")),
    "input_scale must be a number above 0": lambda: linear(input_scale=0.0),
    "a bias of each of 6 output channels": lambda: model(linear(), dialect="tinn"),
    'takes quotient = .* alone, .* got scale = "double"': lambda: model(linear(bias_quantizer={"scale": "double"})),
    'got quotient = "multiply"': lambda: model(linear(bias_quantizer={"quotient": "multiply"})),
    "as bias_format with input_scale": lambda: embinit.encode(np.ones(3, F32), "int32"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(EmbinitError, match=message):
        REFUSED[message]()


def layers(rounding=None, **keys):
    keys = {"rounding": rounding} | keys
    return [
        linear(name="fc0", **keys),
        linear(name="fc1", weight_format="int16", bias_format="int64", input_scale=1e-4, **keys),
        linear(name="fc2", per_channel=False, bias_format="int64", input_scale=1e-17, **keys),
        linear(name="fc3", per_channel=False, input_scale=1e-10, **keys),
        linear(name="fc4", bias_format="int64", input_scale=1e-6, bias_quantizer={"quotient": "divide"}, **keys),
        Conv1d(in_channels=2, out_channels=4, kernel_size=3, weight_format="int4", bias_format="int32", input_scale=0.1,
               **keys),
        ConvTranspose1d(in_channels=4, out_channels=6, kernel_size=3, groups=2, weight_format="int8/127.5",
                        bias_format="int32", input_scale=0.007, **keys),
    ]  # fmt: skip


@pytest.mark.device
@pytest.mark.parametrize(
    ("target", "rounding", "dialect"),
    [("cortex-m0", "stochastic", "odt"), ("cortex-m4f", None, "odt"), ("cortex-m4f", "half_even", "aifes")],
)
def test_models_agree_with_their_c(target, rounding, dialect):
    declared = dialect == "aifes"
    asked = model(*layers(rounding)[: 5 if declared else None], target=target, dialect=dialect)
    bundle = gather(asked.plan())

    assert verify(bundle, device.run(bundle), target).agrees


@pytest.mark.device
def test_big_endian():
    bundle = gather(model(*layers(byte_order="big"), target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), "big endian").agrees


def test_diagnose_knows_biases():
    bundle = gather(model(*layers()).plan())
    other = gather(model(*layers(), seed=43).plan())
    found = diagnose(bundle, {entry.name: entry.payload for entry in other.entries}, "dump")

    assert found.report.equal < found.report.comparisons[0].elements * 3
    assert all(each.exact == (len(each.reproduces) == len(bundle.entries)) for each in found.explanations)


def test_a_device_that_divides_is_diagnosed_and_then_accepted():
    """As TFLite Micro does, where TensorFlow's converter multiplies by the reciprocal."""
    ours = gather(model(linear(out_features=60, input_scale=1e-6)).plan())
    divides = model(linear(out_features=60, input_scale=1e-6, bias_quantizer={"quotient": "divide"}))
    memory = {entry.name: entry.payload for entry in gather(divides.plan()).entries}
    found = diagnose(ours, memory, "dump").explanations[0]

    assert found.exact
    assert found.lines == {"[[layer]]": 'bias_quantizer = { quotient = "divide" }'}
