"""Buffers that are written in part: a fill in the rest, or what an earlier start left, by its place."""

import dataclasses

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.contents import _part

LAYERS = [
    embinit.Linear(name="fc1", in_features=9, out_features=8),
    embinit.Linear(name="fc2", in_features=8, out_features=7, weight_format="int8"),
    embinit.Linear(name="fc3", in_features=7, out_features=5),
]
MODEL = embinit.Model("m", LAYERS, seed=42)
BUNDLE = gather(MODEL.plan())
RIGHT = {array.name: array.payload for array in BUNDLE.arrays}
FILLS = {"00": b"\0", "ff": b"\xff", "a5": b"\xa5", "deadbeef": bytes.fromhex("efbeadde")}


def left(seed):
    """What a start with another seed leaves."""
    return {array.name: array.payload for array in gather(dataclasses.replace(MODEL, seed=seed).plan()).arrays}


def filled(fill, size):
    return (fill * size)[:size]


def first(dump):
    diagnosis = diagnose(BUNDLE, dump, "dump")
    assert diagnosis.explained, str(diagnosis)
    found = diagnosis.explanations[0]
    assert found.image == dump
    return found


def causes(found):
    return [cause.hypothesis.name for cause in found.causes], " ".join(c.hypothesis.sentence for c in found.causes)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize(("name", "n"), [("fc1.weight", 124), ("fc2.weight", 37), ("fc3.bias", 4), ("fc2.weight", 5)])
def test_only_the_first_elements(name, n, fill):
    held = RIGHT[name][:n] + filled(FILLS[fill], len(RIGHT[name]) - n)

    found, sentence = causes(first(RIGHT | {name: held}))

    assert found == ["written short"]
    assert sentence == f"Written in part: {name} only to byte {n}, 0x{fill} from there."


@pytest.mark.parametrize(("name", "n"), [("fc1.weight", 40), ("fc2.weight", 19)])
def test_only_the_last_elements(name, n):
    held = filled(b"\xff", n) + RIGHT[name][n:]

    found, sentence = causes(first(RIGHT | {name: held}))

    assert found == ["written in part"]
    assert sentence == f"Written in part: {name} only from byte {n} on, 0xff before."


def test_a_page_in_the_middle():
    right = RIGHT["fc1.weight"]

    found, sentence = causes(first(RIGHT | {"fc1.weight": right[:128] + bytes(64) + right[192:]}))

    assert found == ["written in part"]
    assert sentence == "Written in part: fc1.weight but for bytes 128 to 191, 0x00 there."


@pytest.mark.parametrize("fill", FILLS)
def test_a_device_that_stops(fill):
    """One cause, though four buffers are wrong."""
    names = list(RIGHT)
    after = names[names.index("fc2.weight") + 1 :]
    dump = RIGHT | {name: filled(FILLS[fill], len(RIGHT[name])) for name in after if not name.endswith(".scale")}
    dump["fc2.weight"] = RIGHT["fc2.weight"][:24] + filled(FILLS[fill], 32)
    dump.pop("fc2.weight.scale")

    found, sentence = causes(first(dump))

    assert found == ["written short"]
    assert sentence == (
        f"The device stopped while it wrote fc2.weight only to byte 24, 0x{fill} from there, and so through fc2.bias, "
        "fc3.weight, fc3.bias."
    )


@pytest.mark.parametrize("seed", [41, 7, 300])
@pytest.mark.parametrize("whole", [False, True])
def test_what_an_earlier_start_left(seed, whole):
    """A buffer that was not written again, or only its first elements."""
    n = 0 if whole else 100
    dump = RIGHT | {"fc1.weight": RIGHT["fc1.weight"][:n] + left(seed)["fc1.weight"][n:]}

    found, sentence = causes(first(dump))

    if whole:
        assert found == ["seed"]
    else:
        assert found == ["written short"]
        assert sentence == (
            f"Written in part: fc1.weight only to byte 100, what a start with seed {seed} left from there."
        )


def test_the_extent_of_what_nothing_explains():
    chance = np.random.default_rng(5)
    held = {
        "fc1.weight": RIGHT["fc1.weight"][:120] + chance.bytes(288 - 120),
        "fc2.weight": chance.bytes(20) + RIGHT["fc2.weight"][20:],
    }

    diagnosis = diagnose(BUNDLE, RIGHT | held, "dump")

    assert not diagnosis.explained
    text = str(diagnosis)
    assert "fc1.weight, written in part: the first 30 of 72 are as expected, and hardly one beyond" in text
    assert "fc2.weight, written in part: the last 36 of 56 are as expected, and hardly one beyond" in text


def test_one_wrong_code_is_no_part():
    """The last code of a buffer, such as one that is rounded in another way."""
    right = RIGHT["fc2.weight"]

    assert _part(right[:-1] + b"\x05", right, 1) is None
    assert _part(right[:-3] + b"\x05\x05\x05", right, 1) is None
    assert _part(right[:20] + b"\x05\x05\x05\x05" + right[24:], right, 1) is None
