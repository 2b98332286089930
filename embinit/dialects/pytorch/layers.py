"""PyTorch's layers that are described by what their constructors do: a constructor is the sequence of its draws.

A layer's `construct` yields a Parameter for each draw of its constructor, in order. If a part comes twice, it holds the
later draw, and the earlier one is lost; a Parameter with `same_as` is a deep copy and draws nothing.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import ClassVar

from embinit.dialects.pytorch.dialect import TORCH
from embinit.dialects.pytorch.rules import LAYERS, distribution, inverse_root, shape_fans
from embinit.distributions import Distribution, check_finite
from embinit.errors import EmbinitError
from embinit.initializers import Initializer, constant, xavier_normal, xavier_uniform
from embinit.layers import (
    Layer,
    LayerNorm,
    Linear,
    Parameter,
    Stored,
    check_bool,
    check_size,
)
from embinit.layers import register as known_to_model_files


@dataclass(frozen=True, kw_only=True)
class Constructed(Stored):
    """A layer that says what its constructor draws: derive your own layers from it, for `register_layer`.

    Its parameters are those of `Stored`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

    def construct(self) -> Iterator[Parameter]:
        """Yield each draw of the constructor, in order; every class has its own.

        Examples
        --------
        >>> [each.part for each in PReLU(num_parameters=2).construct()]
        ['weight']
        """
        raise AssertionError(self)

    def _check(self) -> None:
        super()._check()
        for name in ("bias", "affine"):
            if hasattr(self, name):
                check_bool(name, getattr(self, name))


def draw(part: str, axes: Mapping[str, int], initializer: Initializer) -> Parameter:
    """Return the draw of one part, with the fans of its shape, for a layer's `construct` to yield.

    Parameters
    ----------
    part
        The parameter's name in the module.
    axes
        The name and the size of each axis, in the order of the shape.
    initializer
        What it is drawn from.

    Raises
    ------
    EmbinitError
        If the initializer needs fans and the shape has fewer than two axes.

    Examples
    --------
    >>> draw("weight", {"out": 2, "in": 4}, xavier_uniform()).fan_in
    4
    """
    shape = tuple(axes.values())
    return Parameter(part, tuple(axes), shape, initializer, *shape_fans(initializer, shape))


def within(name: str, draws: Layer | Iterable[Parameter]) -> Iterator[Parameter]:
    """Yield the draws of a submodule, for a layer's `construct` to yield.

    Parameters
    ----------
    name
        The submodule's name in the module.
    draws
        A layer, or what another `construct` yields.

    Examples
    --------
    >>> from embinit.layers import Linear
    >>> [each.part for each in within("fc", Linear(in_features=2, out_features=1))]
    ['fc.weight', 'fc.bias']
    """
    if isinstance(draws, Layer):
        draws = TORCH.parameters(draws)
    for each in draws:
        same_as = each.same_as and f"{name}.{each.same_as}"
        yield replace(each, part=f"{name}.{each.part}", same_as=same_as)


def settled(draws: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Return what a constructor leaves: the last draw of each part, with the draws before it that are lost.

    Parameters
    ----------
    draws
        What a `construct` yields.

    Raises
    ------
    EmbinitError
        If a lost draw is one that PyTorch does not have.

    Examples
    --------
    >>> weight, bias = draw("weight", {"in": 2}, constant(1)), draw("bias", {"out": 2}, inverse_root(4))
    >>> [parameter.part for parameter in settled([bias, weight, weight])]
    ['bias', 'weight']
    >>> settled([bias, weight, replace(bias, initializer=constant(0))])[0].lost
    ((Uniform(low=-0.5, high=0.5), 2),)
    """
    every = list(draws)
    last = {each.part: i for i, each in enumerate(every)}
    kept: list[Parameter] = []
    lost: list[tuple[Distribution, int]] = []
    for i, each in enumerate(every):
        lost += each.lost
        if last[each.part] == i:
            kept.append(replace(each, lost=tuple(lost)))
            lost = []
        elif each.same_as is None:
            lost.append((distribution(each.initializer, each.fan_in, each.fan_out), math.prod(each.shape)))
    return tuple(kept)


def copied(draws: Iterable[Parameter], original: str, copy: str) -> Iterator[Parameter]:
    """Yield the parts of a deep copy of a submodule, which draws nothing, for a layer's `construct` to yield.

    Parameters
    ----------
    draws
        What the original's `construct` yields.
    original, copy
        The names of both in the module around them.

    Examples
    --------
    >>> [(each.part, each.same_as) for each in copied(PReLU().construct(), "first", "second")]
    [('second.weight', 'first.weight')]
    """
    for part in settled(draws):
        yield replace(part, part=f"{copy}.{part.part}", same_as=f"{original}.{part.part}", lost=())


@dataclass(frozen=True, kw_only=True)
class PReLU(Constructed):
    """A rectifier with a learned slope.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    init
        What the slopes start from.
    num_parameters
        One slope for all channels, or one for each.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.PReLU(name="layer", num_parameters=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [0.25, 0.25]
    """

    num_parameters: int = 1
    init: float = 0.25

    def _check(self) -> None:
        super()._check()
        check_finite("init", self.init)

    def construct(self) -> Iterator[Parameter]:
        """Yield the slopes."""
        yield draw("weight", {"channel": self.num_parameters}, constant(self.init))


@dataclass(frozen=True, kw_only=True)
class Bilinear(Constructed):
    """A bilinear layer of two inputs.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    in1_features, in2_features, out_features
        The sizes of the inputs and of the output.
    bias
        Whether there is a bias.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Bilinear(name="layer", in1_features=1, in2_features=2, out_features=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[0.7645385265350342, 0.8300079107284546]]]
    """

    in1_features: int
    in2_features: int
    out_features: int
    bias: bool = True

    def construct(self) -> Iterator[Parameter]:
        """Yield weight and bias."""
        axes = {"out": self.out_features, "in1": self.in1_features, "in2": self.in2_features}
        bound = inverse_root(self.in1_features)
        yield draw("weight", axes, bound)
        if self.bias:
            yield draw("bias", {"out": self.out_features}, bound)


@dataclass(frozen=True, kw_only=True)
class MultiheadAttention(Constructed):
    """Multi-head attention.

    The output projection is drawn first, and its bias is lost to zeros.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    embed_dim, num_heads
        The size of the embedding, and the number of heads, which divides it.
    bias
        Whether the projections have biases.
    add_bias_kv
        Whether there are biases of keys and values.
    kdim, vdim
        The sizes of keys and values; None for embed_dim.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.MultiheadAttention(name="layer", embed_dim=1, num_heads=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.in_proj_weight"].tolist()
    [[-0.2869240343570709], [1.125064492225647], [-0.26834598183631897]]
    """

    without_effect = frozenset({"dropout", "add_zero_attn", "batch_first"})
    embed_dim: int
    num_heads: int
    bias: bool = True
    add_bias_kv: bool = False
    kdim: int | None = None
    vdim: int | None = None

    def _check(self) -> None:
        super()._check()
        check_bool("add_bias_kv", self.add_bias_kv)
        for name in ("kdim", "vdim"):
            if getattr(self, name) is not None:
                check_size(name, getattr(self, name))
        if self.embed_dim % self.num_heads:
            raise EmbinitError(f"num_heads must divide embed_dim = {self.embed_dim}, got {self.num_heads}")

    def construct(self) -> Iterator[Parameter]:
        """Yield the parts."""
        size = self.embed_dim
        keys, values = (size if each is None else each for each in (self.kdim, self.vdim))
        yield from within("out_proj", Linear(in_features=size, out_features=size, bias=self.bias))
        if keys == values == size:
            yield draw("in_proj_weight", {"projection": 3 * size, "embedding": size}, xavier_uniform())
        else:
            for part, inputs in (("q", size), ("k", keys), ("v", values)):
                yield draw(f"{part}_proj_weight", {"projection": size, part: inputs}, xavier_uniform())
        if self.bias:
            yield draw("in_proj_bias", {"projection": 3 * size}, constant(0.0))
            yield draw("out_proj.bias", {"out": size}, constant(0.0))
        if self.add_bias_kv:
            for part in ("bias_k", "bias_v"):
                yield draw(part, {"sequence": 1, "batch": 1, "embedding": size}, xavier_normal())


_TRANSFORMER_KEYS = frozenset({"dropout", "activation", "layer_norm_eps", "batch_first", "norm_first"})


@dataclass(frozen=True, kw_only=True)
class TransformerEncoderLayer(Constructed):
    """Self-attention and two linear layers, each with a normalization.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    d_model, nhead
        The size of the embedding, and the number of heads, which divides it.
    dim_feedforward
        The size between the linear layers.
    bias
        Whether the parts have biases.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.TransformerEncoderLayer(name="layer", d_model=1, nhead=1, dim_feedforward=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.linear1.weight"].tolist()
    [[0.2017906904220581], [-0.48685503005981445]]
    """

    without_effect = _TRANSFORMER_KEYS
    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)
    d_model: int
    nhead: int
    dim_feedforward: int = 2048
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        _check_heads(self.d_model, self.nhead)

    def construct(self) -> Iterator[Parameter]:
        """Yield the parts."""
        size, inner, bias = self.d_model, self.dim_feedforward, self.bias
        for name in self.attentions:
            yield from within(name, MultiheadAttention(embed_dim=size, num_heads=self.nhead, bias=bias))
        yield from within("linear1", Linear(in_features=size, out_features=inner, bias=bias))
        yield from within("linear2", Linear(in_features=inner, out_features=size, bias=bias))
        for i in range(len(self.attentions) + 1):
            yield from within(f"norm{i + 1}", LayerNorm(normalized_shape=size, bias=bias))


@dataclass(frozen=True, kw_only=True)
class TransformerDecoderLayer(TransformerEncoderLayer):
    """A TransformerEncoderLayer that also attends to the encoder's output.

    Its parameters are those of `TransformerEncoderLayer`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.TransformerDecoderLayer(name="layer", d_model=1, nhead=1, dim_feedforward=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.linear1.weight"].tolist()
    [[0.8691961765289307], [0.18715929985046387]]
    """

    attentions = ("self_attn", "multihead_attn")


@dataclass(frozen=True, kw_only=True)
class TransformerEncoder(Constructed):
    """A stack of copies of one `TransformerEncoderLayer`.

    PyTorch draws one layer and copies it, so all of them hold the same values.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    d_model, nhead
        The size of the embedding, and the number of heads, which divides it.
    num_layers
        The number of layers.
    dim_feedforward
        The size between the linear layers.
    bias
        Whether the parts have biases.
    norm
        Whether a LayerNorm follows them.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.TransformerEncoder(name="layer", d_model=1, nhead=1, num_layers=2, dim_feedforward=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.layers.1.linear1.weight"].tolist()
    [[0.2017906904220581], [-0.48685503005981445]]
    """

    without_effect = _TRANSFORMER_KEYS | {"enable_nested_tensor", "mask_check"}
    each: ClassVar[type[TransformerEncoderLayer]] = TransformerEncoderLayer
    d_model: int
    nhead: int
    num_layers: int
    dim_feedforward: int = 2048
    bias: bool = True
    norm: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("norm", self.norm)
        _check_heads(self.d_model, self.nhead)

    def construct(self) -> Iterator[Parameter]:
        """Yield the first layer, and then its copies."""
        layer = self.each(d_model=self.d_model, nhead=self.nhead, dim_feedforward=self.dim_feedforward, bias=self.bias)
        yield from within("layers.0", layer)
        for i in range(1, self.num_layers):
            yield from copied(layer.construct(), "layers.0", f"layers.{i}")
        if self.norm:
            yield from within("norm", LayerNorm(normalized_shape=self.d_model))


@dataclass(frozen=True, kw_only=True)
class TransformerDecoder(TransformerEncoder):
    """A stack of copies of one `TransformerDecoderLayer`.

    Its parameters are those of `TransformerEncoder`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.TransformerDecoder(name="layer", d_model=1, nhead=1, num_layers=2, dim_feedforward=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.layers.1.linear1.weight"].tolist()
    [[0.8691961765289307], [0.18715929985046387]]
    """

    each = TransformerDecoderLayer


@dataclass(frozen=True, kw_only=True)
class Transformer(Constructed):
    """An encoder and a decoder, each followed by a LayerNorm.

    All weights with two axes are drawn a second time, in the order of parameters().

    The other parameters are those of `Stored`.

    Parameters
    ----------
    d_model, nhead
        The size of the embedding, and the number of heads, which divides it.
    num_encoder_layers, num_decoder_layers
        The numbers of layers.
    dim_feedforward
        The size between the linear layers.
    bias
        Whether the parts have biases.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Transformer(name="layer", d_model=1, nhead=1, dim_feedforward=2)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.encoder.layers.0.linear1.weight"].tolist()
    [[0.23535221815109253], [-0.45920154452323914]]
    """

    without_effect = _TRANSFORMER_KEYS
    d_model: int = 512
    nhead: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dim_feedforward: int = 2048
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        _check_heads(self.d_model, self.nhead)

    def construct(self) -> Iterator[Parameter]:
        """Yield what the stacks draw, and then their weights again."""
        drawn: list[Parameter] = []
        for name, stack, layers in (
            ("encoder", TransformerEncoder, self.num_encoder_layers),
            ("decoder", TransformerDecoder, self.num_decoder_layers),
        ):
            built = stack(
                d_model=self.d_model,
                nhead=self.nhead,
                dim_feedforward=self.dim_feedforward,
                num_layers=layers,
                bias=self.bias,
            )
            norm = LayerNorm(normalized_shape=self.d_model, bias=self.bias)
            drawn += within(name, (*built.construct(), *within("norm", norm)))
        yield from drawn
        weights = {each.part: each for each in drawn if len(each.shape) > 1}
        for part in sorted(weights, key=_registered):
            yield draw(part, dict(zip(weights[part].axes, weights[part].shape, strict=True)), xavier_uniform())


#: The order in which the submodules of a transformer are registered: that of parameters().
_REGISTERED = ("encoder", "decoder", "self_attn", "multihead_attn", "in_proj_weight", "out_proj", "linear1", "linear2")


def _registered(part: str) -> list[int]:
    """Return the place of a part of Transformer in the order of parameters()."""
    names = [name for name in part.split(".") if name not in ("layers", "weight")]
    return [int(name) if name.isdigit() else _REGISTERED.index(name) for name in names]


def _check_heads(d_model: int, nhead: int) -> None:
    if d_model % nhead:
        raise EmbinitError(f"nhead must divide d_model = {d_model}, got {nhead}")


def parameters(layer: Layer) -> tuple[Parameter, ...]:
    """Return what a layer holds, in the order of its draws."""
    assert isinstance(layer, Constructed)
    return settled(layer.construct())


def register(layer: type[Constructed]) -> type[Constructed]:
    """Make a layer known to model files, to the torch dialects and to modules of a class of its name; return it."""
    if not (isinstance(layer, type) and issubclass(layer, Constructed) and is_dataclass(layer)):
        name = layer.__name__ if isinstance(layer, type) else repr(layer)
        raise EmbinitError(f"a layer must be a dataclass of embinit.torch.Constructed to be registered, got {name}")
    known_to_model_files(layer)
    LAYERS[layer.__name__] = parameters
    return layer


for _layer in (
    PReLU, Bilinear, MultiheadAttention, TransformerEncoderLayer, TransformerDecoderLayer, TransformerEncoder,
    TransformerDecoder, Transformer,
):  # fmt: skip
    register(_layer)
