"""What is brought from outside and cannot be used is refused by name; what has no C is exported without."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import codegen, formats, layers, targets
from embinit.bundle import gather
from embinit.device import run
from embinit.dialects import dialect_named
from embinit.export import default_formats
from embinit.samplers import ScaledInteger
from embinit.targets import Libc, Target
from embinit.targets.zig_unicorn import EMULATIONS

FC = embinit.Linear(name="fc", in_features=3, out_features=2)


class Elsewhere(ScaledInteger):
    """embinit's own values, from a header of somebody's."""

    def __init__(self, header):
        self.header = header

    def c_draw(self, distribution, n, build):
        return replace(super().c_draw(distribution, n, build), header=self.header)


def drawn_by(header):
    dialect = replace(dialect_named("portable"), name="elsewhere", sampler=Elsewhere(header))
    return gather(embinit.Model("m", [FC], 1, dialect).plan())


def test_a_header_that_is_not_there(tmp_path):
    with pytest.raises(embinit.EmbinitError, match=r"nowhere\.h: is not a file, and the model's C includes it"):
        codegen.init_source(drawn_by(tmp_path / "nowhere.h"))


@pytest.mark.parametrize("name", ["embinit.h", "embinit_scaled.h", "m_init.h"])
def test_a_header_whose_name_is_taken(tmp_path, name):
    (tmp_path / name).touch()

    with pytest.raises(embinit.EmbinitError, match=f"a header must have a name of its own, and another one is {name}"):
        codegen.init_source(drawn_by(tmp_path / name))


def test_a_format_without_c(outside):
    import acme.shift

    class NoC(acme.shift.Shift):
        c_family = None

    family = replace(acme.shift.SHIFT, name="nocode<b>")
    formats.register({family: (r"nocode(\d)", NoC.make)})
    bundle = gather(embinit.Model("m", [replace(FC, weight_format="nocode4")], 1, "portable").plan())

    assert "c" not in default_formats(bundle)
    with pytest.raises(codegen.NoCodeError, match=r"fc\.weight: no C encodes nocode4; export the values alone"):
        codegen.init_source(bundle)


def test_a_format_whose_name_is_taken(outside):
    import acme.shift

    known = {acme.shift.SHIFT: (r"shift(\d)", acme.shift.Shift.make)}
    formats.register(known)
    assert formats.format_named("shift8").bits == 8
    with pytest.raises(embinit.EmbinitError, match="format q15 must be new"):
        formats.register({replace(acme.shift.SHIFT, name="q15"): known[acme.shift.SHIFT]})
    formats.register({replace(acme.shift.SHIFT, name="sym<n>"): (r"sym(\d)", acme.shift.Shift.make)})
    with pytest.raises(embinit.EmbinitError, match="format sym5 must be of one family, and is of sym<b>, sym<n>"):
        formats.format_named("sym5")


def test_a_format_of_floats_without_c(restored):
    class Half(formats.Format):
        dtype = np.dtype("<f2")

        def encoded(self, values, groups, rounding):
            return values.astype(self.dtype), formats.QuantizationParameters(), 0

        def decode(self, data, groups, parameters, out):
            out[:] = data.reshape(-1)

    family = replace(formats.FORMATS["float32"], name="floats16")
    formats.register({family: ("floats16", lambda name: Half(name, 16))})
    model = embinit.Model("m", [replace(FC, weight_format="floats16")], 1, "portable")

    assert (model.stored()["fc.weight"].data == model.init()["fc.weight"].astype(np.float16)).all()
    with pytest.raises(codegen.NoCodeError, match=r"fc\.weight: no C encodes floats16"):
        codegen.init_source(gather(model.plan()))


def test_a_sampler_that_derives_from_one_draws_by_its_own_rule_for_many_seeds():
    class Negated(ScaledInteger):
        def fill(self, source, distribution, out):
            out[:] = source.bitgen.random_raw(out.size) >> np.uint32(8)
            return out.size

    model = embinit.Model("m", [FC], 1, replace(dialect_named("portable"), name="negated", sampler=Negated()))

    for seed, values in model.init_many([1, 2, 3]):
        alone = replace(model, seed=seed).init()
        assert all((values[name] == alone[name]).all() for name in alone)


@dataclass(frozen=True, kw_only=True)
class Dense(embinit.Linear):
    """A Linear under another name."""


def test_a_layer_of_any_dialect(restored, tmp_path):
    assert layers.register(Dense) is Dense
    portable = dialect_named("portable")
    dialect = replace(portable, name="dense", layouts={**portable.layouts, "Dense": ("in", "out")})
    dense = embinit.Model("m", [Dense(name="fc", in_features=3, out_features=2)], 1, dialect).init()["fc.weight"]

    assert dense.shape == (3, 2)
    assert dense.ravel().tolist() == embinit.Model("m", [FC], 1, "portable").init()["fc.weight"].ravel().tolist()
    with pytest.raises(embinit.EmbinitError, match="dialect odt has no Dense"):
        embinit.Model("m", [Dense(name="fc", in_features=3, out_features=2)], 1, "odt")


def test_a_dialect_file_declares_a_layer_from_outside(outside):
    layers.register(Dense)
    path = Path("firmware.toml")
    path.write_text(path.read_text(encoding="utf-8").replace("layers.Linear", "layers.Dense"), encoding="utf-8")
    dialect = embinit.load_dialect(path)

    assert embinit.Model("m", [Dense(name="fc", in_features=3, out_features=2)], 1, dialect).init()


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (3, "must be a dataclass of embinit.layers.Stored to be registered, got 3"),
        (type("Plain", (), {}), "got Plain"),
        (type("Linear", (Dense,), {}), "a layer of type Linear is known already"),
        (type("ReLU", (Dense,), {}), "a layer of type ReLU is known already"),
    ],
)
def test_what_is_no_new_layer(layer, says):
    with pytest.raises(embinit.EmbinitError, match=says):
        layers.register(layer)


def test_a_target_without_an_emulation_is_simulated_only(restored):
    known = targets.register(Target("badge", "RV32EC, gcc -Os, picolibc", "separate", "fdlibm", "picolibc"))

    assert not known.emulated
    assert embinit.Model("m", [FC], 1, "odt", "badge").init()
    assert targets.register(known) == known


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("badge", "must be an embinit.targets.Target, got 'badge'"),
        (Target("badge", "", "exact", "fdlibm", "newlib"), "multiply_add must be one of separate, fused"),
        (Target("badge", "", "fused", "mine", "newlib"), "libm must be one of"),
        (Target("badge", "", "fused", "double", "mine"), "rand must be one of"),
        (Target("badge", "", "fused", "fdlibm", "newlib", isa="riscv"), "isa of target badge must be arm, which its"),
        (Target("badge", "", "fused", "fdlibm", "newlib", int_bits=24), "int_bits must be one of 16, 32, got 24"),
        (Target("badge", "", "fused", "fdlibm", "newlib", libcs={"tiny": Libc("fdlibm", "mine")}), "libc tiny: rand"),
        (Target("badge", "", "fused", "fdlibm", "newlib", libcs={"tiny": Libc("mine", "musl")}), "libc tiny: libm"),
        (Target("badge", "", "fused", "fdlibm", "newlib", libcs={"tiny": "musl"}), "must be Libc.*, got 'musl'"),
        (Target("cortex-m0", "", "fused", "fdlibm", "newlib"), "a name of its own to be registered, got 'cortex-m0'"),
    ],
)
def test_what_is_no_new_target(target, says):
    before = dict(targets.TARGETS), dict(EMULATIONS)

    with pytest.raises(embinit.EmbinitError, match=says):
        targets.register(target, EMULATIONS["cortex-m3"])
    assert before == (targets.TARGETS, EMULATIONS)


@pytest.mark.parametrize(
    ("emulation", "says"),
    [
        ("qemu", "must be an Emulation, got 'qemu'"),
        (
            replace(EMULATIONS["cortex-m3"], triple="mips-freestanding"),
            "first part of an emulation's triple must be one",
        ),
        (
            EMULATIONS["riscv64"],
            "isa of target badge must be riscv, which its emulation runs .riscv64-freestanding., got",
        ),
    ],
)
def test_what_is_no_emulation_of_a_target(emulation, says):
    with pytest.raises(embinit.EmbinitError, match=says):
        targets.register(Target("badge", "", "fused", "fdlibm", "newlib"), emulation)
    with pytest.raises(embinit.EmbinitError, match="board of target badge must be a Board, got 'qemu'"):
        targets.register(Target("badge", "", "fused", "fdlibm", "newlib"), board="qemu")
    assert "badge" not in targets.TARGETS


@pytest.mark.device
def test_a_core_that_unicorn_has_not(restored):
    emulation = replace(EMULATIONS["cortex-m3"], unicorn_cpu="UC_CPU_ARM_BADGE")
    targets.register(Target("badge", "", "separate", "fdlibm", "newlib"), emulation)

    with pytest.raises(embinit.EmbinitError, match=r"unicorn_cpu must be one of UC_CPU_ARM_.*, got 'UC_CPU_ARM_BADGE'"):
        run(gather(embinit.Model("m", [FC], 1, "portable", "badge").plan()))
