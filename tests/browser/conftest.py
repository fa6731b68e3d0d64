"""A real Chromium at the console of a local stack with the sample. Without a Chromium these tests are skipped."""

import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.demo_list import demo_list
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.writing_desk import api, beside, desk, made
from careconnect_testing.page.browser import Visit, chromium

__all__ = ["api", "beside", "desk", "made"]

Visiting = Callable[..., Visit]

# What is waited for comes, but not within five seconds where other tests have the processors.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    path = chromium()
    if path is None:
        missing = "no Chromium: install Debian's `chromium`, or name one by CHROMIUM=…"
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        # Its sandbox asks for more than root may in a container.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def console(local_stack: LocalStack, sample: Path, clients: tuple[DemoClient, ...]) -> str:
    """The root URL of the run's stack as `make run` has it: with the sample, and the list of demo clients."""
    local_stack.open(demo_list(clients))
    return local_stack.base_url


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a fixture know how its test ended."""
    report = yield
    setattr(item, f"ended_{report.when}", report)
    return report


@pytest.fixture
def visit(browser: Browser, console: str, request: pytest.FixtureRequest) -> Iterator[Visiting]:
    """A function that opens a tab (`scheme`, `width`, `height`); at the end nothing may have gone wrong in any."""
    visits: list[Visit] = []

    def begin(**options: object) -> Visit:
        visits.append(Visit.begin(browser, console, **options))  # type: ignore[arg-type]
        return visits[-1]

    yield begin
    report = getattr(request.node, "ended_call", None)
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    failed = report is None or report.failed
    faults = [fault for each in visits for fault in each.end(name, failed=failed)]
    assert faults == []
