"""The PyTorch dialect beside PyTorch itself: any layers, any initializers, modules and state dicts."""

import importlib.util
import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import EmbinitError, Generator
from embinit.dialects import dialect_named
from embinit.dialects.pytorch import TORCH
from embinit.fill import fill
from embinit.samplers.pytorch import truncation

from support.torch_calls import any_init, any_layer, fill_as, initializer_of, layers_of, next_int32

ROOT = Path(__file__).parents[2]
SIZES = {
    "Linear": ("in_features", "out_features"),
    "Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose1d": ("in_channels", "out_channels", "kernel_size"),
}

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
def test_random_modules_are_those_of_pytorch():
    import torch

    chance = random.Random(6)
    for _ in range(400):
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
        assert (
            fill(model.plan()).generator.bitgen.random_raw(1)[0] % 2**31
            == torch.empty(1, dtype=torch.int32).random_().item()
        )


@needs_torch
@given(st.randoms(use_true_random=False), st.integers(-(2**63), 2**64 - 1))
def test_modules_of_any_layers_are_those_of_pytorch(chance, seed):
    import torch

    described = [any_layer(chance) for _ in range(chance.randint(1, 5))]
    torch.manual_seed(seed)
    net = torch.nn.Sequential(*(getattr(torch.nn, kind)(*args, **kwargs) for kind, args, kwargs in described))
    model = embinit.Model("m", layers_of(described), seed=seed, dialect="torch")
    values = fill(model.plan())

    names = {f"L{name}": parameter for name, parameter in net.named_parameters()}
    assert list(names) == list(values.arrays)
    for name, parameter in names.items():
        assert_same(parameter, values.arrays[name])
    assert next_int32(values.generator.bitgen) == torch.empty(1, dtype=torch.int32).random_().item()
    from_torch = embinit.Model.from_torch(net, seed, dialect="torch")
    drawn = [tensor for tensor in from_torch.tensors if not tensor.part.startswith("running_")]
    assert [tensor.initializer for tensor in drawn] == [tensor.initializer for tensor in model.tensors]


@needs_torch
@pytest.mark.filterwarnings("ignore:mean is more than 2 std:UserWarning")
def test_a_thousand_random_initializers_are_those_of_pytorch_in_one_stream():
    import torch

    chance, seen = random.Random(7), set()
    for i in range(1000):
        if i % 8 == 0:
            seed = chance.getrandbits(40)
            torch.manual_seed(seed)
            generator = Generator(TORCH.seeded(seed), "torch")
        name, shape, kwargs = any_init(chance)
        tensor = getattr(torch.nn.init, name)(torch.empty(shape), **kwargs)
        assert_same(tensor, fill_as(generator, name, shape, kwargs))
        assert next_int32(generator.bitgen) == torch.empty(1, dtype=torch.int32).random_().item(), (name, shape, kwargs)
        seen.add(name)
        if name == "trunc_normal_":
            seen.add(truncation(initializer_of(name, kwargs)).redraws)
    assert seen >= {"trunc_normal_", True, False, "sparse_", "eye_", "dirac_", "kaiming_normal_", "xavier_uniform_"}


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


def every_layer(torch):
    """A module with each layer that embinit knows."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(4, 6, (3, 2), groups=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv3d(2, 2, 2), nn.BatchNorm3d(2),
        nn.ConvTranspose2d(2, 4, 3, bias=False), nn.ConvTranspose3d(2, 2, 1), nn.Conv1d(3, 4, 5),
        nn.ConvTranspose1d(3, 2, 2), nn.BatchNorm1d(3), nn.InstanceNorm1d(3), nn.Embedding(5, 4, padding_idx=-2),
        nn.Sequential(nn.RNN(3, 4, 2, bidirectional=True), nn.GRU(2, 3, bias=False), nn.LSTM(3, 4, proj_size=2)),
        nn.RNNCell(2, 3), nn.GRUCell(2, 3, bias=False), nn.LSTMCell(3, 4), nn.LayerNorm((2, 3)), nn.GroupNorm(2, 4),
        nn.Linear(3, 2),
    )  # fmt: skip


@needs_torch
def test_a_state_dict_loads_into_the_module_it_is_for():
    import torch

    import embinit.torch

    torch.manual_seed(11)
    expected = every_layer(torch)
    net = every_layer(torch)
    model = embinit.Model.from_torch(net, seed=11, dialect="torch")
    net.load_state_dict(embinit.torch.state_dict(model, net))

    assert len(model.layers) == 19
    assert list(net.state_dict()) == list(expected.state_dict())
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[name]), name
    assert list(embinit.torch.state_dict(model)) == list(model.init())

    with pytest.warns(UserWarning, match="something wrote to 0.weight, 0.bias, 1.weight after the layer drew"):
        embinit.torch.init_(net, 12, dialect="torch")
    torch.manual_seed(12)
    for mine, theirs in zip(net.parameters(), every_layer(torch).parameters(), strict=True):
        assert torch.equal(mine, theirs)


@needs_torch
def test_a_shared_parameter_holds_what_the_owner_drew_that_gave_it():
    import torch

    import embinit.torch

    net = torch.nn.Sequential(torch.nn.Embedding(4, 3), torch.nn.Linear(3, 4))
    net[1].weight = net[0].weight
    model = embinit.Model.from_torch(net, seed=3, dialect="torch")
    net.load_state_dict(embinit.torch.state_dict(model, net))
    values = list(model.init().values())

    assert_same(net[0].weight, values[0])
    assert net[1].weight is net[0].weight
    assert_same(net[1].bias, values[2])
    with pytest.warns(UserWarning, match="something wrote to"):
        embinit.torch.init_(net, 4, dialect="torch")
    again = embinit.Model("m", model.layers, seed=4, dialect="torch")
    assert_same(net[0].weight, again.init()["embedding_0.weight"])


@needs_torch
def test_a_state_dict_is_of_its_module():
    import torch

    import embinit.torch

    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
    model = embinit.Model.from_torch(net, seed=1)
    with pytest.raises(EmbinitError, match=r"layer '1': its parameters must be weight \[2, 2\], .*got weight \[3, 2\]"):
        embinit.torch.state_dict(model, torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 3)))
    with pytest.raises(EmbinitError, match="the model's 2 layers with parameters, got 1"):
        embinit.torch.state_dict(model, net[0])
    net[0].weight = torch.nn.Parameter(torch.zeros(3, 2))
    with pytest.raises(EmbinitError, match=r"layer '0': .* weight \[2, 3\], bias \[2\], got weight \[3, 2\], bias"):
        embinit.Model.from_torch(net, seed=1)


@needs_torch
@pytest.mark.parametrize("dialect", ["gomlx", "kaun", "kaun-alpha3"])
def test_weights_with_other_layouts_are_turned(dialect):
    import torch

    import embinit.torch

    convolution = torch.nn.Conv2d(2, 3, [4, 5])
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), convolution)
    embinit.torch.init_(net, 5, dialect=dialect)
    values = list(embinit.Model.from_torch(net, 5, dialect=dialect).init().values())

    assert_same(net[0].weight, np.ascontiguousarray(values[0].T))
    axes = (3, 2, 0, 1) if dialect == "gomlx" else (0, 1, 2, 3)
    assert_same(net[1].weight, np.ascontiguousarray(values[2].transpose(axes)))


@needs_torch
def test_a_layer_that_is_not_known_is_named_and_nothing_is_filled():
    import torch

    import embinit.torch

    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.RNNBase("GRU", 2, 2))
    before = net[0].weight.clone()
    with pytest.raises(EmbinitError, match=r"layer '1': its type must be one of Linear.* got RNNBase"):
        embinit.torch.init_(net, 1)
    net = torch.nn.Sequential(net[0], torch.nn.GRU(2, 2))
    with pytest.raises(
        EmbinitError, match="layer 'gru_1': dialect odt has no GRU; dialects with one: torch, torch-nofma"
    ):
        embinit.torch.init_(net, 1)
    assert torch.equal(net[0].weight, before)
