"""The command line `careconnect`: one typer application with the commands of all modules."""

from typing import Annotated

import typer

from careconnect import __version__
from careconnect_admin.commands import audit as audit_command
from careconnect_admin.commands import keys as keys_command
from careconnect_admin.commands import versions as versions_command
from careconnect_admin.commands.client import clients as clients_command
from careconnect_admin.commands.deploy import EXTRA_OPTIONS, deploy
from careconnect_admin.commands.destroy import destroy
from careconnect_admin.commands.load import load
from careconnect_admin.commands.operations import alarms, logs
from careconnect_admin.commands.patients import app as patients_app
from careconnect_admin.commands.reindex import reindex
from careconnect_admin.commands.restore import restore
from careconnect_admin.commands.service.export import export
from careconnect_admin.commands.service.read import get, search
from careconnect_admin.commands.service.run import run
from careconnect_admin.commands.service.sam_local import sam_local
from careconnect_admin.commands.service.sample import sample
from careconnect_admin.commands.service.smoke import smoke
from careconnect_admin.commands.service.tokens import app as tokens_app
from careconnect_admin.commands.service.tokens import token
from careconnect_admin.commands.shared.terminal import say

app = typer.Typer(
    name="careconnect",
    help="Run Care Connect locally, load records, and manage clients and signing keys.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # A traceback with local variables could show secrets.
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(sam_local)
app.command()(load)
app.command()(reindex)
app.command()(restore)
app.command()(sample)
app.command()(smoke)
app.command()(token)
app.command()(get)
app.command()(search)
app.command()(export)
app.command()(logs)
app.command()(alarms)
app.command(context_settings=EXTRA_OPTIONS)(deploy)
app.command()(destroy)
app.add_typer(audit_command.app)
app.add_typer(clients_command.app)
app.add_typer(keys_command.app)
app.add_typer(patients_app)
app.add_typer(tokens_app)
app.add_typer(versions_command.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"careconnect {__version__}")
        raise typer.Exit


@app.callback()
def careconnect(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Run Care Connect locally, load records, and manage clients and signing keys."""


def main() -> None:
    """Run the command line."""
    app()
