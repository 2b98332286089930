"""The seed of a torch model in C: PyTorch takes 64 bits and uses 32."""

import pytest

import embinit
from embinit import codegen
from embinit.bundle import gather


@pytest.mark.parametrize("seed", [-1, 42, 2**32 - 1, 2**63])
def test_c_takes_the_32_bits_that_count(seed):
    layers = [embinit.Linear(name="fc", in_features=3, out_features=2)]
    bundle = gather(embinit.Model("tiny", layers, seed, "torch").plan())

    assert "void tiny_init(const tiny_buffers *buffers, uint32_t seed);" in codegen.init_header(bundle)
