"""The command line as a whole: its version, its help, its completion."""

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from careconnect import __version__
from careconnect_admin.cli import app
from careconnect_testing.running.cases import each_of


def test_it_tells_its_version() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"careconnect {__version__}\n")


def commands(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every command and group."""
    inner = command.commands if isinstance(command, TyperGroup) else {}
    return [path, *(found for name, each in inner.items() for found in commands(each, (*path, name)))]


def test_there_are_commands_in_groups() -> None:
    assert ("clients", "add") in commands(get_command(app))


@each_of("path", commands(get_command(app)))
def test_each_command_helps_with_the_short_option_too(path: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*path, option]) for option in ("-h", "--help"))

    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "Usage: " in short.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_terminal_completes_it(shell: str) -> None:
    asked = {
        "_CARECONNECT_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "careconnect clients ro",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": "careconnect clients ro",
        "COMP_CWORD": "2",
    }
    result = CliRunner().invoke(app, [], env=asked, prog_name="careconnect")

    assert "rotate-secret" in result.stdout
    assert "disable" not in result.stdout
