"""Normal values of which some are drawn again, or that are made in blocks: where in the stream a device's begin."""

import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose

NORMAL = embinit.initializers.normal(0.0, 0.1)
LAYERS = {
    "kann": [{}, {}],  # polar, with a spare; its generator cannot go back
    "tiny-dnn": [{}, {}],
    "llmc": [{"weight_init": NORMAL}, {"weight_init": NORMAL}],  # in blocks of 16
}


def asked(dialect, **keys):
    sizes = ((12, 10), (10, 6))
    layers = [
        embinit.Linear(name=f"fc{i}", in_features=inputs, out_features=outputs, **more)
        for i, ((inputs, outputs), more) in enumerate(zip(sizes, LAYERS[dialect], strict=True), 1)
    ]
    return embinit.Model("m", layers, seed=42, dialect=dialect, **keys)


def first(dialect, **keys):
    device = gather(asked(dialect, **keys).plan())
    found = diagnose(gather(asked(dialect).plan()), {e.name: e.payload for e in device.entries}, "dump")
    assert found.explained, str(found)
    return found.explanations[0]


@pytest.mark.parametrize(("dialect", "n"), [("kann", 5), ("tiny-dnn", 7), ("llmc", 5)])
def test_words_that_were_drawn_before(dialect, n):
    found = first(dialect, skip_words=n)

    assert [cause.hypothesis.name for cause in found.causes] == ["stream position"]
    assert found.lines == {"[model]": f"skip_words = {n}"}


def test_a_stream_that_stands_further_back_than_its_generator_can_go():
    found = first("kann", order=["fc2", "fc1"])

    assert found.lines == {"[model]": 'order = ["fc2", "fc1"]'}
