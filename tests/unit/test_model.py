"""Models and their files: what is accepted, what is refused, and that a refusal names layer, rule and value."""

import sys
from pathlib import Path

import pytest

import embinit
from embinit import Conv1d, EmbinitError, GroupNorm, LayerNorm, Linear, Model, initializers, load
from embinit.bundle import gather

from support.model_files import BAD, GOOD


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "model.toml"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_in_one_line_that_helps(what, write):
    text, expected = BAD[what]
    path = write(text)
    with pytest.raises(EmbinitError) as caught:
        load(path)
    message = str(caught.value)

    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_the_good_file_is_good(write):
    model = load(write(GOOD))

    assert (model.name, model.seed, model.build.multiply_add) == ("m", 5, "fused")
    assert [tensor.shape for tensor in model.tensors] == [(3, 7), (3,)]


def test_keyword_arguments_replace_keys(write):
    model = load(write(GOOD), seed=6, target="cortex-m0")

    assert (model.seed, model.target, model.build.multiply_add) == (6, "cortex-m0", "separate")


def test_a_memory_limit_can_be_raised(write):
    text = GOOD.replace("= 7", "= 100000000")

    assert load(write(text), memory_limit=2**31).tensors[0].size == 300_000_000
    with pytest.raises(EmbinitError, match="memory_limit = 95"):
        load(write(GOOD), memory_limit=95)
    assert load(write(GOOD), memory_limit=96).tensors


@pytest.mark.parametrize("name", [path.name for path in (Path(__file__).parents[2] / "examples").glob("*.toml")])
def test_examples_are_named_as_their_files(name):
    model = load(Path(__file__).parents[2] / "examples" / name)

    assert f"{model.name}.toml" == name


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_an_unreadable_file_is_an_error(content, tmp_path):
    path = tmp_path / "model.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(EmbinitError, match="cannot be read"):
        load(path)


def test_nameless_layers_are_named_by_type_and_position():
    layers = [Conv1d(in_channels=1, out_channels=2, kernel_size=3), Linear(in_features=2, out_features=2)]
    model = Model("m", layers, seed=1)

    assert [tensor.name for tensor in model.tensors] == [
        "conv1d0.weight", "conv1d0.bias", "linear1.weight", "linear1.bias",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: Conv1d(in_channels=4, out_channels=6, kernel_size=1, groups=4),
            "groups must divide out_channels = 6, got 4",
        ),
        (
            lambda: Conv1d(in_channels=3, out_channels=6, kernel_size=1, groups=2),
            "groups must divide in_channels = 3, got 2",
        ),
        (lambda: Conv1d(in_channels=3, out_channels=6, kernel_size=1, groups=0), "groups must be an integer from 1"),
        (lambda: GroupNorm(num_groups=3, num_channels=8), "num_groups must divide num_channels = 8, got 3"),
        (lambda: LayerNorm(normalized_shape=[]), "normalized_shape must have 1 to 32 sizes, got 0"),
        (lambda: LayerNorm(normalized_shape=[3, 0]), "normalized_shape must be an integer from 1"),
        (lambda: LayerNorm(normalized_shape="8"), "normalized_shape must be an integer from 1"),
        (lambda: Linear(in_features=1, out_features=1, weight_init="zeros"), "weight_init must be an initializer"),
        (lambda: Model("m", [], seed=1), "at least one layer"),
        (lambda: Model("m", ["Linear"], seed=1), "layers must be layers"),
    ],
)
def test_layers_check_themselves(make, expected):
    with pytest.raises(EmbinitError, match=expected):
        make()


def test_a_model_without_parameters_has_no_buffers():
    model = load_from('[[layer]]\ntype = "ReLU"\n')

    assert model.tensors == ()
    assert model.init() == {}


def load_from(layers):
    import tomllib

    from embinit.api import from_tables

    return from_tables(tomllib.loads(GOOD[: GOOD.index("[[layer]]")] + layers), {})


def test_keys_that_move_no_bit_move_no_bit():
    plain = load_from('[[layer]]\ntype = "Conv1d"\nin_channels = 2\nout_channels = 2\nkernel_size = 3\n')
    strided = load_from(
        '[[layer]]\ntype = "Conv1d"\nin_channels = 2\nout_channels = 2\nkernel_size = 3\n'
        'stride = 2\npadding = "same"\ndilation = 3\n'
    )

    assert plain.tensors[0].shape == strided.tensors[0].shape
    assert plain.init()["conv1d0.weight"].tobytes() == strided.init()["conv1d0.weight"].tobytes()


def test_public_names_exist_once():
    assert len(set(embinit.__all__)) == len(embinit.__all__)
    assert all(hasattr(embinit, name) for name in embinit.__all__)


def test_a_gain_of_zero_is_the_gain_of_the_scheme():
    for scheme, gain in ((initializers.kaiming_uniform, 1.41421356237), (initializers.xavier_uniform, 1.0)):
        values = [
            Model("m", [Linear(in_features=5, out_features=4, weight_init=scheme(gain=g))], seed=7).init()[
                "linear0.weight"
            ]
            for g in (0.0, -0.0, gain)
        ]
        assert values[0].tobytes() == values[1].tobytes() == values[2].tobytes()


def test_errors_suggest_what_may_be_meant_and_name_nameless_layers(write):
    text = GOOD.replace("in_features", "in_feature")
    with pytest.raises(EmbinitError, match=r"did you mean in_features\?"):
        load(write(text))
    with pytest.raises(EmbinitError, match="layer 'linear0'"):
        load(write(GOOD.replace('name = "fc"\n', "").replace("= 7", "= 0")))


def test_a_byte_order_mark_is_no_error(write):
    assert load(write("\ufeff" + GOOD)) == load(write(GOOD))


def test_what_is_stored_is_what_the_bundle_holds():
    layer = embinit.Linear(name="fc", in_features=4, out_features=3, weight_format="int8", bias_format="q15")
    model = embinit.Model("m", [layer], seed=3)

    held = {entry.name: entry.payload for entry in gather(model.plan()).entries}
    assert {name: buffer.data.tobytes() for name, buffer in model.stored().items()} == held


def test_without_pytorch_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EmbinitError, match=r"pip install 'embinit\[torch\]'"):
        Model.from_torch(object(), seed=1)
