"""Tests that run on the device, one file for each framework, to be linked into a larger image: they have no main, and
their names begin with the model's.
"""

from collections.abc import Iterable, Iterator

from embinit.bundle import Array, Bundle
from embinit.codegen.checks import plain_check
from embinit.codegen.text import banner, joined


def suite_header(bundle: Bundle) -> str:
    """Return test_<name>.h: the prototypes of what the tests need and of what runs them."""
    name = bundle.plan.model.name
    guard = f"TEST_{name.upper()}_H"
    return (
        banner(bundle, "what bit-exact tests need, and what runs them")
        + f"#ifndef {guard}\n#define {guard}\n\n"
        + f'#include "{name}_init.h"\n\n#ifdef __cplusplus\nextern "C" {{\n#endif\n\n'
        + "/* Yours to write: run your init code once, and return where its buffers are. */\n"
        + f"const {name}_buffers *{name}_under_test(void);\n\n"
        + "/* Run all tests, between UNITY_BEGIN and UNITY_END; format unity has it. */\n"
        + f"void {name}_run_tests(void);\n\n"
        + "/* Compare every buffer, print the first mismatch and PASS or FAIL through put (putchar will do), and\n"
        + " * return 0 for PASS; format plain has it. */\n"
        + f"int {name}_compare(const {name}_buffers *buffers, int (*put)(int));\n\n"
        + "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def plain(bundle: Bundle) -> str:
    """Return test_<name>_plain.c: the check without a framework, which reads golden vectors through a macro."""
    return plain_check(bundle, of_macro=True)


def program(bundle: Bundle) -> str:
    """Return main_<name>.c: a program that runs the generated init code and compares with `plain`; with
    EMBINIT_UNDER_TEST other code says where the buffers are.
    """
    model = bundle.plan.model
    name = model.name
    buffers = (f"static {array.ctype} {array.identifier}[{array.room}];" for array in bundle.arrays)
    pointers = (f"        {array.identifier}," for array in bundle.arrays)
    suffix = (
        "" if 0 <= model.seed < 2**31 else "u" if 0 <= model.seed < 2**32 else "ll" if model.seed < 2**63 else "ull"
    )
    return (
        banner(bundle, "a program that runs init code and compares every buffer")
        + f'#include <stdio.h>\n\n#include "test_{name}.h"\n\n#ifndef EMBINIT_UNDER_TEST\n\n{joined(buffers)}\n'
        + f"const {name}_buffers *{name}_under_test(void)\n{{\n"
        + f"    static const {name}_buffers buffers = {{\n{joined(pointers)}    }};\n"
        + f"    (void){name}_init(&buffers, {model.seed}{suffix});\n    return &buffers;\n}}\n\n#endif\n\n"
        + f"int main(void)\n{{\n    return {name}_compare({name}_under_test(), putchar);\n}}\n"
    )


def unity(bundle: Bundle) -> str:
    """Return test_<name>_unity.c; with EMBINIT_MAIN it has main, setUp and tearDown too."""
    name = bundle.plan.model.name
    tests = [
        f"static void test_{name}_{array.identifier}(void)\n{{\n    {_actual(name, array)}\n"
        "#ifdef EMBINIT_CRC_ONLY\n"
        f"    TEST_ASSERT_EQUAL_HEX32({name}_{array.identifier}_crc32, {_crc32(array)});\n"
        "#else\n"
        f"    TEST_ASSERT_EQUAL_HEX{8 * array.memory.itemsize}_ARRAY({_golden(name, array)}, actual, "
        f"{array.memory.size});\n"
        "#endif\n}\n"
        for array in bundle.arrays
    ]
    runs = (f"    RUN_TEST(test_{name}_{array.identifier});" for array in bundle.arrays)
    return _suite(
        bundle,
        "unity.h",
        "Unity",
        [
            *tests,
            f"void {name}_run_tests(void)\n{{\n{joined(runs)}}}\n",
            "#ifdef EMBINIT_MAIN\n\nvoid setUp(void)\n{\n}\n\nvoid tearDown(void)\n{\n}\n\n"
            f"int main(void)\n{{\n    UNITY_BEGIN();\n    {name}_run_tests();\n    return UNITY_END();\n}}\n\n#endif\n",
        ],
    )


def ztest(bundle: Bundle) -> str:
    """Return test_<name>_ztest.c for Zephyr: a suite of the model's name, which Zephyr runs by itself."""
    name = bundle.plan.model.name
    tests = [
        f"ZTEST({name}, test_{array.identifier})\n{{\n    {_actual(name, array)}\n"
        "#ifdef EMBINIT_CRC_ONLY\n"
        f"    const uint32_t crc32 = {_crc32(array)};\n"
        f'    zassert_equal(crc32, {name}_{array.identifier}_crc32, "{array.name}: CRC-32 0x%08x", (unsigned)crc32);\n'
        "#else\n"
        f"    const size_t at = first_difference({_golden(name, array)}, actual, {_bytes(array)}u);\n"
        f'    zassert_equal(at, {_bytes(array)}u, "{array.name}: the first mismatch is in element %u",\n'
        f"                  (unsigned)(at / {array.memory.itemsize}u));\n"
        "#endif\n}\n"
        for array in bundle.arrays
    ]
    search = [
        "#ifndef EMBINIT_CRC_ONLY\n"
        "/* Return the place of the first byte that differs, or n. */\n"
        "static size_t first_difference(const void *expected, const void *actual, size_t n)\n{\n"
        "    size_t at = 0;\n"
        "    while (at < n && ((const unsigned char *)expected)[at] == ((const unsigned char *)actual)[at]) {\n"
        "        at++;\n    }\n    return at;\n}\n#endif\n"
    ]
    end = [f"ZTEST_SUITE({name}, NULL, NULL, NULL, NULL, NULL);\n"]
    return _suite(bundle, "zephyr/ztest.h", "Zephyr's ztest", [*search, *tests, *end])


def gtest(bundle: Bundle) -> str:
    """Return test_<name>_gtest.cpp for GoogleTest: a test suite of the model's name."""
    name = bundle.plan.model.name
    tests = [
        f"TEST({name}, {array.identifier})\n{{\n    {_actual(name, array)}\n"
        "#ifdef EMBINIT_CRC_ONLY\n"
        f"    ASSERT_EQ({name}_{array.identifier}_crc32, {_crc32(array)});\n"
        "#else\n"
        f"    for (std::size_t i = 0; i < {array.memory.size}u; i++) {{\n"
        f"        std::uint{8 * array.memory.itemsize}_t bits;\n"
        f"        std::memcpy(&bits, reinterpret_cast<const unsigned char *>(actual) + i * sizeof bits, sizeof bits);\n"
        f'        ASSERT_EQ({_golden(name, array)}[i], bits) << "{array.name}, element " << i;\n'
        "    }\n#endif\n}\n"
        for array in bundle.arrays
    ]
    return _suite(bundle, "gtest/gtest.h", "GoogleTest", tests, ("cstddef", "cstdint", "cstring"))


def cpputest(bundle: Bundle) -> str:
    """Return test_<name>_cpputest.cpp for CppUTest: a test group of the model's name."""
    name = bundle.plan.model.name
    tests = [
        f"TEST({name}, {array.identifier})\n{{\n    {_actual(name, array)}\n"
        "#ifdef EMBINIT_CRC_ONLY\n"
        f"    UNSIGNED_LONGS_EQUAL({name}_{array.identifier}_crc32, {_crc32(array)});\n"
        "#else\n"
        f"    MEMCMP_EQUAL({_golden(name, array)}, actual, {_bytes(array)}u);\n"
        "#endif\n}\n"
        for array in bundle.arrays
    ]
    return _suite(bundle, "CppUTest/TestHarness.h", "CppUTest", [f"TEST_GROUP({name})\n{{\n}};\n", *tests])


def _suite(bundle: Bundle, header: str, framework: str, parts: Iterable[str], system: Iterable[str] = ()) -> str:
    """Return a file of tests. The framework's header comes before ours, because it may define macros."""
    name = bundle.plan.model.name
    includes: Iterator[str] = iter(
        [
            *(f"#include <{each}>" for each in system),
            f"#include <{header}>" if "/" in header else f'#include "{header}"',
        ]
    )
    own = ("embinit.h", f"expected_{name}.h", f"test_{name}.h")
    return (
        banner(bundle, f"bit-exact tests for {framework}, part of an image of yours")
        + joined(includes)
        + "\n"
        + joined(f'#include "{each}"' for each in own)
        + "\n"
        + "\n".join(parts)
    )


def _actual(name: str, array: Array) -> str:
    return f"const {array.ctype} *actual = {name}_under_test()->{array.identifier};"


def _golden(name: str, array: Array) -> str:
    return f"expected_{name}_{array.identifier}"


def _bytes(array: Array) -> int:
    return len(array.view)


def _crc32(array: Array) -> str:
    return f"embinit_crc32(0, actual, {_bytes(array)}u)"
