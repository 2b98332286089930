"""Generated C: a model's plan as tables, its golden vectors as bits, and tests that run on the device."""

from collections.abc import Iterable, Iterator
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Pcg32, Xorshift32
from embinit.bundle import Bundle
from embinit.dialects import dialect_named
from embinit.spec import SPEC_VERSION
from embinit.targets import target_named

_UNSIGNED = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t"}


def banner(bundle: Bundle, what: str) -> str:
    """Return the comment at the head of a generated file: what it is, and of which model, target and seed."""
    model = bundle.plan.model
    return (
        f"/* {model.name}: {what}.\n"
        f" * dialect {model.dialect}, target {model.target} (multiply-add {model.arithmetic}), seed {model.seed};\n"
        f" * embinit {bundle.package_version}, spec version {SPEC_VERSION}. Generated: edit the model file instead.\n"
        " */\n"
    )


def expected_header(bundle: Bundle) -> str:
    """Return expected_<name>.h: the bits of every buffer, or with EMBINIT_CRC_ONLY defined its CRC32 alone."""
    name = bundle.plan.model.name
    guard = f"EXPECTED_{name.upper()}_H"
    lines = [
        banner(bundle, "golden vectors: define EMBINIT_CRC_ONLY to leave out the arrays"),
        f"#ifndef {guard}\n#define {guard}\n",
        "#include <stdint.h>\n",
        f"#if defined(EMBINIT_SPEC_VERSION) && EMBINIT_SPEC_VERSION != {SPEC_VERSION}",
        f'#error "expected_{name}.h has the bits of spec version {SPEC_VERSION}: export it again"',
        "#endif\n",
        "enum {",
        *(f"    {name}_{entry.identifier}_len = {entry.count}," for entry in bundle.entries),
        "};\n",
        *(f"#define {name}_{entry.identifier}_crc32 0x{entry.crc32:08x}u" for entry in bundle.entries),
        "\n#ifndef EMBINIT_CRC_ONLY",
    ]
    for entry in bundle.entries:
        lines.append(f"\n/* {entry.comment} */")
        lines.append(
            f"static const {_UNSIGNED[entry.data.itemsize]} expected_{name}_{entry.identifier}[{entry.count}] = {{"
        )
        lines.extend(_array_lines(entry.data))
        lines.append("};")
    lines.append(f"\n#endif /* EMBINIT_CRC_ONLY */\n\n#endif /* {guard} */\n")
    return "\n".join(lines)


def _array_lines(data: NDArray[np.generic], per_line: int = 4) -> Iterator[str]:
    """Yield lines of an initializer: bits in hexadecimal, and the float in a comment where it is one."""
    digits = 2 * data.itemsize
    bits = data.view(f"u{data.itemsize}").ravel().tolist()
    values = data.ravel().tolist() if data.dtype == np.float32 else None
    for i in range(0, len(bits), per_line):
        line = "    " + " ".join(f"0x{b:0{digits}x}u," for b in bits[i : i + per_line])
        yield line if values is None else f"{line} /* {' '.join(f'{v:.9g}' for v in values[i : i + per_line])} */"


def init_header(bundle: Bundle) -> str:
    """Return <name>_init.h: the model's buffers as a struct of pointers, and the function that fills them."""
    name = bundle.plan.model.name
    guard = f"{name.upper()}_INIT_H"
    members = (f"    {entry.ctype} *{entry.identifier}; /* {entry.comment} */" for entry in bundle.entries)
    return (
        banner(bundle, "initialization on the device")
        + f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        + '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        + f"/* Where the device keeps its buffers. */\ntypedef struct {{\n{_joined(members)}}} {name}_buffers;\n\n"
        + f"/* Fill every buffer from a seed; {bundle.plan.model.seed} gives the golden vectors. */\n"
        + f"void {name}_init(const {name}_buffers *buffers, uint32_t seed);\n\n"
        + "/* Return 1 when the CRC32 of every buffer is that of the golden vectors, else 0. */\n"
        + f"int {name}_check(const {name}_buffers *buffers);\n\n"
        + "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


_SEEDED = {
    Xorshift32: (
        "embinit_xorshift32 generator = {{seed != 0 ? seed : {zero}u}};",
        "const embinit_source source = {{embinit_xorshift32_source, &generator}};",
    ),
    Pcg32: (
        "embinit_pcg32 generator;",
        "const embinit_source source = {{embinit_pcg32_source, &generator}};",
        "embinit_pcg32_seed(&generator, seed, 0);",
    ),
}


def init_source(bundle: Bundle) -> str:
    """Return <name>_init.c: the plan as a const table and the two functions of the header."""
    model = bundle.plan.model
    name, n = model.name, len(bundle.entries)
    sampler, libm = dialect_named(model.dialect).sampler, target_named(model.target).libm
    drawn = [sampler.c_draw(entry.row.distribution, model.arithmetic, libm) for entry in bundle.entries]
    rules = {draw.rule: draw.function.replace("embinit_", "") for draw in drawn if draw.rule is not None}
    rows = (
        f"    {{{draw.function}, {'&' + rules[draw.rule] if draw.rule else '0'}, {entry.count}u, "
        f"0x{draw.a:08x}u, 0x{draw.b:08x}u, 0x{entry.crc32:08x}u}}, /* {entry.identifier} */"
        for draw, entry in zip(drawn, bundle.entries, strict=True)
    )
    seeded = dialect_named(model.dialect).seeded(0)
    statements = (f"    {line.format(zero=hex(seeded.words[0]))}" for line in _SEEDED[type(seeded)])
    pointers = _joined(f"        buffers->{entry.identifier}," for entry in bundle.entries)
    includes = sorted({"embinit.h", *(draw.header for draw in drawn)})
    return (
        banner(bundle, "initialization on the device")
        + f'#include "{name}_init.h"\n\n'
        + _joined(f'#include "{header}"' for header in includes)
        + f"\n#if EMBINIT_SPEC_VERSION != {SPEC_VERSION}\n"
        + f'#error "{name}_init.c needs spec version {SPEC_VERSION} of embinit: generate it again"\n#endif\n\n'
        + _joined(f"static const {kind} {rule} = {{{values}}};" for (kind, values), rule in rules.items())
        + f"\nstatic const embinit_row rows[{n}] = {{\n{_joined(rows)}}};\n\n"
        + f"void {name}_init(const {name}_buffers *buffers, uint32_t seed)\n{{\n"
        + f"    float *const pointers[{n}] = {{\n{pointers}    }};\n{_joined(statements)}"
        + f"    embinit_fill(rows, {n}, &source, pointers);\n}}\n\n"
        + f"int {name}_check(const {name}_buffers *buffers)\n{{\n"
        + f"    const float *const pointers[{n}] = {{\n{pointers}    }};\n"
        + f"    return embinit_check(rows, {n}, pointers) == {n};\n}}\n"
    )


def unity_test(bundle: Bundle) -> str:
    """Return test_<name>.c for Unity: one test per buffer, exact bits or, with EMBINIT_CRC_ONLY, CRC32s."""
    name = bundle.plan.model.name
    tests = []
    for entry in bundle.entries:
        bits = 8 * entry.data.itemsize
        tests.append(
            f"void test_{entry.identifier}(void)\n{{\n"
            f"    const {entry.ctype} *actual = {name}_under_test()->{entry.identifier};\n"
            "#ifdef EMBINIT_CRC_ONLY\n"
            f"    uint32_t crc32 = embinit_crc32(0, actual, sizeof *actual * {entry.count}u);\n"
            f"    TEST_ASSERT_EQUAL_HEX32({name}_{entry.identifier}_crc32, crc32);\n"
            "#else\n"
            f"    TEST_ASSERT_EQUAL_HEX{bits}_ARRAY(expected_{name}_{entry.identifier}, actual, {entry.count});\n"
            "#endif\n}\n"
        )
    runs = (f"    RUN_TEST(test_{entry.identifier});" for entry in bundle.entries)
    return (
        banner(bundle, "bit-exact tests for Unity")
        + f'#include "unity.h"\n\n#include "embinit.h"\n#include "expected_{name}.h"\n#include "{name}_init.h"\n\n'
        + "/* Yours to write: run your init code once, and return where its buffers are. */\n"
        + f"const {name}_buffers *{name}_under_test(void);\n\n"
        + "void setUp(void)\n{\n}\n\nvoid tearDown(void)\n{\n}\n\n"
        + "\n".join(tests)
        + f"\nint main(void)\n{{\n    UNITY_BEGIN();\n{_joined(runs)}    return UNITY_END();\n}}\n"
    )


def plain_check(bundle: Bundle) -> str:
    """Return check_<name>.c: the same without a framework, printing through a putchar that the caller brings."""
    name = bundle.plan.model.name
    arrays, checksums = [], []
    for entry in bundle.entries:
        common = f'{{"{entry.identifier}", buffers->{entry.identifier}, '
        size = f"{entry.count}u, {entry.data.itemsize}u"
        arrays.append(f"        {common}expected_{name}_{entry.identifier}, {size}, 0}},")
        checksums.append(f"        {common}0, {size}, {name}_{entry.identifier}_crc32}},")
    template = (files("embinit") / "c" / "check.c.in").read_text(encoding="utf-8")
    filled = (
        template.replace("@name@", name)
        .replace("@arrays@", "\n".join(arrays))
        .replace("@checksums@", "\n".join(checksums))
        .replace("@count@", str(len(bundle.entries)))
    )
    return banner(bundle, "bit-exact check without a test framework") + filled


def firmware(bundle: Bundle) -> str:
    """Return the C of a firmware that fills buffers named device_<layer>_<part> when firmware_main is called."""
    name = bundle.plan.model.name
    buffers = (f"{entry.ctype} device_{entry.identifier}[{entry.count}];" for entry in bundle.entries)
    pointers = (f"    device_{entry.identifier}," for entry in bundle.entries)
    return (
        banner(bundle, "a firmware that only initializes")
        + f'#include "{name}_init.h"\n\n{_joined(buffers)}\n'
        + f"static const {name}_buffers buffers = {{\n{_joined(pointers)}}};\n\n"
        + "int firmware_main(uint32_t seed);\n\n"
        + "int firmware_main(uint32_t seed)\n{\n"
        + f"    {name}_init(&buffers, seed);\n    return {name}_check(&buffers);\n}}\n"
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
