"""The command line `careconnect`: one typer application that the commands' modules add themselves to."""

import typer

app = typer.Typer(
    name="careconnect",
    help="Run Care Connect locally, load records, administer clients and signing keys.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def careconnect() -> None:
    """Run Care Connect locally, load records, administer clients and signing keys."""


def main() -> None:
    """Run the command line."""
    app()
