"""Exports of stores that stand still, step after step: all that a client may learn of each."""

from dataclasses import dataclass
from typing import Any, Final

from careconnect.audit.event import Action, AuditEvent, event_of, new_event_id
from careconnect.export.job import CHAINS, Job, file_key, percent_of
from careconnect.export.jobs import DynamoDbJobs
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.exports.bucket import Bucket
from careconnect_testing.exports.kick_offs import KickOff
from careconnect_testing.exports.run import create_export_table, selection_of
from careconnect_testing.exports.workers import Names, worker_over
from careconnect_testing.exports.world import EXPORTS
from careconnect_testing.pairs.stores import Store
from careconnect_testing.parts.stores import BASE, NOW

_AUDIT: Final = "export-audit"
_TOKENS: Final = "export-tokens"
_JOB: Final = "0" * 32
_SETTLED: Final = 60.0


@dataclass(frozen=True)
class Told:
    """What an export tells: the progress after each step, and each file with its lines."""

    progress: tuple[int, ...]
    files: tuple[tuple[str, str, int, str], ...]
    patients: frozenset[str]
    """Those of its audit events."""


def exported(store: Store, kick_off: KickOff) -> Told:
    """Return what an export of a store tells."""
    tables = store.writer.reader.tables
    names = Names(
        _AUDIT, EXPORTS, _TOKENS, tables.record, tables.directory, tables.transaction, tables.directory_transaction
    )
    database: Any = store.writer.reader.client.database.copy()
    create_export_table(database)
    _create(database, _TOKENS, ("pk",))
    _create(database, _AUDIT, ("pk", "sk"))
    client: Any = InMemoryClient(database)
    jobs = DynamoDbJobs(client, EXPORTS)
    objects: dict[str, bytes] = {}
    job = _job(kick_off)
    jobs.put(job, 1)
    worker = worker_over(client, Bucket(objects), names, lambda: NOW + _SETTLED)
    progress = []
    for chain in worker({"job": _JOB, "step": "begin"})["chains"]:
        is_more = True
        while is_more:
            is_more = worker({"job": _JOB, "step": "read", "chain": chain})["more"]
            reached = jobs.chains(_JOB)
            progress.append(percent_of(reached[each] for each in range(CHAINS) if each in reached))
    while worker({"job": _JOB, "step": "record"})["more"]:
        pass
    assert "expires" in worker({"job": _JOB, "step": "finish"})
    files = tuple(
        (each.name, each.type, each.count, objects[file_key(_JOB, each.name)].decode()) for each in jobs.files(_JOB)
    )
    events = map(event_of, database.items(_AUDIT))
    return Told(tuple(progress), files, frozenset(each.patient for each in events))


def _job(kick_off: KickOff) -> Job:
    return Job(
        id=_JOB,
        at=int(NOW * 1000),
        client_id="client",
        scope=kick_off.token.caller,
        jti="token",
        issued_at=int(NOW) - 60,
        url=f"{BASE}/STU3/$export",
        fhir_base=f"{BASE}/STU3",
        kick_off=AuditEvent(id=new_event_id(NOW), action=Action.EXECUTE, interaction="operation"),
        selection=selection_of(kick_off),
    )


def _create(database: Any, name: str, keys: tuple[str, ...]) -> None:
    kinds = ("HASH", "RANGE")
    database.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )
