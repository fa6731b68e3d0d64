"""A request's threads are kept on one processor, and its caller's thread is given back as it was."""

import os
import threading

import pytest

from careconnect.endpoint.pipeline import pinned_to_cpu

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity of threads")


def test_the_thread_and_those_that_it_begins_are_on_one_cpu() -> None:
    allowed = os.sched_getaffinity(0)
    begun: list[set[int]] = []
    with pinned_to_cpu():
        kept = os.sched_getaffinity(0)
        thread = threading.Thread(target=lambda: begun.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()

    assert len(kept) == 1
    assert kept <= allowed
    assert begun == [kept]
    assert os.sched_getaffinity(0) == allowed


def test_the_thread_is_given_back_when_the_request_raises() -> None:
    allowed = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), pinned_to_cpu():
        _ = 1 / 0

    assert os.sched_getaffinity(0) == allowed


def test_processes_do_not_all_choose_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _thread: {1, 5, 7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _thread, processors: chosen.append(set(processors)))
    for process in range(3):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        with pinned_to_cpu():
            pass

    assert chosen == [{1}, {1, 5, 7}, {5}, {1, 5, 7}, {7}, {1, 5, 7}]


@pytest.mark.parametrize("fault", [PermissionError, AttributeError, OSError])
def test_where_it_is_not_allowed_the_request_is_answered_all_the_same(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: int, _processors: set[int]) -> None:
        raise fault

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    answered = []
    with pinned_to_cpu():
        answered.append(True)

    assert answered
