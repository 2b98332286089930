"""The C library does not compile where a flag takes the constants of its double arithmetic for floats."""

import shutil
import subprocess

import pytest

from embinit.clib import C_DIRECTORY

SOURCE = C_DIRECTORY / "embinit_libm.c"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_constants_that_are_rounded_to_float_are_an_error_that_says_so(tmp_path):
    command = ["gcc", "-std=c99", "-pedantic", "-Werror", f"-I{C_DIRECTORY}", "-c", SOURCE, "-o", tmp_path / "o"]

    assert subprocess.run(command).returncode == 0
    rounded = subprocess.run([*command, "-fsingle-precision-constant"], capture_output=True, text=True)
    assert rounded.returncode != 0
    assert "embinit_constants_of_double_must_be_double" in rounded.stderr
