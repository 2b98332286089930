"""GoMLX on emulated cores: what the framework recorded, and the C of every dialect beside the kernels."""

from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import Conv1d, Conv2d, LayerNorm, Linear, Model, device
from embinit.bundle import gather
from embinit.dialects import gomlx
from embinit.verify import verify

from support import gomlx as oracle

EXAMPLE = Path(__file__).parents[2] / "examples" / "gomlx_fnn.toml"
TARGETS = ["cortex-m0", "cortex-m4f"]
pytestmark = pytest.mark.device


@pytest.mark.parametrize("target", TARGETS)
def test_the_example_leaves_what_gomlx_recorded(target):
    """The bytes of the emulated core beside the framework's, without a simulation in between."""
    bundle = gather(embinit.load(EXAMPLE, target=target).plan())
    found = device.run(bundle)
    recorded = {
        case["path"].removeprefix("/f/").replace("/weights", ".weight").replace("/biases", ".bias"): words
        for case, words in oracle.recorded()
        if (case.get("name"), case.get("init"), case["seed"]) == ("fnn", "default", 42)
        and not case["path"].endswith("rngState")
    }

    assert list(recorded) == [entry.name for entry in bundle.entries]
    for name, words in recorded.items():
        assert np.frombuffer(found[name], np.uint32).tolist() == words.tolist()


def layers():
    """Every scheme, floats and codes, an odd number of words, a new graph."""
    he = gomlx.he()
    return [
        Conv1d(name="conv", in_channels=3, out_channels=5, kernel_size=3, weight_init=he),
        Linear(name="u", in_features=5, out_features=3, weight_init=gomlx.random_uniform(-0.3, 0.7)),
        LayerNorm(name="norm", normalized_shape=4),
        Linear(name="n", in_features=3, out_features=7, weight_init=gomlx.random_normal(0.02), restart=True),
        Linear(name="q", in_features=3, out_features=7, weight_init=he, weight_format="int8", restart=True),
        Conv2d(name="g", in_channels=2, out_channels=3, kernel_size=[1, 3], weight_init=gomlx.glorot_uniform(),
               weight_format="sym8", bias_format="q7"),
        Linear(name="last", in_features=1, out_features=1, weight_init=gomlx.xavier_normal(), skip_words=3),
        Linear(name="again", in_features=1, out_features=1, weight_init=he, same_as="last"),
    ]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dialect", ["gomlx", "gomlx-0.20", "gomlx-xla", "gomlx-xla-nofma"])
def test_every_dialect_agrees(dialect, target):
    model = Model("m", layers(), seed=-1234567890123, dialect=dialect, target=target, skip_words=5)
    bundle = gather(model.plan())
    report = verify(bundle, device.run(bundle), target)

    assert report.agrees, str(report)
    on_host = Model("m", layers(), seed=-1234567890123, dialect=dialect, target="host", skip_words=5)
    assert bundle.payload == gather(on_host.plan()).payload
