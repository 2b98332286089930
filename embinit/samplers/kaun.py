"""Values as Kaun draws them: an array has a key, and an element has its place under that key."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator, KaunAlpha3Scope, KaunScope
from embinit.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError
from embinit.samplers.base import CDraw, Sampler, Source, bits_of
from embinit.targets import LIBMS, Build


@dataclass(frozen=True)
class Kaun(Sampler):
    """Nx's rand, randn and truncated_normal; scope: what gives the keys."""

    keyed = True
    scope: type[KaunScope | KaunAlpha3Scope]

    @property
    def word_bits(self) -> int:  # type: ignore[override]
        """The width of a key."""
        return self.scope.word_bits

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError if a generator gives no keys."""
        if not isinstance(bitgen, self.scope):
            raise EmbinitError(
                f"the generator must be a {self.scope.__name__}, whose words are keys, got {bitgen.label}: "
                "use Generator.seeded"
            )

    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if Nx does not have the distribution."""
        if not isinstance(distribution, Constant | Uniform | Normal | TruncatedNormal):
            raise _unknown(distribution)

    def bound(self, distribution: Distribution, build: Build) -> Distribution:
        """Return a distribution as it is, or raise EmbinitError if it calls a libm of no known class."""
        if isinstance(distribution, Normal | TruncatedNormal):
            _ = build.known_libm
        return distribution

    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many keys n elements take; None for truncated values, which are drawn again."""
        match distribution:
            case Constant():
                return 0
            case Uniform():
                return 1
            case Normal():
                return self.scope.keys_of_normal if n or self.scope.keys_of_normal == 1 else 0
            case TruncatedNormal():
                return None
        raise _unknown(distribution)

    def stride(self, distribution: Distribution, n: int) -> int:  # noqa: ARG002 (none can be)
        """Return 0: an array is drawn whole, from its key."""
        return 0

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of keys taken."""
        scope = source.bitgen
        assert isinstance(scope, KaunScope | KaunAlpha3Scope)
        _, before = scope.state
        match distribution:
            case Constant(value):
                out.fill(np.float32(value))
            case Uniform(low, high):
                from embinit._kernels.kaun import uniform

                uniform(*_words(scope.taken()), scope.hashed, 0, out)
                with np.errstate(all="ignore"):
                    out *= np.float32(high - low)
                    out += np.float32(low)
            case Normal(mean, stddev) | TruncatedNormal(mean, stddev):
                again = _normal(scope, source.build, False, out)
                while again and isinstance(distribution, TruncatedNormal):
                    again = _normal(scope, source.build, True, out)
                with np.errstate(all="ignore"):
                    out *= np.float32(stddev)
                    if mean:
                        out += np.float32(mean)
            case _:
                raise _unknown(distribution)
        _, taken = scope.state
        return taken - before

    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:
        """Return embinit_constant or one of the embinit_kaun functions with its rule."""
        way = "embinit_kaun_of_alpha3" if self.scope.hashed else "embinit_kaun_today"
        match distribution:
            case Constant(value):
                return CDraw("embinit_constant", bits_of(value))
            case Uniform(low, high):
                rule = "embinit_kaun_rule", f"&{way}, 0, 0, {n}u"
                with np.errstate(over="ignore"):
                    width = np.float32(high - low)
                return CDraw("embinit_kaun_uniform", bits_of(low), bits_of(width), rule, "embinit_kaun.h")
            case Normal(mean, stddev) | TruncatedNormal(mean, stddev):
                libm = build.known_libm.replace("-", "_")
                rule = "embinit_kaun_rule", f"&{way}, embinit_logf_{libm}, embinit_cosf_{libm}, {n}u"
                function = "normal" if isinstance(distribution, Normal) else "truncated_normal"
                return CDraw(f"embinit_kaun_{function}", bits_of(mean), bits_of(stddev), rule, "embinit_kaun.h")
        raise _unknown(distribution)

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:  # noqa: ARG002
        """Raise EmbinitError: an Nx mask is a uniform array that is compared."""
        raise EmbinitError("Kaun draws no masks: draw a uniform array and compare it with p")

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:  # noqa: ARG002
        """Raise EmbinitError: how Nx shuffles is not known here."""
        raise EmbinitError("Kaun shuffles nothing here: use a generator of another dialect")


def _normal(scope: KaunScope | KaunAlpha3Scope, build: Build, renew: bool, out: NDArray[np.float32]) -> int:
    """Draw standard normal values with the next keys; return how many are outside of -2 to 2."""
    if not out.size and scope.hashed:
        return 0
    from embinit._kernels.kaun import normal

    angle, radius = scope.keys_of_pairs()
    return normal(*_words(angle), *_words(radius), scope.hashed, LIBMS.index(build.known_libm), renew, out)


def _words(key: tuple[int, ...]) -> tuple[int, int]:
    """Return a key as two words."""
    return key[0], key[-1]


def _unknown(distribution: Distribution) -> EmbinitError:
    return EmbinitError(f"Kaun has no {distribution}: use a uniform, normal or truncated normal one")
