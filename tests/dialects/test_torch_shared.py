"""PyTorch modules whose layers share parameters or are copies of each other."""

import copy
import importlib.util

import pytest

import embinit
from embinit import EmbinitError

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

import embinit.torch

from support.torch_modules import assert_filled_as_constructed, assert_refused


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
