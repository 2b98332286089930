"""embinit import: write the model file of a model that a framework saved."""

from argparse import Namespace
from dataclasses import replace

from embinit.commands.output import DONE, note, print_result


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.importing import import_model, origin_of
    from embinit.importing.imported import own_ways

    dialect = options.dialect
    if dialect.endswith(".toml"):
        from embinit.dialects import load_dialect

        dialect = load_dialect(dialect)
    found = import_model(options.source, dialect, options.seed, options.skip, options.key)
    drawn = origin_of(found)
    found = replace(found, notes=(*found.notes, *own_ways(found, drawn)))
    found.model.save(options.output)
    for each in found.skipped:
        note(f"left out: {each}")
    for text in found.notes:
        note(f"{options.source}: {text}")
    layers = len({tensor.layer.name for tensor in found.model.tensors})
    lines = [str(found), f"{options.output}: written, from {found.kind}: {layers} layers with weights"]
    lines += [str(drawn)] if drawn is not None else []
    values = {"output": options.output, **found.as_json(), "origin": drawn and drawn.as_json()}
    print_result(options, "\n".join(lines), values)
    return DONE
