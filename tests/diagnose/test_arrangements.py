"""Elements in another order: NumPy moves them, and the diagnosis names the order and gives every bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose


def linear(name="q7", shape=(12, 8), seed=413, **keys):
    keys = {"bias": False, "weight_format": name} | keys
    layer = embinit.Linear(name="fc", in_features=shape[1], out_features=shape[0], **keys)
    return gather(embinit.Model("m", [layer], seed=seed).plan())


def explained(bundle, dump):
    found = diagnose(bundle, dump, "dump")
    assert found.explained, str(found)
    assert found.explanations[0].image == dump
    assert "the same values, in another order" in found.explanations[0].causes[0].hypothesis.sentence
    return found.explanations[0].causes[0].hypothesis.sentence


def interleaved(codes, rows, columns, split):
    """The loops of arm_fully_connected_q7_opt's weights: four rows, four columns, every second column first."""
    out = []
    for r in range(0, codes.shape[0], rows):
        for c in range(0, codes.shape[1], columns):
            for low in range(split):
                for i in range(rows):
                    out += [codes[r + i, c + high * split + low] for high in range(columns // split)]
    return np.array(out)


MATRICES = {
    "q7_opt": (lambda m: interleaved(m, 4, 4, 2), "tiles of 4 rows and 4 columns, every second column first"),
    "q15_opt": (lambda m: m.reshape(3, 4, 4, 2).transpose(0, 2, 1, 3), "tiles of 4 rows and 2 columns"),
    "rows by 4": (lambda m: m.reshape(3, 4, 8).transpose(0, 2, 1), "4 rows interleaved"),
    "rows reversed": (lambda m: m[::-1], "'out' reversed"),
    "columns reversed": (lambda m: m[:, ::-1], "'in' reversed"),
    "all reversed": (lambda m: m.reshape(-1)[::-1], "reversed"),
    "rotated": (lambda m: np.roll(m.reshape(-1), -5), "starts with element 5"),
    "strided": (lambda m: m.reshape(-1).reshape(6, 16).T, "16 after the one before"),
    "words reversed": (lambda m: m.reshape(-1, 4)[:, ::-1], "each 4 elements reversed"),
    "halves": (lambda m: m.reshape(-1, 2, 4).transpose(0, 2, 1), "j and j + 4"),
    "rows shuffled": (lambda m: m[[3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 11, 10]], "3, 1, 4, 0, 5, 9"),
}


@pytest.mark.parametrize("name", ["q7", "q15", "float32"])
@pytest.mark.parametrize("order", MATRICES)
def test_matrices(order, name):
    bundle = linear(name)
    move, words = MATRICES[order]
    data = bundle.entries[0].data

    assert words in explained(bundle, {"fc.weight": np.ascontiguousarray(move(data)).tobytes()})


@pytest.mark.parametrize(
    ("order", "words"), [([0, 2, 4, 6, 1, 3, 5, 7], "AWQ"), ([0, 4, 1, 5, 2, 6, 3, 7], "j and j + 4")]
)
@pytest.mark.parametrize("shape", [(6, 8), (10, 24)])
def test_nibbles(order, words, shape):
    bundle = linear("int4", shape, seed=42, per_channel=False)
    payload = np.frombuffer(bundle.entries[0].payload, np.uint8)
    codes = np.stack([payload & 15, payload >> 4], axis=1).reshape(-1, 8)[:, order].reshape(-1)

    assert words in explained(bundle, {"fc.weight": (codes[::2] | codes[1::2] << 4).tobytes()})


@pytest.mark.parametrize("cut", [(13, 10), (14, 9), (5, 7)])
def test_tiles_with_what_is_left_over(cut):
    """Columns that are left over follow their four rows one by one; rows that are left over come last."""
    bundle = linear("q15", cut)
    m, rows, columns = bundle.entries[0].data, cut[0] // 4 * 4, cut[1] // 4 * 4
    out = []
    for r in range(0, rows, 4):
        out += interleaved(m[r : r + 4, :columns], 4, 4, 2).tolist()
        out += m[r : r + 4, columns:].T.reshape(-1).tolist()
    out += m[rows:].reshape(-1).tolist()

    assert "tiles of 4 rows and 4 columns" in explained(bundle, {"fc.weight": np.array(out, "<i2").tobytes()})


@pytest.mark.parametrize(
    ("kind", "gates", "order", "words"),
    [
        (embinit.LSTM, 4, [0, 3, 1, 2], "i, o, f, g (ONNX's), not i, f, g, o"),
        (embinit.LSTM, 4, [1, 0, 2, 3], "f, i, g, o, not i, f, g, o"),
        (embinit.GRU, 3, [1, 0, 2], "z, r, n (that of ONNX and Keras), not r, z, n"),
    ],
)
def test_gates(kind, gates, order, words):
    layers = [kind(name="r", input_size=3, hidden_size=7)]
    bundle = gather(embinit.Model("m", layers, dialect="torch", seed=371).plan())
    dump = {}
    for entry in bundle.entries:
        dump[entry.name] = entry.data.reshape(gates, -1)[order].tobytes()

    assert words in explained(bundle, dump)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["int8", "int4"]))
def test_a_shuffle_has_no_name(seed, name):
    bundle = linear(name, per_channel=False)
    payload = np.frombuffer(bundle.entries[0].payload, np.uint8)
    found = diagnose(bundle, {"fc.weight": np.random.default_rng(seed).permutation(payload).tobytes()}, "dump")

    assert not found.explained
    assert "the same codes as expected, each as often, in another order" in str(found)
