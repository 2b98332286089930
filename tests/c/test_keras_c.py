"""Keras in C: the init code of models on each backend, on the host for many seeds, and on emulated cores."""

import subprocess

import numpy as np
import pytest

import embinit
from embinit import codegen
from embinit.bitgen.keras import nth_seed
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY
from embinit.codegen import NoCodeError
from embinit.device import run
from embinit.dialects import dialect_named
from embinit.verify import verify

from support import recorded_keras
from support.compilers import HOST_COMPILERS, compile_program
from support.firmware import example

SEEDS = [0, 1, 42, 2**31, 2**32 - 1]
BACKENDS = ["torch", "tensorflow", "jax"]
INITIALIZERS = [
    "glorot_uniform", "he_normal", {"name": "random_normal", "stddev": 0.3}, {"name": "truncated_normal", "mean": -0.5},
    {"name": "random_uniform", "minval": -0.3, "maxval": 0.7, "seed": 2**32 - 1}, {"name": "lecun_normal", "seed": 7},
    {"name": "random_normal", "mean": 1.0, "stddev": 0.0},
]  # fmt: skip
SIZES = [(4, 4), (5, 7), (1, 5), (16, 3)]
FLAGS = {"sanitized": ["-O1"], "-Ofast": ["-Ofast", "-march=native", "-ffp-contract=fast"]}
MAIN = """
#include <stdio.h>
{includes}
{buffers}
int main(void)
{{
#ifdef __SSE__
    __builtin_ia32_ldmxcsr(0x1f80); /* subnormal numbers stay what they are: -Ofast links code that flushes them */
#endif
    static const uint32_t seeds[] = {{ {seeds} }};
{held}
    for (unsigned i = 0; i < sizeof seeds / sizeof *seeds; i++) {{
{calls}
    }}
    return 0;
}}
"""
UNITS = [
    C_DIRECTORY / f"embinit_{name}.c"
    for name in (
        "distributions", "double", "expression", "fma", "fma64", "jax", "keras", "libm", "model", "mt19937", "normal",
        "pytorch", "tensorflow", "trigonometry",
    )
]  # fmt: skip


def model(backend, seed=42, target="host"):
    dialect = dialect_named(f"keras-{backend}")
    layers = [embinit.Embedding(name="table", num_embeddings=5, embedding_dim=3)]
    for i, given in enumerate(INITIALIZERS):
        for j, (inputs, outputs) in enumerate(SIZES):
            sizes = {"in_features": inputs, "out_features": outputs}
            small = backend == "torch" and "random_normal" in str(given) and inputs * outputs < 16
            init = None if small else dialect.initializer(given)
            layers.append(embinit.Linear(name=f"l{i}{j}", weight_init=init, bias=not j, **sizes))
    return embinit.Model(backend, layers, seed, dialect, target)


def program(compiler, flags, folder):
    """A program that prints what the init code of all backends leaves, seed by seed."""
    buffers, held, calls = [], [], []
    for backend in BACKENDS:
        bundle = gather(model(backend).plan())
        (folder / f"{backend}_init.h").write_text(codegen.init_header(bundle))
        (folder / f"{backend}_init.c").write_text(codegen.init_source(bundle))
        names = [f"{backend}_{each.identifier}" for each in bundle.arrays]
        buffers += [f"static float {name}[{each.count}];" for name, each in zip(names, bundle.arrays, strict=True)]
        held.append(f"    const {backend}_buffers {backend} = {{ {', '.join(names)} }};")
        calls.append(f"        {backend}_init(&{backend}, seeds[i]);")
        calls += [f"        fwrite({name}, sizeof {name}, 1, stdout);" for name in names]
    (folder / "main.c").write_text(
        MAIN.format(
            includes="\n".join(f'#include "{backend}_init.h"' for backend in BACKENDS),
            buffers="\n".join(buffers),
            seeds=", ".join(f"{seed}u" for seed in SEEDS),
            held="\n".join(held),
            calls="\n".join(calls),
        )
    )
    sources = [*UNITS, *(folder / f"{backend}_init.c" for backend in BACKENDS), folder / "main.c"]
    return compile_program(compiler, sources, folder / "program", *flags, f"-I{folder}")


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_init_code_gives_the_values_of_the_host_for_every_seed(compiler, flags, tmp_path):
    more = HOST_COMPILERS[compiler] if flags == "sanitized" else []
    built = program(compiler, [*FLAGS[flags], *more], tmp_path)
    words = np.frombuffer(subprocess.run([built], capture_output=True, check=True).stdout, np.uint32)
    for seed, left in zip(SEEDS, words.reshape(len(SEEDS), -1), strict=True):
        values = [each for backend in BACKENDS for each in model(backend, seed).init().values()]
        assert left.tolist() == np.concatenate([each.ravel().view(np.uint32) for each in values]).tolist(), seed


@pytest.mark.device
@pytest.mark.parametrize(
    ("backend", "target"),
    [("tensorflow", "cortex-m0"), ("torch", "cortex-m0"), ("jax", "cortex-m4f")],
)
def test_emulated_cores_give_the_host_s_values(backend, target):
    bundle = gather(model(backend, target=target).plan())
    assert verify(bundle, run(bundle), f"the emulated {target}").agrees


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_emulated_cores_leave_what_keras_recorded(target):
    bundle = gather(example("keras_dense", target=target).plan())
    found = run(bundle)
    recorded = recorded_keras.arrays("tensorflow", model="mlp", set_random_seed=42)
    kernels = [words.ravel() for path, words in recorded.items() if path.endswith("/kernel")]
    for buffer, expected in zip(["dense.weight", "dense_1.weight"], kernels, strict=True):
        assert np.frombuffer(found[buffer], np.uint32).tolist() == expected.tolist()


def test_the_list_of_seeds_is_python_s(tmp_path):
    numbers = [0, 1, 2, 3, 50, 211, 212, 213, 400, 425, 426, 500]
    calls = "".join(
        f'    printf("%lu\\n", (unsigned long)embinit_keras_seed({seed}u, {i}u, 0));\n'
        for seed in SEEDS
        for i in numbers
    )
    main = '#include <stdio.h>\n#include "embinit_keras.h"\nint main(void)\n{\n'
    (tmp_path / "main.c").write_text(f"{main}{calls}    return 0;\n}}\n")
    compiler = next(iter(HOST_COMPILERS))
    flags = [f"-I{C_DIRECTORY}", *HOST_COMPILERS[compiler]]
    program = compile_program(compiler, [*UNITS, tmp_path / "main.c"], tmp_path / "program", *flags)
    printed = subprocess.run([program], capture_output=True, check=True, text=True).stdout.split()
    assert [int(each) for each in printed] == [nth_seed(seed, i) for seed in SEEDS for i in numbers]


def test_a_seed_too_far_down_the_list_is_refused_by_name():
    layers = [embinit.Linear(name=f"l{i}", in_features=1, out_features=1, bias=False) for i in range(502)]
    bundle = gather(embinit.Model("many", layers, 1, "keras-jax").plan())
    with pytest.raises(NoCodeError, match=r"l501\.weight: .* element 501 of the list .* 0 to 500: give it a seed"):
        codegen.init_source(bundle)


@pytest.mark.device
@pytest.mark.parametrize("dialect", ["torch", "keras-torch", "keras-tensorflow", "keras-jax"])
def test_normal_values_as_codes(dialect):
    """Values that are drawn together, by channels, groups and whole, in lots that end early, late and exactly."""
    drawn = ["normal"] if dialect == "torch" else ["random_normal", "truncated_normal"]
    layers = [
        embinit.Linear(
            name=f"l{i}",
            in_features=inputs,
            out_features=outputs,
            weight_init=dialect_named(dialect).initializer({"name": name, "mean": 0.1, "stddev": 0.3}),
            weight_format=held,
            bias_format="q7",
        )
        for i, (held, name, (inputs, outputs)) in enumerate(
            (held, name, sizes)
            for held in ("int8", "sym8", "float16")
            for name in drawn
            for sizes in ((4, 4), (5, 7), (1, 19), (8, 4))
        )
    ]
    bundle = gather(embinit.Model("m", layers, 7, dialect, "cortex-m0").plan())
    assert verify(bundle, run(bundle), "the emulated core").agrees


@pytest.mark.device
@pytest.mark.parametrize("rounding", ["stochastic", "half_away"])
def test_values_drawn_together_before_the_words_of_rounding(rounding):
    told = {"weight_init": embinit.initializers.normal(0, 1), "weight_format": "sym8", "rounding": rounding}
    layers = [embinit.Linear(name=name, in_features=5, out_features=7, restart=name == "b", **told) for name in "ab"]
    bundle = gather(embinit.Model("m", layers, 7, "torch", "cortex-m4f").plan())
    assert verify(bundle, run(bundle), "the emulated core").agrees
    assert codegen.init_source(bundle).count("static windowed ") == (3 if rounding == "stochastic" else 2)
