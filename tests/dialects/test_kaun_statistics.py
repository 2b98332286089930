"""The Kaun dialects: statistics of every scheme."""

import math
from dataclasses import replace

import pytest

from embinit import Generator
from embinit.dialects import kaun

from support import scheme_statistics as expect
from support.kaun_arrays import DIALECTS, filled

MATRIX = (512, 2048)
FANS = {"fan_in": 512, "fan_out": 2048}
GLOROT, HE, LECUN = math.sqrt(6 / 2560), math.sqrt(6 / 512), math.sqrt(3 / 512)
SCHEMES = {
    "uniform": (kaun.uniform(0.3), expect.uniform(0, 0.3)),
    "normal": (kaun.normal(0.3), expect.normal(0.3)),
    "glorot_uniform": (kaun.glorot_uniform(), expect.uniform(-GLOROT, GLOROT)),
    "glorot_normal": (kaun.glorot_normal(), expect.truncated_normal(math.sqrt(2 / 2560))),
    "he_uniform": (kaun.he_uniform(), expect.uniform(-HE, HE)),
    "he_normal": (kaun.he_normal(), expect.truncated_normal(math.sqrt(2 / 512))),
    "lecun_uniform": (kaun.lecun_uniform(), expect.uniform(-LECUN, LECUN)),
    "lecun_normal": (kaun.lecun_normal(), expect.truncated_normal(math.sqrt(1 / 512))),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SCHEMES)
def test_statistics(name, dialect):
    initializer, expected = SCHEMES[name]

    assert expect.failed(filled(Generator.seeded(20, dialect), initializer, MATRIX, **FANS), expected) == set()


@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_statistic_fails_for_a_constant_off_by_two_percent(name, factor):
    initializer, expected = SCHEMES[name]
    off = expect.rescaled(initializer, factor)

    assert expect.failed(filled(Generator.seeded(20, "kaun"), off, MATRIX, **FANS), expected) == expected.statistics


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal"])
def test_the_statistics_tell_a_truncated_normal_from_a_normal(name):
    initializer, expected = SCHEMES[name]
    normal = replace(initializer, distribution="normal")

    found = expect.failed(filled(Generator.seeded(20, "kaun"), normal, MATRIX, **FANS), expected)
    assert found >= {"kolmogorov_smirnov"}
