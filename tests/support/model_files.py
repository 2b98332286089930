"""A good model file, and what may be wrong with one."""

GOOD = """[model]
name = "m"
dialect = "odt"
target = "cortex-m4f"
seed = 5
[[layer]]
name = "fc"
type = "Linear"
in_features = 7
out_features = 3
"""
#: What is wrong -> the file that is, and what its message must say.
BAD = {
    "unknown key": (GOOD + "foo = 1\n", ["fc", "foo", "in_features"]),
    "unknown key of the model": (GOOD.replace("seed", "sede"), ["sede", "seed"]),
    "unknown table": (GOOD + "[extra]\n", ["extra"]),
    "unknown type": (GOOD.replace("Linear", "Linaer"), ["fc", "Linaer", "Linear", "ReLU"]),
    "no type": (GOOD.replace('type = "Linear"\n', ""), ["fc", "type"]),
    "type is no text": (GOOD.replace('"Linear"', "3"), ["fc", "type", "3"]),
    "type is a list": (GOOD.replace('"Linear"', "[1]"), ["fc", "type", "[1]"]),
    "unknown dialect": (GOOD.replace('"odt"', '"tod"'), ["tod", "odt-2026-06"]),
    "dialect is a list": (GOOD.replace('"odt"', '["odt"]'), ["dialect", "odt-2026-06"]),
    "unknown target": (GOOD.replace("cortex-m4f", "cortex-m99"), ["cortex-m99", "cortex-m7"]),
    "unknown multiply-add": (GOOD.replace("seed", 'multiply_add = "both"\nseed'), ["both", "fused"]),
    "code in a name": (GOOD.replace('"fc"', '"fc; int x"'), ["fc; int x", "C identifier"]),
    "reserved word": (GOOD.replace('"fc"', '"while"'), ["while", "reserved"]),
    "C++ keyword": (GOOD.replace('"fc"', '"class"'), ["class", "reserved"]),
    "leading underscore": (GOOD.replace('"fc"', '"_fc"'), ["_fc"]),
    "line break in a name": (GOOD.replace('"fc"', '"fc\\n"'), ["C identifier"]),
    "path as name": (GOOD.replace('name = "m"', 'name = "../m"'), ["../m"]),
    "library's prefix": (GOOD.replace('name = "m"', 'name = "embinit_m"'), ["embinit"]),
    "name is a number": (GOOD.replace('"fc"', "3"), ["3", "C identifier"]),
    "zero": (GOOD.replace("= 7", "= 0"), ["fc", "in_features", "0"]),
    "negative": (GOOD.replace("= 7", "= -7"), ["fc", "in_features", "-7"]),
    "fraction": (GOOD.replace("= 7", "= 7.5"), ["fc", "in_features", "7.5"]),
    "boolean": (GOOD.replace("= 7", "= true"), ["fc", "in_features", "True"]),
    "text": (GOOD.replace("= 7", '= "7"'), ["fc", "in_features", "'7'"]),
    "too large": (GOOD.replace("= 7", "= 2147483648"), ["fc", "in_features", "2147483648"]),
    "missing size": (GOOD.replace("in_features = 7\n", ""), ["fc", "in_features", "missing"]),
    "negative seed": (GOOD.replace("seed = 5", "seed = -1"), ["seed", "-1"]),
    "large seed": (GOOD.replace("seed = 5", "seed = 4294967296"), ["seed", "4294967295", "4294967296"]),
    "boolean seed": (GOOD.replace("seed = 5", "seed = true"), ["seed", "True"]),
    "no seed": (GOOD.replace("seed = 5\n", ""), ["seed", "missing"]),
    "too much memory": (GOOD.replace("= 7", "= 1000000000"), ["fc", "memory_limit", "12000000000"]),
    "overflowing memory": (GOOD.replace("= 7", "= 1000000000").replace("= 3", "= 1000000000"), ["memory_limit"]),
    "memory limit of text": (GOOD.replace("seed", 'memory_limit = "1 GB"\nseed'), ["memory_limit", "1 GB"]),
    "not TOML": ("[model\n", ["TOML"]),
    "empty": ("", ["model", "missing"]),
    "layer is no table": ("layer = 3\nmodel = 4\n", ["[model]", "[[layer]]"]),
    "no layer": (GOOD[: GOOD.index("[[layer]]")], ["[[layer]]"]),
    "NaN gain": (GOOD + 'weight_init = "kaiming_uniform"\ngain = nan\n', ["fc", "gain", "nan"]),
    "infinite gain": (GOOD + 'weight_init = "kaiming_uniform"\ngain = inf\n', ["fc", "gain", "inf"]),
    "text gain": (GOOD + 'weight_init = "kaiming_uniform"\ngain = "2"\n', ["fc", "gain", "'2'"]),
    "unknown scheme": (GOOD + 'weight_init = "kaimnig"\n', ["fc", "kaimnig", "kaiming_uniform"]),
    "scheme is a number": (GOOD + "weight_init = 3\n", ["fc", "weight_init", "3"]),
    "scheme is a list": (GOOD + "weight_init = []\n", ["fc", "weight_init"]),
    "parameter of another scheme": (GOOD + 'weight_init = "uniform"\ngain = 1.0\n', ["fc", "uniform", "gain", "low"]),
    "parameter of no scheme": (GOOD + "low = 1.0\n", ["fc", "default", "low"]),
    "constant without value": (GOOD + 'weight_init = "constant"\n', ["fc", "constant", "value", "missing"]),
    "unknown mode": (GOOD + 'weight_init = "variance_scaling"\nmode = "fan"\n', ["fc", "mode", "fan_avg"]),
    "negative scale": (GOOD + 'weight_init = "variance_scaling"\nscale = -1.0\n', ["fc", "scale", "-1.0"]),
    "truncated normal": (GOOD + 'weight_init = "he_normal"\n', ["fc", "truncated"]),
    "bias of text": (GOOD + 'bias = "yes"\n', ["fc", "bias", "'yes'"]),
    "unknown format": (GOOD + 'weight_format = "float46"\n', ["fc", "weight_format", "float32", "float46"]),
    "same name twice": (GOOD + GOOD[GOOD.index("[[layer]]") :], ["fc", "unique"]),
}
