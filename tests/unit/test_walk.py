"""A search page passes few modules, by few nested calls: a reader can follow it."""

import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from careconnect_admin.project import PROJECT
from careconnect_testing.aws.moto_deployment import MotoDeployment, moto_deployment
from careconnect_testing.http.request_kinds import KINDS, beside, prepare

PAGE = next(kind for kind in KINDS if kind.name.startswith("Search in a patient's record"))
PRODUCT = tuple(str(PROJECT / folder) + "/" for folder in ("functions", "layers"))


class Walk:
    """The modules of the product that a thread's calls pass; a return counts as a change of module as a call does."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.changes = 0
        self.depth = 0
        self._stacks: dict[int, list[str]] = {}
        self._last: dict[int, str] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_code.co_filename
        if event not in ("call", "return") or not module.startswith(PRODUCT):
            return
        thread = threading.get_ident()
        stack = self._stacks.setdefault(thread, [])
        if event == "call":
            stack.append(module)
            self.modules.add(module)
            self.depth = max(self.depth, len(stack))
        else:
            stack.pop()
        now = stack[-1] if stack else ""
        before, self._last[thread] = self._last.get(thread, ""), now
        self.changes += bool(before and now and now != before)


@pytest.fixture(scope="module")
def deployment() -> Iterator[MotoDeployment]:
    with moto_deployment(beside()) as deployed:
        prepare(deployed)
        yield deployed


def test_a_search_page_passes_few_modules_by_few_calls(deployment: MotoDeployment) -> None:
    instance = deployment.new_instance(PAGE.function)
    deployment.ask(instance, PAGE.sent(deployment))
    event, walk = PAGE.sent(deployment), Walk()
    sys.setprofile(walk)
    try:
        answer = deployment.ask(instance, event)
    finally:
        sys.setprofile(None)

    assert answer["statusCode"] == PAGE.status
    assert len(walk.modules) <= 30, sorted(walk.modules)
    assert walk.changes <= 500
    assert walk.depth <= 15
