"""PyTorch modules that embinit fills exactly or refuses by name, so that none gets other bits without a word."""

import importlib.util

import pytest

from embinit import EmbinitError

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

import embinit
import embinit.torch


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
