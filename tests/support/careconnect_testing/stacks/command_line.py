"""What the operator's command line has told."""

from typing import Final

from typer.testing import Result

ON_THE_STACK: Final = "careconnect: on the stack "
"""How the line begins that says which stack a command works on."""

ON_THE_SERVICE: Final = "careconnect: on the service "
"""How it begins of a command that is given a service's URL."""


def printed(result: Result) -> list[str]:
    """Return the lines on standard error, without the one that says which stack or service it works on."""
    return [line for line in result.stderr.splitlines() if not line.startswith((ON_THE_STACK, ON_THE_SERVICE))]
