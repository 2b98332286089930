"""NumPy in C: init code on the host for many seeds and on emulated cores, beside NumPy itself."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import Linear, codegen
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY
from embinit.codegen import NoCodeError
from embinit.device import run
from embinit.dialects import dialect_named
from embinit.initializers import normal, uniform
from embinit.samplers.ziggurat_tables import tables
from embinit.verify import verify

from support.compilers import HOST_COMPILERS, compile_program
from support.strip_limits import INCREMENT, numpys, states

SEEDS = {"numpy": [0, 42, 2**32, 2**64 - 1], "numpy-legacy": [0, 1, 2**32 - 1]}
START = {"numpy": np.random.default_rng, "numpy-legacy": np.random.RandomState}
FLAGS = {"sanitized": ["-O1"], "-Ofast": ["-Ofast", "-march=native", "-ffp-contract=fast"]}
UNITS = [
    C_DIRECTORY / f"embinit_{name}.c"
    for name in (
        "distributions", "double", "expression", "fma", "fma64", "libm", "model", "mt19937", "normal",
        "numpy", "numpy_strips", "pytorch", "trigonometry",
    )
]  # fmt: skip
MAIN = """
#include <stdio.h>
{includes}
{buffers}
int main(void)
{{
{body}
    return 0;
}}
"""


def layers(dialect, elements=30_000):
    """Doubles between draws of 32 bits, tails and wedges of the ziggurat, a normal value that is kept or not."""
    chosen = dialect_named(dialect).initializer("random")
    return [
        Linear(name="a", in_features=3, out_features=5, weight_init=chosen, bias_init=normal(0.1, 0.02)),
        Linear(name="b", in_features=1, out_features=elements, weight_init=normal(-0.3, 1.7), bias=False),
        Linear(name="c", in_features=3, out_features=3, weight_init=chosen, bias_init=uniform(-0.3, 0.7)),
        Linear(name="d", in_features=7, out_features=1, weight_init=normal(0.0, 1e-3), bias_init=normal(5.0, 0.0)),
    ]


def program(dialect, seed, elements=30_000):
    """The same arrays from NumPy."""
    g = START[dialect](seed)
    unit = (lambda n: g.random(n, dtype=np.float32)) if dialect == "numpy" else g.random_sample
    drawn = [
        unit(15), g.normal(0.1, 0.02, 5), g.normal(-0.3, 1.7, elements), unit(9), g.uniform(-0.3, 0.7, 3),
        g.normal(0.0, 1e-3, 7), g.normal(5.0, 0.0, 1),
    ]  # fmt: skip
    return np.concatenate([each.astype(np.float32) for each in drawn]).view(np.uint32)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_init_code_gives_numpy_s_values_for_every_seed(compiler, flags, tmp_path):
    buffers, body = [], []
    for dialect, seeds in SEEDS.items():
        name = dialect.replace("-", "_")
        bundle = gather(embinit.Model(name, layers(dialect), 5, dialect).plan())
        (tmp_path / f"{name}_init.h").write_text(codegen.init_header(bundle))
        (tmp_path / f"{name}_init.c").write_text(codegen.init_source(bundle))
        held = [f"{name}_{each.identifier}" for each in bundle.arrays]
        buffers += [f"static float {each}[{array.count}];" for each, array in zip(held, bundle.arrays, strict=True)]
        body.append(f"    const {name}_buffers {name} = {{ {', '.join(held)} }};")
        for seed in seeds:
            body.append(f"    {name}_init(&{name}, {seed}u);")
            body += [f"    fwrite({each}, sizeof {each}, 1, stdout);" for each in held]
    includes = "\n".join(f'#include "{each.replace("-", "_")}_init.h"' for each in SEEDS)
    main = MAIN.format(includes=includes, buffers="\n".join(buffers), body="\n".join(body))
    (tmp_path / "main.c").write_text(main)
    more = HOST_COMPILERS[compiler] if flags == "sanitized" else []
    sources = [*UNITS, *tmp_path.glob("*.c")]
    built = compile_program(compiler, sources, tmp_path / "program", *FLAGS[flags], *more, f"-I{tmp_path}")
    left = np.frombuffer(subprocess.run([built], capture_output=True, check=True).stdout, np.uint32)
    expected = np.concatenate([program(dialect, seed) for dialect, seeds in SEEDS.items() for seed in seeds])
    assert left.tolist() == expected.tolist()


LIMITS = f"""
#include <stdio.h>
#include "embinit.h"
#include "embinit_numpy.h"
int main(void)
{{
    static const embinit_numpy_rule rule = {{0.0, 1.0}};
    embinit_numpy generator = {{{{{{0, 0}}, {{{INCREMENT}u, 0}}}}, 0, 0}};
    embinit_source source = {{embinit_numpy_source, &generator}};
    float out[3];
    while (fread(&generator.stream.state, sizeof generator.stream.state, 1, stdin) == 1) {{
        embinit_numpy_normal(&source, &rule, 0, 0, out, 3);
        fwrite(out, sizeof out, 1, stdout);
    }}
    return 0;
}}
"""


def test_a_word_at_the_limit_of_a_strip(tmp_path):
    (tmp_path / "main.c").write_text(LIMITS)
    built = compile_program(next(iter(HOST_COMPILERS)), [*UNITS, tmp_path / "main.c"], tmp_path / "program", "-O1")
    given = b"".join(state.to_bytes(16, "little") for state in states(52))
    left = np.frombuffer(subprocess.run([built], input=given, capture_output=True, check=True).stdout, np.uint32)
    expected = np.concatenate([numpys(state).standard_normal(3) for state in states(52)]).astype(np.float32)
    assert left.tolist() == expected.view(np.uint32).tolist()


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
@pytest.mark.parametrize("dialect", SEEDS)
def test_emulated_cores_leave_numpy_s_values(dialect, target):
    found = run(gather(embinit.Model("m", layers(dialect, 700), 2**31 + 7, dialect, target).plan()))
    left = np.concatenate([np.frombuffer(found[each], np.uint32) for each in found])
    assert left.tolist() == program(dialect, 2**31 + 7, 700).tolist()


@pytest.mark.device
@pytest.mark.parametrize("dialect", SEEDS)
def test_codes_skipped_words_and_a_stream_that_starts_again(dialect):
    told = [{"weight_format": "int8", "bias_format": "q7"}, {"skip_words": 3}, {"restart": True}, {"skip_words": 1}]
    given = [replace(each, **more) for each, more in zip(layers(dialect, 60), told, strict=True)]
    bundle = gather(embinit.Model("m", given, 9, dialect, "cortex-m0", skip_words=5).plan())
    assert verify(bundle, run(bundle), "the emulated core").agrees


def test_few_uniform_values_of_randomstate_take_no_whole_state():
    few = Linear(name="a", in_features=3, out_features=4, weight_init=uniform(-1, 1))
    one = Linear(name="a", in_features=1, out_features=1, weight_init=normal(0, 1))
    sources = [codegen.init_source(gather(embinit.Model("m", [x], 1, "numpy-legacy").plan())) for x in (few, one)]
    assert ["embinit_mt19937_small generator" in each for each in sources] == [True, False]


def test_the_strips_are_those_of_the_kernels():
    source = (C_DIRECTORY / "embinit_numpy_strips.c").read_text()
    strips = re.findall(r"\{0x(\w+)u, (\S+), (\S+)\}", source)
    limit, width, height = tables(52)
    assert [int(each, 16) for each, _, _ in strips] == limit.tolist()
    assert [float.fromhex(each) for _, each, _ in strips] == width.tolist()
    assert [float.fromhex(each) for _, _, each in strips] == height.tolist()


def test_what_needs_the_host_s_libm_is_refused_by_name():
    init = dialect_named("numpy").initializer("standard_normal")
    layer = Linear(name="fc", in_features=2, out_features=2, weight_init=init, bias=False)
    bundle = gather(embinit.Model("m", [layer], 1, "numpy").plan())
    with pytest.raises(NoCodeError, match=r"fc\.weight: standard_normal of NumPy has no C: .*log1pf.*--format"):
        codegen.init_source(bundle)
