"""The generated Unity test, on CRC-32s alone, of buffers whose memory is larger than their elements."""

import subprocess

import pytest

import embinit
from embinit import codegen
from embinit.bundle import gather
from embinit.clib import SOURCES

from support.compilers import HOST_COMPILERS, compile_program
from support.firmware import HARNESS

#: A compiler of this machine.
COMPILER = next(iter(HOST_COMPILERS))

KEYS = {"rows apart": {"row_stride": 5}, "big endian": {"byte_order": "big"}}


@pytest.mark.parametrize("keys", KEYS)
def test_it_passes_on_what_the_generated_code_leaves(keys, tmp_path):
    fc = embinit.Linear(name="fc", in_features=3, out_features=2, **KEYS[keys])
    bundle = gather(embinit.Model("tiny", [fc], seed=42, dialect="odt").plan())
    members = ", ".join(array.identifier for array in bundle.arrays)
    held = "".join(f"static {array.ctype} {array.identifier}[{array.room}];\n" for array in bundle.arrays)
    texts = {
        "tiny_init.h": codegen.init_header(bundle),
        "tiny_init.c": codegen.init_source(bundle),
        "expected_tiny.h": "".join(codegen.expected_header(bundle)),
        "test_tiny.c": codegen.unity_test(bundle),
        "glue.c": f'#include "tiny_init.h"\n{held}static const tiny_buffers all = {{{members}}};\n'
        "const tiny_buffers *tiny_under_test(void);\n"
        "const tiny_buffers *tiny_under_test(void)\n{\n    tiny_init(&all, 42);\n    return &all;\n}\n",
    }
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    sources = [*SOURCES, HARNESS / "harness.c", *(tmp_path / file for file in texts if file.endswith(".c"))]
    flags = ["-std=c99", "-DEMBINIT_CRC_ONLY", f"-I{HARNESS}", f"-I{tmp_path}"]
    program = compile_program(COMPILER, sources, tmp_path / "test", *flags, "-lm", warnings=())

    assert subprocess.run([program], check=False).returncode == 0
