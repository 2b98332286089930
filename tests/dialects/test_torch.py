"""The PyTorch dialect: recorded bits, chips, model files, plans."""

from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, codegen, device
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import dialect_named
from embinit.dialects.pytorch import TORCH
from embinit.fill import fill
from embinit.verify import verify

from support import recorded
from support.torch_calls import fill_as, layers_of, next_int32

ROOT = Path(__file__).parents[2]
DIALECTS = {"torch": "avx2", "torch-nofma": "default"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_layers_and_models(dialect):
    compared = 0
    for case in recorded.torch_cases("layer", "model"):
        one = case["kind"] == "layer"
        described = [(case["fn"], case["args"], case["kwargs"])] if one else case["layers"]
        values = fill(embinit.Model("m", layers_of(described), seed=case["seed"], dialect=dialect).plan())
        names = {f"L0.{array['name']}" if one else f"L{array['name']}": array["name"] for array in case["arrays"]}
        assert list(names) == list(values.arrays)
        for ours, theirs in names.items():
            words = recorded.torch_words(case, theirs, DIALECTS[dialect])
            assert np.array_equal(values.arrays[ours].view(np.uint32).ravel(), words), (case, ours)
            compared += 1
        assert next_int32(values.generator.bitgen) == case["next_random_int32"], case
    assert compared == 342


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_initializers(dialect):
    for case in recorded.torch_cases("init"):
        generator = Generator(dialect_named(dialect).seeded(case["seed"]), dialect)
        out = fill_as(generator, case["fn"], case["shape"], case["kwargs"])
        assert np.array_equal(out.view(np.uint32).ravel(), recorded.torch_words(case, "", DIALECTS[dialect])), case
        assert next_int32(generator.bitgen) == case["next_random_int32"], case


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_chip_holds_the_bits(core, dialect):
    for name, overrides in (("torch_parity", {}), ("har_classifier", {"seed": -5})):
        model = embinit.load(ROOT / "examples" / f"{name}.toml", dialect=dialect, target=core, **overrides)
        bundle = gather(model.plan())
        assert verify(bundle, device.run(bundle), core).agrees


def test_a_small_model_takes_the_small_generator():
    small = gather(embinit.load(ROOT / "examples" / "torch_parity.toml").plan())
    large = gather(embinit.load(ROOT / "examples" / "har_classifier.toml", dialect="torch").plan())

    assert "embinit_mt19937_small generator" in codegen.init_source(small)
    assert "embinit_mt19937 generator" in codegen.init_source(large)


@pytest.mark.device
def test_normals_of_a_model_on_the_chip_and_small_ones_are_refused():
    normal = embinit.initializers.kaiming_normal()
    layers = [embinit.Linear(in_features=5, out_features=7, bias=False, weight_init=normal)]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch", target="cortex-m0").plan())
    assert verify(bundle, device.run(bundle), "m0").agrees

    layers = [embinit.Linear(in_features=3, out_features=2, weight_init=normal)]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch", target="cortex-m0").plan())
    with pytest.raises(EmbinitError, match="fewer than 16"):
        device.run(bundle)


@pytest.mark.device
def test_ones_and_an_embedding_on_the_chip():
    ones = embinit.initializers
    layers = [
        embinit.Linear(in_features=5, out_features=3, bias=False, weight_init=ones.eye()),
        embinit.Linear(in_features=3, out_features=7, weight_init=ones.eye()),
        embinit.Embedding(num_embeddings=6, embedding_dim=5, padding_idx=-2),
        embinit.Conv1d(in_channels=6, out_channels=9, kernel_size=4, groups=3, weight_init=ones.dirac(3)),
        embinit.Conv3d(in_channels=4, out_channels=3, kernel_size=[2, 3, 5], weight_init=ones.dirac()),
        embinit.GRU(input_size=2, hidden_size=3, weight_format="q15", bias_format="sym8"),
    ]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch", target="cortex-m0").plan())
    assert verify(bundle, device.run(bundle), "m0").agrees


@pytest.mark.parametrize("initializer", [embinit.initializers.sparse(0.5), embinit.initializers.trunc_normal()])
def test_what_has_no_c_says_what_to_export(initializer):
    layers = [embinit.Linear(in_features=8, out_features=4, weight_init=initializer)]
    bundle = gather(embinit.Model("m", layers, seed=3, dialect="torch").plan())
    with pytest.raises(EmbinitError, match=r"of 32 elements has no C: .*\(--format npz,h,bin\)"):
        codegen.init_source(bundle)


def test_formats_of_a_layer_with_many_parts_go_by_weight_and_bias():
    layer = embinit.LSTM(name="l", input_size=2, hidden_size=3, proj_size=1, weight_format="q15", bias_format="sym8")
    rows = embinit.Model("m", [layer], seed=3, dialect="torch").plan().rows

    assert {row.name: row.format for row in rows} == {
        "l.weight_ih_l0": "q15", "l.weight_hh_l0": "q15", "l.bias_ih_l0": "sym8", "l.bias_hh_l0": "sym8",
        "l.weight_hr_l0": "q15",
    }  # fmt: skip


MIXED = [
    embinit.Conv2d(name="image", in_channels=3, out_channels=5, kernel_size=[2, 3]),
    embinit.Conv1d(name="signal", in_channels=3, out_channels=5, kernel_size=2),
    embinit.GRU(name="gru", input_size=3, hidden_size=2),
    embinit.Embedding(name="table", num_embeddings=4, embedding_dim=5, padding_idx=1),
    embinit.Linear(name="fc", in_features=3, out_features=4, weight_init=embinit.initializers.sparse(0.5)),
]


def diagnosed(values):
    bundle = gather(embinit.Model("m", MIXED, seed=3, dialect="torch").plan())
    return diagnose(bundle, {name: array.tobytes() for name, array in values.items()}, "dump").explanations[0]


def test_a_dump_of_layers_of_any_rank_is_diagnosed():
    found = diagnosed(embinit.Model("m", MIXED, seed=4, dialect="torch").init())
    assert [cause.hypothesis.name for cause in found.causes] == ["seed"]
    assert found.exact

    values = embinit.Model("m", MIXED, seed=3, dialect="torch").init()
    for name in ("image.weight", "signal.weight", "fc.weight"):
        values[name] = np.ascontiguousarray(values[name].swapaxes(0, 1))
    found = diagnosed(values)
    assert "image.weight as [in, out, height, width]" in found.causes[0].hypothesis.sentence
    assert found.exact


HEAD = '[model]\nname = "m"\nseed = 1\ndialect = "{}"\n[[layer]]\nname = "fc"\n'
LINEAR = HEAD + 'type = "Linear"\nin_features = 4\nout_features = 6\n'
GROUPED = HEAD + 'type = "Conv1d"\nin_channels = 4\nout_channels = 4\nkernel_size = 3\ngroups = 2\n'


def loaded(tmp_path, text):
    (tmp_path / "m.toml").write_text(text)
    return embinit.load(tmp_path / "m.toml")


def test_model_files_say_initializers_in_pytorchs_words(tmp_path):
    made = {
        'weight_init = "kaiming_uniform"\na = 2.23606797749979': TORCH.weight,
        'weight_init = "kaiming_uniform"\nnonlinearity = "relu"': embinit.initializers.kaiming_uniform(),
        'weight_init = "kaiming_normal"\nnonlinearity = "selu"': embinit.initializers.kaiming_normal(gain=0.75),
        'weight_init = "trunc_normal"\nstddev = 0.02': embinit.initializers.trunc_normal(stddev=0.02),
        'weight_init = "sparse"\nsparsity = 0.5': embinit.initializers.Sparse(0.5, 0.01, shape=(6, 4)),
        'weight_init = "eye"': embinit.initializers.Eye(shape=(6, 4)),
    }
    for text, initializer in made.items():
        assert loaded(tmp_path, LINEAR.format("torch") + text).tensors[0].initializer == initializer
    grouped = loaded(tmp_path, GROUPED.format("torch") + 'weight_init = "dirac"')
    assert grouped.tensors[0].initializer == embinit.initializers.Dirac(2, shape=(4, 2, 3))


@pytest.mark.parametrize(
    ("dialect", "text", "message"),
    [
        ("torch", 'weight_init = "kaiming_uniform"\ngain = 1.0\nnonlinearity = "relu"', "keep one"),
        (
            "torch",
            'weight_init = "kaiming_uniform"\nnonlinearity = "gelu"',
            "nonlinearity must be one of.*'gelu'",
        ),
        ("torch", 'weight_init = "orthogonal"', "LAPACK.* use xavier_uniform"),
        ("torch", 'weight_init = "dirac"', r"dirac\(1\) needs a tensor of 3 to 5 axes.*got shape \[6, 4\]"),
        ("torch", 'weight_init = "sparse"\nsparsity = 1.5', "sparsity must be from 0 to 1, got 1.5"),
        ("torch", 'weight_init = "trunc_normal"\nlow = 3\nhigh = 1e6', "takes more than 10000 rounds"),
        ("torch", 'weight_init = "trunc_normal"\nmean = 1e6\nhigh = -1.5', "takes more than 10000 rounds"),
        ("torch", 'weight_init = "trunc_normal"\nmean = 100000003\nlow = 100000013\nhigh = 100000014', "10000 rounds"),
        ("torch", 'weight_init = "trunc_normal"\nlow = 3', "low must not exceed high, got 3.0 and 2.0"),
        ("torch", 'weight_init = "trunc_normal"\nstddev = 0', "stddev must be positive.*got 0"),
        ("torch", 'weight_init = "truncated_normal"', "use constant, uniform, normal or trunc_normal"),
        ("odt", 'weight_init = "kaiming_uniform"\nnonlinearity = "relu"', "has no key 'nonlinearity'"),
        ("odt", 'weight_init = "trunc_normal"', "dialect odt has no trunc_normal.*: use normal"),
        ("portable", 'weight_init = "trunc_normal"', "dialect portable has no trunc_normal.*truncated_normal"),
        ("portable", 'weight_init = "sparse"\nsparsity = 0.5', "use normal, or dialect torch"),
        ("portable-int", 'weight_init = "eye"', "dialect portable-int has no eye: .*dialect torch"),
        ("kaun", 'weight_init = "eye"', "weight_init must be one of default, zeros"),
    ],
)
def test_what_a_dialect_refuses_of_pytorchs_initializers(tmp_path, dialect, text, message):
    with pytest.raises(EmbinitError, match=f"layer 'fc': .*{message}"):
        loaded(tmp_path, LINEAR.format(dialect) + text)


@pytest.mark.parametrize(
    "dialect",
    sorted(
        {
            "odt",
            "odt-2026-06",
            "odt-2026-04",
            "portable",
            "portable-int",
            "genann",
            "tinn",
            "nnh",
            "fann",
        }
    ),
)
def test_other_dialects_name_those_that_have_a_layer(tmp_path, dialect):
    keys = 'type = "Conv2d"\nin_channels = 4\nout_channels = 4\nkernel_size = [3, 2]'
    with pytest.raises(EmbinitError, match=f"'fc': dialect {dialect} has no Conv2d; .* torch, torch-nofma, "):
        loaded(tmp_path, HEAD.format(dialect) + keys)
    norm = HEAD.format(dialect) + 'type = "BatchNorm2d"\nnum_features = 3\n'
    if dialect == "portable-int":
        norm += 'weight_format = "q1.7"\nbias_format = "q1.7"\n'
    assert [row.draws for row in loaded(tmp_path, norm).plan().rows] == [0, 0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('type = "Conv2d"\nin_channels = 4\nout_channels = 4\nkernel_size = [3]', r"a number or 2 of them, got \[3\]"),
        ('type = "Conv2d"\nin_channels = 4\nout_channels = 4\nkernel_size = [3, 0]', "kernel_size must .* got 0"),
        ('type = "Embedding"\nnum_embeddings = 4\nembedding_dim = 4\npadding_idx = 4', "from -4 to 3, got 4"),
        ('type = "LSTM"\ninput_size = 4\nhidden_size = 4\nproj_size = 4', "proj_size must .* 0 to 3, got 4"),
        ('type = "GRU"\ninput_size = 4\nhidden_size = 4\nproj_size = 4', "no key 'proj_size'"),
        ('type = "RNN"\ninput_size = 4\nhidden_size = 4\nnum_layers = 0', "num_layers must .* got 0"),
        ('type = "RNN"\ninput_size = 4\nhidden_size = 4\nbidirectional = 1', "true or false, got 1"),
    ],
)
def test_what_the_layers_refuse(tmp_path, keys, message):
    with pytest.raises(EmbinitError, match=f"layer 'fc': .*{message}"):
        loaded(tmp_path, HEAD.format("torch") + keys)


def test_the_plan_counts_what_is_drawn():
    normal = embinit.initializers.kaiming_normal()
    layers = [embinit.Linear(name=f"l{i}", in_features=i + 2, out_features=9, weight_init=normal) for i in range(3)]
    sparse = embinit.initializers.sparse(0.3)
    layers += [
        embinit.Linear(name="sparse", in_features=5, out_features=4, weight_init=sparse),
        embinit.Linear(name="row", in_features=32, out_features=1, weight_init=sparse),
        embinit.Conv2d(
            name="dirac", in_channels=2, out_channels=3, kernel_size=2, weight_init=embinit.initializers.dirac()
        ),
        embinit.Embedding(name="table", num_embeddings=5, embedding_dim=7, padding_idx=0),
    ]
    plan = embinit.Model("m", layers, seed=3, dialect="torch").plan()
    values = fill(plan)

    for row in plan.rows:
        assert row.first_draw == values.first_draw[row.name]
        assert row.draws == values.draws[row.name]


def test_a_tensor_of_one_axis_has_no_fans():
    out = np.empty(4, np.float32)
    generator = Generator(TORCH.seeded(1), "torch")
    with pytest.raises(EmbinitError, match=r"two axes to have fans, got shape \(4,\)"):
        generator.fill(embinit.initializers.xavier_uniform(), out)
    generator.fill(embinit.initializers.ones(), out)
    assert out.tolist() == [1.0] * 4


def test_no_draw_is_foreseen_behind_a_truncated_normal():
    trunc, small = embinit.initializers.trunc_normal(), embinit.initializers.sparse(0.5)
    layers = [
        embinit.Linear(name=name, in_features=3, out_features=2, weight_init=init)
        for name, init in (("a", trunc), ("b", small))
    ]
    rows = embinit.Model("m", layers, seed=3, dialect="torch").plan().rows

    assert [(row.first_draw, row.draws) for row in rows] == [(0, None), (None, 2), (None, None), (None, 2)]


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5])
def test_seeds_that_pytorch_refuses(seed):
    layer = embinit.Linear(in_features=1, out_features=1)
    with pytest.raises(EmbinitError, match="seed must be an integer from -9223372036854775808 to"):
        embinit.Model("m", [layer], seed=seed, dialect="torch")
