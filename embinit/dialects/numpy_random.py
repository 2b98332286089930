"""numpy.random's conventions: the arrays of default_rng(seed), and those of RandomState(seed)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from embinit.bitgen import Pcg64
from embinit.bitgen.random_state import RandomState
from embinit.dialects.base import Dialect
from embinit.dialects.seeds import Integers
from embinit.distributions import Constant, Distribution, Normal, SingleNormal, SingleUniform, Uniform
from embinit.errors import EmbinitError, shown
from embinit.initializers import BY_NAME, Initializer, Sliced
from embinit.layers import Conv1d, Conv2d, Conv3d, Layer, Parameter, Weighted
from embinit.samplers import LegacyNumPy, NumPy

_COMMON: Mapping[str, Callable[..., Initializer]] = {
    name: BY_NAME[name] for name in ("zeros", "ones", "constant", "uniform", "normal")
}


def distribution(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:  # noqa: ARG001 (no fans here)
    """Return what a call of NumPy draws; its parameters stay doubles."""
    match initializer:
        case Normal(_, stddev) if stddev < 0:
            raise EmbinitError(f"stddev must not be negative in NumPy, got {shown(stddev)}")
        case Constant() | Uniform() | Normal() | SingleUniform() | SingleNormal():
            return initializer
    raise EmbinitError(f"NumPy has no {initializer}: use uniform or normal, with the bounds that you compute")


def ascending(initializer: Initializer, fan_in: int, fan_out: int) -> Distribution:
    """Return what a call of a NumPy Generator draws: unlike RandomState, it refuses bounds in the wrong order."""
    if isinstance(initializer, Uniform) and initializer.low > initializer.high:
        raise EmbinitError(
            f"low must not exceed high in NumPy, got {shown(initializer.low)} and {shown(initializer.high)}"
        )
    return distribution(initializer, fan_in, fan_out)


#: The shapes that programs on NumPy give their arrays: x @ W + b, and images with channels first.
LAYOUTS = {
    "Linear": ("in", "out"),
    **{kind.__name__: ("out", "in", *kind.kernel_axes) for kind in (Conv1d, Conv2d, Conv3d)},
}


class NumPyDialect(Dialect):
    """Layers that a program on NumPy writes itself: each says what its weight draws."""

    def default(self) -> Initializer:
        """Raise EmbinitError: nothing is drawn by default."""
        raise EmbinitError(
            f"dialect {self.name} has no default initializer, because NumPy has no layers: give weight_init what the "
            "program draws, such as uniform with its low and high, or normal with its mean and stddev"
        )

    def parameters(self, layer: Layer) -> Iterable[Parameter]:
        """Return what a layer holds, in the order in which it is filled."""
        if isinstance(layer, Weighted) and layer.weight_init is None:
            told = layer.told.get("weight")
            if told is None or (isinstance(told, Sliced) and told.initializer is None):
                self.default()
        return super().parameters(layer)


def _dialect(**given: Any) -> NumPyDialect:
    """Return a dialect of weights with initializers of their own, and biases of zeros."""
    return NumPyDialect(
        weight=Constant(0.0),
        bias=Constant(0.0),
        layouts=LAYOUTS,
        **given,
    )


NUMPY = _dialect(
    name="numpy",
    summary="NumPy: the arrays of numpy.random.default_rng(seed), as float32",
    seeds=Integers(0),
    seeded=Pcg64,
    sampler=NumPy(),
    distribution=ascending,
    named={**_COMMON, "random": SingleUniform, "standard_normal": SingleNormal},
)

NUMPY_LEGACY = _dialect(
    name="numpy-legacy",
    summary="NumPy: the arrays of numpy.random.seed(seed) and RandomState(seed), as float32",
    seeds=range(2**32),
    seeded=RandomState,
    sampler=LegacyNumPy(),
    distribution=distribution,
    named={
        **_COMMON,
        "random": lambda: Uniform(0.0, 1.0),
        "rand": lambda: Uniform(0.0, 1.0),
        "randn": lambda: Normal(0.0, 1.0),
        "standard_normal": lambda: Normal(0.0, 1.0),
    },
)
