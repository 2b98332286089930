"""2. Bit generators."""

from collections.abc import Iterator
from itertools import count


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

    @classmethod
    def by_array(cls, s: int) -> "Mt19937":
        """Return one of init_by_array of a word."""
        made = cls(19650218)
        m, i = made.words, 1
        for step in range(624 + 623):
            factor, more = (1664525, s) if step < 624 else (1566083941, -i)
            m[i] = ((m[i] ^ (m[i - 1] ^ m[i - 1] >> 30) * factor) + more) % 2**32
            i += 1
            if i == 624:
                m[0], i = m[623], 1
        m[0] = 0x80000000
        return made

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


def seed_sequence(seed: int, children: tuple[int, ...] = ()) -> list[int]:
    """Return generate_state(4, uint64), of a seed or of its child, and that one's, by their numbers."""
    w = [seed >> i & 0xFFFFFFFF for i in range(0, max(seed.bit_length(), 1), 32)]
    if children:
        w += [0] * (4 - len(w))
        w += children
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


def pcg64(seed: int, dxsm: bool = False, children: tuple[int, ...] = ()) -> Iterator[int]:
    m = 2549297995355413924 * 2**64 + 4865540595714422341
    d = 0xDA942042E4DD58B5
    q = seed_sequence(seed, children)
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


def philox_block(key: int, counter: int) -> list[int]:
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    x0, x1, x2, x3 = (counter >> i & 0xFFFFFFFF for i in (0, 32, 64, 96))
    for _ in range(10):
        p, q = 0xCD9E8D57 * x2, 0xD2511F53 * x0
        x0, x1, x2, x3 = p >> 32 ^ x1 ^ k0, p & 0xFFFFFFFF, q >> 32 ^ x3 ^ k1, q & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [x0, x1, x2, x3]


def philox4x32(seed: int) -> Iterator[int]:
    for counter in count():
        yield from philox_block(seed, counter)


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
