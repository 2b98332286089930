"""embinit formats: list the formats of buffers, or describe one in full."""

from argparse import Namespace

from embinit.commands.installed import import_installed
from embinit.commands.output import DONE, print_result


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.formats import FORMATS, MODES, ROUNDINGS, Quantized, family_named, format_named
    from embinit.text import table

    import_installed()
    if options.format is None:
        cells = [("format", "bits", "what", "codes"), *((f.name, f.bits, f.summary, f.codes) for f in FORMATS.values())]
        print_result(options, "\n".join(table(cells)), [vars(f) for f in FORMATS.values()])
        return DONE
    family = family_named(options.format)
    said = [(key, text) for key, text in vars(family).items() if key not in ("name", "summary")]
    own: dict[str, object] = {}
    modes = ROUNDINGS if family.codes.startswith("none") else MODES
    if options.format not in FORMATS or "<" not in options.format:
        format_ = format_named(options.format)
        modes = format_.roundings
        own = {"name": format_.name, "bits": format_.bits}
        limits = ""
        if isinstance(format_, Quantized):
            own |= {"qmin": format_.qmin, "qmax": format_.qmax}
            limits = f", codes {format_.qmin} to {format_.qmax}"
        said.insert(0, (format_.name, f"{format_.bits} bits per element{limits}"))
    if family.draws != "0":
        drawing = "; draws are those of stochastic" if "stochastic" in modes else ""
        said += [("rounding", f"{', '.join(modes)}{drawing}")]
        said += [("bytes", "ceil(n * bits / 8), padding bits 0; what is out of range saturates, and is counted")]
    print_result(options, "\n".join([f"{family.name}: {family.summary}", *table(said)]), vars(family) | own)
    return DONE
