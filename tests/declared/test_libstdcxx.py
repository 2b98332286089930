"""The normals of libstdc++ as gcc builds them: whether it fuses the sum of squares depends on what it inlines."""

import shutil
import subprocess

import numpy as np
import pytest

import embinit

from support.compilers import compile_program

PROGRAM = """
#include <cstdio>
#include <cstdlib>
#include <random>
int main(int, char **words)
{
    std::mt19937 generator(std::strtoul(words[1], nullptr, 10));
    std::normal_distribution<float> normal(std::strtof(words[2], nullptr), std::strtof(words[3], nullptr));
    for (int i = 0; i < 300; i++) {
        float value = normal(generator);
        std::fwrite(&value, sizeof value, 1, stdout);
    }
}
"""
MODEL = """
[model]
name = "m"
target = "x86-64-v3"
seed = 2
[dialect]
based_on = "libstdcxx"
{more}
[[layer]]
name = "fc"
type = "Linear"
in_features = 25
out_features = 12
bias = false
weight_init = {{ name = "normal", mean = 0.5, stddev = 1.7 }}
"""


@pytest.mark.parametrize(("flags", "fuses"), [("-O2", False), ("-O3", True), ("-Os", True)])
def test_normals_of_a_build_that_fuses(flags, fuses, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    (tmp_path / "p.cpp").write_text(PROGRAM)
    program = compile_program("g++", [tmp_path / "p.cpp"], tmp_path / "p", flags, "-march=x86-64-v3", warnings=())
    words = subprocess.run([program, "2", "0.5", "1.7"], capture_output=True, check=True).stdout
    more = '[dialect.normal]\nsquare = "fmaf(x, x, y * y)"' if fuses else ""
    (tmp_path / "m.toml").write_text(MODEL.format(more=more))

    got = embinit.load(tmp_path / "m.toml").init()["fc.weight"]

    assert got.reshape(-1).view(np.uint32).tolist() == np.frombuffer(words, np.uint32).tolist()
