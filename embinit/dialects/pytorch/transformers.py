"""PyTorch's transformers: stacks of copies of one layer, by the draws of their constructors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from embinit.dialects.pytorch.constructed import Constructed, copied, draw, register, within
from embinit.dialects.pytorch.layers import MultiheadAttention
from embinit.errors import EmbinitError, check_bool
from embinit.initializers import xavier_uniform
from embinit.layers import LayerNorm, Linear, Parameter

_TRANSFORMER_KEYS = frozenset({"dropout", "activation", "layer_norm_eps", "batch_first", "norm_first"})


@dataclass(frozen=True, kw_only=True)
class TransformerEncoderLayer(Constructed):
    """Self-attention and two linear layers, each with a normalization.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    d_model, nhead
        The size of the embedding, and the number of heads, which divides it.
    dim_feedforward
        The size between the linear layers.
    bias
        Whether the parts have biases.

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

    Its parameters and errors are those of `TransformerEncoderLayer`.

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

    The other parameters and the errors are those of `Stored`.

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
        drawn = tuple(layer.construct())
        for i in range(1, self.num_layers):
            yield from copied(drawn, "layers.0", f"layers.{i}")
        if self.norm:
            yield from within("norm", LayerNorm(normalized_shape=self.d_model))


@dataclass(frozen=True, kw_only=True)
class TransformerDecoder(TransformerEncoder):
    """A stack of copies of one `TransformerDecoderLayer`.

    Its parameters and errors are those of `TransformerEncoder`.

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

    The other parameters and the errors are those of `Stored`.

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


for _layer in (
    TransformerEncoderLayer, TransformerDecoderLayer, TransformerEncoder, TransformerDecoder, Transformer,
):  # fmt: skip
    register(_layer)
