"""The C twin of growth: the same bits on the host under sanitizers and on emulated cores."""

import random

import pytest

from support.answers import assert_equal, on_core, on_host
from support.compilers import HOST_COMPILERS
from support.requests.growth import UNITS, growth_requests, root_requests, variance_requests


@pytest.fixture(scope="module")
def requests():
    chance = random.Random(20261122)
    made = [*root_requests(chance), *variance_requests(chance), *growth_requests(chance)]
    assert len(made) > 6000
    return made


@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-march=native", "-ffp-contract=fast"]], ids=["-O0", "-O3"])
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_the_c_twin_under_sanitizers(compiler, flags, requests, tmp_path):
    assert_equal(requests, on_host("growth", UNITS, requests, compiler, flags, tmp_path))


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_the_c_twin_on_emulated_cores(core, requests, tmp_path):
    some = requests[::7] + requests[-60:]
    assert_equal(some, on_core("growth", UNITS, some, core, tmp_path))
