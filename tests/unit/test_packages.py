"""Packages of the C library, used as the documentation says: by CMake, Meson, and what else is installed."""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import embinit
from embinit.packages import packages

from support import cli
from support.pages import DOCS, steps

EMBINIT = f"{sys.executable};-m;embinit"
#: The files that the page shows; each title once but for CMakeLists.txt and meson.build, which are of their projects.
SHOWN = {
    step.title: step.text
    for step in steps((DOCS / "how-to" / "use-your-build-system.md").read_text())
    if step.words is None
}
needs_cmake = pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("ninja")), reason="needs cmake and ninja")
#: Init code of the user's that leaves one bit that the golden vectors do not have.
WRONG = """#include "test_tiny.h"
static float weight[8], bias[2];
const tiny_buffers *tiny_under_test(void)
{
    static const tiny_buffers buffers = {weight, bias};
    tiny_init(&buffers, 7);
    weight[3] = -weight[3];
    return &buffers;
}
"""


def project(folder, *names, amalgamated=True):
    """Write files of the page into a folder, and the C library as it says."""
    for name in names:
        (folder / name).write_text(SHOWN[name])
    cli.run("c", "-o", "embinit_c", *(["--amalgamated"] if amalgamated else []), cwd=folder)
    return folder


def done(*command, cwd):
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@needs_cmake
def test_cmake_builds_and_tests_a_model(tmp_path):
    folder = project(tmp_path, "CMakeLists.txt", "tiny.toml", amalgamated=False)
    (folder / "wrong.c").write_text(WRONG)
    with (folder / "CMakeLists.txt").open("a") as file:
        file.write(
            "embinit_add_golden(wrong MODEL tiny.toml FORMATS h-incbin UNDER_TEST wrong.c)\nenable_language(ASM)\n"
        )
    done("cmake", "-G", "Ninja", "-S", ".", "-B", "b", f"-DEMBINIT_COMMAND={EMBINIT}", cwd=folder)
    done("cmake", "--build", "b", cwd=folder)
    tested = subprocess.run(["ctest", "-V"], cwd=folder / "b", capture_output=True, text=True, check=False)
    assert "PASS tiny: 2 buffers" in tested.stdout
    assert "FAIL tiny: fc_weight[3] expected" in tested.stdout
    assert "50% tests passed, 1 tests failed out of 2" in tested.stdout
    assert "no work to do" in done("cmake", "--build", "b", cwd=folder)
    text = (folder / "tiny.toml").read_text()
    (folder / "tiny.toml").write_text(text.replace("seed = 7", "seed = 8"))
    done("cmake", "--build", "b", "--target", "tiny", cwd=folder)
    assert "seed 8" in (folder / "b" / "tiny" / "tiny_init.c").read_text()


@needs_cmake
@pytest.mark.device
@pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="needs arm-none-eabi-gcc and QEMU",
)
def test_cmake_builds_for_a_core_that_qemu_runs(tmp_path):
    folder = project(tmp_path, "CMakeLists.txt", "tiny.toml", "startup.c", "mps2.ld", "cortex-m4f.cmake")
    (folder / "wrong.c").write_text(WRONG)
    with (folder / "CMakeLists.txt").open("a") as file:
        file.write("embinit_add_golden(wrong MODEL tiny.toml UNDER_TEST wrong.c)\n")
    told = ["-DCMAKE_TOOLCHAIN_FILE=cortex-m4f.cmake", f"-DEMBINIT_COMMAND={EMBINIT}"]
    done("cmake", "-G", "Ninja", "-S", ".", "-B", "b", *told, cwd=folder)
    done("cmake", "--build", "b", cwd=folder)
    tested = subprocess.run(["ctest", "-V"], cwd=folder / "b", capture_output=True, text=True, check=False)
    assert "qemu-system-arm" in tested.stdout
    assert "PASS tiny: 2 buffers" in tested.stdout
    assert "FAIL tiny: fc_weight[3] expected" in tested.stdout
    assert "50% tests passed" in tested.stdout


@needs_cmake
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("embinit_add_golden(tiny)", "embinit_add_golden(NAME MODEL model.toml"),
        ("embinit_add_golden(tiny MODEL none.toml)", "none.toml"),
        ("find_package(embinit 9.0 REQUIRED PATHS embinit_c)", "compatible"),
    ],
)
def test_cmake_refuses(call, said, tmp_path):
    folder = project(tmp_path)
    head = "cmake_minimum_required(VERSION 3.16)\nproject(f NONE)\n"
    own = "function(add_library)\nendfunction()\nfunction(target_include_directories)\nendfunction()\n"
    config = "" if "find_package" in call else f"{own}include(embinit_c/cmake/embinitConfig.cmake)\n"
    (folder / "CMakeLists.txt").write_text(f"{head}{config}{call}\n")
    command = ["cmake", "-S", ".", "-B", "b", f"-DEMBINIT_COMMAND={EMBINIT}"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert said in ran.stderr


@pytest.mark.skipif(not (shutil.which("meson") and shutil.which("ninja")), reason="needs meson and ninja")
def test_meson_builds_and_tests_a_model(tmp_path):
    folder = project(tmp_path, "meson.build", "tiny.toml", amalgamated=False)
    (folder / "subprojects").mkdir()
    (folder / "embinit_c").rename(folder / "subprojects" / "embinit")
    command = EMBINIT.replace(";", "', '")
    text = (folder / "meson.build").read_text()
    (folder / "meson.build").write_text(text.replace("find_program('embinit')", f"'{command}'"))
    done("meson", "setup", "b", cwd=folder)
    assert re.search(r"Ok: +1\b", done("meson", "test", "-C", "b", cwd=folder))


def test_every_c_file_compiles_wherever_a_build_takes_all(tmp_path):
    folder = project(tmp_path) / "embinit_c"
    units = [path for path in folder.rglob("*.c") if path.parent.name != "selftest" and path.parent != folder]
    assert len(units) == 3
    (folder / "main.c").write_text("int main(void)\n{\n    return 0;\n}\n")
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-std=c99"]
    done("gcc", *flags, *units, folder / "main.c", "-o", folder / "all", cwd=folder)


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
def test_the_arduino_sketch_is_cpp(tmp_path):
    folder = project(tmp_path) / "embinit_c"
    (folder / "sketch.cpp").write_text(
        "#include <cstdint>\nstruct { void begin(long) {} explicit operator bool() { return true; }"
        " int write(uint8_t) { return 1; } void println(const char *) {} } Serial;\n#define F(text) text\n"
        '#include "examples/KnownAnswers/KnownAnswers.ino"\n'
    )
    done("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I.", "sketch.cpp", cwd=folder)
    fields = dict(line.split("=", 1) for line in (folder / "library.properties").read_text().splitlines())
    needed = "name version author maintainer sentence paragraph category url architectures"
    assert set(needed.split()) <= fields.keys()
    assert (fields["version"], fields["includes"]) == (embinit.__version__, "embinit.h")


def test_one_version_everywhere_and_every_named_file(tmp_path):
    folder = project(tmp_path) / "embinit_c"
    found = packages(["embinit.c", "embinit.h"])
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} >= found.keys()
    for content in found.values():
        assert b"@" not in content.replace(b"${", b"").replace(b"'@", b"")
    version = embinit.__version__
    manifest = json.loads(found["library.json"])
    assert manifest["version"] == version
    assert f'version: "{version}"' in found["idf_component.yml"].decode()
    assert f"version: '{version}'" in found["meson.build"].decode()
    assert f'set(PACKAGE_VERSION "{version}")' in found["cmake/embinitConfigVersion.cmake"].decode()
    pack = ET.fromstring(found["embinit.pdsc"])
    assert [release.get("version") for release in pack.iter("release")] == [version]
    for file in pack.iter("file"):
        assert (folder / file.get("name")).exists()
    for example in manifest["examples"]:
        assert all((folder / example["base"] / name).is_file() for name in example["files"])
    assert (folder / "zephyr" / "CMakeLists.txt").is_file()
    assert (folder / "tests" / "zephyr" / "testcase.yaml").is_file()


def test_files_of_others_are_kept(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("add_library(embinit embinit.c)\n")
    (tmp_path / "Kconfig").mkdir()
    first = cli.run("c", "--amalgamated", "-o", tmp_path)
    assert first.returncode == 0
    assert "kept CMakeLists.txt, Kconfig, which embinit did not write" in first.stderr
    assert (tmp_path / "CMakeLists.txt").read_text() == "add_library(embinit embinit.c)\n"
    for name in packages([]):
        if (tmp_path / name).is_file() and name != "CMakeLists.txt":
            old = (tmp_path / name).read_text().replace(embinit.__version__, "0.0.9")
            (tmp_path / name).write_text(old)
    second = cli.run("c", "--amalgamated", "-o", tmp_path)
    assert second.stderr == first.stderr
    assert embinit.__version__ in (tmp_path / "library.json").read_text()


@pytest.mark.skipif(not shutil.which("pio"), reason="needs PlatformIO")
def test_platformio_packs_it(tmp_path):
    folder = project(tmp_path) / "embinit_c"
    ran = subprocess.run(
        ["pio", "pkg", "pack", "-o", "../p.tgz"], cwd=folder, capture_output=True, text=True, check=False
    )
    if "Could not load SPDX licenses" in ran.stderr + ran.stdout:
        pytest.skip("PlatformIO looks licenses up in the network")
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(not shutil.which("compote"), reason="needs idf-component-manager")
def test_the_component_manager_packs_it(tmp_path):
    folder = project(tmp_path) / "embinit_c"
    done("compote", "component", "pack", "--name", "embinit", "--dest-dir", "../packed", cwd=folder)
    assert (tmp_path / "packed" / f"embinit_{embinit.__version__}.tgz").is_file()
