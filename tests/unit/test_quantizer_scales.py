"""Scales that are powers of two: the least that holds the largest value."""

import pytest

import embinit


@pytest.mark.parametrize(
    ("kind", "largest", "expected"),
    [
        ("power_of_two", 127 / 256, 2.0**-8),
        ("power_of_two", 127 / 256 + 2.0**-20, 2.0**-7),
        ("power_of_two", 126 / 256, 2.0**-8),
        ("power_of_two", 127 / 512, 2.0**-9),
    ],
)
def test_an_exact_power_of_two_is_kept(kind, largest, expected):
    layer = embinit.Linear(
        name="fc", in_features=2, out_features=1, bias=False, weight_format="int8", per_channel=False,
        weight_init=embinit.initializers.constant(largest), weight_quantizer={"scale": kind},
    )  # fmt: skip

    assert embinit.Model("m", [layer], seed=1).stored()["fc.weight"].scale.tolist() == [expected]
