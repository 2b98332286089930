"""Dialect files whose tables do not go together: one line each, which names the table and the rule."""

import pytest

import embinit

from support.dialect_file import GOOD, assert_refused_in_one_line, r

FEWER = '[dialect.normal.fewer]\nwords = ["u1", "u2"]\nvalues = ["u1*u2"]\n[dialect.initializers.default]'


def section(name: str, following: str) -> str:
    return GOOD[GOOD.index(f"[dialect.{name}]") : GOOD.index(f"[dialect.{following}]")]


WRONG = {
    "word reserved": (
        r('words = ["u1", "u2"]', 'words = ["word", "u2"]'),
        "acme.toml: dialect.normal.words: 'word' has a meaning of its own and cannot name a word",
    ),
    "redraw later": (
        r('redraw = ["u1"]', 'retry_after = "u1"\nredraw = ["u2"]'),
        "acme.toml: dialect.normal.redraw: 'u2' is drawn only after u1, when retry is tested",
    ),
    "unit_words without unit": (
        r('redraw = ["u1"]', 'redraw = ["u1"]\nunit_words=["a"]'),
        "acme.toml: dialect.normal.unit_words: are the words of a unit, and there is no key 'unit'",
    ),
    "block without fewer": (
        r('redraw = ["u1"]', 'redraw = ["u1"]\nblock = 16'),
        "acme.toml: dialect.normal: block and fewer go together: fewer is the normal of tensors below a block",
    ),
    "block odd": (
        r('redraw = ["u1"]', 'redraw = ["u1"]\nblock = 15'),
        "acme.toml: dialect.normal.block: must be even, as elements are drawn in pairs, got 15",
    ),
    "block with retry": (
        r("[dialect.initializers.default]", FEWER).replace('redraw = ["u1"]', 'redraw = ["u1"]\nblock = 16'),
        "acme.toml: dialect.normal.block: needs two words and two values, without retry and spare",
    ),
    "fewer without block": (
        r("[dialect.initializers.default]", FEWER),
        "acme.toml: dialect.normal: block and fewer go together: fewer is the normal of tensors below a block",
    ),
    "spare with one": (
        r('redraw = ["u1"]', 'redraw = ["u1"]\nspare = "call"'),
        "acme.toml: dialect.normal.spare: needs two values, the second of which is spare, got one",
    ),
    "name of initializer": (
        r("[dialect.initializers.small]", "[dialect.initializers.9small]"),
        "acme.toml: dialect.initializers.9small: must be named by a letter, then letters, digits and _, a...",
    ),
    "name of initializer 2": (
        r("[dialect.initializers.small]", '[dialect.initializers."sm-all"]'),
        "acme.toml: dialect.initializers.sm-all: must be named by a letter, then letters, digits and _, a...",
    ),
    "two ways": (
        r('stddev = "0.02f"', 'stddev = "0.02f"\nvalue = "1.0f"'),
        "acme.toml: dialect.initializers.small: must have one of constant; value; low and high; mean and ...",
    ),
    "no way": (
        r('mean = "0.0f"\nstddev = "0.02f"\n', ""),
        "acme.toml: dialect.initializers.small: must have one of constant; value; low and high; mean and ...",
    ),
    "words with normal": (
        r('stddev = "0.02f"', 'stddev = "0.02f"\nwords = ["a"]'),
        "acme.toml: dialect.initializers.small.words: belongs to a value, got mean, stddev",
    ),
    "parameters word": (
        r('stddev = "0.02f"', 'stddev = "word"\nparameters = ["float word"]'),
        "acme.toml: dialect.initializers.small.parameters: word, unit and z are drawn, and cannot be para...",
    ),
    "parameter": (
        r('stddev = "0.02f"', 'stddev = "0.02f"\nparameters = ["int x"]'),
        'acme.toml: dialect.initializers.small.parameters: [0] must be a parameter such as "float scale" ...',
    ),
    "misspelt": (
        r('stddev = "0.02f"', 'stddev = "0.02f"\nparamters = "1.0f"'),
        "acme.toml: dialect.initializers.small has no key 'paramters', and nothing uses such a name; did ...",
    ),
    "no layers": (
        GOOD[: GOOD.index("[dialect.layers.Linear]")] + "[dialect.layers]\n",
        "acme.toml: dialect.layers: must have a table for each layer that the dialect has, got none",
    ),
    "unknown layer": (
        r("[dialect.layers.Linear]", "[dialect.layers.Lin]"),
        "acme.toml: dialect.layers: a layer must be one of Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1...",
    ),
    "axes": (
        r('weight = ["out", "in"]', 'weight = ["out", "out"]'),
        "acme.toml: dialect.layers.Linear.weight: must name each only once, got 'out' twice",
    ),
    "axes 2": (
        r('weight = ["out", "in"]', 'weight = "out"'),
        'acme.toml: dialect.layers.Linear.weight: must be a list of axes such as ["out", "in"], got \'out\'',
    ),
    "order twice": (
        r('order = ["weight", "bias"]', 'order = ["bias", "bias"]'),
        "acme.toml: dialect.layers.Linear.order: must name weight and bias once each, got bias, bias",
    ),
    "interleave": (
        r('order = ["weight", "bias"]', 'order = ["weight", "bias"]\ninterleave = "out"\ndraws = ["in", "out"]'),
        'acme.toml: dialect.layers.Linear.draws: must begin with out where interleave is "out", got in',
    ),
    "dialect no table": (
        "dialect = 3\n",
        "acme.toml: dialect must be a table, got 3",
    ),
    "generator no table": (
        r(section("generator", "values"), "").replace("summary", "generator = 4\nsummary"),
        "acme.toml: dialect.generator: must be a table, got 4",
    ),
    "values types": (
        r('values = ["sqrtf(-2.0f * logf(u1)) * cosf(6.2831855f * u2)"]', 'values = ["u1", "(double)u2"]'),
        "acme.toml: dialect.normal.values: both must be of one type, got float and double",
    ),
    "value empty": (
        r('stddev = "0.02f"', 'stddev = ""'),
        "acme.toml: dialect.initializers.small.stddev: must be a C expression, got nothing",
    ),
    "before": (
        GOOD + '[dialect.before]\nLin = "small"\n',
        "acme.toml: dialect.before: a layer must be one of Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1...",
    ),
    "no z": (
        r(section("normal", "initializers.default"), ""),
        "acme.toml: dialect.initializers.small: mean and stddev need the key 'result' of dialect.normal",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_table_is_refused_in_one_line(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused_in_one_line(*WRONG[what])


def test_a_model_file_that_declares_its_dialect_is_named_once(tmp_path):
    path = tmp_path / "own.toml"
    layer = '[[layer]]\ntype = "Linear"\nin_features = 2\nout_features = 2\n'
    text = f'[model]\nname = "m"\nseed = 1\n[dialect]\nbased_on = "tinn"\nscope = 1\n{layer}'
    path.write_text(text, encoding="utf-8")

    with pytest.raises(embinit.EmbinitError) as error:
        embinit.load(path)
    assert str(error.value).startswith(f"{path}: dialect has no key 'scope'")
