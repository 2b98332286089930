"""Models that skip words before their first draw, or begin in a state: what a device did differently is still found."""

from itertools import islice

import pytest

import embinit
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.account import Account

from support.other_conventions import LAYERS, SEED, Device, lcg, over

SIZES = (("a", 12, 5), ("b", 5, 7))


def asked(dialect, seed=42, skip=(3, 0), **keys):
    layers = [
        embinit.Linear(name=name, in_features=inputs, out_features=outputs, skip_words=words)
        for (name, inputs, outputs), words in zip(SIZES, (0, skip[1]), strict=True)
    ]
    return embinit.Model("m", layers, seed, dialect, skip_words=skip[0], **keys)


def memory(model):
    return {entry.name: entry.payload for entry in gather(model.plan()).entries}


def first(model, device):
    found = diagnose(gather(model.plan()), memory(device), "dump")
    assert found.explained, str(found)
    return found.explanations[0]


@pytest.mark.parametrize("dialect", ["odt", "kaun", "tinygrad", "tinn"])
def test_another_seed(dialect):
    assert first(asked(dialect), asked(dialect, 43)).lines == {"[model]": "seed = 43"}


@pytest.mark.parametrize("dialect", ["portable", "gomlx"])
def test_more_words(dialect):
    assert first(asked(dialect), asked(dialect, skip=(8, 0))).lines == {"[model]": "skip_words = 8"}


@pytest.mark.parametrize("skip", [0, 1, 9])
def test_another_seed_and_other_words(skip):
    other = "" if skip == 3 else f"\nskip_words = {skip}"

    assert first(asked("odt"), asked("odt", 7, (skip, 0))).lines == {"[model]": f"seed = 7{other}"}


def test_seeded_again_for_every_layer():
    """Nobody skips words after the device has seeded again."""
    layers = [embinit.Linear(name=name, in_features=i, out_features=o, restart=True) for name, i, o in SIZES]
    device = embinit.Model("m", layers, 42, "odt", skip_words=3)

    assert first(asked("odt"), device).lines == {"[[layer]]": "restart = true"}


def test_another_seed_of_a_model_that_skips_and_then_seeds_again():
    def model(seed):
        layers = [embinit.Linear(name=n, in_features=i, out_features=o, restart=n == "b") for n, i, o in SIZES]
        return embinit.Model("m", layers, seed, "odt", skip_words=3)

    assert first(model(42), model(43)).lines == {"[model]": "seed = 43"}


@pytest.mark.parametrize("dialect", ["odt", "portable"])
def test_a_device_that_seeds_instead_of_beginning_in_a_state(dialect):
    """The state is deleted from the model's file, since it replaces what a seed does."""
    state = 0xDEADBEEF if dialect == "odt" else asked(dialect, 5).begin(5).state
    found = first(asked(dialect, state=state), asked(dialect, 7))

    assert found.lines == {"[model]": "seed = 7"}
    assert found.replaces == {"[model]": ["state"]}


@pytest.mark.parametrize("dialect", ["odt", "torch", "kaun", "gomlx", "tinygrad", "mlx"])
@pytest.mark.parametrize("skip", [(0, 3), (3, 5)])
def test_the_account_of_a_model_is_its_memory(dialect, skip):
    model = asked(dialect, skip=skip)

    assert Account.of(model).run().image == memory(model)


def test_another_generator():
    """The words of another generator, from the third after the seed on."""
    tables = {
        "model": {"name": "m", "seed": SEED, "skip_words": 3},
        "dialect": {"name": "own", "based_on": "odt"},
        "layer": [{"name": n, "type": "Linear", "in_features": i, "out_features": o} for n, i, o in LAYERS],
    }
    device = Device(words=islice(lcg(SEED, 1664525, 1013904223), 3, None), unit=over(2**32)).memory()
    found = diagnose(gather(from_tables(tables, {}).plan()), device, "dump")

    assert found.explained, str(found)
    assert [each.hypothesis.name for each in found.explanations[0].causes] == ["generator"]
