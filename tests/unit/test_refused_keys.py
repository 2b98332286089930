"""Keys of a layer that make no sense: each is refused with the layer, the rule, and what was given."""

import pytest

import embinit

HEAD = '[model]\nname = "m"\nseed = 1\ndialect = "torch"\n[[layer]]\nname = "fc"\n'
LINEAR = 'type = "Linear"\nin_features = 8\nout_features = 6\n'
LSTM = 'type = "LSTM"\ninput_size = 3\nhidden_size = 2\n'
INT8 = 'weight_format = "int8"\n'

#: Orders of elements of a weight of 6 x 8, and what is said of them.
ORDERS = {
    "order = [0.5, 1]": "order must be a list of integers, got [0.5, 1]",
    "order = [true, false]": "order must be a list of integers, got [True, False]",
    "order = 3": "order must be a list of integers, got 3",
    "order = []": "order must hold at least one integer, got none",
    "order = [0, 2]": "order must hold each index from 0 on once, got [0, 2]",
    "order = [1, 0], axes = [0]": "axes belongs to sizes and to tile, and to these alone",
    "order = [1, 0], unit = 0": "unit must be how many elements stand together, without an axis, got 0",
    'order = [1, 0], unit = 2, axis = "in"': "unit must be how many elements stand together, without an axis, got 2",
    "order = [1, 0], unit = 25": "order must have at most its 48 elements, got 2 times 25",
    'order = [2, 1, 0], axis = "in"': "order must divide the 8 indices of in, got 3",
    'order = [1, 0], axis = "up"': "axis must be one of out, in, got 'up'",
    "order = [1, 0], axis = 3": "axis must be the name of an axis, got 3",
    'rotate = "a"': "rotate must be the index of an element, got 'a'",
    "rotate = true": "rotate must be the index of an element, got True",
    "rotate = 48": "rotate must be below its 48 elements, got 48",
    "reverse = 1": "reverse must be true or false, got 1",
    "reverse = true, unit = 2": "axis and unit describe the indices in order, which is missing",
    "sizes = [0, 48], axes = [0, 1]": "sizes must be 1 or more",
    "sizes = [6, 8]": "axes belongs to sizes and to tile, and to these alone",
    "sizes = [6, 8], axes = [0]": "axes must hold each index from 0 on once, got [0]",
    "sizes = [7, 7], axes = [1, 0]": "the product of sizes must be its 48 elements, got [7, 7]",
    "tile = [2], axes = [0, 1, 2, 3]": "tile must be [rows, columns], got [2]",
    "tile = [0, 2], axes = [0, 1, 2, 3]": "tile must be [rows, columns], got [0, 2]",
    "tile = [2, 4], split = 3, axes = [0, 1, 2, 3, 4]": "split must divide the 4 columns of a tile, got 3",
    "tile = [2, 4], axes = [0, 1]": "axes of tiles must be those of band, row, tile and column",
    "tile = [20, 4], axes = [0, 1, 2, 3]": "tile must fit in 6 rows of 8 elements, got [20, 4]",
    "tile = [2, 3], axes = [2, 0, 1, 3]": "axes must keep bands first, as columns are left over that follow each band",
    'tile = [2, 4], axes = [0, 2, 1, 3], left = "up"': "left must be one of columns, rows, got 'up'",
    "nope = 1": "has no key 'nope'; its keys are order, axis, unit, sizes",
    "": "must say one of order, sizes (with axes), tile (with axes), rotate and reverse",
}
#: The rest of a layer, and what is said of it.
KEYS = {
    f"{LINEAR}element_order = 3": "element_order must be a table with an order for some parts, got 3",
    f"{LINEAR}element_order = {{ weight = 3 }}": "element_order of weight must be a table, got 3",
    f"{LINEAR}element_order = {{ nope = {{ reverse = true }} }}": "must name one of its parts weight, bias, got 'nope'",
    f'{LINEAR}nibble_order = "high"': "nibble_order needs a buffer with codes that share bytes, and it has none",
    f"{LINEAR}row_stride = 4": "must be at least the length of a row, and a row has 8 elements, got 4",
    f'{LINEAR}weight_format = "int4"\nrow_stride = 9': "row_stride needs elements of whole bytes, and those of int4",
    'type = "PReLU"\nrow_stride = 9': "row_stride needs a buffer with rows, and it has none",
    f"{LINEAR}{INT8}weight_quantizer = {{ qmin = 1.5 }}": "qmin must be an integer from -2^31 to 2^31, got 1.5",
    f"{LINEAR}{INT8}weight_quantizer = {{ saturate = 1 }}": "saturate must be true or false, got 1",
    f'{LINEAR}{INT8}weight_quantizer = {{ lanes = 1, tail = "floor" }}': "lanes must be an integer from 2 to 64, got 1",
    f"{LINEAR}{INT8}weight_quantizer = {{ lanes = 4 }}": "tail and lanes belong together",
    f'{LINEAR}{INT8}bias_format = "int32"\ninput_scale = 0.1\nbias_quantizer = {{ qmin = 1 }}': (
        'of int32 takes quotient = "divide" or "reciprocal" alone'
    ),
    f'{LINEAR}weight_layout = ["in"]': "weight_layout must name the weight's axes out, in, got ['in']",
    f'{LINEAR}draws = ["in", "x"]': "draws must name the weight's axes out, in, got ['in', 'x']",
    f"{LINEAR}weight_layout = [1, 2]": "weight_layout must be a list of names, got [1, 2]",
    f'{LINEAR}order = ["weight"]': "order must name its parts weight, bias, got ['weight']",
    f'{LINEAR}order = ["bias", "bias"]': "order must name each once, got ['bias', 'bias']",
    f"{LINEAR}restart = {{ nope = 3 }}": "restart must be one of weight, bias, got 'nope'",
    f"{LINEAR}restart = true\nreinitialize = true": "reinitialize draws the layer at two places",
    f"{LINEAR}skip_words = 1.5": "skip_words must be an integer from 0 to 4294967295, got 1.5",
    f"{LINEAR}init = 3": "init must be a table of initializers by part, got 3",
    f"{LINEAR}init = {{ weight = 3 }}": "an initializer must be a name or a table with the key 'name', got 3",
    f"{LINEAR}init = {{ weight = {{ slices = 3 }} }}": "slices must be a table such as",
    f'{LINEAR}init = {{ weight = {{ slices = {{ "a" = 1.0 }} }} }}': "such as \"4:8\", got 'a'",
    f'{LINEAR}init = {{ weight = {{ slices = {{ "3:2" = 1.0 }} }} }}': "with 0 <= start < stop, got 3:2",
    f"{LINEAR}input_scale = 0": "input_scale must be a number above 0 that float32 holds, got 0",
    f"{LINEAR}input_scale = 0.5": "input_scale is for a bias in int32 or int64, whose scale it makes, got 'float32'",
    f'{LINEAR}bias_format = "int32"': "bias: int32 needs input_scale",
    f'{LINEAR}bias_format = "int32"\ninput_scale = 0.5': "int32 needs a weight with zero point 0 and one scale",
    f'{LSTM}{INT8}bias_format = "int32"': "bias_ih_l0: int32 holds the bias of a layer with one weight",
    f'{LINEAR}channel_axis = "in"': "channel_axis is for formats with one scale per channel, such as int8",
    f'{LINEAR}weight_format = "float64"': "its format must be float32, which dialect torch draws, got 'float64'",
}  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "said"),
    [*((f"{LINEAR}element_order = {{ weight = {{ {o} }} }}", said) for o, said in ORDERS.items()), *KEYS.items()],
)
def test_a_layer_is_refused_with_its_name_and_the_rule(layer, said, tmp_path):
    (tmp_path / "m.toml").write_text(f"{HEAD}{layer}\n")
    with pytest.raises(embinit.EmbinitError) as refused:
        embinit.load(tmp_path / "m.toml")
    assert "layer 'fc': " in str(refused.value)
    assert said in str(refused.value)
