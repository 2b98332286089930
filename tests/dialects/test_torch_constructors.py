"""PyTorch modules whose constructors draw or write, or whose weights are computed from other parameters."""

import copy
import importlib.util

import pytest

import embinit
from embinit import EmbinitError

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn
from torch.nn.utils import prune

import embinit.torch
from embinit.dialects.pytorch import TORCH
from embinit.torch.problems import is_likely

from support.torch_modules import assert_filled_as_constructed, assert_refused


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
