"""What installed packages bring, for commands that list it."""

from embinit.installed import installed_names


def import_installed() -> None:
    """Import the formats, layers and targets of installed packages, which come with their dialects."""
    for name in installed_names():
        from embinit.dialects import dialect_named

        dialect_named(name)
