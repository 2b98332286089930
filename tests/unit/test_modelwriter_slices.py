"""Slices of `init` are read back from a model file as they are, whatever the whole part is drawn from."""

from contextlib import suppress
from dataclasses import replace
from itertools import cycle, product

import numpy as np

import embinit
from embinit import EmbinitError, Linear, Model
from embinit.dialects import DIALECTS, dialect_named
from embinit.distributions import Constant
from embinit.initializers import Sliced

FC = Linear(name="fc", in_features=2, out_features=2)
SLICES = [(), ((0, 1, 1.0),), ((1, 2, -0.0), (0, 2, 3)), ((0, 1, 1.0), (0, 2, 2.0), (0, 1, 3.0))]


def initializers_of(dialect):
    """What a part may be drawn from: what the dialect gives it, its default, and what it has no name for."""
    yield None
    with suppress(EmbinitError):
        yield dialect.default()
    yield Constant(-0.0)


def test_slices_are_read_back(tmp_path):
    slices = cycle(SLICES)
    accepted = set()
    for name in sorted(DIALECTS):
        for initializer, part in product(initializers_of(dialect_named(name)), ("weight", "bias")):
            layer = replace(FC, init={part: Sliced(initializer, next(slices))})
            try:
                model = Model("m", [layer], seed=3, dialect=name)
            except EmbinitError:
                continue
            (tmp_path / "m.toml").write_text(model.to_toml(), encoding="utf-8")
            again = embinit.load(tmp_path / "m.toml")
            assert again == model
            assert repr(again.layers) == repr(model.layers)
            accepted.add(name)
    assert accepted >= {"odt", "odt-2026-04", "torch", "darknet", "tinygrad", "numpy", "keras-torch", "mlx"}


def test_the_default_of_a_dialect_and_what_it_gives_a_part_are_two(tmp_path):
    given = {}
    for drawn in ("", 'name = "default", ', 'initializer = "default", '):
        (tmp_path / "m.toml").write_text(
            '[model]\nname = "m"\ndialect = "darknet"\nseed = 3\n[[layer]]\ntype = "Linear"\nin_features = 2\n'
            f'out_features = 2\ninit = {{ bias = {{ {drawn}slices = {{ "0:1" = 0.5 }} }} }}\n'
        )
        given[drawn] = embinit.load(tmp_path / "m.toml").init()["linear0.bias"].tolist()
    assert given[""] == given['name = "default", '] == [0.5, 0.0]
    assert given['initializer = "default", '][1] != 0.0


def test_a_slice_that_is_set_again_is_left_out_where_it_was():
    held = Sliced(None, [[0, 1, 1.0], (0, 2, 2.0), (0, 1, 3.0)])
    assert held.slices == ((0, 2, 2.0), (0, 1, 3.0))
    bias = Model("m", [replace(FC, init={"bias": held})], seed=3).init()["fc.bias"]
    assert np.array_equal(bias, np.float32([3.0, 2.0]))
