"""The command line: most commands read a model file and print or write one thing."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from embinit import __version__, process, progress
from embinit.errors import EmbinitError, listed, one_line, shortened, shown

if TYPE_CHECKING:
    from embinit.bundle import Bundle
    from embinit.files import Content
    from embinit.readback import Readback

DONE, MISMATCH, BAD_INPUT = 0, 1, 2
_WHY = "why: `embinit diagnose`, with the same arguments, looks for the mistake that explains it"


class _Parser(argparse.ArgumentParser):
    """Reports what is wrong with the command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {one_line(shortened(message, 200))}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done and equal, 1 a mismatch was found, 2 bad input."""
    try:
        options = _parser().parse_args(_with_cflags(sys.argv[1:] if arguments is None else arguments))
        with progress.Progress(f"embinit {options.command}"):
            return int(options.run(options))
    except EmbinitError as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        _note("interrupted")
        return process.INTERRUPTED
    except Exception as error:
        if _memory_ended(error):
            said = f" ({error})" if str(error) else ""
            return _refused(f"memory ended before the work was done: take a smaller model{said}")
        if isinstance(error, OSError):  # files that a command reads or writes have messages of their own
            return _refused(f"the system refuses: {error}")
        raise


def _refused(why: str) -> int:
    _note(f"error: {why}")
    return BAD_INPUT


def _memory_ended(error: BaseException | None) -> bool:
    """Return whether a MemoryError caused an error; closing the file that was being written may raise another one."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__context__
    return error is not None


def _note(text: str) -> None:
    """Print a line on standard error; if nobody reads it, the command goes on without it."""
    progress.make_room()
    with suppress(OSError):
        print(one_line(f"embinit: {text}"), file=sys.stderr)


def _with_cflags(arguments: Sequence[str]) -> list[str]:
    """Join --cflags or --flags and its value, which argparse would take for an option because it begins with a dash."""
    words, found = iter(arguments), list[str]()
    for word in words:
        value = next(words, None) if word in ("--cflags", "--flags") else None
        found.append(word if value is None else f"{word}={value}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="embinit", description="Simulate a microcontroller's weight initialization, bit for bit.")
    parser.add_argument("--version", action="version", version=f"embinit {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(run=run, command=name)
        return added

    def add_model(command: argparse.ArgumentParser, seed: bool = True) -> None:
        command.add_argument("model", metavar="MODEL", help="model file (TOML), or the directory of a bundle")
        command.set_defaults(seed=None)
        if seed:
            command.add_argument("--seed", type=_integer, metavar="N", help="instead of the model file's seed")
        command.add_argument("--target", metavar="T", help="instead of the model file's target; see `embinit targets`")
        command.add_argument(
            "--memory-limit",
            type=_integer,
            metavar="BYTES",
            help="that all buffers together, or one file of a bundle, may take",
        )

    def add_json(command: argparse.ArgumentParser) -> None:
        command.add_argument("--json", action="store_true", help="print JSON")

    def add_report(command: argparse.ArgumentParser) -> None:
        text = "also write it as a page to look at: one file, without network access"
        command.add_argument("--report", metavar="FILE.html", help=text)

    def add_device(command: argparse.ArgumentParser) -> None:
        text = "run the C code on the emulated core of the target"
        command.add_argument("--device", nargs="?", const="", metavar="TARGET", help=text)
        text = "zig (with Unicorn), gcc (a cross-gcc with QEMU), or a compiler's command with its flags"
        command.add_argument("--toolchain", metavar="T", help=text)
        text = "run your own init code: C files, or C++ by their suffix"
        command.add_argument("--source", nargs="+", action="extend", default=[], metavar="FILE", help=text)
        text = "its void NAME(const <model>_buffers *buffers, uint32_t seed)"
        command.add_argument("--entry", metavar="NAME", help=text)
        text = "compiler flags after -O2, such as '-O1 -g'"
        command.add_argument("--cflags", default="", metavar="FLAGS", help=text)
        text = "read back: raw, records, ELF core, .npy, .npz, .safetensors, or what a debugger or a log prints"
        command.add_argument("--dump", metavar="FILE", help=text)
        command.add_argument("--elf", metavar="FILE", help="the firmware, where the dump is an image of its RAM")
        command.add_argument("--symbol", metavar="S", help="compare one buffer: the one whose identifier S ends with")
        text = "where the image begins; default: the ELF's lowest writable section"
        command.add_argument("--base", type=_integer, metavar="A", help=text)
        text = "where a buffer is, such as fc.weight=0x20000410 or, with --elf, the symbol of a pointer to it"
        command.add_argument("--at", action="append", default=[], metavar="BUFFER=ADDRESS", help=text)
        text = "compare a checksum that the board printed, such as fc.weight=0x0d082a6e (CRC, Adler, Fletcher, SHA-256)"
        command.add_argument("--crc", action="append", default=[], metavar="BUFFER=CHECKSUM", help=text)

    plan = command("plan", _plan, "print what is drawn for each buffer, in which order, with which parameters")
    add_model(plan)
    add_report(plan)
    add_json(plan)

    export = command("export", _export, "write golden vectors, init code and tests")
    add_model(export)
    export.add_argument("-o", "--output", metavar="DIR", help="directory of the bundle")
    text = (
        "some of npz, h, bin, c, test (default: these), h-source, h-incbin, h-embed (instead of h: arrays in a file of "
    )
    text += "their own), unity, ztest, gtest, cpputest, plain (tests that are part of an image), rs, safetensors"
    export.add_argument("--format", default=None, metavar="F,F", help=text)
    text = "generate C for the library of `embinit c --amalgamated`, with one header"
    export.add_argument("--amalgamated", action="store_true", help=text)
    text = "write nothing; exit 1 if DIR, or the bundle MODEL, is out of date"
    export.add_argument("--check", action="store_true", help=text)
    export.add_argument("--list", action="store_true", help="write nothing; print the files that the bundle will have")
    add_report(export)
    add_json(export)

    importing = command(
        "import", _import, "write the model file of a model that a framework saved, or that a constructor builds"
    )
    text = ".onnx, .safetensors, .pt, .pt2, .keras, .h5, .tflite, or module:Name in the working directory"
    importing.add_argument("source", metavar="FILE", help=text)
    importing.add_argument("-o", "--output", required=True, metavar="MODEL", help="the model file to write")
    text = "the dialect that the device follows; default torch"
    importing.add_argument("--dialect", default="torch", metavar="D", help=text)
    importing.add_argument("--seed", type=_integer, default=42, metavar="N", help="the seed of the model; default 42")
    importing.add_argument("--skip", action="store_true", help="leave out and name the layers that are unknown")
    add_json(importing)

    verify = command("verify", _verify, "compare a device's buffers with the simulation")
    add_model(verify)
    add_device(verify)
    verify.add_argument("--save", metavar="FILE", help="with a device: also write what it left, as .npz or .bin")
    add_report(verify)
    add_json(verify)

    diagnose = command("diagnose", _diagnose, "name the mistake that explains why a device's buffers differ")
    add_model(diagnose)
    add_device(diagnose)
    add_report(diagnose)
    add_json(diagnose)

    text = "print versions, plan and diagnosis of a device that disagrees, to put into a report: no weights"
    report_bug = command("report-bug", _report_bug, text)
    add_model(report_bug)
    add_device(report_bug)
    add_json(report_bug)

    text = "build your own init code in many ways and say which leave the same bits, and why the others do not"
    matrix = command("matrix", _matrix, text)
    matrix.add_argument("code", metavar="SOURCE.c", help="the C file that has the entry")
    add_model(matrix)
    text = "its void NAME(const <model>_buffers *buffers, uint32_t seed), or the generated <model>_init"
    matrix.add_argument("--entry", required=True, metavar="NAME", help=text)
    text = "more C files to build with it"
    matrix.add_argument("--source", nargs="+", action="extend", default=[], metavar="FILE", help=text)
    text = "the targets to build for, as in T,T; default: one of each arithmetic that can be run here"
    matrix.add_argument("--targets", metavar="T,T", help=text)
    matrix.add_argument("--compilers", metavar="C,C", help="some of gcc, clang, zig; default: those that are installed")
    text = "instead of the usual sets of flags: one set, such as '-O3 -flto'; as often as you like"
    matrix.add_argument("--flags", action="append", metavar="FLAGS", help=text)
    matrix.add_argument("--cflags", default="", metavar="FLAGS", help="flags of every build, such as '-Iinclude -DN=1'")
    matrix.add_argument("--report", metavar="FILE.html", help="also write what was found as a page to look at")
    add_json(matrix)

    seeds = command("seeds", _seeds, "draw a model from many seeds and name those that are the same, extreme or ruined")
    add_model(seeds, seed=False)
    text = "numbers and ranges, such as 0-999,4294967295; --seeds=-9-9 where the first is negative"
    seeds.add_argument("--seeds", required=True, metavar="N-N", help=text)
    add_report(seeds)
    add_json(seeds)

    c = command("c", _c, "copy the C library into a project, or say how to compile it")
    what = c.add_mutually_exclusive_group(required=True)
    what.add_argument("-o", "--output", metavar="DIR", help="directory to copy the sources and headers to")
    what.add_argument("--includes", action="store_true", help="print the include directory")
    what.add_argument("--sources", action="store_true", help="print the source files")
    what.add_argument("--cflags", action="store_true", help="print compiler flags")
    c.add_argument("--amalgamated", action="store_true", help="with -o: as one source and one header")

    targets = command("targets", _targets, "list the device builds, or find out what a compiler builds")
    add_json(targets)
    text = "say by known answers what a compiler makes of a multiply-add, and which libm it links"
    ways = targets.add_subparsers(metavar="probe|chips")
    chips = ways.add_parser("chips", help="list the chips whose names stand for a target", description="List chips.")
    chips.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    chips.set_defaults(run=_chips)
    probe = ways.add_parser("probe", help=text, description=f"{text.capitalize()}.")
    probe.add_argument("--cc", required=True, metavar="COMMAND", help="the compiler with all flags of the firmware")
    probe.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    probe.set_defaults(run=_probe)

    dialects = command("dialects", _dialects, "list the dialects, print one as a file, or check a file against C")
    dialects.add_argument("dialect", nargs="?", metavar="NAME|FILE", help="a dialect, or with --check a dialect file")
    dialects.add_argument("--check", metavar="SOURCE.c", help="compile this C, run it, and compare what it leaves")
    text = "its void NAME(float *weight, float *bias, uint32_t inputs, uint32_t outputs, uint32_t seed)"
    dialects.add_argument("--entry", metavar="NAME", help=text)
    add_json(dialects)

    new = command("new", _new, "write a commented model file, a dialect file or an example, to start from")
    new.add_argument("name", metavar="NAME", help="the model's name: NAME.toml is written")
    new.add_argument("--dialect", default="odt", metavar="D", help="the model's dialect; default odt")
    what = new.add_mutually_exclusive_group()
    what.add_argument("--declare", action="store_true", help="write a dialect file NAME.toml for init code of your own")
    what.add_argument("--example", action="store_true", help="write the example NAME, such as har_classifier")
    formats = command("formats", _formats, "list the formats of buffers, or say all of one")
    formats.add_argument("format", nargs="?", metavar="FORMAT", help="a name such as sym8 or q3.5")
    add_json(formats)
    return parser


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer such as 42 or 0x20000000, got {shown(text)}") from None


def _load(options: argparse.Namespace, **overrides: object):  # type: ignore[no-untyped-def]
    from embinit.api import load

    given = {key: getattr(options, key) for key in ("seed", "target", "memory_limit")}
    model = load(options.model, **{key: value for key, value in {**given, **overrides}.items() if value is not None})
    if model.seed_picked:
        _note(f"no seed was given: picked {model.seed}; repeat with --seed {model.seed}")
    return model


def _print(as_json: bool, text: object, values: object) -> None:
    _say(json.dumps(values, indent=1) if as_json else text)


def _say(text: object) -> None:
    """Print to standard output; if nobody reads it, as after `| head`, the command goes on without it."""
    progress.make_room()
    try:
        print(text, flush=True)
    except BrokenPipeError:
        process.drop_output()
    except OSError as error:
        process.drop_output()
        raise EmbinitError(f"what it prints cannot be written: {error.strerror}") from None


def _report(options: argparse.Namespace, page: bytes) -> None:
    from embinit.files import write_file

    write_file(Path(options.report), page)


def _plan(options: argparse.Namespace) -> int:
    plan = _load(options).plan()
    if options.report is not None:
        from embinit.pages.plan import page

        _report(options, page(plan))
    _print(options.json, plan, plan.as_json())
    return DONE


def _import(options: argparse.Namespace) -> int:
    from embinit.importing import import_model, origin_of

    dialect = options.dialect
    if dialect.endswith(".toml"):
        from embinit.dialects import load_dialect

        dialect = load_dialect(dialect)
    found = import_model(options.source, dialect, options.seed, options.skip)
    found.model.save(options.output)
    for each in found.skipped:
        _note(f"left out: {each}")
    for note in found.notes:
        _note(f"{options.source}: {note}")
    layers = sum(
        1 for layer in found.model.layers if layer.name in {tensor.layer.name for tensor in found.model.tensors}
    )
    drawn = origin_of(found)
    lines = [str(found), f"{options.output}: written, from {found.kind}: {layers} layers with weights"]
    lines += [str(drawn)] if drawn is not None else []
    values = {"output": options.output, **found.as_json(), "origin": drawn and drawn.as_json()}
    _print(options.json, "\n".join(lines), values)
    return DONE


def _export(options: argparse.Namespace) -> int:
    from embinit.bundle import gather
    from embinit.export import as_written, check_room, drift, names, write
    from embinit.modelfile import bundle_of

    own = bundle_of(options.model) if options.check and options.output is None else None
    if options.output is None and own is None and not options.list:
        raise EmbinitError("export needs -o DIR, unless --list is given, or --check with a bundle as MODEL")
    plan = _load(options).plan()
    formats = None if options.format is None else options.format.split(",")
    if options.list:
        files = [str(Path(options.output or "") / name) for name in names(plan, formats)]
        _print(options.json, "\n".join(files), {"files": files})
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

            _report(options, drifted(plan, directory, differences))
        _print(options.json, text, {"directory": directory, "equal": not differences, "differences": differences})
        return MISMATCH if differences else DONE
    check_room(plan, Path(options.output), formats)
    bundle = gather(plan)
    sizes = write(bundle, Path(options.output), formats, options.amalgamated)
    if formats is None and f"{plan.model.name}_init.c" not in sizes:
        _note("the bundle has no init code: --format c says why no C draws these values")
    for entry in bundle.entries:
        if clipped := entry.buffer.clipped:
            _note(f"{entry.name}: {clipped} elements saturate in {entry.format}")
    if options.report is not None:
        from embinit.pages.export import page

        _report(options, page(bundle, options.output, sizes))
    text = "\n".join(f"{Path(options.output) / name}: {size} bytes" for name, size in sizes.items())
    _print(options.json, text, {"directory": options.output, "files": sizes})
    return DONE


def _verify(options: argparse.Namespace) -> int:
    from embinit import device, verify
    from embinit.export import save

    if options.crc:
        return _checksums("verify", options)
    if options.save is not None and options.dump is not None:
        raise EmbinitError("--save writes what a device left: give --device or --source with it, not --dump")
    bundle, found, source = _read_back("verify", options)
    if options.save is not None:
        save(bundle, found, Path(options.save))
    report = verify.verify(bundle, found, source)
    if options.source and not report.agrees:
        bundle, report = device.by_its_arithmetic(bundle, found, report, _toolchain(options, bundle.plan.model.target))
    if options.report is not None:
        from embinit.pages.verify import page

        _report(options, page(bundle, found, report))
    _print(options.json, report if report.agrees else f"{report}\n{_WHY}", report.as_json())
    return DONE if report.agrees else MISMATCH


def _diagnose(options: argparse.Namespace) -> int:
    from embinit.diagnose import diagnose

    if options.crc:
        return _checksums("diagnose", options)
    bundle, found, source = _read_back("diagnose", options)
    diagnosis = diagnose(bundle, found, source)
    if options.report is not None:
        from embinit.pages.diagnose import page

        _report(options, page(bundle, found, diagnosis))
    _print(options.json, diagnosis, diagnosis.as_json())
    return DONE if diagnosis.report.agrees else MISMATCH


def _report_bug(options: argparse.Namespace) -> int:
    from embinit.bugreport import report_bug

    if options.crc:
        raise EmbinitError("report-bug needs the bytes of buffers, by --dump, --device or --source: it takes no --crc")
    bundle, found, source = _read_back("report-bug", options)
    report = report_bug(bundle, found, Path(source).name if options.dump else source)
    _print(options.json, report, report.as_json())
    return DONE


def _checksums(command: str, options: argparse.Namespace) -> int:
    """Compare checksums, which need neither a device nor a dump."""
    from embinit import checksums
    from embinit.bundle import gather
    from embinit.diagnose.by_checksum import diagnose_checksums

    others = ("device", "source", "toolchain", "entry", "dump", "elf", "symbol", "base", "at", "save")
    for key in others:
        if getattr(options, key, None):
            raise EmbinitError(f"--crc is all that is known of a device: it goes with no --{key}")
    bundle, given = gather(_load(options).plan()), checksums.parse(options.crc)
    if command == "verify":
        report = checksums.check({array.name: array.payload for array in bundle.arrays}, given)
        if options.report is not None:
            from embinit.pages.checksums import verified

            _report(options, verified(bundle.plan.model, report))
        _print(options.json, report, report.as_json())
        return DONE if report.agrees else MISMATCH
    diagnosis = diagnose_checksums(bundle, given)
    if options.report is not None:
        from embinit.pages.checksums import diagnosed

        _report(options, diagnosed(bundle.plan.model, diagnosis))
    _print(options.json, diagnosis, diagnosis.as_json())
    return DONE if diagnosis.report.agrees else MISMATCH


def _places(options: Sequence[str]) -> dict[str, str]:
    """Return the places of options such as fc.weight=0x20000410, by buffer."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, place = option.partition("=")
        if not equals or not place or name in found:
            raise EmbinitError(f"--at must be BUFFER=ADDRESS, once for each buffer, got {shown(option)}")
        found[name] = place
    return found


def _read_back(command: str, options: argparse.Namespace) -> "tuple[Bundle, Readback, str]":
    """Return what is simulated, what a device or a dump holds, and the name of that source."""
    from embinit.bundle import gather
    from embinit.dump import read_dump
    from embinit.targets import TARGETS, target_named

    on_device = options.device is not None or bool(options.source)
    if on_device == (options.dump is not None):
        given = "--device and --dump" if on_device else "neither"
        raise EmbinitError(
            f"{command} needs either a device, by --device or --source, or a dump, by --dump, or checksums, by --crc; "
            f"got {given}"
        )
    if options.device and options.target and target_named(options.device) != target_named(options.target):
        raise EmbinitError(f"--device {options.device} is the target to simulate too, and --target must not be another")
    if not on_device and (options.entry or options.toolchain or options.cflags):
        raise EmbinitError("--entry, --toolchain and --cflags say how to build for a device, and go with no --dump")
    cut = {"elf": options.elf, "symbol": options.symbol, "base": options.base, "at": _places(options.at) or None}
    if options.dump is None and any(value is not None for value in cut.values()):
        raise EmbinitError("--elf, --symbol, --base and --at say how to read a dump: give --dump FILE with them")
    model = _load(options, target=options.device or options.target)  # the package of its dialect may bring the target
    if options.device:
        device = target_named(options.device)
        if not device.emulated:
            emulated = [name for name, target in TARGETS.items() if target.emulated]
            raise EmbinitError(
                f"--device must be one of {listed(emulated)}, or a chip with such a core, got {device.name}"
            )
    bundle = gather(model.plan())
    if on_device:
        return bundle, *_from_device(options, bundle)
    return bundle, read_dump(options.dump, bundle, **cut), options.dump


def _toolchain(options: argparse.Namespace, target: str) -> str:
    from embinit.device import default_toolchain

    return str(options.toolchain or default_toolchain(options.source, target))


def _from_device(options: argparse.Namespace, bundle: "Bundle") -> "tuple[Readback, str]":
    """Return the buffers of an emulated device, and the device's name."""
    from embinit import device

    model = bundle.plan.model
    toolchain = _toolchain(options, model.target)
    cflags = _words("--cflags", options.cflags)
    found = device.run(bundle, toolchain, options.source, options.entry, cflags)
    core = f"the emulated {model.target} (multiply-add {model.build.multiply_add})"
    if toolchain == "zig" and not options.source:
        return found, core
    built = " ".join([f"{options.entry or f'{model.name}_init'}, built by {toolchain}", *cflags])
    return found, f"{built}, on {core}"


def _matrix(options: argparse.Namespace) -> int:
    from embinit.files import write_file
    from embinit.matrix import FLAG_SETS, builds, matrix, page
    from embinit.modelfile import read

    targets, compilers = (given.split(",") if given else None for given in (options.targets, options.compilers))
    chosen = builds(targets, compilers, options.flags or FLAG_SETS)
    sources = [options.code, *options.source]
    told = read(options.model)
    named = "dialect" in told or "dialect" in dict(told.get("model") or {})
    model = _load(options, dialect=None if named else "odt")  # any will do: it is the shapes that count
    found = matrix(model.plan(), sources, options.entry, chosen, _words("--cflags", options.cflags))
    if options.report is not None:
        write_file(Path(options.report), page(found))
    _print(options.json, found, found.as_json())
    return DONE if found.agrees else MISMATCH


def _words(option: str, flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise EmbinitError(f"{option} must be flags as in a shell, got {shown(flags)}: {error}") from None


def _seeds(options: argparse.Namespace) -> int:
    from embinit.many import parse_seeds, sweep

    report = sweep(_load(options), parse_seeds(options.seeds), progress=True)
    if options.report is not None:
        from embinit.pages.seeds import page

        _report(options, page(report))
    _print(options.json, report, report.as_json())
    return DONE


def _c(options: argparse.Namespace) -> int:
    from embinit.clib import C_DIRECTORY, HEADERS, SELFTEST, SOURCES, amalgamated, including_amalgamated
    from embinit.files import write_files

    if options.amalgamated and options.output is None:
        raise EmbinitError("--amalgamated says how to copy the C library: give -o DIR with it")
    if options.output is not None:
        output = Path(options.output)
        library, selftest = _contents((*HEADERS, *SOURCES)), _contents(SELFTEST)
        if options.amalgamated:
            library = amalgamated()
            selftest = {name: including_amalgamated(text.decode()).encode() for name, text in selftest.items()}
        for folder, contents in ((output, library), (output / "selftest", selftest)):
            write_files(folder, partial(map, _written, contents.items()))
            _say("\n".join(str(folder / name) for name in contents))
    elif options.includes:
        _say(C_DIRECTORY)
    elif options.sources:
        _say("\n".join(map(str, SOURCES)))
    else:
        _say(f"-std=c99 -I{C_DIRECTORY}")
    return DONE


def _contents(paths: Sequence[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def _written(item: tuple[str, bytes]) -> "tuple[str, Content]":
    name, content = item
    return name, lambda file: file.write(content)


def _targets(options: argparse.Namespace) -> int:
    from embinit.targets import TARGETS
    from embinit.text import table

    cells = [("target", "multiply-add", "libm", "rand", "emulated", "other libc", "measured on")]
    for t in TARGETS.values():
        measured = t.build if t.not_run is None else f"not run: {t.build}; {t.not_run}"
        others = ", ".join(t.libcs) or "-"
        cells.append((t.name, t.multiply_add, t.libm, t.rand, "yes" if t.emulated else "no", others, measured))
    _print(options.json, "\n".join(table(cells)), [target.as_json() for target in TARGETS.values()])
    return DONE


def _chips(options: argparse.Namespace) -> int:
    from embinit.targets.chips import CHIPS
    from embinit.text import table

    cells = [("chip", "core", "FPU", "target"), *((name, *chip) for name, chip in CHIPS.items())]
    _print(options.json, "\n".join(table(cells)), [{"name": name, **chip._asdict()} for name, chip in CHIPS.items()])
    return DONE


def _probe(options: argparse.Namespace) -> int:
    from embinit.targets.probe import probe

    found = probe(options.cc)
    _print(options.json, found, found.as_json())
    return DONE if found.known else MISMATCH


def _dialects(options: argparse.Namespace) -> int:
    from embinit.dialects import DIALECTS
    from embinit.text import table

    if options.check is not None or options.entry is not None:
        return _check_source(options)
    if options.dialect is not None:
        import tomllib

        from embinit.dialects import text_of

        text = text_of(options.dialect)
        _print(options.json, text.rstrip("\n"), tomllib.loads(text))
        return DONE
    known = [DIALECTS[name] for name in DIALECTS.names()]
    cells = [("dialect", "conventions of"), *((d.name, d.summary) for d in known)]
    rows = [{"name": d.name, "summary": d.summary} for d in known]
    _print(options.json, "\n".join(table(cells)), rows)
    return DONE


def _check_source(options: argparse.Namespace) -> int:
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
    _print(options.json, found, found.as_json())
    return DONE if found.agrees else MISMATCH


def _new(options: argparse.Namespace) -> int:
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
        _say(f"{path}: written" + (f"; {following}" if following else ""))
    return DONE


def _formats(options: argparse.Namespace) -> int:
    from embinit.formats import FORMATS, ROUNDINGS, Quantized, family_named, format_named
    from embinit.text import table

    if options.format is None:
        cells = [("format", "bits", "what", "codes"), *((f.name, f.bits, f.summary, f.codes) for f in FORMATS.values())]
        _print(options.json, "\n".join(table(cells)), [vars(f) for f in FORMATS.values()])
        return DONE
    family = family_named(options.format)
    said = [(key, text) for key, text in vars(family).items() if key not in ("name", "summary")]
    own: dict[str, object] = {}
    if options.format not in FORMATS or "<" not in options.format:
        format_ = format_named(options.format)
        own = {"name": format_.name, "bits": format_.bits}
        limits = ""
        if isinstance(format_, Quantized):
            own |= {"qmin": format_.qmin, "qmax": format_.qmax}
            limits = f", codes {format_.qmin} to {format_.qmax}"
        said.insert(0, (format_.name, f"{format_.bits} bits an element{limits}"))
    if family.draws != "0":
        said += [("rounding", f"{', '.join(ROUNDINGS)}; draws are those of {ROUNDINGS[-1]}")]
        said += [("bytes", "ceil(n * bits / 8), padding bits 0; what is out of range saturates, and is counted")]
    _print(options.json, "\n".join([f"{family.name}: {family.summary}", *table(said)]), vars(family) | own)
    return DONE


def program() -> NoReturn:
    """Run the command line as this process."""
    process.run(main)


if __name__ == "__main__":
    program()
