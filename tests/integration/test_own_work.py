"""What a warm request does itself, beside its bare calls of AWS: counted, and so the same on a busy machine (ADR 29).

What is counted is calls of functions, Python's and C's, in all of a function's threads. How long they take is for
`make bench` to say; that there are not many more of them is held here.
"""

import itertools
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.warm_requests import Case, cases, warm_request
from careconnect_testing.wire import Wire

pytestmark = pytest.mark.integration

_TIMES = 3

_MOST = {"read": 0.8, "search": 0.9, "a": 0.7, "token": 0.82, "authorizer": 0.9, "write": 0.93}
"""By the first word of a case's name: how many times the calls of functions of its bare calls of AWS it may take.

What is less than one is what boto3 does by itself to each call, and our clients do not.
"""


class Counted:
    """Counts calls of functions in each thread that begins while it is there, and in this one when asked."""

    def __init__(self) -> None:
        self._calls = itertools.count()
        self._last = 0

    def __call__(self, _frame: FrameType, event: str, _arg: Any) -> None:
        if event in ("call", "c_call"):
            self._last = next(self._calls)

    def of(self, done: Callable[[], None]) -> int:
        """Return how many calls something takes: the fewest of a few times."""
        return min(self._once(done) for _ in range(_TIMES))

    def _once(self, done: Callable[[], None]) -> int:
        before = self._last
        sys.setprofile(self)
        try:
            done()
        finally:
            sys.setprofile(None)
        return self._last - before


@contextmanager
def counted() -> Iterator[Counted]:
    counter = Counted()
    threading.setprofile(counter)
    try:
        yield counter
    finally:
        threading.setprofile(None)


def test_no_request_does_much_more_than_its_calls_of_aws(
    local_stack: LocalStack, sample: Path, explorer: DemoClient
) -> None:
    assert list(sample.glob("*.ndjson"))
    found: list[tuple[Case, int, int]] = []
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        Wire(local_stack.endpoint) as wire,
        redirect_stdout(nowhere),
    ):
        for case in cases(local_stack, explorer):
            with counted() as counter, warm_request(local_stack, wire, case) as request:
                found.append((case, counter.of(request.whole), counter.of(request.bare)))

    ratios = {case.name: round(whole / bare, 3) for case, whole, bare in found}
    assert {name: ratio for name, ratio in ratios.items() if ratio > _MOST[re.split(r"[ :]", name)[0]]} == {}, ratios
