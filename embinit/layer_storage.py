"""Layer storage: in which format, groups and order a layer stores a parameter, by the keys of the model file."""

from embinit.departures import element_order, position
from embinit.dialects import Dialect
from embinit.errors import EmbinitError, shown
from embinit.formats import Quantized, format_named
from embinit.formats.arrangement import IN_ORDER, Arrangement, shares_bytes
from embinit.formats.storage import Storage
from embinit.layers import Layer, Parameter, Stored, Weighted


def storage_of(layer: Layer, parameter: Parameter, dialect: Dialect) -> Storage:
    """Return how a layer stores a parameter, or raise EmbinitError if its keys and its shape do not go together."""
    assert isinstance(layer, Stored)
    weight = parameter.part == "weight"
    name = _format(layer, parameter.part)
    if name == "float32":
        name = dialect.element
    elif "float64" in (name, dialect.element) and name != dialect.element:
        raise EmbinitError(f"its format must be {dialect.element}, which dialect {dialect} draws, got {shown(name)}")
    format_ = format_named(name)
    group_size, out_axis, channel_groups = None, None, 1
    if isinstance(layer, Weighted) and weight:
        group_size = layer.group_size
        if format_.grouping == "channels":
            axis = position(parameter.axes, layer.channel_axis or "out", "channel_axis")
            out_axis = axis if layer.per_channel else None
            if layer.per_channel and parameter.axes[axis] == "out":
                channel_groups = layer.outputs // parameter.shape[axis]
            if channel_groups > 1 and parameter.axes[axis - 1] != "in":
                raise EmbinitError("weight_layout must keep in right before out, as groups of both share scales")
        elif layer.channel_axis is not None:
            raise EmbinitError(
                f"channel_axis is for formats with one scale per channel, such as int8, got {shown(name)}"
            )
    rounding = layer.rounding or format_.default_rounding
    input_scale = None
    if isinstance(format_, Quantized) and format_.of_weight:
        try:
            out_axis, input_scale = _of_weight(layer, parameter, name)
        except EmbinitError as error:
            raise EmbinitError(f"{parameter.part}: {error}") from None
    elif parameter.part == "bias" and getattr(layer, "input_scale", None) is not None:
        raise EmbinitError(f"input_scale is for a bias in int32 or int64, whose scale it makes, got {shown(name)}")
    arrangement = Arrangement(
        layer.byte_order,
        layer.nibble_order if shares_bytes(format_) else IN_ORDER.nibble_order,
        layer.row_stride if len(parameter.shape) > 1 else None,
        element_order(layer, parameter),
    )
    quantizer = layer.bias_quantizer if "bias" in parameter.part else layer.weight_quantizer
    if parameter.part.startswith("running_"):
        quantizer = None
    literals = layer.literals if name == "float32" else None
    storage = Storage(
        name, rounding, group_size, out_axis, channel_groups, arrangement, input_scale, quantizer, literals
    )
    try:
        storage.check(parameter.shape)
    except EmbinitError as error:
        raise EmbinitError(f"{parameter.part}: {error}") from None
    return storage


def _format(layer: Stored, part: str) -> str:
    """Return the format of a part: float32 for running statistics, bias_format for every kind of bias, or else
    weight_format.
    """
    name = part.rpartition(".")[2]
    if name.startswith("running_"):
        return "float32"
    return layer.bias_format if "bias" in name else layer.weight_format


def _of_weight(layer: Stored, parameter: Parameter, name: str) -> tuple[int | None, float]:
    """Return the axis along which each element of a bias has its own scale, None if all have one, and the scale of the
    layer's input.
    """
    if parameter.part != "bias" or not isinstance(layer, Weighted):
        raise EmbinitError(f"{name} holds the bias of a layer with one weight, by whose scales it counts")
    if layer.input_scale is None:
        raise EmbinitError(f"{name} needs input_scale: a bias counts in steps of input_scale * the weight's scale")
    weight = format_named(layer.weight_format)
    one = layer.group_size is None and layer.channel_axis in (None, "out")
    if not isinstance(weight, Quantized) or not weight.keeps_scales_alone or not one:
        raise EmbinitError(
            f"{name} needs a weight with zero point 0 and one scale, or one of each output channel, such as int8, got "
            f"{shown(layer.weight_format)}"
        )
    each = weight.grouping == "channels" and layer.per_channel
    if each and parameter.shape != (layer.outputs,):
        raise EmbinitError(
            f"{name} needs one scale, or a bias of each of {layer.outputs} output channels, got {parameter.shape}; set "
            "per_channel = false"
        )
    return 0 if each else None, float(layer.input_scale)
