"""A device with other conventions: Python's integers and NumPy's float32, nothing of the package."""

from dataclasses import dataclass
from itertools import islice

import numpy as np

F32 = np.float32
M32, M64 = 2**32 - 1, 2**64 - 1
SEED = 42
LAYERS = (("first", 14, 9), ("second", 9, 7))
MODEL = {
    "model": {"name": "m", "dialect": "odt", "target": "host", "seed": SEED},
    "layer": [{"name": name, "type": "Linear", "in_features": i, "out_features": o} for name, i, o in LAYERS],
}


def xorshift(seed, shifts=(13, -17, 5), bits=32, signed=False):
    mask, state = (1 << bits) - 1, seed
    while True:
        for shift in shifts:
            value = state - (1 << bits) if signed and state >> bits - 1 else state
            state ^= (state << shift if shift > 0 else value >> -shift) & mask
        yield state & M32


def lcg(seed, multiplier, increment, shift=0, mask=M32):
    state = seed
    while True:
        state = (state * multiplier + increment) & M32
        yield state >> shift & mask


def newlib(seed):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1) & M64
        yield state >> 32 & 0x7FFFFFFF


def musl(seed):
    state = seed - 1
    while True:
        state = (state * 6364136223846793005 + 1) & M64
        yield state >> 33


def glibc(seed):
    r = [seed or 1]
    for _ in range(30):
        r.append(16807 * r[-1] % (2**31 - 1))
    r += r[:3]
    for i in range(34, 344):
        r.append((r[i - 31] + r[i - 3]) & M32)
    while True:
        r.append((r[-31] + r[-3]) & M32)
        yield r[-1] >> 1


def avr(seed):
    state = seed & 0xFFFF
    while True:
        state = 16807 * state % (2**31 - 1)
        yield state & 0x7FFF


def mt19937(seed):
    bits = np.random.RandomState(seed)
    while True:
        yield int(bits.randint(0, 2**32, dtype=np.uint64))


def top24(words):
    return (words >> 8).astype(F32) * F32(2**-24)


def over(divisor):
    return lambda words: words.astype(F32) / F32(divisor)


@dataclass
class Device:
    """words: a generator of them. unit: an array of words to unit values. limit: of fan_in and fan_out."""

    words: object = None
    unit: object = top24
    fans: object = staticmethod(lambda fan_in, fan_out: (fan_in, fan_out))
    bias_fans: object = staticmethod(lambda fan_in, fan_out: (fan_in, fan_out))
    limit: object = staticmethod(lambda fan_in, fan_out: F32(0.57735026919) * np.sqrt(F32(3) / F32(fan_in)))
    element: object = staticmethod(lambda unit, limit: -limit + unit * (limit - -limit))

    def memory(self, layers=LAYERS):
        words = self.words or xorshift(SEED)
        held = {}
        for name, fan_in, fan_out in layers:
            for part, n, fans in (("weight", fan_in * fan_out, self.fans), ("bias", fan_out, self.bias_fans)):
                drawn = np.array(list(islice(words, n)), np.uint64)
                limit = self.limit(*fans(fan_in, fan_out))
                held[f"{name}.{part}"] = self.element(self.unit(drawn), limit).astype(F32).tobytes()
        return held
