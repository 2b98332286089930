"""Init programs as gcc and clang compiled them, against their dialect files' expressions.

Generators here are a few lines of Python ints; what is tested is what the expressions make of their words.
"""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from embinit.expressions import (
    FLOAT,
    TYPES,
    Arithmetic,
    Input,
    Program,
    define,
    parse_declaration,
    statements,
)
from embinit.expressions.lowering import names_of

FOLDER = Path(__file__).parent.parent / "vectors" / "declared"
RECORDED = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))
BUILDS = {
    "x86": (Arithmetic("separate", "double"), "glibc"),
    "x86fma": (Arithmetic("fused", "double"), "glibc"),
    "x86fma-clang": (Arithmetic("fused-expression", "double"), "glibc"),
    "m0": (Arithmetic("separate", "fdlibm"), "newlib"),
    "m3": (Arithmetic("separate", "fdlibm"), "newlib"),
    "m4f": (Arithmetic("fused", "fdlibm-fused", fuses_double=False), "newlib"),
    "m7": (Arithmetic("fused", "double"), "newlib"),
}
U32, U64 = TYPES["uint32_t"], TYPES["uint64_t"]


def scalar(definitions, inputs, output, ctype, **values):
    program = Program(definitions, inputs, {output: ctype})
    return program.compile(Arithmetic()).bind(**values).scalar(output)


# ---- Generators ----


def seeded(text, where, ctype, seed, layer, tensor):
    inputs = {name: Input(U32, "tensor") for name in ("seed", "layer", "tensor")}
    return int(scalar([define("state", text, where)], inputs, "state", ctype, seed=seed, layer=layer, tensor=tensor))


def words(spec, seed, layer, tensor, rand):
    """Yield the words of a generator."""
    kind = spec["kind"]
    number = {"seed": seed, "layer": layer, "tensor": tensor}

    def output(state, ctype):
        program = Program(
            [define("word", spec.get("output", "state"), "output")], {"state": Input(ctype)}, {"word": None}
        )
        bound = program.compile(Arithmetic()).bind()
        return lambda x: int(bound.evaluate(state=np.array([x]).astype(ctype.dtype))["word"][0])

    if kind == "lcg":
        bits = spec["bits"]
        ctype = U32 if bits == 32 else U64
        x = seeded(spec["seed"], "seed", ctype, **number)
        out = output(x, ctype)
        while True:
            x = (x * spec["multiplier"] + spec["increment"]) % (1 << bits)
            yield out(x)
    if kind == "minstd":
        x = seeded(spec["seed"], "seed", U32, **number)
        while True:
            x = x * spec["multiplier"] % (2**31 - 1)
            yield x
    if kind == "xorshift":
        ctype = TYPES[spec.get("state", "uint32_t")]
        mask = (1 << ctype.bits) - 1
        x = seeded(spec["seed"], "seed", ctype, **number) & mask
        out = output(x, ctype)
        while True:
            for shift in spec["shifts"]:
                signed = x - (1 << ctype.bits) if ctype.signed and x >> (ctype.bits - 1) else x
                x ^= (x << shift if shift > 0 else signed >> -shift) & mask
            signed = x - (1 << ctype.bits) if ctype.signed and x >> (ctype.bits - 1) else x
            yield out(signed) & (mask if ctype.bits == 32 else (1 << 64) - 1)
    if kind == "steps":
        yield from steps(spec, number)
    if kind == "xoroshiro128+":
        a, b, c = spec["rotations"]
        inputs = {name: Input(U32, "tensor") for name in number}
        lines = statements(["s0 = 0", "s1 = 0", *spec["seed"]], "seed", {"s0": U64, "s1": U64})
        zero = {name: Input(U64, "tensor") for name in ("s0", "s1")}
        bound = Program(lines, inputs | zero, {"s0": U64, "s1": U64}).compile(Arithmetic()).bind(s0=0, s1=0, **number)
        s0, s1 = int(bound.scalar("s0")), int(bound.scalar("s1"))
        mask = (1 << 64) - 1
        rotl = lambda v, k: ((v << k) | (v >> (64 - k))) & mask  # noqa: E731
        while True:
            yield (s0 + s1) & mask
            s1 ^= s0
            s0, s1 = rotl(s0, a) ^ s1 ^ ((s1 << b) & mask), rotl(s1, c)
    if kind == "pcg32":
        increment = (spec["stream"] << 1 | 1) % (1 << 64)
        multiplier, mask = 6364136223846793005, (1 << 64) - 1
        x = ((increment + seeded(spec["seed"], "seed", U64, **number)) * multiplier + increment) & mask
        while True:
            shifted, rotation = ((x >> 18) ^ x) >> 27 & 0xFFFFFFFF, x >> 59
            yield (shifted >> rotation | shifted << (-rotation & 31)) & 0xFFFFFFFF
            x = (x * multiplier + increment) & mask
    if kind == "mt19937":
        state = np.random.MT19937()
        state._legacy_seeding(seeded(spec["seed"], "seed", U32, **number))
        while True:
            yield int(state.random_raw())
    if kind == "rand":
        yield from (newlib_rand if rand == "newlib" else glibc_rand)(seeded(spec["seed"], "seed", U32, **number))


def newlib_rand(x):
    while True:
        x = (x * 6364136223846793005 + 1) % 2**64
        yield x >> 32 & 0x7FFFFFFF


def glibc_rand(seed):
    r = [seed or 1]
    r[0] = r[0] - 2**32 if r[0] >> 31 else r[0]
    for _ in range(30):
        x = r[-1]
        high = abs(x) // 127773 * (1 if x >= 0 else -1)
        x = 16807 * (x - high * 127773) - 2836 * high
        r.append(x + 2147483647 if x < 0 else x)
    r = [x % 2**32 for x in r]
    series = list(r)
    for i in range(31, 34):
        series.append(series[i - 31])
    i = 34
    while True:
        series.append((series[i - 31] + series[i - 3]) % 2**32)
        if i >= 344:
            yield series[i] >> 1
        i += 1


def steps(spec, number):
    variables = dict(reversed(parse_declaration(text, "state")) for text in spec["state"])
    inputs = {name: Input(U32, "tensor") for name in number}
    state = {name: Input(ctype, "tensor") for name, ctype in variables.items()}
    lines = statements(spec["seed"], "seed", variables)
    bound = (
        Program(lines, inputs | state, variables).compile(Arithmetic()).bind(**dict.fromkeys(variables, 0), **number)
    )
    now = {name: bound.scalar(name) for name in variables}
    lines = [*statements(spec["step"], "step", variables), define("word", spec["output"], "output")]
    routine = Program(lines, state, dict.fromkeys(variables) | {"word": None}).compile(Arithmetic())
    while True:
        bound = routine.bind(**now)
        now = {name: bound.scalar(name) for name in variables}
        yield int(bound.scalar("word"))


# ---- Models ----


class Stream:
    def __init__(self, dialect, seed, rand):
        self.spec, self.seed, self.rand = dialect["generator"], seed, rand
        self.scope = self.spec.get("scope", "model")
        self.start(0, 0)

    def start(self, layer, tensor):
        self.words = words(self.spec, self.seed, layer, tensor, self.rand)
        for _ in range(self.spec.get("warmup", 0)):
            next(self.words)

    def take(self, n):
        dtype = np.uint64 if self.spec["word_bits"] > 32 else np.uint32
        return np.array([next(self.words) for _ in range(n)], dtype)


def word_input(dialect):
    bits = dialect["generator"]["word_bits"]
    return Input(U64 if bits > 32 else U32, high=2**bits - 1)


class Filler:
    """One initializer of a dialect file, with the sizes of one tensor."""

    def __init__(self, dialect, initializer, sizes, arithmetic, stream, spares):
        self.dialect, self.table, self.stream, self.spares = dialect, initializer, stream, spares
        self.sizes = sizes | {"RAND_MAX": 2 ** dialect["generator"]["word_bits"] - 1}
        self.arithmetic = arithmetic
        self.names = [define(name, text, name) for name, text in initializer.items() if name not in ("words", "value")]

    def fixed(self):
        return {name: Input(TYPES["int32_t"] if name == "RAND_MAX" else U32, "tensor") for name in self.sizes}

    def run(self, definitions, inputs, outputs, arrays, extra=()):
        program = Program(definitions, inputs | self.fixed() | dict(extra), outputs)
        return program.compile(self.arithmetic).bind(**self.sizes).evaluate(**arrays)

    def unit(self):
        table = self.dialect["values"]
        return table.get("words", ["word"]), define("unit", table["unit"], "unit")

    def draw(self, n):
        table = self.table
        if "constant" in table:
            program = Program(self.names, self.fixed(), {"constant": FLOAT})
            return np.full(n, program.compile(self.arithmetic).bind(**self.sizes).scalar("constant"))
        if "mean" in table:
            return self.normal(n)
        names, unit = self.unit()
        definitions = list(self.names)
        if "value" in table:
            value = define("value", table["value"], "value")
            own = "words" in table
            names = table.get("words", names)
            definitions = [*definitions, value] if own else [*definitions, unit, value]
        else:
            definitions += [unit, define("value", self.dialect["values"]["uniform"], "uniform")]
        drawn = self.stream.take(n * len(names)).reshape(n, len(names))
        arrays = {name: np.ascontiguousarray(drawn[:, i]) for i, name in enumerate(names)}
        return self.run(definitions, dict.fromkeys(names, word_input(self.dialect)), {"value": FLOAT}, arrays)["value"]

    def one_unit(self, names, unit):
        drawn = self.stream.take(len(names))
        return {name: drawn[i : i + 1] for i, name in enumerate(names)}

    def normal(self, n):
        table = self.dialect["normal"]
        units, retry = table["words"], table.get("retry")
        after = table.get("retry_after", units[-1])
        names, unit = self.unit()
        keys = ("words", "retry", "redraw", "retry_after", "values", "spare", "result")
        own = {key: text for key, text in table.items() if key not in keys}
        two = len(table["values"]) == 2
        word = word_input(self.dialect)
        values = {f"z{i}": define(f"z{i}", text, "values") for i, text in enumerate(table["values"])}

        def unit_of(name):
            text = self.dialect["values"]["unit"]
            for each in names:
                text = re.sub(rf"\b{each}\b", f"{name}_{each}", text)
            return define(name, text, "unit")

        def words_of(name):
            return {f"{name}_{key}": value for key, value in self.one_unit(names, unit).items()}

        def needed(known):
            """Own names that can be computed from these."""
            found, have = [], set(known)
            for key, text in own.items():
                definition = define(key, text, key)
                if names_of(definition.tree) <= have:
                    found.append(definition)
                    have.add(key)
            return found

        result = define("result", table["result"], "result")
        out = np.empty(n, np.float32)
        before = units[: units.index(after) + 1] if retry else []
        late = [name for name in units if name not in before]
        spare = self.spares
        i = 0
        while i < n:
            if two and spare:
                z, ctype = spare.pop()
            else:
                arrays, opaque = {}, {}
                definitions = list(self.names)
                inputs = {}
                if retry:
                    raw = {}
                    for name in before:
                        raw |= words_of(name)
                    mine = [unit_of(name) for name in before]
                    mine += needed([*before])
                    while True:
                        kept = [each.name for each in mine]
                        got_program = Program(
                            [*mine, define("again", retry, "retry")],
                            dict.fromkeys(raw, word),
                            dict.fromkeys([*kept, "again"]),
                        )
                        got = got_program.compile(self.arithmetic).bind().evaluate(**raw)
                        if not got["again"][0]:
                            break
                        for name in table["redraw"]:
                            raw |= words_of(name)
                    opaque = {key: got[key] for key in kept}
                    inputs |= {key: Input(got_program.types[key]) for key in kept}
                    arrays |= opaque
                for name in late:
                    arrays |= (fresh := words_of(name))
                    inputs |= dict.fromkeys(fresh, word)
                    definitions.append(unit_of(name))
                have = set(inputs)
                definitions += [define(k, t, k) for k, t in own.items() if k not in have]
                if two:
                    both = Program([*definitions, *values.values()], inputs | self.fixed(), {"z0": None, "z1": None})
                    got = both.compile(self.arithmetic).bind(**self.sizes).evaluate(**arrays)
                    z, ctype = got["z0"], both.types["z0"]
                    spare.append((got["z1"], both.types["z1"]))
                else:
                    z0 = define("z", table["values"][0], "values")
                    out[i] = self.run([*definitions, z0, result], inputs, {"result": FLOAT}, arrays)["result"][0]
                    i += 1
                    continue
            out[i] = self.run([*self.names, result], {"z": Input(ctype)}, {"result": FLOAT}, {"z": z})["result"][0]
            i += 1
        return out


def built(model, platform):
    """Return the buffers of a model on a platform."""
    arithmetic, rand = BUILDS[platform]
    entry = RECORDED["models"][model]
    dialect = tomllib.loads((FOLDER / entry["dialect"]).read_text(encoding="utf-8"))["dialect"]
    layers = tomllib.loads((FOLDER / entry["model"]).read_text(encoding="utf-8"))["layer"]
    stream, spares, buffers, tensors = Stream(dialect, entry["seed"], rand), [], {}, 0
    for index, layer in enumerate(layers):
        if stream.scope == "layer":
            stream.start(index, tensors)
        rule = dialect["layers"][layer["type"]]
        kernel = layer.get("kernel_size", [])
        kernel = [kernel] if isinstance(kernel, int) else kernel
        names = {0: [], 1: ["kernel"], 2: ["kernel_height", "kernel_width"]}[len(kernel)]
        size = dict(zip(names, kernel, strict=True))
        size["in"] = layer.get("in_features", layer.get("in_channels"))
        size["out"] = layer.get("out_features", layer.get("out_channels"))
        size["kernel"] = int(np.prod(kernel)) if kernel else 1
        axes_inputs = {name: Input(U32, "tensor") for name in size}
        fans = {
            key: int(scalar([define("fan", rule[key], key)], axes_inputs, "fan", U32, **size))
            for key in ("fan_in", "fan_out")
        }
        tables = dialect["initializers"]
        bias = dialect.get("bias", {}).get("initializer", "default")
        axes = rule["weight"]
        shape = [size[axis] for axis in axes]
        weight = np.empty(shape, np.float32)
        b = np.empty(size["out"], np.float32)

        def fill(name, target, order=None, fans=fans, tables=tables):
            if name == "zeros":
                target[...] = 0
                return
            filler = Filler(dialect, tables[name], fans, arithmetic, stream, spares)
            view = target if order is None else np.transpose(target, order)
            view[...] = filler.draw(target.size).reshape(view.shape)
            if dialect.get("normal", {}).get("spare") == "tensor":
                spares.clear()

        if rule.get("interleave") == "out":
            for o in range(size["out"]):
                for part in rule["order"]:
                    if part == "bias":
                        fill(bias, b[o : o + 1])
                    else:
                        fill("default", weight[o])
        else:
            order = [axes.index(axis) for axis in rule["draws"]] if "draws" in rule else None
            for part in rule["order"]:
                if stream.scope == "tensor":
                    stream.start(index, tensors)
                tensors += 1
                fill("default", weight, order) if part == "weight" else fill(bias, b)
        buffers[f"{layer['name']}.weight"], buffers[f"{layer['name']}.bias"] = weight, b
    return buffers


def expected():
    found = {}
    for name in ("vectors.npz", "vectors_clang.npz"):
        arrays = np.load(FOLDER / name)
        for key in arrays.files:
            model, platform, buffer = key.split("/")
            found.setdefault((model, platform), {})[buffer] = arrays[key]
    return found


EXPECTED = expected()


#: m3 has the words of m0; of the second model of a program two builds are enough.
CASES = [case for case in EXPECTED if case[1] != "m3" and (case[0].endswith("a") or case[1] in ("x86fma", "m4f"))]


@pytest.mark.parametrize(("model", "platform"), CASES)
def test_expressions_give_what_a_compiler_built(model, platform):
    got = built(model, platform)

    for buffer, want in EXPECTED[model, platform].items():
        assert got[buffer].ravel().view(np.uint32).tolist() == want.tolist(), buffer
