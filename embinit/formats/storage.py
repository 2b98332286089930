"""Storage: how one buffer is stored: its format, its rounding, and which elements share a scale."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embinit.distributions import Broadcast, Distribution
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.formats import Format, Groups, Quantized, format_named
from embinit.formats.arrangement import IN_ORDER, Arrangement
from embinit.formats.quantizer import Quantizer
from embinit.formats.rounding import DRAW_FREE, MODES, Rounding
from embinit.support import support


@dataclass(frozen=True)
class Storage:
    """A format, a rounding mode, and the elements (group_size) or the axis (channel_axis) that share a scale.
    channel_groups: the groups of a layer, if the axis counts only the channels of one group. arrangement: how elements
    lie in memory. input_scale: that of the layer's input, where a bias takes its scales from it and from the weight.
    quantizer: how the device gets from values to codes, if not as the format does. literals: the form in which float32
    values were written before they came to the device.

    >>> Storage("sym4", "stochastic").draws((2, 3))
    6
    """

    format: str = "float32"
    rounding: str = "half_away"
    group_size: int | None = None
    channel_axis: int | None = None
    channel_groups: int = 1
    arrangement: Arrangement = IN_ORDER
    input_scale: float | None = None
    quantizer: Quantizer | None = None
    literals: str | None = None

    @cached_property
    def kind(self) -> Format:
        """The format."""
        return format_named(self.format)

    @property
    def divides(self) -> bool:
        """Whether biases are divided by the scales that they take from a weight."""
        return self.quantizer is not None and self.quantizer.quotient == "divide"

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise EmbinitError if a buffer of that shape cannot be stored this way: each part is checked by its layer."""
        self.check_rounding()
        if self.quantizer is not None:
            try:
                self.quantizer.check(self.kind)
            except EmbinitError as error:
                raise EmbinitError(f"quantizer: {error}") from None
        self.groups(shape)
        self.arrangement.check(self.kind, shape)

    def check_rounding(self) -> None:
        """Raise EmbinitError if the format has not this rounding."""
        check_known("rounding", self.rounding, MODES)
        if self.rounding not in self.kind.roundings:
            allowed = listed(self.kind.roundings)
            raise EmbinitError(f"rounding of {self.format} must be one of {allowed}, got {shown(self.rounding)}")

    def groups(self, shape: tuple[int, ...]) -> Groups:
        """Return how the elements of a buffer of a shape share grids."""
        return self.kind.groups(shape, self.group_size, self.channel_axis, self.channel_groups)

    def check_values(self, distribution: Distribution, shape: tuple[int, ...]) -> None:
        """Raise EmbinitError if the format cannot hold what a buffer of that shape may be filled with.

        What is known only after the values are drawn is checked when they are stored: the zero point of asym, and the
        sign of the largest magnitude in sym from 26 bits on.
        """
        format_ = self.kind
        if isinstance(format_, Quantized):
            format_.check(support(distribution))
            if isinstance(distribution, Broadcast) and not format_.of_weight:
                values = np.resize(np.float32(distribution.base), math.prod(shape))
                format_.parameters(values, self.groups(shape), Rounding("half_away", None))

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Return how many bytes of memory a buffer of a shape takes."""
        return self.arrangement.nbytes(self.kind, shape)

    def draws(self, shape: tuple[int, ...]) -> int:
        """Return the number of words that stochastic rounding draws."""
        if self.rounding in DRAW_FREE:
            return 0
        return self.kind.draws(math.prod(shape), self.rounding, self.groups(shape).count)

    def __str__(self) -> str:
        parts = [self.format]
        if self.format != "float32":
            parts += [self.rounding]
            parts += [f"group_size {self.group_size}"] if self.group_size is not None else []
            if self.channel_axis is not None:
                parts += [f"channel_axis {self.channel_axis}"]
                parts += [f"channel_groups {self.channel_groups}"] if self.channel_groups > 1 else []
        arrangement = self.arrangement
        parts += [f"{arrangement.byte_order} endian"] if arrangement.byte_order != "little" else []
        parts += [f"nibble_order {arrangement.nibble_order}"] if arrangement.nibble_order != "low" else []
        parts += [f"row_stride {arrangement.row_stride}"] if arrangement.row_stride is not None else []
        parts += [f"element_order {arrangement.element_order.says}"] if arrangement.element_order is not None else []
        parts += [f"literals {self.literals}"] if self.literals is not None else []
        parts += [f"quantizer {self.quantizer.says}"] if self.quantizer is not None else []
        return ", ".join(parts)
