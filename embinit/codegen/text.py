"""What all generated files share: the banner, an array's comment, and lines."""

from collections.abc import Iterable

from embinit.bundle import Array, Bundle, Entry
from embinit.dialects.seeds import C_TYPES
from embinit.errors import EmbinitError, shown
from embinit.formats import FLOATS
from embinit.spec import SPEC_VERSION


class NoCodeError(EmbinitError):
    """The model's values cannot be drawn in C."""


def banner(bundle: Bundle, what: str) -> str:
    """Return the comment at the top of a generated file: what it is, and for which model, target and seed."""
    model = bundle.plan.model
    return (
        f"/* {model.name}: {what}.\n"
        f" * dialect {model.dialect}, target {model.target} (multiply-add {model.build.multiply_add}), "
        f"seed {model.seed};\n"
        f" * embinit {bundle.package_version}, spec version {SPEC_VERSION}. Generated: edit the model file instead.\n"
        " */\n"
    )


def seed_type(bundle: Bundle) -> str:
    """Return the type of the seed in C, or raise NoCodeError if it cannot hold the model's seed."""
    model = bundle.plan.model
    dialect = model.conventions
    found = dialect.c_seed
    if model.seed not in C_TYPES[found] and not dialect.seeds_count_modulo_2_32:
        most = C_TYPES[found].stop.bit_length() - 1
        bound = f"above 2^{most} - 1" if model.seed > 0 else f"below -2^{most}"
        raise NoCodeError(f"no C takes a seed {bound}, got {shown(model.seed)}; export the values alone")
    return found


def described(array: Array) -> str:
    """Return the shape of an array and, for a buffer of codes, its format."""
    coded = isinstance(array, Entry) and array.format not in FLOATS
    return f"{array.comment}: {array.format}" if coded else array.comment


def joined(lines: Iterable[str]) -> str:
    """Return lines as text."""
    return "".join(f"{line}\n" for line in lines)
