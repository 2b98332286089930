"""What people import: a model with all that can be done with it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from embinit import modelfile
from embinit.errors import EmbinitError
from embinit.fill import fill
from embinit.model import Description
from embinit.plan import Plan, plan
from embinit.store import Buffer, store

if TYPE_CHECKING:
    from torch.nn import Module

    from embinit.many import Client


@dataclass(frozen=True)
class Model(Description):
    """A network as its device initializes it, and all that embinit says of it.

    Parameters: name, a C identifier; layers in construction order; dialect and target by name; seed, in the dialect's
    range; multiply_add, "separate" or "fused", libm, "double", "fdlibm" or "fdlibm-fused", and rand, such as "newlib",
    where the build differs from the target's; memory_limit, the bytes that all buffers together may take. Everything is
    checked here, and an EmbinitError names layer, rule and value.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> model = embinit.Model("tiny", [fc], dialect="odt", target="cortex-m4f", seed=42)
    >>> {name: values.tolist() for name, values in model.init().items()}
    {'fc.weight': [[-0.7033677697181702, 0.2267153114080429]], 'fc.bias': [-0.550189733505249]}
    """

    @classmethod
    def from_torch(cls, module: "Module", seed: int, name: str = "module", **keys: Any) -> Self:
        """Return the model of a torch.nn.Module; see embinit.torch.model_of (extra `torch`)."""
        from embinit.torch import model_of

        return cls.of(model_of(module, seed, name, **keys))

    @classmethod
    def of(cls, description: Description) -> Self:
        """Return the model of a description."""
        return cls(**{f.name: getattr(description, f.name) for f in fields(description) if f.init})

    def plan(self) -> Plan:
        """Return the plan: one row per buffer, printable."""
        return self._plan

    @cached_property
    def _plan(self) -> Plan:
        return plan(self)

    def init(self, out: Mapping[str, NDArray[Any]] | None = None) -> dict[str, NDArray[Any]]:
        """Return what the device's init code draws for each buffer, by buffer name: float32 values.

        A buffer of float32 holds just that; `stored` rounds to other formats. In dialect portable-int they are codes.

        out: arrays to fill instead of new ones, by buffer name, as an earlier call returned them.
        """
        return fill(self.plan(), out).arrays

    def stored(self) -> dict[str, Buffer]:
        """Return what the device's init code leaves in each buffer, in its format: codes, scales, zero points.

        >>> import embinit
        >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1, weight_format="q7")
        >>> embinit.Model("tiny", [fc], seed=42).stored()["fc.weight"].data.tolist()
        [[-90, 29]]
        """
        return store(fill(self.plan()))

    def init_many(
        self,
        seeds: Iterable[int],
        statistics: bool = False,
        client: "Client | None" = None,
        progress: bool = False,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each seed with what `init` returns for it, or with statistics; see embinit.many.init_many."""
        from embinit.many import init_many

        return init_many(self, seeds, statistics, client, progress)


def load(path: str | Path, **overrides: Any) -> Model:
    """Read a model file (TOML) and build its Model; keyword arguments replace keys of its [model] table.

    Raises EmbinitError, with the file's name, for anything that is not a valid model.
    """
    try:
        return Model(**modelfile.fields_of(modelfile.read(path), overrides, path))
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None


def from_tables(tables: Mapping[str, Any], overrides: Mapping[str, Any]) -> Model:
    """Build a Model from the tables of a model file."""
    return Model(**modelfile.fields_of(tables, overrides))
