"""The arguments of all commands."""

import argparse
from collections.abc import Sequence
from functools import cache
from typing import NoReturn

from embinit import __version__
from embinit.commands.output import BAD_INPUT
from embinit.errors import one_line, shortened, shown

#: The files of commands whose names Python cannot import.
FILES = {"import": "import_", "report-bug": "report_bug"}


class _Parser(argparse.ArgumentParser):
    """A parser that reports what is wrong with the command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {one_line(shortened(message, 200))}; see {self.prog} --help\n")


def with_cflags(arguments: Sequence[str]) -> list[str]:
    """Return arguments with --cflags and --flags joined to their values, which argparse would take for options if they
    begin with a dash.
    """
    words, found = iter(arguments), list[str]()
    for word in words:
        value = next(words, None) if word in ("--cflags", "--flags") else None
        found.append(word if value is None else f"{word}={value}")
    return found


@cache
def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. `command` of what it parses is the command's name, `file` its module."""
    line = _Parser(prog="embinit", description="Simulate a microcontroller's weight initialization, bit for bit.")
    line.add_argument("--version", action="version", version=f"embinit {__version__}")
    commands = line.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(command=name, file=FILES.get(name, name))
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
            help="the most that all buffers together, or one file of a bundle, may take",
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
        text = "a file read back: raw, records, ELF core, .npy, .npz, .safetensors, or what a debugger or a log prints"
        command.add_argument("--dump", metavar="FILE", help=text)
        command.add_argument("--elf", metavar="FILE", help="the firmware, if the dump is an image of its RAM")
        command.add_argument("--symbol", metavar="S", help="compare one buffer: the one whose identifier S ends with")
        text = "where the image begins; default: the ELF's lowest writable section"
        command.add_argument("--base", type=_integer, metavar="A", help=text)
        text = "where a buffer is, such as fc.weight=0x20000410 or, with --elf, the symbol of a pointer to it"
        command.add_argument("--at", action="append", default=[], metavar="BUFFER=ADDRESS", help=text)
        text = "compare a checksum that the board printed, such as fc.weight=0x0d082a6e (CRC, Adler, Fletcher, SHA-256)"
        command.add_argument("--crc", action="append", default=[], metavar="BUFFER=CHECKSUM", help=text)

    plan = command("plan", "print what is drawn for each buffer, in which order, with which parameters")
    add_model(plan)
    add_report(plan)
    add_json(plan)

    export = command("export", "write golden vectors, init code and tests")
    add_model(export)
    export.add_argument("-o", "--output", metavar="DIR", help="directory of the bundle")
    text = (
        "some of npz, h, bin, c, test (default: these), h-source, h-incbin, h-embed (instead of h: arrays in a file of "
    )
    text += "their own), unity, ztest, gtest, cpputest, plain (tests that are part of an image), main, rs, safetensors"
    export.add_argument("--format", default=None, metavar="F,F", help=text)
    text = "generate C for the library of `embinit c --amalgamated`, with one header"
    export.add_argument("--amalgamated", action="store_true", help=text)
    text = "write nothing; exit 1 if DIR, or the bundle MODEL, is out of date"
    export.add_argument("--check", action="store_true", help=text)
    export.add_argument("--list", action="store_true", help="write nothing; print the files that the bundle will have")
    add_report(export)
    add_json(export)

    importing = command(
        "import", "write the model file of a model that a framework saved, or that a constructor builds"
    )
    text = ".onnx, .safetensors, .pt, .pt2, .keras, .h5, .tflite, or module:Name in the working directory"
    importing.add_argument("source", metavar="FILE", help=text)
    importing.add_argument("-o", "--output", required=True, metavar="MODEL", help="the model file to write")
    text = "the dialect that the device follows; default torch"
    importing.add_argument("--dialect", default="torch", metavar="D", help=text)
    importing.add_argument("--seed", type=_integer, default=42, metavar="N", help="the seed of the model; default 42")
    text = "the key of a checkpoint under which the model's tensors lie, if it holds several"
    importing.add_argument("--key", default="", metavar="K", help=text)
    importing.add_argument("--skip", action="store_true", help="leave out and name the layers that are unknown")
    add_json(importing)

    verify = command("verify", "compare a device's buffers with the simulation")
    add_model(verify)
    add_device(verify)
    verify.add_argument("--save", metavar="FILE", help="with a device: also write what it left, as .npz or .bin")
    add_report(verify)
    add_json(verify)

    diagnose = command("diagnose", "name the mistake that explains why a device's buffers differ")
    add_model(diagnose)
    add_device(diagnose)
    add_report(diagnose)
    add_json(diagnose)

    text = "print versions, plan and diagnosis of a device that disagrees, to put into a report: no weights"
    report_bug = command("report-bug", text)
    add_model(report_bug)
    add_device(report_bug)
    add_json(report_bug)

    text = "build your own init code in many ways and say which leave the same bits, and why the others do not"
    matrix = command("matrix", text)
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

    seeds = command("seeds", "draw a model from many seeds and name those that are the same, extreme or ruined")
    add_model(seeds, seed=False)
    text = "numbers and ranges, such as 0-999,4294967295; --seeds=-9-9 if the first is negative"
    seeds.add_argument("--seeds", required=True, metavar="N-N", help=text)
    text = "keep what is found in this file, and go on from there if it exists: a sweep may be interrupted"
    seeds.add_argument("--keep", metavar="FILE", help=text)
    add_report(seeds)
    add_json(seeds)

    c = command(
        "c", "copy the C library into a project, as CMake, PlatformIO and others take it, or say how to compile it"
    )
    what = c.add_mutually_exclusive_group(required=True)
    what.add_argument("-o", "--output", metavar="DIR", help="directory to copy the sources and headers to")
    what.add_argument("--includes", action="store_true", help="print the include directory")
    what.add_argument("--sources", action="store_true", help="print the source files")
    what.add_argument("--cflags", action="store_true", help="print compiler flags")
    c.add_argument("--amalgamated", action="store_true", help="with -o: as one source and one header")

    targets = command("targets", "list the device builds, or find out what a compiler builds")
    add_json(targets)
    text = "say by known answers what a compiler makes of a multiply-add, and which libm it links"
    ways = targets.add_subparsers(metavar="probe|chips")
    chips = ways.add_parser("chips", help="list the chips whose names stand for a target", description="List chips.")
    chips.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    chips.set_defaults(file="chips")
    probe = ways.add_parser("probe", help=text, description=f"{text.capitalize()}.")
    probe.add_argument("--cc", required=True, metavar="COMMAND", help="the compiler with all flags of the firmware")
    probe.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    probe.set_defaults(file="probe")

    dialects = command("dialects", "list the dialects, print one as a file, or check a file against C")
    dialects.add_argument("dialect", nargs="?", metavar="NAME|FILE", help="a dialect, or with --check a dialect file")
    dialects.add_argument("--check", metavar="SOURCE.c", help="compile this C, run it, and compare what it leaves")
    text = "its void NAME(float *weight, float *bias, uint32_t inputs, uint32_t outputs, uint32_t seed)"
    dialects.add_argument("--entry", metavar="NAME", help=text)
    add_json(dialects)

    new = command("new", "write a commented model file, a dialect file or an example, to start from")
    new.add_argument("name", metavar="NAME", help="the model's name: NAME.toml is written")
    new.add_argument("--dialect", default="odt", metavar="D", help="the model's dialect; default odt")
    what = new.add_mutually_exclusive_group()
    what.add_argument("--declare", action="store_true", help="write a dialect file NAME.toml for init code of your own")
    what.add_argument("--example", action="store_true", help="write the example NAME, such as har_classifier")
    formats = command("formats", "list the formats of buffers, or describe one in full")
    formats.add_argument("format", nargs="?", metavar="FORMAT", help="a name such as sym8 or q3.5")
    add_json(formats)
    return line


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer such as 42 or 0x20000000, got {shown(text)}") from None
