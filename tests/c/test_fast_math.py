"""The C library under flags that let compilers regroup, fuse and invert: the same bits as under any other.

Programs are linked without them, since -ffast-math links start-up code that makes an x86 turn subnormals into 0; and
requests hold no infinity and no NaN, which -ffinite-math-only leaves to the program.
"""

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from embinit import codegen
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES

from support import answers, libm
from support.compilers import HOST_COMPILERS, WARNINGS, keep, library, run
from support.firmware import example
from support.requests import formats, growth, mt19937
from support.requests import twins as twin

#: gcc regroups at -O0 too, while it reads; a test of that is enough.
FLAGS = {
    "-O0": ["-O0", "-ffast-math"],
    "-Ofast": ["-Ofast", "-march=native", "-ffp-contract=fast", "-flto"],
}
builds = pytest.mark.parametrize("flags", ["-Ofast"])
compilers = pytest.mark.parametrize("compiler", HOST_COMPILERS)


def built(compiler, flags, sources, folder, *more):
    """Compile each source with flags, and link with none of them but link-time optimization."""
    linked = [flag for flag in flags if flag == "-flto"]
    parts = library(compiler, dict.fromkeys(map(Path, sources)), [*WARNINGS, *flags])

    def build(program):
        objects = [folder / f"{index}.o" if path.suffix == ".c" else path for index, path in enumerate(parts)]
        for path, made in zip(parts, objects, strict=True):
            if path != made:
                run([*compiler.split(), *WARNINGS, *flags, *more, f"-I{C_DIRECTORY}", "-c", path, "-o", made])
        run([*compiler.split(), *linked, *objects, "-o", program])

    return keep(compiler, [*WARNINGS, *flags, *more], parts, build, folder / "program", "linked without its flags")


def words_of(requests):
    return b"".join(np.array([len(q), len(a), *q], np.uint32).tobytes() for q, a in requests)


def finite(words):
    return all(word & 0x7F800000 != 0x7F800000 for word in words)


def assert_agree(requests, harness, units, compiler, flags, folder):
    """Ask a harness of tests/support/c and compare, as words."""
    program = built(compiler, FLAGS[flags], answers.sources(harness, units), folder, "-DON_HOST")
    done = subprocess.run([program], input=words_of(requests), capture_output=True, check=False)
    assert done.returncode == 0
    ends = np.cumsum([len(answer) for _, answer in requests])[:-1]
    answers.assert_equal(requests, [part.tolist() for part in np.split(np.frombuffer(done.stdout, np.uint32), ends)])


# ---- Normals ----


@pytest.mark.parametrize("flags", FLAGS)
@compilers
def test_logarithms_and_cosines_of_all_classes(compiler, flags, tmp_path):
    """One unit of all the C, so that the compiler sees into every multiply-add."""
    (tmp_path / "main.c").write_text(libm.PROGRAM)
    program = built(compiler, FLAGS[flags], [tmp_path / "main.c"], tmp_path)
    for function, of in libm.FUNCTIONS:
        assert libm.first_difference(program, function, of, libm.ARGUMENTS[::253]) is None


@builds
@compilers
def test_the_fills_of_pytorch(compiler, flags, tmp_path):
    (tmp_path / "main.c").write_text(mt19937.PROGRAM + mt19937.ON_HOST)
    program = built(compiler, FLAGS[flags], [tmp_path / "main.c", *SOURCES], tmp_path)
    asked = list(mt19937.requests())
    stdin = b"".join(np.array([len(request), *request], np.uint32).tobytes() for request, _ in asked)
    words = subprocess.run([program], input=stdin, capture_output=True, check=True).stdout
    expected = [[len(answer), *answer, mt19937.UNTOUCHED] for _, answer in asked]

    assert words == b"".join(np.array(answer, np.uint32).tobytes() for answer in expected)


# ---- Requests of other tests ----


@pytest.fixture(scope="module")
def twins():
    chance = random.Random(5)
    multiply_adds = [*twin.multiply_add_requests(chance), *twin.special_multiply_add_requests()]
    made = [
        *((asked, answer) for asked, answer in multiply_adds if finite([*asked, *answer])),
        *twin.distribution_requests(chance),
        *twin.normal_requests(chance),
        *twin.scaled_requests(chance),
    ]
    assert len(made) > 5000
    return made


@pytest.fixture(scope="module")
def stored():
    chance = random.Random(5)
    encoded = formats.encode_requests(chance, 600)
    made = [(asked, answer) for asked, answer in encoded if finite([*asked[10:], *answer[3:]]) and answer[0]]
    assert len(made) > 400
    return made


@builds
@compilers
def test_distributions(compiler, flags, twins, tmp_path):
    assert_agree(twins, "twins", twin.UNITS, compiler, flags, tmp_path)


@builds
@compilers
def test_formats(compiler, flags, stored, tmp_path):
    assert_agree(stored, "formats", formats.UNITS, compiler, flags, tmp_path)


@builds
@compilers
def test_growth_steps(compiler, flags, tmp_path):
    chance = random.Random(5)
    made = [*growth.variance_requests(chance), *growth.growth_requests(chance)]
    assert_agree(made, "growth", growth.UNITS, compiler, flags, tmp_path)


# ---- Whole models ----

CHECK = """
extern int firmware_main(unsigned seed);
int main(void) { return !firmware_main(%uu); }
"""


@builds
@compilers
def test_a_whole_model(compiler, flags, tmp_path):
    bundle = gather(example("quantized", target="cortex-m4f").plan())
    model = bundle.plan.model.name
    texts = {
        f"{model}_init.h": codegen.init_header(bundle),
        f"{model}_init.c": codegen.init_source(bundle),
        "firmware.c": codegen.firmware(bundle),
        "main.c": CHECK % bundle.plan.model.seed,
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    sources = [*SOURCES, *(tmp_path / file for file in texts if file.endswith(".c"))]

    program = built(compiler, FLAGS[flags], sources, tmp_path, f"-I{tmp_path}")

    assert subprocess.run([program], check=False).returncode == 0
