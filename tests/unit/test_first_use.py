"""A first use compiles its own path alone, and its functions only as parts of the kernel that is called."""

import json
import os
import subprocess
import sys
import zlib

import numpy as np

import embinit
from embinit._kernels import jit

SIZE = 5000
MEASURED = """
import json, sys, zlib
import numpy as np
from numba.core import codegen, event
import embinit

compiled, made = set(), []

class Listener(event.Listener):
    def on_start(self, event): pass
    def on_end(self, event): compiled.add(event.data["dispatcher"].py_func.__qualname__)

event.register("numba:compile", Listener())
finalized = codegen.JITCodeLibrary._finalize_final_module

def noted(library):
    made.append(library.name)
    finalized(library)

codegen.JITCodeLibrary._finalize_final_module = noted
found = []
for call in sys.argv[1:]:
    values = np.linspace(-0.9, 0.9, 5000, dtype=np.float32)
    result = eval(call)
    crc = zlib.crc32(np.ascontiguousarray(values if result is None else result))
    found.append([crc, sorted(compiled), list(made)])
    compiled.clear()
    made.clear()
json.dump(found, sys.stdout)
"""
#: No call uses a kernel that an earlier one has compiled.
CALLS = {
    "embinit.Generator(embinit.MT19937(5)).uniform(-0.5, 0.5, values)": {"from_blocks-2"},
    "embinit.encode(values, 'asym8', 'stochastic', embinit.Generator(embinit.Xorshift32(5))).data": {
        "extremes",
        "encode_drawn-0-8-0",
    },
    "embinit.encode(values, 'float16', 'half_even').data": {"round_all-1-0"},
}
GENERATORS = {"xorshift32", "mt19937", "pcg32", "called"}
#: What Numba itself compiles before anything else.
NUMBAS = {"nrt", "_call_allocator", "imp"}


def test_a_first_use_compiles_its_own_path(tmp_path):
    """In one process whose cache is empty, one call after the other."""
    environment = {**os.environ, "EMBINIT_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", MEASURED, *CALLS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for (call, kernels), (crc, compiled, made) in zip(CALLS.items(), json.loads(done.stdout), strict=True):
        own = {name for name in compiled if "<locals>" not in name}
        assert len(own & GENERATORS) <= 1, call
        assert {name for name in made if "<locals>" not in name} - NUMBAS == kernels, call
        values = np.linspace(-0.9, 0.9, SIZE, dtype=np.float32)
        result = eval(call, {"embinit": embinit, "values": values})
        assert zlib.crc32(np.ascontiguousarray(values if result is None else result)) == crc, call


LOOP = """
import sys
import numpy as np
from embinit import Generator, Xorshift32
from embinit._kernels.jit import FEW, Kernel

assert Kernel.left == FEW
Kernel.left //= 8
generator, out, calls = Generator(Xorshift32(5)), np.empty(16, np.float32), 0
while "numba" not in sys.modules:
    generator.uniform(-0.5, 0.5, out)
    calls += 1
print(calls)
"""


def test_a_loop_of_small_calls_is_compiled_in_the_end():
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True, timeout=300)
    assert int(done.stdout) == -(-(jit.FEW // 8) // (jit.CALL + 17))


@jit.inlined
def doubled(x):
    return x + x


@jit.either_way
def doubled_twice(values):
    for i in jit.independent(values.size):
        values[i] = doubled(doubled(values[i]))


def test_a_part_can_be_called_from_python_too():
    values = np.array([1.0, 2.5])
    jit.as_kernel(doubled_twice).machine(values)
    assert values.tolist() == [4.0, 10.0]
    assert doubled(3) == 6


def test_numpy_runs_the_first_few_elements_of_a_kernel(monkeypatch):
    ran = []
    monkeypatch.setattr(jit, "sys", type("System", (), {"modules": {"numba": None}}))
    monkeypatch.setattr(jit.Kernel, "of_arrays", property(lambda self: lambda *_: ran.append("NumPy")))
    monkeypatch.setattr(jit.Kernel, "compiled", property(lambda self: lambda *_: ran.append("Numba")))
    few, other = jit.either_way(lambda values: None), jit.either_way(lambda values: None)
    for _ in range(9):
        few(np.empty(1))
    other(np.empty(jit.FIRST))

    assert ran == 7 * ["NumPy"] + 2 * ["Numba"] + ["Numba"]
