"""The lists of `make mutants` fit the code."""

import tomllib
from typing import Any

from careconnect_admin.project import PROJECT


def _rows(name: str) -> Any:
    return tomllib.loads((PROJECT / f"tests/mutants/{name}s.toml").read_text(encoding="utf-8"))[name]


def test_the_files_that_are_listed_are_there() -> None:
    assert [
        glob for guard in _rows("guard") for glob in guard["modules"] + guard["tests"] if not any(PROJECT.glob(glob))
    ] == []


def test_the_lines_of_the_survivors_are_there() -> None:
    def lines(module: str) -> list[str]:
        return [" ".join(line.split()) for line in (PROJECT / module).read_text(encoding="utf-8").splitlines()]

    gone = [
        (row["module"], line)
        for row in _rows("survivor")
        for line in row["change"].strip().splitlines()
        if line.startswith("- ") and line[2:] not in lines(row["module"])
    ]

    assert gone == []
