"""The torch dialect as a whole: model files, the recorded bits, the chip, and PyTorch itself where it is installed."""

import importlib.util
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import EmbinitError, Generator, codegen, device
from embinit.bundle import gather
from embinit.dialects import dialect_named
from embinit.fill import fill
from embinit.verify import verify

import recorded

ROOT = Path(__file__).parent.parent
SIZES = {
    "Linear": ("in_features", "out_features"),
    "Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose1d": ("in_channels", "out_channels", "kernel_size"),
}
WITHOUT_EFFECT = {"stride", "padding", "dilation", "output_padding"}
DIALECTS = {"torch": "avx2", "torch-nofma": "default"}


def layers_of(case):
    """Return the embinit layers of a recorded layer or model, or None where it has others."""
    described = case["layers"] if case["kind"] == "model" else [(case["fn"], case["args"], case["kwargs"])]
    if any(fn not in SIZES or set(kw) - {"bias", "groups", *WITHOUT_EFFECT} for fn, _, kw in described):
        return None
    return [
        getattr(embinit, fn)(
            name=f"L{i}", **dict(zip(SIZES[fn], args, strict=True)),
            **{key: kw[key] for key in ("bias", "groups") if key in kw},
        )
        for i, (fn, args, kw) in enumerate(described)
    ]  # fmt: skip


CASES = [case for case in recorded.torch_cases("layer", "model") if layers_of(case)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_layers_and_models(dialect):
    compared = 0
    for case in CASES:
        model = embinit.Model("m", layers_of(case), seed=case["seed"], dialect=dialect)
        values = model.init()
        for array in case["arrays"]:
            name = f"L{array['name']}" if case["kind"] == "model" else f"L0.{array['name']}"
            words = recorded.torch_words(case, array["name"], DIALECTS[dialect])
            assert np.array_equal(values[name].view(np.uint32).ravel(), words), (case, name)
            compared += 1
    assert compared == 180


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_chip_holds_the_bits(core, dialect):
    for name, overrides in (("torch_parity", {}), ("har_classifier", {"seed": -5})):
        model = embinit.load(ROOT / "examples" / f"{name}.toml", dialect=dialect, target=core, **overrides)
        bundle = gather(model.plan())
        assert verify(bundle, device.run(bundle), core).agrees


def test_a_small_model_takes_the_small_generator():
    small = gather(embinit.load(ROOT / "examples" / "torch_parity.toml").plan())
    large = gather(embinit.load(ROOT / "examples" / "har_classifier.toml", dialect="torch").plan())

    assert "embinit_mt19937_small generator" in codegen.init_source(small)
    assert "embinit_mt19937 generator" in codegen.init_source(large)


def test_normals_of_a_model_on_the_chip_and_small_ones_are_refused():
    normal = embinit.initializers.kaiming_normal()
    layers = [embinit.Linear(in_features=5, out_features=7, bias=False, weight_init=normal)]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch", target="cortex-m0").plan())
    assert verify(bundle, device.run(bundle), "m0").agrees

    layers = [embinit.Linear(in_features=3, out_features=2, weight_init=normal)]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch", target="cortex-m0").plan())
    with pytest.raises(EmbinitError, match="fewer than 16"):
        device.run(bundle)


def test_the_plan_counts_what_is_drawn():
    normal = embinit.initializers.kaiming_normal()
    layers = [embinit.Linear(name=f"l{i}", in_features=i + 2, out_features=9, weight_init=normal) for i in range(3)]
    plan = embinit.Model("m", layers, seed=3, dialect="torch").plan()
    values = fill(plan)

    for row in plan.rows:
        assert row.first_draw == values.first_draw[row.name]
        assert row.draws == values.draws[row.name]


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5])
def test_seeds_that_pytorch_refuses(seed):
    layer = embinit.Linear(in_features=1, out_features=1)
    with pytest.raises(EmbinitError, match="seed must be an integer from -9223372036854775808 to"):
        embinit.Model("m", [layer], seed=seed, dialect="torch")


# ---- PyTorch itself ----

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def assert_same(tensor, array):
    assert np.array_equal(tensor.detach().numpy().view(np.uint32), array.view(np.uint32))


def random_layer(chance):
    groups = chance.choice([1, 1, 2, 3])
    kind = chance.choice(list(SIZES))
    if kind == "Linear":
        return kind, {"in_features": chance.randint(1, 40), "out_features": chance.randint(1, 40)}
    sizes = [groups * chance.randint(1, 8), groups * chance.randint(1, 8), chance.randint(1, 7)]
    return kind, {**dict(zip(SIZES[kind], sizes, strict=True)), "groups": groups}


@needs_torch
def test_a_thousand_random_modules_are_those_of_pytorch():
    import torch

    chance = random.Random(6)
    for _ in range(1000):
        seed = chance.choice([0, 1, 42, -1, 2**32, chance.getrandbits(64), -chance.getrandbits(62)])
        described = [(*random_layer(chance), chance.random() < 0.8) for _ in range(chance.randint(1, 4))]
        torch.manual_seed(seed)
        modules = [getattr(torch.nn, kind)(**keys, bias=bias) for kind, keys, bias in described]
        layers = [getattr(embinit, kind)(**keys, bias=bias) for kind, keys, bias in described]
        model = embinit.Model("m", layers, seed=seed, dialect="torch")
        values = model.init()
        for module, layer in zip(modules, model.layers, strict=True):
            assert_same(module.weight, values[f"{layer.name}.weight"])
            if module.bias is not None:
                assert_same(module.bias, values[f"{layer.name}.bias"])
        assert fill(model.plan()).bitgen.random_raw(1)[0] % 2**31 == torch.empty(1, dtype=torch.int32).random_().item()


@needs_torch
def test_random_initializers_are_those_of_pytorch_in_one_stream():
    import torch

    chance = random.Random(7)
    for _ in range(100):
        seed = chance.getrandbits(40)
        torch.manual_seed(seed)
        generator = Generator(dialect_named("torch").seeded(seed), "torch")
        for _ in range(chance.randint(1, 6)):
            shape = [chance.randint(1, 12) for _ in range(chance.choice([2, 3]))]
            tensor, out = torch.empty(shape), np.empty(shape, np.float32)
            fan_in, fan_out = (shape[axis] * int(np.prod(shape[2:])) for axis in (1, 0))
            gain, spread = chance.uniform(0.1, 3), chance.uniform(0.01, 2)
            match chance.randrange(6):
                case 0:
                    torch.nn.init.uniform_(tensor, -spread, gain)
                    generator.uniform(-spread, gain, out)
                case 1:
                    torch.nn.init.normal_(tensor, gain, spread)
                    generator.normal(gain, spread, out)
                case 2:
                    torch.nn.init.xavier_uniform_(tensor, gain)
                    generator.fill(embinit.initializers.xavier_uniform(gain), out, fan_in, fan_out)
                case 3:
                    torch.nn.init.xavier_normal_(tensor, gain)
                    generator.fill(embinit.initializers.xavier_normal(gain), out, fan_in, fan_out)
                case 4:
                    torch.nn.init.kaiming_uniform_(tensor, mode="fan_out", nonlinearity="relu")
                    generator.fill(embinit.initializers.kaiming_uniform(mode="fan_out"), out, fan_in, fan_out)
                case 5:
                    torch.nn.init.kaiming_normal_(tensor, nonlinearity="relu")
                    generator.fill(embinit.initializers.kaiming_normal(), out, fan_in, fan_out)
            assert_same(tensor, out)


@needs_torch
def test_implicit_is_explicit_is_embinit():
    functions = runpy.run_path(str(ROOT / "examples" / "implicit_explicit.py"))
    implicit, explicit, chip = (functions[name]() for name in ("implicit", "explicit", "on_the_chip"))

    assert len(implicit) == len(explicit) == len(chip) == 4
    for a, b, c in zip(implicit, explicit, chip, strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()
    assert f"{implicit[0].view(np.uint32)[0, 0]:08x}" == "3e985043"


@needs_torch
def test_shuffle_is_randperm():
    import torch

    for n in (0, 1, 2, 10, 1000):
        torch.manual_seed(n)
        order = np.arange(n)
        Generator(dialect_named("torch").seeded(n), "torch").shuffle(order)
        assert order.tolist() == torch.randperm(n).tolist()


@needs_torch
@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["odt", "portable", "torch"]))
def test_a_module_is_filled_with_the_chips_weights(seed, dialect):
    import torch

    import embinit.torch

    net = torch.nn.Sequential(
        torch.nn.Conv1d(4, 6, 3, groups=2), torch.nn.ReLU(), torch.nn.LayerNorm(5), torch.nn.Linear(5, 2, bias=False)
    )
    embinit.torch.init_(net, seed, dialect=dialect)
    layers = [
        embinit.Conv1d(in_channels=4, out_channels=6, kernel_size=3, groups=2),
        embinit.LayerNorm(normalized_shape=5),
        embinit.Linear(in_features=5, out_features=2, bias=False),
    ]
    model = embinit.Model("m", layers, seed=seed, dialect=dialect, target="cortex-m4f")
    expected = list(model.init().values())

    assert len(expected) == len(list(net.parameters()))
    for parameter, array in zip(net.parameters(), expected, strict=True):
        assert_same(parameter, array)
    assert list(embinit.torch.state_dict(model)) == list(model.init())


@needs_torch
def test_a_layer_that_is_not_known_is_named_and_nothing_is_filled():
    import torch

    import embinit.torch

    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Bilinear(2, 2, 2))
    before = net[0].weight.clone()
    with pytest.raises(EmbinitError, match=r"layer '1': its type must be one of Linear.* got Bilinear"):
        embinit.torch.init_(net, 1)
    assert torch.equal(net[0].weight, before)
