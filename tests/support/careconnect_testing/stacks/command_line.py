"""The output of the operator's command line."""

from typing import Final

from typer.testing import Result

ON_THE_STACK: Final = "careconnect: on the stack "
"""The beginning of the line that names a command's stack."""

ON_THE_SERVICE: Final = "careconnect: on the service "
"""The beginning of that line for a command that is given a service's URL."""


def printed(result: Result) -> list[str]:
    """Return the lines on standard error, without the one that names the stack or service."""
    return [line for line in result.stderr.splitlines() if not line.startswith((ON_THE_STACK, ON_THE_SERVICE))]
