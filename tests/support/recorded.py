"""The recorded bits: what OnDeviceTraining's C code left in its buffers on eight device builds, and PyTorch on one.

`vectors/odt/manifest.json` lists the cases: their inputs and, for each output and platform, the words or their CRC32.
`vectors/torch/torch.json` lists calls of PyTorch with a seed, and where the words of each result stand.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import embinit

VECTORS = Path(__file__).parents[1] / "vectors"

PLATFORMS: dict[str, tuple[str, str | None]] = {  # recorded platform -> target, multiply_add override
    "x86": ("host", None),
    "x86fma": ("x86-64-v3", None),
    "m0": ("cortex-m0", None),
    "m3": ("cortex-m3", None),
    "m4f": ("cortex-m4f", None),
    "m4f_nofma": ("cortex-m4f", "separate"),
    "m7": ("cortex-m7", None),
    "m7_nofma": ("cortex-m7", "separate"),
}
FUSED = frozenset({"x86fma", "m4f", "m7"})  # platforms whose compiler contracted ODT's own code
LAYER_TYPES = {"Conv1dTransposed": "ConvTranspose1d"}
SCHEMES = {
    "INIT_DEFAULT": "default",
    "INIT_KAIMING_UNIFORM": "kaiming_uniform",
    "INIT_XAVIER_UNIFORM": "xavier_uniform",
}
DTYPES = {"f32_bits": "<u4", "u32": "<u4", "i32": "<i4", "u8": "u1"}

Case = dict[str, Any]
Array = np.ndarray[Any, Any]


@cache
def _manifest() -> dict[str, Any]:
    return dict(json.loads((VECTORS / "odt" / "manifest.json").read_text()))


@cache
def _arrays(name: str) -> dict[str, Array]:
    with np.load(VECTORS / f"{name}.npz") as stored:
        return dict(stored)


def _variant(case: Case, output: str, platform: str) -> dict[str, Any]:
    variants = case["outputs"][output]["variants"]
    return next(v for v in variants if v["platforms"] == "all" or platform in v["platforms"])


def cases(*groups: str) -> list[Case]:
    """Cases of the given groups: bernoulli, distributions, layers, libm, models, quant, rng, shuffle."""
    found = [case for case in _manifest()["cases"] if case["group"] in groups]
    if {case["group"] for case in found} != set(groups):
        raise ValueError(f"recorded groups must exist, got {groups}")
    return found


def bits(parameter: dict[str, str]) -> int:
    """Exact float32 bits of a float parameter of a case's inputs."""
    return int(parameter["bits"], 16)


def model_layer(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer of a case's inputs in the words of a model file, beside the words of its own."""
    layer = layer | {"type": LAYER_TYPES.get(layer["type"], layer["type"])}
    if "weight_init" not in layer:
        return layer
    gain = np.array([bits(layer["weight_init"]["gain"])], "<u4").view("<f4")[0]
    return layer | {
        "weight_init": SCHEMES[layer["weight_init"]["scheme"]],
        "gain": float(gain),
        "bias": layer["bias"] != "BIAS_FALSE",
    }


def pieces(case: Case, output: str, platform: str) -> list[tuple[int, Array]]:
    """Stored runs of an output, each with the index of its first element: all of it, or head and tail above 20000."""
    stored, variant = _arrays(f"odt/{case['group']}"), _variant(case, output, platform)
    dtype, n = DTYPES[case["outputs"][output]["kind"]], case["outputs"][output]["n"]
    if "values" in variant:
        return [(0, np.array(variant["values"], dtype))]
    if "key" in variant:
        return [(0, stored[variant["key"]])]
    head, tail = stored[variant["head"]], stored[variant["tail"]]
    return [(0, head), (n - tail.size, tail)]


def words(case: Case, output: str, platform: str) -> Array:
    """All words of an output (uint32 for float32 bits); ValueError where only head, tail and CRC32 were kept."""
    runs = pieces(case, output, platform)
    if len(runs) > 1:
        raise ValueError(f"{case['id']} {output}: only head, tail and CRC32 are recorded; use pieces() and same()")
    return runs[0][1]


def _quiet(array: Array, kind: str) -> Array:
    """The words with every NaN made one: its sign and payload are the platform's, not the code's."""
    return np.where((array & 0x7FFFFFFF) > 0x7F800000, np.uint32(0x7FC00000), array) if kind == "f32_bits" else array


def same(case: Case, output: str, platform: str, array: Any) -> bool:
    """Whether `array` (an array of the output's element size, or Python ints) holds exactly the recorded words.

    NaN equals NaN. Where only head and tail were kept, the CRC32 of the whole decides.
    """
    kind, runs = case["outputs"][output]["kind"], pieces(case, output, platform)
    given = array.ravel().view(DTYPES[kind]) if isinstance(array, np.ndarray) else np.array(array, DTYPES[kind])
    if len(runs) > 1:
        return zlib.crc32(given.tobytes()) == int(_variant(case, output, platform)["crc32"])
    return np.array_equal(_quiet(given, kind), _quiet(runs[0][1], kind))


@cache
def _torch_manifest() -> dict[str, Any]:
    return dict(json.loads((VECTORS / "torch" / "torch.json").read_text()))


def torch_cases(*kinds: str) -> list[Case]:
    """PyTorch cases of the given kinds: init, layer, model, normal_, random_int32, random_int64, randperm, stream,
    uniform_.
    """
    found = [case for case in _torch_manifest()["cases"] if case["kind"] in kinds]
    if {case["kind"] for case in found} != set(kinds):
        raise ValueError(f"recorded kinds must exist, got {kinds}")
    return found


def torch_words(case: Case, name: str = "", capability: str = "avx2") -> Array:
    """Words (uint32) of one of a case's arrays, as left by the `avx2` (fused) or `default` (separate) kernels."""
    (entry,) = (array for array in case["arrays"] if array["name"] == name)
    return _arrays("torch/torch")[capability][entry["offset"] :][: entry["words"]]


def torch_layer(name: str, layer_type: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> embinit.layers.Layer:
    """The layer that a call of a class of torch.nn makes, without what moves no bit."""
    cls = embinit.layers.WITH_PARAMETERS[layer_type]
    own = [field.name for field in fields(cls) if field.default is MISSING]
    given = {key: value for key, value in kwargs.items() if key not in cls.without_effect}
    return cls(name=name, **dict(zip(own, args, strict=True)), **given)
