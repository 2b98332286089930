"""Dialects flax-nnx and flax-linen: recorded modules, keys, layouts, refusals, and the same bits on a device."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Model
from embinit.bundle import gather
from embinit.codegen import NoCodeError, init_source
from embinit.dialects.flax import path_hash

VECTORS = Path(__file__).parents[1] / "vectors" / "jax"
RECORDED = json.loads((VECTORS / "vectors.json").read_text())["cases"]
ERAS = {"": "0.10.2", "-0.6": "0.6.2"}
PARTS = {"kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias"}
EXAMPLE = Path(__file__).parents[2] / "examples" / "flax_dense.toml"


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32).ravel().tolist()


def linear(inputs, outputs, **keys):
    return embinit.Linear(in_features=inputs, out_features=outputs, **keys)


def convolution(kind, kernel, inputs, outputs, **keys):
    layer = getattr(embinit, f"{kind}{len(kernel)}d")
    return layer(in_channels=inputs, out_channels=outputs, kernel_size=kernel, **keys)


def of_nnx(kind, sizes, keys):
    match kind:
        case "Linear":
            return linear(*sizes, bias=keys.get("use_bias", True))
        case "Embed":
            return embinit.Embedding(num_embeddings=sizes[0], embedding_dim=sizes[1])
        case "LayerNorm":
            return embinit.LayerNorm(normalized_shape=sizes[0])
        case "BatchNorm":
            return embinit.BatchNorm2d(num_features=sizes[0])
    return convolution(kind, keys["kernel_size"], *sizes, groups=keys.get("feature_group_count", 1))


def of_linen(path, parts):
    if "embedding" in parts:
        return embinit.Embedding(num_embeddings=parts["embedding"][0], embedding_dim=parts["embedding"][1], path=path)
    if "scale" in parts:
        return embinit.LayerNorm(normalized_shape=parts["scale"][0], path=path)
    *kernel, inputs, outputs = parts["kernel"]
    if kernel:
        return convolution("Conv", kernel, inputs, outputs, path=path, bias="bias" in parts)
    return linear(inputs, outputs, path=path, bias="bias" in parts)


def model_of(case, era):
    if case["kind"] == "nnx":
        return Model("m", [of_nnx(*each) for each in case["layers"]], seed=case["seed"], dialect=f"flax-nnx{era}")
    shapes = {}
    for array in case["arrays"]:
        path, _, part = array["name"].rpartition("/")
        shapes.setdefault(path, {})[part] = array["shape"]
    layers = [of_linen(path, parts) for path, parts in shapes.items()]
    return Model("m", layers, seed=case["seed"], dialect=f"flax-linen{era}", jit=case["mode"] == "jit")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("kind", ["nnx", "linen"])
def test_every_recorded_module(kind, era):
    words, compared = np.load(VECTORS / f"{ERAS[era]}.npz")["words"], 0
    for case in (each for each in RECORDED if each["kind"] == kind):
        model = model_of(case, era)
        values = model.init()
        paths = list(
            dict.fromkeys(each["name"].rpartition("." if kind == "nnx" else "/")[0] for each in case["arrays"])
        )
        for array in case["arrays"]:
            path, _, part = array["name"].rpartition("." if kind == "nnx" else "/")
            layer = model.layers[paths.index(path)].name
            found = values[f"{layer}.{PARTS[part]}"]
            assert list(found.shape) == array["shape"], (case, array["name"])
            expected = words[array["offset"] : array["offset"] + array["words"]].tolist()
            assert expected == bits(found), (case, array["name"])
            compared += 1
        assert len(values) == len(case["arrays"])
    assert compared == {"nnx": 38, "linen": 56}[kind]


def test_a_parameter_of_nnx_takes_a_call_though_it_is_not_drawn():
    layers = [linear(3, 4, name="a"), embinit.LayerNorm(normalized_shape=4), linear(4, 2, name="b", bias=False)]
    layers += [embinit.layers.DrawFree(kind="Dropout"), linear(2, 5, name="c")]
    values = Model("m", layers, seed=9, dialect="flax-nnx").init()
    for name, call in (("a", 0), ("b", 4), ("c", 6)):
        weight = values[f"{name}.weight"]
        out = np.empty_like(weight)
        Generator.seeded(9, "jax").fold_in(call).fill("lecun_normal", out)
        assert bits(out) == bits(weight)


def test_a_copy_takes_no_call():
    layers = [linear(3, 3, name="a"), linear(3, 3, name="copy", same_as="a"), linear(3, 3, name="b")]
    values = Model("m", layers, seed=9, dialect="flax-nnx").init()
    alone = Model("m", [layers[0], layers[2]], seed=9, dialect="flax-nnx").init()
    assert bits(values["copy.weight"]) == bits(values["a.weight"])
    assert bits(values["b.weight"]) == bits(alone["b.weight"])


def test_the_order_of_linen_s_layers_does_not_matter():
    layers = [linear(3, 4, name="Dense_0"), linear(3, 4, name="head", path="Block_0/Dense_0")]
    one, other = (Model("m", order, seed=9, dialect="flax-linen").init() for order in (layers, layers[::-1]))
    assert {name: bits(values) for name, values in one.items()} == {name: bits(each) for name, each in other.items()}
    assert bits(one["Dense_0.weight"]) != bits(one["head.weight"])


def test_the_hash_of_a_path_is_that_of_its_names_and_a_number():
    assert path_hash("", 1) == 0xBF8B4530  # SHA-1 of the byte 01 begins with it
    assert path_hash("a/b", 2) == path_hash("ab", 2)


def test_a_bias_that_is_drawn_has_the_key_of_its_call():
    layer = linear(3, 4, name="a", bias_init=embinit.initializers.normal(0.0, 0.1))
    nnx = Model("m", [layer], seed=9, dialect="flax-nnx")
    out = np.empty(4, np.float32)
    Generator.seeded(9, "jax").fold_in(1).normal(0, 0.1, out)
    assert bits(nnx.init()["a.bias"]) == bits(out)
    linen = Model("m", [layer], seed=9, dialect="flax-linen")
    Generator.seeded(9, "jax").fold_in(path_hash("a", 2)).normal(0, 0.1, out)
    assert bits(linen.init()["a.bias"]) == bits(out)


@pytest.mark.parametrize(
    ("layer", "dialect", "message"),
    [
        (convolution("ConvTranspose", [3], 4, 4, groups=2), "flax-nnx", "layer .*Flax's ConvTranspose has no groups"),
        (embinit.Embedding(num_embeddings=3, embedding_dim=2, padding_idx=0), "flax-linen", "has no padding_idx"),
        (embinit.GRU(input_size=2, hidden_size=3), "flax-nnx", "dialect flax-nnx has no GRU"),
        (linear(2, 3, path="a/b"), "flax-nnx", "dialect flax-nnx has no path; it belongs to flax-linen"),
        (linear(2, 3, weight_format="int8", rounding="stochastic"), "flax-nnx", "rounding must not be stochastic"),
        (linear(2, 3, weight_init=embinit.initializers.sparse(0.5)), "flax-linen", "dialect flax-linen has no sparse"),
    ],
)
def test_what_flax_has_not_is_refused(layer, dialect, message):
    with pytest.raises(EmbinitError, match=message):
        Model("m", [layer], seed=1, dialect=dialect)


def test_what_streams_under_way_are_told_is_refused():
    with pytest.raises(EmbinitError, match="restart must be false in dialect flax-nnx"):
        Model("m", [linear(2, 3, restart=True)], seed=1, dialect="flax-nnx")
    with pytest.raises(EmbinitError, match="skip_words has no place in dialect flax-linen"):
        Model("m", [linear(2, 3)], seed=1, dialect="flax-linen", skip_words=3)


def test_a_part_that_is_told_to_be_drawn_has_its_own_key():
    normal = embinit.initializers.normal(0.0, 0.1)
    told, given = linear(3, 4, name="a", init={"bias": normal}), linear(3, 4, name="a", bias_init=normal)
    one, other = (Model("m", [layer], seed=9, dialect="flax-nnx").init() for layer in (told, given))
    assert bits(one["a.bias"]) == bits(other["a.bias"])


def test_diagnose_names_a_layout():
    from embinit.diagnose import diagnose

    geometric = embinit.initializers.variance_scaling(1.0, "fan_geo_avg", "normal")
    layers = [linear(9, 16, name="a"), linear(9, 5, name="b", weight_init=geometric)]
    model = Model("m", layers, seed=9, dialect="flax-linen")
    bundle = gather(model.plan())
    image = {entry.name: entry.payload for entry in bundle.entries}
    image["a.weight"] = np.ascontiguousarray(model.init()["a.weight"].T).tobytes()
    said = str(diagnose(bundle, image, "a dump"))
    assert "explained, every bit" in said
    assert "a.weight as [out, in], not [in, out]" in said


def test_a_path_is_names_between_slashes_and_belongs_to_one_layer():
    for path in ("/a", "a//b", "a/", 3):
        with pytest.raises(EmbinitError, match="path must be names with / between them"):
            linear(2, 3, path=path)
    with pytest.raises(EmbinitError, match="layer 'b': its path must be its own, and layer 'a' has 'a'"):
        Model("m", [linear(2, 3, name="a"), linear(2, 3, name="b", path="a")], seed=1, dialect="flax-linen")


def test_the_plan_names_each_key():
    plan = Model("m", [linear(3, 4, name="a"), linear(4, 2, name="b")], seed=9, dialect="flax-nnx").plan()
    keys = {row["name"]: row.get("key") for row in plan.as_json()["buffers"]}
    expected = Generator.seeded(9, "jax").fold_in(2).key
    assert keys["b.weight"] == [f"0x{word:08x}" for word in expected]
    assert keys["b.bias"] == [f"0x{word:08x}" for word in Generator.seeded(9, "jax").fold_in(3).key]
    assert "{:08x}{:08x}".format(*expected) in str(plan)


def test_a_device_folds_the_key_of_each_parameter():
    source = init_source(gather(embinit.load(EXAMPLE).plan()))
    assert source.count("{restart, 0, 0u, 0x00000000u, ") == 2
    assert "embinit_threefry2x32_fold_in(generator->key, b);" in source
    assert f"0x{path_hash('Dense_0', 1):08x}u" in source


def recorded_example():
    return json.loads((VECTORS / "flax_dense.json").read_text())


def test_the_example_is_what_flax_initializes():
    recorded, values = recorded_example(), embinit.load(EXAMPLE).init()
    assert recorded["crc32"] == {name: f"{zlib.crc32(each.tobytes()):08x}" for name, each in values.items()}


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_the_example_on_an_emulated_core(core):
    from embinit import device

    found = device.run(gather(embinit.load(EXAMPLE, target=core).plan()))
    assert recorded_example()["crc32"] == {name: f"{zlib.crc32(each):08x}" for name, each in found.items()}


@pytest.mark.device
@pytest.mark.parametrize(("dialect", "core"), [("flax-nnx", "cortex-m0"), ("flax-linen-0.6", "cortex-m4f")])
def test_formats_and_negative_seeds_on_an_emulated_core(dialect, core):
    from embinit import device
    from embinit.verify import verify

    layers = [
        linear(5, 4, name="a", weight_format="int8"),
        convolution("Conv", [3, 2], 2, 4, name="b", groups=2, weight_init=embinit.initializers.he_normal()),
        embinit.Embedding(num_embeddings=5, embedding_dim=3, name="c"),
        linear(4, 3, name="d", weight_format="q7", weight_init=embinit.initializers.uniform(-0.3, 0.2)),
    ]
    bundle = gather(Model("m", layers, seed=-3, dialect=dialect, target=core, jit=True).plan())
    assert verify(bundle, device.run(bundle), core).equal


def test_a_seed_beyond_64_bits_has_no_c():
    with pytest.raises((EmbinitError, NoCodeError), match="seed must be"):
        Model("m", [linear(2, 3)], seed=2**63, dialect="flax-nnx")
