"""Layers of OnDeviceTraining's recorded cases as embinit's."""

import embinit
from embinit import initializers

LAYER_TYPES = {"Conv1dTransposed": "ConvTranspose1d"}
SCHEMES = {
    "INIT_KAIMING_UNIFORM": initializers.kaiming_uniform,
    "INIT_XAVIER_UNIFORM": initializers.xavier_uniform,
}
SIZES = (
    "in_channels", "out_channels", "kernel_size", "in_features", "out_features",
    "normalized_shape", "num_groups", "num_channels",
)  # fmt: skip


def layer_of(described, index):
    """Build the embinit layer of a recorded one, or None for one without parameters."""
    cls = getattr(embinit, LAYER_TYPES.get(described["type"], described["type"]), None)
    if cls is None:
        return None
    keys = {key: described[key] for key in SIZES if key in described}
    if described.get("groups", 0) > 1:
        keys["groups"] = described["groups"]
    if described.get("bias") == "BIAS_FALSE":
        keys["bias"] = False
    scheme = SCHEMES.get(described.get("weight_init", {}).get("scheme"))
    if scheme:
        keys["weight_init"] = scheme(gain=float(described["weight_init"]["gain"]["value"]))
    return cls(name=f"L{index}", **keys)
