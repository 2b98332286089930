"""Normalization layers."""

from collections.abc import Mapping
from dataclasses import dataclass

from embinit.errors import EmbinitError, check_bool
from embinit.layers.base import Norm, check_size

#: Arrays of NumPy before 2.0 cannot have more.
MAX_AXES = 32


def _affine(affine: bool, weight: bool, bias: bool) -> dict[str, float]:
    """Return the parts that scale and shift what was normalized, and the value that fills each."""
    return {name: value for name, value, held in (("weight", 1.0, weight), ("bias", 0.0, bias)) if affine and held}


@dataclass(frozen=True, kw_only=True)
class RMSNorm(Norm):
    """Normalization by the root mean square over the last axes.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    normalized_shape
        The sizes of those axes: one number, or a list.
    elementwise_affine
        Whether there is a weight.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RMSNorm(name="layer", normalized_shape=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    without_effect = frozenset({"eps"})
    normalized_shape: int | list[int] | tuple[int, ...]
    elementwise_affine: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("elementwise_affine", self.elementwise_affine)
        if not 1 <= len(self.shape) <= MAX_AXES:
            raise EmbinitError(f"normalized_shape must have 1 to {MAX_AXES} sizes, got {len(self.shape)}")
        for size in self.shape:
            check_size("normalized_shape", size)

    @property
    def parts(self) -> Mapping[str, float]:
        """The weight."""
        return {"weight": 1.0} if self.elementwise_affine else {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        sizes = self.normalized_shape
        return tuple(sizes) if isinstance(sizes, list | tuple) else (sizes,)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(RMSNorm):
    """Layer normalization over the last axes.

    The other parameters and the errors are those of `RMSNorm`.

    Parameters
    ----------
    weight, bias
        Which of the two there are, where elementwise_affine says that there may be any.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LayerNorm(name="layer", normalized_shape=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    weight: bool = True
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("weight", self.weight)
        check_bool("bias", self.bias)

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias."""
        return _affine(self.elementwise_affine, self.weight, self.bias)


@dataclass(frozen=True, kw_only=True)
class ChannelNorm(Norm):
    """A normalization by channels.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    affine
        Whether there are a weight and a bias.
    weight, bias
        Which of the two there are, where affine says that there may be any.
    """

    affine: bool = True
    weight: bool = True
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        for name in ("affine", "weight", "bias"):
            check_bool(name, getattr(self, name))

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias."""
        return _affine(self.affine, self.weight, self.bias)


@dataclass(frozen=True, kw_only=True)
class GroupNorm(ChannelNorm):
    """Group normalization.

    The other parameters and the errors are those of `ChannelNorm`.

    Parameters
    ----------
    num_groups, num_channels
        The number of groups, and that of channels, which it divides.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GroupNorm(name="layer", num_groups=1, num_channels=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    without_effect = frozenset({"eps"})
    num_groups: int
    num_channels: int

    def _check(self) -> None:
        super()._check()
        if self.num_channels % self.num_groups:
            raise EmbinitError(f"num_groups must divide num_channels = {self.num_channels}, got {self.num_groups}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of weight and bias."""
        return (self.num_channels,)


@dataclass(frozen=True, kw_only=True)
class BatchNorm1d(ChannelNorm):
    """Batch normalization.

    The other parameters and the errors are those of `ChannelNorm`.

    Parameters
    ----------
    num_features
        The number of channels.
    track_running_stats
        Whether the device has buffers for running statistics, which are float32.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm1d(name="layer", num_features=2, track_running_stats=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.running_var"].tolist()
    [1.0, 1.0]
    """

    without_effect = frozenset({"eps", "momentum"})
    num_features: int
    track_running_stats: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("track_running_stats", self.track_running_stats)

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias, running_mean and running_var."""
        return {**super().parts, **({"running_mean": 0.0, "running_var": 1.0} if self.track_running_stats else {})}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        return (self.num_features,)


@dataclass(frozen=True, kw_only=True)
class BatchNorm2d(BatchNorm1d):
    """Batch normalization of images.

    Its parameters and errors are those of `BatchNorm1d`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm2d(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class BatchNorm3d(BatchNorm1d):
    """Batch normalization of volumes.

    Its parameters and errors are those of `BatchNorm1d`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm3d(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class SyncBatchNorm(BatchNorm1d):
    """Batch normalization over all processes that train a model.

    Its parameters and errors are those of `BatchNorm1d`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.SyncBatchNorm(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    without_effect = BatchNorm1d.without_effect | {"process_group"}


@dataclass(frozen=True, kw_only=True)
class InstanceNorm1d(BatchNorm1d):
    """Normalization of each instance.

    The other parameters and the errors are those of `BatchNorm1d`.

    Parameters
    ----------
    affine
        Whether there are a weight and a bias; by default there are none.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm1d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    affine: bool = False


@dataclass(frozen=True, kw_only=True)
class InstanceNorm2d(InstanceNorm1d):
    """Normalization of each image.

    Its parameters and errors are those of `InstanceNorm1d`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm2d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class InstanceNorm3d(InstanceNorm1d):
    """Normalization of each volume.

    Its parameters and errors are those of `InstanceNorm1d`.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm3d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """
