"""Growth of no or one hidden neuron, and by initializers: recorded steps of GroMo and its callables, and refusals."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Linear, Model, Xorshift32, initializers
from embinit.dialects import dialect_named
from embinit.growth import INITIALIZERS, Weights, grow, grow_layers

VECTORS = Path(__file__).parents[1] / "vectors" / "growth"
CASES = json.loads((VECTORS / "few.json").read_text())["cases"]
RECORDED = np.load(VECTORS / "few.npz")
#: The variance is a float32 sum in PyTorch, in an order of its own.
TOLERANCE = 1e-6


def initializer(text):
    """What a case calls an initializer: a name, or the call of a function of embinit.initializers."""
    if text in INITIALIZERS:
        return text
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    pairs = [argument.rpartition("=") for argument in filter(None, arguments.split(", "))]
    keywords = {key: float(value) for key, _, value in pairs if key}
    return getattr(initializers, name)(*(float(value) for key, _, value in pairs if not key), **keywords)


def step(case):
    def layer(name):
        return Weights(*(RECORDED[f"{case['id']}/before/{name}.{part}"] for part in ("weight", "bias")))

    generator = Generator(dialect_named("torch").seeded(case["seed_before_extension"]), "torch")
    inits = initializer(case["input_extension_init"]), initializer(case["output_extension_init"])
    return grow_layers(
        layer("first"), layer("second"), case["extension_size"], generator, case["rescaling"], inits,
        case["neuron_pairing"], case["noise_ratio"],
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_recorded_steps(case):
    grown, hidden = step(case), case["hidden"]
    ours = {
        "ext/ext_in.weight": grown.input_weight,
        "ext/ext_out.weight": grown.output_weight,
        "ext/ext_out.bias": grown.output_bias,
        "after/first.weight": grown.first.weight[:hidden],
        "after/first.bias": grown.first.bias[:hidden],
        "after/second.weight": grown.second.weight[:, :hidden],
        "after/second.bias": grown.second.bias,
    }
    for name, array in ours.items():
        theirs = RECORDED[f"{case['id']}/{name}"]
        assert array.shape == theirs.shape
        if name.startswith("ext") and name not in measured(case):
            assert array.tobytes() == theirs.tobytes()
        assert np.all(np.abs(array.astype(np.float64) - theirs) <= TOLERANCE * np.abs(theirs))


def measured(case):
    """The extensions whose spread is measured: neither those of a layer without neurons, nor that of a single bias."""
    noisy = ["ext/ext_in.weight"] if case["noise_ratio"] else []
    if case["hidden"] == 0:
        return noisy
    copies = {name for name in ("input", "output") if case[f"{name}_extension_init"].startswith("copy")}
    weights = {"input": ["ext/ext_in.weight"], "output": ["ext/ext_out.weight"]}
    biases = ["ext/ext_out.bias"] if "output" in copies and case["hidden"] > 1 else []
    return [*noisy, *biases, *(name for each in copies for name in weights[each])]


def test_without_a_variance_to_copy_the_shape_stays():
    """One hidden neuron has one bias, which has no variance: a normal one is drawn, not a uniform one."""
    first, second = Weights(np.ones((1, 2), np.float32), np.ones(1, np.float32)), Weights(np.ones((2, 1), np.float32))
    grown = grow_layers(first, second, 3, Generator(Xorshift32(7)), None, "copy_normal")
    stream, expected = Generator(Xorshift32(7)), [np.empty(n, np.float32) for n in (6, 6, 3)]
    for out, fan_in in zip(expected, (4, 2, 2), strict=True):
        stream.normal(0.0, math.sqrt(2 / fan_in), out)

    got = (grown.input_weight, grown.output_weight, grown.output_bias)
    assert [array.tobytes() for array in got] == [array.tobytes() for array in expected]


# ---- Initializers ----


def network(dialect):
    layers = [Linear(name="a", in_features=4, out_features=3), Linear(name="b", in_features=3, out_features=2)]
    return Model("net", layers, seed=3, dialect=dialect)


@pytest.mark.parametrize("dialect", ["odt", "portable", "kaun", "gomlx", "torch"])
@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal", "lecun_uniform", "he_uniform", "uniform"])
def test_an_initializer_gets_the_fans_of_the_grown_layer(name, dialect):
    given, model = getattr(initializers, name)(), network(dialect)
    grown, stream = grow(model, model.init(), "a", 2, None, given), embinit.growth.behind_init(model)
    if dialect == "torch":
        stream.advance(2 * (4 + 2 + 1))
    shapes = {"b.weight": ((2, 2), 5, 2), "a.weight": ((2, 4), 4, 5), "a.bias": ((2,), 4, 5)}
    if dialect in ("kaun", "gomlx"):
        shapes |= {"b.weight": ((2, 2), 5, 2), "a.weight": ((4, 2), 4, 5)}
    for buffer, (shape, fan_in, fan_out) in shapes.items():
        out = np.empty(shape, np.float32)
        if isinstance(given, initializers.VarianceScaling):
            stream.fill(given, out, fan_in, fan_out)
        else:
            stream.fill(given, out)
        assert grown.extensions[buffer].tobytes() == out.tobytes(), buffer


@pytest.mark.parametrize("dialect", ["odt", "portable", "torch"])
def test_a_name_of_the_dialect_is_its_initializer(dialect):
    model = network(dialect)
    for name in ("he_uniform", "xavier_normal", "ones" if dialect != "odt" else "zeros"):
        by_name = grow(model, model.init(), "a", 2, initializer=name).extensions
        given = "zeros" if name == "zeros" else getattr(initializers, name)()
        by_object = grow(model, model.init(), "a", 2, initializer=given).extensions
        assert all(by_name[buffer].tobytes() == by_object[buffer].tobytes() for buffer in by_name)


@pytest.mark.parametrize(
    ("dialect", "changed", "words"),
    [
        ("odt", {"initializer": initializers.he_normal()}, ["truncated", "xavier_normal"]),
        ("torch", {"initializer": initializers.he_normal()}, ["truncated", "kaiming_normal"]),
        ("odt", {"initializer": initializers.trunc_normal()}, ["dialect odt", "trunc_normal"]),
        ("odt", {"initializer": "constant"}, ["constant", "value", "embinit.initializers.constant"]),
        ("odt", {"initializer": lambda tensor, reference, fan_in: None}, ["Initializer", "function"]),
        ("odt", {"initializer": ("zeros", 3)}, ["Initializer", "int"]),
        ("odt", {"initializer": [initializers.zeros()] * 3}, ["two", "3"]),
        ("odt", {"initializer": "he_unifrom"}, ["copy_uniform", "he_uniform", "he_unifrom"]),
        ("torch", {"initializer": initializers.eye()}, ["eye", "two axes", "[2]"]),
        ("torch", {"initializer": ("sparse", "zeros")}, ["sparse", "sparsity"]),
        (
            "torch",
            {"initializer": (initializers.sparse(0.5), "zeros"), "pairing": "vv_z_negz"},
            ["sparse(0.5", "pairing", "torch"],
        ),
    ],
)
def test_what_a_dialect_cannot_draw_is_refused_before_anything_is_drawn(dialect, changed, words):
    model = network(dialect)
    generator = embinit.growth.behind_init(model)
    before = str(generator.bitgen.state)
    with pytest.raises(EmbinitError) as error:
        grow(model, model.init(), "a", 2, generator=generator, **changed)

    for word in words:
        assert word in str(error.value)
    assert str(generator.bitgen.state) == before
