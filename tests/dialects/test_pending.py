"""A pending normal value, as PyTorch's small normal_ leaves one: advance drops it, and a state has it."""

import json

import numpy as np
import pytest

import embinit
from embinit import MT19937, Embedding, EmbinitError, Generator, LayerNorm, Linear, Model, initializers
from embinit.bundle import gather
from embinit.export import render
from embinit.fill import fill
from embinit.growth import behind_init


def normals(generator, n):
    out = np.empty(n, np.float32)
    generator.normal(0.0, 1.0, out)
    return out.view(np.uint32).tolist()


def seeded():
    return Generator(MT19937(7), "torch")


def test_an_odd_number_of_small_normals_leaves_one_pending():
    generator = seeded()
    assert normals(generator, 3) + normals(generator, 3) == normals(seeded(), 6)


@pytest.mark.parametrize("drawn", [1, 2, 3, 15])
@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_after_advance_the_stream_is_that_of_the_word(drawn, n):
    generator, fresh = seeded(), seeded()
    normals(generator, drawn)
    generator.advance(n)
    fresh.advance(generator.drawn)

    assert generator.state == fresh.state
    assert normals(generator, 5) == normals(fresh, 5)


def test_words_that_go_to_another_use_leave_it_pending():
    generator, other = seeded(), seeded()
    normals(generator, 3)
    normals(other, 3)
    generator.spend(4)
    other.bitgen.random_raw(4)

    assert normals(generator, 1) == normals(other, 1)
    assert generator.drawn == 4 + other.drawn == 12


def test_a_state_goes_on_in_another_generator_also_by_way_of_json():
    generator, other = seeded(), seeded()
    normals(generator, 3)
    state = generator.state
    assert set(state) == {"bit_generator", "pending_normal"}
    other.state = json.loads(json.dumps(state))
    assert normals(other, 4) == normals(generator, 4)

    normals(generator, 1)
    assert generator.state == generator.bitgen.state
    other.state = generator.state
    assert normals(other, 4) == normals(generator, 4)


def test_a_state_without_its_parts_is_refused():
    for state in ({"bit_generator": 1}, {"bit_generator": seeded().bitgen.state, "pending_normal": "x"}):
        with pytest.raises(EmbinitError, match="pending_normal"):
            seeded().state = state


PARTS = "weight", "bias"


def model(rounded):
    small = initializers.normal(0.0, 0.5)
    weight, bias = ({f"{part}_format": "sym4", "rounding": "stochastic"} if rounded else {} for part in PARTS)
    return Model(
        "m",
        [
            Linear(in_features=3, out_features=1, weight_init=small, **weight),
            LayerNorm(normalized_shape=4, **bias),
            Linear(in_features=1, out_features=2, weight_init=small, bias=False),
            Embedding(num_embeddings=1, embedding_dim=2),
        ],
        seed=3,
        dialect="torch",
    )


@pytest.mark.parametrize("rounded", [False, True])
def test_the_state_after_is_where_init_goes_on(rounded):
    values = fill(model(rounded).plan())
    after = json.loads(render(model(rounded).plan())["manifest.json"])["rng_state_after"]
    assert set(after) == {"bit_generator", "pending_normal"}
    assert after == json.loads(json.dumps(gather(model(rounded).plan()).state_after))
    assert after["pending_normal"] == values.state_after["pending_normal"] == values.generator.pending

    behind, resumed = behind_init(model(rounded)), seeded()
    resumed.state = after
    assert normals(resumed, 5) == normals(behind, 5)


def test_the_state_after_is_torchs():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    out = torch.empty(3).normal_()
    generator = Generator(embinit.MT19937(3), "torch")
    assert normals(generator, 3) == out.numpy().view(np.uint32).tolist()
    resumed = seeded()
    resumed.state = generator.state
    assert normals(resumed, 4) == torch.empty(4).normal_().numpy().view(np.uint32).tolist()
