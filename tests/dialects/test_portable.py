"""The portable dialect: identical bytes from every compiler, flag and core; and how good its normals are."""

import subprocess

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import embinit
from embinit import EmbinitError, Generator, Pcg32, codegen, device, initializers
from embinit.bundle import gather
from embinit.targets import TARGETS
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build
from embinit.verify import verify

from support import reference_normal, strategies
from support.compilers import HOST_COMPILERS, UNITS, compile_program
from support.cores import CORES

LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os", "-Ofast", "-O3 -march=native -ffp-contract=fast", "-O2 -ffast-math")


def every_distribution(target="cortex-m0"):
    """Return a model in which each kind of distribution appears, with and without an offset."""
    schemes = [
        None,
        initializers.xavier_uniform(),
        initializers.kaiming_normal(),
        initializers.he_normal(),
        initializers.uniform(-0.3, 0.7),
        initializers.normal(0.5, 0.02),
        initializers.truncated_normal(-1.0, 3.0),
        initializers.constant(0.1),
    ]
    layers = [embinit.Linear(in_features=37, out_features=19, weight_init=scheme) for scheme in schemes]
    return embinit.Model("portable_model", layers, seed=7, dialect="portable", target=target)


def write_sources(bundle, folder):
    name = bundle.plan.model.name
    (folder / f"{name}_init.h").write_text(codegen.init_header(bundle))
    (folder / f"{name}_init.c").write_text(codegen.init_source(bundle))
    (folder / "firmware.c").write_text(codegen.firmware(bundle))
    return [*UNITS, folder / f"{name}_init.c", folder / "firmware.c"]


MAIN = """
#include <stdio.h>
#include "portable_model_init.h"
int firmware_main(uint32_t seed);
int main(void) { int equal = firmware_main(7); DUMP return !equal; }
"""


@pytest.mark.parametrize("flags", LEVELS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_every_compiler_and_flag_gives_the_same_bytes(compiler, flags, tmp_path):
    bundle = gather(every_distribution().plan())
    sources = write_sources(bundle, tmp_path)
    declared = "".join(f"extern {entry.ctype} device_{entry.identifier}[];\n" for entry in bundle.entries)
    dumped = "".join(f"fwrite(device_{e.identifier}, 4, {e.count}, stdout); " for e in bundle.entries)
    (tmp_path / "main.c").write_text(declared + MAIN.replace("DUMP", dumped))
    options = [*flags.split(), f"-I{tmp_path}"]
    program = compile_program(compiler, [*sources, tmp_path / "main.c"], tmp_path / "program", *options)
    done = subprocess.run([program], capture_output=True, check=True)

    assert done.stdout == bundle.payload


@pytest.mark.device
@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Ofast"])
@pytest.mark.parametrize("core", CORES)
def test_every_core_gives_the_same_bytes(core, optimize, tmp_path):
    bundle = gather(every_distribution().plan())
    sources = write_sources(bundle, tmp_path)
    elf = build(sources, EMULATIONS[core], tmp_path / "x.elf", include=[device.C_DIRECTORY], optimize=optimize)
    machine = Machine(elf, EMULATIONS[core])

    assert machine.call("firmware_main", 7) == 1
    assert b"".join(machine.read(f"device_{e.identifier}") for e in bundle.entries) == bundle.payload


@pytest.mark.parametrize("multiply_add", ["separate", "fused"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_target_moves_no_bit(target, multiply_add):
    plan = embinit.Model(**{**vars_of(every_distribution(target)), "multiply_add": multiply_add}).plan()

    assert gather(plan).payload == gather(every_distribution().plan()).payload


def vars_of(model):
    return {key: getattr(model, key) for key in ("name", "layers", "seed", "dialect", "target")}


@pytest.mark.device
def test_verify_agrees_on_every_emulated_target():
    for target in CORES:
        bundle = gather(every_distribution(target).plan())
        assert verify(bundle, device.run(bundle), target).agrees


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 8, 16, 24, 31]))
def test_codes_are_those_of_the_oracle(word, shift):
    word >>= shift
    out = np.empty(1, np.float32)

    for distribution, code in (
        (initializers.Normal(0.0, 1.0), reference_normal.code),
        (initializers.TruncatedNormal(0.0, 1.0), reference_normal.truncated_code),
    ):
        Generator(preimage(word), "portable").draw(distribution, out)
        assert out[0] == np.float32(np.float32(code(word)) * np.float32(2.0**-24))


def preimage(word):
    """Return a PCG32 whose next word is the given one: with rotation 0 the output is the shifted state."""
    high, state = word << 27, 0
    for bit in range(58, -1, -1):  # undo s ^ s >> 18 from the top; the 5 bits above are the rotation, 0
        above = state >> (bit + 18) & 1
        state |= ((high >> bit & 1) ^ above) << bit
    generator = Pcg32(0)
    generator.state = (state, 1)
    assert generator.copy().random_raw(1)[0] == word
    return generator


def test_the_table_is_the_derived_one():
    from embinit._kernels.normal_table import CUBICS

    assert [tuple(row) for row in CUBICS.tolist()] == reference_normal.table()


def test_z_is_within_its_bound_of_the_exact_quantile():
    """Largest error of z 2.3e-6, all over its domain: mpmath at 30 digits."""
    mpmath.mp.dps = 30
    chance = np.random.default_rng(5)
    words = [0, 1, 2, 3, 2**31 - 1, *(int(w) >> int(s) for w, s in chance.integers(0, [2**31, 31], (1500, 2)))]
    for word in words:
        p = mpmath.mpf(2 * word + 1) / 2**33
        exact = mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * p)
        assert abs(reference_normal.code(word) / mpmath.mpf(2**24) - exact) < 2.3e-6
    assert 6.33 < reference_normal.code(0) / 2**24 < 6.4  # the tail's reach


N = 2**24


@pytest.fixture(scope="module")
def draws():
    """2^24 values of each distribution from seed 1."""
    generator = Generator(Pcg32(1), "portable")
    made = {}
    for name in ("uniform", "normal", "truncated_normal"):
        made[name] = np.empty(N, np.float32)
        generator.draw(initializers.BY_NAME[name](*((-1.0, 1.0) if name == "uniform" else (0.0, 1.0))), made[name])
    return {name: np.sort(values).astype(np.float64) for name, values in made.items()}


#: Distribution function and first four moments (mean, variance, third, fourth).
TRUNCATED = special.ndtr(2) - special.ndtr(-2)
_v = 0.87962566103423978**2
EXACT = {
    "uniform": (lambda x: (x + 1) / 2, (0, 1 / 3, 0, 1 / 5)),
    "normal": (special.ndtr, (0, 1, 0, 3)),
    "truncated_normal": (
        lambda x: (special.ndtr(x) - special.ndtr(-2)) / TRUNCATED,
        (0, _v, 0, 3 * _v - 2 * 8 * stats.norm.pdf(2) / TRUNCATED),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_kolmogorov_smirnov_on_2_to_the_24_draws(name, draws):
    """Exceeded with probability 1e-6 by a perfect generator: sqrt(n) D > 2.7; between two looks D moves by 16 / n."""
    above = EXACT[name][0](draws[name][::16]) - np.arange(0, N, 16) / N
    distance = max(above.max(), 1 / N - above.min())

    assert distance * np.sqrt(N) < 2.7


@pytest.mark.parametrize("name", EXACT)
def test_moments_within_five_standard_errors(name, draws):
    x, sample = draws[name], np.ones(N)
    for exact in EXACT[name][1]:
        sample *= x
        mean = sample.mean()
        deviation = np.sqrt(np.dot(sample, sample) / N - mean**2)
        assert abs(mean - exact) < 5 * deviation / np.sqrt(N) + 3e-6


@pytest.mark.parametrize("name", EXACT)
def test_chi_square_over_a_thousand_equal_cells(name, draws):
    cells = np.histogram(EXACT[name][0](draws[name]), np.linspace(0, 1, 1001))[0]
    assert cells.sum() == N
    chi_square = ((cells - N / 1000) ** 2 / (N / 1000)).sum()

    assert stats.chi2.sf(chi_square, 999) > 1e-6
    assert stats.chi2.cdf(chi_square, 999) > 1e-6


def test_truncated_values_stay_within_two_and_reach_it(draws):
    x = draws["truncated_normal"]

    assert -2 <= x[0] < -1.99999
    assert 1.99999 < x[-1] <= 2


def test_the_statistics_would_notice_a_wrong_scale(draws):
    x = draws["normal"] * 1.001
    expected = special.ndtr(x[::16])

    assert np.max(np.abs(np.arange(0, N, 16) / N - expected)) * np.sqrt(N) > 2.7 / 3
    assert abs((x**2).mean() - 1) > 5 * (x**2).std() / np.sqrt(N)


def test_variance_scaling_meets_its_variance():
    for scheme in (initializers.he_normal, initializers.kaiming_normal, initializers.he_uniform):
        out = np.empty(2**22, np.float32)
        Generator(Pcg32(3), "portable").fill(scheme(), out, fan_in=50, fan_out=10)

        assert abs(out.astype(np.float64).var() / (2 / 50) - 1) < 5e-3


@given(
    st.lists(strategies.sizes, max_size=4), st.sampled_from([initializers.normal(), initializers.truncated_normal()])
)
def test_chunks_are_the_whole(parts, distribution):
    whole = np.empty(sum(parts), np.float32)
    Generator(Pcg32(9), "portable").draw(distribution, whole)
    generator, chunks = Generator(Pcg32(9), "portable"), [np.empty(n, np.float32) for n in parts]
    for chunk in chunks:
        generator.draw(distribution, chunk)

    assert whole.tobytes() == b"".join(chunk.tobytes() for chunk in chunks)
    assert generator.bitgen == Pcg32(9).jumped(sum(parts))


@pytest.mark.parametrize("distribution", [initializers.uniform(1000.0, 1001.0), initializers.normal(1.0, 1e-6)])
def test_far_from_zero_is_an_error(distribution):
    with pytest.raises(EmbinitError, match="120 widths"):
        Generator(Pcg32(1), "portable").draw(distribution, np.empty(4, np.float32))


def test_a_width_of_zero_off_zero_is_an_error_and_at_zero_is_zero():
    out = np.ones(4, np.float32)
    Generator(Pcg32(1), "portable").normal(0.0, 0.0, out)
    assert out.tolist() == [0, 0, 0, 0]
    with pytest.raises(EmbinitError, match="constant"):
        Generator(Pcg32(1), "portable").uniform(0.5, 0.5, out)


def test_flash_bytes_of_the_table():
    assert (device.C_DIRECTORY / "embinit_scaled.c").read_text().count("    {0x") * 16 == 2048
