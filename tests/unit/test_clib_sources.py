"""What of the C library some code needs: the sources of the headers that it includes."""

import pytest

from embinit import Linear, Model
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES, sources_of
from embinit.export import render
from embinit.matrix.builds import Build
from embinit.matrix.code import Code

HOST = Build("host", "gcc", ("-O0",))
HEAD = "void go(const m_buffers *buffers, uint32_t seed)"


def names(paths):
    return {path.stem.removeprefix("embinit_") for path in paths}


def test_the_sources_of_headers_and_of_what_they_include():
    assert names(sources_of(['#include "embinit_fma.h"\n'])) == {"fma"}
    assert names(sources_of(["#include <math.h>\n"])) == set()
    assert names(sources_of(['#include "embinit_scaled.h"\n'])) > {"scaled", "pcg32", "model"}
    assert sources_of(f'#include "{path.name}"\n' for path in C_DIRECTORY.glob("embinit*.h")) == SOURCES


@pytest.fixture
def bundle():
    return gather(Model("m", [Linear(name="fc", in_features=6, out_features=4)], 7, dialect="portable").plan())


def test_generated_code_links_with_those_of_its_headers(bundle, tmp_path):
    (tmp_path / "m_init.c").write_bytes(render(bundle.plan, ["c"])["m_init.c"])
    code = Code(bundle, [tmp_path / "m_init.c"], "m_init", (), tmp_path)
    found = code.left(HOST)

    assert {name: found[name] for name in found} == {array.name: array.payload for array in bundle.arrays}
    assert len(code._library) < len(SOURCES) // 2


@pytest.mark.parametrize(
    ("body", "library"),
    [
        ("buffers->fc_weight[0] = 1;", ()),
        ("buffers->fc_weight[0] = embinit_logf_double(0.5f);", SOURCES),
    ],
)
def test_own_code_links_with_no_more_than_it_calls(body, library, bundle, tmp_path):
    (tmp_path / "own.c").write_text(
        f'#include "m_init.h"\n#include "embinit.h"\n{HEAD}\n{{\n    (void)seed;\n    {body}\n}}\n'
    )
    code = Code(bundle, [tmp_path / "own.c"], "go", (), tmp_path)
    code.left(HOST)

    assert code._library == library
