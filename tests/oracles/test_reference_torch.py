"""The oracle's PyTorch against recorded bits."""

from typing import Any

import pytest

from support import reference as ref
from support.recorded import torch_cases, torch_words
from support.scripted import Scripted, float_bits

TORCH_SIZES = {
    "Linear": ("in_features", "out_features"),
    "Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose1d": ("in_channels", "out_channels", "kernel_size"),
}
CAPABILITIES = {"avx2": True, "default": False}  # fused or not


def torch_layer(name: str, sizes: list[int], options: dict[str, Any]) -> ref.Layer:
    return {"type": name} | dict(zip(TORCH_SIZES.get(name, ()), sizes, strict=False)) | options


def check_next_word(case: dict[str, Any], generator: ref.MT19937) -> None:
    assert generator.draw() % 2**31 == case["next_random_int32"]


def test_torch_words() -> None:
    for case in torch_cases("random_int32"):
        generator = ref.MT19937(case["seed"])
        assert [generator.draw() % 2**31 for _ in range(case["n"])] == torch_words(case).tolist()
        check_next_word(case, generator)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_torch_uniform(capability: str) -> None:
    for case in torch_cases("uniform_"):
        generator = ref.MT19937(case["seed"])
        fused = CAPABILITIES[capability]
        drawn = [ref.torch_uniform(case["a"], case["b"], generator, fused) for _ in range(case["n"])]
        assert drawn == torch_words(case, "", capability).tolist(), case
        check_next_word(case, generator)


def test_torch_uniform_never_gives_its_upper_end() -> None:
    """Where a + k * 2^-24 * (b - a) rounds to b, torch 2.12 and later return a."""

    low, high = 2.0**24, 2.0**24 + 2

    assert ref.torch_uniform(low, high, Scripted(0xFFFFFFFF), fused=True) == float_bits(low)
    assert ref.torch_uniform(-0.0, 0.0, Scripted(0xFFFFFFFF), fused=True) == float_bits(-0.0)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("kind", ["layer", "model"])
def test_torch_layers(kind: str, capability: str) -> None:
    checked = 0
    for case in torch_cases(kind):
        layers = case["layers"] if kind == "model" else [(case["fn"], case["args"], case["kwargs"])]
        if not {name for name, _, _ in layers} <= {*TORCH_SIZES, "BatchNorm1d"}:
            continue
        generator = ref.MT19937(case["seed"])
        for i, layer in enumerate(layers):
            for name, tensor in ref.torch_layer(torch_layer(*layer), generator, CAPABILITIES[capability]).items():
                recorded = torch_words(case, f"{i}.{name}" if kind == "model" else name, capability)
                assert tensor == recorded.tolist(), (case["seed"], layer, name)
                checked += 1
        check_next_word(case, generator)
    assert checked == {"layer": 156, "model": 84}[kind]
