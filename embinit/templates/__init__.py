"""Templates: commented files to start from."""

from importlib.resources import files

from embinit.dialects import Dialect, dialect_named
from embinit.errors import EmbinitError
from embinit.identifiers import check_identifier
from embinit.templates.examples import example

__all__ = ["NEXT", "dialect_file", "example", "model_file"]

_FOLDER = files("embinit.templates")
#: What to do next with a new model file, and with a new dialect file.
NEXT = {
    False: "see what it draws: embinit plan {path}",
    True: 'name it in a model file beside it: dialect = "{path}"',
}
#: Dialects without a default initializer, or whose biases need one, and the lines that a layer needs then.
_INIT = 'weight_init = "uniform"\nlow = -0.1\nhigh = 0.1\n'


def model_file(name: str, dialect: str) -> bytes:
    """Return a commented model file of a dialect.

    >>> model_file("tiny", "odt").decode().splitlines()[1]
    'name = "tiny"                 # of the C files that `embinit export` writes: a C identifier'
    """
    check_identifier("the model's name", name)
    known = dialect_named(dialect)
    text = (_FOLDER / "model.toml.in").read_text(encoding="utf-8")
    init = "" if _has_default(known) else _INIT
    quoted = f'"{name}"'
    return text.format(
        name=f"{quoted:<22}", dialect=f'"{dialect}"'.ljust(19), summary=known.summary, init=init
    ).encode()


def dialect_file(name: str) -> bytes:
    """Return a commented dialect file: a program with its own generator, uniform weights and zero biases."""
    check_identifier("the dialect's name", name)
    return (_FOLDER / "dialect.toml.in").read_bytes().replace(b"@NAME@", name.encode())


def _has_default(dialect: Dialect) -> bool:
    try:
        dialect.default()
    except EmbinitError:
        return False
    return True
