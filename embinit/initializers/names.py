"""The names of initializers, as model files and dialects write them."""

from embinit.distributions import (
    BoundedNormal,
    Broadcast,
    Constant,
    Dirac,
    Eye,
    Normal,
    PaddedNormal,
    ScaledUniform,
    SingleNormal,
    SingleUniform,
    Sparse,
    TruncatedNormal,
    TruncNormal,
    Uniform,
)
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
from embinit.initializers.records import Seeded, VarianceScaling
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

#: Names that frameworks have and no dialect can have: why, and what to use instead.
WITHOUT_BITS = dict.fromkeys(
    ("orthogonal", "orthogonal_", "delta_orthogonal", "Orthogonal"),
    "orthogonal has no bits of its own: a framework takes the QR decomposition of the LAPACK that it was built with; "
    "use xavier_uniform, xavier_normal or kaiming_normal",
)

#: Initializers under the names of their classes, with their fields as parameters, which every dialect reads: a model
#: that is written has these where a dialect has no name of its own.
BY_CLASS = {
    cls.__name__: cls
    for cls in (
        Constant, Broadcast, Uniform, Normal, TruncatedNormal, ScaledUniform, SingleUniform, SingleNormal,
        BoundedNormal, TruncNormal, Sparse, Eye, Dirac, PaddedNormal, VarianceScaling, Seeded,
    )
}  # fmt: skip

#: The names that a model file may write as weight_init, besides "default".
BY_NAME = {
    factory.__name__: factory
    for factory in (
        zeros, ones, constant, uniform, normal, truncated_normal, variance_scaling, kaiming_uniform, kaiming_normal,
        xavier_uniform, xavier_normal, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform,
        lecun_normal, trunc_normal, sparse, eye, dirac,
    )
}  # fmt: skip
