"""Random devices that make mistakes, and what diagnose may say of them: `python random_devices.py COUNT [FIRST]`.

A device makes a mistake that diagnose knows, two of them, or two that have nothing to do with each other; or its memory
is random. Whatever is said to explain a dump must give every bit of it: simulated, and by the lines, which are pasted
into the model file as text and go through plan, fill and store.
"""

import random
import sys
import time
import tomllib
from dataclasses import replace

import numpy as np

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose, rules
from embinit.diagnose.account import Account
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.seeds import likely_seeds
from embinit.errors import EmbinitError
from embinit.formats.quantizer import Quantizer

DIALECTS = ["odt", "odt", "odt", "torch", "portable", "tinn", "kaun", "cranium"]
FORMATS = ["float32", "float32", "float32", "int8", "int4", "q7", "q15", "sym6", "affine8", "float16"]
#: Initializers whose parameters stand beside them.
BESIDE = [
    'weight_init = "uniform"\nlow = -0.25\nhigh = 0.5',
    'weight_init = "normal"\nmean = 0.125\nstddev = 0.5',
    'weight_init = "kaiming_uniform"\ngain = 1.5',
    'weight_init = "xavier_uniform"\ngain = 0.5',
]
KINDS = ["one", "one", "one", "rule", "two", "apart", "random", "random buffer", "seed", "order"]


def model_text(chance):
    """A model file of two or three layers, as TOML."""
    dialect = chance.choice(DIALECTS)
    lines = [f'[model]\nname = "m"\ndialect = "{dialect}"\ntarget = "{chance.choice(["cortex-m0", "cortex-m4f"])}"']
    lines += [f"seed = {chance.choice([1, 42, chance.randrange(1, 2**31)])}"]
    width = chance.randrange(4, 12)
    for i in range(chance.choice([1, 2, 2, 3])):
        out = chance.randrange(4, 12)
        lines += [f'[[layer]]\nname = "l{i}"\ntype = "Linear"\nin_features = {width}\nout_features = {out}']
        kind = chance.choice(FORMATS)
        lines += [f'weight_format = "{kind}"'] if kind != "float32" else []
        if kind in ("int8", "int4", "q7") and chance.random() < 0.3:
            lines += ['bias_format = "int32"\ninput_scale = 0.0078125']
        lines += [chance.choice(BESIDE)] if dialect in ("odt", "torch", "portable") and chance.random() < 0.2 else []
        width = out
    return "\n".join(lines) + "\n"


def memory(run):
    return {**run.image, **run.beside}


def by_rules(chance, model):
    """A device that gets to the codes of one format in its own way."""
    coded = [layer for layer in model.layers if layer.weight_format not in ("float32", "float16")]
    if not coded:
        return None
    layer = chance.choice(coded)
    format_ = next(each.storage.kind for each in model.tensors if each.layer is layer and each.part == "weight")
    quotients = [each for each in rules.quotients(format_) if each.format is None] or [None]
    told = {**(getattr(chance.choice(quotients), "told", {})), **chance.choice(list(rules.limits(format_))).told}
    keys = {
        "rounding": chance.choice(["half_away", *rules.SAYS]),
        "weight_quantizer": Quantizer(**told) if told else None,
    }
    layers = [replace(each, **keys) if each is layer else each for each in model.layers]
    return memory(Account.of(replace(model, layers=layers)).run())


def in_order(chance, model):
    """A device that keeps one weight in another order of elements."""
    layer = chance.choice(model.layers)
    tensor = next(each for each in model.tensors if each.layer is layer and each.part == "weight")
    rows, columns = tensor.shape
    block = list(range(chance.choice([2, 3, 4, 8])))
    chance.shuffle(block)
    along = {"order": chance.sample(range(rows), rows), "axis": tensor.axes[0]}
    turned = {"sizes": [rows, columns], "axes": [1, 0]}
    tiles = {"tile": [2, 2], "axes": [0, 2, 1, 3]}
    order = chance.choice([{"order": block}, along, turned, tiles, {"reverse": True}, {"rotate": 3}])
    layers = [replace(each, element_order={"weight": order}) if each is layer else each for each in model.layers]
    return memory(Account.of(replace(model, layers=layers)).run())


def device(chance, model):
    """The kind of a device and its memory; None where the mistake is not possible."""
    kind = chance.choice(KINDS)
    account = Account.of(model)
    known = [*ordinary(model, normals=False), *likely_seeds(model, rare=False)]
    if kind == "random":
        return kind, {name: chance.randbytes(len(held)) for name, held in memory(account.run()).items()}
    if kind == "rule":
        return kind, by_rules(chance, model)
    if kind == "order":
        return kind, in_order(chance, model)
    if kind == "seed":
        return kind, memory(Account.of(replace(model, seed=chance.randrange(1, 2**31))).run())
    first, second = sorted(chance.sample(known, 2), key=lambda hypothesis: hypothesis.aspect)
    if kind == "two":
        return kind, memory(second.change(first.change(account)).run())
    made = memory(first.change(account).run())
    if kind == "random buffer":
        name = chance.choice(sorted(made))
        return kind, {**made, name: chance.randbytes(len(made[name]))}
    if kind == "apart":
        other = memory(second.change(account).run())
        return kind, {name: chance.choice([made, other]).get(name, held) for name, held in made.items()}
    return kind, made


def pasted(text, lines, replaces):
    """The tables of a model file after lines were pasted, as a person does it, in place of what they replace."""
    tables = tomllib.loads(text)
    declared = "\n".join(f"{head}\n{said}" for head, said in lines.items() if head.startswith("[dialect"))
    if declared:
        tables |= tomllib.loads(declared)
        tables["model"].pop("dialect")
    tables["model"] |= tomllib.loads(lines.get("[model]", ""))
    for layer in tables["layer"]:
        for head in ("[[layer]]", f"[[layer]] {layer['name']}"):
            for key in replaces.get(head, ()):
                layer.pop(key, None)
            layer |= tomllib.loads(lines.get(head, ""))
    return tables


def check(number):
    """Diagnose device of a number; return its kind, whether it was explained, and how many explanations had lines."""
    chance = random.Random(number)
    while True:
        text = model_text(chance)
        try:
            model = from_tables(tomllib.loads(text), {})
            bundle = gather(model.plan())
            kind, made = device(chance, model)
        except EmbinitError:
            continue
        names = [array.name for array in bundle.arrays if made and len(made.get(array.name, b"")) == len(array.payload)]
        if names and len(names) == len(bundle.arrays):
            break
    dump = {name: made[name] for name in names if chance.random() < 0.9 or name.endswith("weight")}
    diagnosis, with_lines = diagnose(bundle, dump, "dump"), 0
    if diagnosis.report.agrees:
        return kind, True, 0
    for explanation in diagnosis.explanations:
        right = {name for name in dump if explanation.image[name] == dump[name]}
        assert right == set(explanation.reproduces), (number, kind, explanation)
        assert explanation.exact == (right == set(dump)), (number, kind, explanation)
        if explanation.lines and explanation.exact:
            with_lines += 1
            again = gather(from_tables(pasted(text, explanation.lines, explanation.replaces), {}).plan())
            held = {array.name: array.payload for array in again.arrays}
            differing = [name for name in dump if held.get(name) != dump[name]]
            assert not differing, (number, kind, explanation.lines, differing)
    if kind == "random":
        large = [name for name, held in dump.items() if len(held) >= 8]
        assert not large or not diagnosis.explained, (number, kind, str(diagnosis))
    return kind, diagnosis.explained, with_lines


def main(count, first):
    start, seen = time.monotonic(), {}
    for number in range(first, first + count):
        try:
            kind, explained, with_lines = check(number)
        except Exception as error:
            print("WRONG", number, repr(error), flush=True)
            continue
        total = seen.setdefault(kind, np.zeros(3, int))
        total += (1, explained, with_lines > 0)
        if number % 100 == 99:
            done = {name: each.tolist() for name, each in sorted(seen.items())}
            print(number + 1 - first, f"{time.monotonic() - start:.0f} s", done, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
