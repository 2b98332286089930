"""The firmware that dumps are read with."""

import pytest

from support.dumps import link


@pytest.fixture(scope="session")
def elf(tmp_path_factory):
    return link(tmp_path_factory.mktemp("firmware"), "firmware")
