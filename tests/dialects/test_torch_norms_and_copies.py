"""Normalizations with one of weight and bias, and deep copies of layers that hold very few values, against PyTorch."""

import copy

import pytest

import embinit
from embinit import EmbinitError

torch = pytest.importorskip("torch")

import embinit.torch  # noqa: E402 (after the skip)

nn = torch.nn


def assert_filled(build, seed=5):
    """What embinit fills, and what a model file of it draws, is what PyTorch draws under the same seed."""
    net = build()
    model = embinit.Model.from_torch(net, seed, dialect="torch")
    filled = embinit.torch.state_dict(model, net)
    torch.manual_seed(seed)
    expected = build().state_dict()
    assert filled.keys() == expected.keys()
    for name, values in expected.items():
        assert values.numpy().tobytes() == filled[name].numpy().tobytes(), name
    return model


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("kind", ["BatchNorm1d", "BatchNorm2d", "InstanceNorm3d", "SyncBatchNorm", "GroupNorm"])
def test_norms_without_a_bias(kind, affine, tracked, tmp_path):
    def build():
        try:
            if kind == "GroupNorm":
                norm = nn.GroupNorm(2, 4, affine=affine, bias=False)
            else:
                norm = getattr(nn, kind)(4, affine=affine, track_running_stats=tracked, bias=False)
        except TypeError:
            pytest.skip("before PyTorch 2.13 these have no bias of their own")
        return nn.Sequential(nn.Linear(3, 4), norm, nn.Linear(4, 2))

    model = assert_filled(build)
    parts = [tensor.part for tensor in model.tensors if tensor.layer.type == kind]
    assert ("weight" in parts) is affine
    assert "bias" not in parts
    (tmp_path / "m.toml").write_text(model.to_toml(), encoding="utf-8")
    assert embinit.load(tmp_path / "m.toml") == model


def test_norms_with_a_bias_alone():
    norms = [
        embinit.BatchNorm1d(name="a", num_features=2, weight=False, track_running_stats=True),
        embinit.LayerNorm(name="b", normalized_shape=2, weight=False),
        embinit.GroupNorm(name="c", num_groups=1, num_channels=2, weight=False),
        embinit.InstanceNorm1d(name="d", num_features=2, affine=True, bias=False),
        embinit.InstanceNorm1d(name="e", num_features=2, bias=False),
    ]
    held = [tensor.name for tensor in embinit.Model("m", norms, seed=1).tensors]
    assert held == ["a.bias", "a.running_mean", "a.running_var", "b.bias", "c.bias", "d.weight"]
    with pytest.raises(EmbinitError, match="weight must be true or false, got 1"):
        embinit.GroupNorm(name="g", num_groups=1, num_channels=2, weight=1)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv1d(2, 1, 1, bias=False),
        lambda: nn.Linear(1, 1, bias=False),
        lambda: nn.Bilinear(1, 1, 1),
        lambda: nn.EmbeddingBag(2, 1),
        lambda: nn.MultiheadAttention(1, 1),
        lambda: nn.TransformerEncoderLayer(1, 1, 1),
    ],
)
def test_copies_of_few_values_are_the_same_as_their_original(make, kept):
    def build():
        original = make()
        copies = [copy.deepcopy(original) for _ in range(2)]
        return nn.ModuleList([*([original] if kept else []), *copies, nn.Linear(3, 2)])

    assert_filled(build)


def test_a_stack_of_width_1():
    assert_filled(lambda: nn.ModuleList([nn.TransformerDecoder(nn.TransformerDecoderLayer(1, 1, 1), 3, nn.RMSNorm(1))]))
