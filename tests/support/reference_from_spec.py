"""embinit's bits, one operation at a time: written from SPEC.md alone.

Values are numpy.float32 scalars, of which each operation rounds once; words are ints; what SPEC.md calls exact is a
Fraction. Parameters in float64 are Python floats. Nothing here imports embinit or is meant to be fast. `init` draws a
model; the sections below have the numbers of SPEC.md's.
"""

import csv
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

F = np.float32
UNIT = F(2.0**-24)


# Notation.


def fl(value: Fraction) -> np.float32:
    """Round an exact value once to binary32, ties to even. 0 is +0; what underflows to 0 keeps its sign."""
    if value == 0:
        return F(0)
    exponent = magnitude_exponent(abs(value))
    quantum = max(exponent - 23, -149)  # subnormals keep the quantum of the smallest normal numbers
    steps = round(value / Fraction(2) ** quantum)  # round() of a Fraction takes ties to even
    magnitude = math.inf if abs(steps) * Fraction(2) ** quantum >= 2**128 else math.ldexp(abs(steps), quantum)
    return F(math.copysign(magnitude, value))


def magnitude_exponent(value: Fraction) -> int:
    """Return e with 2^e <= value < 2^(e + 1)."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= value else exponent - 1


def fma(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return a * b + c  # both are exact unless a * b underflows, and then the sum is not 0; this has the zero's sign
    return fl(exact)


def fma64(a: float, b: float, c: float) -> float:
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact) if exact else a * b + c


def separate(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return a * b + c


def bits(x: np.float32) -> int:
    return int(x.view(np.uint32))


def from_bits(u: int) -> np.float32:
    return np.uint32(u).view(F)


def hexfloat(text: str) -> np.float32:
    """Read a constant that is a float32 as written."""
    value = float.fromhex(text)
    assert float(F(value)) == value, text
    return F(value)


def root(x: np.float32) -> np.float32:
    return F(np.sqrt(x))


# 2. Bit generators.


class Xorshift32:
    def __init__(self, state: int) -> None:
        self.state = state

    def word(self) -> int:
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x


class Pcg32:
    MULTIPLIER = 6364136223846793005

    def __init__(self, seed: int, stream: int = 0) -> None:
        self.increment = 2 * stream + 1
        self.state = ((self.increment + seed) * self.MULTIPLIER + self.increment) % 2**64

    def word(self) -> int:
        v = self.state
        self.state = (v * self.MULTIPLIER + self.increment) % 2**64
        low = ((v >> 18) ^ v) >> 27 & 0xFFFFFFFF
        turn = v >> 59
        return (low >> turn | low << (32 - turn)) & 0xFFFFFFFF


class Mt19937:
    def __init__(self, seed: int) -> None:
        self.words = [seed]
        for i in range(1, 624):
            before = self.words[-1]
            self.words.append((1812433253 * (before ^ before >> 30) + i) % 2**32)
        self.position = 624

    def word(self) -> int:
        m = self.words
        if self.position == 624:
            for i in range(624):
                y = (m[i] & 0x80000000) | (m[(i + 1) % 624] & 0x7FFFFFFF)
                m[i] = m[(i + 397) % 624] ^ y >> 1 ^ (0x9908B0DF if y & 1 else 0)
            self.position = 0
        y = m[self.position]
        self.position += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9D2C5680
        y ^= y << 15 & 0xEFC60000
        return y ^ y >> 18


# 2. Other generators: each yields its words.

M64 = 2**64 - 1


def rotl(x: int, turn: int, width: int = 64) -> int:
    return (x << turn | x >> (width - turn)) % 2**width


def signed(x: int, width: int = 32) -> int:
    return x - 2**width if x >> (width - 1) else x


def xorshift(x: int, shifts: tuple[int, ...], width: int, is_signed: bool) -> Iterator[int]:
    while True:
        for a in shifts:
            moved = x << a if a > 0 else (signed(x, width) if is_signed else x) >> -a
            x = (x ^ moved) % 2**width
        yield x


def lcg(s: int, multiplier: int, increment: int, width: int) -> Iterator[int]:
    """Yield states."""
    while True:
        s = (s * multiplier + increment) % 2**width
        yield s


def minstd(seed: int, multiplier: int = 16807) -> Iterator[int]:
    s = seed % (2**31 - 1) or 1
    while True:
        s = s * multiplier % (2**31 - 1)
        yield s


def newlib_rand(seed: int) -> Iterator[int]:
    return ((x >> 32) & 0x7FFFFFFF for x in lcg(seed, 6364136223846793005, 1, 64))


def musl_rand(seed: int) -> Iterator[int]:
    return (x >> 33 for x in lcg((seed - 1) % 2**32, 6364136223846793005, 1, 64))


def msvc_rand(seed: int) -> Iterator[int]:
    return ((x >> 16) & 0x7FFF for x in lcg(seed, 214013, 2531011, 32))


def glibc_rand(seed: int) -> Iterator[int]:
    q = [signed(seed or 1)]
    while len(q) <= 30:
        q.append(16807 * q[-1] % (2**31 - 1))
    r = [x % 2**32 for x in q[3:] + q[:3]]
    dropped = 310
    while True:
        r = [*r[1:], (r[-3] + r[-31]) % 2**32]
        if dropped:
            dropped -= 1
        else:
            yield r[-1] >> 1


def avr_steps(x: int) -> Iterator[int]:
    while True:
        x = 16807 * (signed(x) or 123459876) % (2**31 - 1)
        yield x


def avr_rand(seed: int) -> Iterator[int]:
    return (x % 2**15 for x in avr_steps(seed % 2**16))


def avr_random(seed: int) -> Iterator[int]:
    return (x % 2**31 for x in avr_steps(seed))


def splitmix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
    return x ^ x >> 31


def xoroshiro128plus(seed: int | None, rotations: tuple[int, int, int] | None = None) -> Iterator[int]:
    """Yield words of one with rotations, or of KANN's without."""
    a, b, c = rotations or (55, 14, 36)
    s0, s1 = 0x50F5647D2380309D, 0x91FFA96FC4C62CCE
    if seed is not None:
        s0 = splitmix(seed)
        s1 = splitmix(s0)
    while True:
        yield (s0 + s1) & M64
        t = s0 ^ s1
        turned = rotl(t, c) if rotations else rotl(s0, c)
        s0 = (rotl(s0, a) ^ t ^ t << b) & M64
        s1 = turned


def seed_sequence(seed: int) -> list[int]:
    """Return generate_state(4, uint64)."""
    w = [seed >> i & 0xFFFFFFFF for i in range(0, max(seed.bit_length(), 1), 32)]
    k = 0x43B0D7E5

    def hashed(v: int) -> int:
        nonlocal k
        v ^= k
        k = k * 0x931E8875 % 2**32
        v = v * k % 2**32
        return v ^ v >> 16

    def mix(x: int, y: int) -> int:
        z = (0xCA01F9DD * x - 0x4973F715 * y) % 2**32
        return z ^ z >> 16

    pool = [hashed(w[i] if i < len(w) else 0) for i in range(4)]
    for i in range(4):
        for j in range(4):
            if j != i:
                pool[j] = mix(pool[j], hashed(pool[i]))
    for further in w[4:]:
        for j in range(4):
            pool[j] = mix(pool[j], hashed(further))
    k = 0x8B51F9DD
    words = []
    for i in range(8):
        v = pool[i % 4] ^ k
        k = k * 0x58F38DED % 2**32
        v = v * k % 2**32
        words.append(v ^ v >> 16)
    return [words[i] | words[i + 1] << 32 for i in range(0, 8, 2)]


def pcg64(seed: int, dxsm: bool = False) -> Iterator[int]:
    m = 2549297995355413924 * 2**64 + 4865540595714422341
    d = 0xDA942042E4DD58B5
    q = seed_sequence(seed)
    c = 2 * (q[2] * 2**64 + q[3]) + 1
    s = ((c + q[0] * 2**64 + q[1]) * m + c) % 2**128
    while True:
        if dxsm:
            h, low = s >> 64, s & M64
            h ^= h >> 32
            h = h * d & M64
            h ^= h >> 48
            yield h * (low | 1) & M64
            s = (s * d + c) % 2**128
        else:
            s = (s * m + c) % 2**128
            yield rotl((s >> 64) ^ (s & M64), (64 - (s >> 122)) % 64)


def philox4x32(seed: int) -> Iterator[int]:
    counter = 0
    while True:
        k0, k1 = seed & 0xFFFFFFFF, seed >> 32
        x0, x1, x2, x3 = (counter >> i & 0xFFFFFFFF for i in (0, 32, 64, 96))
        for _ in range(10):
            p, q = 0xCD9E8D57 * x2, 0xD2511F53 * x0
            x0, x1, x2, x3 = p >> 32 ^ x1 ^ k0, p & 0xFFFFFFFF, q >> 32 ^ x3 ^ k1, q & 0xFFFFFFFF
            k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
        yield from (x0, x1, x2, x3)
        counter += 1


def threefry(k0: int, k1: int, x: int, y: int) -> tuple[int, int]:
    k = k0, k1, k0 ^ k1 ^ 0x1BD11BDA
    x, y = (x + k0) % 2**32, (y + k1) % 2**32
    for g in range(5):
        for r in (17, 29, 16, 24) if g % 2 else (13, 15, 26, 6):
            x = (x + y) % 2**32
            y = rotl(y, r, 32) ^ x
        x = (x + k[(g + 1) % 3]) % 2**32
        y = (y + k[(g + 2) % 3] + g + 1) % 2**32
    return x, y


def threefry2x32(seed: int) -> Iterator[int]:
    """Yield words as JAX counts."""
    i = 0
    while True:
        x, y = threefry(0, seed % 2**32, i >> 32, i % 2**32)
        yield x ^ y
        i += 1


# 3. The build: multiply-add and libm class.

TARGETS = {
    "host": (separate, "double"),
    "x86-64-v3": (fma, "double"),
    "cortex-m0": (separate, "fdlibm"),
    "cortex-m0plus": (separate, "fdlibm"),
    "cortex-m3": (separate, "fdlibm"),
    "cortex-m4f": (fma, "fdlibm-fused"),
    "cortex-m33": (fma, "fdlibm-fused"),
    "cortex-m7": (fma, "double"),
}

# 5. libm classes.

LN2, A2, A3, A4 = map(
    float.fromhex, ("0x1.62e42fefa39efp-1", "-0x1.ffffef20a4123p-2", "0x1.5575b0be00b6ap-2", "-0x1.00ea348b88334p-2")
)
INVERSE = [
    float.fromhex(text)
    for text in """
    0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0 0x1.30d190c8864a5p+0
    0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0 0x1.0953f419900a7p+0 0x1p+0
    0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1 0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1
    0x1.767dcf5534862p-1""".split()
]
LOGARITHM = [
    float.fromhex(text)
    for text in """
    -0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3 -0x1.6574f0ac07758p-3
    -0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4 -0x1.252f438e10c1ep-5 0x0p+0
    0x1.aa5aa5df25984p-5 0x1.c5e53aa362eb4p-4 0x1.526e57720db08p-3 0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2
    0x1.4043057b6ee09p-2""".split()
]
C2, C4, C6, C8 = map(
    float.fromhex, ("-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16")
)
S3, S5, S7 = map(float.fromhex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13"))


def logf_double(x: np.float32) -> np.float32:
    if x == 0:
        return F(-math.inf)
    t = (bits(x) + (0x3F800000 - 0x3F330000)) % 2**32
    k = (t >> 23) - 127
    i = (t >> 19) & 15
    z = float(from_bits(bits(x) - (k << 23)))
    r = z * INVERSE[i] - 1
    r2 = r * r
    return F((A4 * r2 + (A3 * r + A2)) * r2 + ((k * LN2 + LOGARITHM[i]) + r))


def cosf_double(x: np.float32, turn: int = 0) -> np.float32:
    x = float(x)
    n = (int(x * float.fromhex("0x1.45f306dc9c883p+23")) + 0x800000) >> 24
    y = x - n * float.fromhex("0x1.921fb54442d18p+0")
    n += turn
    y2 = y * y
    y3 = y2 * y
    y4 = y2 * y2
    even = ((1 + y2 * C2) + y4 * C4) + (y4 * y2) * (C6 + y2 * C8)
    odd = (y + y3 * S3) + (y3 * y2) * (S5 + y2 * S7)
    c = F(odd if n % 2 else even)
    return -c if (n + 1) & 2 else c


def sinf_double(x: np.float32) -> np.float32:
    return cosf_double(x, 3)


THIRD, HIGH, LOW = map(hexfloat, ("0x1.555556p-2", "0x1.62e3p-1", "0x1.2fefa2p-17"))
L1, L2, L3, L4, L5, L6, L7 = map(
    hexfloat,
    "0x1.555556p-1 0x1.99999ap-2 0x1.24924ap-2 0x1.c71c52p-3 0x1.74664ap-3 0x1.39a09ep-3 0x1.2f112ep-3".split(),
)
K4, K6, K8, K10, K12, K14 = map(
    hexfloat,
    "0x1.555556p-5 -0x1.6c16c2p-10 0x1.a01a02p-16 -0x1.27e4f8p-22 0x1.1ee9ecp-29 -0x1.8fae9cp-37".split(),
)
K3, K5, K7, K9, K11, K13 = map(
    hexfloat,
    "-0x1.555556p-3 0x1.111112p-7 -0x1.a01a02p-13 0x1.71de36p-19 -0x1.ae5e68p-26 0x1.5d93a6p-33".split(),
)
HALF, ONE, TWO = F(0.5), F(1), F(2)


def logf_fdlibm(x: np.float32, ma: Callable) -> np.float32:
    if x == 0:
        return F(-math.inf)
    m = bits(x) & 0x7FFFFF
    above = (m + 0x4AFB20) & 0x800000
    k = F(((bits(x) + above) >> 23) - 127)
    f = from_bits(m | (above ^ 0x3F800000)) - ONE
    if (m + 15) & 0x7FFFF0 == 0:
        series = (f * f) * ma(-THIRD, f, HALF)
        return k * HIGH - (ma(-k, LOW, series) - f)
    h = (f * HALF) * f
    s = f / (TWO + f)
    z = s * s
    w = z * z
    odd = ma(ma(ma(L7, w, L5), w, L3), w, L1)
    even = ma(ma(L6, w, L4), w, L2)
    r = ma(even, w, z * odd)
    extreme = 0x30A3D0 <= m <= 0x35C288
    if k == 0:
        return f - ma(-s, h + r, h) if extreme else ma(-s, f - r, f)
    kl = k * LOW
    d = h - ma(s, h + r, kl) if extreme else ma(s, f - r, -kl)
    return k * HIGH - (d - f)


def cosf_fdlibm(x: np.float32, ma: Callable) -> np.float32:
    n = int(x * hexfloat("0x1.45f308p-1") + HALF)
    near = bits(x) & 0xFFFFFFF0 == 0x3FC90FD0 or bits(x) & 0xFFFFFF00 == 0x4096CB00
    high = x - F(n) * hexfloat("0x1.921fp+0")
    if near:
        high = high - F(n) * hexfloat("0x1.6a88p-17")
        low = F(n) * hexfloat("0x1.0b461p-34")
    else:
        low = F(n) * hexfloat("0x1.6a8886p-17")
    y = high - low
    tail = (high - y) - low
    z = y * y
    if n % 2 == 0:
        p = ma(ma(ma(K14, z, K12), z, K10), z, K8)
        p = z * ma(ma(p, z, K6), z, K4)
        magnitude = bits(abs(y))
        if magnitude > 0x3F480000:
            q = F(0.28125)
        elif magnitude >= 0x3E99999A:
            q = from_bits(magnitude - 0x1000000)
        else:
            q = F(0)
        c = (ONE - q) - ((HALF * z - q) - ma(z, p, -(y * tail)))
    else:
        y3 = z * y
        p = ma(ma(ma(K13, z, K11), z, K9), z, K7)
        p = y3 * ma(p, z, K5)
        c = y - ma(-K3, y3, ma(z, HALF * tail - p, -tail))
    return -c if (n + 1) & 2 else c


LIBM = {
    "double": (logf_double, cosf_double),
    "fdlibm": (lambda x: logf_fdlibm(x, separate), lambda x: cosf_fdlibm(x, separate)),
    "fdlibm-fused": (lambda x: logf_fdlibm(x, fma), lambda x: cosf_fdlibm(x, fma)),
}

# Distributions, as initializers make them and dialects draw them: ("constant", value), ("uniform", low, high),
# ("normal", mean, stddev), ("truncated_normal", mean, stddev).


# 4. The odt dialects.


class OneWord:
    """What the odt dialects and the portable one draw alike: a bit and an order."""

    generator: "Xorshift32 | Pcg32"

    def unit(self) -> np.float32:
        return F(self.generator.word() >> 8) * UNIT

    def bernoulli(self, p: float, n: int) -> list[bool]:
        return [bool(self.unit() < F(p)) for _ in range(n)]

    def shuffle(self, items: list) -> None:
        for i in range(len(items) - 1, 0, -1):
            limit = 0xFFFFFFFF - 0xFFFFFFFF % (i + 1)
            word = self.generator.word()
            while word >= limit:
                word = self.generator.word()
            j = word % (i + 1)
            items[i], items[j] = items[j], items[i]


class Odt(OneWord):
    """Draws as OnDeviceTraining does on one target."""

    def __init__(self, generator: Xorshift32, target: str, deviation: str = "first") -> None:
        self.generator = generator
        self.multiply_add, libm = TARGETS[target]
        self.logf, self.cosf = LIBM[libm]
        self.deviation = deviation

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[np.float32]:
        w = high - low
        return [self.multiply_add(self.unit(), w, low) for _ in range(n)]

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return [self.normal_value(mean, stddev) for _ in range(n)]

    def normal_value(self, mean: np.float32, stddev: np.float32) -> np.float32:
        u1 = self.unit()
        u2 = self.unit()
        while u1 <= UNIT:
            u1 = self.unit()
        radius = root(F(-2) * self.logf(u1))
        c = self.cosf(F(6.2831855) * u2)
        if self.deviation == "first":
            return self.multiply_add(stddev * radius, c, mean)
        return self.multiply_add(stddev, radius * c, mean)


def odt_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make the float32 parameters of an initializer of a layer: ("constant", value), ("uniform", low, high), ("normal",
    mean, stddev), ("kaiming" or "xavier", "uniform" or "normal", gain), ("variance_scaling", scale, mode, kind, gain).
    """
    name, *parameters = initializer
    if name in {"constant", "uniform", "normal"}:
        return (name, *map(F, parameters))
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
        name = "xavier" if mode == "fan_avg" else "kaiming"
    else:
        kind, gain = parameters
        scale, mode = 1, "fan_in"
    gain = F((gain or (1.41421356237 if name == "kaiming" else 1)) * math.sqrt(scale))
    if name == "kaiming":
        n = F(fan_out if mode == "fan_out" else fan_in)
        uniform, normal = gain * root(F(3) / n), gain / root(n)
    else:
        n = F(fan_in + fan_out)
        uniform, normal = gain * root(F(6) / n), gain * root(TWO / n)
    return ("uniform", -uniform, uniform) if kind == "uniform" else ("normal", F(0), normal)


# 6. The portable dialect.

with (Path(__file__).parents[2] / "SPEC_normal.csv").open(newline="") as file:
    TABLE = [[int(row[name], 16) for name in ("c0", "c1", "c2", "c3")] for row in csv.DictReader(file)]

CUT = 195422145


def portable_quantile(v: int, word: int) -> int:
    o = 32 - v.bit_length()
    x = v << o
    c0, c1, c2, c3 = TABLE[4 * o + ((x >> 29) & 3)]
    s = ~(x << 3) % 2**32
    r = c2 + (c3 * s >> 32)
    r = c1 + (r * s >> 32)
    r = c0 + (r * s >> 32)
    z = (r + 8) >> 4
    return -z if word >> 31 else z


def portable_normal_code(word: int) -> int:
    return portable_quantile(2 * (word % 2**31) + 1, word)


def portable_truncated_code(word: int) -> int:
    v = CUT + ((2 * (word % 2**31) + 1) * (2**32 - CUT) >> 32)
    z = portable_quantile(v, word)
    return max(-2 * 2**24, min(z, 2 * 2**24))


class Portable(OneWord):
    def __init__(self, generator: Pcg32) -> None:
        self.generator = generator

    def elements(self, code: Callable, spread: np.float32, place: np.float32, n: int) -> list[np.float32]:
        scale = spread * UNIT if spread else F(0)
        offset = round(Fraction(float(place)) / Fraction(float(scale))) if spread else 0
        assert abs(offset) <= 2**31 - 2**27
        return [fl(Fraction(code(word) + offset)) * scale for word in (self.generator.word() for _ in range(n))]

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[np.float32]:
        return self.elements(lambda word: word >> 8, high - low, low, n)

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return self.elements(portable_normal_code, stddev, mean, n)

    def truncated_normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[np.float32]:
        return self.elements(portable_truncated_code, stddev, mean, n)


def portable_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make float32 parameters; an initializer is as in odt_distribution, or ("default",)."""
    name, *parameters = initializer
    if name in {"constant", "uniform", "normal", "truncated_normal"}:
        return (name, *map(F, parameters))
    if name == "default":
        bound = F(math.sqrt(3) * math.sqrt((1 / 3) / fan_in))
        return "uniform", -bound, bound
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
    else:
        kind, gain = parameters
        scale, mode = 1, "fan_in" if name == "kaiming" else "fan_avg"
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    stddev = gain * math.sqrt(scale / n)
    if kind == "uniform":
        bound = F(math.sqrt(3) * stddev)
        return "uniform", -bound, bound
    if kind == "truncated_normal":
        return "truncated_normal", F(0), F(stddev / 0.87962566103423978)
    return "normal", F(0), F(stddev)


def half_away(value: Fraction) -> int:
    return math.floor(abs(value) + Fraction(1, 2)) * (-1 if value < 0 else 1)


class PortableInt:
    """Draws codes of a format q<m>.<n>."""

    def __init__(self, generator: Pcg32, m: int, n: int) -> None:
        self.generator = generator
        self.qmin, self.qmax = -(2 ** (m + n - 1)), 2 ** (m + n - 1) - 1
        self.wide = m + n > 16
        self.n = n

    def code(self, x: np.float32) -> int:
        return half_away(Fraction(float(x)) * 2**self.n)

    def saturated(self, code: int) -> int:
        return max(self.qmin, min(code, self.qmax))

    def constant(self, value: np.float32, n: int) -> list[int]:
        return [self.saturated(self.code(value))] * n

    def uniform(self, low: np.float32, high: np.float32, n: int) -> list[int]:
        assert low == -high
        bound = min(self.code(abs(high)), self.qmax)
        span = 2 * bound + 1
        words = (self.generator.word() for _ in range(n))
        return [(word * span >> 32 if self.wide else (word >> 16) * span >> 16) - bound for word in words]

    def normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        return self.around(portable_normal_code, mean, stddev, n)

    def truncated_normal(self, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        return self.around(portable_truncated_code, mean, stddev, n)

    def around(self, z: Callable, mean: np.float32, stddev: np.float32, n: int) -> list[int]:
        middle = min(self.code(mean), 2**31 - 1)
        unit = Fraction(float(stddev)) * Fraction(2) ** (self.n - 24)
        return [self.saturated(middle + half_away(z(self.generator.word()) * unit)) for _ in range(n)]


# 7. The torch dialects.

LOG = [
    hexfloat(text)
    for text in """
    0x1.204376p-4 -0x1.d7a37p-4 0x1.de4a34p-4 -0x1.fcba9ep-4 0x1.23d37ep-3 -0x1.555cap-3 0x1.999d58p-3 -0x1.fffff8p-3
    0x1.555554p-2""".split()
]


def torch_log(x: np.float32) -> np.float32:
    e = (bits(x) >> 23) - 126
    t = from_bits((bits(x) & 0x7FFFFF) | 0x3F000000)
    if t < hexfloat("0x1.6a09e6p-1"):
        e -= 1
        t = t + t
    t = t - ONE
    e = F(e)
    y = LOG[0]
    for coefficient in LOG[1:]:
        y = fma(y, t, coefficient)
    z = t * t
    y = fma(y * t, z, e * hexfloat("-0x1.bd0106p-13"))
    y = fma(-z, HALF, y)
    return fma(e, hexfloat("0x1.63p-1"), t + y)


def torch_sin_cos(d: np.float32) -> tuple[np.float32, np.float32]:
    """Return sine and cosine of d turns."""
    x = hexfloat("0x1.921fb6p+2") * d
    k = (int(x * hexfloat("0x1.45f306p+0")) + 1) & ~1
    r = fma(F(k), hexfloat("-0x1.92p-1"), x)
    r = fma(F(k), hexfloat("-0x1.fb4p-13"), r)
    r = fma(F(k), hexfloat("-0x1.4442d2p-25"), r)
    z = r * r
    c = fma(hexfloat("0x1.99eb9cp-16"), z, hexfloat("-0x1.6c0c34p-10"))
    c = fma(c, z, hexfloat("0x1.55554ap-5"))
    c = fma(z, c * z, -(HALF * z)) + ONE
    s = fma(hexfloat("-0x1.9943f2p-13"), z, hexfloat("0x1.11073cp-7"))
    s = fma(s, z, hexfloat("-0x1.555546p-3"))
    s = fma(r, s * z, r) + F(0)
    if k & 2:
        s, c = c, s
    return -s if k & 4 else s, -c if (k + 2) & 4 else c


class Torch:
    """Draws as PyTorch does; fused in `torch`, not in `torch-nofma`."""

    def __init__(self, generator: Mt19937, fused: bool = True) -> None:
        self.generator = generator
        self.fused = fused
        self.pending = None

    def unit(self) -> np.float32:
        return F(self.generator.word() & 0xFFFFFF) * UNIT

    def unit53(self) -> float:
        high = self.generator.word()
        return (high * 2**32 + self.generator.word()) % 2**53 * 2.0**-53

    def uniform(self, a: float, b: float, n: int) -> list[np.float32]:
        low, high = F(a), F(b)
        w = high - low
        values = [(fma if self.fused else separate)(self.unit(), w, low) for _ in range(n)]
        return [low if value == high else value for value in values]

    def normal(self, mean: float, std: float, n: int) -> list[np.float32]:
        if n < 16:
            return [self.small_normal_value(mean, std) for _ in range(n)]
        units = [self.unit() for _ in range(n)]
        values = []
        for start in range(0, n - 15, 16):
            values += self.block(units[start : start + 16], F(mean), F(std))
        if n % 16:
            values = values[: n - 16] + self.block([self.unit() for _ in range(16)], F(mean), F(std))
        return values

    def block(self, d: list[np.float32], mean: np.float32, std: np.float32) -> list[np.float32]:
        cosines, sines = [], []
        for j in range(8):
            if self.fused:
                radius = root(F(-2) * torch_log(ONE - d[j]))
                sine, cosine = torch_sin_cos(d[j + 8])
                cosines.append(fma(radius * cosine, std, mean))
                sines.append(fma(radius * sine, std, mean))
            else:
                radius = root(F(-2) * logf_double(ONE - d[j]))
                angle = F(float(d[j + 8]) * 6.283185307179586)
                cosines.append(fma(radius * cosf_double(angle), std, mean))
                sines.append(fma(radius * sinf_double(angle), std, mean))
        return cosines + sines

    def small_normal_value(self, mean: float, std: float) -> np.float32:
        if self.pending is None:
            a, b = self.unit53(), self.unit53()
            r = math.sqrt(-2 * math.log1p(-b))
            t = 6.283185307179586 * a
            z, self.pending = r * math.cos(t), r * math.sin(t)
        else:
            z, self.pending = self.pending, None
        return F(fma64(z, std, mean) if self.fused else z * std + mean)

    def bernoulli(self, p: float, n: int) -> list[bool]:
        return [self.unit53() < p for _ in range(n)]

    def shuffle(self, items: list) -> None:
        n = len(items)
        for i in range(n - 1):
            j = i + self.generator.word() % (n - i)
            items[i], items[j] = items[j], items[i]


def torch_distribution(initializer: tuple, fan_in: int, fan_out: int) -> tuple:
    """Make float64 parameters; an initializer is as in odt_distribution, or ("default",) or ("bias",)."""
    name, *parameters = initializer
    if name == "constant":
        return name, F(parameters[0])
    if name in {"uniform", "normal"}:
        return initializer
    if name == "default":
        name, parameters = "kaiming", ["uniform", math.sqrt(2 / (1 + math.sqrt(5) * math.sqrt(5)))]
    if name == "bias":
        return "uniform", -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in)
    mode = "fan_in"
    if name == "variance_scaling":
        scale, mode, kind, gain = parameters
        name = "xavier" if mode == "fan_avg" else "kaiming"
        gain *= math.sqrt(scale)
    else:
        kind, gain = parameters
    if name == "kaiming":
        s = gain / math.sqrt(fan_out if mode == "fan_out" else fan_in)
    else:
        s = gain * math.sqrt(2 / (fan_in + fan_out))
    return ("uniform", -math.sqrt(3) * s, math.sqrt(3) * s) if kind == "uniform" else ("normal", 0.0, s)


# Models.


def layout(dialect: str, kind: str, sizes: dict) -> tuple[tuple[int, ...], int, int, int]:
    """Return the weight's shape, fan_in, fan_out, and the length of the bias."""
    if kind == "Linear":
        shape = sizes["out_features"], sizes["in_features"]
        return shape, shape[1], shape[0], shape[0]
    out, into, k, groups = (sizes[key] for key in ("out_channels", "in_channels", "kernel_size", "groups"))
    shape = (out, into // groups, k) if kind == "Conv1d" else (into, out // groups, k)
    if dialect.startswith("torch"):
        return shape, shape[1] * k, shape[0] * k, out
    if kind == "Conv1d":
        return shape, into // groups * k, out // groups * k, out
    return shape, out // groups * k, into * k, out


def dialect_of(name: str, target: str, seed: int) -> tuple:
    """Return how the dialect draws, its parameters, and the default weight and bias."""
    if name == "portable":
        return Portable(Pcg32(seed)), portable_distribution, ("default",), ("default",)
    if name.startswith("torch"):
        torch = Torch(Mt19937(seed % 2**32), name == "torch")
        return torch, torch_distribution, ("default",), ("bias",)
    zero, deviation, gain = {
        "odt": (0xFFFFFFFF, "first", 0.57735026919),
        "odt-2026-06": (0xFFFFFFFF, "last", 0.57735026919),
        "odt-2026-04": (1, "last", 1.41421356237),
    }[name]
    weight = ("kaiming", "uniform", gain)
    bias = ("constant", 0) if name == "odt-2026-04" else weight
    return Odt(Xorshift32(seed or zero), target, deviation), odt_distribution, weight, bias


def init(dialect: str, target: str, seed: int, layers: list[tuple]) -> list[list[int]]:
    """Return the bits of all buffers. A layer is (kind, sizes, has a bias, initializer of its weight or None)."""
    draws, distribution, default_weight, default_bias = dialect_of(dialect, target, seed)
    buffers = []
    for kind, sizes, has_bias, weight in layers:
        if kind in {"LayerNorm", "GroupNorm"}:
            n = math.prod(sizes["normalized_shape"]) if kind == "LayerNorm" else sizes["num_channels"]
            buffers += [[0x3F800000] * n, [0] * n]
            continue
        shape, fan_in, fan_out, out = layout(dialect, kind, sizes)
        parts = [(weight or default_weight, math.prod(shape))] + [(default_bias, out)] * has_bias
        for initializer, n in parts:
            name, *parameters = distribution(initializer, fan_in, fan_out)
            values = parameters * n if name == "constant" else getattr(draws, name)(*parameters, n)
            buffers.append([bits(value) for value in values])
    return buffers
