"""Firmware of generated C for an emulated core."""

from pathlib import Path

import embinit
from embinit import codegen, device
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

ROOT = Path(__file__).parents[2]
HARNESS = Path(__file__).parent / "c"


def example(name, **overrides):
    return embinit.load(ROOT / "examples" / f"{name}.toml", **overrides)


def firmware(bundle, folder, *extra, flags=()):
    """Build the generated init code with more generated or test sources and return the loaded core."""
    name = bundle.plan.model.name
    texts = {
        f"{name}_init.h": codegen.init_header(bundle),
        f"{name}_init.c": codegen.init_source(bundle),
        f"expected_{name}.h": "".join(codegen.expected_header(bundle)),
        f"test_{name}.c": codegen.unity_test(bundle),
        f"check_{name}.c": codegen.plain_check(bundle),
        "firmware.c": codegen.firmware(bundle),
    }
    for file, text in texts.items():
        (folder / file).write_text(text)
    sources = [*device.SOURCES, folder / f"{name}_init.c", folder / "firmware.c", *(folder / file for file in extra)]
    emulation = EMULATIONS[bundle.plan.model.target]
    strict = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-std=c99", *flags]
    include = [device.C_DIRECTORY, HARNESS]  # not the folder: so zig knows the library again
    return Machine(build(sources, emulation, folder / "firmware.elf", include=include, flags=strict), emulation)


def glue(bundle):
    """Return what the user of the generated tests writes: where the buffers are, and a putchar."""
    name = bundle.plan.model.name
    members = ", ".join(f"device_{array.identifier}" for array in bundle.arrays)
    declared = "".join(f"extern {array.ctype} device_{array.identifier}[];\n" for array in bundle.arrays)
    return (
        f'#include "{name}_init.h"\n#include "unity.h"\n{declared}'
        f"static const {name}_buffers all = {{{members}}};\n"
        f"const {name}_buffers *{name}_under_test(void);\n"
        f"const {name}_buffers *{name}_under_test(void)\n{{\n    return &all;\n}}\n"
        f"int {name}_compare(const {name}_buffers *buffers, int (*put)(int));\n"
        f"int compare_all(void);\nint compare_all(void)\n{{\n    return {name}_compare(&all, test_put);\n}}\n"
    )
