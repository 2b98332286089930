"""Hypotheses: the common mistakes, each declared in a few lines as what the device does differently."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from embinit import initializers as schemes
from embinit.bitgen import RANDS, BitGenerator
from embinit.diagnose.account import Account, draws, fresh
from embinit.diagnose.codes import in_codes
from embinit.diagnose.hypothesis import (
    Aspect,
    Change,
    Hypothesis,
    account_with,
    initializers,
    model_with,
    rows,
    seeded,
)  # fmt: skip
from embinit.diagnose.memory import in_memory
from embinit.diagnose.pasting import MODEL, Lines, built, by_layer, draws_in, each_layer, initialized
from embinit.dialects import DIALECTS
from embinit.dialects.seeds import wrapped
from embinit.distributions import Constant, Uniform
from embinit.initializers import Initializer, Mode, VarianceScaling
from embinit.layers import Convolution
from embinit.model import Description, Tensor
from embinit.plan import Row, in_draw_order, plan, row_with
from embinit.targets import LIBMS
from embinit.toml import toml

Scheme = Callable[[VarianceScaling], VarianceScaling]
Order = Callable[[Sequence[Row]], list[Row]]

#: How many places, among the layers that draw, a layer may be too early or too late.
NEIGHBOURS = 4


def ordinary(model: Description, normals: bool) -> Iterator[Hypothesis]:
    """Yield the mistakes that do not depend on the dump; normals: whether normal values are worth trying."""
    planned = plan(model).rows
    yield from _builds(model)
    yield from _rands(model)
    yield from _dialects(model)
    yield from _starts(model)
    yield from _schemes(model, normals)
    yield from _fans(model, planned)
    yield Hypothesis(
        Aspect.BIAS, "bias", "The biases are 0 and draw nothing.",
        initializers(lambda row: Constant(0.0) if row.name.endswith(".bias") else None), 'bias_init = "zeros"',
    )  # fmt: skip
    yield from _draw_orders(planned)
    yield from _restarts(model, planned)
    yield from in_memory(planned)
    yield from in_codes(planned)


# Build, dialect and seed


def _builds(model: Description) -> Iterator[Hypothesis]:
    own = model.build.multiply_add, model.build.libm
    other = "fused" if own[0] == "separate" else "separate"
    does = {"separate": "rounds product and sum separately", "fused": "fuses product and sum into one rounding"}
    yield Hypothesis(
        Aspect.BUILD, "multiply-add", f"The device's build {does[other]}.",
        model_with(multiply_add=other), f'multiply_add = "{other}"',
    )  # fmt: skip
    for libm in LIBMS:
        if libm != own[1]:
            sentence, line = f"The device's logf and cosf are of class {libm}", f'libm = "{libm}"'
            yield Hypothesis(Aspect.BUILD, "libm", f"{sentence}.", model_with(libm=libm), line)
            yield Hypothesis(
                Aspect.BUILD, "libm and multiply-add", f"{sentence}, and its build {does[other]}.",
                model_with(libm=libm, multiply_add=other), f'{line}\nmultiply_add = "{other}"', 2,
            )  # fmt: skip


def _rands(model: Description) -> Iterator[Hypothesis]:
    """Yield the other rand() functions that the device may link, if the dialect draws from rand()."""
    if not model.conventions.rand:
        return
    own = RANDS[model.build.rand](model.seed)
    for name, rand in RANDS.items():
        if rand(model.seed) != own:
            yield Hypothesis(
                Aspect.BUILD, "rand", f"The device's rand() is that of {name}.", model_with(rand=name),
                f'rand = "{name}"',
            )  # fmt: skip


def _dialects(model: Description) -> Iterator[Hypothesis]:
    kind, own = type(fresh(model, model.seed)), model.conventions
    for name, dialect in DIALECTS.items():
        if name == model.dialect or model.seed not in dialect.seeds or model.seed == dialect.no_seed:
            continue
        of_one_framework = type(dialect.sampler) is type(own.sampler) and (
            dialect.named is own.named or own.sampler.keyed
        )
        if of_one_framework or type(dialect.start(model.seed, model.build.rand)) is kind:
            sentence = f"The device follows {name}: {dialect.summary}."
            yield Hypothesis(Aspect.DIALECT, "dialect", sentence, model_with(dialect=name), f'dialect = "{name}"')


def _starts(model: Description) -> Iterator[Hypothesis]:
    start = fresh(model, model.seed)
    if start.stays_at_zero:
        yield _seeded_with_zero(start)
    if start.linear and model.seed == 0:
        for state in {1, (1 << start.word_bits) - 1} - {start.state}:
            yield seeded(state, "seed 0 rule", f"The device turns seed 0 into state {state:#x}, not {start.state:#x}.")
    if start.unseeded is not None and start.unseeded != model.seed:
        sentence = f"The device never seeds before it draws: the generator starts from state {start.unseeded}."
        yield seeded(start.unseeded, "unseeded start", sentence)


def _seeded_with_zero(start: BitGenerator) -> Hypothesis:
    """Return the mistake of a seed that makes the generator's state 0, so that every buffer is constant."""
    stuck = start.copy()
    stuck.words[:] = 0

    def constants(account: Account) -> Account:
        return account.with_initializers(
            lambda row: Constant(float(account.drawn(stuck, row, 1)[0])) if draws(row) else None
        )

    sentence = "The device seeds with 0 and leaves it at that: every draw is 0, and a buffer holds one value."
    return Hypothesis(
        Aspect.SEED, "seed 0 rule", sentence, account_with(start=stuck), told=initialized(constants)
    )  # fmt: skip


# Initializers and fans

GAINS = (
    (1.0, "the gain of a linear layer (LeCun)"),
    (5 / 3, "PyTorch's gain of tanh"),
    (math.sqrt(2 / (1 + 0.01**2)), "PyTorch's gain of LeakyReLU"),
    (math.sqrt(2 / 3), "sqrt(2 / fan) as the limit: He's standard deviation"),
    (math.sqrt(1 / 3), "the gain of PyTorch's and OnDeviceTraining's default"),
    (3 / 4, "PyTorch's gain of SELU"),
    (math.sqrt(3.0), "sqrt(3) counted twice"),
    (math.sqrt(6.0), "sqrt(6) with kaiming_uniform's own sqrt(3)"),
)

#: The parts that a mistake may be about, in words and as the endings of buffers' names.
WHOSE = (("The weights", (".weight",)), ("Weights and biases", (".weight", ".bias")))

#: What the fan of a weight may be, with words for it; other changes are tried before these.
MODES: dict[Mode, str] = {
    "fan_in": "fan_in",
    "fan_out": "fan_out",
    "fan_avg": "the average of fan_in and fan_out",
}


def _schemes(model: Description, normals: bool) -> Iterator[Hypothesis]:
    named = [
        ("He", "kaiming_uniform with gain sqrt(2) (He)", schemes.kaiming_uniform()),
        ("Xavier", "xavier_uniform (Glorot)", schemes.xavier_uniform()),
        ("default initializer", "the dialect's default", model.conventions.weight),
    ]
    if normals:
        named += [
            ("He", "kaiming_normal (He)", schemes.kaiming_normal()),
            ("Xavier", "xavier_normal (Glorot)", schemes.xavier_normal()),
        ]
    for name, text, scheme in named:
        for whose, parts in WHOSE:
            change = initializers(partial(_of_parts, scheme, parts))
            sentence = f"{whose} are initialized by {text}."
            yield Hypothesis(Aspect.INITIALIZER, name, sentence, change, told=initialized(change))
    yield from _own_schemes(model, {scheme for *_, scheme in named}, normals)
    for gain, why in GAINS:
        yield from _scaled(Aspect.INITIALIZER, "gain", f"drawn with gain {gain:.9g}, {why}", with_gain(gain))


def _own_schemes(model: Description, tried: set[Initializer], normals: bool) -> Iterator[Hypothesis]:
    """Yield the initializers that the model's framework has names for and that need no parameters."""
    dialect = model.conventions
    for name, factory in () if dialect.named is schemes.BY_NAME else dialect.named.items():
        scheme = built(factory)
        uniform = isinstance(scheme, Uniform) or getattr(scheme, "distribution", None) == "uniform"
        if scheme is None or scheme in tried or isinstance(scheme, Constant) or not (uniform or normals):
            continue
        tried.add(scheme)
        change = initializers(partial(_of_parts, scheme, (".weight",)))
        yield Hypothesis(
            Aspect.INITIALIZER, name, f"The weights are initialized by {name}.", change,
            told=initialized(change, f'"{name}"'),
        )  # fmt: skip


def _of_parts(scheme: Initializer, parts: tuple[str, ...], row: Row) -> Initializer | None:
    return scheme if row.name.endswith(parts) and draws(row) else None


def with_gain(gain: float) -> Scheme:
    """Return the function that gives an initializer another gain and changes nothing else."""
    return lambda scheme: replace(scheme, scale=1.0, gain=gain)


def _fans(model: Description, planned: Sequence[Row]) -> Iterator[Hypothesis]:
    other: dict[Mode, Mode] = {"fan_in": "fan_out", "fan_out": "fan_in"}
    swapped = lambda scheme: replace(scheme, mode=other.get(scheme.mode, scheme.mode))  # noqa: E731
    both = Hypothesis(
        Aspect.FAN, "fan", "Weights and biases are drawn with fan_out for fan_in.",
        scaled_parts(swapped, ".weight", ".bias"), told=_other_fan,
    )  # fmt: skip
    if any(tensor.part == "bias" for tensor in model.tensors):
        yield next(_scaled(Aspect.FAN, "fan", "drawn with fan_out for fan_in", swapped))
        yield both
    else:
        yield replace(both, sentence="The weights are drawn with fan_out for fan_in.")
    for mode, says in MODES.items():
        yield from _scaled(Aspect.FAN, "fan", f"drawn with {says}", _with_mode(mode))
    kernels = {layer_of(row): _receptive(row) for row in planned if {"in", "out"} <= set(row.axes)}
    for parts, whose in (((".weight",), "weights"), ((".weight", ".bias"), "weights and biases")):
        sentence, change = f"The fans of the {whose} leave the kernel size out.", _without_kernel(kernels, parts)
        yield Hypothesis(Aspect.FAN, "fan", sentence, change, told=initialized(change))
        if any(_groups(tensor) > 1 for tensor in model.tensors):
            sentence, change = f"fan_in of the {whose} counts the inputs of all groups.", _of_all_groups(parts)
            yield Hypothesis(Aspect.FAN, "fan", sentence, change, told=initialized(change))


def _with_mode(mode: Mode) -> Scheme:
    return lambda scheme: replace(scheme, mode=mode)


def _other_fan(model: Description) -> Lines:
    """Return the lines that give the layers the other fan."""
    other = {"fan_in": "fan_out", "fan_out": "fan_in"}

    def line(tensors: list[Tensor]) -> str | None:
        modes = {t.initializer.mode for t in tensors if isinstance(t.initializer, VarianceScaling)} & other.keys()
        return f'fan = "{other[modes.pop()]}"' if len(modes) == 1 else None

    return each_layer(model, line)


def _receptive(row: Row) -> int:
    """Return the product of the axes of a weight's kernel."""
    return math.prod(size for axis, size in zip(row.axes, row.shape, strict=True) if axis not in ("in", "out"))


def _without_kernel(kernels: dict[str, int], parts: tuple[str, ...]) -> Change:
    def fans(row: Row) -> Row:
        kernel = kernels.get(layer_of(row), 1) if row.name.endswith(parts) else 1
        return row_with(row, fan_in=row.fan_in // kernel, fan_out=row.fan_out // kernel)

    return lambda account: rows(fans)(account).with_initializers(lambda row: row.initializer)


def _groups(tensor: Tensor) -> int:
    return tensor.layer.groups if isinstance(tensor.layer, Convolution) else 1


def _of_all_groups(parts: tuple[str, ...]) -> Change:
    def fans(row: Row) -> Row:
        return row_with(row, fan_in=row.fan_in * _groups(row)) if row.name.endswith(parts) else row

    return lambda account: rows(fans)(account).with_initializers(lambda row: row.initializer)


def layer_of(row: Row) -> str:
    """Return the name of a buffer's layer."""
    return row.name.rpartition(".")[0]


def _scaled(aspect: Aspect, name: str, text: str, scheme: Scheme) -> Iterator[Hypothesis]:
    """Yield two hypotheses about initializers that scale variance: those of weights, and those of biases as well."""
    for whose, parts in WHOSE:
        change = scaled_parts(scheme, *parts)
        yield Hypothesis(aspect, name, f"{whose} are {text}.", change, told=initialized(change))


def scaled_parts(scheme: Scheme, *parts: str) -> Change:
    """Return the change to initializers that scale variance, in the buffers whose names end with one of `parts`."""

    def changed(row: Row) -> Initializer | None:
        scales = isinstance(row.initializer, VarianceScaling) and row.name.endswith(parts)
        return scheme(row.initializer) if scales else None  # type: ignore[arg-type]

    return initializers(changed)


# The order of draws


def _draw_orders(planned: Sequence[Row]) -> Iterator[Hypothesis]:
    yield Hypothesis(
        Aspect.ORDER, "draw order", "Each layer draws its bias first, then its weight.",
        _rearranged(lambda rows: [row for layer in _by_layer(rows) for row in reversed(layer)]),
        told=_parts_reversed,
    )  # fmt: skip
    orders: list[tuple[str, Order]] = [
        (
            "All weights are drawn first, then all biases.",
            lambda rows: sorted(rows, key=lambda row: row.name.endswith(".bias")),
        ),
        (
            "The layers draw in reverse order, the last one first.",
            lambda rows: [row for layer in reversed(_by_layer(rows)) for row in layer],
        ),
        (
            "The layers draw in the order of their names, sorted as strings.",
            lambda rows: [
                row for layer in sorted(_by_layer(rows), key=lambda held: layer_of(held[0])) for row in layer
            ],
        ),
    ]
    names = [layer_of(layer[0]) for layer in _by_layer([row for row in planned if draws(row)])]
    for i, one in enumerate(names):
        for other in names[i + 1 : i + 1 + NEIGHBOURS]:
            orders.append((f"{other} draws before {one}.", _moved_before(other, one)))
            if names.index(other) > i + 1:
                orders.append((f"{one} draws after {other}.", _moved_after(one, other)))
    for sentence, order in orders:
        yield Hypothesis(Aspect.ORDER, "draw order", sentence, _rearranged(order), told=_in_order(order))


def _parts_reversed(model: Description) -> Lines:
    """Return the lines that reverse the order of each layer's draws."""
    drawn = [tensor.layer.name for tensor in in_draw_order(model.tensors)]
    if len([name for name, _ in groupby(drawn)]) > len(set(drawn)):  # the parts of a layer are not drawn together
        names = [row.name for layer in _by_layer(Account.of(model).rows) for row in reversed(layer)]
        return {MODEL: f"order = {toml(names)}"}

    def line(tensors: list[Tensor]) -> str | None:
        names = [tensor.part for tensor in reversed(tensors)]
        return f"order = {toml(names)}" if len(names) > 1 else None

    return each_layer(model, line)


def _in_order(order: Order) -> Callable[[Description], Lines]:
    """Return the function that writes the line for an order of a model's draws."""
    return lambda model: draws_in(order(Account.of(model).rows))


def _moved_before(name: str, other: str) -> Order:
    """Return the order in which a layer draws right before another."""
    return lambda rows: _put(rows, name, other, after=False)


def _moved_after(name: str, other: str) -> Order:
    """Return the order in which a layer draws right after another."""
    return lambda rows: _put(rows, name, other, after=True)


def _put(rows: Sequence[Row], name: str, other: str, after: bool) -> list[Row]:
    layers = _by_layer(rows)
    moved = next(layer for layer in layers if layer_of(layer[0]) == name)
    layers.remove(moved)
    at = next(i for i, layer in enumerate(layers) if layer_of(layer[0]) == other)
    layers.insert(at + after, moved)
    return [row for layer in layers for row in layer]


def _rearranged(order: Order) -> Change:
    return lambda account: replace(account, rows=tuple(order(account.rows)))


def _by_layer(planned: Sequence[Row]) -> list[list[Row]]:
    layers: dict[str, list[Row]] = {}
    for row in planned:
        layers.setdefault(layer_of(row), []).append(row)
    return list(layers.values())


def _restarts(model: Description, planned: Sequence[Row]) -> Iterator[Hypothesis]:
    if model.conventions.keys_each:  # no stream goes on from one to the other
        return
    for what in ("layer",) if any(row.order.turns > 1 for row in planned) else ("buffer", "layer"):
        for counting, text in ((False, "the same stream from its start for each"), (True, "seed, seed + 1, and so on")):
            sentence = f"The device seeds again before every {what}: {text}."
            change = _restarted(what == "layer", counting)
            told = partial(_restart_lines, per_layer=what == "layer", counting=counting)
            yield Hypothesis(Aspect.RESTART, f"seeded per {what}", sentence, change, told=told)


def _restart_lines(model: Description, per_layer: bool, counting: bool) -> Lines:
    """Return the lines that start the stream again before each layer, or each buffer."""
    seeds, held = dict[str, str](), dict[str, list[str]]()
    for row in Account.of(model).rows:
        if draws(row) and not (per_layer and row.layer.name in held):
            seeds[row.name] = str(_counted_seed(model, len(seeds))) if counting else "true"
            held.setdefault(row.layer.name, []).append(row.name)
    texts = {}
    for layer, names in held.items():
        each = ", ".join(f"{name.removeprefix(f'{layer}.')} = {seeds[name]}" for name in names)
        texts[layer] = f"restart = {seeds[names[0]]}" if per_layer else f"restart = {{ {each} }}"
    return by_layer(model, texts)


def _restarted(per_layer: bool, counting: bool) -> Change:
    def change(account: Account) -> Account:
        firsts: dict[str, str] = {}
        for row in account.rows:
            if draws(row):
                firsts.setdefault(layer_of(row) if per_layer else row.name, row.name)
        model = account.model
        starts = [fresh(model, _counted_seed(model, i)) if counting else model.start for i in range(len(firsts))]
        return replace(account, restarts=dict(zip(firsts.values(), starts, strict=True)))

    return change


def _counted_seed(model: Description, i: int) -> int:
    """Return seed + i; the largest seed is followed by the smallest."""
    return wrapped(model.conventions.seeds, model.seed + i)
