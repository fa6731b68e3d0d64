"""`careconnect run` where it does not start: one line, and the exit code that tells why."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careconnect_admin.cli import app
from careconnect_admin.commands import run as module
from careconnect_admin.local.emulator import free_port


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


def test_data_that_is_not_there_is_told_before_anything_starts() -> None:
    result = CliRunner().invoke(app, ["run", "--port", str(free_port()), "--data", "nowhere"])

    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_a_weak_explorer_secret_is_one_line_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_SECRET", "guess-me")
    result = CliRunner().invoke(app, ["run", "--port", str(free_port())])

    assert result.exit_code == 1
    assert result.stderr.startswith("careconnect: EXPLORER_SECRET: the secret is too weak")
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
