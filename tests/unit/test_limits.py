"""What would take memory or time without end is refused before it does, in one line."""

import resource
import subprocess
import sys
import time

import pytest

import embinit
from embinit import EmbinitError, LayerNorm, Linear, Model, load
from embinit.fill import fill
from embinit.layers.norms import MAX_AXES
from embinit.many import init_many, parse_seeds, sweep
from embinit.model import MAX_BUFFERS
from embinit.modelfile import MAX_FILE, MAX_PARTS

from support.cli import assert_refused, run
from support.model_files import GOOD

HEAD = '[model]\nname = "m"\ndialect = "torch"\nseed = 5\n[[layer]]\nname = "r"\n'


def refusal(path, text, **overrides):
    """The message of a file that is refused, soon and in little memory."""
    path.write_text(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(EmbinitError) as caught:
        load(path, **overrides)
    assert time.monotonic() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "layers", "most"),
    [("RNN", 33, 64), ("GRU", 33, 64), ("LSTM", 33, 64), ("LSTM", 2_000_000_000, MAX_BUFFERS)],
)
def test_a_recurrent_layer_of_many_layers_is_refused_before_they_are_made(kind, layers, most, tmp_path, monkeypatch):
    monkeypatch.setattr("embinit.model.MAX_BUFFERS", most)
    text = HEAD + f'type = "{kind}"\ninput_size = 1\nhidden_size = 1\nnum_layers = {layers}\n'
    message = refusal(tmp_path / "m.toml", text)
    assert f"layer 'r': a model must have at most {most} buffers, which bounds the memory" in message
    wide = text.replace("hidden_size = 1", "hidden_size = 10000")
    assert "memory_limit = 1073741824" in refusal(tmp_path / "m.toml", wide)


def test_every_buffer_counts_against_their_number(monkeypatch):
    monkeypatch.setattr("embinit.model.MAX_BUFFERS", 64)
    norm = LayerNorm(normalized_shape=1)
    assert len(Model("m", [norm] * 3, seed=1).tensors) == 6
    with pytest.raises(EmbinitError, match=r"layer 'layernorm32': .* layernorm32.weight is one too many"):
        Model("m", [norm] * 33, seed=1)


@pytest.mark.parametrize("size", ["100000000000000000000", "1" + "0" * 400, "0x" + "f" * 4000, "2147483648"])
def test_sizes_beyond_all_use_are_refused(size, tmp_path):
    assert "layer 'fc': in_features must be" in refusal(tmp_path / "m.toml", GOOD.replace("= 7", f"= {size}"))


@pytest.mark.parametrize("limit", [0, -1, 2**63, 10**20, 10**400, True, 1.5])
def test_a_memory_limit_is_a_number_of_bytes_that_a_machine_could_have(limit):
    with pytest.raises(EmbinitError, match="memory_limit must be a number of bytes from 1 to"):
        Model("m", [Linear(in_features=1, out_features=1)], seed=1, memory_limit=limit)


@pytest.mark.parametrize("dialect", ["odt", "portable-int"])
def test_a_limit_that_lets_through_what_no_machine_holds_ends_in_a_line_with_the_buffer(dialect):
    keys = {"weight_format": "q7", "bias_format": "q7"} if dialect == "portable-int" else {}
    layer = Linear(name="fc", in_features=2**31 - 1, out_features=2**29, **keys)
    plan = Model("m", [layer], seed=1, dialect=dialect, memory_limit=sys.maxsize).plan()
    with pytest.raises(EmbinitError, match="layer 'fc': weight: memory has no room for its 115"):
        fill(plan)


def test_arrays_have_as_many_axes_as_every_numpy_allows():
    assert MAX_AXES == 32
    for count in (1, 32):
        layer = LayerNorm(normalized_shape=[1] * count)
        assert Model("m", [layer], seed=1).init()["layernorm0.weight"].ndim == count
    for count in (0, 33, 65, 1000):
        with pytest.raises(EmbinitError, match=f"normalized_shape must have 1 to 32 sizes, got {count}$"):
            LayerNorm(normalized_shape=[1] * count)


@pytest.mark.parametrize("depth", [200, 2000, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ("{a = ", "}")])
def test_nesting_of_any_depth_is_refused(depth, left, right, tmp_path):
    message = refusal(tmp_path / "m.toml", GOOD + f"foo = {left * depth}1{right * depth}\n")
    assert "nested too deep" in message or "no key 'foo'" in message


@pytest.mark.parametrize("key", ["a." * 20000 + "a", "x.'a' . " * 40 + "x", '"b".' * MAX_PARTS + "b"])
@pytest.mark.parametrize("table", ["{} = 1\n", "[{}]\n", "[[{}]]\n", "y = {{ {} = 1 }}\n"])
def test_a_key_of_many_parts_is_refused_before_it_is_parsed(key, table, tmp_path):
    message = refusal(tmp_path / "m.toml", GOOD + table.format(key))
    assert f"a key must have at most {MAX_PARTS} parts" in message


def test_dots_in_other_places_are_no_key(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(GOOD + "# see " + "a.b, " * 100 + "... " * 100 + "\nbias = true # 1.2.3.4.5.6.7.8.9.10\n")
    assert load(path).tensors


def test_a_file_that_is_no_model_file_is_not_read_whole(tmp_path):
    assert f"at most {MAX_FILE} bytes" in refusal(tmp_path / "m.toml", "#" * (MAX_FILE + 1))
    (tmp_path / "m.toml").write_text(GOOD + "#" * (MAX_FILE - len(GOOD)))
    assert load(tmp_path / "m.toml").tensors
    with pytest.raises(EmbinitError, match="at most"):
        load("/dev/zero")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0-99999999999999999999999", "seeds must be at most 9223372036854775807 numbers"),
        ("5,0-99999999999999999999999", "seeds must be at most 9223372036854775807 numbers"),
        ("5-6,4294967290-4294967297", "seed must be an integer from 0 to 4294967295"),
        ("4294967290-4294967296", "seed must be an integer from 0 to 4294967295"),
        ("-1-5", "seed must be an integer from 0 to 4294967295"),
        ("0-4294967295", "bytes, more than memory_limit"),
        ("9" * 5000, "seeds must be numbers and ranges"),
        ("0-" + "9" * 400, "seeds must be numbers and ranges"),
    ],
)
def test_seeds_without_end_are_refused_at_once(text, reason, tmp_path):
    (tmp_path / "m.toml").write_text(GOOD)
    start = time.monotonic()
    done = run("seeds", tmp_path / "m.toml", f"--seeds={text}")
    assert_refused(done, reason.split(", more")[0])
    assert len(done.stderr) < 300
    assert time.monotonic() - start < 30


def test_ranges_of_seeds_take_no_memory_of_their_own():
    seeds = parse_seeds("0-999999999,7,5-6")
    assert len(seeds) == 10**9 + 3
    assert seeds[2] == 2
    assert list(parse_seeds("3,7-9,1")) == [3, 7, 8, 9, 1]
    model = Model("m", [Linear(in_features=1, out_features=1)], seed=1)
    assert [seed for seed, _ in init_many(model, parse_seeds("3,7-9,1"))] == [3, 7, 8, 9, 1]
    with pytest.raises(EmbinitError, match="a report of 1000000003 seeds takes about 300000000900 bytes"):
        sweep(model, seeds)
    with pytest.raises(EmbinitError, match="seeds must be at most"):
        parse_seeds(f"0-{sys.maxsize - 1},7")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the address space are Linux's")
def test_where_memory_ends_a_line_says_so(tmp_path):
    (tmp_path / "small.toml").write_text(GOOD)
    (tmp_path / "m.toml").write_text(GOOD.replace("= 7", "= 8000").replace("= 3", "= 8000"))
    code = (
        "import resource, sys, embinit.__main__ as m\n"
        "sys.stdout = open('/dev/null', 'w')\n"
        "m.main(['export', sys.argv[3], '-o', sys.argv[2] + 'small'])\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)\n"
        "sys.exit(m.main(['export', sys.argv[1], '-o', sys.argv[2], '--format', 'npz']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.toml", tmp_path / "b", tmp_path / "small.toml"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert_refused(done, "memory")
    assert not (tmp_path / "b").exists()


def test_a_mistake_of_our_own_is_not_called_an_end_of_memory(monkeypatch):
    def fails(*_):
        raise ValueError("ours")

    monkeypatch.setattr(embinit.api.modelfile, "fields_of", fails)
    from embinit.__main__ import main

    with pytest.raises(ValueError, match="ours"):
        main(["plan", __file__.replace("test_limits.py", "../../examples/starter.toml")])
