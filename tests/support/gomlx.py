"""GoMLX's bits from the text of SPEC.md: words in Python's integers, Go's logarithm and cosine by NumPy's in float64,
XLA's by exact fractions. It imports nothing of embinit.
"""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np

from support import reference_from_spec as spec

VECTORS = Path(__file__).parents[1] / "vectors" / "gomlx"
F32 = np.float32
MASK = 2**64 - 1
PRIME = 2**31 - 1


@cache
def recorded():
    """The recorded cases, each with its words."""
    words = np.load(VECTORS / "gomlx.npz")["words"]
    cases = json.loads((VECTORS / "gomlx.json").read_text())["cases"]
    ends = [*(case["offset"] for case in cases[1:]), words.size]
    return [(case, words[case["offset"] : end]) for case, end in zip(cases, ends, strict=True)]


# ---- Go's math/rand ----


@cache
def cooked():
    """The register of the lagged generator from seed 1 after 7.8e12 draws: Go's rngCooked."""
    x, register = 1, []
    for _ in range(20):
        x = x * 48271 % PRIME
    for _ in range(607):
        entry = 0
        for shift in (20, 10, 0):
            x = x * 48271 % PRIME
            entry ^= x << shift
        register.append(entry)
    history = [register[(333 - m) % 607] for m in range(-607, 0)]  # the oldest first
    power = _power_of_x(7_800_000_000_000)
    for i in range(607):
        history.append((history[i] + history[i + 334]) & MASK)
    later = [sum(c * y for c, y in zip(power, history[j : j + 607], strict=True)) & MASK for j in range(607)]
    draws = range(7_800_000_000_000 - 607, 7_800_000_000_000)
    words = [0] * 607
    for m, word in zip(draws, later, strict=True):
        words[(333 - m) % 607] = word
    return words


def _power_of_x(n):
    """x^n modulo x^607 - x^334 - 1 and 2^64: coefficients, packed for products into one integer of 160-bit fields."""
    width = 160
    field = (1 << width) - 1

    def reduced(coefficients):
        coefficients = [*coefficients]
        for i in range(len(coefficients) - 1, 606, -1):
            top, coefficients[i] = coefficients[i], 0
            coefficients[i - 607] += top
            coefficients[i - 273] += top
        return [c & MASK for c in coefficients[:607]]

    def product(a, b):
        packed = sum(c << width * i for i, c in enumerate(a)) * sum(c << width * i for i, c in enumerate(b))
        return reduced([packed >> width * i & field for i in range(1213)])

    result, base = [1] + [0] * 606, [0, 1] + [0] * 605
    while n:
        if n & 1:
            result = product(result, base)
        base, n = product(base, base), n >> 1
    return result


def go_rand(seed):
    """The register of Go's math/rand after Seed(seed), with the six words that its first three numbers come from."""
    x = int(math.fmod(seed, PRIME)) if abs(seed) < 2**53 else (abs(seed) % PRIME) * (1 if seed > 0 else -1)
    x = x + PRIME if x < 0 else x
    x = x or 89482311
    register = []
    for _ in range(20):
        x = x * 48271 % PRIME
    for i in range(607):
        entry = 0
        for shift in (40, 20, 0):
            x = x * 48271 % PRIME
            entry ^= x << shift
        register.append((entry ^ cooked()[i]) & MASK)
    return register


def state_of(seed):
    """The three words of RNGStateFromSeed."""
    register, tap, feed, numbers = go_rand(seed), 0, 334, []
    for _ in range(3):
        tap, feed = (tap - 1) % 607, (feed - 1) % 607
        register[feed] = (register[feed] + register[tap]) & MASK
        numbers.append(register[feed])
    return numbers


# ---- Words ----


def reversed_bytes(word):
    return int.from_bytes(word.to_bytes(8, "big"), "little")


def go_call(state, n):
    """n words of the Go backend, and the state after them."""
    s, words = state[0] << 64 | state[1], []
    for _ in range((n + 1) // 2):
        s = s * (2549297995355413924 << 64 | 4865540595714422341) + (6364136223846793005 << 64 | 1442695040888963407)
        s %= 2**128
        hi, lo = s >> 64, s & MASK
        hi ^= hi >> 32
        hi = hi * 0xDA942042E4DD58B5 & MASK
        hi ^= hi >> 48
        hi = hi * (lo | 1) & MASK
        words += [hi & 0xFFFFFFFF, hi >> 32]
    after = [reversed_bytes(s >> 64), reversed_bytes(s & MASK), state[2]] if n else state
    return words[:n], after


def xla_call(state, n):
    """n words of XLA's Philox, and the state after them."""
    counter, words = state[1] | state[2] << 64, []
    for i in range((n + 3) // 4):
        at = (counter + i) % 2**128
        c = [at >> 32 * j & 0xFFFFFFFF for j in range(4)]
        k = [state[0] & 0xFFFFFFFF, state[0] >> 32]
        for _ in range(10):
            p, q = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
            c = [q >> 32 ^ c[1] ^ k[0], q & 0xFFFFFFFF, p >> 32 ^ c[3] ^ k[1], p & 0xFFFFFFFF]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        words += c
    counter = (counter + (n + 3) // 4) % 2**128
    return words[:n], [state[0], counter & MASK, counter >> 64]


# ---- Values ----


def unit(words):
    return np.minimum(np.array(words, np.uint32).astype(F32) * F32(2.0**-32), F32(1 - 2.0**-24))


P = [7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
     2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1]  # fmt: skip


def xla_log(x, ma):
    """Cephes' logf as XLA has it, ma: a * b + c."""
    p = [F32(c) for c in P]
    m, e = math.frexp(float(x))
    m, below = F32(m), F32(m) < F32(math.sqrt(0.5))
    e = F32(e - below)
    t = F32(F32(m - F32(1)) + (m if below else F32(0)))
    x2 = F32(t * t)
    x3 = F32(x2 * t)
    y, y1, y2 = (ma(ma(p[i], t, p[i + 1]), t, p[i + 2]) for i in (0, 3, 6))
    y = ma(ma(y, x3, y1), x3, y2)
    y = ma(y, x3, F32(F32(-2.12194440e-4) * e))
    return F32(F32(F32(t - F32(x2 * F32(0.5))) + y) + F32(F32(0.693359375) * e))


class GoMlx:
    """A random state on one of the backends, and what is drawn from it."""

    def __init__(self, dialect, seed):
        self.dialect, self.seed = dialect, seed
        self.restart()

    def restart(self):
        """Go back to the state of the seed."""
        self.state = state_of(self.seed)

    def units(self, n):
        """One call."""
        call = xla_call if "xla" in self.dialect else go_call
        words, self.state = call(self.state, n)
        return unit(words)

    def uniform(self, low, high, n):
        """random_uniform(low, high)."""
        u, s, b = self.units(n), F32(high - low), F32(low)
        if self.dialect == "gomlx-xla":
            return np.array([spec.fma(each, s, b) for each in u], F32)
        return u * s + b

    def normal(self, stddev, n):
        """random_normal(stddev)."""
        u1, u2 = np.maximum(self.units(n), F32(2.0**-149)), self.units(n)
        angle = u2 * F32(2 * math.pi)
        if "xla" in self.dialect:
            ma = spec.separate if "nofma" in self.dialect else spec.fma
            log = np.array([xla_log(each, ma) for each in u1], F32)
            cos = np.array([spec.cosf_double(each) for each in angle], F32)
        else:
            log, cos = np.log(u1.astype(np.float64)).astype(F32), np.cos(angle.astype(np.float64)).astype(F32)
        return np.sqrt(log * F32(-2)) * cos * F32(stddev)

    def initialized(self, name, shape, parameters=()):
        """A tensor by one of GoMLX's initializers."""
        n = math.prod(shape)
        if name in ("random_uniform", "random_normal"):
            values = (self.uniform if name == "random_uniform" else self.normal)(*parameters, n)
            return values.reshape(shape)
        if len(shape) < 2:
            return np.zeros(shape, F32)
        receptive = math.prod(shape[:-2])
        fan_in, fan_out = shape[-2] * receptive, shape[-1] * receptive
        if name == "he":
            return self.normal(math.sqrt(2 / max(1, fan_in)), n).reshape(shape)
        if name == "xavier_normal":
            return self.normal(math.sqrt(2 / max(1, fan_in + fan_out)), n).reshape(shape)
        limit = {
            "glorot_uniform": math.sqrt(3 / max(1, (fan_in + fan_out) / 2)),
            "xavier_uniform": math.sqrt(6 / max(1, fan_in + fan_out)),
        }[name]
        return self.uniform(-limit, limit, n).reshape(shape)
