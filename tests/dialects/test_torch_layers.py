"""PyTorch's layers whose constructors overwrite or copy: recorded bits, model files, the chip, PyTorch itself."""

import importlib.util
import json
import random
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, codegen, device, growth
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects.pytorch.rules import LAYERS
from embinit.fill import fill
from embinit.many import sweep
from embinit.verify import verify

from support.sweeps import examples

VECTORS = Path(__file__).parents[1] / "vectors" / "torch"
DIALECTS = {"torch": "avx2", "torch-nofma": "default"}
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def layer(kind, keys, **more):
    return embinit.layers.WITH_PARAMETERS[kind](**keys, **more)


def next_int32(bitgen):
    return int(bitgen.random_raw(1)[0]) % 2**31


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_layers(dialect):
    words = np.load(VECTORS / "layers.npz")[DIALECTS[dialect]]
    cases = json.loads((VECTORS / "layers.json").read_text())["cases"]
    for case in cases:
        model = embinit.Model("m", [layer(case["type"], case["keys"], name="l")], seed=case["seed"], dialect=dialect)
        values = fill(model.plan())
        assert {name.removeprefix("l.") for name in values.arrays} == {array["name"] for array in case["arrays"]}
        for array in case["arrays"]:
            ours = values.arrays[f"l.{array['name']}"]
            assert list(ours.shape) == array["shape"]
            theirs = words[array["offset"] :][: array["words"]]
            assert np.array_equal(ours.view(np.uint32).ravel(), theirs), (case, array["name"])
        assert next_int32(values.generator.bitgen) == case["next_random_int32"], case
    assert len(cases) == 31


def heads(chance):
    nhead = chance.randint(1, 3)
    return nhead * chance.randint(1, 6), nhead


def random_layer(chance):
    """A layer's type and keys, and what builds its module."""
    size, bias = chance.randint(1, 9), chance.random() < 0.7
    d_model, nhead = heads(chance)
    common = {"d_model": d_model, "nhead": nhead, "dim_feedforward": size, "bias": bias}
    kinds = chance.choice([None, {"kdim": chance.randint(1, 7), "vdim": chance.randint(1, 7)}])
    attention = {"embed_dim": d_model, "num_heads": nhead, "bias": bias, "add_bias_kv": chance.random() < 0.5}
    stack = {"num_layers": chance.randint(1, 3), "norm": chance.random() < 0.5}
    stacks = {"num_encoder_layers": chance.randint(1, 2), "num_decoder_layers": chance.randint(1, 2)}
    affine = {"elementwise_affine": chance.random() < 0.8}
    return chance.choice(
        [
            ("MultiheadAttention", attention | (kinds or {})),
            ("TransformerEncoderLayer", common),
            ("TransformerDecoderLayer", common),
            ("TransformerEncoder", common | stack),
            ("TransformerDecoder", common | stack),
            ("Transformer", common | stacks),
            ("Bilinear", {"in1_features": size, "in2_features": nhead, "out_features": d_model, "bias": bias}),
            ("EmbeddingBag", {"num_embeddings": size, "embedding_dim": d_model, "padding_idx": 0 if bias else None}),
            ("PReLU", {"num_parameters": size, "init": chance.random()}),
            ("LayerNorm", {"normalized_shape": [size, nhead], "bias": bias, **affine}),
            ("RMSNorm", {"normalized_shape": size, **affine}),
            ("InstanceNorm1d", {"num_features": size, "affine": bias, "track_running_stats": chance.random() < 0.5}),
            ("BatchNorm3d", {"num_features": size, "affine": bias}),
            ("GroupNorm", {"num_groups": nhead, "num_channels": d_model, "affine": bias}),
            ("LocalResponseNorm", {"size": size}),
            ("Linear", {"in_features": size, "out_features": d_model, "bias": bias}),
        ]
    )


def module_of(kind, keys):
    from torch import nn

    if kind in ("TransformerEncoder", "TransformerDecoder"):
        own = {key: value for key, value in keys.items() if key not in ("num_layers", "norm")}
        norm = nn.LayerNorm(keys["d_model"]) if keys["norm"] else None
        kwargs = {"enable_nested_tensor": False} if kind == "TransformerEncoder" else {}
        return getattr(nn, kind)(getattr(nn, f"{kind}Layer")(**own), keys["num_layers"], norm, **kwargs)
    return getattr(nn, kind)(**keys)


@needs_torch
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_random_modules_are_those_of_pytorch():
    import torch

    import embinit.torch

    chance, seen = random.Random(8), set()
    for _ in range(examples(100)):
        seed = chance.choice([0, 42, -1, chance.getrandbits(64)])
        described = [random_layer(chance) for _ in range(chance.randint(1, 4))]
        described.append(("Linear", {"in_features": 3, "out_features": 2}))
        seen |= {kind for kind, _ in described}
        build = lambda described=described: torch.nn.Sequential(*(module_of(*each) for each in described))  # noqa: E731
        assert embinit.torch.compare(build, seed), (described, str(embinit.torch.compare(build, seed)))

        torch.manual_seed(seed)
        expected = build()
        torch.manual_seed(999)
        net = build()
        embinit.torch.init_(net, seed, dialect="torch")
        for (name, mine), theirs in zip(net.state_dict().items(), expected.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs), (name, described)
        model = embinit.Model.from_torch(net, seed, dialect="torch")
        torch.manual_seed(seed)
        build()
        assert next_int32(fill(model.plan()).generator.bitgen) == torch.empty(1, dtype=torch.int32).random_().item()
    assert len(seen) == 16


# ---- Model files ----

HEAD = '[model]\nname = "m"\nseed = 1\ndialect = "torch"\n'


def loaded(tmp_path, *layers):
    (tmp_path / "m.toml").write_text(HEAD + "".join(f"[[layer]]\n{text}\n" for text in layers))
    return embinit.load(tmp_path / "m.toml")


def test_model_files_take_the_arguments_of_pytorchs_constructors(tmp_path):
    model = loaded(
        tmp_path,
        'type = "TransformerEncoder"\nd_model = 4\nnhead = 2\ndim_feedforward = 6\nnum_layers = 2\ndropout = 0.1\n'
        'activation = "gelu"\nbatch_first = true',
        'type = "MultiheadAttention"\nembed_dim = 4\nnum_heads = 1\nkdim = 3\nadd_zero_attn = true',
        'type = "LocalResponseNorm"\nsize = 5\nalpha = 0.0001',
        'type = "BatchNorm1d"\nnum_features = 3\ntrack_running_stats = true\nmomentum = 0.1',
        'type = "RMSNorm"\nnormalized_shape = [2, 3]\neps = 1e-6',
    )
    names = [row.name for row in model.plan().rows]
    assert "transformerencoder0.layers.1.self_attn.in_proj_weight" in names
    assert "multiheadattention1.v_proj_weight" in names
    assert names[-3:] == ["batchnorm1d3.running_mean", "batchnorm1d3.running_var", "rmsnorm4.weight"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type = "MultiheadAttention"\nembed_dim = 4\nnum_heads = 3', "num_heads must divide embed_dim = 4, got 3"),
        (
            'type = "MultiheadAttention"\nembed_dim = 4\nnum_heads = 2\nkdim = 0',
            "kdim must be .* got 0",
        ),
        ('type = "MultiheadAttention"\nembed_dim = 4\nnum_heads = 2\nbias = 1', "bias must be true or false, got 1"),
        ('type = "TransformerEncoder"\nd_model = 4\nnhead = 3\nnum_layers = 2', "nhead must divide d_model = 4, got 3"),
        ('type = "TransformerEncoder"\nd_model = 4\nnhead = 2', "needs the key 'num_layers'"),
        ('type = "Transformer"\nd_model = 4\nnhead = 2\nnum_encoder_layers = 0', "num_encoder_layers must be .* got 0"),
        ('type = "PReLU"\ninit = inf', "init must be a finite float32 number, got inf"),
        ('type = "LayerNorm"\nnormalized_shape = 3\nbias = "no"', "bias must be true or false, got 'no'"),
        (
            'type = "BatchNorm1d"\nnum_features = 3\ntrack_running_stats = 1',
            "track_running_stats must be",
        ),
        ('type = "Linear"\nin_features = 2\nout_features = 2\nsame_as = "fc"', "same_as must be one of"),
    ],
)
def test_what_the_layers_refuse(tmp_path, text, message):
    with pytest.raises(EmbinitError, match=message):
        loaded(tmp_path, text)


def test_a_layer_may_be_the_same_as_an_earlier_one(tmp_path):
    fc = 'type = "Linear"\nin_features = 3\nout_features = 2\n'
    model = loaded(tmp_path, f'{fc}name = "a"', f'{fc}name = "b"\nsame_as = "a"', f'{fc}name = "c"\nsame_as = "b"', fc)
    rows = model.plan().rows
    assert [row.same_as for row in rows] == [None, None, "a.weight", "a.bias", "a.weight", "a.bias", None, None]
    assert [row.first_draw for row in rows] == [0, 6, 8, 8, 8, 8, 8, 14]
    values = model.init()
    assert np.array_equal(values["a.weight"], values["c.weight"])
    values["a.weight"][0] = 9
    assert values["c.weight"][0, 0] != 9
    assert "same as a.weight" in str(model.plan())
    for other in ("in_features = 2\nout_features = 3\n", 'in_features = 3\nout_features = 2\nweight_format = "q7"\n'):
        with pytest.raises(EmbinitError, match="'b': it must have the parts, shapes and formats of 'a'"):
            loaded(tmp_path, f'{fc}name = "a"', f'type = "Linear"\n{other}name = "b"\nsame_as = "a"')


# ---- The chip, and what reads plans ----

FORMATS = (
    {},
    {"weight_format": "q7", "bias_format": "sym8"},
    {"weight_format": "sym4", "bias_format": "q15", "rounding": "stochastic"},
)


def model_with(formats, **keys):
    transformer = {"d_model": 4, "nhead": 2, "dim_feedforward": 3, **formats}
    fc = {"in_features": 3, "out_features": 2, **formats}
    layers = [
        embinit.Linear(name="a", **fc),
        embinit.TransformerEncoder(name="encoder", num_layers=2, norm=True, **transformer),
        embinit.Transformer(name="both", num_encoder_layers=2, num_decoder_layers=1, **transformer),
        embinit.Linear(name="b", same_as="a", **fc),
        embinit.BatchNorm1d(name="norm", num_features=3, track_running_stats=True),
        embinit.MultiheadAttention(name="attention", embed_dim=6, num_heads=3, kdim=2, **formats),
        embinit.PReLU(name="slope", **formats),
        embinit.Bilinear(name="last", in1_features=2, in2_features=3, out_features=2, **formats),
    ]
    return embinit.Model("m", layers, **{"seed": 4, "dialect": "torch", "target": "cortex-m0", **keys})


@pytest.mark.device
@pytest.mark.parametrize("formats", FORMATS)
def test_the_chip_skips_what_is_lost_and_copies(formats):
    bundle = gather(model_with(formats).plan())
    source = codegen.init_source(bundle)
    assert "embinit_skip" in source
    assert "embinit_copy(buffers->b_weight, buffers->a_weight" in source
    assert verify(bundle, device.run(bundle), "m0").agrees


@pytest.mark.device
@pytest.mark.parametrize("dialect", ["odt", "portable", "portable-int"])
def test_copies_in_other_dialects_on_the_chip(dialect):
    keys = {
        "in_features": 3,
        "out_features": 2,
        **({"weight_format": "q7", "bias_format": "q15"} if "int" in dialect else {}),
    }
    layers = [embinit.Linear(name=name, same_as="a" if name == "b" else None, **keys) for name in "abc"]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect=dialect, target="cortex-m0").plan())
    assert verify(bundle, device.run(bundle), "m0").agrees


def test_normals_that_are_lost_have_no_c(monkeypatch):
    from embinit.torch import Constructed, draw, register_layer

    for known in (embinit.layers.WITH_PARAMETERS, LAYERS):
        monkeypatch.setitem(known, "LostNormal", None)
    normal = embinit.initializers.normal()
    layer = register_layer(_dataclass("LostNormal", Constructed, lambda _: iter([
        draw("weight", {"out": 4, "in": 5}, normal), draw("weight", {"out": 4, "in": 5}, embinit.initializers.ones()),
    ])))  # fmt: skip
    bundle = gather(embinit.Model("m", [layer(name="l")], seed=1, dialect="torch").plan())
    assert bundle.entries[0].row.first_draw == 36
    with pytest.raises(EmbinitError, match=r"l.weight: no C draws normal\(0, 1\) for nothing"):
        codegen.init_source(bundle)


def _dataclass(name, base, construct):
    from dataclasses import dataclass

    return dataclass(frozen=True, kw_only=True)(type(name, (base,), {"construct": construct, "__doc__": name}))


@pytest.mark.parametrize("formats", FORMATS[::2])
def test_diagnose_knows_copies_and_what_is_lost(formats):
    bundle = gather(model_with(formats).plan())
    other = gather(model_with(formats, seed=5).plan())
    found = diagnose(bundle, {entry.name: entry.payload for entry in other.entries}, "dump").explanations[0]
    assert [cause.hypothesis.name for cause in found.causes] == ["seed"]
    assert found.exact


def test_a_network_grows_with_its_running_statistics():
    def layers(track):
        first = embinit.Linear(name="a", in_features=3, out_features=4)
        norm = embinit.BatchNorm1d(name="norm", num_features=4, track_running_stats=track)
        return [first, norm, embinit.Linear(name="b", in_features=4, out_features=2)]

    with_them = embinit.Model("m", layers(True), seed=3, dialect="torch")
    without = embinit.Model("m", layers(False), seed=3, dialect="torch")
    values = with_them.init()
    grown = [growth.grow(model, values, "a", 2) for model in (with_them, without)]
    assert set(grown[0].values) == set(grown[1].values)
    for name, array in grown[0].values.items():
        assert np.array_equal(array, grown[1].values[name]), name
    assert grown[0].values["norm.running_var"].tolist()[4:] == [1.0, 1.0]


def test_many_seeds_and_the_report_know_them():
    model = model_with({})
    for seed, values in model.init_many([4, 5]):
        alone = model_with({}, seed=seed).init()
        assert all(np.array_equal(values[name], array) for name, array in alone.items())
    assert not any(buffer.dead for buffer in sweep(model, range(3)).buffers.values())
    layers = [embinit.Linear(name=n, in_features=9, out_features=9, same_as="a" if n == "b" else None) for n in "abc"]
    model = embinit.Model("m", layers, seed=0, dialect="portable")
    for seed, values in model.init_many(range(1, 9)):
        alone = embinit.Model("m", layers, seed=seed, dialect="portable").init()
        assert all(np.array_equal(values[name], array) for name, array in alone.items())


def test_the_manifest_says_what_is_lost_and_copied():
    rows = {row["name"]: row for row in model_with({}).plan().as_json()["buffers"]}
    assert rows["b.weight"]["same_as"] == "a.weight"
    lost = rows["encoder.layers.0.self_attn.in_proj_weight"]["lost"]
    assert [(each["kind"], each["size"]) for each in lost] == [("uniform", 4)]
    assert "lost" not in rows["a.weight"]
