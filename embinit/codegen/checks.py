"""Tests that run on the device, and the firmware that init code runs in."""

from importlib.resources import files

from embinit.bundle import Bundle
from embinit.codegen.init import init_signature
from embinit.codegen.text import banner, joined, seed_type


def unity_test(bundle: Bundle) -> str:
    """Return test_<name>.c for Unity: one test per buffer, on exact bits or, with EMBINIT_CRC_ONLY, on CRC-32s."""
    name = bundle.plan.model.name
    tests = []
    for array in bundle.arrays:
        memory = array.memory
        bits = 8 * memory.itemsize
        tests.append(
            f"void test_{array.identifier}(void)\n{{\n"
            f"    const {array.ctype} *actual = {name}_under_test()->{array.identifier};\n"
            "#ifdef EMBINIT_CRC_ONLY\n"
            f"    uint32_t crc32 = embinit_crc32(0, actual, {len(array.view)}u);\n"
            f"    TEST_ASSERT_EQUAL_HEX32({name}_{array.identifier}_crc32, crc32);\n"
            "#else\n"
            f"    TEST_ASSERT_EQUAL_HEX{bits}_ARRAY(expected_{name}_{array.identifier}, actual, {memory.size});\n"
            "#endif\n}\n"
        )
    runs = (f"    RUN_TEST(test_{array.identifier});" for array in bundle.arrays)
    return (
        banner(bundle, "bit-exact tests for Unity")
        + f'#include "unity.h"\n\n#include "embinit.h"\n#include "expected_{name}.h"\n#include "{name}_init.h"\n\n'
        + "/* Yours to write: run your init code once, and return where its buffers are. */\n"
        + f"const {name}_buffers *{name}_under_test(void);\n\n"
        + "void setUp(void)\n{\n}\n\nvoid tearDown(void)\n{\n}\n\n"
        + "\n".join(tests)
        + f"\nint main(void)\n{{\n    UNITY_BEGIN();\n{joined(runs)}    return UNITY_END();\n}}\n"
    )


#: C that reads an element of a golden vector, byte by byte, since the vector may be where no pointer reaches.
_OF_MACRO = """
#ifndef EMBINIT_GOLDEN_BYTE
#define EMBINIT_GOLDEN_BYTE(at) (*(at))
#endif

static uint32_t golden(const void *data, uint32_t size, uint32_t i)
{
    const unsigned char *byte = (const unsigned char *)data + (size_t)size * i;
    uint32_t value = 0;
    while (size-- != 0) {
        value = (value << 8) | EMBINIT_GOLDEN_BYTE(byte + size);
    }
    return value;
}
"""


def plain_check(bundle: Bundle, of_macro: bool = False) -> str:
    """Return check_<name>.c: the same tests without a framework, which print through the caller's putchar. of_macro:
    whether golden vectors are read through the macro EMBINIT_GOLDEN_BYTE.
    """
    name = bundle.plan.model.name
    arrays, checksums = [], []
    for array in bundle.arrays:
        common = f'{{"{array.identifier}", buffers->{array.identifier}, '
        size = f"{array.memory.size}u, {array.memory.itemsize}u"
        arrays.append(f"        {common}expected_{name}_{array.identifier}, {size}, 0}},")
        checksums.append(f"        {common}0, {size}, {name}_{array.identifier}_crc32}},")
    template = (files("embinit") / "c" / "check.c.in").read_text(encoding="utf-8")
    filled = (
        template.replace("@name@", name)
        .replace("@arrays@", "\n".join(arrays))
        .replace("@checksums@", "\n".join(checksums))
        .replace("@count@", str(len(bundle.arrays)))
        .replace("@reader@", _OF_MACRO if of_macro else "")
        .replace("@read@", "golden" if of_macro else "element")
    )
    return banner(bundle, "bit-exact check without a test framework") + filled


def firmware(bundle: Bundle, init: str | None = None) -> str:
    """Return the C of a firmware that fills buffers named device_<layer>_<part> when firmware_main is called. init: a
    function that fills them instead of the generated one; its result is not checked.
    """
    name = bundle.plan.model.name
    call, result = (f"{name}_init", f"{name}_check(&buffers)") if init is None else (init, "1")
    declared = "" if init is None else f"{init_signature(bundle, init)};\n"
    seed = f"{seed_type(bundle)} seed"
    buffers = (f"{array.ctype} device_{array.identifier}[{array.room}];" for array in bundle.arrays)
    pointers = (f"    device_{array.identifier}," for array in bundle.arrays)
    return (
        banner(bundle, "a firmware that only initializes")
        + f'#include "{name}_init.h"\n\n{joined(buffers)}\n'
        + f"static const {name}_buffers buffers = {{\n{joined(pointers)}}};\n\n"
        + f"{declared}int firmware_main({seed});\n\n"
        + f"int firmware_main({seed})\n{{\n"
        + f"    {call}(&buffers, seed);\n    return {result};\n}}\n"
    )
