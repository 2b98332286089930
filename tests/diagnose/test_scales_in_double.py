"""Dumps of programs on NumPy, whose limits and deviations are doubles."""

import math

import pytest

from embinit import Conv2d, Linear, Model
from embinit.diagnose.account import Account
from embinit.diagnose.pasting import pasted
from embinit.diagnose.scales import scales
from embinit.initializers import normal, uniform


def layers(dense, conv):
    return [
        Linear(name="fc", in_features=30, out_features=20, weight_init=dense),
        Conv2d(name="conv", in_channels=2, out_channels=5, kernel_size=3, weight_init=conv),
    ]


@pytest.mark.parametrize("dialect", ["numpy", "numpy-legacy"])
@pytest.mark.parametrize(
    ("planned", "held"),
    [
        ((uniform(-0.3, 0.3), uniform(-0.3, 0.3)), (uniform(-0.2, 0.2), uniform(-0.2, 0.2))),
        ((normal(0, 1), normal(0, 1)), (normal(0, math.sqrt(2 / 30)), normal(0, math.sqrt(2 / 18)))),
        ((uniform(-1, 1), normal(0, 1)), (uniform(-math.sqrt(6 / 50), math.sqrt(6 / 50)), normal(0, 0.01))),
    ],
)
def test_limits_and_deviations(dialect, planned, held):
    model = Model("m", layers(*planned), 42, dialect)
    dump = Account.of(Model("m", layers(*held), 42, dialect)).run().image
    run = Account.of(model).run()
    ((hypothesis,),) = scales(run, dump, [row for row in run.account.rows if run.image[row.name] != dump[row.name]])

    assert hypothesis.change(run.account).run().image == dump
    assert Account.of(pasted(model, hypothesis.lines(model))).run().image == dump
