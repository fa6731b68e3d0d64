"""The resources that `careconnect sam-local` takes from the template, and its messages when it cannot start."""

import json
import re
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careconnect_admin.cli import app
from careconnect_admin.local.sam.data_stack import data_template
from careconnect_admin.local.sam.sam_stack import ENVIRONMENT, Ports, environment_for
from careconnect_admin.project import TEMPLATE
from careconnect_testing.stacks.whole_template import whole_template

_BASE_URL = "http://127.0.0.1:3000"


def test_the_emulator_gets_every_table_and_key_of_the_template_and_nothing_else() -> None:
    whole = whole_template()["Resources"]
    types = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::KMS::Alias")

    part = data_template(TEMPLATE, _BASE_URL)["Resources"]

    assert part.keys() == {name for name, resource in whole.items() if resource["Type"] in types}
    for name, resource in part.items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert resource["Properties"]["TableName"] == name
            assert resource["Properties"]["KeySchema"] == whole[name]["Properties"]["KeySchema"]


def test_sam_overrides_only_variables_that_the_template_declares() -> None:
    template = whole_template()
    declared = set(template["Globals"]["Function"]["Environment"]["Variables"])
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            declared |= resource["Properties"].get("Environment", {}).get("Variables", {}).keys()

    assert json.loads(ENVIRONMENT.read_text(encoding="utf-8"))["Parameters"].keys() <= declared


def test_the_committed_environment_is_that_of_the_default_ports() -> None:
    assert environment_for(Ports(api=3000, emulator=4566)) == json.loads(ENVIRONMENT.read_text(encoding="utf-8"))


def test_other_ports_reach_the_functions() -> None:
    printed = environment_for(Ports(api=3400, emulator=5100))["Parameters"]

    assert printed["BASE_URL"] == "http://127.0.0.1:3400"
    assert printed["AWS_ENDPOINT_URL"].endswith(":5100")


def test_without_docker_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(app, ["sam-local", "--port", "3499"])

    assert result.exit_code == 1
    assert re.fullmatch(r"careconnect: `docker` is not found: .*`make run`.*\n", result.stderr)


def test_without_an_engine_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _fake_docker(tmp_path, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(app, ["sam-local", "--port", "3499"])

    assert result.exit_code == 1
    assert result.stderr == "careconnect: the Docker engine does not answer: start it, or set DOCKER_HOST\n"


def test_a_taken_port_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _fake_docker(tmp_path, "echo 127.0.0.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        result = CliRunner().invoke(app, ["sam-local", "--port", str(port)])

    assert result.exit_code == 2
    assert result.stderr == f"careconnect: Port {port} is taken or not allowed: choose another with PORT=…\n"


def _fake_docker(folder: Path, action: str) -> None:
    docker = folder / "docker"
    docker.write_text(f"#!/bin/sh\n{action}\n", encoding="utf-8")
    docker.chmod(0o700)
