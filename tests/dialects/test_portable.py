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

    assert [tuple(row) for row in CUBICS.tolist()] == [*reference_normal.derivation().table()]


def test_z_is_within_its_bound_of_the_exact_quantile():
    """Largest error of z 2.3e-6, all over its domain: mpmath at 30 digits says what chance is left above it."""
    chance = np.random.default_rng(5)
    words = [0, 1, 2, 3, 2**31 - 1, *(int(w) >> int(s) for w, s in chance.integers(0, [2**31, 31], (1500, 2)))]
    codes = [reference_normal.code(word) for word in words]
    with mpmath.workdps(30):
        bound = mpmath.mpf("2.3e-6")
        for word, code in zip(words, codes, strict=True):
            z = code / mpmath.mpf(2**24)
            least, most = (mpmath.erfc(end / mpmath.sqrt(2)) / 2 for end in (z + bound, z - bound))
            assert least < mpmath.mpf(2 * word + 1) / 2**33 < most
    assert 6.33 < reference_normal.code(0) / 2**24 < 6.4  # the tail's reach


N = 2**24
#: Places at which distribution functions are compared: between two of them no value has a chance of more than 1e-5.
CELLS = 2**20

#: Ends, distribution function and first four moments (mean, variance, third, fourth).
TRUNCATED = special.ndtr(2) - special.ndtr(-2)
_v = 0.87962566103423978**2
EXACT = {
    "uniform": ((-1, 1), lambda x: (x + 1) / 2, (0, 1 / 3, 0, 1 / 5)),
    "normal": ((-6.5, 6.5), special.ndtr, (0, 1, 0, 3)),
    "truncated_normal": (
        (-2, 2),
        lambda x: (special.ndtr(x) - special.ndtr(-2)) / TRUNCATED,
        (0, _v, 0, 3 * _v - 2 * 8 * stats.norm.pdf(2) / TRUNCATED),
    ),
}


class Sample:
    """What 2^24 values of a distribution from seed 1, times a scale, come to."""

    def __init__(self, name, scale=1.0):
        values = np.empty(N, np.float32)
        distribution = initializers.BY_NAME[name](*((-1.0, 1.0) if name == "uniform" else (0.0, 1.0)))
        Generator(Pcg32(1), "portable").draw(distribution, values)
        self.least, self.most = values.min(), values.max()
        (low, high), chance, _ = EXACT[name]
        counted, powers = np.zeros(CELLS, int), np.zeros(8)
        for some in values.reshape(-1, 2**18):
            x = some * np.float64(scale)
            cells = ((x - low) * (CELLS / (high - low))).astype(np.int64)
            counted += np.bincount(np.clip(cells, 0, CELLS - 1), minlength=CELLS)
            power = np.ones(x.size)
            for i in range(8):
                power *= x
                powers[i] += power.sum()
        #: How many values are below each place from one end to the other, and how many would be.
        self.below, self.expected = np.append(0, np.cumsum(counted)), chance(np.linspace(low, high, CELLS + 1)) * N
        self.means = powers / N

    @property
    def kolmogorov_smirnov(self):
        return np.abs(self.below - self.expected).max() / np.sqrt(N)

    def standard_errors(self, moment, exact):
        """How far a moment is off, in standard errors; 3e-6 are granted to the grid of the values."""
        mean, square = self.means[moment - 1], self.means[2 * moment - 1]
        return (abs(mean - exact) - 3e-6) / np.sqrt((square - mean**2) / N)


@pytest.mark.parametrize("name", EXACT)
def test_the_statistics_of_2_to_the_24_draws(name):
    """Limits that a perfect generator exceeds with a probability of 1e-6: of Kolmogorov and Smirnov, of each moment,
    and of chi-square over a thousand cells of nearly equal chance.
    """
    sample = Sample(name)
    assert sample.kolmogorov_smirnov < 2.7
    for moment, exact in enumerate(EXACT[name][2], 1):
        assert sample.standard_errors(moment, exact) < 5

    ends = np.searchsorted(sample.expected, np.linspace(0, N, 1001)[1:-1])
    counted, chance = (np.diff(each[ends], prepend=0, append=N) for each in (sample.below, sample.expected))
    chi_square = ((counted - chance) ** 2 / chance).sum()
    assert stats.chi2.sf(chi_square, 999) > 1e-6
    assert stats.chi2.cdf(chi_square, 999) > 1e-6

    if name == "truncated_normal":
        assert -2 <= sample.least < -1.99999
        assert 1.99999 < sample.most <= 2


def test_the_statistics_would_notice_a_wrong_scale():
    sample = Sample("normal", 1.001)

    assert sample.kolmogorov_smirnov > 2.7 / 3
    assert sample.standard_errors(2, 1) > 5


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
