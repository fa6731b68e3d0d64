"""The table of mutants: faults put into a control one at a time, each with the tests that have to notice it."""

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
TABLE: Final = PROJECT / "tests/security/mutants/table.toml"

_NEEDS_A_STACK: Final = "mark.integration"


class MutantError(ValueError):
    """A mutant does not fit the code of today; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, the one place where `find` stands gets `replace` instead."""

    file: str
    find: str
    replace: str

    def applied(self, text: str) -> str:
        """Return the changed text; raises `MutantError` unless `find` stands in it exactly once."""
        if (times := text.count(self.find)) != 1:
            raise MutantError(f"its text stands {times} times in {self.file}")
        if self.replace == self.find:
            raise MutantError("it changes nothing")
        return text.replace(self.find, self.replace)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: with its edits one of `tests` (files or `file::name`) has to fail.

    A control with two locks takes more than one edit: each of them alone would change nothing.
    """

    id: str
    change: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    @property
    def is_quick(self) -> bool:
        """Say whether tests without an emulator notice it."""
        return not any(needs_a_stack(PROJECT, test) for test in self.tests)

    def applied_to(self, project: Path) -> dict[Path, str]:
        """Return the mutated files' texts; raises `MutantError` for one that does not fit the code of today."""
        texts: dict[Path, str] = {}
        for edit in self.edits:
            path = project / edit.file
            if not path.is_file():
                raise MutantError(f"{self.id}: {edit.file} is not there")
            try:
                texts[path] = edit.applied(texts.get(path) or path.read_text(encoding="utf-8"))
            except MutantError as error:
                raise MutantError(f"{self.id}: {error}") from None
        return texts


def read_mutants(table: Path = TABLE) -> list[Mutant]:
    """Return the mutants of a table; raises `MutantError` for an id that is used twice or a row without tests."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["mutant"]
    mutants = [
        Mutant(
            id=row["id"],
            change=row["change"],
            edits=tuple(
                Edit(each.get("file", row["file"]), each["find"], each["replace"])
                for each in (row, *row.get("also", ()))
            ),
            tests=tuple(row["tests"]),
        )
        for row in rows
    ]
    seen: set[str] = set()
    for mutant in mutants:
        if mutant.id in seen:
            raise MutantError(f"{mutant.id}: its id is used twice")
        if not mutant.tests:
            raise MutantError(f"{mutant.id}: it names no test")
        seen.add(mutant.id)
    return mutants


def is_test(project: Path, name: str) -> bool:
    """Say whether `path` or `path::test_name` is there; a parametrised case (`[…]`) goes by its function."""
    file, _, _ = name.partition("::")
    path = project / file
    return path.name.startswith("test_") and path.is_file() and bool(_functions(path, name))


def needs_a_stack(project: Path, name: str) -> bool:
    """Say whether `path` or `path::test_name`, or one of its tests, is marked as driving a deployed template."""
    path = project / name.partition("::")[0]
    marks = [
        ast.unparse(node.value)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and "pytestmark" in map(ast.unparse, node.targets)
    ]
    marks += [ast.unparse(mark) for test in _functions(path, name) for mark in test.decorator_list]
    return any(_NEEDS_A_STACK in mark for mark in marks)


def _functions(path: Path, name: str) -> list[ast.FunctionDef]:
    """Return the test functions of a file that a name means: the one that it names, or all."""
    wanted = name.partition("::")[2].partition("[")[0]
    return [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and wanted in ("", node.name)
    ]


def misfits(mutants: Iterable[Mutant], project: Path = PROJECT) -> list[str]:
    """Return what does not fit the code of today: mutants that do not apply, tests that are not there."""
    found = []
    for mutant in mutants:
        try:
            mutant.applied_to(project)
        except MutantError as error:
            found.append(str(error))
        found += [f"{mutant.id}: {test} is not there" for test in mutant.tests if not is_test(project, test)]
    return found


def page_rows(mutants: list[Mutant]) -> list[str]:
    """Return the mutants as the rows of SECURITY.md's table."""
    return [f"| `{mutant.id}` | {mutant.change} | `{mutant.edits[0].file}` |" for mutant in mutants]
