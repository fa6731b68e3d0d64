"""What the operator's command line has told."""

from typing import Final

from typer.testing import Result

ON_THE_STACK: Final = "careconnect: on the stack "
"""How the line begins that says which stack a command works on."""


def told(result: Result) -> list[str]:
    """Return the lines on standard error, without the one that says which stack the command works on."""
    return [line for line in result.stderr.splitlines() if not line.startswith(ON_THE_STACK)]
