"""embinit export: write golden vectors, init code and tests."""

from argparse import Namespace
from pathlib import Path

from embinit.commands.models import load
from embinit.commands.output import DONE, MISMATCH, note, print_result, write_page
from embinit.errors import EmbinitError


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.bundle import gather
    from embinit.codegen import no_c
    from embinit.export import as_written, check_room, drift, names, write
    from embinit.modelfile import bundle_of

    own = bundle_of(options.model) if options.check and options.output is None else None
    if options.output is None and own is None and not options.list:
        raise EmbinitError("export needs -o DIR, unless --list is given, or --check with a bundle as MODEL")
    plan = load(options).plan()
    formats = None if options.format is None else options.format.split(",")
    if options.list:
        files = [str(Path(options.output or "") / name) for name in names(plan, formats)]
        print_result(options, "\n".join(files), {"files": files})
        return DONE
    if options.check:
        directory, amalgamated = options.output or str(own), options.amalgamated
        if own is not None:
            listed, one_header = as_written(own)
            formats, amalgamated = formats or listed, amalgamated or one_header
        differences = drift(plan, directory, formats, amalgamated)
        text = "\n".join(differences) or f"{directory}: equals a fresh export"
        if options.report is not None:
            from embinit.pages.export import drifted

            write_page(options, drifted(plan, directory, differences))
        print_result(options, text, {"directory": directory, "equal": not differences, "differences": differences})
        return MISMATCH if differences else DONE
    check_room(plan, Path(options.output), formats)
    bundle = gather(plan)
    sizes = write(bundle, Path(options.output), formats, options.amalgamated)
    if formats is None and f"{plan.model.name}_init.c" not in sizes:
        note(f"the bundle has no init code: {no_c(plan)}")
    for entry in bundle.entries:
        if clipped := entry.buffer.clipped:
            note(f"{entry.name}: {clipped} elements saturate in {entry.format}")
    if options.report is not None:
        from embinit.pages.export import page

        write_page(options, page(bundle, options.output, sizes))
    text = "\n".join(f"{Path(options.output) / name}: {size} bytes" for name, size in sizes.items())
    print_result(options, text, {"directory": options.output, "files": sizes})
    return DONE
