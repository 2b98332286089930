"""Words recorded from the libraries themselves, published known answers, and the programs that this machine has."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.bitgen.counters import threefry2x32
from embinit.bitgen.pcg64 import MULTIPLIER, Pcg64Dxsm

VECTORS = Path(__file__).parent.parent / "vectors" / "bitgen"
CASES = json.loads((VECTORS / "words.json").read_text())
WORDS = np.load(VECTORS / "words.npz")
needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")


def test_recorded_words_of_every_library():
    assert len(CASES) > 80
    for case in CASES:
        generator, words = getattr(embinit, case["kind"])(*case["arguments"]), WORDS[case["words"]]
        drawn = generator.random_raw(words.size)
        if case.get("then") == "% 180000 - 90000":  # Arduino's random(-90000, 90000)
            drawn = (drawn.astype(np.int64) % 180000 - 90000).astype(np.int32).view(np.uint32)
        assert drawn.tolist() == words.tolist(), case


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32, 2**64 - 1, 10**30])
def test_numpy_itself(seed):
    assert embinit.Pcg64(seed).random_raw(3000).tolist() == np.random.PCG64(seed).random_raw(3000).tolist()
    assert embinit.Pcg64Dxsm(seed).random_raw(3000).tolist() == np.random.PCG64DXSM(seed).random_raw(3000).tolist()
    moved = np.random.PCG64DXSM(seed)
    moved.advance(2**100 + 7)
    assert embinit.Pcg64Dxsm(seed).jumped(2**100 + 7).random_raw(5).tolist() == moved.random_raw(5).tolist()


def test_a_generator_of_go_is_the_other_output_on_the_other_step():
    """math/rand/v2's PCG, in Python's integers: GoMLX's Go backend."""

    class GoPcg(Pcg64Dxsm):
        multiplier, after = MULTIPLIER, True

    generator = GoPcg(1)
    state, increment = generator.state
    for word in generator.random_raw(600).tolist():
        state = (state * MULTIPLIER + increment) % 2**128
        high, low = state >> 64, state % 2**64
        high ^= high >> 32
        high = high * 0xDA942042E4DD58B5 % 2**64
        high ^= high >> 48
        assert word == high * (low | 1) % 2**64


#: Of Random123's kat_vectors: counter and key, words from the lowest, and the block.
PHILOX = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
THREEFRY = [
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("243f6a88 85a308d3", "13198a2e 03707344", "c4923a9c 483df7a0"),
]


def numbers(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "block"), PHILOX)
def test_philox_known_answers(counter, key, block):
    whole = sum(word << 32 * i for i, word in enumerate(numbers(counter)))
    generator = embinit.Philox4x32(numbers(key)[0] | numbers(key)[1] << 32, whole)

    assert generator.random_raw(4).tolist() == numbers(block)


@pytest.mark.parametrize(("counter", "key", "block"), THREEFRY)
def test_threefry_known_answers(counter, key, block):
    x, y = (np.array([word], np.uint32) for word in numbers(counter))

    assert [int(word[0]) for word in threefry2x32(tuple(numbers(key)), x, y)] == numbers(block)


ENGINES = """
#include <cstdio>
#include <cstdlib>
#include <random>
template <class Engine> void say(unsigned long seed)
{
    Engine engine(seed);
    for (int k = 0; k < 700; k++) std::printf("%lu\\n", (unsigned long)engine());
}
int main(int n, char **words)
{
    for (int i = 1; i < n; i++) {
        unsigned long seed = std::strtoul(words[i], 0, 0);
        say<std::minstd_rand0>(seed);
        say<std::minstd_rand>(seed);
        say<std::mt19937>(seed);
    }
}
"""
AVR = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdlib.h>
static void put(char c)
{
    UDR0 = c;
    loop_until_bit_is_set(UCSR0A, UDRE0);
}
static void put_word(uint32_t word)
{
    for (int8_t i = 28; i >= 0; i -= 4) put("0123456789abcdef"[(word >> i) & 15]);
    put('\\n');
}
int main(void)
{
    static const uint32_t seeds[] = {0, 1, 42, 0x12345, 0x7fffffff, 0x80000001, 0xffffffff};
    UCSR0B = _BV(TXEN0);
    for (uint8_t i = 0; i < 7; i++) {
        srand((unsigned)seeds[i]);
        srandom(seeds[i]);
        for (uint8_t k = 0; k < 20; k++) {
            put_word((uint32_t)rand());
            put_word((uint32_t)random());
        }
    }
    cli();
    sleep_mode();
    return 0;
}
"""


def built(source, folder, *command):
    path = folder / "program"
    (folder / "source").write_text(source)
    subprocess.run([*command, "source", "-o", "program"], cwd=folder, check=True, capture_output=True)
    return path


@needs_gcc
@pytest.mark.skipif(
    "glibc" not in str(np.__config__.CONFIG) and not Path("/lib64/ld-linux-x86-64.so.2").exists(), reason="needs glibc"
)
def test_rand_of_this_machine(tmp_path):
    source = """#include <stdio.h>
#include <stdlib.h>
int main(int n, char **words) { for (int i = 1; i < n; i++) { srand((unsigned)strtoul(words[i], 0, 0));
for (int k = 0; k < 500; k++) printf("%d\\n", rand()); } return 0; }"""
    seeds = [0, 1, 2, 42, 2**31 - 1, 2**31, 2**31 + 1, 0xDEADBEEF, 2**32 - 1]
    program = built(source, tmp_path, "gcc", "-x", "c")
    said = subprocess.run([program, *map(str, seeds)], capture_output=True, text=True, check=True).stdout.split()

    drawn = np.concatenate([embinit.GlibcRand(seed).random_raw(500) for seed in seeds])
    assert drawn.tolist() == [int(word) for word in said]


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_engines_of_this_machine(tmp_path):
    seeds = [0, 1, 2**31 - 1, 2**31, 2**32 - 1]
    program = built(ENGINES, tmp_path, "g++", "-x", "c++")
    said = subprocess.run([program, *map(str, seeds)], capture_output=True, text=True, check=True).stdout.split()

    drawn = []
    for seed in seeds:
        engines = embinit.Minstd(seed), embinit.Minstd(seed, 48271), embinit.MT19937(seed)
        drawn += [word for engine in engines for word in engine.random_raw(700).tolist()]
    assert drawn == [int(word) for word in said]


@pytest.mark.device
@pytest.mark.skipif(not shutil.which("avr-gcc") or not shutil.which("simavr"), reason="needs avr-gcc and simavr")
def test_rand_of_avr_libc(tmp_path):
    program = built(AVR, tmp_path, "avr-gcc", "-mmcu=atmega328p", "-O2", "-x", "c")
    command = ["simavr", "-m", "atmega328p", "-f", "16000000", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = [int(word, 16) for word in re.findall(r"([0-9a-f]{8})\.", done.stdout + done.stderr)]

    expected = []
    for seed in [0, 1, 42, 0x12345, 0x7FFFFFFF, 0x80000001, 0xFFFFFFFF]:
        both = embinit.AvrRand(seed).random_raw(20), embinit.AvrRandom(seed).random_raw(20)
        expected += np.stack(both, axis=1).reshape(-1).tolist()
    assert said == expected


@pytest.mark.device
@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc") or not shutil.which("qemu-system-arm"), reason="needs both")
def test_rand_of_newlib(tmp_path):
    from embinit.targets.gcc_qemu import BOARDS, Machine, build

    source = tmp_path / "rand.c"
    source.write_text("""#include <stdint.h>
#include <stdlib.h>
uint32_t words[200];
int firmware_main(uint32_t seed);
int firmware_main(uint32_t seed) { srand(seed); for (int i = 0; i < 200; i++) words[i] = (uint32_t)rand(); return 0; }
""")
    compiler, board = ["arm-none-eabi-gcc", "-O2", "-mcpu=cortex-m4", "-mthumb"], BOARDS["cortex-m7"]
    elf = build(compiler, [source], board, tmp_path / "rand.elf", keep=["firmware_main", "words"])
    machine = Machine(elf, board)
    for seed in (0, 42, 2**32 - 1):
        machine.call("firmware_main", seed)
        words = np.frombuffer(machine.read("words"), "<u4")
        assert words.tolist() == embinit.NewlibRand(seed).random_raw(200).tolist()
