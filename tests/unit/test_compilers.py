"""The objects and programs that tests share: one for each compiler, set of flags, source and headers."""

import subprocess

import pytest

from support import compilers

COMPILER = next(iter(compilers.HOST_COMPILERS))
UNIT = '#include "embinit_value.h"\nint value(void)\n{\n    return VALUE;\n}\n'
MAIN = "#include <stdio.h>\nextern int value(void);\nint main(void)\n{\n    return value();\n}\n"


@pytest.fixture
def unit(tmp_path, monkeypatch):
    """A unit of a library of its own, in a cache of its own."""
    folder = tmp_path / "c"
    folder.mkdir()
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compilers, "C_DIRECTORY", folder)
    monkeypatch.setattr(compilers, "_folder", lambda: tmp_path)
    (folder / "embinit_value.h").write_text("#define VALUE 3\n")
    (folder / "embinit_value.c").write_text(UNIT)
    (tmp_path / "main.c").write_text(MAIN)
    _forget()
    yield folder / "embinit_value.c"
    _forget()


def _forget():
    """As in a process that starts."""
    for known in (compilers._object, compilers._build, compilers._text):
        known.cache_clear()


def returned(unit, *flags):
    folder = unit.parents[1]
    program = compilers.compile_program(COMPILER, [unit, folder / "main.c"], folder / "program", *flags)
    return subprocess.run([program], check=False).returncode


def test_what_decides_about_an_object_makes_another_one(unit):
    assert returned(unit) == 3
    unit.with_suffix(".h").write_text("#define VALUE 4\n")
    _forget()
    assert returned(unit) == 4
    unit.write_text(UNIT.replace("VALUE", "VALUE + 1"))
    _forget()
    assert returned(unit) == 5
    unit.write_text(UNIT.replace("return VALUE;", "return 2 + __OPTIMIZE_SIZE__;"))
    _forget()
    assert returned(unit, "-Os") == 3


def test_an_object_is_compiled_once(unit, monkeypatch):
    if " " in COMPILER:
        pytest.skip("zig keeps its own objects")
    ran, run = [], compilers.run
    monkeypatch.setattr(compilers, "run", lambda command: ran.append(command) or run(command))
    assert [returned(unit) for _ in range(2)] == [3, 3]
    assert sum(unit in command for command in ran) == 1
    _forget()
    assert returned(unit) == 3
    assert sum(unit in command for command in ran) == 1


def test_what_decides_about_a_program_makes_another_one(unit):
    (unit.parents[1] / "own").mkdir()
    header, main = unit.parents[1] / "own" / "more.h", unit.parents[1] / "main.c"
    main.write_text(MAIN.replace("return", '#include "more.h"\n    return MORE +'))
    header.write_text("#define MORE 0\n")
    assert returned(unit, f"-I{header.parent}") == 3
    header.write_text("#define MORE 1\n")
    assert returned(unit, f"-I{header.parent}") == 4
    main.write_text(main.read_text().replace("MORE +", "MORE + 1 +"))
    assert returned(unit, f"-I{header.parent}") == 5


def test_a_program_is_linked_once(unit, monkeypatch):
    if " " in COMPILER:
        pytest.skip("zig keeps no programs")
    ran, run = [], compilers.run
    monkeypatch.setattr(compilers, "run", lambda command: ran.append(command) or run(command))
    for _ in range(2):
        assert returned(unit) == 3
        _forget()
    assert sum(unit.parents[1] / "program" in command for command in ran) == 1
