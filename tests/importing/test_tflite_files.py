"""TFLite files of operators that have weights, built with the schema's own functions."""

import numpy as np
import pytest

from embinit import EmbinitError
from embinit.importing import import_model

from support.imported_values import values_of

tflite = pytest.importorskip("tflite")
flatbuffers = pytest.importorskip("flatbuffers")

RNG = np.random.default_rng(5)


def weights(*shape):
    return RNG.standard_normal(shape, np.float32)


def vector(builder, start, values):
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return builder.EndVector()


def numbers(builder, values):
    return builder.CreateNumpyVector(np.array(values, np.int32))


def saved(folder, tensors, operators):
    """Write a file of tensors, by names, as a shape or an array, and of operators: code, inputs, output, options."""
    b = flatbuffers.Builder(1024)
    names, buffers, held = list(tensors), [], []
    for tensor in tensors.values():
        data = b.CreateByteVector(tensor.tobytes()) if isinstance(tensor, np.ndarray) else None
        tflite.BufferStart(b)
        if data is not None:
            tflite.BufferAddData(b, data)
        buffers.append(tflite.BufferEnd(b))
    for i, (name, tensor) in enumerate(tensors.items()):
        text, shape = b.CreateString(name), numbers(b, np.shape(tensor) if isinstance(tensor, np.ndarray) else tensor)
        tflite.TensorStart(b)
        tflite.TensorAddName(b, text)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddBuffer(b, i)
        held.append(tflite.TensorEnd(b))
    codes, made = [], []
    for number, (code, inputs, output, options) in enumerate(operators):
        custom = b.CreateString(code) if isinstance(code, str) else None
        tflite.OperatorCodeStart(b)
        value = tflite.BuiltinOperator.CUSTOM if custom is not None else code
        tflite.OperatorCodeAddBuiltinCode(b, value)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(value, 127))
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(b, custom)
        codes.append(tflite.OperatorCodeEnd(b))
        given = numbers(b, [names.index(each) if each else -1 for each in inputs]), numbers(b, [names.index(output)])
        told = options(b) if options is not None else None
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, number)
        tflite.OperatorAddInputs(b, given[0])
        tflite.OperatorAddOutputs(b, given[1])
        if told is not None:
            tflite.OperatorAddBuiltinOptionsType(b, told[0])
            tflite.OperatorAddBuiltinOptions(b, told[1])
        made.append(tflite.OperatorEnd(b))
    tensor_vector = vector(b, tflite.SubGraphStartTensorsVector, held)
    operator_vector = vector(b, tflite.SubGraphStartOperatorsVector, made)
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensor_vector)
    tflite.SubGraphAddOperators(b, operator_vector)
    graph = tflite.SubGraphEnd(b)
    vectors = [
        vector(b, tflite.ModelStartOperatorCodesVector, codes), vector(b, tflite.ModelStartSubgraphsVector, [graph]),
        vector(b, tflite.ModelStartBuffersVector, buffers),
    ]  # fmt: skip
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, vectors[0])
    tflite.ModelAddSubgraphs(b, vectors[1])
    tflite.ModelAddBuffers(b, vectors[2])
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    path = folder / "net.tflite"
    path.write_bytes(bytes(b.Output()))
    return str(path)


def multiplier(builder):
    tflite.DepthwiseConv2DOptionsStart(builder)
    tflite.DepthwiseConv2DOptionsAddDepthMultiplier(builder, 2)
    return tflite.BuiltinOptions.DepthwiseConv2DOptions, tflite.DepthwiseConv2DOptionsEnd(builder)


OPS = tflite.BuiltinOperator


def test_filters_have_their_own_layouts(tmp_path):
    tensors = {
        "x": (1, 9, 7, 3), "d/depthwise": weights(1, 3, 2, 6), "d/bias": weights(6), "a": (1, 7, 6, 6), "s": (4,),
        "t/kernel": weights(4, 2, 2, 6), "b": (1, 14, 12, 4), "c/kernel": weights(5, 1, 3, 4), "c": (1, 14, 10, 5),
        "line": (1, 20, 4), "e": (1, 1, 20, 4), "l/kernel": weights(8, 1, 5, 4), "f": (1, 1, 16, 8),
        "m/MatMul": weights(3, 8), "y": (1, 3),
    }  # fmt: skip
    operators = [
        (OPS.DEPTHWISE_CONV_2D, ["x", "d/depthwise", "d/bias"], "a", multiplier),
        (OPS.TRANSPOSE_CONV, ["s", "t/kernel", "a"], "b", None), (OPS.CONV_2D, ["b", "c/kernel", ""], "c", None),
        (OPS.RESHAPE, ["line"], "e", None), (OPS.CONV_2D, ["e", "l/kernel", ""], "f", None),
        (OPS.FULLY_CONNECTED, ["f", "m/MatMul", ""], "y", None),
    ]  # fmt: skip
    found = import_model(saved(tmp_path, tensors, operators), "torch", 1)
    assert [(layer.name, layer.type, getattr(layer, "groups", 0), layer.bias) for layer in found.model.layers] == [
        ("d", "Conv2d", 3, True), ("t", "ConvTranspose2d", 1, False), ("c", "Conv2d", 1, False),
        ("l", "Conv1d", 1, False), ("m", "Linear", 0, False),
    ]  # fmt: skip
    values = values_of(found)
    assert np.array_equal(values["d.weight"], tensors["d/depthwise"].transpose(3, 0, 1, 2))
    assert np.array_equal(values["t.weight"], tensors["t/kernel"].transpose(3, 0, 1, 2))
    assert np.array_equal(values["c.weight"], tensors["c/kernel"].transpose(0, 3, 1, 2))
    assert np.array_equal(values["l.weight"], tensors["l/kernel"][:, 0].transpose(0, 2, 1))


def test_an_lstm_of_tensors_for_each_gate(tmp_path):
    gates = ("input", "forget", "cell", "output")
    tensors = {"x": (5, 1, 4), "y": (5, 1, 3)}
    tensors |= {f"r/{gate}_{part}": weights(3, size) for part, size in (("w", 4), ("r", 3)) for gate in gates}
    tensors |= {f"r/{gate}_b": weights(3) for gate in gates}
    inputs = ["x", *(f"r/{gate}_{part}" for part in "wr" for gate in gates), "", "", ""]
    inputs += [f"r/{gate}_b" for gate in gates] + ["", ""]
    path = saved(tmp_path, tensors, [(OPS.UNIDIRECTIONAL_SEQUENCE_LSTM, inputs, "y", None)])
    found = import_model(path, "torch", 1)
    (layer,) = found.model.layers
    assert (layer.type, layer.input_size, layer.hidden_size) == ("LSTM", 4, 3)
    held = np.concatenate([tensors[f"r/{gate}_w"] for gate in gates])
    assert np.array_equal(values_of(found)[f"{layer.name}.weight_ih_l0"], held)


def test_operators_of_an_authors_own_are_named(tmp_path):
    tensors = {"x": (1, 4), "mix/w": weights(4, 4), "a": (1, 4), "fc/MatMul": weights(2, 4), "y": (1, 2)}
    operators = [("SpectralMix", ["x", "mix/w"], "a", None), (OPS.FULLY_CONNECTED, ["a", "fc/MatMul", ""], "y", None)]
    path = saved(tmp_path, tensors, operators)
    with pytest.raises(
        EmbinitError, match=r"net.tflite: 1 of its layers is unknown.*mix \(SpectralMix: .*mix/w \[4, 4\]"
    ):
        import_model(path, "torch", 1)
    assert [layer.name for layer in import_model(path, "torch", 1, skip=True).model.layers] == ["fc"]


def test_shapes_without_data_are_refused(tmp_path):
    tensors = {"x": (1, 4), "w": weights(2, 4), "y": (1, 2)}
    path = saved(tmp_path, tensors, [(OPS.FULLY_CONNECTED, ["x", "w", ""], "y", None)])
    content = (tmp_path / "net.tflite").read_bytes()
    told = np.array([2, 4], np.int32).tobytes()
    assert content.count(told) == 1
    (tmp_path / "net.tflite").write_bytes(content.replace(told, np.array([10**6, 10**6], np.int32).tobytes()))
    with pytest.raises(EmbinitError, match=r"tensor 'w' of shape .* needs 4000000000000 bytes of data, got 32"):
        import_model(path, "torch", 1)


def turned(builder):
    tflite.BatchMatMulOptionsStart(builder)
    tflite.BatchMatMulOptionsAddAdjY(builder, True)
    return tflite.BuiltinOptions.BatchMatMulOptions, tflite.BatchMatMulOptionsEnd(builder)


#: An operator between x and y: its code, its inputs beside x, these, its options, and the keys of the layer.
LAYERS = {
    "a volume": (OPS.CONV_3D, "x w b", {"w": (2, 3, 4, 5, 6), "b": (6,)}, None,
                 {"type": "Conv3d", "in_channels": 5, "out_channels": 6, "kernel_size": (2, 3, 4)}),
    "a transposed volume": (OPS.CONV_3D_TRANSPOSE, "s w x b", {"w": (2, 3, 4, 6, 5), "b": (6,)}, None,
                            {"type": "ConvTranspose3d", "in_channels": 5, "out_channels": 6}),
    "a product": (OPS.BATCH_MATMUL, "x w", {"w": (3, 4)}, None,
                  {"type": "Linear", "in_features": 3, "out_features": 4, "bias": False}),
    "a product that turns it": (OPS.BATCH_MATMUL, "x w", {"w": (3, 4)}, turned,
                                {"type": "Linear", "in_features": 4, "out_features": 3}),
    "a table": (OPS.EMBEDDING_LOOKUP, "x w", {"w": (7, 3)}, None,
                {"type": "Embedding", "num_embeddings": 7, "embedding_dim": 3}),
    "rows": (OPS.GATHER, "w x", {"w": (7, 3)}, None, {"type": "Embedding", "num_embeddings": 7, "embedding_dim": 3}),
    "slopes": (OPS.PRELU, "x w", {"w": (1, 1, 3)}, None, {"type": "PReLU", "num_parameters": 3}),
    "a recurrent layer": (OPS.UNIDIRECTIONAL_SEQUENCE_RNN, "x w r b h", {"w": (3, 4), "r": (3, 3), "b": (3,)}, None,
                          {"type": "RNN", "input_size": 4, "hidden_size": 3, "bias": True}),
    "a bias of two axes": (OPS.FULLY_CONNECTED, "x w b", {"w": (3, 4), "b": (1, 3)}, None,
                           {"type": "Linear", "in_features": 4, "out_features": 3, "bias": True}),
}  # fmt: skip


def between(folder, code, inputs, held, options):
    tensors = {"x": (1, 5, 4), "y": (1, 5, 3), "s": (5,), "h": (1, 3)}
    tensors |= {name: weights(*shape) for name, shape in held.items()}
    return saved(folder, tensors, [(code, inputs.split(), "y", options)])


@pytest.mark.parametrize("name", LAYERS)
def test_an_operator_makes_a_layer(name, tmp_path):
    *operator, keys = LAYERS[name]
    (layer,) = import_model(between(tmp_path, *operator), "torch", 1).model.layers
    assert {key: getattr(layer, key) for key in keys} == keys


#: Operators that make no layer: code, inputs, weights, and why.
UNKNOWN = {
    "no filters": (OPS.CONV_2D, "x h", {}, "CONV_2D: its filters are not in the file"),
    "no filters by channels": (OPS.DEPTHWISE_CONV_2D, "x h", {}, "DEPTHWISE_CONV_2D: its filters are not in the file"),
    "no filters of a volume": (OPS.CONV_3D, "x h", {}, "CONV_3D: its filters are not in the file"),
    "no filters turned": (OPS.TRANSPOSE_CONV, "s h x", {}, "TRANSPOSE_CONV: its filters are not in the file"),
    "weights of three axes": (OPS.FULLY_CONNECTED, "x w", {"w": (2, 3, 4)}, "must have two axes, got [2, 3, 4]"),
    "a product of three axes": (OPS.BATCH_MATMUL, "x w", {"w": (2, 3, 4)}, "must have two axes, got [2, 3, 4]"),
    "slopes of elements": (OPS.PRELU, "x w", {"w": (5, 4)}, "its slopes must be of channels, got shape [5, 4]"),
    "no states": (OPS.UNIDIRECTIONAL_SEQUENCE_RNN, "x w h", {"w": (3, 4)}, "its weights are not in the file"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_operator_that_is_no_layer_is_named(name, tmp_path):
    code, inputs, held, why = UNKNOWN[name]
    with pytest.raises(EmbinitError, match=r"net.tflite: 1 of its layers is unknown") as refused:
        import_model(between(tmp_path, code, inputs, held, None), "torch", 1)
    assert why in str(refused.value)
