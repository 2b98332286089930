"""What the property tests draw their inputs from."""

from hypothesis import strategies as st

import embinit

seeds = st.one_of(st.sampled_from([0, 1, 42, 0xFFFFFFFF]), st.integers(0, 2**32 - 1))
states = st.integers(1, 2**32 - 1)
distances = st.one_of(st.integers(0, 5000), st.integers(0, 2**64 - 1))
bit_generators = st.one_of(
    states.map(embinit.Xorshift32),
    st.builds(embinit.Pcg32, st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1)),
)
#: Sizes on both sides of the kernels' block and history lengths.
sizes = st.one_of(st.integers(0, 40), st.sampled_from([511, 512, 513, 8191, 8192, 8193, 8704, 8705, 20000]))
#: Float32 bounds of ordinary size, of wildly different sizes, and exact powers of two.
float32s = st.one_of(
    st.floats(-4, 4, width=32),
    st.floats(-(2.0**60), 2.0**60, width=32),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0**-126, 2.0**-149, -(2.0**-149)]),
)
multiply_adds = st.sampled_from(["separate", "fused"])
small = st.integers(1, 6)


@st.composite
def layers(draw, index=0):
    """A Linear, Conv1d or ConvTranspose1d with any groups, bias and uniform scheme."""
    groups = draw(st.integers(1, 3))
    cls = draw(st.sampled_from([embinit.Linear, embinit.Conv1d, embinit.ConvTranspose1d]))
    if cls is embinit.Linear:
        shape = {"in_features": draw(small), "out_features": draw(small)}
    else:
        shape = {
            "in_channels": groups * draw(small),
            "out_channels": groups * draw(small),
            "kernel_size": draw(small),
            "groups": groups,
        }
    scheme = draw(st.sampled_from([None, embinit.initializers.kaiming_uniform, embinit.initializers.xavier_uniform]))
    gain = draw(st.sampled_from([0.0, -0.0, 1.0, 0.3, -1.5, 5 / 3]))
    return cls(name=f"layer{index}", bias=draw(st.booleans()), weight_init=scheme and scheme(gain=gain), **shape)


@st.composite
def models(draw):
    """A model of up to four layers, any seed, dialect odt, on a target that fuses or one that does not."""
    count = draw(st.integers(1, 4))
    chosen = [draw(layers(index)) for index in range(count)]
    return embinit.Model("m", chosen, seed=draw(seeds), target=draw(st.sampled_from(["cortex-m0", "cortex-m4f"])))
