"""Cases that stand in one test: all are tried, and a failure has the names of those that failed."""

import pytest

from support.together import together


@together("other", ["one", "two"])
@pytest.mark.parametrize("number", [1, 2])
def test_fixtures_and_parameters_go_with_it(number, other, tmp_path):
    assert number in (1, 2)
    assert other in ("one", "two")
    assert tmp_path.is_dir()


def test_every_failure_is_named():
    tried = []

    @together("number", range(5))
    def odd(number):
        tried.append(number)
        assert number % 2, "is even"

    with pytest.raises(ExceptionGroup, match="3 of 5: 0, 2, 4") as caught:
        odd()
    assert tried == [0, 1, 2, 3, 4]
    assert [error.__notes__ for error in caught.value.exceptions] == [[f"number: {each}"] for each in (0, 2, 4)]


def test_no_case_is_a_failure():
    with pytest.raises(AssertionError):
        together("number", [])(lambda number: None)()
