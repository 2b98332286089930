"""Convolutions and transposed convolutions."""

from dataclasses import dataclass
from typing import ClassVar

from embinit.layers.weighted import Convolution


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A one-dimensional convolution; each group of outputs sees in_channels / groups inputs.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv1d(name="layer", in_channels=1, out_channels=1, kernel_size=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [[[-0.7033677697181702, 0.2267153263092041]]]
    """

    kernel_axes: ClassVar[tuple[str, ...]] = ("kernel",)


@dataclass(frozen=True, kw_only=True)
class Conv2d(Convolution):
    """A two-dimensional convolution.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv2d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[0.5406103730201721, 0.5869042277336121]]]]
    """

    kernel_axes: ClassVar[tuple[str, ...]] = ("height", "width")


@dataclass(frozen=True, kw_only=True)
class Conv3d(Convolution):
    """A three-dimensional convolution.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv3d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[[0.5406103730201721, 0.5869042277336121]]]]]
    """

    kernel_axes: ClassVar[tuple[str, ...]] = ("depth", "height", "width")


@dataclass(frozen=True, kw_only=True)
class ConvTranspose1d(Convolution):
    """A transposed one-dimensional convolution; each group of inputs reaches out_channels / groups outputs.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose1d(name="layer", in_channels=1, out_channels=1, kernel_size=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [[[-0.7033677697181702, 0.2267153263092041]]]
    """

    kernel_axes = Conv1d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose2d(Convolution):
    """A transposed two-dimensional convolution.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose2d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[0.5406103730201721, 0.5869042277336121]]]]
    """

    kernel_axes = Conv2d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose3d(Convolution):
    """A transposed three-dimensional convolution.

    Its parameters and errors are those of `Convolution`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose3d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[[0.5406103730201721, 0.5869042277336121]]]]]
    """

    kernel_axes = Conv3d.kernel_axes
    transposed = True
