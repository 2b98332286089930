"""Growth: recorded steps of GroMo."""

import json
from pathlib import Path

import numpy as np

from embinit import Generator
from embinit.dialects import dialect_named
from embinit.growth import Weights, grow_layers

from support.together import together

VECTORS = Path(__file__).parents[1] / "vectors" / "growth"
CASES = json.loads((VECTORS / "growth.json").read_text())["cases"]
RECORDED = np.load(VECTORS / "growth.npz")
#: The variance is a float32 sum in PyTorch, in an order of its own.
TOLERANCE = 1e-6


def recorded(case, what):
    return RECORDED.get(f"{case['id']}/{what}")


def recorded_step(case, dialect):
    """Repeat a recorded step from its seed."""
    names = ("first.weight", "first.bias", "first.bn_mean", "first.bn_var", "second.weight", "second.bias")
    weight, bias, mean, var, *second = (recorded(case, f"before/{name}") for name in names)
    seed = case["seed_before_extension"]
    return grow_layers(
        Weights(weight, bias, running_mean=mean, running_var=var),
        Weights(*second),
        case["extension_size"],
        Generator(dialect_named(dialect).seeded(seed), dialect),
        case["rescaling"],
        (case["input_extension_init"], case["output_extension_init"]),
        case["neuron_pairing"],
        case["noise_ratio"],
    )


def close(a, b):
    return a.shape == b.shape and np.all(np.abs(a.astype(np.float64) - b) <= TOLERANCE * np.abs(b))


@together("case", CASES, ids=lambda case: case["id"])
def test_recorded_rescaling_and_structure(case):
    step, hidden = recorded_step(case, "odt"), case["hidden"]
    before = {part: recorded(case, f"before/{part}") for part in ("first.weight", "second.weight")}
    after = {part: recorded(case, f"after/{part}") for part in before}
    for part, factor in (("first.weight", step.alpha), ("second.weight", step.beta)):
        measured = np.median(after[part].astype(np.float64) / before[part])
        assert abs(factor / measured - 1) < TOLERANCE

    assert close(step.first.weight[:hidden], after["first.weight"])
    assert close(step.first.bias[:hidden], recorded(case, "after/first.bias"))
    assert close(step.second.weight[:, :hidden], after["second.weight"])
    assert close(step.second.bias, recorded(case, "after/second.bias"))
    if case["batch_norm_between"]:
        assert close(step.first.running_mean, recorded(case, "after/first.bn_mean"))
        assert close(step.first.running_var, recorded(case, "after/first.bn_var"))
    theirs = [recorded(case, f"ext/{name}") for name in ("ext_in.weight", "ext_out.weight", "ext_out.bias")]
    ours = [step.input_weight, step.output_weight, step.output_bias]
    assert [array.shape for array in ours] == [array.shape for array in theirs]
    assert np.array_equal(step.first.weight[hidden:], step.output_weight)
    assert np.array_equal(step.first.bias[hidden:], step.output_bias)
    assert np.array_equal(step.second.weight[:, hidden:], step.input_weight)
    if case["neuron_pairing"]:
        for inputs, outputs, bias in (ours, theirs):
            assert np.array_equal(*np.split(outputs, 2))
            assert np.array_equal(*np.split(bias, 2))
            z, negated = np.split(inputs, 2, axis=1)
            assert np.array_equal(z, -negated) == (case["noise_ratio"] == 0 or not z.any())


@together("case", CASES, ids=lambda case: case["id"])
def test_recorded_draws(case):
    """The same bits where the spread comes from the fan, the same up to the spread where it comes from a variance."""
    step = recorded_step(case, "torch")
    noisy = bool(case["neuron_pairing"]) and case["noise_ratio"] > 0
    for name, ours, init in (
        ("ext_in.weight", step.input_weight, case["input_extension_init"]),
        ("ext_out.weight", step.output_weight, case["output_extension_init"]),
        ("ext_out.bias", step.output_bias, case["output_extension_init"]),
    ):
        theirs = recorded(case, f"ext/{name}")

        assert close(ours, theirs)
        if init == "zeros" or not (init.startswith("copy") or (noisy and name == "ext_in.weight")):
            assert ours.tobytes() == theirs.tobytes()
