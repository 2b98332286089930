"""Every C function beside its Numba kernel: the same bits under sanitizers on the host and on emulated cores."""

import random

import pytest

from support.answers import assert_equal, on_core, on_host
from support.compilers import HOST_COMPILERS
from support.cores import CORES
from support.requests.twins import (
    UNITS,
    distribution_requests,
    multiply_add_requests,
    normal_requests,
    scaled_requests,
    special_multiply_add_requests,
    stream_requests,
)

FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native", "-ffp-contract=fast"]}


@pytest.fixture(scope="module")
def requests():
    """Requests and the answers of the kernels and of the oracle; the same every time."""
    chance = random.Random(20261122)
    made = [
        *stream_requests(chance),
        *multiply_add_requests(chance),
        *special_multiply_add_requests(),
        *distribution_requests(chance),
        *normal_requests(chance),
        *scaled_requests(chance),
    ]
    assert len(made) > 5000
    return made


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_on_the_host_under_sanitizers(compiler, flags, requests, tmp_path):
    assert_equal(requests, on_host("twins", UNITS, requests, compiler, FLAGS[flags], tmp_path))


@pytest.mark.device
@pytest.mark.parametrize("core", CORES)
def test_on_emulated_cores(core, requests, tmp_path):
    assert_equal(requests, on_core("twins", UNITS, requests, core, tmp_path))
