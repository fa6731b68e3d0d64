"""The command `careconnect reindex`."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from careconnect_admin.commands.reindex import reindex as command
from careconnect_admin.loading.reindex import ReindexReport
from careconnect_records.items.tables import RecordTables
from careconnect_testing.stacks.command_line import printed

pytestmark = pytest.mark.usefixtures("trail_in_memory")


class Target:
    """A stack that is found wherever it is looked for."""

    name = "careconnect"
    place = "eu-west-2"
    outputs: Mapping[str, str] = {}

    def client(self, _service: str) -> None:
        return None

    def output(self, name: str) -> str:
        return f"the {name}"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of each run; it rebuilds a few and meets a problem."""
    begun: list[Any] = []

    def reindex(tables: RecordTables, progress: Any, **options: Any) -> ReindexReport:
        begun.append((tables.record, tables.directory, tables.reference, options))
        progress("Removing the old index", 1_200)
        return ReindexReport({"Patient": 1_200, "Condition": 3}, ["Condition/c: too large"])

    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: Target())
    monkeypatch.setattr("careconnect_admin.loading.reindex.reindex", reindex)
    return begun


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(command)
    return made


def test_it_asks_first_and_says_what_that_means(app: typer.Typer, runs: list[Any], registrations: list[str]) -> None:
    refused = CliRunner().invoke(app, [], input="n\n")
    assert (refused.exit_code, runs) == (1, [])
    assert "The FHIR API of the stack careconnect answers 503" in refused.stderr
    # Nobody there to answer is no answer.
    assert CliRunner().invoke(app, [], input="").exit_code == 1
    assert runs == []

    CliRunner().invoke(app, [], input="y\n")
    CliRunner().invoke(app, ["--yes"])
    tables = ("the RecordTable", "the DirectoryTable", "the ReferenceTable")
    assert runs == [(*tables, {"base_url": "the BaseUrl"})] * 2
    assert registrations == ["reindex", "end"] * 2


def test_what_was_rebuilt_is_counted_and_problems_are_reported(app: typer.Typer, runs: list[Any]) -> None:
    result = CliRunner().invoke(app, ["--yes"])

    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["rebuilt"],
        ["Condition", "3"],
        ["Patient", "1,200"],
        ["total", "1,203"],
    ]
    assert printed(result) == ["found by no search: Condition/c: too large"]
    assert len(runs) == 1


def test_as_json_it_is_one_object(app: typer.Typer, runs: list[Any]) -> None:
    result = CliRunner().invoke(app, ["--yes", "--json"])

    assert json.loads(result.stdout) == {
        "types": {"Patient": 1_200, "Condition": 3},
        "problems": ["Condition/c: too large"],
    }
    assert len(runs) == 1
