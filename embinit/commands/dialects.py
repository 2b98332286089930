"""embinit dialects: list the dialects, print one as a file, or check a file against C."""

from argparse import Namespace

from embinit.commands.output import DONE, MISMATCH, print_result
from embinit.errors import EmbinitError


def run(options: Namespace) -> int:
    """Run the command and return its exit status."""
    from embinit.dialects import DIALECTS
    from embinit.text import table

    if options.check is not None or options.entry is not None:
        return _check_source(options)
    if options.dialect is not None:
        import tomllib

        from embinit.dialects import text_of

        text = text_of(options.dialect)
        print_result(options, text.rstrip("\n"), tomllib.loads(text))
        return DONE
    known = [DIALECTS[name] for name in DIALECTS.names()]
    cells = [("dialect", "conventions of"), *((d.name, d.summary) for d in known)]
    rows = [{"name": d.name, "summary": d.summary} for d in known]
    print_result(options, "\n".join(table(cells)), rows)
    return DONE


def _check_source(options: Namespace) -> int:
    from embinit.dialects import dialect_named, load_dialect
    from embinit.dialects.declared import DeclaredDialect
    from embinit.source_check import check

    if None in (options.dialect, options.check, options.entry):
        raise EmbinitError("dialects --check needs a dialect file, --check SOURCE.c and --entry NAME")
    is_file = options.dialect.endswith(".toml")
    dialect = load_dialect(options.dialect) if is_file else dialect_named(options.dialect)
    if not isinstance(dialect, DeclaredDialect):
        raise EmbinitError(f"dialects --check compares C with a dialect file, and dialect {dialect} is none")
    found = check(dialect, options.check, options.entry)
    print_result(options, found, found.as_json())
    return DONE if found.agrees else MISMATCH
