"""Random expressions on the host against the oracle: every bit, and every refusal."""

import math
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit.errors import EmbinitError
from embinit.expressions import TYPES, Arithmetic, Input, Program, define

from support import expression_oracle as oracle
from support.random_expressions import INPUTS, expressions, text_of
from support.sweeps import examples

SPECIAL = {
    "float": [0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 2.0**-149, 2.0**-126, 3.4028234663852886e38],
    "double": [0.0, -0.0, 1.0, -1.0, 0.1, math.inf, -math.inf, math.nan, 5e-324, 2.0**-1022, 1.7976931348623157e308],
}


def numbers(ctype):
    if ctype in SPECIAL:
        width = 32 if ctype == "float" else 64
        ordinary = st.floats(-4, 4, width=width)
        return st.one_of(ordinary, ordinary, st.floats(width=width), st.sampled_from(SPECIAL[ctype]))
    bits = oracle.BITS[ctype]
    low, high = (0, 2**bits - 1) if ctype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.one_of(st.integers(max(low, -20), 20), st.integers(low, high), st.sampled_from([low, high]))


rows = st.fixed_dictionaries({name: numbers(ctype) for name, ctype in INPUTS.items()})


def bits(value, ctype):
    if ctype not in SPECIAL:
        return int(value)
    if math.isnan(value):
        return "nan"
    return struct.pack("<f" if ctype == "float" else "<d", float(value))


def expected(tree, row):
    try:
        return oracle.evaluate(tree, row, INPUTS)
    except oracle.Undefined:
        return None


def evaluated(text, table):
    """Return the type, the values, and where they are defined; None where the expression is refused."""
    inputs = {name: Input(TYPES[ctype]) for name, ctype in INPUTS.items()}
    try:
        program = Program([define("x", text, "x")], inputs, {"x": None})
        bound = program.compile(Arithmetic()).bind()
    except EmbinitError:
        return None
    columns = {name: np.array([row[name] for row in table], TYPES[ctype].dtype) for name, ctype in INPUTS.items()}
    out, _ = bound._evaluated(columns)
    return program.types["x"].name, out["x"], bound.defined(**columns)


@settings(max_examples=examples(200), deadline=None)
@given(st.deferred(expressions), st.lists(rows, min_size=1, max_size=8))
def test_host_and_oracle_agree(tree, table):
    got = evaluated(text_of(tree), table)
    wanted = [expected(tree, row) for row in table]

    if got is None:  # constant parts that C leaves undefined, or that overflow
        return
    ctype, values, defined = got
    assert ctype == oracle.type_of(tree, INPUTS)
    for row, value, good, want in zip(table, values, defined, wanted, strict=True):
        assert good == (want is not None), row
        if good:
            assert bits(value, ctype) == bits(want, ctype), row
