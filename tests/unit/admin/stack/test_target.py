"""Which stack a command works on, and when it works on none."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import CliRunner

from careconnect_admin.cli import app
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack import running_stack, target
from careconnect_admin.stack.running_stack import RunningStack, running_stacks
from careconnect_admin.stack.target import stack_target
from careconnect_testing.stacks.command_line import ON_THE_STACK


class FakeCloudFormation:
    """CloudFormation with any stack in eu-west-2, of no outputs and one parameter."""

    def client(self, _service: str, **_options: Any) -> Self:
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        stack_id = f"arn:aws:cloudformation:eu-west-2:123456789012:stack/{StackName}/1"
        parameters = [{"ParameterKey": "AuditRetentionDays", "ParameterValue": "30"}]
        return {"Stacks": [{"StackId": stack_id, "Parameters": parameters}]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stacks deployed, and the emulator's clients see the same."""
    monkeypatch.setattr("boto3.session.Session", lambda **_: FakeCloudFormation())
    monkeypatch.setattr(target, "emulator_client", lambda *_: FakeCloudFormation())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have local stacks on the ports 3000 and 3100, and one on 3200 that was killed."""
    monkeypatch.setattr(running_stack, "LOCAL_FOLDER", tmp_path)
    with ExitStack() as open_sockets:
        for port in (3100, 3200, 3000):
            emulator = socket.create_server(("127.0.0.1", 0))
            open_sockets.enter_context(emulator)
            endpoint = f"http://127.0.0.1:{emulator.getsockname()[1]}"
            running = RunningStack(f"http://127.0.0.1:{port}", endpoint, "eu-west-2", "careconnect", "id", "key")
            if port == 3200:
                emulator.close()
            (tmp_path / str(port)).mkdir()
            (tmp_path / str(port) / "stack.json").write_text(json.dumps(asdict(running)))
        yield tmp_path


def test_the_stacks_that_are_up_are_found_by_their_ports(folder: Path) -> None:
    assert [each.port for each in running_stacks()] == [3000, 3100]
    assert [each.port for each in running_stacks(3100)] == [3100]
    assert running_stacks(3200) == ()


@pytest.mark.usefixtures("aws")
def test_of_several_local_stacks_one_is_to_be_named(folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"on the ports 3000, 3100: name one with --port"):
        stack_target()
    found = stack_target(port=3100)
    assert (found.is_local, found.place) == (True, "local, http://127.0.0.1:3100")

    (folder / "3000" / "stack.json").unlink()
    assert stack_target().place == "local, http://127.0.0.1:3100"


@pytest.mark.usefixtures("aws", "folder")
def test_a_deployed_stack_is_reported_with_its_region_and_owner() -> None:
    found = stack_target("careconnect")

    assert (found.is_local, found.place) == (False, "eu-west-2, account 123456789012")
    assert found.parameters == {"AuditRetentionDays": "30"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"port": 3200}, r"no local stack is running on port 3200: .*make run PORT=3200"),
        ({"stack": "careconnect", "port": 3000}, "give one of them"),
        ({"region": "eu-west-1"}, "go with --stack"),
        ({"profile": "production"}, "go with --stack"),
    ],
)
def test_what_could_mean_another_stack_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        stack_target(**options)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("command", [("clients", "list"), ("keys", "list"), ("tokens", "revoke", "--jti", "x")])
def test_each_command_says_first_which_stack_it_works_on(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--stack", "careconnect"])

    first, *others = result.stderr.splitlines()
    assert first == f"{ON_THE_STACK}careconnect (eu-west-2, account 123456789012)"
    assert not any(line.startswith(ON_THE_STACK) for line in others)
    assert result.stdout == ""
