"""Compare a Keras model that a function builds with what embinit computes, and say why each weight differs."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embinit.comparison import Compared, Comparison, Problem, problem_of
from embinit.dialects.keras import KERAS_TORCH, LISTED
from embinit.fill import fill
from embinit.keras.layers import Found, found, name_of, paths_of
from embinit.keras.package import checked, dialect_of, keras_package
from embinit.keras.seeds import Seeds
from embinit.model import Description
from embinit.plan import plan

if TYPE_CHECKING:
    import keras


def compare(build: "Callable[[], keras.Model]", seed: int, order: Sequence[str] = ()) -> Comparison:
    """Return how a model that a function builds after keras.utils.set_random_seed(seed) differs from what embinit
    computes.

    Run it once per architecture, to know that `weights` gives what Keras would. The generators of Python and NumPy are
    left as they were; that of the backend stays seeded. The reasons for a difference are: order (its initializer is
    made before or after its turn), drawn before (something that is no layer of the model takes a seed), made elsewhere
    (its initializer has no seed of the list), drawn again (something else writes to it), dtype, shared, unknown (no
    layer that embinit knows), and build (this Keras computes in another way).

    Parameters
    ----------
    build
        A function without arguments that returns a Sequential or functional model.
    seed
        What keras.utils.set_random_seed is called with.
    order
        Layers that are made after all others, as in `model_of`.

    Raises
    ------
    EmbinitError
        If build returns no such model, or a name is unknown.

    Examples
    --------
    >>> import keras, embinit.keras
    >>> build = lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> bool(embinit.keras.compare(build, seed=42))
    True
    """
    dialect = dialect_of(None)
    KERAS_TORCH.check_seed(seed)
    with _generators_kept():
        keras_package().utils.set_random_seed(seed)
        model = checked(build())
    layers, problems = found(model, order)
    seeds = Seeds.of(layers, seed)
    compared = tuple(_compared(model, layers, problems, seed, dialect, seeds))
    told = seeds.order and any(each.why == "order" for each in compared)
    notes = (seeds.sentence,) if told else ()
    return Comparison(seed, dialect, compared, notes, "Keras")


@contextmanager
def _generators_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (what Keras seeds)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _compared(
    model: Any,
    layers: Sequence[Found],
    problems: Sequence[Problem],
    seed: int,
    dialect: str,
    seeds: Seeds,
) -> Iterator[Compared]:
    """Yield each weight of a model, in Keras' order."""
    values: dict[str, Any] = {}
    turns: dict[str, int] = {}
    if any(each.parts for each in layers):
        planned = plan(Description("model", [each.layer for each in layers], seed=seed, dialect=dialect))
        values = fill(planned).arrays
        starts = {tensor.name: tensor.order.restart for tensor in planned.model.tensors}
        turns = {name: start[0] for name, start in starts.items() if start is not None and start[1] == LISTED}
    owners = {id(variable): (each, part) for each in layers for part, variable in each.parts.items()}
    paths = paths_of(model)
    for variable in model.weights:
        each, part = owners.get(id(variable), (None, ""))
        name = name_of(variable)
        theirs = keras_package().ops.convert_to_numpy(variable)
        if each is not None and _same(theirs, values[f"{each.layer.name}.{part}"]):
            yield Compared(name, True)
        elif problem := problem_of(paths[id(variable)], problems):
            yield Compared(name, False, problem.why, problem.sentence)
        else:
            assert each is not None
            turn = turns.get(f"{each.layer.name}.{part}")
            yield Compared(name, False, *_reason(each, part, theirs, turn, seeds))


def _same(theirs: NDArray[Any], ours: NDArray[Any]) -> bool:
    return theirs.dtype == ours.dtype and np.array_equal(theirs.view(np.uint32), ours.view(np.uint32))


def _reason(each: Found, part: str, held: NDArray[Any], turn: int | None, seeds: Seeds) -> tuple[str, str]:
    """Return why a weight differs, from what its initializer draws and from which seed. turn: the number of that
    seed in the list, if it comes from there.
    """
    initializer = next(made.theirs for made in each.made if made.part == part)
    drawn = keras_package().ops.convert_to_numpy(initializer(held.shape, "float32"))
    if not _same(drawn, held):
        return "drawn again", "it was written to after its layer made it"
    there = None if turn is None else seeds.numbers.get(initializer.seed)
    if turn is None or there == turn:
        return "build", "this Keras draws other values from the same seed"
    if there is None:
        return "made elsewhere", "the seed of its initializer is not one of the list: it was made before, or elsewhere"
    other = f"its initializer takes seed {there} of the list, not {turn}"
    if seeds.order:
        return "order", f"{other}: the layers are made in another order"
    if list(each.taken) != sorted(each.taken, key=lambda seed: seeds.numbers.get(seed, 0)):
        return "order", f"{other}: that of the bias is made before that of the kernel"
    apart = f"{there - turn} seeds that none" if there > turn else f"{turn - there} seeds fewer than all"
    return "drawn before", f"{apart} of the layers that embinit knows take are taken before it"
