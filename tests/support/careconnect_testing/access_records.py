"""The access record of tests: kept in memory to be looked at, or in moto's tables as it is deployed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from careconnect.access_record.event import AccessEvent, event_of
from careconnect.access_record.record import RecordNotKeptError
from careconnect.shell import Recording
from careconnect_testing.tables import create_table

DIGEST_ALIAS = "alias/careconnect-access-digest"


def digest_for_tests(value: str) -> str:
    """Return what stands for a personal value: never the value itself, and legible."""
    return f"digest-of-{len(value)}"


@dataclass
class KeptEvents:
    """An access record in memory; with a `fault` nothing can be kept. `steps` tells when what was begun and kept."""

    events: list[AccessEvent] = field(default_factory=list)
    fault: str = ""
    steps: list[str] = field(default_factory=list)

    def begin(self, events: Sequence[AccessEvent]) -> "list[Future[None]]":
        """Keep events at once, and return what ends as it would have."""
        self.steps.append(f"begin {len(events)}")
        kept: Future[None] = Future()
        try:
            self._keep(events)
        except RecordNotKeptError as error:
            kept.set_exception(error)
        else:
            kept.set_result(None)
        return [kept]

    def keep(self, events: Sequence[AccessEvent]) -> None:
        """Keep events."""
        self.steps.append(f"keep {len(events)}")
        self._keep(events)

    def put_action(self, event: AccessEvent) -> dict[str, Any]:
        """Return the Put of an event into a table called `audit`."""
        return {"Put": {"TableName": "audit", "Item": event.item()}}

    def _keep(self, events: Sequence[AccessEvent]) -> None:
        if self.fault:
            raise RecordNotKeptError(self.fault)
        self.events += events

    @property
    def told(self) -> list[AccessEvent]:
        """What a reader is told: of each id the correction, if there is one."""
        return list({event.id: event for event in self.events}.values())

    def recording(self, *, fails_open: bool = False) -> Recording:
        """Return a function's recording that keeps its events here."""
        return Recording(self, "tested", digest_for_tests, fails_open=fails_open)


def audit_table(client: Any, name: str) -> Callable[[], list[AccessEvent]]:
    """Make the table of events by a name, and return a function that lists what is in it, in the order of ids."""
    create_table(client, "AuditTable", name)
    return lambda: [
        event_of(item)
        for item in sorted(client.scan(TableName=name)["Items"], key=lambda one: str(one["sk"]["S"]))
        if "action" in item
    ]


def digest_key(kms: Any, alias: str = DIGEST_ALIAS) -> None:
    """Make the key that digests personal values, by its alias."""
    made = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    kms.create_alias(AliasName=alias, TargetKeyId=made["KeyMetadata"]["KeyId"])
