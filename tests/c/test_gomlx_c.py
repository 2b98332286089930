"""GoMLX in C on the host, under sanitizers and under flags that let compilers fuse and regroup: the bits of kernels."""

import subprocess

import numpy as np
import pytest

from embinit import Generator
from embinit.bitgen.gomlx import random_state
from embinit.clib import C_DIRECTORY
from embinit.dialects import dialect_named
from embinit.distributions import Normal, Uniform
from embinit.targets import build_of

from support.compilers import HOST_COMPILERS, WARNINGS, keep, library, run

UNITS = [C_DIRECTORY / f"embinit_{name}.c" for name in ("gomlx", "libm", "normal", "fma", "distributions", "model")]
FLAGS = {
    "sanitized": ["-O1", None],
    "-O3": ["-O3", "-march=native", "-ffp-contract=fast"],
    "-Ofast": ["-Ofast", "-march=native", "-ffp-contract=fast", "-flto"],
}
DIALECTS = ["gomlx", "gomlx-xla", "gomlx-xla-nofma"]
SEEDS = [0, 1, -1, 42, 2**31 - 1, -(2**63), 2**63 - 1, -1234567890123]
TENSORS = [
    (Uniform(-0.3, 0.7), 1), (Normal(0.0, 0.02), 7), (Normal(0.0, 1.0), 64), (Uniform(0.25, 0.75), 5),
    (Normal(0.0, 2.0), 1), (Uniform(-1e-3, 1e3), 300), (Normal(0.0, 0.5), 1001), (Uniform(-1.0, 1.0), 3),
]  # fmt: skip

HEAD = """
#include <stdio.h>
#include "embinit_gomlx.h"

static float out[2000];
static const int64_t seeds[] = {{ {seeds} }};
"""
RUN = """
static void run{i}(int64_t seed)
{{
    uint64_t state[3];
    {generator} generator;
    const embinit_source source = {{ {generator}_source, &generator }};
    embinit_gomlx_state(state, seed);
    fwrite(state, sizeof state, 1, stdout);
    {generator}_seed(&generator, seed);
{body}
}}
"""
MAIN = """
int main(void)
{{
    for (unsigned s = 0; s < sizeof seeds / sizeof *seeds; s++) {{
{calls}
    }}
    return 0;
}}
"""


def called(dialect):
    """The rows of generated code as calls, every tensor twice: whole, and element by element after seeding again."""
    sampler, build = dialect_named(dialect).sampler, build_of("host")
    generator = dialect_named(dialect).seeded(1).c_generator(0)
    for whole in (True, False):
        for distribution, n in TENSORS:
            c = sampler.c_draw(distribution, n, build)
            call = f"{c.function}(&source, 0, 0x{c.a:x}u, 0x{c.b:x}u, "
            before, after = (f"{each.function}(&source, 0, {each.a}u, 0u, 0, 0);" if each else "" for each in c.around)
            yield before
            yield f"{call}out, {n}u);" if whole else f"for (unsigned i = 0; i < {n}u; i++) {{ {call}out + i, 1); }}"
            yield after
            yield f"fwrite(out, 4, {n}, stdout);"
        yield generator.seed


def program():
    seeds = ", ".join("INT64_MIN" if seed == -(2**63) else str(seed) for seed in SEEDS)
    parts = [HEAD.format(seeds=seeds)]
    for i, dialect in enumerate(DIALECTS):
        generator = dialect_named(dialect).seeded(1).c_generator(0).type
        parts.append(RUN.format(i=i, generator=generator, body="\n".join(f"    {line}" for line in called(dialect))))
    calls = "\n".join(f"        run{i}(seeds[s]);" for i in range(len(DIALECTS)))
    return "".join([*parts, MAIN.format(calls=calls)])


@pytest.fixture(scope="module")
def expected():
    pieces = []
    for seed in SEEDS:
        for dialect in DIALECTS:
            pieces.append(np.array(random_state(seed), np.uint64).tobytes())
            for _ in range(2):
                g = Generator.seeded(seed, dialect)
                for distribution, n in TENSORS:
                    out = np.empty(n, np.float32)
                    g.draw(distribution, out)
                    pieces.append(out.tobytes())
    return b"".join(pieces)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_the_bits_of_the_kernels(compiler, flags, tmp_path, expected):
    (tmp_path / "main.c").write_text(program())
    chosen = [x for flag in FLAGS[flags] for x in ([flag] if flag else HOST_COMPILERS[compiler])]
    main, units = tmp_path / "main.c", library(compiler, UNITS, [*WARNINGS, *chosen])
    linked = [flag for flag in chosen if flag == "-flto" or flag.startswith("-fsanitize")]

    def build(output):
        run([*compiler.split(), *WARNINGS, *chosen, f"-I{C_DIRECTORY}", "-c", main, "-o", tmp_path / "main.o"])
        run([*compiler.split(), *linked, tmp_path / "main.o", *units, "-o", output])

    built = keep(compiler, [*WARNINGS, *chosen], [main, *units], build, tmp_path / "program", "linked by itself")
    done = subprocess.run([built], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
