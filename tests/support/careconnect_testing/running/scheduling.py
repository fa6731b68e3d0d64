"""Assign test files to the processes of pytest-xdist, and decide which begin first."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling

STACK_FIXTURES: Final = frozenset(
    {"local_stack", "record_tables", "sample", "http", "bearer", "key_client", "service", "console", "visit"}
)
"""The fixtures that start the run's stack (the conftest.py of all tests, of clients and browser)."""

_SEARCH_STACK: Final = "search_stack"
"""The fixture of the stack with the records of the search tests."""

_UNITS: Final = (
    (_SEARCH_STACK, frozenset({_SEARCH_STACK})),
    ("stack", STACK_FIXTURES),
)
"""Units of scheduling, by the fixtures that a file uses: the first that matches."""

_APART: Final = frozenset({"browser", "clients"})
"""The folders below `tests` that share their own stack: on one stack with the rest they would delay everything."""

_WITH_A_STACK: Final = frozenset({"browser", "clients", "integration", "security", "simulation"})
"""The folders below `tests` whose tests may start a stack."""


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Schedule the tests by file, but all files that use the same stack as one unit.

    Each process has its own session and so its own stacks: a stack that two processes use is started twice.
    """

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(self.config.rootpath / nodeid.partition("::")[0])


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Schedule tests one by one, but those of a file of the browser, or with an `xdist_group`, as one unit.

    So are all tests of the files that use the search stack.

    xdist's own scheduling reads the group from a suffix of the test's id, which pytest 9.2 does not let it write.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(self.config.rootpath / nodeid.partition("::")[0]) or nodeid


@cache
def group_of(file: Path) -> str:
    """Return the group of a file whose tests share an expensive fixture, empty if they are scheduled one by one."""
    text = file.read_text(encoding="utf-8")
    if _SEARCH_STACK in text:
        return _SEARCH_STACK
    return file.as_posix() if file.parent.name == "browser" or "xdist_group(" in text else ""


@cache
def work_unit(file: Path) -> str:
    """Return the scheduling unit of a test file: its stack's name, or the file's own if it uses none."""
    _, tests, below = file.as_posix().rpartition("/tests/")
    if tests and below.partition("/")[0] in _WITH_A_STACK:
        tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        asked = {node.arg for node in tree if isinstance(node, ast.arg)}
        for unit, fixtures in _UNITS:
            if asked & fixtures:
                folder = below.partition("/")[0]
                return folder if folder in _APART else unit
    return file.as_posix()


def begins_at(file: Path) -> int:
    """Return 0 for a file that must begin first: everything waits for a long file that begins last."""
    unit = work_unit(file)
    if unit != file.as_posix():
        return 0
    return 2 if {"unit", "architecture"} & set(file.parts) else 1
