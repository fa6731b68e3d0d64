"""An operator whose commands that write are registered, as those of the command line are: an export waits for them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from careconnect.storage.operator_work import PARTITION
from careconnect_testing.simulation.world.names import TRANSACTIONS
from careconnect_testing.simulation.world.operator import Operator

_SECONDS: Final = 600


class RegisteredOperator(Operator):
    """Loads and moves resources under a registration."""

    def load(self, key: str, resource: dict[str, Any]) -> None:
        """Load a resource."""
        with self._registered("load"):
            super().load(key, resource)

    def move(self, patient: str, keys: Sequence[str], calls: int = 0) -> None:
        """Move resources to a patient."""
        with self._registered("move"):
            super().move(patient, keys, calls)

    @contextmanager
    def _registered(self, command: str) -> Iterator[None]:
        key = {"pk": {"S": PARTITION}, "sk": {"S": f"{command}/{self.system.scheduler.current.name}"}}
        expires = {"expires_at": {"N": str(int(self.system.scheduler.now) + _SECONDS)}}
        self._do("put_item", {"TableName": TRANSACTIONS, "Item": key | expires})
        yield
        self._do("delete_item", {"TableName": TRANSACTIONS, "Key": key})
