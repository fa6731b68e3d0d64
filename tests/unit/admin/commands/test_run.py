"""`careconnect run` where it does not start: one line, and the exit code that tells why."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careconnect_admin.cli import app
from careconnect_admin.commands.service import run as module
from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.project import PROJECT


@pytest.fixture(autouse=True)
def local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCAL_FOLDER", tmp_path)


def test_a_taken_port_is_one_line_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", "--port", str(port)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"careconnect: Port {port} is taken or not allowed: choose another with PORT=…\n"


def test_a_taken_port_of_the_emulator_is_one_line_too() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", "--port", str(free_port()), "--emulator-port", str(port)])

    assert result.exit_code == 2
    assert result.stderr == f"careconnect: Port {port} is taken or not allowed: choose another with EMULATOR_PORT=…\n"


@pytest.mark.parametrize("command", ["run", "sam-local"])
@pytest.mark.parametrize(
    ("files", "given", "reason"),
    [
        ({}, "nowhere", "DATA: nothing in nowhere can be loaded: nowhere: no such file or folder"),
        ({}, "", "DATA is empty: name a folder"),
        ({}, ".", "DATA: nothing in . can be loaded: .: no "),
        ({"notes.txt": "x"}, ".", "DATA: nothing in . can be loaded: .: no "),
        ({"notes.txt": "x"}, "notes.txt", "DATA: nothing in notes.txt can be loaded: notes.txt: not .ndjson"),
        ({"a.ndjson": "\n\n"}, "a.ndjson", "DATA: a.ndjson holds no record"),
        ({"a.ndjson": '{"resourceType":"Patient"}\n[]\n'}, "a.ndjson", "loaded: a.ndjson:1: Patient: no id"),
    ],
)
def test_data_that_holds_nothing_is_one_line_and_exit_code_2_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    files: dict[str, str],
    given: str,
    reason: str,
) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("started")

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", never)
    monkeypatch.setattr("careconnect_admin.local.sam.sam_stack.sam_stack", never)
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, [command, "--data", given])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_data_with_one_good_record_is_enough_to_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Started(Exception):  # noqa: N818
        pass

    def start(**_options: object) -> None:
        raise Started

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", start)
    (tmp_path / "a.ndjson").write_text('[]\n{"resourceType":"Patient","id":"1"}\n', encoding="utf-8")
    assert isinstance(CliRunner().invoke(app, ["run", "--data", str(tmp_path)]).exception, Started)


@pytest.mark.parametrize("seconds", ["59", "5401", "-60", "1h", "６０"])
def test_a_token_lifetime_that_cannot_be_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    monkeypatch.setenv("TOKEN_LIFETIME", seconds)
    result = CliRunner().invoke(app, ["run", "--port", str(free_port())])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "careconnect: TOKEN_LIFETIME is a number of seconds from 60 to 5400\n"


def test_a_token_lifetime_is_the_templates_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def start(*, parameters: object, **_options: object) -> None:
        given.append(parameters)
        raise KeyboardInterrupt

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", start)
    for seconds in ("60", "5400"):
        monkeypatch.setenv("TOKEN_LIFETIME", seconds)
        CliRunner().invoke(app, ["run"])
    monkeypatch.delenv("TOKEN_LIFETIME")
    CliRunner().invoke(app, ["run"])
    assert given == [{"TokenLifetimeSeconds": "60"}, {"TokenLifetimeSeconds": "5400"}, {}]


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://care.example", "https://care.example"),
        ("https://care.example:8443/stage/", "https://care.example:8443/stage"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_the_root_url_of_another_front_is_the_templates_parameter(
    monkeypatch: pytest.MonkeyPatch, given: str, root: str
) -> None:
    parameters: list[object] = []

    def start(**options: object) -> None:
        parameters.append(options["parameters"])
        raise KeyboardInterrupt

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", start)
    CliRunner().invoke(app, ["run", "--base-url", given])
    monkeypatch.setenv("BASE_URL", given)
    CliRunner().invoke(app, ["run"])
    assert parameters == [{"BaseUrl": root}] * 2


@pytest.mark.parametrize(
    "given",
    ["/", "care.example", "http://care.example", "https://", "https://care.example?x=1", f"https://{'c' * 60}.example"],
)
def test_a_root_url_that_no_deployment_takes_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    def never(**_options: object) -> None:
        raise AssertionError("started")

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", never)
    result = CliRunner().invoke(app, ["run", "--base-url", given])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "careconnect: BASE_URL is an https URL, or an http one of this machine (127.0.0.1 or localhost), of at most 64 "
        "characters, without a query\n"
    )


@pytest.mark.parametrize("name", ["EXPLORER_SECRET", "EDITOR_SECRET", "AUDITOR_SECRET"])
def test_a_weak_secret_is_one_line_before_anything_starts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "guess-me")
    result = CliRunner().invoke(app, ["run", "--port", str(free_port())])

    assert result.exit_code == 2
    assert result.stderr.startswith(f"careconnect: {name}: the secret is too weak")
    assert "openssl rand -hex 64" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "guess-me" not in result.stderr


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (SystemExit(0), 0)])
def test_a_signal_during_the_start_ends_it_in_order(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int
) -> None:
    class Interrupted:
        def __init__(self, **_: object) -> None:
            raise raised

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", Interrupted)

    assert CliRunner().invoke(app, ["run"]).exit_code == code


@pytest.mark.parametrize("name", ["BASE_URL", "KEEP", "TOKEN_LIFETIME"])
def test_sam_local_refuses_what_only_a_run_has(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("started")

    monkeypatch.setattr("careconnect_admin.local.sam.sam_stack.sam_stack", never)
    monkeypatch.setenv(name, "60")
    result = CliRunner().invoke(app, ["sam-local"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"careconnect: {name} works with `make run` alone: leave it out\n"


@pytest.mark.parametrize(
    ("target", "given", "command"),
    [
        ("run", [], "run --port 3000"),
        ("run", ["PORT=", "DATA="], "run --port 3000"),
        ("run", ["PORT=3001", "DATA=records"], 'run --port 3001 --data "records"'),
        ("run", ["EMULATOR_PORT=4567"], "run --port 3000 --emulator-port 4567"),
        ("sam-local", ["PORT=", "EMULATOR_PORT=", "DATA="], "sam-local --port 3000 --emulator-port 4566"),
    ],
)
def test_make_takes_what_is_given_as_nothing_for_not_given(target: str, given: list[str], command: str) -> None:
    # The setup that make may want to do before is none of the command.
    # Nor is what a make that runs the tests says of itself.
    inherited = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DATA", "PORT", "EMULATOR_PORT"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    call = ["make", "--no-print-directory", "--dry-run", target, *given]
    shown = subprocess.run(call, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True)
    assert shown.stdout.splitlines()[-1].strip() == f"exec .venv/bin/careconnect {command}"


@pytest.mark.parametrize("name", ["BASE_URL", "KEEP", "TOKEN_LIFETIME"])
def test_a_variable_without_a_value_counts_as_not_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given: list[object] = []

    def start(**options: object) -> None:
        given.append(options["parameters"])
        raise KeyboardInterrupt

    monkeypatch.setattr("careconnect_admin.local.local_stack.LocalStack", start)
    monkeypatch.setenv(name, "")
    CliRunner().invoke(app, ["run"])
    assert given == [{}]
