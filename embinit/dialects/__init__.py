"""Dialects: the conventions of each framework, as short declarations."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from embinit.dialects.base import Dialect, naming
from embinit.dialects.programs import program_names, program_text
from embinit.dialects.registry import Registry
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.layers.base import Layer, Norm, Parameter, Stored
from embinit.layers.types import WITH_PARAMETERS

#: Those that Python declares are named here by module.
DIALECTS = Registry(
    {
        "odt": "odt odt-2026-06 odt-2026-04",
        "portable": "portable",
        "portable_int": "portable-int",
        "pytorch": "torch torch-nofma",
        "kaun": "kaun kaun-alpha3",
        "gomlx": "gomlx gomlx-0.20 gomlx-xla gomlx-xla-nofma",
        "jax": "jax jax-nofma jax-0.6",
        "flax": "flax-nnx flax-nnx-0.6 flax-linen flax-linen-0.6",
        "keras": "keras-torch keras-tensorflow keras-jax",
        "numpy_random": "numpy numpy-legacy",
        "tinygrad": "tinygrad",
        "mlx": "mlx",
    }
)

#: Layers of PyTorch alone.
for _module, _names in {
    "layers": "PReLU Bilinear MultiheadAttention",
    "transformers": "TransformerEncoderLayer TransformerDecoderLayer TransformerEncoder TransformerDecoder Transformer",
}.items():
    WITH_PARAMETERS.announce(f"embinit.dialects.pytorch.{_module}", _names)


def dialect_named(name: str | Dialect) -> Dialect:
    """Return a dialect by its name; a dialect is returned as it is.

    Parameters
    ----------
    name
        A name such as "odt", or a dialect.

    Raises
    ------
    EmbinitError
        If the name is unknown; the message lists the known ones.

    Examples
    --------
    >>> dialect_named("odt").summary
    'OnDeviceTraining from 2026-07-13'
    """
    if isinstance(name, Dialect):
        return name
    known = DIALECTS.get(name) if isinstance(name, str) else None
    if known is None:
        check_known("dialect", name, DIALECTS.names())
    return known or DIALECTS[name]


def text_of(name: str) -> str:
    """Return a dialect as the text of a dialect file, to start one of your own from.

    Parameters
    ----------
    name
        The name of a dialect that comes as a file.

    Raises
    ------
    EmbinitError
        If the name is unknown, or no file can describe the dialect.

    Examples
    --------
    >>> text_of("tinn").splitlines()[0]
    '# Tinn: wbrand. Both weight matrices, then one bias for each layer, not for each neuron.'
    """
    if not isinstance(name, str) or name not in DIALECTS or name in program_names():
        check_known("dialect", name, DIALECTS.names())
        return program_text(name)
    if (description := getattr(DIALECTS[name], "description", None)) is not None:
        raise EmbinitError(f"dialect {name} does not come with embinit: it is in {description.source}")
    raise EmbinitError(
        f"dialect {name} cannot be written as a file: its values come from kernels, not from expressions of one word; "
        f"those that can are {listed(program_names())}"
    )


def load_dialect(path: str | Path) -> Dialect:
    """Read a dialect file and return its dialect: the way to simulate init code of your own.

    Parameters
    ----------
    path
        The dialect file (TOML): `embinit new NAME --declare` writes one to start from.

    Raises
    ------
    EmbinitError
        If the file cannot be read or breaks a rule; the message names the file, the key, the column and the rule.

    Examples
    --------
    >>> import embinit, pathlib, tempfile
    >>> from embinit.dialects import text_of
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mine.toml"
    >>> _ = path.write_text(text_of("tinn"))
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> embinit.Model("tiny", [fc], seed=42, dialect=embinit.load_dialect(path)).init()["fc.weight"].tolist()
    [[-0.46653005480766296, -0.17003577947616577]]
    """
    from embinit.dialects import declared

    return declared.load_dialect(path)


def register_dialect(dialect: Dialect) -> None:
    """Let models and generators use a dialect by its name.

    Parameters
    ----------
    dialect
        The dialect, such as one that `load_dialect` returned.

    Raises
    ------
    EmbinitError
        If it is no dialect, or another dialect has its name.

    Examples
    --------
    >>> import embinit, pathlib, tempfile
    >>> from embinit.dialects import text_of
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mine.toml"
    >>> _ = path.write_text(text_of("tinn").replace('"tinn"', '"mine"', 1))
    >>> embinit.register_dialect(embinit.load_dialect(path))
    >>> fc = embinit.Linear(name="fc", in_features=2, out_features=1)
    >>> embinit.Model("tiny", [fc], seed=42, dialect="mine").init()["fc.weight"].tolist()
    [[-0.46653005480766296, -0.17003577947616577]]
    """
    if not isinstance(dialect, Dialect):
        raise EmbinitError(
            f"a dialect to register must be a Dialect, such as load_dialect returns, got {shown(dialect)}"
        )
    DIALECTS.add(dialect)


def parameters_of(dialect: Dialect, layers: Sequence[Layer]) -> Iterator[tuple[Layer, Parameter]]:
    """Yield what all layers hold in a dialect, or raise EmbinitError for a layer that the dialect does not have."""
    for layer in layers:
        if isinstance(layer, Stored) and layer.path is not None and not dialect.has_paths:
            raise EmbinitError(f"layer {layer.name!r}: dialect {dialect.name} has no path; it belongs to flax-linen")
        if isinstance(layer, Stored) and not isinstance(layer, Norm) and not dialect.has(layer.type):
            others = listed(name for name, other in DIALECTS.items() if other.has(layer.type))
            raise EmbinitError(
                f"layer {layer.name!r}: dialect {dialect.name} has no {layer.type}; dialects with one: {others}"
            )
    return dialect.parameters_of_all(layers)


__all__ = [
    "DIALECTS",
    "Dialect",
    "dialect_named",
    "load_dialect",
    "naming",
    "parameters_of",
    "register_dialect",
    "text_of",
]
