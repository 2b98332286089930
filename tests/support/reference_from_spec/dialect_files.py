"""14. Dialect files, for builds that fuse nothing."""

import math
import re
from collections.abc import Callable, Iterator
from itertools import product

from support.reference_from_spec import generators
from support.reference_from_spec.c_expressions import Value, convert, evaluate, names_of
from support.reference_from_spec.libm import TARGETS
from support.reference_from_spec.notation import bits

WAYS = ({"constant"}, {"value"}, {"low", "high"}, {"mean", "stddev"})
RAND = {"host": (generators.glibc_rand, 31)}
NEWLIB = (generators.newlib_rand, 31)
Names = dict[str, Value]


def merged(base: dict, own: dict) -> dict:
    result = dict(base)
    for key, value in own.items():
        under = result.get(key)
        if not isinstance(value, dict) or not isinstance(under, dict):
            result[key] = value
        elif key == "generator" and value.get("kind", under["kind"]) != under["kind"]:
            result[key] = {"scope": under.get("scope", "model")} | value
        elif key == "initializers":
            result[key] = under | {name: merged_rule(under.get(name, {}), rule) for name, rule in value.items()}
        else:
            result[key] = merged(under, value)
    return result


def merged_rule(base: dict, own: dict) -> dict:
    ways = [way for way in WAYS if way & own.keys()]
    dropped = {key for way in WAYS if ways and way not in ways for key in way}
    return {key: value for key, value in base.items() if key not in dropped} | own


class Program:
    def __init__(self, tables: dict, target: str, seed: int) -> None:
        self.tables, self.seed, self.target = tables, seed, target
        self.libm = TARGETS[target][1]
        self.generator = tables["generator"]
        self.values = {"words": ["word"], "type": "float"} | tables.get("values", {})
        self.spare: Value | None = None
        self.words: Iterator[int] = iter(())
        self.word_bits = 32

    # ---- words ----

    def start(self, layer: int, tensor: int) -> None:
        given = {"layer": ("uint32_t", layer), "tensor": ("uint32_t", tensor)}
        given["seed"] = ("uint32_t" if self.seed < 2**32 else "uint64_t", self.seed)
        kind = self.generator["kind"]
        if kind == "steps":
            self.words = self.stepped(given)
        else:
            state = self.evaluate(self.generator.get("seed", "seed"), given)[1]
            self.words = self.of_kind(kind, state)
        self.word_bits = self.generator.get("word_bits", self.word_bits)
        for _ in range(self.generator.get("warmup", 0)):
            next(self.words)

    def of_kind(self, kind: str, state: int) -> Iterator[int]:
        if kind == "rand":
            rand, self.word_bits = RAND.get(self.target, NEWLIB)
            return rand(state % 2**32)
        if kind == "mt19937":
            return iter(generators.Mt19937(state % 2**32).word, None)
        if kind == "lcg":
            ctype = f"uint{self.generator['bits']}_t"
            width = self.word_bits = self.generator["bits"]
            states = generators.lcg(state, self.generator["multiplier"], self.generator["increment"], width)
        else:
            ctype = self.generator.get("state", f"uint{self.generator.get('bits', 32)}_t")
            width = self.word_bits = int(re.sub(r"\D", "", ctype))
            states = generators.xorshift(state, self.generator["shifts"], width, ctype[0] == "i")
        output = self.generator.get("output", "state")
        return (self.evaluate(output, {"state": convert(("exact", s), ctype)})[1] for s in states)

    def stepped(self, given: Names) -> Iterator[int]:
        parts = [declared.split() for declared in self.generator["state"]]
        state: Names = {name: (ctype, 0) for ctype, name in parts}
        self.run(self.generator["seed"], state, given)
        while True:
            local = self.run(self.generator["step"], state, {})
            yield self.evaluate(self.generator["output"], local | state)[1]

    def run(self, statements: list[str], state: Names, given: Names) -> Names:
        local = dict(given)
        for statement in statements:
            left, _, text = statement.partition(" = ")
            *declared, name = left.split()
            value = self.evaluate(text, local | state)
            where = state if name in state else local
            where[name] = convert(value, declared[0] if declared else where[name][0])
        return local

    def word(self) -> Value:
        return "uint64_t" if self.word_bits > 32 else "uint32_t", next(self.words)

    def evaluate(self, text: str, names: Names) -> Value:
        constants = {"RAND_MAX": ("int32_t", 2**self.word_bits - 1)}
        return evaluate(text, lambda name: names[name] if name in names else constants[name], self.libm)

    # ---- elements ----

    def unit(self, text: str, words: list[str]) -> Value:
        return self.evaluate(text, {word: self.word() for word in words})

    def z(self, normal: dict) -> Value:
        if self.spare is not None:
            z, self.spare = self.spare, None
            return z
        values = self.pair(normal, [])
        if len(values) == 2 and normal.get("spare", "kept") != "call":
            self.spare = values[1]
        return values[0]

    def pair(self, normal: dict, units: list[Value]) -> list[Value]:
        text = normal.get("unit", self.values.get("unit"))
        words = normal.get("unit_words", self.values["words"])
        names = normal["words"]
        drawn: Names = dict(zip(names, units, strict=False))
        after = normal.get("retry_after", names[-1])
        redraw = normal.get("redraw", names[: names.index(after) + 1])
        for name in names[len(units) :]:
            drawn[name] = self.unit(text, words)
            if name == after and "retry" in normal:
                while self.lazy(normal["retry"], normal, drawn)[1]:
                    drawn |= {again: self.unit(text, words) for again in redraw}
        return [self.lazy(value, normal, drawn) for value in normal["values"]]

    def lazy(self, text: str, table: dict, drawn: Names) -> Value:
        names = dict(drawn)

        def known(name: str) -> Value:
            if name not in names and name in table:
                names[name] = evaluate(table[name], known, self.libm)
            return names[name] if name in names else self.evaluate(name, {})

        return evaluate(text, known, self.libm)

    def normals(self, n: int, result: Callable[[Value], Value]) -> list[Value]:
        normal = self.tables["normal"]
        block = normal.get("block")
        if block and n >= block:
            units = [self.unit(self.values["unit"], self.values["words"]) for _ in range(n)]
            z = [each for i in range(0, n - block + 1, block) for each in self.block(units[i : i + block])]
            if n % block:
                again = self.block([self.unit(self.values["unit"], self.values["words"]) for _ in range(block)])
                z = z[: n - block] + again
        else:
            table = normal["fewer"] if block else normal
            z = [self.z(table) for _ in range(n)]
            if table.get("spare", "kept") == "tensor":
                self.spare = None
        return [result(each) for each in z]

    def block(self, units: list[Value]) -> list[Value]:
        half = len(units) // 2
        pairs = [self.pair(self.tables["normal"], [units[i], units[i + half]]) for i in range(half)]
        return [pair[0] for pair in pairs] + [pair[1] for pair in pairs]

    def tensor(self, initializer: dict, fan_in: int, fan_out: int, n: int) -> list[Value]:
        name, given = initializer["name"], {key: value for key, value in initializer.items() if key != "name"}
        rule = self.tables.get("initializers", {}).get(name)
        kind = self.values["type"]
        names: Names = {"fan_in": ("uint32_t", fan_in), "fan_out": ("uint32_t", fan_out)}
        if rule is None:
            names |= {key: convert(("double", value), kind) for key, value in given.items()}
            constant = {"zeros": 0, "ones": 1}.get(name)
            if name == "constant" or constant is not None:
                value = ("double", float(constant)) if constant is not None else names["value"]
                return [value] * n
            rule = {"low": "low", "high": "high"} if name == "uniform" else {"mean": "mean", "stddev": "stddev"}
        else:
            for declared in rule.get("parameters", []):
                left, _, default = declared.partition("=")
                ctype, key = left.split()
                value = ("double", given[key]) if key in given else self.evaluate(default, {})
                names[key] = convert(value, ctype)
            for key, text in rule.items():
                if key not in {"value", "constant", "words", "parameters", "bias"}:
                    names[key] = self.evaluate(text, names)
        if "constant" in rule:
            return [self.evaluate(rule["constant"], names)] * n
        if "low" in rule and "value" not in rule:
            return [self.element(self.values["uniform"], rule, names) for _ in range(n)]
        if "mean" in rule:
            result = self.tables["normal"].get("result")
            return self.normals(n, lambda z: self.evaluate(result, names | {"z": z}))
        if "z" in names_of(rule["value"]):
            return self.normals(n, lambda z: self.evaluate(rule["value"], names | {"z": z}))
        return [self.element(rule["value"], rule, names) for _ in range(n)]

    def element(self, text: str, rule: dict, names: Names) -> Value:
        words = rule.get("words", self.values["words"])
        used = names_of(text)
        if "unit" not in used and not used & set(words):
            return self.evaluate(text, names)
        drawn = {word: self.word() for word in words}
        if "unit" in used:
            drawn["unit"] = self.evaluate(self.values["unit"], drawn)
        return self.evaluate(text, names | drawn)

    # ---- models ----

    def init(self, layers: list[dict]) -> list[list[int]]:
        groups, last = [], []
        for i, layer in enumerate(layers):
            parts = self.parts(layer, layers[i + 1 :], i)
            if self.tables.get("bias", {}).get("drawn") == "last":
                last += [[part] for part in parts[1:]]
                parts = parts[:1]
            order = self.rule(layer).get("order", ["weight", "bias"])
            groups.append(sorted(parts, key=lambda part: order.index(part["part"])))
        self.start(0, 0)
        tensors = [part for parts in groups + last for part in parts]
        rehearsed = {"all": len(layers), "all but last": len(layers) - 1}.get(self.tables.get("rehearsal"), 0)
        for part in tensors:
            if part["key"][0] < rehearsed:
                self.restart(part, tensors)
                self.draw([part])
        drawn = {}
        for parts in groups + last:
            if self.rule(layers[parts[0]["key"][0]]).get("interleave") == "out":
                self.restart(parts[0], tensors)
                drawn |= self.draw(parts, interleave=True)
                continue
            for part in parts:
                self.restart(part, tensors)
                drawn |= self.draw([part])
        return list(drawn.values())

    def restart(self, part: dict, tensors: list[dict]) -> None:
        """Start the stream again if a tensor does."""
        scope, layer = self.generator.get("scope", "model"), part["key"][0]
        first = next(each for each in tensors if each["key"][0] == layer)
        if scope == "tensor" or (scope == "layer" and part is first):
            self.start(layer, tensors.index(part))

    def rule(self, layer: dict) -> dict:
        return self.tables["layers"][layer["type"]]

    def parts(self, layer: dict, after: list[dict], i: int) -> list[dict]:
        rule = self.rule(layer)
        if layer["type"] == "Linear":
            sizes = {"in": layer["in_features"], "out": layer["out_features"], "kernel": 1}
        else:
            height, width = layer["kernel_size"]
            sizes = {"in": layer["in_channels"], "out": layer["out_channels"], "kernel": height * width}
            sizes |= {"kernel_height": height, "kernel_width": width}
        known = {key: ("uint32_t", size) for key, size in sizes.items()}
        fans = [self.evaluate(rule[key], known)[1] for key in ("fan_in", "fan_out")]
        follows = after[0]["type"] if after else None
        default = self.tables.get("before", {}).get(follows, rule.get("initializer", "default"))
        weight = layer.get("weight_init", {"name": default})
        axes = rule["weight"]
        parts = [
            {
                "key": (i, 0),
                "part": "weight",
                "init": weight,
                "fans": fans,
                "shape": [sizes[a] for a in axes],
                "axes": axes,
            }
        ]
        parts[0]["draws"] = rule.get("draws", axes)
        if layer.get("bias", True):
            bias = self.tables.get("bias", {})
            own = self.tables.get("initializers", {}).get(weight["name"], {}).get("bias")
            init = {"name": own} if own else {"name": bias["initializer"]} if "initializer" in bias else weight
            init = weight if init["name"] == weight["name"] else init
            init = layer.get("bias_init", init)
            size = self.evaluate(bias.get("size", "out"), known)[1]
            parts.append({"key": (i, 1), "part": "bias", "init": init, "fans": fans, "shape": [size], "axes": ["out"]})
            parts[1]["draws"] = ["out"]
        return parts

    def draw(self, parts: list[dict], interleave: bool = False) -> dict[tuple[int, int], list[int]]:
        """Return the bits of each part."""
        drawn = {part["key"]: [0] * math.prod(part["shape"]) for part in parts}
        for o in range(parts[0]["shape"][parts[0]["axes"].index("out")]) if interleave else [None]:
            for part in parts:
                places = [places_of(part, o)] if interleave else [places_of(part, None)]
                for place in places:
                    values = self.tensor(part["init"], *part["fans"], len(place))
                    for index, value in zip(place, values, strict=True):
                        drawn[part["key"]][index] = self.stored(value)
        return drawn

    def stored(self, value: Value) -> int:
        kind = self.values["type"]
        x = convert(value, kind)[1]
        return bits(x) if kind == "float" else int(x.view("uint64"))


def places_of(part: dict, o: int | None) -> list[int]:
    """Return the places in memory of elements in the order of their draws, all or those of an output."""
    axes, shape = part["axes"], part["shape"]
    ranges = [[o] if axis == "out" and o is not None else range(shape[axes.index(axis)]) for axis in part["draws"]]
    places = []
    for indices in product(*ranges):
        at = dict(zip(part["draws"], indices, strict=True))
        place = 0
        for axis, size in zip(axes, shape, strict=True):
            place = place * size + at[axis]
        places.append(place)
    return places
