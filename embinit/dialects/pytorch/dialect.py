"""PyTorch's conventions on the CPU: the weights of the same nn.Sequential after torch.manual_seed(seed)."""

from dataclasses import replace

from embinit.dialects.base import Dialect
from embinit.dialects.pytorch.rules import (
    DEFAULT_BIAS,
    DEFAULT_WEIGHT,
    LAYERS,
    LAYOUTS,
    NAMED,
    distribution,
    seeded,
    shape_fans,
)
from embinit.distributions import Dirac, Eye, Sparse, TruncNormal
from embinit.samplers import Torch

TORCH = Dialect(
    name="torch",
    summary="PyTorch 2.12 to 2.15 on Linux with AVX2: the bits of torch.manual_seed(seed) on every target",
    seeds=range(-(2**63), 2**64),
    seeds_count_modulo_2_32=True,
    seeded=seeded,
    sampler=Torch(fused=True),
    weight=DEFAULT_WEIGHT,
    bias=DEFAULT_BIAS,
    layouts=LAYOUTS,
    distribution=distribution,
    named=NAMED,
    shape_fans=shape_fans,
    layers=LAYERS,
    own=(TruncNormal, Sparse, Eye, Dirac),
    construction_draws=True,
)

TORCH_NOFMA = replace(
    TORCH,
    name="torch-nofma",
    summary="PyTorch where it does not fuse: Windows, and x86 without AVX2 (uniform values)",
    sampler=Torch(fused=False),
)
