"""Which test files go to one process of pytest-xdist together, and which of them begin first."""

import ast
from functools import cache
from pathlib import Path
from typing import Final

from xdist.scheduler import LoadScopeScheduling

_SEARCHED: Final = "search_stack"
STACK_FIXTURES: Final = frozenset(
    {"local_stack", "record_tables", "sample", "http", "bearer", "key_client", "service", "console", "visit"}
)
"""The fixtures that start the stack of their folder (`stack_fixtures`, the conftest.py of clients and browser)."""
_FOLDERS: Final = frozenset({"browser", "clients", "integration", "security"})
"""The folders below `tests` that have such a stack."""


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
    folder = below.partition("/")[0]
    asked = {node.arg for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.arg)}
    if _SEARCHED in asked:
        return _SEARCHED
    if tests and folder in _FOLDERS and asked & STACK_FIXTURES:
        return f"stack of {folder}"
    return file.as_posix()


def begins_at(file: Path) -> int:
    """Return 0 for what is to begin first: a long piece of work that begins last is waited for by all."""
    if work_unit(file) != file.as_posix():
        return 0
    return 2 if {"unit", "architecture"} & set(file.parts) else 1


def covers_code(file: Path) -> bool:
    """Return whether a test file is one of those that have to cover functions and layers in their own process.

    Those are the units, but for the tools', and the simulations. The loader's are units too: it brings what it loads
    into the form that a layer gives it.
    """
    _, _, below = file.as_posix().rpartition("/tests/")
    if below.startswith("unit/admin/"):
        return below.startswith("unit/admin/loading/")
    return below.startswith(("unit/", "simulation/"))
