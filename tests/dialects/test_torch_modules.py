"""PyTorch modules that embinit fills exactly or refuses by name, so that none gets other bits without a word."""

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
from torch.nn.utils import prune

import embinit.torch
from embinit.dialects.pytorch import TORCH
from embinit.torch.problems import is_likely


def assert_filled_as_constructed(build, seed=5, **keys):
    """Compare the whole state of a module that PyTorch constructs with that of another one, filled."""
    torch.manual_seed(seed)
    expected = build()
    torch.manual_seed(999)
    net = build()
    embinit.torch.init_(net, seed, dialect="torch", **keys)
    for (name, mine), theirs in zip(net.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name
    assert embinit.torch.compare(build, seed, **keys)


def assert_refused(build, message, seed=5, differs=True):
    """Expect a refusal of init_ and from_torch, and that nothing is filled before."""
    torch.manual_seed(1)
    net = build()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items() if not nn.parameter.is_lazy(tensor)}
    for function in (embinit.torch.init_, embinit.Model.from_torch):
        with pytest.raises(EmbinitError, match=message):
            function(net, seed, dialect="torch")
    for name, tensor in before.items():
        assert tensor.is_meta or torch.equal(tensor, net.state_dict()[name])
    assert bool(embinit.torch.compare(build, seed)) is not differs


# ---- Types and devices ----


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


# ---- Shared parameters ----


def tied(first, second, giver):
    def build():
        net = nn.ModuleDict({"first": first(), "second": second()})
        net["second" if giver == "first" else "first"].weight = net[giver].weight
        return net

    return build


def embedding():
    return nn.Embedding(9, 6)


def head():
    return nn.Linear(6, 9, bias=False)


@pytest.mark.parametrize("giver", ["first", "second"])
@pytest.mark.parametrize("kinds", [(embedding, head), (head, embedding)])
def test_values_tell_which_layer_gave_a_shared_parameter(giver, kinds):
    assert_filled_as_constructed(tied(*kinds, giver))


@pytest.mark.parametrize("giver", ["first", "second"])
def test_a_shared_parameter_that_either_may_have_given_is_refused(giver):
    message = "parameter 'second.weight' is shared with 'first.weight', and nothing tells"
    assert_refused(tied(head, head, giver), message, differs=giver == "second")
    same = tied(lambda: nn.LayerNorm(3), lambda: nn.LayerNorm(3), giver)
    assert_filled_as_constructed(same)
    with pytest.raises(EmbinitError, match="is shared with"):
        embinit.torch.init_(tied(head, head, giver)(), 1, dialect="odt")


def test_one_layer_at_two_places_is_one_layer():
    def build():
        fc = nn.Linear(3, 3)
        return nn.Sequential(fc, nn.ReLU(), fc, nn.Linear(3, 2))

    assert_filled_as_constructed(build)


# ---- Copies ----


class Clones(nn.Module):
    def __init__(self, original_stays=False):
        super().__init__()
        block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.MultiheadAttention(4, 2))
        if original_stays:
            self.block = block
        self.clones = nn.ModuleList(copy.deepcopy(block) for _ in range(3))
        self.head = nn.Linear(4, 2)


@pytest.mark.parametrize("stays", [False, True])
def test_deep_copies_are_the_same_as_their_original(stays):
    assert_filled_as_constructed(lambda: Clones(stays))
    net = Clones(stays)
    model = embinit.Model.from_torch(net, 1, dialect="torch")
    original = "block" if stays else "clones_0"
    same = {layer.name: layer.same_as for layer in model.layers}
    assert (same["clones_2_0"], same["clones_2_2"]) == (f"{original}_0", f"{original}_2")
    for seed in (1, 2):
        embinit.torch.init_(net, seed, dialect="torch")
    torch.manual_seed(2)
    expected = Clones(stays)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), expected.parameters(), strict=True))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.fc = nn.MultiheadAttention(4, 2), nn.Linear(4, 4)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_stacks_of_layers_of_ones_own():
    assert_filled_as_constructed(
        lambda: nn.Sequential(nn.TransformerDecoder(Block(), 3, nn.RMSNorm(4)), nn.Linear(4, 2))
    )
    layer = lambda: nn.TransformerEncoderLayer(4, 2, 5)  # noqa: E731
    assert_filled_as_constructed(lambda: nn.TransformerEncoder(layer(), 2, nn.LayerNorm(4, bias=False)))

    def both():
        original = layer()
        return nn.ModuleList([nn.TransformerEncoder(original, 2), original])

    assert_refused(both, "holds a deep copy of parts of '0', a layer of another kind")


def test_a_copied_module_is_filled_as_the_module():
    net = copy.deepcopy(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)))
    embinit.torch.init_(net, 5, dialect="torch")
    torch.manual_seed(5)
    assert torch.equal(net[1].weight, nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))[1].weight)


# ---- Parameters of one's own, and what stands before a weight ----


class Token(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.tokens = nn.ParameterList([nn.Parameter(torch.zeros(1, 4))])


class Scaled(nn.Linear):
    def __init__(self, *args):
        super().__init__(*args)
        self.scale = nn.Parameter(torch.ones(1))


def test_parameters_of_ones_own_are_refused_by_their_name():
    assert_refused(Token, r"parameter 'tokens.0' of shape \[1, 4\] belongs to ParameterList itself")
    assert_refused(lambda: Scaled(3, 2), r"layer 'Scaled': the parameters of a Linear must be .* scale \[1\]")


class Half(nn.Module):
    def forward(self, x):
        return x / 2


def parametrized(kind):
    fc = nn.Linear(6, 4)
    nn.utils.parametrize.register_parametrization(fc, "weight", kind())
    return fc


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), "weight_norm"),
        (lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 3, 2)), "spectral_norm"),
        (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)), "orthogonal"),
        (lambda: parametrized(Half), "the parametrization Half of weight"),
        (lambda: nn.utils.spectral_norm(nn.Conv1d(3, 4, 3)), "spectral_norm"),
        (lambda: prune.l1_unstructured(nn.Linear(3, 4), "weight", 2), "pruning"),
    ],
)
def test_what_stands_before_a_weight_is_named(build, name):
    assert_refused(lambda: nn.Sequential(nn.Linear(2, 2), build()), f"layer '1': {name}.* only PyTorch computes that")


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
def test_weight_norm_by_hooks_is_named_and_the_way_out_is_one():
    assert_refused(lambda: nn.utils.weight_norm(nn.Conv1d(3, 4, 3)), "layer 'Conv1d': weight_norm")
    torch.manual_seed(5)
    expected = nn.utils.parametrizations.weight_norm(nn.Linear(6, 4))
    fc = nn.Linear(6, 4)
    embinit.torch.init_(fc, 5, dialect="torch")
    nn.utils.parametrizations.weight_norm(fc)
    assert all(torch.equal(a, b) for a, b in zip(fc.parameters(), expected.parameters(), strict=True))


# ---- Constructors that draw or write ----


class Initializing(nn.Module):
    """A module whose constructor ends with some act on itself."""

    def __init__(self, act):
        super().__init__()
        self.fc, self.out = nn.Linear(4, 3), nn.Linear(3, 2)
        self.encoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 3), 2)
        act(self)


def xavier(net):
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


def apply(net):
    def weights(module):
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(0.0, 0.02)

    net.apply(weights)


def smaller(net):
    with torch.no_grad():
        net.out.weight.mul_(0.1)


def by_data(net):
    net.out.weight.data = net.out.weight.data * 0.1


def again(net):
    net.fc.reset_parameters()


def stack_alone(net):
    for parameter in net.encoder.layers.parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)


class ByMethod(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.init_weights()

    def init_weights(self):
        nn.init.zeros_(self.fc.bias)


@pytest.mark.parametrize("act", [xavier, apply, smaller, by_data, again, stack_alone])
def test_a_constructor_that_writes_after_its_layers_drew_is_refused(act):
    class Net(Initializing):
        def __init__(self):
            super().__init__(act)

    assert_refused(Net, "the constructor of Net writes .* see embinit.torch.compare")
    net = Net()
    embinit.torch.init_(nn.ModuleList([net.fc, net.out]), 3)


def test_a_method_of_the_constructor_that_writes_is_seen():
    assert_refused(ByMethod, "constructor of ByMethod writes to 'fc.bias' .* by torch.nn.init.zeros_")


class Anew(nn.Module):
    """Copies that are drawn anew, as a layer draws, and so look as if they had been drawn once."""

    def __init__(self):
        super().__init__()
        first = nn.Linear(4, 4)
        self.clones = nn.ModuleList(copy.deepcopy(first) for _ in range(2))
        for clone in self.clones:
            nn.init.kaiming_uniform_(clone.weight, a=5**0.5)


def test_copies_that_are_drawn_anew_are_seen():
    assert_refused(Anew, "constructor of Anew writes .* by torch.nn.init.kaiming_uniform_")


@pytest.mark.parametrize(("size", "factor"), [(5, 50.0), (5, 1e-3), (30, 0.5), (30, 3.0)])
def test_values_of_another_width_are_no_draws_of_an_embedding(size, factor):
    torch.manual_seed(3)
    table = nn.Embedding(size, 4)
    (parameter,) = TORCH.parameters(embinit.Embedding(num_embeddings=size, embedding_dim=4))
    assert is_likely(parameter, table.weight)
    assert not is_likely(parameter, table.weight * factor)


class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("noise", torch.randn(3))
        self.fc = nn.Linear(4, 3)


class Optional(nn.Module):
    def __init__(self, special=False):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        if special:
            nn.init.ones_(self.fc.weight)


def test_a_constructor_that_draws_is_refused_and_a_branch_not_taken_is_not():
    assert_refused(Drawing, "constructor of Drawing calls torch.randn, which moves PyTorch's stream")
    assert_filled_as_constructed(Optional)
    assert_refused(lambda: Optional(True), "constructor of Optional writes to 'fc.weight'")
    embinit.torch.init_(Drawing(), 5, dialect="odt")


def test_writes_outside_of_constructors_are_warned_of():
    net = nn.Sequential(nn.Linear(4, 3))
    nn.init.xavier_uniform_(net[0].weight)
    with pytest.warns(UserWarning, match=r"something wrote to 0.weight after the layer drew"):
        embinit.Model.from_torch(net, 5, dialect="torch")
    fresh = nn.Sequential(nn.Linear(4, 3))
    for dialect in ("odt", "torch", "portable", "torch"):
        embinit.torch.init_(fresh, 5, dialect=dialect)


def test_values_that_no_layer_drew_are_seen_without_a_trace():
    def build():
        net = nn.Sequential(nn.Linear(30, 30), nn.LayerNorm(30), nn.Embedding(9, 20))
        acts[0](net)
        return net

    acts = [None]
    for act, name in (
        (lambda net: net[0].weight.data.mul_(0.5), "0.weight"),
        (lambda net: net[0].weight.data.normal_(), "0.weight"),
        (lambda net: net[1].weight.data.zero_(), "1.weight"),
        (lambda net: net[2].weight.data.mul_(0.02), "2.weight"),
        (lambda net: setattr(net[2], "weight", nn.Linear(20, 9).weight), "2.weight"),
    ):
        acts[0] = act
        assert_refused(build, f"parameter '{name}' does not hold what its layer drew")


def test_what_cannot_be_written_to_is_refused():
    with torch.inference_mode():
        net = nn.Linear(3, 2)
    with pytest.raises(EmbinitError, match="parameter 'weight' is an inference tensor"):
        embinit.torch.init_(net, 1, dialect="torch")


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning", "ignore:.*deprecated:FutureWarning")
def test_what_is_compiled_is_named():
    message = "layer 'RecursiveScriptModule': it is compiled by torch.jit: fill the module before"
    assert_refused(lambda: torch.jit.script(nn.Linear(3, 2)), message)
    custom = nn.Transformer(4, 2, 1, 1, 3, custom_encoder=nn.Linear(4, 4))
    with pytest.raises(
        EmbinitError, match="layer 'Transformer': it is not as the constructor of Transformer leaves it"
    ):
        embinit.torch.init_(custom, 1, dialect="torch")


def test_a_parameter_that_was_given_is_refused():
    def build():
        return nn.Sequential(nn.Embedding.from_pretrained(torch.full((3, 4), 2.0)), nn.Linear(4, 3))

    assert_refused(build, "parameter '0.weight' does not hold what its layer drew")


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
    assert_filled_as_constructed(lambda: torch.compile(nn.Sequential(nn.Linear(3, 2), nn.GLU())))


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
