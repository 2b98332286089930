"""Errors show that they have cut a long token, and do not show a part as if it were all."""

import pytest

from embinit import EmbinitError
from embinit.dump.records import intel_hex
from embinit.expressions.syntax import parse, parse_declaration


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: parse("9" * 70, "unit"),
        lambda: parse("1." + "0" * 70 + "x", "unit"),
        lambda: parse_declaration("uint32_t " + "x " * 40, "state"),
        lambda: intel_hex(":" + "z" * 70),
    ],
)
def test_what_is_left_out_is_marked(refuse):
    with pytest.raises(EmbinitError, match=r"\.\.\."):
        refuse()
