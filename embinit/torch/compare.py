"""Compare a module that PyTorch constructs with what embinit computes, and say why each parameter that differs does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embinit.comparison import Compared, Comparison, Problem, problem_of
from embinit.distributions import Constant, Distribution, Normal, Uniform
from embinit.errors import EmbinitError, check_known, shown
from embinit.fill import Values, fill, generator_of
from embinit.generator import Generator
from embinit.model import Description
from embinit.plan import Row, plan
from embinit.samplers.pytorch import LARGE
from embinit.torch.modules import Found, found
from embinit.torch.package import torch_package
from embinit.torch.problems import givers, of_constructors, of_devices, of_origin, of_types, rewritten

if TYPE_CHECKING:
    from torch.nn import Module

DIALECTS = ("torch", "torch-nofma")
#: How many words after the planned ones are searched, and how many values are drawn for that at most.
AHEAD, MOST_VALUES = 20_000, 2**26


def compare(build: "Callable[[], Module]", seed: int, dialect: str = "torch", order: Sequence[str] = ()) -> Comparison:
    """Return how a module that a constructor builds under torch.manual_seed(seed) differs from what embinit computes.

    Run it once per architecture, to know that `init_` in dialect torch gives the weights that PyTorch would. PyTorch's
    own generator is left as it was. The reasons for a difference are: order (another layer draws before it), drawn
    before (something that is no layer moves the stream), drawn again (something else writes to it), dtype, meta,
    shared, copy, lazy, reparametrized, unknown (no layer that embinit knows), and build (this PyTorch computes in
    another way).

    Parameters
    ----------
    build
        The constructor: a function without arguments that returns a torch.nn.Module.
    seed
        What torch.manual_seed is called with.
    dialect
        "torch", or "torch-nofma" for a PyTorch that does not fuse.
    order
        Layers that draw after all others, as in `init_`.

    Raises
    ------
    EmbinitError
        If PyTorch is missing, build returns no module, or a name is unknown.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> print(embinit.torch.compare(lambda: torch.nn.Linear(2, 1), seed=42))
    all 2 parameters have PyTorch's bits; seed 42, dialect torch
    """
    torch = torch_package()
    check_known("dialect", dialect, DIALECTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build()
    if not isinstance(module, torch.nn.Module):
        raise EmbinitError(f"build must return a torch.nn.Module, got {shown(module)}")
    layers, problems = found(module, order)
    notes = [*of_constructors(module, layers), *of_origin(layers)]
    compared = _compared(module, layers, problems, seed, dialect)
    other = next(name for name in DIALECTS if name != dialect)
    if any(each.why in _STREAM for each in compared):
        theirs = _compared(module, layers, problems, seed, other)
        if all(each.equal or each.why not in _STREAM for each in theirs):
            sentence = f"this PyTorch computes as dialect {other}"
            compared = [
                each if each.why not in _STREAM else _differs(each.name, "build", sentence) for each in compared
            ]
    return Comparison(seed, dialect, tuple(compared), tuple(note.sentence for note in notes))


#: Reasons that the values show.
_STREAM = ("order", "drawn before", "drawn again")


def _differs(name: str, why: str, sentence: str) -> Compared:
    return Compared(name, False, why, sentence)


def _compared(
    module: "Module", layers: Sequence[Found], problems: Sequence[Problem], seed: int, dialect: str
) -> list[Compared]:
    names: dict[str, Row] = {}
    values: Values | None = None
    if layers:
        planned = plan(Description("module", [each.layer for each in layers], seed=seed, dialect=dialect))
        values = fill(planned)
        paths = {each.layer.name: each for each in layers}
        for row in planned.rows:
            names[paths[row.layer.name].named(row.part)] = row
    given, shared = givers(layers)
    known = {each.path: each for each in (*of_types(layers, pytorchs=True), *of_devices(layers))}
    every = dict(module.named_parameters(remove_duplicate=False))
    unclear = {id(every[each.path]): each for each in shared}
    state = dict(module.named_parameters())
    result: list[Compared | str] = []
    places: dict[str, tuple[int, int | None]] = {}
    for name, tensor in state.items():
        held = names.get(given.get(id(tensor)) or name)
        if held is None or name in known:
            why = known.get(name) or problem_of(name, problems)
            assert why is not None
            result.append(_differs(name, why.why, why.sentence))
            continue
        assert values is not None
        theirs = tensor.detach().cpu().contiguous().numpy()
        if np.array_equal(theirs.view(np.uint32), values.arrays[held.name].view(np.uint32)):
            result.append(Compared(name, True))
            places[name] = values.first_draw[held.name], values.first_draw[held.name]
        elif why := problem_of(name, problems):
            result.append(_differs(name, why.why, why.sentence))
        elif id(tensor) in unclear:
            result.append(_differs(name, "shared", unclear[id(tensor)].sentence))
        else:
            held = next((each for each in names.values() if each.name == held.same_as), held)
            result.append(name)
            places[name] = values.first_draw[held.name], _place(values, held, theirs)
    written = rewritten(layers)
    return [each if isinstance(each, Compared) else _reason(each, places, written) for each in result]


def _reason(name: str, places: Mapping[str, tuple[int, int | None]], written: Sequence[str]) -> Compared:
    """Return why a parameter differs, from where in the stream all parameters should be and where they are."""
    planned, place = places[name]
    if name in written or place is None:
        what = "was written to after its layer drew it" if name in written else "holds no draw of its layer's default"
        return _differs(name, "drawn again", f"it {what}")
    for theirs, there in places.values():
        if there is not None and (theirs - planned) * (there - place) < 0:
            return _differs(name, "order", f"it is drawn at word {place}, not {planned}: another layer draws first")
    if place > planned:
        return _differs(name, "drawn before", f"{place - planned} words that no layer draws are drawn before it")
    return _differs(name, "drawn before", f"{planned - place} words fewer than its layers draw are drawn before it")


def _place(values: Values, row: Row, theirs: NDArray[np.float32]) -> int | None:
    """Return the word from which a part was drawn by its default distribution; None if it was not."""
    distribution, wanted = row.distribution, theirs.reshape(-1).view(np.uint32)
    if isinstance(distribution, Constant):
        return None
    generator = generator_of(values.plan.model, values.plan.model.seed)
    out, here = np.empty(wanted.size, np.float32), 0
    for place in _candidates(generator, distribution, wanted, values.generator.drawn + AHEAD):
        generator.advance(int(place) - here)
        here = int(place)
        generator.copy().draw(distribution, out)
        if np.array_equal(out.view(np.uint32), wanted):
            return here
    return None


def _candidates(
    generator: Generator, distribution: Distribution, wanted: NDArray[np.uint32], words: int
) -> Iterable[int]:
    """Return the words from which a draw may begin: where it would begin with the first bits that are wanted, if large
    draws of the distribution have these of all words.
    """
    blocks = LARGE if isinstance(distribution, Normal) else 1
    if not isinstance(distribution, Normal | Uniform) or wanted.size < blocks:
        return range(min(words, MOST_VALUES // wanted.size))
    first = np.empty((-(-words // blocks), blocks), np.float32)
    drawn = np.empty(first.size, np.float32)
    for start in range(blocks):
        there = generator.copy()
        there.advance(start)
        there.draw(distribution, drawn)
        first[:, start] = drawn[::blocks]
    return np.flatnonzero(first.reshape(-1)[:words].view(np.uint32) == wanted[0]).tolist()
