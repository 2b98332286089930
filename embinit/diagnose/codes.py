"""Codes: mistakes between values and codes: formats, rounding, scales, zero points, channels, the order of bits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from embinit.departures import file_name
from embinit.diagnose.account import draws
from embinit.diagnose.hypothesis import Aspect, Change, Hypothesis, rows, stored
from embinit.diagnose.pasting import Lines, each_layer, kind_of
from embinit.errors import EmbinitError
from embinit.formats import ROUNDINGS, Quantized, format_named
from embinit.formats.arrangement import shares_bytes
from embinit.formats.quantizer import Quantizer
from embinit.formats.storage import Storage
from embinit.model import Description, Tensor
from embinit.plan import Row, row_with


def in_codes(planned: Sequence[Row]) -> Iterator[Hypothesis]:
    """Yield the mistakes that can happen between values and codes."""
    held = list(dict.fromkeys(row.storage for row in planned if draws(row)))
    kinds = [format_named(storage.format) for storage in held]
    yield from _groups(planned)
    yield from _roundings(held)
    scaled = [each for each in kinds if isinstance(each, Quantized) and each.scaling in ("magnitude", "range")]
    if scaled:
        yield from _scales(all(format_.variant("steps", format_.qmax + 1) for format_ in scaled))
    if any(format_.scaling == "range" for format_ in scaled):
        yield from _zero_points()
    if any(storage.input_scale is not None for storage in held):
        sentence = "Biases are divided by their scales, not multiplied by the reciprocals, 1 / scale."
        yield _quantized("scale precision", sentence, _always(Quantizer(quotient="divide")), of_weight=True)
    yield from _formats(held)
    if any(shares_bytes(format_) for format_ in kinds):
        yield Hypothesis(
            Aspect.PACKING, "nibble order" if all(format_.bits in (4, 8, 32) for format_ in kinds) else "bit order",
            "Codes are packed from a byte's high bits down: of two codes of 4 bits the first lies in the high nibble.",
            stored(_high_bits_first),
            told=partial(_line_of, 'nibble_order = "high"', lambda each: shares_bytes(format_named(each.format))),
        )  # fmt: skip


def _high_bits_first(storage: Storage) -> Storage:
    if not shares_bytes(format_named(storage.format)):
        return storage
    return replace(storage, arrangement=replace(storage.arrangement, nibble_order="high"))


# Channels and groups


def _groups(planned: Sequence[Row]) -> Iterator[Hypothesis]:
    """Yield other ways in which the elements of the weights may share scales."""
    weights = [row for row in planned if draws(row) and "out" in row.axes and len(row.axes) > 1]
    by_channel = [row for row in weights if format_named(row.format).grouping == "channels"]
    by_run = [row for row in weights if format_named(row.format).grouping == "groups"]
    if any(row.storage.channel_axis is not None for row in by_channel):
        sentence = "One scale serves all channels of a weight."
        yield Hypothesis(Aspect.GROUPS, "channel axis", sentence, _shared(None), "per_channel = false")
    if any(row.storage.channel_axis is not None and row.storage.channel_groups > 1 for row in by_channel):
        sentence = "The groups of a transposed convolution share the scales of their channels."
        yield Hypothesis(Aspect.GROUPS, "channel axis", sentence, rows(_without_groups))
    for axis in dict.fromkeys(axis for row in by_channel for axis in row.axes):
        if any(row.storage.channel_axis != _axis(row, axis) for row in by_channel):
            line = "per_channel = true" if axis == "out" else None
            named = f'channel_axis = "{file_name(axis)}"'
            lines = None if line else partial(_line_of, named, partial(_has_channels, axis=axis))
            sentence = f"A weight has a scale for each index of its axis {axis}."
            yield Hypothesis(Aspect.GROUPS, "channel axis", sentence, _shared(axis), line, told=lines)
    if any(row.storage.group_size is not None for row in by_run):
        lines = partial(_group_lines, size=lambda tensor: tensor.size)
        one = _grouped(lambda _row: None)
        yield Hypothesis(Aspect.GROUPS, "group size", "One scale serves a whole weight.", one, told=lines)
    if by_run:
        sentence = "A weight has a scale for each index of its first axis."
        per_first = _grouped(lambda row: row.size // row.shape[0])
        lines = partial(_group_lines, size=lambda tensor: tensor.size // tensor.shape[0])
        yield Hypothesis(Aspect.GROUPS, "group size", sentence, per_first, told=lines)


def _group_lines(model: Description, size: Callable[[Tensor], int]) -> Lines:
    """Return the lines that say how many elements of each weight share a scale."""

    def line(tensors: list[Tensor]) -> str | None:
        weights = [each for each in tensors if len(each.axes) > 1 and format_named(each.format).grouping == "groups"]
        return f"group_size = {size(weights[0])}" if len(weights) == 1 else None

    return each_layer(model, line)


def _line_of(line: str, matters: Callable[[Tensor], bool], model: Description) -> Lines:
    """Return a line for each layer with a buffer to which it matters."""
    return each_layer(model, lambda tensors: line if any(map(matters, tensors)) else None)


def _has_channels(tensor: Tensor, axis: str) -> bool:
    return tensor.part == "weight" and axis in tensor.axes and format_named(tensor.format).grouping == "channels"


def _axis(row: Row, axis: str | None) -> int | None:
    return row.axes.index(axis) if axis in row.axes else None


def _shared(axis: str | None) -> Change:
    def changed(row: Row) -> Row:
        if len(row.axes) == 1 or format_named(row.format).grouping != "channels":
            return row
        row = row if axis == "out" else _without_groups(row)
        return row_with(row, storage=replace(row.storage, channel_axis=_axis(row, axis)))

    return rows(changed)


def _without_groups(row: Row) -> Row:
    return row_with(row, storage=replace(row.storage, channel_groups=1))


def _grouped(size: Callable[[Row], int | None]) -> Change:
    def changed(row: Row) -> Row:
        if len(row.axes) == 1 or format_named(row.format).grouping != "groups":
            return row
        return row_with(row, storage=replace(row.storage, group_size=size(row)))

    return rows(changed)


# Rounding


def _roundings(held: Sequence[Storage]) -> Iterator[Hypothesis]:
    for rounding in ROUNDINGS:
        if any(storage.format != "float32" and storage.rounding != rounding for storage in held):
            sentence, line = f"The device rounds to codes by {rounding}.", f'rounding = "{rounding}"'
            yield Hypothesis(Aspect.ROUNDING, "rounding", sentence, _rounded(rounding), line)


def _rounded(rounding: str) -> Change:
    return rows(lambda row: row_with(row, storage=replace(row.storage, rounding=rounding)))


# Scales and zero points


def _scales(stepped: bool) -> Iterator[Hypothesis]:
    """Yield other ways to compute scales and quotients; stepped: whether fitting.py finds other counts of steps."""
    for sentence, quantizer in (
        ("Scales and quotients are computed in double.", Quantizer(scale="double")),
        ("Scales are float32, and values are divided by them in double.", Quantizer(quotient="double")),
        ("Values are multiplied by a float32 reciprocal of the scale, 1 / scale.", Quantizer(quotient="reciprocal")),
        ("Scales are rounded to float16.", Quantizer(scale="float16")),
        ("Scales are rounded up to a power of two.", Quantizer(scale="power_of_two")),
    ):
        yield _quantized("scale precision", sentence, _always(quantizer))
    if not stepped:
        sentence = "Scales divide by one step more, such as 128 for 127."
        yield _quantized("scale precision", sentence, lambda format_: Quantizer(steps=format_.divisor + 1))


def _zero_points() -> Iterator[Hypothesis]:
    for sentence, sign in (
        ("Zero points are added where the format subtracts them, and subtracted where it adds.", "codes"),
        ("Zero points are stored with the other sign.", "memory"),
        ("Zero points have the other sign, in codes and in memory.", "both"),
    ):
        yield _quantized("zero-point sign", sentence, _always(Quantizer(zero_point_sign=sign)))


def _always(quantizer: Quantizer) -> Callable[[Quantized], Quantizer]:
    return lambda _format: quantizer


def _quantized(
    name: str,
    sentence: str,
    quantizer: Callable[[Quantized], Quantizer],
    of_weight: bool = False,
) -> Hypothesis:
    """Return the hypothesis that formats with scales, of their own or of a weight, have a quantizer, except those in
    which it changes nothing.
    """

    def of(storage: Storage) -> Quantizer | None:
        format_ = storage.kind
        if not isinstance(format_, Quantized) or format_.of_weight != of_weight or storage.quantizer is not None:
            return None
        found = quantizer(format_)
        try:
            found.check(format_)
        except EmbinitError:
            return None
        return found

    def changed(storage: Storage) -> Storage:
        found = of(storage)
        return storage if found is None else replace(storage, quantizer=found)

    def lines(tensors: list[Tensor]) -> str | None:
        told = {kind_of(each.part): found for each in tensors if (found := of(each.storage)) is not None}
        return "\n".join(f"{kind}_quantizer = {found.says}" for kind, found in told.items()) or None

    told = partial(each_layer, line=lines)
    return Hypothesis(Aspect.SCALE, name, sentence, stored(changed), told=told)


# Formats


def _formats(held: Sequence[Storage]) -> Iterator[Hypothesis]:
    for old in dict.fromkeys(storage.format for storage in held if storage.format != "float64"):
        for new in _alike(old):
            by_channel = format_named(new).grouping == "channels"
            for each in (True, False) if by_channel else (False,):
                sentence = f"What should be {old} is {new}"
                sentence += (", with a scale for each channel." if each else ", with one scale.") if by_channel else "."
                yield Hypothesis(
                    Aspect.FORMAT, "format", sentence, _reformatted(old, new, each),
                    told=partial(_format_lines, old=old, new=new, each=each),
                )  # fmt: skip


def _format_lines(model: Description, old: str, new: str, each: bool) -> Lines:
    """Return the lines that give parts of layers another format, with a scale for each channel or with one. There are
    none if a weight would keep its groups in the other format.
    """
    grouped = any(tensor.storage.group_size is not None and tensor.format == old for tensor in model.tensors)
    if grouped and format_named(new).grouping == "groups":
        return {}

    def line(tensors: list[Tensor]) -> str | None:
        parts = dict.fromkeys(kind_of(tensor.part) for tensor in tensors if tensor.format == old)
        said = [f'{part}_format = "{new}"' for part in parts]
        one = not each and "weight" in parts and format_named(new).grouping == "channels"
        return "\n".join([*said, *(["per_channel = false"] if one else [])]) or None

    return each_layer(model, line)


def _alike(old: str) -> list[str]:
    """Return the other formats whose elements take as many bits."""
    bits = format_named(old).bits
    fixed = [f"q{bits - 1}", *(f"q{m}.{bits - m}" for m in (2, 3))]
    scaled = [f"int{bits}", f"sym{bits}", f"asym{bits}", f"affine{bits}", *(f"sym_int32/{b}" for b in (8, 12, 16))]
    return [new for new in (*fixed, *scaled, "float32") if new != old and _bits(new) == bits]


def _bits(name: str) -> int | None:
    try:
        return format_named(name).bits
    except EmbinitError:
        return None


def _reformatted(old: str, new: str, each: bool) -> Change:
    def changed(row: Row) -> Row:
        if row.format != old:
            return row
        storage = Storage(new, row.storage.rounding)
        if each and row.part == "weight" and "out" in row.axes:
            storage = replace(storage, channel_axis=row.axes.index("out"))
        return row_with(row, storage=storage)

    return rows(changed)
