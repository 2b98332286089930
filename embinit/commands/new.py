"""embinit new: write a model file, a dialect file or an example, to start from."""

from argparse import Namespace

from embinit.commands.output import DONE, say


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit import templates
    from embinit.export import write_new

    if options.example:
        files = templates.example(options.name)
    elif options.declare:
        files = {f"{options.name}.toml": templates.dialect_file(options.name)}
    else:
        files = {f"{options.name}.toml": templates.model_file(options.name, options.dialect)}
    write_new(files)
    for path in files:
        following = templates.NEXT[options.declare].format(path=path) if path == f"{options.name}.toml" else ""
        say(f"{path}: written" + (f"; {following}" if following else ""))
    return DONE
