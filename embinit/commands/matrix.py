"""embinit matrix: say which builds of init code leave the same bits."""

from argparse import Namespace

from embinit.commands.models import load, words
from embinit.commands.output import DONE, MISMATCH, print_result, write_page


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.matrix import FLAG_SETS, builds, matrix
    from embinit.modelfile import read

    targets, compilers = (given.split(",") if given else None for given in (options.targets, options.compilers))
    chosen = builds(targets, compilers, options.flags or FLAG_SETS)
    sources = [options.code, *options.source]
    told = read(options.model)
    named = "dialect" in told or "dialect" in dict(told.get("model") or {})
    model = load(options, dialect=None if named else "odt")  # any will do: it is the shapes that count
    found = matrix(model.plan(), sources, options.entry, chosen, words("--cflags", options.cflags))
    if options.report is not None:
        from embinit.pages.matrix import page

        write_page(options, page(found))
    print_result(options, found, found.as_json())
    return DONE if found.agrees else MISMATCH
