"""What drew the weights of a file is not looked for longer because many buffers come before those that are drawn."""

import numpy as np

import embinit
from embinit.diagnose import origin


def test_buffers_that_draw_nothing_cost_seeds_too(monkeypatch):
    norms = [embinit.LayerNorm(name=f"n{i}", normalized_shape=2) for i in range(60)]
    layers = [*norms, embinit.Linear(name="fc", in_features=3, out_features=4)]
    model = embinit.Model("m", layers, seed=5, dialect="torch")
    fills, fill = [], origin.fill
    monkeypatch.setattr(origin, "fill", lambda *words, **keys: fills.append(1) or fill(*words, **keys))

    strange = {"fc.weight": (np.full((4, 3), 0.1, np.float32), ("out", "in"))}
    assert origin.origin(model, strange, ["torch"]) is None
    assert len(fills) < 100
    known = {"fc.weight": (model.init()["fc.weight"], ("out", "in"))}
    assert origin.origin(embinit.Model("m", layers, seed=0, dialect="torch"), known, ["torch"]).seed == 5
