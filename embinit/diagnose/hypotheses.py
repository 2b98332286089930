"""Hypotheses: the ordinary mistakes, each a short declaration of what the device did differently."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, auto
from itertools import permutations

import numpy as np

from embinit import initializers
from embinit.bitgen import Xorshift32
from embinit.diagnose.account import F32, Account, Step, draws
from embinit.dialects import DIALECTS, dialect_named
from embinit.errors import EmbinitError
from embinit.formats import ROUNDINGS, format_named
from embinit.formats.storage import Storage
from embinit.initializers import Constant, Initializer, VarianceScaling
from embinit.model import Model
from embinit.plan import Row
from embinit.targets import LIBMS, MULTIPLY_ADDS, TARGETS, target_named


class Aspect(IntEnum):
    """What a hypothesis is about, in the order in which it takes effect; one aspect takes one hypothesis at a time."""

    DIALECT = auto()
    BUILD = auto()
    SEED = auto()
    INITIALIZER = auto()
    FAN = auto()
    BIAS = auto()
    FORMAT = auto()
    ORDER = auto()
    RESTART = auto()
    POSITION = auto()
    LAYOUT = auto()
    LITERALS = auto()
    ROUNDING = auto()
    BYTE_ORDER = auto()
    CONTENT = auto()


@dataclass(frozen=True)
class Hypothesis:
    """A mistake: its name, what it says of the device, how it changes an account.

    line: what the model file must say to reproduce it, or None where it cannot. cost: how much evidence it takes to
    prefer it; free parameters cost. buffers: the only ones it speaks of, all if empty. change raises EmbinitError where
    the mistake is not possible.
    """

    aspect: Aspect
    name: str
    sentence: str
    change: Callable[[Account], Account]
    line: str | None = None
    cost: int = 1
    buffers: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The table of the model file to which the line belongs."""
        return "[[layer]]" if self.aspect in (Aspect.INITIALIZER, Aspect.FAN, Aspect.FORMAT, Aspect.ROUNDING) else "[model]"


def ordinary(model: Model, heavy_tails: bool) -> Iterator[Hypothesis]:
    """Return the mistakes that need no look at the dump; heavy_tails: whether normal values are worth a try."""
    rows = model.plan().rows
    yield from _builds(model)
    yield from _dialects(model)
    yield from _starts(model)
    yield from _schemes(model, heavy_tails)
    yield from _fans(model)
    yield from _biases()
    yield from _draw_orders()
    yield from _restarts(model)
    yield from _layouts(rows)
    yield from _literals()
    yield from _formats(rows)
    yield Hypothesis(
        Aspect.BYTE_ORDER, "byte order", "The bytes of every element are in big-endian order.",
        lambda account: replace(account, big_endian=True),
    )  # fmt: skip


# Build, dialect and seed: lines of [model]


def _builds(model: Model) -> Iterator[Hypothesis]:
    own = model.arithmetic, target_named(model.target).libm
    pairs = [(arithmetic, libm) for libm in LIBMS for arithmetic in MULTIPLY_ADDS]
    pairs.sort(key=lambda pair: (pair[1] != own[1]) + 2 * (pair[0] != own[0] and pair[1] != own[1]))
    for arithmetic, libm in pairs:
        if (arithmetic, libm) == own:
            continue
        if libm == own[1]:
            does = {"separate": "rounds product and sum separately", "fused": "fuses product and sum into one rounding"}
            yield Hypothesis(
                Aspect.BUILD, "multiply-add", f"The device's build {does[arithmetic]}.",
                lambda account, arithmetic=arithmetic: account.with_model(multiply_add=arithmetic),
                f'multiply_add = "{arithmetic}"',
            )  # fmt: skip
            continue
        targets = [target for target in TARGETS.values() if target.libm == libm]
        target = next((target for target in targets if target.multiply_add == arithmetic), targets[0])
        override = None if target.multiply_add == arithmetic and model.multiply_add is None else arithmetic
        yield Hypothesis(
            Aspect.BUILD, "libm" if arithmetic == own[0] else "target",
            f"The bytes are of a build as {target.name}: libm class {libm}, multiply-add {arithmetic}.",
            lambda account, target=target, override=override: account.with_model(target=target.name, multiply_add=override),
            f'target = "{target.name}"' + (f'\nmultiply_add = "{override}"' if override else ""),
        )  # fmt: skip


def _dialects(model: Model) -> Iterator[Hypothesis]:
    kind = type(dialect_named(model.dialect).seeded(model.seed))
    for name, dialect in DIALECTS.items():
        possible = model.seed in dialect.seeds and model.seed != dialect.no_seed
        if name != model.dialect and possible and type(dialect.seeded(model.seed)) is kind:
            yield Hypothesis(
                Aspect.DIALECT, "dialect", f"The device follows {name}: {dialect.summary}.",
                lambda account, name=name: account.with_model(dialect=name), f'dialect = "{name}"',
            )  # fmt: skip


def seeded(seed: int, name: str, sentence: str, cost: int = 1) -> Hypothesis:
    """Return the hypothesis that the generator was seeded otherwise."""
    return Hypothesis(
        Aspect.SEED, name, sentence, lambda account: account.with_model(seed=seed), f"seed = {seed}", cost
    )  # fmt: skip


def _starts(model: Model) -> Iterator[Hypothesis]:
    start = dialect_named(model.dialect).seeded(model.seed)
    if not isinstance(start, Xorshift32):
        return
    if model.seed == 0:
        for state in {1, 0xFFFFFFFF} - {start.state}:
            yield seeded(state, "seed 0 rule", f"The device turns seed 0 into state {state:#x}, not {start.state:#x}.")
    if start.state != 1:
        yield seeded(1, "unseeded start", "The device never seeds before it draws: the generator starts from state 1.")
    stuck = Xorshift32(1)
    stuck.words[:] = 0
    yield Hypothesis(
        Aspect.SEED, "seed 0 rule", "The device seeds with 0 and leaves it at that: every draw is 0.",
        lambda account: replace(account, start=stuck),
    )  # fmt: skip


# Initializers: lines of [[layer]]

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


def _schemes(model: Model, heavy_tails: bool) -> Iterator[Hypothesis]:
    default = dialect_named(model.dialect).weight
    schemes: list[tuple[str, str, Initializer]] = [
        ("He", "kaiming_uniform with gain sqrt(2) (He)", initializers.kaiming_uniform()),
        ("Xavier", "xavier_uniform (Glorot)", initializers.xavier_uniform()),
        ("default initializer", "the dialect's default", default),
    ]
    if heavy_tails:
        schemes += [
            ("He", "kaiming_normal (He)", initializers.kaiming_normal()),
            ("Xavier", "xavier_normal (Glorot)", initializers.xavier_normal()),
        ]
    for name, text, scheme in schemes:
        yield from _on_weights(model, Aspect.INITIALIZER, name, f"initialized by {text}", lambda _, scheme=scheme: scheme)
    for gain, why in GAINS:
        yield from _on_weights(model, Aspect.INITIALIZER, "gain", f"drawn with gain {gain:.9g}, {why}", with_gain(gain))


def with_gain(gain: float) -> Callable[[VarianceScaling], Initializer]:
    """Return a function that gives an initializer another gain, all else as it is."""
    return lambda initializer: replace(initializer, scale=1.0, gain=gain)


def _fans(model: Model) -> Iterator[Hypothesis]:
    other = {"fan_in": "fan_out", "fan_out": "fan_in", "fan_avg": "fan_avg"}
    yield from _on_weights(
        model, Aspect.FAN, "fan", "drawn with fan_out for fan_in",
        lambda initializer: replace(initializer, mode=other[initializer.mode]),
    )  # fmt: skip
    kernels = {row.name.rpartition(".")[0]: row.shape[row.axes.index("kernel")] for row in model.plan().rows if "kernel" in row.axes}

    def without_kernel(account: Account, parts: tuple[str, ...]) -> Account:
        def fans(row: Row) -> Row:
            layer, _, part = row.name.rpartition(".")
            kernel = kernels.get(layer, 1) if part in parts else 1
            return replace(row, fan_in=row.fan_in // kernel, fan_out=row.fan_out // kernel)

        account = replace(account, rows=tuple(fans(row) for row in account.rows))
        return account.with_initializers(lambda row: row.initializer)

    for parts, whose in ((("weight",), "weights"), (("weight", "bias"), "weights and biases")):
        yield Hypothesis(
            Aspect.FAN, "fan", f"The fans of the {whose} leave the kernel size out.",
            lambda account, parts=parts: without_kernel(account, parts),
        )  # fmt: skip


def _on_weights(
    model: Model, aspect: Aspect, name: str, text: str, changed: Callable[[VarianceScaling], Initializer]
) -> Iterator[Hypothesis]:
    """Return two hypotheses about what scales variance: of the weights, and of weights and biases."""

    def change(account: Account, parts: tuple[str, ...]) -> Account:
        def initializer(row: Row) -> Initializer | None:
            scales = isinstance(row.initializer, VarianceScaling) and row.name.endswith(parts)
            return changed(row.initializer) if scales else None  # type: ignore[arg-type]

        return account.with_initializers(initializer)

    line = weight_line(model, changed)
    yield Hypothesis(aspect, name, f"The weights are {text}.", lambda account: change(account, (".weight",)), line)
    yield Hypothesis(
        aspect, name, f"Weights and biases are {text}.", lambda account: change(account, (".weight", ".bias"))
    )  # fmt: skip


def weight_line(model: Model, changed: Callable[[VarianceScaling], Initializer]) -> str | None:
    """Return the keys that give every layer its changed initializer; None where no one text does."""
    dialect = dialect_named(model.dialect)
    weights = [t.initializer for t in model.tensors if t.part == "weight" and isinstance(t.initializer, VarianceScaling)]
    after = {changed(initializer) for initializer in weights}
    if len(after) != 1:
        return None
    initializer = after.pop()
    if initializer == dialect.weight:
        return 'weight_init = "default"'
    try:
        dialect.layer_weight(initializer)
    except EmbinitError:
        return None
    assert isinstance(initializer, VarianceScaling)
    keys = {key: getattr(initializer, key) for key in ("scale", "mode", "distribution", "gain")}
    for name, factory in dialect.named.items():
        if _built(factory) == initializer:
            return f'weight_init = "{name}"'
    if "variance_scaling" not in dialect.named or _built(dialect.named["variance_scaling"], **keys) != initializer:
        return None
    lines = (f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value!r}" for key, value in keys.items())
    return "\n".join(('weight_init = "variance_scaling"', *lines))


def _built(factory: Callable[..., Initializer], **keys: object) -> Initializer | None:
    """Return what a factory builds from keys; None where it has others."""
    try:
        return factory(**keys)
    except TypeError:
        return None


def _biases() -> Iterator[Hypothesis]:
    yield Hypothesis(
        Aspect.BIAS, "bias", "The biases are 0 and draw nothing.",
        lambda account: account.with_initializers(lambda row: Constant(0.0) if row.name.endswith(".bias") else None),
    )  # fmt: skip


# The order of draws


def _draw_orders() -> Iterator[Hypothesis]:
    def by_layer(rows: Sequence[Row]) -> list[list[Row]]:
        layers: dict[str, list[Row]] = {}
        for row in rows:
            layers.setdefault(row.name.rpartition(".")[0], []).append(row)
        return list(layers.values())

    def rearranged(order: Callable[[Sequence[Row]], list[Row]]) -> Callable[[Account], Account]:
        return lambda account: replace(account, rows=tuple(order(account.rows)))

    for sentence, order in (
        ("Each layer draws its bias first, then its weight.", lambda rows: [r for layer in by_layer(rows) for r in layer[::-1]]),
        ("All weights are drawn first, then all biases.", lambda rows: sorted(rows, key=lambda r: r.name.endswith(".bias"))),
        ("The layers draw in reverse order, the last one first.", lambda rows: [r for layer in by_layer(rows)[::-1] for r in layer]),
    ):
        yield Hypothesis(Aspect.ORDER, "draw order", sentence, rearranged(order))


def _restarts(model: Model) -> Iterator[Hypothesis]:
    dialect = dialect_named(model.dialect)

    def again(account: Account, per_layer: bool, step: int) -> Account:
        drawn = [row for row in account.rows if draws(row)]
        firsts: dict[str, str] = {}
        for row in drawn:
            firsts.setdefault(row.name.rpartition(".")[0] if per_layer else row.name, row.name)
        seeds = [account.model.seed + step * i for i in range(len(firsts))]
        seeds = [seed if seed in dialect.seeds else seed - dialect.seeds.stop + dialect.seeds.start for seed in seeds]
        states = [dialect.seeded(seed) if step else account.start for seed in seeds]
        return replace(account, restarts=dict(zip(firsts.values(), states, strict=True)))

    for what, per_layer in (("buffer", False), ("layer", True)):
        for step, text in ((0, "the same stream from its start for each"), (1, "seed, seed + 1, and so on")):
            yield Hypothesis(
                Aspect.RESTART, f"seeded per {what}", f"The device seeds again before every {what}: {text}.",
                lambda account, per_layer=per_layer, step=step: again(account, per_layer, step),
            )  # fmt: skip


# Between draw and memory


def _layouts(rows: Sequence[Row]) -> Iterator[Hypothesis]:
    weights = [row for row in rows if "in" in row.axes]
    if not weights:
        return
    example = max(weights, key=lambda row: len(row.axes))
    for order in permutations(range(len(example.axes))):
        names = [example.axes[axis] for axis in order]
        swapped = (names.index("in") < names.index("out")) != (example.axes.index("in") < example.axes.index("out"))
        if tuple(names) == example.axes:
            continue
        layout = _Layout(order, swapped)
        what = f"[{', '.join(names)}], not [{', '.join(example.axes)}]"
        for step, sentence in (
            (Step(layout.apply, layout.revert), f"The weights are stored transposed: {example.name} as {what}."),
            (Step(layout.revert, layout.apply), f"The weights are drawn in another layout: {example.name} as {what}."),
        ):
            yield Hypothesis(
                Aspect.LAYOUT, "layout", sentence,
                lambda account, step=step: replace(account, steps=(*account.steps, step)),
            )  # fmt: skip


@dataclass(frozen=True)
class _Layout:
    """An order of the axes of a convolution's weight; swapped: whether that of a matrix changes with it."""

    order: tuple[int, ...]
    swapped: bool

    def of(self, row: Row) -> tuple[int, ...]:
        if "in" not in row.axes:
            return tuple(range(len(row.shape)))
        return self.order if len(row.shape) == len(self.order) else (1, 0) if self.swapped else (0, 1)

    def apply(self, row: Row, values: F32) -> F32:
        """Return the values in the order of the permuted array."""
        return np.ascontiguousarray(values.reshape(row.shape).transpose(self.of(row))).reshape(row.shape)

    def revert(self, row: Row, values: F32) -> F32:
        """Return the values whose permuted array has the given order."""
        order = self.of(row)
        permuted = values.reshape([row.shape[axis] for axis in order])
        return np.ascontiguousarray(permuted.transpose(np.argsort(order)))


#: 24 significant bits times the 28 of 5^12 are exact in float64, so that rounding to decimals is what printf does.
MAX_DECIMALS = 12


def _literals() -> Iterator[Hypothesis]:
    def half(values: F32) -> F32:
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)

    def brain(values: F32, rounded: bool) -> F32:
        bits = values.view(np.uint32)
        nearest = np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1)) if rounded else np.uint32(0)
        return (bits + nearest & np.uint32(0xFFFF0000)).view(np.float32)

    def fixed(values: F32, digits: int) -> F32:
        return (np.rint(values.astype(np.float64) * 10.0**digits) / 10.0**digits).astype(np.float32)

    def significant(values: F32, digits: int) -> F32:
        wide = np.abs(values.astype(np.float64))
        written = np.copy(values)
        rest = wide > 0
        for decimals in range(MAX_DECIMALS + 1):
            decade = (wide >= 10.0 ** (digits - 1 - decimals)) & (wide < 10.0 ** (digits - decimals))
            written[decade] = fixed(values[decade], decimals)
            rest &= ~decade
        written[rest] = [float(f"{value:.{digits}g}") for value in values[rest].tolist()]
        return written

    forms: list[tuple[str, Callable[[F32], F32]]] = [
        ("rounded to float16", half),
        ("truncated to bfloat16: the low 16 bits are 0", lambda values: brain(values, rounded=False)),
        ("rounded to bfloat16", lambda values: brain(values, rounded=True)),
    ]
    forms += [(f'written as "%.{d}f" literals', lambda values, d=d: fixed(values, d)) for d in (6, 4, 5, 7, 8)]
    forms += [(f'written as "%.{d}g" literals', lambda values, d=d: significant(values, d)) for d in (6, 7, 8)]
    for text, form in forms:
        step = Step(lambda row, values, form=form: form(values) if row.format == "float32" else values)
        yield Hypothesis(
            Aspect.LITERALS, "literals", f"The values were {text}.",
            lambda account, step=step: replace(account, steps=(*account.steps, step)),
        )  # fmt: skip


def _formats(rows: Sequence[Row]) -> Iterator[Hypothesis]:
    held = {row.storage: None for row in rows if draws(row)}
    for rounding in ROUNDINGS:
        if any(storage.format != "float32" and storage.rounding != rounding for storage in held):
            yield Hypothesis(
                Aspect.ROUNDING, "rounding", f"The device rounds to codes {rounding}.",
                lambda account, rounding=rounding: _restored(account, lambda held: replace(held, rounding=rounding)),
                f'rounding = "{rounding}"',
            )  # fmt: skip
    for old in dict.fromkeys(storage.format for storage in held):
        bits = format_named(old).bits
        for new in (f"q{bits - 1}", f"q2.{bits - 2}", f"q3.{bits - 3}", f"int{bits}", f"sym{bits}", f"asym{bits}",
                    f"affine{bits}", "sym_int32/8", "sym_int32/12", "sym_int32/16", "float32"):  # fmt: skip
            if new != old and _bits(new) == bits:
                parts = dict.fromkeys(row.name.rpartition(".")[2] for row in rows if row.format == old)
                yield Hypothesis(
                    Aspect.FORMAT, "format", f"What should be {old} is {new}.",
                    lambda account, old=old, new=new: _restored(
                        account, lambda held: Storage(new, held.rounding) if held.format == old else held
                    ),
                    "\n".join(f'{part}_format = "{new}"' for part in parts),
                )  # fmt: skip


def _restored(account: Account, changed: Callable[[Storage], Storage]) -> Account:
    return replace(account, rows=tuple(replace(row, storage=changed(row.storage)) for row in account.rows))


def _bits(name: str) -> int | None:
    try:
        return format_named(name).bits
    except EmbinitError:
        return None
