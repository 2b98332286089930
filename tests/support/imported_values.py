"""The values of an imported model, as its file holds them."""

from embinit.diagnose.origin import laid_out


def values_of(imported):
    """Return the values of buffers that the source holds, in the layout of the model's dialect."""
    found = {}
    for tensor in imported.model.tensors:
        held = imported.weights.get(tensor.name)
        values = None if held is None else held[0].values()
        if held is not None and values is not None:
            laid = laid_out(values, held[1], tensor.axes, tensor.shape)
            if laid is not None:
                found[tensor.name] = laid
    return found
