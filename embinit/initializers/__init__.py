"""Initializers: what a tensor should hold.

A dialect turns an initializer, with the fans of the tensor, into a distribution with exact parameters. A distribution
is an initializer too.
"""

from embinit.distributions import Constant, Dirac, Eye, Normal, Sparse, TruncatedNormal, TruncNormal, Uniform
from embinit.initializers.names import BY_CLASS, BY_NAME, WITHOUT_BITS
from embinit.initializers.plain import (
    constant,
    dirac,
    eye,
    normal,
    ones,
    sparse,
    trunc_normal,
    truncated_normal,
    uniform,
    zeros,
)
from embinit.initializers.records import (
    TRUNCATED_STDDEV,
    DistributionName,
    Initializer,
    Mode,
    Named,
    Seeded,
    Sliced,
    VarianceScaling,
)
from embinit.initializers.scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
)

__all__ = [
    "BY_CLASS",
    "BY_NAME",
    "TRUNCATED_STDDEV",
    "WITHOUT_BITS",
    "Constant",
    "Dirac",
    "DistributionName",
    "Eye",
    "Initializer",
    "Mode",
    "Named",
    "Normal",
    "Seeded",
    "Sliced",
    "Sparse",
    "TruncNormal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "constant",
    "dirac",
    "eye",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "sparse",
    "trunc_normal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
