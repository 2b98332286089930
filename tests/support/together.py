"""Many small cases in one test, which fails with the names of all cases that failed."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps


def together(name: str, cases: Iterable[object], ids: Callable[[object], str] = str) -> Callable:
    """Return a decorator for a test of an argument: as `pytest.mark.parametrize`, but all cases are one test.

    It is for hundreds of cases of a millisecond each, such as recorded bits, where pytest takes longer than the test.
    """
    cases = [*cases]

    def decorate(test: Callable) -> Callable:
        @wraps(test)
        def every(**fixtures: object) -> None:
            assert cases
            failed = {}
            for case in cases:
                try:
                    test(**{name: case}, **fixtures)
                except Exception as error:
                    error.add_note(f"{name}: {ids(case)}")
                    failed[ids(case)] = error
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(cases)}: {', '.join(failed)}", [*failed.values()])

        signature = inspect.signature(test)
        others = [each for each in signature.parameters.values() if each.name != name]
        every.__signature__ = signature.replace(parameters=others)
        return every

    return decorate
