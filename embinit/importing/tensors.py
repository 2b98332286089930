"""State dicts: layers from the names and shapes of their tensors, which say no more than that."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from embinit.errors import EmbinitError
from embinit.importing.found import (
    LAYOUTS,
    Content,
    Found,
    Quantized,
    Unknown,
    Weight,
    convolution,
    linear,
    natural,
    norm,
    of_kind,
    recurrent,
    table,
)
from embinit.layers import WITH_PARAMETERS, Embedding, GroupNorm, LayerNorm, RMSNorm

#: What the files of several frameworks call a layer's weight and bias; those whose kernels have the inputs before the
#: outputs and the axes of the kernel first stand apart.
_WEIGHT, _BIAS = ("weight", "gamma", "scale", "embedding", "embeddings", "table"), ("bias", "beta")
_CHANNELS_LAST = ("kernel",)
#: Tensors that no constructor draws, and that belong to no weight.
_IGNORED = ("num_batches_tracked", "running_mean", "running_var", "moving_mean", "moving_variance", "mean", "var")
_STATISTICS = ("running_mean", "running_var", "moving_mean", "moving_variance")
_SCALES = ("scale", "weight_scale", "scales", "weight.scale")
_RECURRENT = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)(?:_l(\d{1,4})(_reverse)?)?$")
_ATTENTION = ("in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight", "bias_k", "bias_v")
_OUT_PROJ = ("out_proj.weight", "out_proj.bias")
#: Words in a layer's name that tell what shapes do not.
_TABLE = re.compile(r"(^|[._/])(emb\d*|w[tp]e|\w*embed\w*|\w*token\w*|vocab\w*|lookup)$", re.IGNORECASE)
_TRANSPOSED = re.compile(r"(deconv|transpose|convt|(^|[._/])up(\w*conv|\d*$|sample))", re.IGNORECASE)
_GROUPED = re.compile(r"(^|[._/])(gn|group_?norm)\d*$", re.IGNORECASE)
_NORMS = re.compile(r"norm|rms|(^|[._/])ln", re.IGNORECASE)
_SLOPES = re.compile(r"(^|[._/])(act\w*|\w*prelu\w*|relu\w*)$", re.IGNORECASE)
#: Tensors from which a weight is computed: what computes it, and the function that ends that.
_COMPUTED = re.compile(r"(.*?(?:^|[./]))parametrizations[./]")
_REPARAMETRIZED = {
    "parametrizations": ("parametrization", "torch.nn.utils.parametrize.remove_parametrizations"),
    "weight_g": ("weight_norm", "torch.nn.utils.remove_weight_norm"),
    "weight_mask": ("pruning", "torch.nn.utils.prune.remove"),
    "weight_orig": ("spectral_norm", "torch.nn.utils.remove_spectral_norm"),
}


@dataclass(frozen=True)
class Hint:
    """What a file tells about the layer of a weight besides its shape: its type, and keys such as groups."""

    kind: str
    keys: Mapping[str, Any] = field(default_factory=dict)


Hints = Mapping[str, Hint]


def read(tensors: Sequence[Weight], kind: str, hints: Hints | None = None, notes: Sequence[str] = ()) -> Content:
    """Return the layers that named tensors make, in their order; hints: by the names of weights."""
    layers = tuple(_Reader(tensors, hints or {}).layers())
    return Content(kind, layers, (*notes, *(_GUESSED if hints is None else ())))


_GUESSED = (
    "names and shapes are all that it tells: groups other than those of depthwise convolutions, num_groups, num_heads, "
    "padding_idx and layers without weights are not in it, nor is whether a convolution without a bias is transposed, "
    "a Linear without one an Embedding, or a Conv1d a Bilinear",
)


def sorted_by_name(tensors: Sequence[Weight]) -> list[Weight]:
    """Return tensors in the natural order of their layers' names; those of one layer stay together."""
    return sorted(tensors, key=lambda weight: natural(_split(weight.name)[0]))


def _split(name: str) -> tuple[str, str]:
    """Return the path of a layer and the part that a name means.

    >>> _split("net/fc.weight:0"), _split("fc.parametrizations.weight.original0")
    (('net/fc', 'weight'), ('fc', 'parametrizations'))
    """
    name = re.sub(r":\d+$", "", name)
    computed = _COMPUTED.match(name)
    if computed:
        return computed[1].rstrip("./"), "parametrizations"
    dotted = name.replace("/", ".")
    for part in (*_OUT_PROJ, "weight.scale", "weight.zero_point"):
        if dotted.endswith(f".{part}") or dotted == part:
            return name[: -len(part)].rstrip("./"), part
    at = dotted.rfind(".") + 1
    return name[:at].rstrip("./"), name[at:]


def _around(path: str) -> str:
    """Return the path of what holds a layer."""
    return path.replace("/", ".").rpartition(".")[0]


class _Reader:
    def __init__(self, tensors: Sequence[Weight], hints: Hints) -> None:
        self.hints = hints
        self.groups: dict[str, dict[str, Weight]] = {}
        heads = {_split(weight.name)[0] for weight in tensors if _split(weight.name)[1] in _ATTENTION}
        for weight in tensors:
            path, part = _split(weight.name)
            if part in _OUT_PROJ and path not in heads:
                path, part = f"{path}.out_proj".lstrip("."), part.removeprefix("out_proj.")
            self.groups.setdefault(path, {})[part] = weight
        self.dimensions, self.channels, self.normed = 1, 0, 0

    def layers(self) -> Iterator[Found | Unknown]:
        groups = list(self.groups.items())
        for (path, parts), (next_path, next_parts) in zip(groups, [*groups[1:], ("", {})], strict=True):
            siblings = _around(path) == _around(next_path)
            self.normed = _normed(next_parts) if siblings else 0
            yield from self._layer(path, dict(parts))

    def _layer(self, path: str, parts: dict[str, Weight]) -> Iterator[Found | Unknown]:
        for part, (kind, way) in _REPARAMETRIZED.items():
            if part in parts:
                yield Unknown(path, kind, f"its weight is computed from other tensors: save the model after {way}")
                return
        tracked = any(part in parts for part in _STATISTICS)
        if any(_RECURRENT.fullmatch(part) for part in parts):
            yield from self._recurrent(path, parts)
        elif any(part in parts for part in ("in_proj_weight", "q_proj_weight")):
            yield from self._attention(path, parts)
        else:
            weight = _taken(parts, (*_WEIGHT, *_CHANNELS_LAST))
            bias = _taken(parts, _BIAS)
            if weight is not None:
                found = self._weighted(path, weight, bias, _scale(parts), tracked)
                yield found
                if isinstance(found, Unknown):
                    return
            elif bias is not None:
                parts["bias"] = bias
        for part, left in parts.items():
            if part not in _IGNORED:
                what = f"shape {list(left.shape)}"
                yield Unknown(f"{path}.{part}".lstrip("."), "tensor", f"{what} belongs to no layer that embinit knows")

    def _weighted(
        self, path: str, weight: Weight, bias: Weight | None, scale: Weight | None, tracked: bool
    ) -> Found | Unknown:
        hint = self.hints.get(weight.name)
        weight = _held(weight, scale)
        if hint is not None:
            try:
                return _hinted(path, weight, bias, hint)
            except (EmbinitError, KeyError) as error:
                return Unknown(path, hint.kind, str(error))
        last = weight.name.rpartition(".")[2].rpartition("/")[2].partition(":")[0] in _CHANNELS_LAST
        rank = len(weight.shape)
        if rank == 1:
            return self._norm(path, weight, bias, tracked)
        if rank == 2 and last:
            return linear(path, weight, bias, ("in", "out"))
        if rank == 2:
            if bias is None and (_TABLE.search(path) or weight.name.rpartition(".")[2] in ("embedding", "embeddings")):
                layer = Embedding(num_embeddings=weight.shape[0], embedding_dim=weight.shape[1])
                return table(path, layer, weight)
            if bias is not None and bias.shape != weight.shape[:1]:
                return Unknown(path, "tensor", f"a bias {list(bias.shape)} beside a weight {list(weight.shape)}")
            return linear(path, weight, bias)
        if 3 <= rank <= 5:
            return self._convolution(path, weight, bias, last)
        return Unknown(path, "tensor", f"a weight of shape {list(weight.shape)} belongs to no layer that embinit knows")

    def _convolution(self, path: str, weight: Weight, bias: Weight | None, last: bool) -> Found | Unknown:
        self.dimensions = len(weight.shape) - 2
        axes = LAYOUTS[f"Conv{self.dimensions}d"]
        if last:
            axes = (*axes[2:], "in", "out")
        sizes = dict(zip(axes, weight.shape, strict=True))
        size = bias.shape[0] if bias is not None and len(bias.shape) == 1 else None
        turned = size is not None and size != sizes["out"]
        if size is None and self.normed == sizes["in"] != sizes["out"] and self.channels in (0, sizes["out"]):
            size, turned = self.normed, True
        if not last and (turned or (size is None and _TRANSPOSED.search(path)) or _is_transposed(path, sizes, size)):
            turned_axes = LAYOUTS[f"ConvTranspose{self.dimensions}d"]
            each = weight.shape[1]
            if size is not None and (size % each or weight.shape[0] % (size // each)):
                return Unknown(path, "tensor", f"a bias [{size}] beside a weight {list(weight.shape)}")
            groups = 1 if size is None else size // each
            self.channels = each * groups
            return convolution(path, weight, bias, turned_axes, groups, transposed=True)
        if turned:
            return Unknown(path, "tensor", f"a bias [{size}] beside a weight {list(weight.shape)}")
        before, self.channels = self.channels, sizes["out"]
        depthwise = sizes["in"] == 1 and before > 1 and sizes["out"] % before == 0
        return convolution(path, weight, bias, axes, before if depthwise else 1)

    def _norm(self, path: str, weight: Weight, bias: Weight | None, tracked: bool) -> Found | Unknown:
        size = weight.shape[0]
        if bias is not None and bias.shape != weight.shape:
            return Unknown(path, "tensor", f"a bias {list(bias.shape)} beside a weight {list(weight.shape)}")
        if tracked and bias is not None:
            self.channels = size
            return norm(path, of_kind("BatchNorm", self.dimensions)(num_features=size), weight, bias)
        if bias is not None and _GROUPED.search(path):
            return norm(path, GroupNorm(num_groups=1, num_channels=size), weight, bias)
        if bias is not None:
            return norm(path, LayerNorm(normalized_shape=size), weight, bias)
        if not weight.name.endswith("weight") and not _NORMS.search(path):  # such as the scale of a block, layer scale
            return Unknown(weight.name, "tensor", f"shape {list(weight.shape)} belongs to no layer that embinit knows")
        if size == 1 or _SLOPES.search(path) or _are_slopes(weight):
            return _slopes(path, weight)
        return norm(path, RMSNorm(normalized_shape=size), weight, None)

    def _recurrent(self, path: str, parts: dict[str, Weight]) -> Iterator[Found | Unknown]:
        cells: dict[tuple[int, bool], dict[str, Weight]] = {}
        single = False
        for name in list(parts):
            if found := _RECURRENT.fullmatch(name):
                single = single or found[2] is None
                cells.setdefault((int(found[2] or 0), found[3] is not None), {})[found[1]] = parts.pop(name)
        first = cells.get((0, False), {})
        inputs, states = first.get("weight_ih"), first.get("weight_hh")
        if inputs is None or states is None or len(inputs.shape) != 2 or len(states.shape) != 2:
            yield Unknown(path, "recurrent", "it must have weight_ih and weight_hh, each with two axes")
            return
        hint = self.hints.get(inputs.name)
        gates, left = divmod(states.shape[0], states.shape[1]) if states.shape[1] else (0, 1)
        proj = first["weight_hr"].shape[0] if "weight_hr" in first and first["weight_hr"].shape else 0
        kind = hint.kind if hint else "LSTM" if proj else {4: "LSTM", 3: "GRU", 1: "RNN"}.get(gates)
        if kind is None or (left and not proj):
            sizes = f"{list(inputs.shape)} and {list(states.shape)}"
            yield Unknown(path, "recurrent", f"its weights {sizes} must be those of an LSTM, GRU or RNN")
            return
        both, layers = any(back for _, back in cells), 1 + max(number for number, _ in cells)
        wanted = [(number, back) for number in range(layers) for back in ((False, True) if both else (False,))]
        if set(wanted) != set(cells):
            yield Unknown(path, kind, "some of its layers or directions are missing")
        elif single:
            yield _cell(path, kind, first)
        else:
            yield recurrent(path, kind, [cells[each] for each in wanted], both, proj)

    def _attention(self, path: str, parts: dict[str, Weight]) -> Iterator[Found | Unknown]:
        held = {part: parts.pop(part) for part in (*_ATTENTION, *_OUT_PROJ) if part in parts}
        out = held.get("out_proj.weight")
        if out is None or len(out.shape) != 2:
            yield Unknown(path, "MultiheadAttention", "it must have out_proj.weight with two axes")
            return
        keys = {"embed_dim": out.shape[0], "num_heads": 1, "bias": "in_proj_bias" in held}
        keys |= {"add_bias_kv": "bias_k" in held}
        for part, key in (("k_proj_weight", "kdim"), ("v_proj_weight", "vdim")):
            keys |= {key: held[part].shape[1]} if part in held else {}
        cls: Any = WITH_PARAMETERS["MultiheadAttention"]
        layer = cls(**keys)
        axes = {each.part: (each.shape, each.axes) for each in layer.construct()}
        if any(part not in axes or axes[part][0] != each.shape for part, each in held.items()):
            yield Unknown(path, "MultiheadAttention", "its tensors do not have the shapes of one")
            return
        yield Found(path, layer, {part: (each, axes[part][1]) for part, each in held.items()})


def _taken(parts: dict[str, Weight], names: Sequence[str]) -> Weight | None:
    """Remove the first of some parts that a layer has, and return it."""
    return next((parts.pop(name) for name in names if name in parts), None)


def _scale(parts: dict[str, Weight]) -> Weight | None:
    """Remove what is kept besides the codes, and return the scales."""
    for name in ("weight.zero_point", "zero_point", "weight_zero_point"):
        parts.pop(name, None)
    return _taken(parts, _SCALES)


def _held(weight: Weight, scale: Weight | None) -> Weight:
    """Return a weight with the format in which its file holds it."""
    if weight.dtype == "int8":
        each = scale is not None and math.prod(scale.shape) > 1
        return replace(weight, quantized=Quantized("int8", 0 if each else None))
    return weight


def _is_transposed(path: str, sizes: Mapping[str, int], bias: int | None) -> bool:
    """Whether a kernel whose bias fits either way is that of a transposed convolution, as its name says."""
    return bias is not None and sizes["in"] == sizes["out"] == bias and _TRANSPOSED.search(path) is not None


def _are_slopes(weight: Weight) -> bool:
    """Whether weights, one per channel, are on average nearer to a PReLU's 0.25 than to a normalization's 1."""
    values = weight.values()
    return values is not None and values.size > 0 and float(np.mean(values)) < 0.5


def _normed(parts: Mapping[str, Weight]) -> int:
    """Return the number of channels that a layer normalizes; 0 if it is none that has running statistics."""
    held = [parts[part].shape for part in _STATISTICS if part in parts]
    return held[0][0] if held and len(held[0]) == 1 else 0


def _slopes(path: str, weight: Weight) -> Found:
    layer: Any = WITH_PARAMETERS["PReLU"](num_parameters=weight.shape[0])  # type: ignore[call-arg]
    return Found(path, layer, {"weight": (weight, ("slope",))})


def _cell(path: str, kind: str, held: Mapping[str, Weight]) -> Found:
    whole = recurrent(path, kind, [held])
    cls: Any = WITH_PARAMETERS[f"{kind}Cell"]
    layer = cls(**{key: getattr(whole.layer, key) for key in ("input_size", "hidden_size", "bias")})
    return Found(path, layer, {part.removesuffix("_l0"): each for part, each in whole.parts.items()})


def _hinted(path: str, weight: Weight, bias: Weight | None, hint: Hint) -> Found:
    """Return a layer of which the type is known."""
    kind, keys = hint.kind, dict(hint.keys)
    if kind == "Linear":
        return linear(path, weight, bias)
    if kind.startswith("Conv"):
        return convolution(path, weight, bias, LAYOUTS[kind], keys.get("groups", 1), "Transpose" in kind)
    if kind in ("Embedding", "EmbeddingBag"):
        rows = {"num_embeddings": weight.shape[0], "embedding_dim": weight.shape[1]}
        cls: Callable[..., Any] = WITH_PARAMETERS[kind]
        return table(path, cls(**rows, **keys), weight)
    if kind == "PReLU":
        return _slopes(path, weight)
    size = weight.shape[0]
    match kind:
        case "LayerNorm":
            return norm(path, LayerNorm(normalized_shape=weight.shape, bias=bias is not None), weight, bias)
        case "RMSNorm":
            return norm(path, RMSNorm(normalized_shape=weight.shape), weight, None)
        case "GroupNorm":
            return norm(path, GroupNorm(num_groups=keys["num_groups"], num_channels=size), weight, bias)
    made: Callable[..., Any] = WITH_PARAMETERS[kind]
    assert "BatchNorm" in kind or "InstanceNorm" in kind, kind
    return norm(path, made(num_features=size, affine=True), weight, bias)
