"""A DynamoDB client that lets a test alter its responses."""

from collections.abc import Callable
from typing import Any


class Altered:
    """Passes each named operation to a function, with the real operation and its arguments."""

    def __init__(self, client: Any, **alter: Callable[[Callable[..., Any], dict[str, Any]], Any]) -> None:
        """Alter the client's operations by name (`query`, `batch_get_item`)."""
        self._client = client
        self._alter = alter

    def __getattr__(self, name: str) -> Any:
        """Return an operation."""
        real = getattr(self._client, name)
        alter = self._alter.get(name)
        return real if alter is None else lambda **arguments: alter(real, arguments)
