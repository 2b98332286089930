"""Flax's conventions on the CPU: the weights of the same nnx or linen modules, on the numbers of JAX."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from embinit.bitgen import BitGenerator
from embinit.dialects.base import Dialect, naming
from embinit.dialects.jax import JAX, JAX_0_6, fold_in, key_of, keyed
from embinit.errors import EmbinitError, shown
from embinit.initializers import VarianceScaling
from embinit.layers import Conv1d, Conv2d, Conv3d, Convolution, DrawFree, Embedding, Layer, Order, Parameter, Stored

KERNELS = {1: Conv1d.kernel_axes, 2: Conv2d.kernel_axes, 3: Conv3d.kernel_axes}
#: Channels last, the kernel's axes first.
LAYOUTS = {
    "Linear": ("in", "out"),
    **{f"{kind}{n}d": (*axes, "in", "out") for n, axes in KERNELS.items() for kind in ("Conv", "ConvTranspose")},
}


def embedding(layer: Embedding) -> tuple[Parameter, ...]:
    """Return the table of an embedding: N(0, 1 / embedding_dim), not truncated."""
    if layer.padding_idx is not None:
        raise EmbinitError(f"Flax's Embed has no padding_idx, got {layer.padding_idx}: leave it out")
    rows, columns = layer.num_embeddings, layer.embedding_dim
    initializer = VarianceScaling(1.0, "fan_in", "normal")
    return (Parameter("weight", ("row", "column"), (rows, columns), initializer, columns, columns),)


@dataclass(frozen=True, eq=False)
class Flax(Dialect):
    """A dialect in which each parameter has a key of its own."""

    keys_each: ClassVar[bool] = True

    def parameters(self, layer: Layer) -> Sequence[Parameter]:
        """Return what a layer holds, in the order in which it is filled."""
        if isinstance(layer, Convolution) and layer.transposed and layer.groups > 1:
            raise EmbinitError(f"Flax's ConvTranspose has no groups, got groups = {layer.groups}")
        if isinstance(layer, Stored) and layer.restart:
            raise EmbinitError(f"restart must be false in dialect {self.name}: each parameter starts with its own key")
        return tuple(super().parameters(layer))

    def check_stochastic(self) -> None:
        """Raise EmbinitError: after the values of a parameter, nothing is drawn from its key."""
        raise EmbinitError(
            f"rounding must not be stochastic in dialect {self.name}, where each parameter has a key of its own"
        )


@dataclass(frozen=True, eq=False)
class Nnx(Flax):
    """Flax nnx, where the n-th call of rngs.params() returns fold_in(key(seed), n).

    A parameter that is not drawn takes a call, too. forks: whether a Dropout takes one as well, because
    nnx.Dropout(rate, rngs=rngs) forks the stream.
    """

    numbers_layers: ClassVar[bool] = True
    keys_by = "calls"
    forks: bool = True

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:  # noqa: ARG002 (no layers here)
        """Return the generator of the parameter whose key a call returned, counted from 0."""
        return keyed(fold_in(key_of(seed), tensor))

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold, each parameter with the number of its call."""
        call = 0
        for layer in layers:
            with naming(layer):
                parameters = self.parameters(layer)
            if isinstance(layer, DrawFree) and self.forks and layer.kind.endswith("Dropout"):
                call += 1
            for parameter in parameters:
                yield layer, _restarting(layer, parameter, (0, call))
                call += _takes_call(layer, parameter)


@dataclass(frozen=True, eq=False)
class Linen(Flax):
    """Flax linen, where a parameter's key is fold_in(key(seed), h): h comes from its scopes' names and its number."""

    has_paths: ClassVar[bool] = True
    keys_by = "paths"

    def restarted(self, seed: int, rand: str, layer: int, tensor: int) -> BitGenerator:  # noqa: ARG002 (no layers here)
        """Return the generator of a parameter whose path has a hash."""
        return keyed(fold_in(key_of(seed), tensor))

    def parameters_of_all(self, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
        """Yield what all layers hold, each parameter with the hash of its path."""
        seen: dict[str, str] = {}
        for layer in layers:
            with naming(layer):
                parameters = self.parameters(layer)
                path = path_of(layer)
                if parameters and seen.setdefault(path, layer.name) != layer.name:
                    raise EmbinitError(f"its path must be its own, and layer {seen[path]!r} has {shown(path)}")
            for number, parameter in enumerate(parameters, 1):
                yield layer, _restarting(layer, parameter, (0, path_hash(path, number)))


def path_of(layer: Layer) -> str:
    """Return the path of a layer: what it says, or its name."""
    path = layer.path if isinstance(layer, Stored) else None
    return layer.name if path is None else path


def path_hash(path: str, number: int) -> int:
    """Return what linen folds into the key for the number-th parameter of a module, counted from 1: four bytes of
    SHA-1.

    >>> hex(path_hash("Dense_0", 1))
    '0xb2b71315'
    """
    names = "".join(path.split("/")).encode()
    return int.from_bytes(hashlib.sha1(names + number.to_bytes(1, "big"), usedforsecurity=False).digest()[:4], "big")


def _restarting(layer: Layer, parameter: Parameter, restart: tuple[int, int]) -> Parameter:
    """Return a parameter with the start of its stream, unless it is a copy."""
    if isinstance(layer, Stored) and layer.same_as is not None:
        return parameter
    return replace(parameter, order=Order(restart=restart))


def _takes_call(layer: Layer, parameter: Parameter) -> bool:
    """Whether making a parameter takes a key: statistics of a norm do not, nor do copies."""
    copied = isinstance(layer, Stored) and layer.same_as is not None
    return not copied and not parameter.part.startswith("running_")


def _of(kind: type[Flax], jax: Dialect, **keys: Any) -> Flax:
    """Return a dialect of Flax on the numbers of one of JAX."""
    inherited = {each.name: getattr(jax, each.name) for each in fields(jax)}
    return kind(**{**inherited, "layouts": LAYOUTS, "layers": {"Embedding": embedding}, **keys})


NNX = _of(Nnx, JAX, name="flax-nnx", summary="Flax nnx on JAX 0.9.2 and later: modules made with nnx.Rngs(seed)")
LINEN = _of(Linen, JAX, name="flax-linen", summary="Flax linen on JAX 0.9.2 and later: module.init(key(seed), ...)")
NNX_0_6 = _of(
    Nnx,
    JAX_0_6,
    name="flax-nnx-0.6",
    summary="Flax nnx on JAX up to 0.6.2: modules made with nnx.Rngs(seed)",
    forks=False,
)
LINEN_0_6 = _of(
    Linen,
    JAX_0_6,
    name="flax-linen-0.6",
    summary="Flax linen on JAX up to 0.6.2: module.init(key(seed), ...)",
)
