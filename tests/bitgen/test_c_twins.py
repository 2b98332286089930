"""The generators in C beside the host's: the same words under sanitizers on the host and on emulated cores."""

import random
import shutil
import subprocess

import numpy as np
import pytest

import embinit
from embinit.bitgen.xorshift import TYPES
from embinit.clib import C_DIRECTORY
from embinit.targets.zig_unicorn import EMULATIONS

from support.answers import assert_equal, on_core, on_host
from support.compilers import HOST_COMPILERS, WARNINGS

FLAGS = {"-O0": ["-O0"], "-O3": ["-O3", "-march=native"]}
NARROW = [
    embinit.NewlibRand, embinit.MuslRand, embinit.MsvcRand, embinit.AvrRand, embinit.AvrRandom, embinit.GlibcRand,
    embinit.Minstd, embinit.Lcg,
]  # fmt: skip
SEEDS = [0, 1, 2, 42, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1]
#: A core for each width of register use: without and with a barrel shifter for 64 bits.
CORES = ["cortex-m0", "cortex-m4f"]


def halves(value):
    return [value & 0xFFFFFFFF, value >> 32]


def words_of(generator, n):
    return np.ascontiguousarray(generator.random_raw(n)).view(np.uint32).tolist()


def asked(kind, seed, delta, n, *more):
    return [kind, *halves(seed), *halves(delta), n, *more]


def xorshift(chance):
    state = chance.choice(list(TYPES))
    bits, signed = TYPES[state]
    shifts = [chance.choice([1, -1]) * chance.randrange(1, bits) for _ in range(chance.randrange(1, 4))]
    seed = chance.randrange(1, 2**bits)
    rule = [bits, int(signed), *(shift + 64 for shift in [*shifts, 0, 0][:3])]
    return embinit.Xorshift(seed, shifts, state), seed, rule


def requests_of(chance, rounds):
    for _ in range(rounds):
        n, delta = chance.randrange(1, 40), chance.getrandbits(chance.choice([1, 3, 10, 20, 64]))
        seed = chance.choice([*SEEDS, chance.getrandbits(32)])
        for kind, cls in enumerate(NARROW):
            yield asked(kind, seed, delta, n), words_of(cls(seed).jumped(delta), n)
        seed = chance.choice([*SEEDS, chance.getrandbits(64)])
        lcg = embinit.Lcg(seed, 64, 6364136223846793005, 1442695040888963407)
        yield asked(8, seed, delta, n), words_of(lcg.jumped(delta), n)
        kann, other = embinit.Xoroshiro128Plus(seed), embinit.Xoroshiro128Plus(seed, (24, 16, 37))
        yield asked(10, seed, delta, n, 1), words_of(kann.jumped(delta), n)
        yield asked(10, seed, delta, n, 0), words_of(other.jumped(delta), n)
        yield asked(11, seed, delta, n, 0), words_of(embinit.Pcg64(seed).jumped(delta), n)
        yield asked(11, seed, delta, n, 1), words_of(embinit.Pcg64Dxsm(seed).jumped(delta), n)
        before = chance.randrange(6)
        yield asked(12, seed, delta, n, before), words_of(embinit.Philox4x32(seed).jumped(before).jumped(delta), n)
        key = seed >> 32, seed & 0xFFFFFFFF
        far = min(delta, 2**64 - 64)
        yield asked(13, seed, far, n), words_of(embinit.Threefry2x32.keyed(key).jumped(far), n)
        generator, start, rule = xorshift(chance)
        generator.advance(delta)
        wide = generator.random_raw(n).astype(np.uint64)
        yield asked(9, start, delta, n, *rule), wide.view(np.uint32).tolist()


@pytest.fixture(scope="module")
def requests():
    made = list(requests_of(random.Random(20261125), 20))
    assert {request[0] for request, _ in made} == set(range(14))
    return made


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_on_the_host_under_sanitizers(compiler, flags, requests, tmp_path):
    assert_equal(requests, on_host("bitgen", (), requests, compiler, FLAGS[flags], tmp_path))


@pytest.mark.device
@pytest.mark.parametrize("core", CORES)
def test_on_emulated_cores(core, requests, tmp_path):
    assert core in EMULATIONS
    short = [(request, answer) for request, answer in requests if request[4] == 0]
    assert_equal(short, on_core("bitgen", (), short, core, tmp_path))


def headers():
    return sorted(path.name for path in C_DIRECTORY.glob("embinit_*.h") if not path.with_suffix(".c").exists())


@pytest.mark.device
@pytest.mark.parametrize("compiler", [c for c in ("gcc", "clang", "arm-none-eabi-gcc", "avr-gcc") if shutil.which(c)])
def test_headers_compile_alone_in_c_and_where_int_has_16_bits(compiler, tmp_path):
    assert len(headers()) >= 9
    for name in headers():
        source = tmp_path / "alone.c"
        source.write_text(f'#include "{name}"\ntypedef int something;\n')
        command = [compiler, *WARNINGS, f"-I{C_DIRECTORY}", "-fsyntax-only", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_headers_are_c_plus_plus_together(tmp_path):
    source = tmp_path / "all.cpp"
    source.write_text("".join(f'#include "{name}"\n' for name in headers()) + "int main() { return 0; }\n")
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only"]
    command = ["g++", *flags, f"-I{C_DIRECTORY}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
