"""Layers that PyTorch alone has, by the draws of their constructors."""

from collections.abc import Iterator
from dataclasses import dataclass

from embinit.dialects.pytorch.constructed import Constructed, draw, register, within
from embinit.dialects.pytorch.rules import inverse_root
from embinit.distributions import check_finite
from embinit.errors import EmbinitError, check_bool
from embinit.initializers import constant, xavier_normal, xavier_uniform
from embinit.layers import Linear, Parameter, check_size


@dataclass(frozen=True, kw_only=True)
class PReLU(Constructed):
    """A rectifier with a learned slope.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    init
        What the slopes start from.
    num_parameters
        One slope for all channels, or one for each.

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
        check_finite("init", self.init)
        super()._check()

    def construct(self) -> Iterator[Parameter]:
        """Yield the slopes."""
        yield draw("weight", {"channel": self.num_parameters}, constant(self.init))


@dataclass(frozen=True, kw_only=True)
class Bilinear(Constructed):
    """A bilinear layer of two inputs.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    in1_features, in2_features, out_features
        The sizes of the inputs and of the output.
    bias
        Whether there is a bias.

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

    The other parameters and the errors are those of `Stored`.

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


for _layer in (PReLU, Bilinear, MultiheadAttention):
    register(_layer)
