"""embinit targets: list the device builds."""

from argparse import Namespace

from embinit.commands.installed import import_installed
from embinit.commands.output import DONE, print_result


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.targets import TARGETS
    from embinit.text import table

    import_installed()
    cells = [("target", "multiply-add", "libm", "rand", "emulated", "other libc", "measured on")]
    for t in TARGETS.values():
        measured = t.build if t.not_run is None else f"not run: {t.build}; {t.not_run}"
        measured += "" if t.note is None else f"; {t.note}"
        others = ", ".join(t.libcs) or "-"
        cells.append((t.name, t.multiply_add, t.libm, t.rand, "yes" if t.emulated else "no", others, measured))
    print_result(options, "\n".join(table(cells)), [target.as_json() for target in TARGETS.values()])
    return DONE
