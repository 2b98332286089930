"""What a layer of PyTorch is made of if its constructor says it: a constructor is the sequence of its draws.

A layer's `construct` yields a Parameter for each draw of its constructor, in order. If a part comes twice, it holds the
later draw, and the earlier one is lost; a Parameter with `same_as` is a deep copy and draws nothing.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace

from embinit.dialects.pytorch.dialect import TORCH
from embinit.dialects.pytorch.rules import LAYERS, distribution, shape_fans
from embinit.distributions import Distribution
from embinit.errors import EmbinitError, check_bool, shown
from embinit.initializers import Initializer
from embinit.layers import Layer, Parameter, Stored
from embinit.layers import register as known_to_model_files


@dataclass(frozen=True, kw_only=True)
class Constructed(Stored):
    """A layer that says what its constructor draws: derive your own layers from it, for `register_layer`.

    Its parameters and errors are those of `Stored`.
    """

    def construct(self) -> Iterator[Parameter]:
        """Yield each draw of the constructor, in order; every class has its own.

        Examples
        --------
        >>> from embinit import PReLU
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
    >>> from embinit.initializers import xavier_uniform
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
    >>> from embinit.initializers import constant
    >>> from embinit.dialects.pytorch.rules import inverse_root
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
            kept.append(replace(each, lost=tuple(lost)) if lost else each)
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
    >>> from embinit import PReLU
    >>> [(each.part, each.same_as) for each in copied(PReLU().construct(), "first", "second")]
    [('second.weight', 'first.weight')]
    """
    for part in settled(draws):
        yield replace(part, part=f"{copy}.{part.part}", same_as=f"{original}.{part.part}", lost=())


def parameters(layer: Layer) -> tuple[Parameter, ...]:
    """Return what a layer holds, in the order of its draws."""
    assert isinstance(layer, Constructed)
    return settled(layer.construct())


def register(layer: type[Constructed]) -> type[Constructed]:
    """Make a layer known to model files, to the torch dialects and to modules of a class of its name; return it."""
    if not (isinstance(layer, type) and issubclass(layer, Constructed) and is_dataclass(layer)):
        name = layer.__name__ if isinstance(layer, type) else shown(layer)
        raise EmbinitError(f"a layer must be a dataclass of embinit.torch.Constructed to be registered, got {name}")
    known_to_model_files(layer)
    LAYERS[layer.__name__] = parameters
    return layer
