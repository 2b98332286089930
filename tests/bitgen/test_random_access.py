"""Random access: any word of a counter, and so any element of any tensor, without the ones before."""

import numpy as np
import pytest

from embinit import Generator, Philox4x32, Threefry2x32
from embinit.bitgen.gomlx import GoMlxPhilox, random_state
from embinit.bitgen.keras import SCRAMBLE, TensorFlowPhilox, ThreefryOfKeras
from embinit.bitgen.key_streams import FIRST_DEVICE, TinygradKeys
from embinit.distributions import BoundedNormal, Normal, Uniform

FAR = [0, 1, 2, 3, 4, 1001, 2**31 + 1, 2**32 - 1, 2**32, 2**40 + 3, 2**60 + 2]


def philox(key, counter):
    """Four words of Philox4x32-10, in Python's integers."""
    a, b, c, d = (counter >> 32 * i & 0xFFFFFFFF for i in range(4))
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32) ^ b ^ k0, q & 0xFFFFFFFF, (p >> 32) ^ d ^ k1, p & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [a, b, c, d]


def threefry(k0, k1, x, y):
    """Two words of Threefry2x32-20, in Python's integers."""
    keys = [k0, k1, k0 ^ k1 ^ 0x1BD11BDA]
    x, y = (x + k0) % 2**32, (y + k1) % 2**32
    for i in range(20):
        by = ((13, 15, 26, 6), (17, 29, 16, 24))[i // 4 % 2][i % 4]
        x = (x + y) % 2**32
        y = (y << by & 0xFFFFFFFF | y >> 32 - by) ^ x
        if i % 4 == 3:
            n = i // 4 + 1
            x, y = (x + keys[n % 3]) % 2**32, (y + keys[(n + 1) % 3] + n) % 2**32
    return x, y


def of_jax(key, n):
    x, y = threefry(*key, n >> 32, n & 0xFFFFFFFF)
    return x ^ y


def of_tinygrad(seed, n):
    x, y = threefry(FIRST_DEVICE, seed, n & 0xFFFFFFFF, n >> 32)
    return x << 32 | y


def of_tensorflow(seed, n):
    k0, k1, c2, c3 = philox(SCRAMBLE, seed % (2**31 - 2))
    return philox(k1 << 32 | k0, ((c3 << 32 | c2) << 64) + n // 4)[n % 4]


def of_gomlx(seed, n):
    key, low, high = random_state(seed)
    return philox(key, (high << 64 | low) + n // 4)[n % 4]


WORDS = {
    "philox": (lambda: Philox4x32(5, counter=2**70), lambda n: philox(5, 2**70 + n // 4)[n % 4]),
    "threefry": (lambda: Threefry2x32(7), lambda n: of_jax((0, 7), n)),
    "keras-jax": (lambda: ThreefryOfKeras(7), lambda n: of_jax((7, 0), n)),
    "keras-tensorflow": (lambda: TensorFlowPhilox(2**32 - 1), lambda n: of_tensorflow(2**32 - 1, n)),
    "gomlx-xla": (lambda: GoMlxPhilox(-3), lambda n: of_gomlx(-3, n)),
    "tinygrad": (lambda: TinygradKeys(9), lambda n: of_tinygrad(9, n)),
}


@pytest.mark.parametrize("kind", WORDS)
def test_any_word_alone(kind):
    seeded, word = WORDS[kind]
    generator = seeded()
    assert [int(generator.jumped(n).random_raw(1)[0]) for n in FAR] == [word(n) for n in FAR]


@pytest.mark.parametrize(
    ("dialect", "distribution"),
    [("jax", Uniform(-0.3, 0.7)), ("jax", Normal(0.0, 2.0)), ("jax", BoundedNormal(0.5, -2.0, 2.0)),
     ("keras-tensorflow", Uniform(-0.3, 0.7)), ("keras-jax", Normal(0.5, 2.0)), ("gomlx-xla", Uniform(-0.3, 0.7)),
     ("gomlx", Uniform(-0.3, 0.7)), ("numpy", Uniform(-0.3, 0.7))],
)  # fmt: skip
def test_any_element_of_a_tensor_alone(dialect, distribution):
    whole, one = np.empty(1000, np.float32), np.empty(1, np.float32)
    Generator.seeded(42, dialect).draw(distribution, whole)
    for i in (0, 1, 2, 3, 17, 999):
        generator = Generator.seeded(42, dialect)
        generator.bitgen.advance(i)
        generator.draw(distribution, one)
        assert one.view(np.uint32).tolist() == whole[i : i + 1].view(np.uint32).tolist()


@pytest.mark.parametrize(("dialect", "numbers"), [("flax-nnx", (0, 10**9)), ("keras-tensorflow", (10**9, 1))])
def test_any_tensor_alone(dialect, numbers):
    """No tensor before it is drawn: only its own key is made."""
    generator = Generator.seeded(42, dialect)
    generator.restart(*numbers)
    generator.bitgen.advance(2**40)
    own = [of_jax(threefry(0, 42, 0, 10**9), 2**40)] if dialect == "flax-nnx" else [of_tensorflow(10**9, 2**40)]
    assert generator.bitgen.random_raw(1).tolist() == own
