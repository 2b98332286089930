"""The new weights of a layer that grows: from which distribution, in which order, and with which mirror image."""

import math
from dataclasses import dataclass
from inspect import signature

import numpy as np

from embinit.dialects import Dialect
from embinit.distributions import Constant, Distribution, Normal, Sparse, TruncNormal, Uniform
from embinit.errors import EmbinitError, check_known, listed
from embinit.generator import Generator
from embinit.growth.weights import Floats, variance
from embinit.initializers import Initializer
from embinit.layers import check_size

#: The name of an initializer, or an Initializer.
HowDrawn = str | Initializer
#: Initializers as GroMo names them; any other name is one of the model's dialect.
INITIALIZERS = ("copy_uniform", "copy_normal", "kaiming", "kaiming_normal", "zeros", "lecun_normal")
#: What replaces an initializer that copies a variance if there is no variance to copy.
WITHOUT_VARIANCE = {"copy_uniform": "kaiming", "copy_normal": "kaiming_normal"}


def spread(initializer: str, reference: Floats | None, fan_in: int) -> Distribution:
    """Return the distribution that new weights are drawn from, before a dialect rounds its parameters.

    Parameters
    ----------
    initializer
        A name of INITIALIZERS: "copy_uniform" and "copy_normal" copy the variance of reference.
    reference
        The existing weights, float32 of any shape, or None. If they have no variance, the fan decides.
    fan_in
        How many inputs an output of the grown layer has.

    Raises
    ------
    EmbinitError
        If the name is unknown, the existing weights are not finite, or the fan is needed and not positive.

    Examples
    --------
    >>> spread("kaiming", None, 6)
    Uniform(low=-1.0, high=1.0)
    >>> spread("copy_normal", np.array([1, -1, 1, -1, 1], np.float32), 6)
    Normal(mean=0.0, stddev=1.0954451150103324)
    """
    check_known("initializer", initializer, INITIALIZERS)
    found = 0.0 if reference is None else variance(reference)
    match initializer if found else WITHOUT_VARIANCE.get(initializer, initializer):
        case "copy_uniform":
            return _symmetric(math.sqrt(3.0 * found))
        case "copy_normal":
            return Normal(0.0, math.sqrt(found))
        case "kaiming":
            return _symmetric(_per_fan(6.0, fan_in))
        case "kaiming_normal":
            return Normal(0.0, _per_fan(2.0, fan_in))
        case "lecun_normal":
            return Normal(0.0, _per_fan(1.0, fan_in))
        case "zeros":
            return Constant(0.0)
    raise AssertionError(initializer)


def _symmetric(bound: float) -> Uniform:
    return Uniform(-bound, bound)


def _per_fan(numerator: float, fan_in: int) -> float:
    check_size("fan_in", fan_in)
    return math.sqrt(numerator / fan_in)


def chosen_initializer(dialect: Dialect, given: HowDrawn) -> HowDrawn:
    """Return a name of INITIALIZERS or an Initializer as it is, and for any other name the dialect's initializer."""
    if isinstance(given, Initializer):
        return given
    if not isinstance(given, str):
        raise EmbinitError(
            "initializer must be a name or an Initializer such as embinit.initializers.he_uniform(), "
            f"got a {type(given).__name__}"
        )
    if given in INITIALIZERS:
        return given
    check_known("initializer", given, [*dict.fromkeys([*INITIALIZERS, *dialect.named])])
    factory = dialect.named[given]
    needed = [name for name, parameter in signature(factory).parameters.items() if parameter.default is parameter.empty]
    if needed:
        raise EmbinitError(f"initializer {given} needs its {listed(needed)}: give embinit.initializers.{given}(...)")
    return factory()


@dataclass(frozen=True)
class Extension:
    """How a tensor of new weights is drawn.

    mirror: None, or 1 or -1: then only the first half along the axis is drawn, and the second half repeats it with that
    sign. run: how many elements are drawn at a time.
    """

    distribution: Distribution
    shape: tuple[int, ...]
    axis: int
    mirror: float | None
    run: int

    @classmethod
    def of(
        cls,
        dialect: Dialect,
        init: HowDrawn,
        reference: Floats,
        shape: tuple[int, ...],
        axis: int,
        fans: tuple[int, int],
        mirror: float | None,
    ) -> "Extension":
        """Return the extension of a reference, or raise EmbinitError if the dialect cannot draw it."""
        fresh = shape if mirror is None else (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
        given = spread(init, reference, fans[0]) if isinstance(init, str) else init
        distribution, run = dialect.distribution(*dialect.meaning(given, fresh, fans)), math.prod(fresh)
        if fresh != shape and math.prod(shape[:axis]) > 1 and dialect.sampler.strided_run:
            if isinstance(distribution, TruncNormal | Sparse):
                raise EmbinitError(
                    f"initializer {distribution} does not go with pairing in dialect {dialect.name}: "
                    "the half of a tensor that it fills does not lie in one piece; use uniform or normal, or no pairing"
                )
            run = dialect.sampler.strided_run if isinstance(distribution, Normal) else run
        return cls(distribution, shape, axis, mirror, run)

    def drawn(self, generator: Generator) -> Floats:
        """Return the tensor of new weights, drawn from a generator."""
        out = np.empty(self.shape, np.float32)
        fresh = out if self.mirror is None else np.split(out, 2, self.axis)[0]
        flat = np.empty(fresh.size, np.float32)
        for start in range(0, flat.size, self.run or 1):
            generator.draw(self.distribution, flat[start : start + self.run])
        fresh[...] = flat.reshape(fresh.shape)
        if self.mirror is not None:
            np.split(out, 2, self.axis)[1][...] = fresh * np.float32(self.mirror)
        return out
