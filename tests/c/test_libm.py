"""The three classes of device libm, over all 2^24 arguments of a normal draw: kernels against the recorded tables of
eight device builds, C twins against the kernels.
"""

import zlib
from functools import cache

import numpy as np
import pytest

from embinit._kernels.libm import cos_array, log_array
from embinit._kernels.trigonometry import sine_array

from support.compilers import HOST_COMPILERS, compile_program
from support.executors import by_numpy
from support.libm import ARGUMENTS, CLASSES, FUNCTIONS, PROGRAM, first_difference, values
from support.recorded import VECTORS, cases, words
from support.sweeps import swept

BLOCK = 65536
PLATFORMS = [
    ("x86", "double"),
    ("x86fma", "double"),
    ("m7", "double"),
    ("m7_nofma", "double"),
    ("m0", "fdlibm"),
    ("m3", "fdlibm"),
    ("m4f", "fdlibm_fused"),
    ("m4f_nofma", "fdlibm_fused"),
]


# ---- Kernels ----


@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
def test_every_block_of_the_recorded_table(function, libm):
    recorded_on = next(name for name, its_class in PLATFORMS if its_class == libm)
    with np.load(VECTORS / "odt" / "libm.npz") as recorded:
        expected = recorded[f"libm_tables/{function}_block_crc32@{recorded_on}"]

    computed = [zlib.crc32(values(function, libm, np.arange(k, k + BLOCK))) for k in ARGUMENTS[::BLOCK]]

    assert expected.tolist() == computed


@pytest.mark.parametrize("function", ["logf", "cosf"])
def test_products_that_are_not_fused_change_no_bit(function):
    """NumPy rounds every product of class double, where Numba leaves it to the CPU."""
    with np.load(VECTORS / "odt" / "libm.npz") as recorded:
        expected = recorded[f"libm_tables/{function}_block_crc32@x86"]

    with by_numpy():
        for k in (*ARGUMENTS[:: 16 * BLOCK], len(ARGUMENTS) - BLOCK):
            assert expected[k // BLOCK] == zlib.crc32(values(function, "double", np.arange(k, k + BLOCK)))


def test_cosines_next_to_where_the_quadrant_changes():
    """The number of quarter turns is found in float32, where newlib's is found in float64, as in `sine_array`."""
    edges = (np.arange(1, 9, 2) * (np.pi / 4)).astype(np.float32).view(np.uint32)
    near = (edges[:, None] + np.arange(-5000, 5001)).astype(np.uint32)
    everywhere = np.arange(0, np.float32(6.2831855).view(np.uint32), 4099, dtype=np.uint32)
    x = np.append(near.ravel(), everywhere).view(np.float32)
    found, expected = np.empty_like(x), np.empty_like(x)

    cos_array(CLASSES["double"], x, found)
    sine_array(CLASSES["double"], 1, False, x, expected)

    assert found.view(np.uint32).tolist() == expected.view(np.uint32).tolist()


@pytest.mark.parametrize(("name", "libm"), PLATFORMS)
def test_every_recorded_platform_belongs_to_its_class(name, libm):
    (case,) = (case for case in cases("libm") if "seed" in case["inputs"])
    out = np.empty(case["inputs"]["n"], np.float32)

    for kernel, argument, result in ((log_array, "u1", "logf_u1"), (cos_array, "angle", "cosf_angle")):
        kernel(CLASSES[libm], words(case, argument, name).view(np.float32), out)

        assert words(case, result, name).tolist() == out.view(np.uint32).tolist()


# ---- C twins ----

OPTIMIZED = ("-O3", "-march=native", "-ffp-contract=fast")


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Return a function that builds the program, once for each compiler and flags."""

    @cache
    def build(compiler, *flags):
        folder = tmp_path_factory.mktemp("twins")
        (folder / "main.c").write_text(PROGRAM)
        return compile_program(compiler, [folder / "main.c"], folder / "main", *flags)

    return build


#: All arguments by one compiler in turn; a sample by each.
EVERY = [(*each, [*HOST_COMPILERS][(i // 3 + i) % len(HOST_COMPILERS)]) for i, each in enumerate(FUNCTIONS)]


@pytest.mark.parametrize(("function", "libm", "compiler"), EVERY)
def test_twins_on_every_argument(twins, function, libm, compiler):
    assert first_difference(twins(compiler, *OPTIMIZED), function, libm, swept(ARGUMENTS)) is None


@pytest.mark.parametrize("flags", [("-O0", "-march=native"), OPTIMIZED], ids=" ".join)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
def test_twins_on_a_sample_of_the_arguments(twins, compiler, function, libm, flags):
    assert first_difference(twins(compiler, *flags), function, libm, ARGUMENTS[::67]) is None


@pytest.mark.parametrize("compiler", HOST_COMPILERS)
@pytest.mark.parametrize(("function", "libm"), FUNCTIONS)
def test_twins_under_sanitizers_on_a_sample_of_the_arguments(twins, compiler, function, libm):
    program = twins(compiler, "-O1", *HOST_COMPILERS[compiler])

    assert first_difference(program, function, libm, ARGUMENTS[::67]) is None
