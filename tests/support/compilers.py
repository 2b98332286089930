"""The C compilers of this machine: gcc and clang where they are, zig cc from its wheel always."""

import shutil
import subprocess
import sys
from pathlib import Path

from embinit.clib import C_DIRECTORY, SOURCES

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
#: Compiler command -> what it takes to find memory errors and undefined behaviour; zig's wheel has no AddressSanitizer.
HOST_COMPILERS = {name: SANITIZERS for name in ("gcc", "clang") if shutil.which(name)} or {
    f"{sys.executable} -m ziglang cc": ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
}
UNITS = [*SOURCES]
#: What embinit.h declares.
CORE = ("embinit_distributions", "embinit_fma", "embinit_model", "embinit_pcg32", "embinit_xorshift32")


def compile_program(compiler: str, sources: list[Path], output: Path, *flags: str) -> Path:
    """Compile C sources, with the C library's headers in reach, to a program; fail with the compiler's words."""
    command = [*compiler.split(), *WARNINGS, f"-I{C_DIRECTORY}", *flags, "-o", str(output), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return output
