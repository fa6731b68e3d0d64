"""Which test files go to one process of pytest-xdist together, and which of them begin first."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling

STACK_FIXTURES: Final = frozenset(
    {"local_stack", "record_tables", "sample", "http", "bearer", "key_client", "service", "console", "visit"}
)
"""The fixtures that start the run's stack (`stack_fixtures`, the conftest.py of clients and browser)."""

_UNITS: Final = (
    ("search stack", frozenset({"search_stack"})),
    ("stack", STACK_FIXTURES),
)
"""What is handed out together, by the fixtures that it asks for: the first that fits."""

_APART: Final = frozenset({"browser", "clients"})
"""The folders below `tests` that share a stack of their own: all on one would be waited for by everything else."""

_WITH_A_STACK: Final = frozenset({"browser", "clients", "integration", "security", "simulation"})
"""The folders below `tests` whose tests may start one."""


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hand out the tests file by file, but all files that ask for one stack as one.

    Each process has its own session, and so its own stacks: a stack that two of them ask for is started twice.
    """

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(self.config.rootpath / nodeid.partition("::")[0])


@cache
def work_unit(file: Path) -> str:
    """Return the name of what a test file is handed out with: its stack's, or the file's own if it asks for none."""
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
    """Return 0 for what is to begin first: a long piece of work that begins last is waited for by all."""
    unit = work_unit(file)
    if unit != file.as_posix():
        return 0
    return 2 if {"unit", "architecture"} & set(file.parts) else 1
