"""log, sin and cos of double in C, against the host's, which recordings of devices check."""

import ctypes
import shutil

import numpy as np
import pytest

from embinit.clib import SOURCES
from embinit.expressions import libm

from support.compilers import library as library_of
from support.compilers import run

FUNCTIONS = {
    "log_double": ("log", "double"), "log_fdlibm": ("log", "fdlibm"), "log_fdlibm_fused": ("log", "fdlibm-fused"),
    "sin": ("sin", "double"), "cos": ("cos", "double"),
}  # fmt: skip


@pytest.fixture(
    scope="module", params=[["gcc", "-O0"], ["gcc", "-Ofast"], ["clang", "-O3", "-ffast-math"]], ids=" ".join
)
def library(request, tmp_path_factory):
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"{request.param[0]} is not installed")
    path = tmp_path_factory.mktemp("c") / "double.so"
    compiler, *flags = request.param
    run([compiler, "-shared", *library_of(compiler, SOURCES, [*flags, "-std=c99", "-fPIC"]), "-o", path])
    return ctypes.CDLL(str(path))


def arguments(name):
    random = np.random.default_rng(8)
    if name in ("sin", "cos"):
        near = np.arange(-40, 41) * (np.pi / 2)
        return np.concatenate([random.uniform(-110, 110, 3000), random.uniform(-1, 1, 1000), near, [0.0, -0.0, 1e-300]])
    powers = 2.0 ** np.arange(-1074, 1024, 7)
    ordinary = [random.uniform(0, 1, 3000), random.uniform(0.9, 1.1, 2000), powers, np.nextafter(powers, np.inf)]
    return np.concatenate([*ordinary, [0.0, -0.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1.0]])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_c_gives_the_bits_of_the_host(name, library):
    function = library[f"embinit_c_{name}"]
    function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
    x = arguments(name)
    with np.errstate(all="ignore"):
        expected = libm.evaluate(*FUNCTIONS[name], x)

    actual = np.array([function(each) for each in x.tolist()])

    assert (np.isnan(actual) == np.isnan(expected)).all()
    known = ~np.isnan(expected)
    assert actual[known].view(np.uint64).tolist() == expected[known].view(np.uint64).tolist()
