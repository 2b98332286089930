"""What messages show of a value: little of it, in one line, whatever it is."""

import datetime
import re

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Linear, Model, load
from embinit.dialects import DIALECTS
from embinit.errors import SHOWN, listed, nearest, one_line, shortened, shown

from support.cli import assert_refused, run
from support.model_files import GOOD

LONG = [
    "x" * 5000, "\n" * 5000, "\x1b" * 5000, 10**399, -(10**5000), 1 << 40000, list(range(5000)), [["a" * 500] * 9] * 9,
    {"k" * 500: "v" * 500}, b"\0" * 5000, np.arange(5000.0), {1, 2}, 5000 * (1,), [10**5000], Linear, object(),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), ["[" * 99],
]  # fmt: skip
DEEP = []
for _ in range(5000):
    DEEP = [DEEP]


@pytest.mark.parametrize("value", [*LONG, DEEP], ids=lambda value: type(value).__name__)
def test_little_is_shown_of_any_value(value):
    text = shown(value)
    assert text.isprintable()
    assert 0 < len(text) <= SHOWN


@pytest.mark.parametrize("value", [0, -1, True, None, 1.5, "odt", [1, [2, 3]], 10**20, -(2**63), "d\u00e9j\u00e0", {}])
def test_what_is_short_is_shown_as_it_is(value):
    assert shown(value) == repr(value)


def test_a_tuple_is_shown_as_a_list_as_model_files_have_it():
    assert shown((1, 2)) == "[1, 2]"


def test_digits_are_counted():
    assert shown(10**400) == "an integer of about 401 digits"
    assert shown(-(10**400)) == "an integer of about 401 digits"
    assert shown(10**100) == "an integer of about 101 digits"


def test_a_long_text_loses_its_middle():
    assert shortened("a" * 100 + "z") == "a" * 28 + "..." + "a" * 28 + "z"
    assert shortened("a" * 60) == "a" * 60
    assert len(shortened("a" * 61)) == 60
    assert len(shortened("a" * 500, 121)) == 121


def test_no_name_is_near_a_long_one_or_a_number():
    assert nearest("odtt", DIALECTS)
    assert nearest("odt" * 2000, DIALECTS) == nearest(10**5000, DIALECTS) == ""


def test_an_error_is_one_line_of_printable_characters():
    error = EmbinitError("a\nb\x1b[31m\u202e\udcff\x7f\u2028 d\u00e9j\u00e0")
    assert str(error) == "a\\nb\\x1b[31m\\u202e\\udcff\\x7f\\u2028 d\u00e9j\u00e0"
    assert one_line("plain") == "plain"
    assert listed(["a", 1]) == "a, 1"


#: A key of the model file in which a value is tried.
PLACES = {
    "name": ('name = "m"', "name = {}"),
    "dialect": ('"odt"', "{}"),
    "target": ('"cortex-m4f"', "{}"),
    "seed": ("seed = 5", "seed = {}"),
    "memory_limit": ("seed = 5", "memory_limit = {}\nseed = 5"),
    "multiply_add": ("seed = 5", "multiply_add = {}\nseed = 5"),
    "libm": ("seed = 5", "libm = {}\nseed = 5"),
    "layer name": ('"fc"', "{}"),
    "type": ('"Linear"', "{}"),
    "in_features": ("= 7", "= {}"),
    "weight_format": ("= 7", "= 7\nweight_format = {}"),
    "rounding": ("= 7", "= 7\nrounding = {}"),
    "bias": ("= 7", "= 7\nbias = {}"),
    "group_size": ("= 7", "= 7\ngroup_size = {}"),
    "weight_init": ("= 7", "= 7\nweight_init = {}"),
    "constant": ("= 7", '= 7\nweight_init = "constant"\nvalue = {}'),
    "gain": ("= 7", '= 7\nweight_init = "kaiming_uniform"\ngain = {}'),
    "mode": ("= 7", '= 7\nweight_init = "variance_scaling"\nmode = {}'),
    "unknown key": ("= 7", "= 7\nfoo = {}"),
    "unknown table": ("[model]", "foo = {}\n[model]"),
}
VALUES = {
    "400 digits": "1" + "0" * 400,
    "5000 digits": "1" + "0" * 5000,
    "hex": "0x" + "f" * 4000,
    "text": '"' + "1" * 5000 + '"',
    "line breaks": '"' + "\\n\\u001b[31m" * 500 + '"',
    "nested": "[" * 300 + "]" * 300,
    "nested 2000 deep": "[" * 2000 + "]" * 2000,
    "a long array": "[" + "1, " * 5000 + "]",
    "a table": "{ " + "a" * 500 + ' = "' + "b" * 5000 + '" }',
    "a date": "1979-05-27T07:32:00.999999-07:00",
}


@pytest.mark.parametrize("place", PLACES)
def test_little_of_a_value_is_echoed_wherever_it_stands(place, tmp_path):
    old, new = PLACES[place]
    echoed = {}
    for value, text in VALUES.items():
        path = tmp_path / "m.toml"
        path.write_text(GOOD.replace(old, new.format(text), 1))
        with pytest.raises(EmbinitError) as caught:
            load(path)
            pytest.fail(f"{value} is taken")
        message = str(caught.value).removeprefix(f"{path}: ")
        much = any(run_of_one in message for run_of_one in ("1" * 61, "f" * 61, "0" * 61, "b" * 61, "\\n\\x1b[31m" * 8))
        if much or len(message) >= 900 or not message.isprintable():
            echoed[value] = message
    assert echoed == {}


@pytest.mark.parametrize("key", ["k" * 5000, '"' + "\\n" * 5000 + '"', "'" + "\u202e" * 50 + "'"])
def test_little_of_a_key_is_echoed(key, tmp_path):
    path = tmp_path / "m.toml"
    for text in (f"{GOOD}{key} = 1\n", f"{GOOD}{key} = 1\n{key} = 2\n", f"{GOOD}[{key}]\n[{key}]\n", f"{key}\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(EmbinitError) as caught:
            load(path)
        assert len(str(caught.value)) < 700
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "{}", "--seed", "9" * 5000],
        ["plan", "{}", "--memory-limit", "9" * 5000],
        ["plan", "{}", "--memory-limit", "10" * 10],
        ["plan", "{}", "--target", "x\ny" * 500],
        ["plan", "{}", "--" + "x" * 5000],
        ["p" * 5000],
        ["formats", "q1.\n\x1b" + "7" * 5000],
        ["export", "{}", "-o", "b", "--format", "z" * 5000],
    ],
)
def test_little_of_the_command_line_is_echoed(words, tmp_path):
    (tmp_path / "m.toml").write_text(GOOD)
    done = run(*(word.format(tmp_path / "m.toml") for word in words))
    assert_refused(done)
    assert done.stderr.rstrip("\n").isprintable()
    assert len(done.stderr) < 600


def test_a_path_with_a_line_break_is_one_line(tmp_path):
    assert_refused(run("plan", tmp_path / "a\nb.toml"), "a\\nb.toml", "No such file")


def test_an_unknown_format_is_refused_by_name():
    assert_refused(run("formats", "sym4x"), "format must be one of float32", "got 'sym4x'")
    assert_refused(run("formats", "bfp99e2"), "the mantissa width of bfp99e2 must be 2 to 16", "got 99")


@pytest.mark.parametrize("name", ["orthogonal", "orthogonal_", "Orthogonal", "delta_orthogonal"])
def test_orthogonal_is_refused_with_its_reason_in_every_dialect(name, tmp_path):
    said = {}
    for dialect in DIALECTS:
        path = tmp_path / "m.toml"
        path.write_text(GOOD.replace('"odt"', f'"{dialect}"') + f'weight_init = "{name}"\ngain = 1.0\n')
        with pytest.raises(EmbinitError) as caught:
            load(path)
            pytest.fail(f"{dialect} takes it")
        said[dialect] = str(caught.value)
    reason = re.compile(r"layer 'fc': orthogonal has no bits of its own: .* QR .*LAPACK")
    assert {dialect: message for dialect, message in said.items() if not reason.search(message)} == {}


def test_values_of_other_types_are_shown_by_the_python_interface():
    for keys in ({"in_features": np.arange(5000)}, {"in_features": DEEP}, {"in_features": 2, "name": 10**5000}):
        with pytest.raises(EmbinitError) as caught:
            Linear(out_features=2, **keys)
        assert len(str(caught.value)) < 300
    with pytest.raises(EmbinitError, match="an integer of about 5001 digits"):
        Model("m", [Linear(in_features=2, out_features=2)], seed=10**5000)
    with pytest.raises(EmbinitError, match="value must be a finite float32 number, got an integer of about 401 digits"):
        embinit.initializers.constant(10**400)
