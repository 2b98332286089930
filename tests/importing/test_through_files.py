"""PyTorch's modules through files: saved by PyTorch itself, imported, and drawn again with the same bits."""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import embinit
from embinit.importing import import_model, origin_of

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("embinit.torch")
nn = torch.nn


class Net(nn.Module):
    """Layers of many kinds, one after the other in the order of their registration."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(7, 4, padding_idx=2)
        self.rnn = nn.LSTM(4, 6, num_layers=2, bidirectional=True)
        self.conv = nn.Conv1d(12, 8, 3, groups=4, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.up = nn.ConvTranspose1d(8, 4, 2, groups=2)
        self.act = nn.PReLU(4)
        self.rms = nn.RMSNorm(5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = self.rnn(self.tokens(x))[0].transpose(1, 2)
        return self.out(self.rms(self.act(self.up(self.norm(self.conv(x))))))


@pytest.fixture
def net():
    torch.manual_seed(11)
    return Net().eval()


def assert_torchs(model, net):
    """The model draws what PyTorch drew, tensor by tensor; running statistics are not a model's."""
    want = [parameter.detach().numpy() for parameter in net.parameters()]
    got = list(model.init().values())
    assert [each.shape for each in got] == [each.shape for each in want]
    assert all(np.array_equal(a.view(np.uint32), b.view(np.uint32)) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("kind", ["pt2", "module"])
def test_what_a_file_tells_gives_pytorchs_bits(kind, net, tmp_path, monkeypatch):
    source = str(tmp_path / "net.pt2")
    if kind == "pt2":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own, about the weights of its LSTM
            torch.export.save(torch.export.export(net, (torch.zeros(2, 6, dtype=torch.long),)), source)
    else:
        monkeypatch.setitem(sys.modules, "net_through_files", SimpleNamespace(Net=Net))
        source = "net_through_files:Net"
    found = import_model(source, "torch", 11)
    (tmp_path / "net.toml").write_text(found.model.to_toml(), encoding="utf-8")
    assert_torchs(embinit.load(tmp_path / "net.toml"), net)
    assert origin_of(found).differing == ()


def test_a_state_dict_gives_pytorchs_shapes_and_says_what_it_does_not_tell(net, tmp_path):
    torch.save({"state_dict": {f"module.{name}": held for name, held in net.state_dict().items()}}, tmp_path / "net.pt")
    found = import_model(str(tmp_path / "net.pt"), "torch", 11)
    want = [tuple(parameter.shape) for parameter in net.parameters()]
    assert [tensor.shape for tensor in found.model.tensors] == want
    types = [layer.type for layer in found.model.layers]
    assert types == ["Embedding", "LSTM", "Conv1d", "BatchNorm1d", "ConvTranspose1d", "PReLU", "RMSNorm", "Linear"]
    assert "padding_idx" in found.notes[0]


def test_a_pickled_module_is_not_unpickled(net, tmp_path):
    torch.save(net, tmp_path / "whole.pt")
    with pytest.raises(embinit.EmbinitError, match=r"whole.pt: holds pickled objects .* save the state_dict"):
        import_model(str(tmp_path / "whole.pt"), "torch", 1)


def test_a_model_from_a_module_is_written_and_drawn_again(tmp_path):
    torch.manual_seed(11)
    net = nn.Sequential(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), nn.Linear(8, 3)
    )
    model = embinit.Model.from_torch(net, seed=11, dialect="torch")
    model.save(tmp_path / "net.toml")
    again = embinit.load(tmp_path / "net.toml")
    assert again == model
    ours, torchs = bridge.state_dict(again, net), net.state_dict()
    assert all(torch.equal(ours[name], torchs[name]) for name in torchs)
