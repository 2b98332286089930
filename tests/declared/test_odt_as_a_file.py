"""odt as a dialect file, against the dialect of the same name that has kernels of its own."""

import numpy as np
import pytest

import embinit
from embinit.dialects.declared import program_dialect

from support.together import together

ERAS = ("odt", "odt-2026-06", "odt-2026-04")
#: Other names of initializers without a gain of their own; he_normal and its like are truncated, which odt has not.
NAMED = ("he_uniform", "lecun_uniform", "glorot_uniform")
TARGETS = ("host", "x86-64-v3", "cortex-m0", "cortex-m4f", "cortex-m7")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("target", TARGETS)
@together("seed", [0, 1, 42, 4294967295])
def test_layers(era, target, seed):
    layers = [
        embinit.Conv1d(in_channels=6, out_channels=8, kernel_size=3, groups=2),
        embinit.ConvTranspose1d(in_channels=8, out_channels=4, kernel_size=2, groups=2),
        embinit.Linear(in_features=37, out_features=11),
    ]
    own = embinit.Model("m", layers, seed, era, target).init()
    as_file = embinit.Model("m", layers, seed, program_dialect(era), target).init()

    for name, values in own.items():
        assert np.array_equal(values.view(np.uint32), as_file[name].view(np.uint32)), name


@pytest.mark.parametrize("era", ERAS[:2])
@pytest.mark.parametrize("target", TARGETS)
@together("name", ["kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal", "uniform", "normal", *NAMED])
def test_initializers(era, target, name):
    given = {"uniform": {"low": -0.3, "high": 0.7}, "normal": {"mean": 0.1, "stddev": 0.2}}.get(name, {"gain": 1.3})
    given = {} if name in NAMED else given
    filled = []
    for dialect in (era, program_dialect(era)):
        out = np.empty(5000, np.float32)
        generator = embinit.Generator.seeded(7, dialect, target)
        generator.fill({"name": name, **given}, out=out, fan_in=37, fan_out=11)
        generator.fill({"name": name, **given}, out=out[:3], fan_in=37, fan_out=11)
        filled.append((out.view(np.uint32).tolist(), generator.drawn, generator.bitgen.state))

    assert filled[0] == filled[1]
