"""Models of three layers that do something in their own way, and what generated C leaves of them."""

import subprocess
import tomllib

from embinit import codegen
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES

HEAD = '[model]\nname = "m"\ndialect = "{dialect}"\ntarget = "cortex-m4f"\nseed = 42\n{keys}\n'
A = '[[layer]]\nname = "a"\ntype = "Linear"\nin_features = 7\nout_features = 6\n'
B = '[[layer]]\nname = "b"\ntype = "Conv1d"\nin_channels = 4\nout_channels = 6\nkernel_size = 3\n'
T = '[[layer]]\nname = "t"\ntype = "ConvTranspose1d"\nin_channels = 4\nout_channels = 6\nkernel_size = 2\n'
STRICT = ["-O2", "-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
MAIN = """#include <stdio.h>
#include "m_init.h"
int firmware_main(uint32_t seed);
{declared}
int main(void)
{{
    int good = firmware_main(42);
{written}
    return good == 1 ? 0 : 1;
}}
"""


def tables(way):
    """The tables of a dialect, keys of [model], and keys of layers a, b and t, of which None is left out."""
    dialect, head, *layers = way
    text = HEAD.format(dialect=dialect, keys=head)
    text += "".join(f"{base}{keys}\n" for base, keys in zip((A, B, T), layers, strict=True) if keys is not None)
    return tomllib.loads(text)


def bundle_of(way):
    return gather(from_tables(tables(way), {}).plan())


def library_in(folder):
    """The C library as objects, compiled once."""
    subprocess.run(["gcc", *STRICT, "-c", *map(str, SOURCES)], cwd=folder, check=True)
    return sorted(map(str, folder.glob("*.o")))


def left_by_c(bundle, library, folder):
    """Return what the generated code leaves in memory, built for this machine; it must agree that all is well."""
    texts = {
        "m_init.h": codegen.init_header(bundle), "m_init.c": codegen.init_source(bundle),
        "firmware.c": codegen.firmware(bundle),
        "main.c": MAIN.format(
            declared="\n".join(f"extern {array.ctype} device_{array.identifier}[];" for array in bundle.arrays),
            written="\n".join(
                f"    fwrite(device_{array.identifier}, 1, {len(array.payload)}, stdout);" for array in bundle.arrays
            ),
        ),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text)
    sources = [name for name in texts if name.endswith(".c")]
    subprocess.run(["gcc", *STRICT, f"-I{C_DIRECTORY}", "-I.", *sources, *library, "-o", "m"], cwd=folder, check=True)
    written, found = subprocess.run([folder / "m"], capture_output=True, check=True).stdout, {}
    for array in bundle.arrays:
        found[array.name], written = written[: len(array.payload)], written[len(array.payload) :]
    return found
