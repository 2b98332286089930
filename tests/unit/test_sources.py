"""Every source of the C library is found by the header of its name: so whoever includes that gets the source."""

from embinit.clib import HEADERS, SOURCES, sources_of


def test_every_source_has_a_header() -> None:
    headers = {path.stem for path in HEADERS}

    assert [path.name for path in SOURCES if path.stem not in headers] == []


def test_the_sources_of_a_header_come_with_it() -> None:
    found = {path.stem for path in sources_of(['#include "embinit_numpy.h"\n'])}

    assert {"embinit_numpy", "embinit_numpy_strips", "embinit_mt19937"} <= found
