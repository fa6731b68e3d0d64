"""`careconnect versions prune`: which versions of functions go, and which stay."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.cloud_formation import FakeCloudFormation

Run = Callable[..., Result]


class Functions:
    """Two functions of Lambda with their versions, which are listed in two pages, and their aliases."""

    def __init__(self) -> None:
        self.versions = {"token": ["$LATEST", "1", "2", "3", "9", "10"], "reader": ["$LATEST", "4", "5"]}
        self.aliases: dict[str, list[dict[str, Any]]] = {
            "token": [{"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}}],
            "reader": [{"FunctionVersion": "5"}],
        }

    def get_paginator(self, operation: str) -> Any:
        def pages(FunctionName: str) -> list[dict[str, Any]]:  # noqa: N803 - as boto3 names it
            if operation == "list_aliases":
                return [{"Aliases": self.aliases[FunctionName]}]
            found = [{"Version": number} for number in self.versions[FunctionName]]
            return [{"Versions": found[:2]}, {"Versions": found[2:]}]

        return SimpleNamespace(paginate=pages)

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - as boto3 names them
        self.versions[FunctionName].remove(Qualifier)


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def run(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect versions prune`."""
    stack = FakeCloudFormation(
        {
            "TokenFunction": ("AWS::Lambda::Function", "token"),
            "PatientRecordFunction": ("AWS::Lambda::Function", "reader"),
        }
    )
    services = {"cloudformation": stack, "lambda": functions}
    target = StackTarget("careconnect", {}, services.__getitem__, place="eu-west-2")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    return lambda *arguments, **options: CliRunner().invoke(app, ["versions", "prune", *arguments], **options)


def test_the_newest_and_those_in_service_stay(functions: Functions, run: Run) -> None:
    result = run("--yes")

    assert (result.exit_code, result.stdout) == (0, "Deleted 1 versions\n")
    assert functions.versions == {"token": ["$LATEST", "1", "2", "9", "10"], "reader": ["$LATEST", "4", "5"]}
    assert run("--yes").stdout == "No version is to be deleted\n"


def test_it_shows_what_goes_and_asks(functions: Functions, run: Run) -> None:
    result = run("--keep", "1", input="n\n")

    assert result.exit_code == 1
    assert "To delete: TokenFunction 3, 9\n" in result.stderr
    assert "To delete: PatientRecordFunction 4\n" in result.stderr
    assert "3" in functions.versions["token"]
