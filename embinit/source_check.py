"""Source check: whether a dialect file describes a user's C, which is compiled and run."""

import math
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit import device
from embinit.api import Model
from embinit.bundle import Bundle, gather
from embinit.dialects.declared import DeclaredDialect
from embinit.dialects.declared.sampler import Mixed
from embinit.errors import EmbinitError, listed, shown
from embinit.layers import Convolution, Linear, Weighted, layer_class
from embinit.targets.device_error import DeviceError
from embinit.targets.host_gcc import HOSTS, Program, StrayWriteError, has_fma

CORES = ("cortex-m0", "cortex-m4f")
#: How many models are compared on the host, and on each core.
ON_HOST, ON_CORE = 24, 2
ENTRY = "check_entry"
BUFFERS = ("layer.weight", "layer.bias")


@dataclass(frozen=True)
class Difference:
    """Where C and file differ, and how: on which target, for which model, and in which element."""

    target: str
    model: Model
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.target}: {self.place}, of a {_described(self.model)}: {self.what}"


@dataclass(frozen=True)
class Check:
    """What was compared, and the first difference. left: the types of layers that the entry does not fill, as its
    parameters show.
    """

    compared: tuple[tuple[str, int], ...]
    difference: Difference | None
    left: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all elements were equal bit for bit."""
        return self.difference is None

    def __str__(self) -> str:
        if self.difference is not None:
            return f"{self.difference}"
        done = "\n".join(f"{target}: {count} elements are equal, bit for bit" for target, count in self.compared)
        left = f"; not compared: {listed(self.left)}, which an entry with other parameters fills" if self.left else ""
        return f"{done}\nthe file says what the C does{left}"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {
            "agrees": self.agrees,
            "compared": dict(self.compared),
            "difference": None if self.difference is None else str(self.difference),
            "not_compared": list(self.left),
        }


def check(dialect: DeclaredDialect, source: str | Path, entry: str, seed: int = 0) -> Check:
    """Return how C compares with a dialect file: it is compiled, and run for random shapes and seeds on this machine
    and on emulated cores.

    entry is `void entry(float *weight, float *bias, uint32_t inputs, uint32_t outputs, uint32_t seed)`, which seeds and
    then fills one layer. For a convolution the sizes of its kernel come after outputs, then groups if entry has a
    parameter of that name; layers of other numbers of sizes are not compared. If the code tests whether bias is a null
    pointer, layers without a bias are tried too. Elements are double instead of float if the file says so. seed chooses
    the shapes and seeds.
    """
    if not Path(source).is_file():
        raise EmbinitError(f"{source}: is not a file")
    if not re.fullmatch(r"[A-Za-z_]\w*", entry, re.ASCII):
        raise EmbinitError(f"--entry must be a C identifier, got {shown(entry)}")
    compared: list[tuple[str, int]] = []
    form = _form(Path(source).read_text(encoding="utf-8", errors="replace"), entry)
    types = _filled(dialect, form)
    left = tuple(name for name in dialect.description.layers if name not in types)
    for target, models, run in _runs(dialect, types, Path(source).resolve(), form, random.Random(seed)):
        elements = 0
        for model in models:
            bundle = gather(model.plan())
            try:
                difference = _difference(target, model, bundle, run(bundle))
            except StrayWriteError as stray:
                difference = _outside(target, model, bundle, stray)
            except DeviceError as error:
                raise DeviceError(f"{target}: {entry} of a {_described(model)}: {error}") from None
            if difference is not None:
                return Check(tuple(compared), difference, left)
            elements += sum(array.count for array in bundle.arrays)
        compared.append((target, elements))
    return Check(tuple(compared), None, left)


@dataclass(frozen=True)
class _Form:
    """An entry: its name, whether it takes groups, whether it tests if its bias is a null pointer, and how many sizes
    it takes; None if its text does not show them.
    """

    name: str
    groups: bool = False
    may_lack_bias: bool = False
    sizes: int | None = None


def _form(text: str, entry: str) -> _Form:
    """Return the form of an entry, as far as its text shows it.

    >>> _form("void f(float *w, float *b, uint32_t in, uint32_t out, uint32_t seed) { if (b) { } }", "f")
    _Form(name='f', groups=False, may_lack_bias=True, sizes=2)
    """
    found = re.search(rf"\b{entry}\s*\(([^()]*)\)\s*\{{", text)
    if found is None:
        return _Form(entry)
    names = [re.findall(r"\w+", each)[-1:] for each in found[1].split(",")]
    bias = names[1][0] if len(names) > 1 and names[1] else ""
    asks = rf"(!\s*{bias}\b|\(\s*{bias}\s*\)\s*\{{|\b{bias}\s*(==|!=|&&|\?))"
    may_lack_bias = bool(bias) and re.search(asks, text[found.end() :]) is not None
    return _Form(entry, ["groups"] in names, may_lack_bias, max(0, len(names) - len(("weight", "bias", "seed"))))


def _filled(dialect: DeclaredDialect, form: _Form) -> list[str]:
    """Return the types of layers of a dialect file that an entry fills, or raise EmbinitError if it fills none."""
    sizes = {name: _named_sizes(name, form) for name in dialect.description.layers}
    types = [name for name, each in sizes.items() if form.sizes in (None, len(each))]
    if not types:
        entries = (f"{name}: weight, bias, {listed(each)}, seed" for name, each in sizes.items())
        raise EmbinitError(
            f"{form.name} must have the parameters of a layer of the file ({'; '.join(entries)}), got "
            f"{form.sizes} between bias and seed"
        )
    return types


def _named_sizes(layer_type: str, form: _Form) -> list[str]:
    """Return what an entry that fills a layer of some type takes between bias and seed."""
    cls = layer_class(layer_type)
    kernel = cls.kernel_axes if issubclass(cls, Convolution) else ()
    return ["inputs", "outputs", *kernel, *(["groups"] if form.groups else [])]


def _runs(
    dialect: DeclaredDialect, types: list[str], source: Path, form: _Form, chosen: random.Random
) -> Iterator[tuple[str, list[Model], Callable[[Bundle], dict[str, bytes]]]]:
    """Yield targets with models to compare, and the function that runs the C for one of them."""
    from embinit.targets import gcc_qemu

    for target, flags in HOSTS.items():
        if target == "host" or has_fma():
            models = [_model(dialect, types, target, chosen, i, form) for i in range(ON_HOST)]
            with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
                yield target, models, _Host(source, form, flags, Path(scratch)).run
    for target in CORES if gcc_qemu.is_installed() else ():
        models = [_model(dialect, types, target, chosen, i, form) for i in range(ON_CORE)]
        yield target, models, partial(_on_core, source, form)


def _model(
    dialect: DeclaredDialect, types: list[str], target: str, chosen: random.Random, number: int, form: _Form
) -> Model:
    """Return a model of one layer, of a random shape, with a random seed or one at the ends of its range."""
    bias = not form.may_lack_bias or number % 3 != 1
    cls = layer_class(types[number % len(types)])
    inputs, outputs = chosen.randint(1, 24), chosen.randint(1, 24)
    if issubclass(cls, Linear):
        layer: Weighted = cls(name="layer", in_features=inputs, out_features=outputs, bias=bias)
    else:
        assert issubclass(cls, Convolution)
        kernel = [chosen.randint(1, 5) for _ in cls.kernel_axes]
        size = kernel if len(kernel) > 1 else kernel[0]
        groups = chosen.choice([1, 2, 3]) if form.groups else 1
        channels: dict[str, Any] = {"in_channels": inputs * groups, "out_channels": outputs * groups, "groups": groups}
        layer = cls(name="layer", kernel_size=size, bias=bias, **channels)
    seed = chosen.choice([0, 1, 2**32 - 1, *(chosen.randrange(2**32) for _ in range(5))])
    return Model("check", [layer], seed, dialect, target)


def _described(model: Model) -> str:
    layer = model.layers[0]
    assert isinstance(layer, Weighted)
    sizes = ", ".join(f"{axis} {size}" for axis, size in layer.sizes.items())
    return f"{layer.type} ({sizes}) with seed {model.seed}"


def _sizes(layer: Weighted, form: _Form) -> list[int]:
    """Return the sizes of a layer that the entry gets: inputs, outputs, those of a kernel, and groups."""
    if isinstance(layer, Linear):
        return [layer.in_features, layer.out_features, *([1] if form.groups else [])]
    assert isinstance(layer, Convolution)
    kernel = [layer.sizes[axis] for axis in layer.kernel_axes]
    return [layer.in_channels, layer.out_channels, *kernel, *([layer.groups] if form.groups else [])]


def _layer(bundle: Bundle) -> Weighted:
    (layer,) = bundle.plan.model.layers
    assert isinstance(layer, Weighted)
    return layer


class _Host:
    """Runs the C on this machine, compiled once for each number of sizes."""

    def __init__(self, source: Path, form: _Form, flags: Sequence[str], folder: Path) -> None:
        self._source, self._form, self._flags, self._folder = source, form, flags, folder
        self._programs: dict[int, Program] = {}

    def run(self, bundle: Bundle) -> dict[str, bytes]:
        """Return what the C leaves in the buffers of a model."""
        numbers = [*_sizes(_layer(bundle), self._form), bundle.plan.model.seed]
        if len(numbers) not in self._programs:
            types = [bundle.entries[0].ctype] * 2
            self._programs[len(numbers)] = Program.build(
                self._source, self._form.name, types, len(numbers), self._flags, self._folder
            )
        bytes_of = {array.name: len(array.payload) for array in bundle.arrays}
        left = self._programs[len(numbers)].run([bytes_of.get(name) for name in BUFFERS], numbers)
        return dict(zip(BUFFERS, left, strict=True))


def _on_core(source: Path, form: _Form, bundle: Bundle) -> dict[str, bytes]:
    """Return what the C leaves in the buffers on an emulated core."""
    layer = _layer(bundle)
    sizes = "".join(f"{size}u, " for size in _sizes(layer, form))
    bias = "buffers->layer_bias" if layer.bias else "0"
    with tempfile.TemporaryDirectory(prefix="embinit-") as scratch:
        wrapper = Path(scratch) / "wrapper.c"
        wrapper.write_text(
            f'#include "{source}"\n#include "check_init.h"\n\n'
            f"void {ENTRY}(const check_buffers *buffers, uint32_t seed)\n"
            f"{{\n    {form.name}(buffers->layer_weight, {bias}, {sizes}seed);\n}}\n",
            encoding="utf-8",
        )
        return device.run(bundle, "gcc", [wrapper], ENTRY)


def _difference(target: str, model: Model, bundle: Bundle, left: dict[str, bytes]) -> Difference | None:
    """Return the first element that differs, in the order of the draws."""
    for entry in bundle.entries:
        expected = entry.data.reshape(-1).view(f"u{entry.data.itemsize}")
        actual = np.frombuffer(left[entry.name], expected.dtype)
        different = np.flatnonzero(expected != actual)
        if different.size:
            i = int(different[0])
            digits = 2 * expected.itemsize
            bits = f"the file says 0x{expected[i]:0{digits}x}, the C leaves 0x{actual[i]:0{digits}x}"
            what = f"{bits}; the file draws it by {_rule(entry.row.distribution)}{_hint(model, left)}"
            return Difference(target, model, f"{entry.name}, element {i}", what)
    return None


def _outside(target: str, model: Model, bundle: Bundle, stray: StrayWriteError) -> Difference:
    """Return the difference to report if C writes outside of its buffers."""
    name = BUFFERS[stray.buffer]
    entry = next(entry for entry in bundle.entries if entry.name == name)
    i = stray.byte // entry.data.itemsize
    what = f"the C writes outside of the buffer, which has {entry.data.size} elements"
    return Difference(target, model, f"{name}, element {i}", what)


def _rule(distribution: object) -> str:
    """Return the key of the dialect file that decides an element."""
    if not isinstance(distribution, Mixed):
        return f"{distribution}"
    initializer = f"dialect.initializers.{distribution.wanted.name}"
    return {
        "uniform": f"dialect.values.uniform, within the bounds of {initializer}",
        "normal": f"dialect.normal, with the mean and stddev of {initializer}",
        "constant": f"{initializer}.constant",
        "value": f"{initializer}.value",
    }[distribution.kind]


def _hint(model: Model, left: dict[str, bytes]) -> str:
    """Return the end of a message: the multiply-add with which everything would be equal, or else how much is equal."""
    for multiply_add in ("separate", "fused", "fused-expression"):
        if multiply_add != model.build.multiply_add and _agrees(replace(model, multiply_add=multiply_add), left):
            return f'; with multiply_add = "{multiply_add}" all is equal'
    return f"; {_equal(gather(model.plan()), left):.0%} of the elements are equal"


def _agrees(model: Model, left: dict[str, bytes]) -> bool:
    return all(array.payload == left[array.name] for array in gather(model.plan()).arrays)


def _equal(bundle: Bundle, left: dict[str, bytes]) -> float:
    """Return the share of equal elements, in whole hundredths and rounded down, so that it is 1 only for all."""
    counts: list[NDArray[np.bool_]] = []
    for array in bundle.arrays:
        expected = array.data.reshape(-1).view(f"u{array.data.itemsize}")
        counts.append(expected == np.frombuffer(left[array.name], expected.dtype))
    both = np.concatenate(counts)
    return math.floor(100 * float(both.mean())) / 100
