"""Many cases in one test, because pytest takes longer to collect, set up and report each case than to run it."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from _pytest.mark import ParameterSet


def each_of(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for each case, as `pytest.mark.parametrize` would, and report all failures at its end.

    `names` are the test's arguments that a case gives: one name and values, or several and tuples of values. Fixtures
    are set up once for all cases.

    Raises:
    ExceptionGroup: by the test, of the failures, each with its case in a note.
    """
    given = (names,) if isinstance(names, str) else names
    each_given = [_values(case, many=not isinstance(names, str)) for case in cases]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def ask(**others: Any) -> None:
            failures = []
            for values in each_given:
                try:
                    test(**others, **dict(zip(given, values, strict=True)))
                except Exception as failure:  # noqa: BLE001 - raised below
                    failure.add_note(f"case: {values!r}")
                    failures.append(failure)
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(each_given)} cases", failures)

        taken = inspect.signature(test).parameters.values()
        signature = inspect.Signature([one for one in taken if one.name not in given])
        ask.__signature__ = signature  # type: ignore[attr-defined]
        return ask

    return decorate


def _values(case: Any, *, many: bool) -> tuple[Any, ...]:
    """Return the values of a case, which may be a `pytest.param`."""
    if isinstance(case, ParameterSet):
        return tuple(case.values)
    return tuple(case) if many else (case,)
