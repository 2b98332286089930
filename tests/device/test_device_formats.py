"""Models in quantized formats: the generated C stores them value by value, on emulated cores and under sanitizers."""

import math
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
import embinit.distributions
from embinit import EmbinitError, LayerNorm, Linear, codegen, device
from embinit.bundle import gather
from embinit.formats import ROUNDINGS, format_named
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build
from embinit.verify import verify

from support import strategies
from support.compilers import HOST_COMPILERS, compile_program
from support.firmware import HARNESS, example, firmware, glue

EXAMPLES = ("quantized", "integer_only")
CORES = ("cortex-m0", "cortex-m4f")


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_agree_from_every_seed(name, core, tmp_path):
    bundle = gather(example(name, target=core).plan())
    machine = firmware(bundle, tmp_path)
    for seed in (bundle.plan.model.seed, 0, 0xFFFFFFFF):
        for array in bundle.arrays:
            machine.write(f"device_{array.identifier}", b"\xa5" * len(array.payload))
        assert machine.call("firmware_main", seed) == (seed == bundle.plan.model.seed)
        found = {array.name: machine.read(f"device_{array.identifier}") for array in bundle.arrays}
        report = verify(gather(example(name, target=core, seed=seed).plan()), found, core)

        assert report.agrees, report


@pytest.mark.skipif(not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))), reason="needs gcc and QEMU")
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_agree_as_gcc_builds_them(name):
    bundle = gather(example(name, target="cortex-m4f").plan())
    report = verify(bundle, device.run(bundle, "gcc"), "gcc")

    assert report.agrees, report
    assert [c.name for c in report.comparisons] == [array.name for array in bundle.arrays]


def test_the_example_has_every_family():
    families = {format_named(row.format).c_family.name for row in example("quantized").plan().rows
                if row.format != "float32"}  # fmt: skip

    assert families == {"q", "int", "sym", "sym_int32", "asym", "affine", "bfp"}


def test_report_names_what_is_kept_beside_codes():
    bundle = gather(example("quantized").plan())
    found = {array.name: array.payload for array in bundle.arrays}
    found["fc2.weight.zero_point"] = bytes([found["fc2.weight.zero_point"][0] ^ 4, *found["fc2.weight.zero_point"][1:]])
    report = verify(bundle, found, "device")

    (wrong,) = (c for c in report.comparisons if c.first is not None)
    expected = int(bundle.entries[10].parameters["zero_point"][0])
    assert (wrong.name, wrong.elements, wrong.equal, wrong.largest_ulp) == ("fc2.weight.zero_point", 6, 5, None)
    assert str(wrong.first) == f"[0] expected 0x{expected:04x}, got 0x{expected ^ 4:04x}"
    assert not report.agrees
    payloads = {entry.name: entry.payload for entry in bundle.entries}
    assert verify(bundle, payloads, "a dump, which has no scales").agrees


# ---- Any model ----


def names_of(numbers, pattern):
    return st.tuples(*(st.integers(*span) for span in numbers)).map(lambda given: pattern.format(*given))


NAMED = ("float32", "q7", "q15", "q31", "int8", "int4", "sym1", "sym8", "sym_int32/0", "affine1", "bfp2e8")
FORMATS = st.one_of(
    st.sampled_from(NAMED),
    names_of([(1, 16), (1, 16)], "q{}.{}"),
    names_of([(1, 25)], "sym{}"),
    names_of([(1, 31)], "sym_int32/{}"),
    names_of([(1, 30)], "asym{}"),
    names_of([(1, 16)], "affine{}"),
    names_of([(2, 16), (2, 8)], "bfp{}e{}"),
)
NORMAL = (embinit.initializers.kaiming_normal(), embinit.initializers.xavier_normal())


@st.composite
def quantized_layers(draw, index):
    """A layer held in any formats, with any groups that divide its weight."""
    rounding = draw(st.sampled_from(ROUNDINGS))
    formats = {"weight_format": draw(FORMATS), "bias_format": draw(FORMATS), "rounding": rounding}
    if draw(st.integers(0, 3)) == 0:
        return LayerNorm(name=f"layer{index}", normalized_shape=draw(strategies.small), **formats)
    layer = draw(strategies.layers(index))
    n = math.prod(size for axis, size in layer.sizes.items() if axis != "groups")
    grouped = format_named(formats["weight_format"]).grouping == "groups" and draw(st.booleans())
    group_size = draw(st.sampled_from([i for i in range(1, n + 1) if n % i == 0])) if grouped else None
    scheme = draw(st.sampled_from([layer.weight_init, None, *NORMAL]))
    return replace(layer, **formats, weight_init=scheme, group_size=group_size, per_channel=draw(st.booleans()))


@st.composite
def quantized_models(draw):
    layers = [draw(quantized_layers(index)) for index in range(draw(st.integers(1, 4)))]
    return embinit.Model("m", layers, seed=draw(strategies.seeds), target=draw(st.sampled_from(CORES)))


@settings(max_examples=10)
@given(quantized_models())
def test_any_quantized_model_agrees(model):
    bundle = gather(model.plan())
    report = verify(bundle, device.run(bundle), model.target)

    assert report.agrees, report
    assert len(report.comparisons) == len(bundle.arrays)


# ---- Dialects and their generators ----


@pytest.mark.parametrize("dialect", ["odt-2026-04", "portable", "torch"])
def test_other_generators_and_distributions(dialect):
    keys = {"weight_format": "affine8", "bias_format": "asym5", "rounding": "stochastic"}
    layers = [Linear(in_features=40, out_features=30, **keys), LayerNorm(normalized_shape=8, **keys)]
    bundle = gather(embinit.Model("m", layers, dialect=dialect, seed=7, target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), dialect).agrees


def test_values_that_depend_on_their_place_keep_float32():
    eye = embinit.distributions.Eye()
    layers = [Linear(in_features=5, out_features=5, weight_init=eye, bias=False, weight_format="q7")]
    bundle = gather(embinit.Model("m", layers, dialect="torch", seed=7, target="cortex-m4f").plan())

    with pytest.raises(EmbinitError, match=r"linear0\.weight: no C draws eye element by element, as a buffer of q7"):
        codegen.init_source(bundle)


@pytest.mark.parametrize(
    ("dialect", "scheme", "outputs"),
    [
        ("torch", embinit.initializers.kaiming_normal(), 4),
        ("torch", embinit.initializers.kaiming_normal(), 5),
        ("gomlx", embinit.distributions.Broadcast([1.0, 2.0, 3.0, 4.0]), 4),
    ],
)
def test_values_that_are_drawn_together_become_codes(dialect, scheme, outputs):
    """PyTorch draws 16 values at once, and the last 16 of 20 overlap those before them."""
    layers = [Linear(in_features=4, out_features=outputs, weight_init=scheme, bias=False, weight_format="q7")]
    bundle = gather(embinit.Model("m", layers, dialect=dialect, seed=7, target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), dialect).agrees


def test_values_that_depend_on_their_place_stand_beside_codes():
    """A float32 buffer is drawn whole, on both passes of the stream."""
    normal = embinit.initializers.kaiming_normal()
    layers = [
        Linear(in_features=5, out_features=7, weight_init=normal, bias_format="q7", rounding="stochastic"),
        Linear(in_features=4, out_features=4, weight_format="sym4"),
    ]
    bundle = gather(embinit.Model("m", layers, dialect="torch", seed=7, target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), "torch").agrees


# ---- The stream, memory, failures ----


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    elf = tmp_path_factory.mktemp("store") / "store.elf"
    sources = [HARNESS / "store.c", *device.SOURCES]
    return Machine(build(sources, EMULATIONS["cortex-m0"], elf, include=[device.C_DIRECTORY]), EMULATIONS["cortex-m0"])


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_generator_ends_where_the_plan_does(rounding, by_hand):
    """14 values; stochastic rounding draws 7, then 1 + 3 at once, then 2."""
    drawn = 14 + (13 if rounding == "stochastic" else 0)

    assert by_hand.call("store_end", 99, ROUNDINGS.index(rounding)) == embinit.Xorshift32(99).jumped(drawn).state


@pytest.mark.parametrize(("bits", "row"), [(0x3F800000, 2), (0x7F800000, 1), (0x7FC00000, 1), (0x00000001, 1)])
def test_a_buffer_without_codes_is_named(bits, row, by_hand):
    """1.0 has codes; infinity, NaN, and 2^-149, whose scale underflows, have none."""
    assert by_hand.call("store_row_without_codes", bits) == row


@pytest.mark.parametrize("core", CORES)
def test_the_stack_is_small_and_does_not_grow_with_a_tensor(core, tmp_path):
    used = []
    for n in (8, 400):
        keys = {"weight_format": "affine8", "group_size": 4, "rounding": "stochastic"}
        layers = [Linear(in_features=n, out_features=10, bias=False, **keys)]
        folder = tmp_path / str(n)
        folder.mkdir()
        machine = firmware(gather(embinit.Model("m", layers, seed=42, target=core).plan()), folder)
        assert machine.call("firmware_main", 42) == 1
        used.append(machine.stack_used())

    assert used[0] == used[1] < 512


# ---- Tests on the device ----


@pytest.mark.parametrize("flags", [(), ("-DEMBINIT_CRC_ONLY",)], ids=["bits", "crc"])
@pytest.mark.parametrize("wrong", ["fc4_weight", "fc2_weight_scale", "fc2_weight_zero_point", "fc3_weight_exponents"])
def test_on_device_tests_pass_and_find_one_wrong_bit(wrong, flags, tmp_path):
    bundle = gather(example("quantized").plan())
    (tmp_path / "glue.c").write_text(glue(bundle))
    (tmp_path / "harness.c").write_bytes((HARNESS / "harness.c").read_bytes())
    machine = firmware(bundle, tmp_path, "test_quantized.c", "check_quantized.c", "glue.c", "harness.c", flags=flags)

    assert machine.call("firmware_main", 42) == 1
    assert machine.call("main") == 0
    assert machine.read("unity_runs") == len(bundle.arrays).to_bytes(4, "little")
    assert machine.call("compare_all") == 0
    assert machine.output == f"PASS quantized: {len(bundle.arrays)} buffers\n".encode()

    content = bytearray(machine.read(f"device_{wrong}"))
    content[-1] ^= 1
    machine.write(f"device_{wrong}", bytes(content))
    assert machine.call("main") == 1
    assert machine.call("compare_all") == 1
    (array,) = (array for array in bundle.arrays if array.identifier == wrong)
    place = f"{wrong} crc32" if flags else f"{wrong}[{array.count - 1}]"
    told = machine.output.decode().splitlines()[1]
    assert told.startswith(f"test_{wrong} FAIL quantized: {place} expected 0x")


def test_the_device_checks_what_is_kept_beside_codes(tmp_path):
    """Every array, one after the other, with one wrong bit: <name>_check sees it."""
    bundle = gather(example("quantized").plan())
    (tmp_path / "again.c").write_text(
        f"{glue(bundle).split('const quantized_buffers *quantized_under_test')[0]}"
        "int check_again(void);\nint check_again(void)\n{\n    return quantized_check(&all);\n}\n"
    )
    machine = firmware(bundle, tmp_path, "again.c")
    machine.call("firmware_main", 42)
    assert machine.call("check_again") == 1
    for array in bundle.arrays:
        wrong = bytes([array.payload[0] ^ 1, *array.payload[1:]])
        machine.write(f"device_{array.identifier}", wrong)
        assert machine.call("check_again") == 0
        machine.write(f"device_{array.identifier}", array.payload)
    assert machine.call("check_again") == 1


# ---- On the host, under sanitizers ----


@pytest.mark.parametrize("compiler", HOST_COMPILERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_on_the_host_under_sanitizers(name, compiler, tmp_path):
    """Each array lies in memory of just its size."""
    bundle = gather(example(name, target="cortex-m0").plan())
    (tmp_path / f"{name}_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / f"{name}_init.c").write_text(codegen.init_source(bundle))
    members = ", ".join(f"malloc({len(array.payload)})" for array in bundle.arrays)
    written = "".join(f"    fwrite(all.{a.identifier}, 1, {len(a.payload)}, stdout);\n" for a in bundle.arrays)
    freed = "".join(f"    free(all.{a.identifier});\n" for a in bundle.arrays)
    (tmp_path / "main.c").write_text(
        f'#include <stdio.h>\n#include <stdlib.h>\n#include "{name}_init.h"\n'
        f"int main(void)\n{{\n    const {name}_buffers all = {{{members}}};\n    {name}_init(&all, 42);\n"
        f"    int equal = {name}_check(&all);\n{written}{freed}    return !equal;\n}}\n"
    )
    sources = [tmp_path / "main.c", tmp_path / f"{name}_init.c", *device.SOURCES]
    flags = ["-O3", "-march=native", "-ffp-contract=fast", f"-I{tmp_path}", *HOST_COMPILERS[compiler]]
    program = compile_program(compiler, sources, tmp_path / "program", *flags)
    done = subprocess.run([program], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"".join(array.payload for array in bundle.arrays)


# ---- Without floats ----


def needed(objects, start):
    """Return the names that a function of object files leads to, by section, and those that the files define."""
    places, references = {}, {}
    for path in objects:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
            for symbol in symbols:
                if isinstance(symbol["st_shndx"], int) and symbol["st_info"]["bind"] == "STB_GLOBAL":
                    places[symbol.name] = path, symbol["st_shndx"]
            for section in elf.iter_sections():
                if section["sh_type"] in ("SHT_REL", "SHT_RELA"):
                    told = references.setdefault((path, section["sh_info"]), set())
                    for relocation in section.iter_relocations():
                        symbol = symbols[relocation["r_info_sym"]]
                        inside = isinstance(symbol["st_shndx"], int) and symbol["st_info"]["bind"] != "STB_GLOBAL"
                        told.add((path, symbol["st_shndx"]) if inside else symbol.name)
    seen, pending = set(), {start}
    while pending:
        item = pending.pop()
        seen.add(item)
        place = places.get(item) if isinstance(item, str) else item
        pending |= references.get(place, set()) - seen if place else set()
    return {item for item in seen if isinstance(item, str)}, set(places)


COMPILERS = {"zig": [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0"]}
if shutil.which("arm-none-eabi-gcc"):
    COMPILERS["gcc"] = ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb"]
#: What a Cortex-M0 lacks beside floats: 64-bit products and shifts, division; and copies.
INTEGER_HELPERS = {"__aeabi_lmul", "__aeabi_llsl", "__aeabi_llsr", "__aeabi_lasr", "__aeabi_uidiv"}
INTEGER_HELPERS |= {
    "memcpy",
    "memset",
    *(f"__aeabi_mem{what}{n}" for what in ("cpy", "clr", "set") for n in ("", 4, 8)),
}


@pytest.mark.parametrize("optimize", ["-O0", "-Os", "-O2"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_an_integer_only_model_calls_no_float_helper(compiler, optimize, tmp_path):
    """On a Cortex-M0 each float operation is a call of the compiler's runtime library."""
    assert undefined("integer_only", compiler, optimize, tmp_path) <= INTEGER_HELPERS
    assert {"__aeabi_fdiv", "__aeabi_fadd"} <= undefined("quantized", compiler, optimize, tmp_path)


def undefined(name, compiler, optimize, folder):
    """Return what the init and the check function of an example leave to the compiler's runtime library."""
    bundle = gather(example(name, target="cortex-m0").plan())
    (folder / f"{name}_init.h").write_text(codegen.init_header(bundle))
    (folder / f"{name}_init.c").write_text(codegen.init_source(bundle))
    flags = [
        optimize,
        "-std=c99",
        "-ffreestanding",
        "-fno-sanitize=undefined",
        "-ffunction-sections",
        "-fdata-sections",
    ]
    command, objects, names = [*COMPILERS[compiler], *flags, f"-I{device.C_DIRECTORY}", "-c"], [], set()
    for source in (folder / f"{name}_init.c", *device.SOURCES):
        objects.append(folder / f"{source.stem}.o")
        subprocess.run([*command, source, "-o", objects[-1]], check=True, capture_output=True)
    for function in ("init", "check"):
        found, defined = needed(objects, f"{name}_{function}")
        assert found & defined
        names |= found - defined
    return names
