"""A client of DynamoDB whose answers are altered on their way."""

from collections.abc import Callable
from typing import Any


class Altered:
    """Hands each operation that is named to a function, with the real one and its arguments."""

    def __init__(self, client: Any, **alter: Callable[[Callable[..., Any], dict[str, Any]], Any]) -> None:
        """Alter the operations of a client by their names (`query`, `batch_get_item`)."""
        self._client = client
        self._alter = alter

    def __getattr__(self, name: str) -> Any:
        """Return an operation."""
        real = getattr(self._client, name)
        alter = self._alter.get(name)
        return real if alter is None else lambda **arguments: alter(real, arguments)
