"""Nobody waits for a multi-step write for more than ten seconds: by then it is done, or whoever meets it ends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect_records.multi_step.states import PENDING
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.names import DIRECTORY_TRANSACTIONS, TRANSACTIONS
from careconnect_testing.simulation.world.system import BrokenPromiseError

MAX_SECONDS: Final = 10.0


@dataclass
class Waiting:
    """Checks that no request waits for one multi-step write for too long; `names` are the tables in service."""

    scheduler: Scheduler
    names: Mapping[str, str]
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def read(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Check how long ago a request has met a write that is pending still."""
        states = (self.names[TRANSACTIONS], self.names[DIRECTORY_TRANSACTIONS])
        if request.get("TableName") not in states or "Key" not in request:
            return
        item = answer.get("Item")
        if item is None:
            return
        client, write = self.scheduler.current.name, item["sk"]["S"]
        if "status" not in item:
            # A veto: nobody waits for this one any more.
            self._since.pop((client, write), None)
            return
        if item["status"]["S"] != PENDING:
            return
        since = self._since.setdefault((client, write), self.scheduler.now)
        if (waited := self.scheduler.now - since) > MAX_SECONDS:
            raise BrokenPromiseError(f"a request of {client} has waited for {waited:.1f} seconds for the write {write}")

    def ended(self, client: str) -> None:
        """Forget the writes that a client's request has met."""
        self._since = {key: since for key, since in self._since.items() if key[0] != client}
