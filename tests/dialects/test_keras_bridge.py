"""embinit.keras against Keras itself, where it is installed: models, their weights, and why some of them differ."""

import os
import random

import numpy as np
import pytest

import embinit
import embinit.keras
from embinit import EmbinitError

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
if keras.backend.backend() != "torch":
    pytest.skip("Keras has another backend", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
L = keras.layers
SEEDS = [0, 1, 2**31, 2**32 - 1]
SCALED = [f"{name}_{kind}" for name in ("glorot", "he", "lecun") for kind in ("uniform", "normal")]


def net(*layers, inputs=(3,)):
    return keras.Sequential([keras.Input(inputs), *layers])


def words(arrays):
    return [np.asarray(array).view(np.uint32).tolist() for array in arrays]


# ---- Random models ----


def initializer(rng):
    """Return an initializer of Keras as an object, which takes its seed at once."""
    name = rng.choice([*SCALED, "random_uniform", "random_normal", "truncated_normal", "variance_scaling", "constant"])
    keys = {} if name == "constant" or rng.random() < 0.7 else {"seed": rng.choice([*SEEDS, rng.randrange(2**32)])}
    if name == "random_uniform":
        keys |= {"minval": rng.uniform(-2, 0), "maxval": rng.uniform(0, 2)}
    elif name == "variance_scaling":
        kinds = ["truncated_normal", "untruncated_normal", "uniform"]
        mode = rng.choice(["fan_in", "fan_out", "fan_avg"])
        keys |= {"scale": rng.uniform(0.01, 3), "mode": mode, "distribution": rng.choice(kinds)}
    elif name == "constant":
        keys |= {"value": rng.uniform(-1, 1)}
    elif not name.startswith(("glorot", "he", "lecun")):
        keys |= {"stddev": rng.uniform(0.1, 2)}
    return getattr(keras.initializers, "".join(part.capitalize() for part in name.split("_")))(**keys)


def options(rng, weight="kernel_initializer"):
    keys = {"use_bias": rng.random() < 0.7}
    if rng.random() < 0.6:
        keys[weight] = initializer(rng)
        if rng.random() < 0.5:
            keys["bias_initializer"] = initializer(rng)
    return keys


def image_layer(rng):
    """Return a layer that images of 8 x 8 pass through."""
    kernel, count = [rng.randrange(1, 4), rng.randrange(1, 4)], rng.randrange(1, 6)
    match rng.randrange(9):
        case 0:
            return L.Conv2D(count, kernel, padding="same", **options(rng))
        case 1:
            return L.DepthwiseConv2D(kernel, padding="same", **options(rng, "depthwise_initializer"))
        case 2:
            return L.Conv2DTranspose(count, kernel, padding="same", **options(rng))
        case 3:
            return L.BatchNormalization(scale=rng.random() < 0.7, center=rng.random() < 0.7,
                                        gamma_initializer=keras.initializers.Constant(rng.uniform(0, 2)))  # fmt: skip
        case 4:
            return L.LayerNormalization(
                axis=rng.choice([-1, [1, 2, 3]]), center=rng.random() < 0.5, scale=rng.random() < 0.7
            )
        case 5:
            return rng.choice([L.Dropout, L.SpatialDropout2D])(rng.choice([0, 0.5]), seed=rng.choice([None, 5]))
        case 6:
            return L.ReLU()
        case 7:
            return L.Dense(count, **options(rng))
        case _:
            return L.GaussianNoise(rng.choice([0, 0.5]))


def line_layer(rng):
    """Return a layer that sequences of vectors pass through."""
    count = rng.randrange(1, 6)
    match rng.randrange(5):
        case 0:
            return L.Conv1D(count, rng.randrange(1, 4), padding="same", **options(rng))
        case 1:
            return L.Conv1DTranspose(count, rng.randrange(1, 4), padding="same", **options(rng))
        case 2:
            return L.DepthwiseConv1D(rng.randrange(1, 4), padding="same", **options(rng, "depthwise_initializer"))
        case 3:
            return L.Dense(count, **options(rng))
        case _:
            return L.Dropout(0.5)


def random_model(rng):
    """Return a Sequential or functional model of random layers."""
    if rng.random() < 0.5:
        shape, layers = (8, 8, rng.randrange(1, 5)), [image_layer(rng) for _ in range(rng.randrange(1, 6))]
    else:
        shape = (8,)
        table = {"embeddings_initializer": initializer(rng)} if rng.random() < 0.5 else {}
        layers = [L.Embedding(rng.randrange(2, 9), 4, **table)]
        layers += [line_layer(rng) for _ in range(rng.randrange(5))]
    layers += [L.Flatten(), L.Dense(rng.randrange(1, 9), **options(rng))]
    if rng.random() < 0.5:
        return net(*layers, inputs=shape)
    x = first = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(first, x)


@pytest.mark.parametrize("part", range(4))
def test_random_models(part):
    rng = random.Random(part)
    for _ in range(25):
        seed = rng.choice([*SEEDS, rng.randrange(2**32)])
        keras.utils.set_random_seed(seed)
        model = random_model(rng)
        made = embinit.Model.from_keras(model, seed)
        assert words(embinit.keras.weights(made, model)) == words(model.get_weights()), (part, seed)


def test_models_within_models_and_layers_that_are_used_twice():
    def build():
        inner = net(L.Dense(3, name="a"), L.Dropout(0.2), L.Dense(3, name="b"))
        last = L.Dense(3, name="a")
        first = keras.Input((3,))
        return keras.Model(first, last(last(inner(first))))

    comparison = embinit.keras.compare(build, seed=9)
    assert comparison, str(comparison)
    assert len(comparison.parameters) == 6
    names = [layer.name for layer in embinit.keras.model_of(build(), seed=9).layers if layer.type == "Linear"]
    assert len(set(names)) == 3


def test_a_layer_in_two_models_is_one_layer():
    def build():
        both = L.Dense(3, name="both")
        inner, first = net(both, L.Dense(3)), keras.Input((3,))
        return keras.Model(first, L.Dense(2)(both(inner(first))))

    comparison = embinit.keras.compare(build, seed=9)
    assert comparison, str(comparison)
    assert len(comparison.parameters) == 6


def test_weights_are_what_a_model_loads():
    model = net(L.Dense(4), L.BatchNormalization(), L.Dense(2))
    made = embinit.Model.from_keras(model, seed=3)
    model.set_weights(embinit.keras.weights(made, model))
    keras.utils.set_random_seed(3)
    assert words(model.get_weights()) == words(net(L.Dense(4), L.BatchNormalization(), L.Dense(2)).get_weights())


def test_the_backend_decides_the_dialect_unless_one_is_given():
    model = net(L.Dense(2))
    assert embinit.keras.model_of(model, seed=1).dialect == "keras-torch"
    jax = embinit.Model.from_keras(model, seed=1, dialect="keras-jax", target="cortex-m0")
    assert (jax.dialect, jax.target) == ("keras-jax", "cortex-m0")
    fresh = embinit.Model("m", [embinit.Linear(name="fc", in_features=3, out_features=2)], 1, "keras-jax")
    assert words(embinit.keras.weights(jax, model))[0] == words([fresh.init()["fc.weight"]])[0]


# ---- Comparison ----


def reversed_layers():
    second, dropout = L.Dense(3, name="second"), L.Dropout(0.1, name="dropout")
    first = keras.Input((4,))
    return keras.Model(first, second(dropout(L.Dense(3, name="first")(first))))


def rewritten():
    model = net(L.Dense(2))
    model.set_weights([np.ones((3, 2)), np.zeros(2)])
    return model


def moved():
    random.random()
    return net(L.Dense(2))


def shared():
    given = keras.initializers.HeNormal()
    return net(L.Dense(3, kernel_initializer=given), L.Dense(3, kernel_initializer=given))


def shared_within():
    given = keras.initializers.HeNormal()
    return net(L.Dense(3, kernel_initializer=given, bias_initializer=given, name="fc"))


BEFORE = net(L.Dense(2))


@pytest.mark.parametrize(
    ("build", "whys"),
    [
        (reversed_layers, ["order", "", "order", ""]),
        (rewritten, ["drawn again", ""]),
        (moved, ["drawn before", ""]),
        (shared, ["", "", "shared", ""]),
        (lambda: BEFORE, ["made elsewhere", ""]),
        (lambda: net(L.Dense(2, bias_initializer=keras.initializers.HeNormal())), ["order", "order"]),
        (lambda: net(L.Dense(2, dtype="float16")), ["dtype", "dtype"]),
        (lambda: net(L.Dense(2, kernel_initializer="orthogonal"), L.Dense(2)), ["unknown"] * 2 + ["drawn before", ""]),
        (lambda: net(L.GRU(2), inputs=(3, 4)), ["unknown"] * 3),
    ],
)
def test_why_weights_differ(build, whys):
    comparison = embinit.keras.compare(build, seed=7)
    assert [each.why for each in comparison.parameters] == whys
    assert [each.equal for each in comparison.parameters] == [not why for why in whys]
    assert all(bool(each.sentence) != each.equal for each in comparison.parameters)


def test_another_order_is_found_and_stated():
    comparison = embinit.keras.compare(reversed_layers, seed=7)
    assert str(comparison).startswith("2 of 4 parameters differ from Keras'; seed 7, dialect keras-torch")
    order = ["second", "dropout", "first"]
    assert comparison.notes == (f"its layers are made in another order: order={order} states that",)
    assert embinit.keras.compare(reversed_layers, seed=7, order=order)


def test_a_model_whose_seeds_show_another_order_is_refused():
    keras.utils.set_random_seed(7)
    model = reversed_layers()
    message = r"the Keras model was made after set_random_seed\(7\), .* order=\['second', 'dropout', 'first'\] states"
    with pytest.raises(EmbinitError, match=message):
        embinit.Model.from_keras(model, seed=7)
    made = embinit.Model.from_keras(model, seed=7, order=["second", "dropout", "first"])
    assert words(embinit.keras.weights(made, model)) == words(model.get_weights())
    assert embinit.Model.from_keras(model, seed=8).layers[0].name == "first"


def test_a_keras_that_draws_in_another_way_is_told(monkeypatch):
    import keras.src.backend.torch.random as drawing

    uniform = drawing.uniform
    monkeypatch.setattr(keras.src.backend.random, "uniform", lambda *given, **keys: uniform(*given, **keys) * 2)
    assert embinit.keras.compare(lambda: net(L.Dense(2)), seed=7).parameters[0].why == "build"


def test_python_and_numpy_keep_their_place():
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    places = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    embinit.keras.compare(lambda: net(L.Dense(2)), seed=7)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == places  # noqa: NPY002


# ---- What is refused ----


class Own(L.Dense):
    pass


class Draws(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


class Subclassed(keras.Model):
    pass


MOVING = keras.random.SeedGenerator(1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: 3, "model must be a keras.Sequential or a functional model, got 3"),
        (Subclassed, "model must be a keras.Sequential or a functional model, got Subclassed"),
        (lambda: keras.Sequential([L.Dense(2)]), "the Keras model must be built"),
        (lambda: net(L.ReLU()), "the model must have a layer with weights, got none"),
        (lambda: net(L.GRU(2, name="gru"), inputs=(3, 4)), "layer 'gru': its type must be one of Dense, .* got GRU"),
        (lambda: net(L.TimeDistributed(L.Dense(2), name="td"), inputs=(3, 4)), "layer 'td': its type"),
        (lambda: net(Own(2, name="own")), "layer 'own': its type must be one of .* got Own"),
        (lambda: net(L.RandomFlip(name="flip"), L.Flatten(), L.Dense(2), inputs=(8, 8, 3)), "layer 'flip': .* seeds"),
        (lambda: net(L.SeparableConv2D(3, 3, name="sep"), inputs=(8, 8, 3)), "layer 'sep': its type"),
        (lambda: net(L.Conv2D(3, 3, groups=3, name="c"), inputs=(8, 8, 3)), "layer 'c': groups must not be"),
        (lambda: net(L.DepthwiseConv2D(3, depth_multiplier=2, name="d"), inputs=(8, 8, 3)), "layer 'd': depth_m"),
        (lambda: net(L.Dense(2, dtype="float16", name="h")), "layer 'h': its weights must be float32"),
        (lambda: net(L.Dense(2, kernel_initializer=lambda shape, dtype: keras.ops.ones(shape), name="f")),
         "layer 'f': kernel_initializer must be an initializer of Keras"),
        (lambda: net(L.Dense(2, kernel_initializer=Draws(), name="f")), "layer 'f': kernel_initializer .* got Draws"),
        (lambda: net(L.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=MOVING), name="s")),
         "layer 's': kernel_initializer must have an integer seed or none, got a SeedGenerator"),
        (lambda: net(L.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=2**32), name="s")),
         "layer 's': kernel_initializer: seed must be an integer from 0 to 4294967295"),
        (lambda: net(L.Dense(2, kernel_initializer="orthogonal", name="o")), "layer 'o': kernel_initializer: ortho"),
        (lambda: net(L.Dense(2, kernel_initializer="identity", name="o")), "layer 'o': kernel_initializer: init"),
        (lambda: net(L.Dense(2, lora_rank=1, name="lora")), "layer 'lora': the weights of a Dense must be"),
        (lambda: net(L.LayerNormalization(gamma_initializer="he_normal", name="ln")), "layer 'ln': gamma_init"),
        (shared, "layer 'dense_[0-9]+': its weight shares a HeNormal with the weight of 'dense_[0-9]+'"),
        (shared_within, "layer 'fc': its bias shares a HeNormal with the weight of 'fc'"),
        (lambda: net(type("Dense", (L.Dense,), {})(2, name="own")), "layer 'own': its type .* got Dense"),
    ],
)  # fmt: skip
def test_what_embinit_cannot_draw_is_refused_by_name(build, message):
    with pytest.raises(EmbinitError, match=message):
        embinit.keras.model_of(build(), seed=1)


def test_wrong_words_are_refused():
    model = net(L.Dense(2, name="fc"))
    made = embinit.keras.model_of(model, seed=1)
    with pytest.raises(EmbinitError, match="dialect must be one of keras-torch, keras-jax, "):
        embinit.keras.model_of(model, seed=1, dialect="odt")
    with pytest.raises(EmbinitError, match="order must name layers of the model, one of fc, got 'fd'"):
        embinit.keras.model_of(model, seed=1, order=["fd"])
    with pytest.raises(EmbinitError, match="order must name each layer once"):
        embinit.keras.model_of(model, seed=1, order=["fc", "fc"])
    with pytest.raises(EmbinitError, match="seed must be an integer from 0 to 4294967295 in dialect keras-torch"):
        embinit.keras.compare(lambda: model, seed=2**32)
    with pytest.raises(EmbinitError, match=r"fc.weight must be \[3, 2\], got \[3, 4\]"):
        embinit.keras.weights(made, net(L.Dense(4, name="fc")))
    odt = embinit.Model("m", [embinit.Linear(name="fc", in_features=3, out_features=2)], seed=1)
    with pytest.raises(EmbinitError, match="dialect must be one of keras-torch, keras-jax, "):
        embinit.keras.weights(odt, model)
    with pytest.raises(EmbinitError, match=r"fc.weight must be \[3, 2\], got none"):
        embinit.keras.weights(made, net(L.Dense(2, name="other")))
