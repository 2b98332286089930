"""PyTorch modules that embinit fills exactly or refuses by name: types, lazy layers, subclasses, new layers."""

import copy
import importlib.util

import numpy as np
import pytest

import embinit
from embinit import EmbinitError
from embinit.dialects.pytorch.rules import LAYERS

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

import embinit.torch

from support.torch_modules import assert_filled_as_constructed, assert_refused


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "build", [lambda **k: nn.Conv2d(2, 3, 3, **k), lambda **k: nn.LSTM(2, 3, **k), lambda **k: nn.BatchNorm1d(3, **k)]
)
def test_only_float32_is_drawn_as_embinit_does(dtype, build):
    name = str(dtype).removeprefix("torch.")
    assert_refused(lambda: nn.Sequential(nn.Linear(2, 2), build(dtype=dtype)), f"must be float32, got dtype {name}: ")
    assert_refused(lambda: nn.Sequential(nn.Linear(2, 2), build()).to(dtype), f"must be float32, got dtype {name}: ")


def test_a_default_type_other_than_float32_is_seen():
    torch.set_default_dtype(torch.float64)
    try:
        assert_refused(lambda: nn.Linear(6, 4), "parameter 'weight' must be float32, got dtype float64")
    finally:
        torch.set_default_dtype(torch.float32)


def test_float64_holds_a_devices_values_and_float16_does_not():
    wide, narrow = nn.Linear(5, 7).double(), nn.Linear(5, 7).half()
    embinit.torch.init_(wide, 6)
    plain = nn.Linear(5, 7)
    embinit.torch.init_(plain, 6)
    assert torch.equal(wide.weight, plain.weight.double())
    with pytest.raises(EmbinitError, match="got dtype float16: the device's float32 values would be rounded"):
        embinit.torch.init_(narrow, 6)
    model = embinit.Model.from_torch(narrow, 6)
    with pytest.raises(EmbinitError, match="got dtype float16"):
        embinit.torch.state_dict(model, narrow)


def on_meta():
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Transformer(4, 2, 1, 2, 5))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_a_module_on_meta_is_refused_or_loaded_or_given_storage():
    with pytest.raises(EmbinitError, match=r"'0.weight' is on device meta, .* module.to_empty\(device='cpu'\)"):
        embinit.torch.init_(on_meta(), 5, dialect="torch")
    torch.manual_seed(5)
    expected = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Transformer(4, 2, 1, 2, 5)).state_dict()
    net = on_meta()
    model = embinit.Model.from_torch(net, seed=5, dialect="torch")
    net.load_state_dict(embinit.torch.state_dict(model, net), assign=True)
    empty = on_meta().to_empty(device="cpu")
    embinit.torch.init_(empty, 5, dialect="torch")
    for each in (net, empty):
        assert all(torch.equal(tensor, each.state_dict()[name]) for name, tensor in expected.items())


def test_copies_on_meta_are_refused():
    with torch.device("meta"):
        first = nn.Linear(3, 3)
        net = nn.Sequential(first, copy.deepcopy(first))
    with pytest.raises(EmbinitError, match="layer '1' is a deep copy on device meta"):
        embinit.Model.from_torch(net, seed=1, dialect="torch")


def test_the_memory_format_of_a_module_does_not_matter():
    net = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    embinit.torch.init_(net, 5, dialect="torch")
    torch.manual_seed(5)
    assert torch.equal(net.weight, nn.Conv2d(3, 4, 3).weight)


# ---- Lazy layers, and order ----


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.LazyLinear(2)
        self.first = nn.LazyConv1d(3, 2)
        self.norm = nn.LazyBatchNorm1d()
        self.fixed = nn.Linear(2, 2)

    def forward(self, x):
        return self.fixed(self.last(self.norm(self.first(x)).flatten(1)))


def dry_run():
    net = Lazy()
    net(torch.zeros(2, 4, 5))
    return net


def test_lazy_layers_are_refused_until_a_dry_run_and_then_draw_in_its_order():
    assert_refused(Lazy, "layer 'last': LazyLinear is uninitialized .* make a dry run, then name .* as order")
    torch.manual_seed(5)
    expected = dry_run()
    net = dry_run()
    embinit.torch.init_(net, 5, dialect="torch", order=["first", "norm", "last"])
    for name in ("last.weight", "first.weight", "first.bias", "fixed.weight"):
        assert torch.equal(net.get_parameter(name), expected.get_parameter(name)), name
    assert embinit.torch.compare(dry_run, 5, order=["first", "norm", "last"])
    found = embinit.torch.compare(dry_run, 5)
    assert {each.why for each in found.differing} == {"order"}


def test_order_names_layers():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(EmbinitError, match="order must name layers of the module, one of 0, 1, got '2'"):
        embinit.torch.init_(net, 1, order=["2"])
    with pytest.raises(EmbinitError, match="order must name each layer once, got 0, 0"):
        embinit.torch.init_(net, 1, order=["0", "0"])
    model = embinit.Model.from_torch(net, 1, dialect="torch", order=["0"])
    assert [layer.name for layer in model.layers] == ["linear_1", "linear_0"]
    net.load_state_dict(embinit.torch.state_dict(model, net))
    assert np.array_equal(net[0].weight.detach().numpy(), model.init()["linear_0.weight"])


# ---- Subclasses, names, layers of one's own ----


class Fixed(nn.Conv1d):
    def __init__(self, channels):
        super().__init__(channels, channels, 3, padding=1, bias=False)


class Reset(nn.Linear):
    def reset_parameters(self):
        nn.init.zeros_(self.weight)


def test_subclasses_are_what_they_reset_as():
    assert_filled_as_constructed(lambda: nn.Sequential(Fixed(3), type("Mine", (nn.LSTM,), {})(2, 3, 2)))
    assert_refused(lambda: Reset(3, 2), "layer 'Reset': Reset has a reset_parameters of its own, not that of Linear")


class Narrow(nn.Linear):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        nn.init.normal_(self.weight)


def test_what_stands_in_a_transformer_is_looked_at():
    def replaced():
        layer = nn.TransformerEncoderLayer(4, 2, 3)
        layer.linear1 = Narrow(4, 3)
        return layer

    def normed():
        layer = nn.TransformerEncoderLayer(4, 2, 3)
        nn.utils.parametrizations.weight_norm(layer.linear2)
        return layer

    assert_refused(replaced, "layer 'TransformerEncoderLayer': 'linear1' is a Narrow, which is no layer of PyTorch")
    assert_refused(normed, "layer 'TransformerEncoderLayer': in 'linear2', weight_norm stands between")
    assert_refused(
        lambda: nn.TransformerEncoderLayer(4, 2, 3, activation=nn.PReLU()), r"must be .*activation.weight \[1\]"
    )


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_wrappers_and_other_containers():
    assert_filled_as_constructed(lambda: nn.AdaptiveLogSoftmaxWithLoss(32, 20, [5, 10], head_bias=True))
    assert_filled_as_constructed(lambda: nn.DataParallel(nn.Sequential(nn.Linear(3, 2), nn.SyncBatchNorm(2))))
    assert_filled_as_constructed(lambda: torch.compile(nn.Sequential(nn.Linear(3, 2), nn.GLU()), backend="eager"))


def test_deterministic_algorithms_change_no_bit():
    torch.use_deterministic_algorithms(True)
    try:
        assert_filled_as_constructed(lambda: nn.Sequential(nn.Embedding(3, 4), nn.Conv2d(2, 3, 3), nn.GRU(2, 3)))
    finally:
        torch.use_deterministic_algorithms(False)


def test_names_of_modules_become_identifiers():
    long = "a_name_that_is_longer_than_forty_characters_are"
    build = lambda: nn.ModuleDict({name: nn.Linear(1, 1) for name in ("a-b", "a_b", "int", long)})  # noqa: E731
    names = [layer.name for layer in embinit.Model.from_torch(build(), 1).layers]
    assert names[:3] == ["a_b", "a_b_2", "linear_int"]
    assert len(names[3]) <= 40
    assert_filled_as_constructed(build)


class Gate(nn.Module):
    def __init__(self, features, bias=True):
        super().__init__()
        self.features = features
        self.bias = bias
        self.gate = nn.Parameter(torch.empty(features, 2))
        self.value = nn.Linear(features, features, bias=bias)
        nn.init.normal_(self.gate, 0.0, 0.02)


def test_a_layer_of_ones_own_is_registered(tmp_path, monkeypatch):
    from dataclasses import dataclass

    for known in (embinit.layers.WITH_PARAMETERS, LAYERS):
        monkeypatch.setitem(known, "Gate", None)
    registered = _gate_layer(dataclass)
    assert embinit.torch.register_layer(registered) is registered
    assert_filled_as_constructed(lambda: nn.Sequential(Gate(4), nn.Linear(4, 2), Gate(3, bias=False)))
    (tmp_path / "m.toml").write_text(
        '[model]\nname = "m"\nseed = 5\ndialect = "torch"\n[[layer]]\ntype = "Gate"\nfeatures = 4\n'
    )
    torch.manual_seed(5)
    gate = Gate(4)
    values = embinit.load(tmp_path / "m.toml").init()
    assert np.array_equal(values["gate0.gate"], gate.gate.detach().numpy())
    assert np.array_equal(values["gate0.value.weight"], gate.value.weight.detach().numpy())
    with pytest.raises(EmbinitError, match="a layer of type Linear is known already"):
        embinit.torch.register_layer(type("Linear", (registered,), {}))
    with pytest.raises(EmbinitError, match=r"must be a dataclass of embinit.torch.Constructed .* got 3"):
        embinit.torch.register_layer(3)


def _gate_layer(dataclass):
    @dataclass(frozen=True, kw_only=True)
    class Gate(embinit.torch.Constructed):
        features: int
        bias: bool = True

        def construct(self):
            linear = embinit.Linear(in_features=self.features, out_features=self.features, bias=self.bias)
            yield from embinit.torch.within("value", linear)
            axes = {"feature": self.features, "side": 2}
            yield embinit.torch.draw("gate", axes, embinit.initializers.normal(0.0, 0.02))

    return Gate
