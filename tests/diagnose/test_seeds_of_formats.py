"""Another seed is found whatever the format is: by values, by signs, or by simulating the seeds that are likely."""

import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose


def bundle(dialect, weight_format, seed):
    layer = embinit.Linear(
        name="fc", in_features=12, out_features=6, weight_format=weight_format, bias_format=weight_format
    )
    return gather(embinit.Model("m", [layer], seed, dialect).plan())


@pytest.mark.parametrize(
    ("dialect", "weight_format", "seed"),
    [
        ("odt", "float16", 0x9ABCDEF1), ("odt", "bfloat16", 777), ("odt", "affine8", 43), ("odt", "bfp8e5", 777),
        ("tinn", "float16", 777), ("tinn", "int8", 43), ("tinn", "asym5", 777), ("tinn", "bfp8e5", 43),
        ("kaun", "bfloat16", 43), ("kaun", "sym5", 777), ("flax-nnx", "float16", 3_000_000), ("torch", "int4", 43),
    ],
)  # fmt: skip
def test_another_seed(dialect, weight_format, seed):
    dump = {array.name: bytes(array.payload) for array in bundle(dialect, weight_format, seed).arrays}
    found = diagnose(bundle(dialect, weight_format, 42), dump, "dump").explanations[0]

    assert found.exact
    assert found.lines == {"[model]": f"seed = {seed}"}
