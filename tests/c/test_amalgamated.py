"""The C library as one source and one header: all compilers take it, it computes the same, generated C goes with it."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

import embinit
from embinit import codegen, device
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, HEADERS, SELFTEST, SOURCES, amalgamated, including_amalgamated
from embinit.export import render
from embinit.targets.zig_unicorn import EMULATIONS, UART, Machine, build

from support import cli, compilers
from support.compilers import HOST_COMPILERS, WARNINGS, compile_program

ROOT = Path(__file__).parents[2]
ZIG = f"{sys.executable} -m ziglang"
C, CPP = WARNINGS, ["-x", "c++", *("-std=c++17" if flag == "-std=c99" else flag for flag in WARNINGS)]
#: Whose -O2 sees into the whole library.
COMPILERS = {
    "gcc": ("gcc", C),
    "clang": ("clang", C),
    "zig, Cortex-M0": (f"{ZIG} cc -target thumb-freestanding-eabi -mcpu=cortex_m0", C),
    "gcc, Cortex-M0": ("arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb", C),
    "gcc, Cortex-M4F": ("arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16", C),
    "gcc, AVR": ("avr-gcc -mmcu=atmega2560", C),
    "gcc, C++17": ("g++", CPP),
    "clang, C++17": ("clang++", CPP),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of the two files and of the selftest that goes with them, as the command writes them."""
    folder = tmp_path_factory.mktemp("library")
    assert cli.run("c", "--amalgamated", "-o", folder).returncode == 0
    return folder


def assert_compiles(compiler, flags):
    command = compiler.split()
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.device
@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_warning(compiler, library, tmp_path):
    command, flags = COMPILERS[compiler]
    assert_compiles(command, [*flags, "-O2", "-c", library / "embinit.c", "-o", tmp_path / "embinit.o"])


@pytest.mark.parametrize(("compiler", "flags"), [("gcc", C), ("clang", C), ("g++", CPP), ("clang++", CPP)])
def test_every_unit_compiles_alone(compiler, flags):
    """Other tests compile only the units that a program reaches."""
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    units = [*C_DIRECTORY.glob("*.c")]

    assert len(units) > 20
    for unit in units:
        (built,) = compilers.library(compiler, [unit], flags)
        assert built.suffix == ".o", unit


def test_every_header_stands_alone(tmp_path):
    for header in HEADERS:
        (tmp_path / f"{header.stem}.c").write_text(
            f'#include "{header.name}"\n#include "{header.name}"\nextern int x;\n'
        )
    options = [*C, "-fsyntax-only", "-Wno-unused-command-line-argument"]  # zig cc adds -c
    assert_compiles(next(iter(HOST_COMPILERS)), [*options, f"-I{C_DIRECTORY}", *tmp_path.glob("*.c")])


def test_two_files_hold_the_library(library):
    assert sorted(path.name for path in library.glob("*.[ch]*")) == ["embinit.c", "embinit.h"]
    assert sorted(path.name for path in (library / "selftest").iterdir()) == sorted(path.name for path in SELFTEST)
    text = {name: content.decode() for name, content in amalgamated().items()}
    for path in (*HEADERS, *SOURCES):
        assert f"/* ==== {path.name} ==== */" in text[f"embinit{path.suffix}"]
    assert re.findall(r"^#include .*", text["embinit.c"], re.MULTILINE) == ['#include "embinit.h"']
    assert set(re.findall(r"^#include .*", text["embinit.h"], re.MULTILINE)) == {
        "#include <float.h>", "#include <stddef.h>", "#include <stdint.h>",
    }  # fmt: skip


def test_a_macro_has_one_meaning():
    text = b"".join(amalgamated().values()).decode()
    defined = Counter(re.findall(r"^ *# *define (\w+)", text, re.MULTILINE))

    assert len(defined) > 50
    assert [name for name, times in defined.items() if times > 1] == []
    assert not re.search(r"^ *# *undef", text, re.MULTILINE)


def test_all_that_is_linked_is_named_after_embinit(library, tmp_path):
    assert_compiles(next(iter(HOST_COMPILERS)), [*C, "-c", library / "embinit.c", "-o", tmp_path / "embinit.o"])
    with (tmp_path / "embinit.o").open("rb") as file:
        symbols = list(ELFFile(file).get_section_by_name(".symtab").iter_symbols())
    linked = [each for each in symbols if each["st_info"]["bind"] == "STB_GLOBAL"]
    public = [each.name for each in linked if each["st_shndx"] != "SHN_UNDEF"]

    assert len(public) > 80
    assert [name for name in public if not name.startswith("embinit_")] == []


def test_the_version_is_the_packages():
    text = (C_DIRECTORY / "embinit.h").read_text()
    major, minor, patch = map(int, re.findall(r"\d+", embinit.__version__)[:3])

    assert f'#define EMBINIT_VERSION "{embinit.__version__}"\n' in text
    assert f"#define EMBINIT_VERSION_NUMBER {major * 10000 + minor * 100 + patch}\n" in text


# ---- It computes the same ----

CHECKS = SELFTEST[1].read_text().count("failures += wrong(")
PUT = f"""
#include <stdint.h>
#include "selftest.h"
int test_put(int c); int run(void);
int test_put(int c) {{ *(volatile uint32_t *){UART:#x}u = (uint32_t)c; return c; }}
int run(void) {{ return embinit_selftest(test_put); }}
"""


FLAGS = {
    "C99": ["-std=c99", "-O2"],
    "fast math": ["-std=gnu11", "-Ofast", "-fno-finite-math-only"],
    "C++": ["-x", "c++", "-O2"],
}


@pytest.mark.parametrize("language", FLAGS)
def test_the_known_answers_on_the_host(language, library, tmp_path):
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "selftest.h"\nint main(void) { return embinit_selftest(putchar) != 0; }\n'
    )
    sources = [library / "embinit.c", library / "selftest" / "selftest.c", tmp_path / "main.c"]
    compiler = "g++" if language == "C++" else next(iter(HOST_COMPILERS))
    includes = [f"-I{library}", f"-I{library / 'selftest'}"]
    program = compile_program(compiler, sources, tmp_path / "selftest", *FLAGS[language], *includes, warnings=())
    done = subprocess.run([program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok ") == CHECKS


@pytest.mark.device
def test_the_known_answers_on_a_core(library, tmp_path):
    (tmp_path / "put.c").write_text(PUT)
    sources = [library / "embinit.c", library / "selftest" / "selftest.c", tmp_path / "put.c"]
    core = EMULATIONS["cortex-m0"]
    machine = Machine(build(sources, core, tmp_path / "selftest.elf", include=[library, library / "selftest"]), core)

    assert machine.call("run") == 0
    assert machine.output.decode().count("ok ") == CHECKS


# ---- Generated C ----


@pytest.mark.device
@pytest.mark.parametrize("name", ["torch_parity", "quantized", "integer_only"])
def test_a_bundle_goes_with_it(name, library, tmp_path):
    plan = embinit.load(ROOT / "examples" / f"{name}.toml", target="cortex-m0").plan()
    bundle = gather(plan)
    for file, content in render(plan, ["c", "test"], amalgamated=True).items():
        (tmp_path / file).write_bytes(content)
    (tmp_path / "firmware.c").write_text(including_amalgamated(codegen.firmware(bundle)))
    model, core = plan.model.name, EMULATIONS["cortex-m0"]
    sources = [library / "embinit.c", tmp_path / f"{model}_init.c", tmp_path / "firmware.c"]
    machine = Machine(build(sources, core, tmp_path / "firmware.elf", include=[library, tmp_path]), core)

    own = {header.name for header in HEADERS}
    included = [set(re.findall(r'#include "(.+)"', path.read_text())) & own for path in tmp_path.glob("*.c")]
    assert set().union(*included) == {"embinit.h"}
    assert machine.call("firmware_main", plan.model.seed) == 1


INIT = """
{headers}
void start(const starter_buffers *buffers, uint32_t seed);
void start(const starter_buffers *buffers, uint32_t seed)
{{
    embinit_mt19937 generator;
    embinit_normal_rule rule = {{embinit_logf_fdlibm, embinit_cosf_fdlibm, 8, EMBINIT_SEPARATE, 1}};
    const embinit_source source = {{embinit_mt19937_source, &generator}};
    embinit_mt19937_seed(&generator, seed);
    embinit_normal(&source, &rule, 0, 0x3f800000u, buffers->conv_weight, 8);
}}
"""


ONE, EACH = ["embinit.h"], ["embinit.h", "embinit_mt19937.h", "embinit_normal.h"]


@pytest.mark.device
@pytest.mark.parametrize(
    ("suffix", "headers"), [(".c", ONE), (".cpp", EACH)], ids=["one header", "each header, in C++"]
)
def test_own_code_on_a_device_includes_either(headers, suffix, tmp_path):
    model = embinit.load(ROOT / "examples" / "starter.toml", target="cortex-m0")
    source = tmp_path / f"start{suffix}"
    source.write_text(INIT.format(headers="\n".join(f'#include "{name}"' for name in headers)))
    weights = device.run(gather(model.plan()), "zig", [source], "start")["conv.weight"]

    assert np.isfinite(np.frombuffer(weights[:32], np.float32)).all()
    assert 0xA5A5A5A5 not in np.frombuffer(weights[:32], np.uint32)
    assert set(weights[32:]) == {0xA5}


def test_a_models_own_header_stays():
    code = '#include "embinit_kws_init.h"\n\n#include "embinit.h"\n#include "embinit_normal.h"\n\nint x;\n'

    assert including_amalgamated(code) == '#include "embinit_kws_init.h"\n\n#include "embinit.h"\n\nint x;\n'


def test_only_the_c_of_a_bundle_differs():
    plan = embinit.load(ROOT / "examples" / "quantized.toml").plan()
    usual, other = render(plan), render(plan, amalgamated=True)

    assert usual.keys() == other.keys()
    assert {name for name in usual if usual[name] != other[name]} == {"quantized_init.c", "manifest.json"}


def test_check_knows_which_c_it_was(tmp_path):
    model = ROOT / "examples" / "quantized.toml"

    def run(*options):
        return cli.run("export", model, "-o", tmp_path, "--json", *options)

    assert run("--amalgamated").returncode == 0
    assert run("--amalgamated", "--check").returncode == 0
    done = run("--check")
    assert done.returncode == 1
    assert json.loads(done.stdout)["differences"] == ["quantized_init.c: differs", "manifest.json: differs"]
