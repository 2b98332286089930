"""Quantizers in generated code: for buffers whose values become codes in the model's way, not the format's."""

from collections.abc import Iterator

import numpy as np

from embinit.bundle import Bundle, Entry
from embinit.codegen.arranging import groups_as_drawn
from embinit.codegen.text import NoCodeError
from embinit.errors import listed
from embinit.formats import Quantized
from embinit.formats.quantizer import Quantizer

PUT = "embinit_put_quantizer"


def quantizers(bundle: Bundle) -> Iterator[str]:
    """Yield the C definition of each buffer's quantizer, and raise NoCodeError for one that C does not have."""
    for entry, quantizer, format_ in quantized(bundle):
        _check(bundle, entry, quantizer, format_)
        members = ",\n    ".join(_members(entry, quantizer, format_))
        yield f"static const embinit_quantizer {entry.identifier}_quantizer = {{\n    {members}\n}};"


def quantized(bundle: Bundle) -> Iterator[tuple[Entry, Quantizer, Quantized]]:
    """Yield the buffers with a quantizer, except biases whose scales come from a weight."""
    for entry in bundle.entries:
        storage, format_ = entry.row.storage, entry.row.storage.kind
        if storage.quantizer is not None and storage.input_scale is None and isinstance(format_, Quantized):
            yield entry, storage.quantizer, format_


def _members(entry: Entry, quantizer: Quantizer, format_: Quantized) -> Iterator[str]:
    """Yield the initializers of an embinit_quantizer, line by line."""
    row, family, groups = entry.row, format_.c_family, groups_as_drawn(entry.row)
    assert family is not None
    zero_points = entry.parameters.get("zero_point")
    width = 0 if zero_points is None else zero_points.itemsize
    ranged = int("scale" in entry.parameters or "exponents" in entry.parameters)
    rounds, turn = (groups.rounds, groups.turn or 0) if format_.grouping == "channels" else (0, 0)
    yield f"{{embinit_make_quantizer, embinit_load_quantizer, {ranged}, {width}, {rounds}, {turn}, {PUT}}}"
    steps = 0.0
    if format_.scaling == "magnitude" and quantizer.scaled:
        steps = format_.divisor if quantizer.steps is None else quantizer.steps
    factor = quantizer.factor or 0.0
    inverse = 1 / factor if factor else 0.0
    numbers = f"{float(factor).hex()}, {float(np.float32(inverse)).hex()}f, {float(np.float32(steps)).hex()}f"
    yield f"&embinit_family_{family.name}, {numbers}"
    low, high = (_int32(code) for code in quantizer.range_of(format_))
    length = row.size // row.shape[0] if quantizer.tail_of == "row" else row.size
    yield f"{low}, {high}, {quantizer.offset & 0xFFFFFFFF}u, {length}u"
    tail = f"EMBINIT_{(quantizer.tail or 'half_away').upper()}"
    scale, quotient = quantizer.scale.upper(), (quantizer.quotient or "divide").upper()
    scale, quotient = f"EMBINIT_SCALE_{scale}", f"EMBINIT_QUOTIENT_{quotient}"
    yield f"{scale}, {quotient}, {int(not quantizer.saturate)}, {quantizer.lanes or 0}, {tail}"


def _int32(code: int) -> str:
    return "-2147483647 - 1" if code == -(2**31) else str(code)


def _check(bundle: Bundle, entry: Entry, quantizer: Quantizer, format_: Quantized) -> None:
    """Raise NoCodeError if generated C cannot do what a quantizer says."""
    told = quantizer.told.keys() & {"steps", "quotient", "scale", "zero_point_sign", "zero_point_rounding"}
    if format_.scaling == "range" and told:
        raise NoCodeError(
            f"{entry.name}: no C has {listed(sorted(told))} of a quantizer in {format_.name}, which has zero points; "
            "export the values alone (--format npz,h,bin)"
        )
    biases = [each.row for each in bundle.entries if each.row.storage.input_scale is not None]
    if quantizer.keeps_spans and any(bias.layer.name == entry.row.layer.name for bias in biases):
        raise NoCodeError(
            f"{entry.name}: no C takes a bias's scales from a weight whose quantizer keeps them in double, or "
            "multiplies by steps / absmax; export the values alone (--format npz,h,bin)"
        )


def finished_scales(bundle: Bundle) -> Iterator[str]:
    """Yield the statements that turn what a quantizer kept while it made codes into the scales to store."""
    for entry, quantizer, _ in quantized(bundle):
        if quantizer.keeps_spans and "scale" in entry.parameters and not entry.row.same_as:
            count = entry.parameters["scale"].size
            name = entry.identifier
            yield f"embinit_finish_scales(&{name}_quantizer, buffers->{name}_scale, {count}u);"
