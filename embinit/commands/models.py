"""What commands share: the model that their options describe, and flags as a shell splits them."""

from argparse import Namespace
from typing import TYPE_CHECKING

from embinit.commands.output import note
from embinit.errors import EmbinitError, shown

if TYPE_CHECKING:
    from embinit.api import Model


def load(options: Namespace, **overrides: object) -> "Model":
    """Return the model that a command names, with the command's own seed, target and memory limit if it gives any."""
    from embinit import api

    given = {key: getattr(options, key) for key in ("seed", "target", "memory_limit")} | overrides
    model = api.load(options.model, **{key: value for key, value in given.items() if value is not None})
    if model.seed_picked:
        note(f"no seed was given: picked {model.seed}; repeat with --seed {model.seed}")
    return model


def words(option: str, flags: str) -> list[str]:
    """Return the flags of an option as a shell would split them."""
    import shlex

    try:
        return shlex.split(flags)
    except ValueError as error:
        raise EmbinitError(f"{option} must be flags as in a shell, got {shown(flags)}: {error}") from None
