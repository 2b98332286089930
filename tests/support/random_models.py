"""Models over all dialects, layers, formats and roundings, of small sizes and of parameters of any size."""

import inspect
from functools import cache

from hypothesis import strategies as st

from embinit.api import Model
from embinit.dialects import DIALECTS
from embinit.errors import EmbinitError
from embinit.formats import ROUNDINGS
from embinit.layers import DRAW_FREE, WITH_PARAMETERS, Convolution, DrawFree, Norm, Weighted

sizes, booleans, few, tens = st.integers(1, 6), st.booleans(), st.integers(1, 3), st.integers(0, 29)
#: Ordinary parameters, and those at the ends of float32 and beyond.
ordinary = st.floats(-2, 2)
numbers = st.one_of(
    *[ordinary] * 5,
    st.sampled_from([0, 0.0, -0.0, 1, -1, 0.5, 0.001, 2.0**-24, 1e-10, 1e-20, 1e-30, 1e-37, 2.0**-126, 2.0**-149]),
    st.sampled_from([2.0**31, 1e20, 1e30, 6e37, 1.5e38, 3e38, -3e38, 3.4028234e38, 3.4028236e38, 1e39, 10**400]),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
formats = st.one_of(
    st.just("float32"),
    st.sampled_from(["q7", "q15", "q31", "int8", "int4"]),
    st.builds("q{}.{}".format, st.integers(1, 16), st.integers(1, 17)),
    st.builds("{}{}".format, st.sampled_from(["sym", "asym", "affine", "sym_int32/"]), st.integers(1, 17)),
    st.builds("{}{}".format, st.sampled_from(["sym", "asym", "sym_int32/"]), st.integers(18, 31)),
    st.builds("bfp{}e{}".format, st.integers(2, 16), st.integers(2, 8)),
)
ARGUMENTS = {
    "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
    "distribution": st.sampled_from(["uniform", "normal", "truncated_normal"]),
    "nonlinearity": st.sampled_from(["relu", "tanh", "leaky_relu", "selu"]),
    "in_axis": st.integers(-4, 3),
    "out_axis": st.integers(-4, 3),
    "groups": sizes,
    "base": st.one_of(numbers, st.lists(numbers, min_size=1, max_size=6)),
}
SIZES = {
    "num_layers": few,
    "num_encoder_layers": st.integers(1, 2),
    "num_decoder_layers": st.integers(1, 2),
    "nhead": few,
    "num_heads": few,
    "d_model": sizes,
    "dim_feedforward": sizes,
    "proj_size": st.integers(0, 3),
    "padding_idx": st.one_of(st.none(), st.integers(-3, 3)),
    "normalized_shape": st.lists(sizes, min_size=1, max_size=3),
}
codes = st.sampled_from(["q7", "q15", "q31", "q3.5", "q1.20"])
roundings, draw_free = st.sampled_from(ROUNDINGS), st.sampled_from(DRAW_FREE)
group_sizes, rarely = st.one_of(st.none(), sizes), st.integers(0, 19)
seeds, targets = st.integers(1, 2**32 - 1), st.sampled_from(["host", "cortex-m0", "cortex-m4f", "cortex-m7"])


@cache
def parameters_of(made):
    return inspect.signature(made).parameters


@cache
def names_of(dialect):
    return st.sampled_from(sorted(DIALECTS[dialect].named))


@cache
def kinds_of(dialect):
    known = WITH_PARAMETERS.items()
    return st.sampled_from([kind for kind, cls in known if issubclass(cls, Norm) or DIALECTS[dialect].has(kind)])


@cache
def initializers(dialect):
    return _initializers(dialect)


@st.composite
def _initializers(draw, dialect):
    factory = DIALECTS[dialect].named[draw(names_of(dialect))]
    given = {
        name: draw(ARGUMENTS.get(name, numbers))
        for name, parameter in parameters_of(factory).items()
        if parameter.default is parameter.empty or draw(booleans)
    }
    return factory(**given)


@cache
def layers(dialect):
    """A layer of any type that the dialect may have, or an EmbinitError of its own."""
    return _layers(dialect)


@st.composite
def _layers(draw, dialect):
    cls = WITH_PARAMETERS[draw(kinds_of(dialect))]
    if draw(tens) == 0:
        return DrawFree(kind=draw(draw_free))
    only_codes, parameters = DIALECTS[dialect].codes is not None, parameters_of(cls)
    held = codes if only_codes else formats
    keys = {"weight_format": draw(held), "bias_format": draw(held)}
    keys["rounding"] = "half_away" if only_codes else draw(roundings)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty:
            keys[name] = draw(sizes)
    for name in ("bias", "bidirectional"):
        if name in parameters:
            keys[name] = draw(booleans)
    if issubclass(cls, Weighted):
        keys["per_channel"] = draw(booleans)
        if keys["weight_format"].startswith(("sym", "affine", "bfp")) or draw(rarely) == 0:
            keys["group_size"] = draw(group_sizes)
        if draw(booleans):
            keys["weight_init"] = draw(initializers(dialect))
    if issubclass(cls, Convolution):
        keys["groups"] = draw(few)
        keys["in_channels"] *= keys["groups"]
        keys["out_channels"] *= keys["groups"]
        keys["kernel_size"] = draw(few)
    for name, values in SIZES.items():
        if name in parameters:
            keys[name] = draw(values)
    for width, heads in (("d_model", "nhead"), ("embed_dim", "num_heads")):
        if heads in keys:
            keys[width] *= keys[heads]
    if cls.__name__ == "GroupNorm":
        keys["num_channels"] *= keys["num_groups"]
    return cls(**keys)


@st.composite
def models(draw):
    """A Model, or the EmbinitError that building it or one of its layers raised."""
    dialect = draw(st.sampled_from(sorted(DIALECTS)))
    seed, target = draw(seeds), draw(targets)
    try:
        chosen = [draw(layers(dialect)) for _ in range(draw(few))]
        return Model("m", chosen, seed=seed, dialect=dialect, target=target)
    except EmbinitError as error:
        return error
