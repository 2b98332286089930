"""The headers of docs/extending.md are C99 and C++, as those of embinit are, so that they may stand among them."""

import shutil
import subprocess

import pytest

from embinit.clib import C_DIRECTORY

from support import document

STRICT = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only"]


@pytest.mark.parametrize("compiler", ["gcc -x c -std=c99", "g++ -x c++ -std=c++17", "clang++ -x c++ -std=c++17"])
def test_no_warning(compiler, tmp_path):
    if not shutil.which(compiler.split()[0]):
        pytest.skip(f"needs {compiler.split()[0]}")
    headers = {name: text for name, text in document.files().items() if name.endswith(".h")}
    for name, text in headers.items():
        (tmp_path / name.replace("/", "_")).write_text(text, encoding="utf-8")
    names = "".join(f'#include "{name.replace("/", "_")}"\n' for name in headers)
    (tmp_path / "all.c").write_text(names, encoding="utf-8")

    command = [*compiler.split(), *STRICT, f"-I{C_DIRECTORY}", str(tmp_path / "all.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert len(headers) == 3
    assert done.returncode == 0, done.stderr
