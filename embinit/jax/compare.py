"""Compare a module that Flax makes with what embinit computes, and say why each parameter that differs does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.comparison import Compared, Comparison
from embinit.dialects import dialect_named
from embinit.distributions import Constant
from embinit.errors import EmbinitError, shown
from embinit.fill import fill
from embinit.generator import Generator
from embinit.initializers import Initializer
from embinit.jax.modules import Contents, Found, Path, dotted, flat, initialized, initializing, of_linen, of_nnx
from embinit.jax.package import check_installed
from embinit.layers import Stored
from embinit.model import Description
from embinit.plan import Row, plan

#: The initializers without parameters of their own that are recognized by their bits.
RECOGNIZED = (
    "lecun_normal", "lecun_uniform", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "normal", "uniform",
    "truncated_normal",
)  # fmt: skip
#: How many calls of rngs.params() after the planned ones are searched.
AHEAD = 64


def compare(
    module: Any,
    seed: int,
    *inputs: Any,
    jit: bool = False,
    order: Sequence[str] = (),
    init: Mapping[str, Any] | None = None,
) -> Comparison:
    """Return how the parameters that Flax makes from a seed differ from what embinit computes.

    Run it once per architecture, to know that a device that seeds as Flax does starts from Flax's weights. The reasons
    for a difference are: order (another layer takes its call of rngs.params()), drawn before (something that is no
    layer takes calls), initializer (no initializer that embinit recognizes draws it), dtype, and unknown (no layer that
    embinit knows).

    Parameters
    ----------
    module
        For nnx, a function that returns the module that it makes with the rngs it is given, or the module that
        nnx.Rngs(seed) made; for linen, the module.
    seed
        What nnx.Rngs or jax.random.key is called with.
    *inputs
        What a linen module is initialized with besides the key.
    jit
        Whether the parameters are made under jax.jit.
    order
        Paths of nnx layers that draw after all others, in this order.
    init
        Initializers of nnx parameters by their paths: an nnx module does not keep them, and those of
        jax.nn.initializers that take a number cannot be recognized.

    Raises
    ------
    EmbinitError
        If JAX or Flax is missing, it is no module of Flax, or a name or an initializer is unknown.

    Examples
    --------
    >>> import embinit.jax
    >>> from flax import nnx
    >>> print(embinit.jax.compare(lambda rngs: nnx.Linear(2, 3, rngs=rngs), seed=42))
    all 2 parameters have Flax's bits; seed 42, dialect flax-nnx
    """
    check_installed()
    if is_linen(module):
        return _of_linen(module, seed, inputs, jit)
    return of_nnx_module(module, seed, jit, order, init or {})[1]


def is_linen(module: Any) -> bool:
    """Whether something is a linen module."""
    from flax import linen

    return isinstance(module, linen.Module)


def _of_linen(module: Any, seed: int, inputs: Sequence[Any], jit: bool) -> Comparison:
    import jax

    dialect = "flax-linen"
    dialect_named(dialect).check_seed(seed)
    contents = of_linen(module, inputs)
    make = initializing(module, inputs)
    held = flat((jax.jit(make) if jit else make)(jax.random.key(seed)))
    compared = []
    for each, part, row, values in _planned(contents.layers, seed, dialect, jit):
        place = each.places[part]
        equal = _same(np.asarray(held[place]), values)
        sentence = "" if equal else f"the key of its path does not give it by {row.initializer}"
        compared.append(Compared(dotted(place), equal, *([] if equal else ["initializer", sentence])))
    return _comparison(seed, dialect, compared, contents)


# ---- nnx ----


def of_nnx_module(
    module: Any, seed: int, jit: bool, order: Sequence[str], init: Mapping[str, Any]
) -> tuple[list[Found], Comparison]:
    """Return the layers of an nnx module with the initializers that its values show, and what differs nevertheless."""
    from flax import nnx

    dialect = "flax-nnx"
    dialect_named(dialect).check_seed(seed)
    if not isinstance(module, nnx.Module) and callable(module):
        module, jit = module(nnx.Rngs(seed)), False
    if not isinstance(module, nnx.Module):
        raise EmbinitError(f"it must be a module of Flax, or a function of rngs that returns one, got {shown(module)}")
    contents = of_nnx(module, order)
    layers = _given(contents.layers, init)
    problems = {problem.path for problem in contents.problems}
    planned = list(_planned(layers, seed, dialect, jit))
    calls = max((_call(row) + 1 for _, _, row, _ in planned), default=0) + AHEAD
    told: dict[Path, dict[str, Initializer]] = {}
    places: dict[str, tuple[int, int | None]] = {}
    for each, part, row, values in planned:
        name, leaf = dotted(each.places[part]), contents.leaves[each.places[part]]
        if name in problems:
            continue
        if not hasattr(leaf, "__array__"):
            raise EmbinitError(f"parameter {name!r} must have values, got a shape alone: give a function of rngs")
        theirs, there = np.asarray(leaf), _call(row)
        places[name] = there, there
        if _same(theirs, values):
            continue
        if (recognized := _recognized(theirs, row, seed, jit)) is not None and not part.startswith("running_"):
            told.setdefault(each.path, {})[part] = recognized
        else:
            places[name] = there, _found_call(theirs, row, seed, jit, calls)
    compared = [_reason(name, places, seed) for name in places]
    return _initialized(layers, told), _comparison(seed, dialect, compared, contents)


def _comparison(seed: int, dialect: str, compared: Sequence[Compared], contents: Contents) -> Comparison:
    unknown = [Compared(each.path, False, each.why, each.sentence) for each in contents.problems]
    names = {each.name for each in unknown}
    known = [each for each in compared if each.name not in names]
    return Comparison(seed, dialect, (*known, *unknown), framework="Flax")


def _planned(
    layers: Sequence[Found], seed: int, dialect: str, jit: bool
) -> Iterator[tuple[Found, str, Row, NDArray[np.float32]]]:
    """Yield each part of each layer with its row in the plan and the values that embinit computes."""
    if not any(each.places for each in layers):
        return
    planned = plan(Description("module", [each.layer for each in layers], seed=seed, dialect=dialect, jit=jit))
    values, rows = fill(planned).arrays, {row.name: row for row in planned.rows}
    for each in layers:
        for part in each.places:
            name = f"{each.layer.name}.{part}"
            yield each, part, rows[name], values[name]


def _given(layers: Sequence[Found], init: Mapping[str, Any]) -> list[Found]:
    """Return layers with the initializers that somebody gave for some parameters."""
    names = {dotted(place): (each.path, part) for each in layers for part, place in each.places.items()}
    told: dict[Path, dict[str, Initializer]] = {}
    for name, given in init.items():
        if name not in names:
            raise EmbinitError(f"init must name parameters of the module, got {shown(name)}")
        path, part = names[name]
        told.setdefault(path, {})[part] = dialect_named("flax-nnx").initializer(given)
    return _initialized(layers, told)


def _initialized(layers: Sequence[Found], told: Mapping[Path, Mapping[str, Initializer]]) -> list[Found]:
    """Return layers with initializers of their own for some parts, by the paths of the layers."""
    return [
        replace(each, layer=initialized(each.layer, told[each.path]))
        if isinstance(each.layer, Stored) and each.path in told
        else each
        for each in layers
    ]


def _same(theirs: NDArray[Any], ours: NDArray[np.float32]) -> bool:
    return theirs.dtype == np.float32 and np.array_equal(theirs.view(np.uint32), ours.view(np.uint32))


def _drawn(initializer: Initializer, row: Row, seed: int, jit: bool, call: int) -> NDArray[np.float32] | None:
    """Return what an initializer draws from the key of a call; None if it cannot fill the shape."""
    out = np.empty(row.shape, np.float32)
    try:
        Generator.seeded(seed, "jax", jit=jit).fold_in(call).fill(initializer, out)
    except EmbinitError:
        return None
    return out


def _call(row: Row) -> int:
    assert row.order.restart is not None
    return row.order.restart[1]


def _recognized(theirs: NDArray[Any], row: Row, seed: int, jit: bool) -> Initializer | None:
    """Return the initializer whose bits a parameter holds; a single number shows little."""
    values = theirs.reshape(-1)
    if _same(values, np.full_like(values, values[0])) and (values.size > 1 or float(values[0]) in (0.0, 1.0)):
        return Constant(float(values[0])) if np.isfinite(values[0]) else None
    for name in RECOGNIZED:
        initializer = dialect_named("flax-nnx").initializer(name)
        out = _drawn(initializer, row, seed, jit, _call(row))
        if out is not None and _same(theirs, out):
            return initializer
    return None


def _found_call(theirs: NDArray[Any], row: Row, seed: int, jit: bool, calls: int) -> int | None:
    """Return the call of rngs.params() whose key gives a parameter by its layer's initializer; None if none does."""
    if isinstance(row.initializer, Constant):
        return None
    for call in range(calls):
        out = _drawn(row.initializer, row, seed, jit, call)
        if out is not None and _same(theirs, out):
            return call
    return None


def _reason(name: str, places: Mapping[str, tuple[int, int | None]], seed: int) -> Compared:
    """Return whether a parameter is equal, and if not, why: from which calls all should be and are drawn."""
    planned, call = places[name]
    if call == planned:
        return Compared(name, True)
    if call is None:
        sentence = f"seed {seed} does not give it by an initializer that its bits show: see init"
        return Compared(name, False, "initializer", sentence)
    sentence = f"it has the key of call {call} of rngs.params(), not {planned}"
    for theirs, there in places.values():
        if there is not None and (theirs - planned) * (there - call) < 0:
            return Compared(name, False, "order", f"{sentence}: another layer is made first, see order")
    return Compared(name, False, "drawn before", f"{sentence}: something that is no layer takes calls before it")
