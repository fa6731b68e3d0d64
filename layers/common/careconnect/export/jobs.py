"""The table of jobs: what is known of each, its progress, its files, and the places of clients (`export.md`; ADR 54).

Rows of a job have the partition `job#<id>`: `job` is the job itself, `chain#<k>` how far a chain has come,
`file#<name>` a finished file, `status#<minute>` the status requests of a minute. A client's running jobs are listed in
`client#<id>`, `running`. A list may name jobs that are over: their places are free.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from careconnect.audit.event import event_of
from careconnect.export.job import (
    JOB_SECONDS,
    ROW_SECONDS,
    Cause,
    Chain,
    Job,
    JobFile,
    Selection,
    State,
    TypeFilter,
)
from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code, reasons_of
from careconnect.storage.dynamodb import batch_get, call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

MAX_STATUS_REQUESTS: Final = 30
MINUTE: Final = 60
_ATTEMPTS: Final = 5
_DELETED_AT_ONCE: Final = 25
_JOB_ROW: Final = "job"
_CHAIN: Final = "chain#"
_FILE: Final = "file#"
_MET_BY_ANOTHER: Final = frozenset(("ConditionalCheckFailed", "TransactionConflict"))
_UNMET: Final = "ConditionalCheckFailedException"


class NoPlaceError(Exception):
    """The client has as many running jobs as it may have."""


class CheckpointTakenError(Exception):
    """Another step has written the chain's next checkpoint: this one has to begin again from it."""


class DynamoDbJobs:
    """Stores jobs in the export table; raises the 503 outcome if DynamoDB fails."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, job: Job, places: int) -> None:
        """Store a new job, and give it one of its client's `places`; raises `NoPlaceError`, and stores nothing then."""
        for _ in range(_ATTEMPTS):
            row = self._row(_client_key(job.client_id))
            number = int(row["number"]["N"]) if row else 0
            running = self._still_running(_listed(row), job.at, places)
            if len(running) >= places:
                raise NoPlaceError
            actions = [
                {"Put": {"TableName": self._table, "Item": _job_item(job), **_ABSENT}},
                {"Put": {"TableName": self._table, "Item": _running_item(job, running, number + 1), **_if(number)}},
            ]
            if self._is_written(actions):
                return
        raise outcomes.unavailable("places")

    def get(self, job_id: str) -> Job | None:
        """Return a job, None if there is none; one consistent GetItem."""
        row = self._row(_key(job_id, _JOB_ROW))
        return _job_of(row) if row else None

    def every(self) -> Iterator[Job]:
        """Yield all jobs; consistent Scans, for operators alone."""
        request: Item = {
            "TableName": self._table,
            "FilterExpression": "sk = :job",
            "ExpressionAttributeValues": {":job": {"S": _JOB_ROW}},
            "ConsistentRead": True,
        }
        yield from map(_job_of, self._pages(self._client.scan, request))

    def complete(self, job_id: str, expires: int) -> bool:
        """Note that a job is complete until `expires`, in epoch milliseconds; return False if it does not run."""
        return self._leave_running(job_id, {"state": State.COMPLETE, "expires": expires})

    def fail(self, job_id: str, cause: Cause, expires: int, detail: str = "") -> bool:
        """Note that a job has failed, which is told until `expires` with `detail`; return False if it does not run."""
        failed: dict[str, str | int] = {"state": State.FAILED, "cause": cause, "expires": expires, "detail": detail}
        return self._leave_running(job_id, failed)

    def end(self, job_id: str) -> None:
        """Note that a job has ended, in whatever state it is: it is unknown from now on."""
        self._set(job_id, {"state": State.ENDED}, "attribute_exists(pk)", {})

    def count_status(self, job_id: str, now: float) -> int | None:
        """Count a status request at `now`, in epoch seconds.

        Returns None, or the seconds until the minute is over if it has had `MAX_STATUS_REQUESTS`.
        """
        minute = int(now // MINUTE)
        update = {
            "TableName": self._table,
            "Key": _key(job_id, f"status#{minute}"),
            "UpdateExpression": "SET expires_at = :expires_at ADD requests :one",
            "ConditionExpression": "attribute_not_exists(requests) OR requests < :limit",
            "ExpressionAttributeValues": {
                ":expires_at": {"N": str((minute + 3) * MINUTE)},
                ":one": {"N": "1"},
                ":limit": {"N": str(MAX_STATUS_REQUESTS)},
            },
        }
        return None if self._is_done(self._client.update_item, **update) else (minute + 1) * MINUTE - int(now)

    def chains(self, job_id: str) -> dict[int, Chain]:
        """Return how far each chain has come that has a checkpoint; one consistent Query."""
        rows = self._rows(job_id, _CHAIN)
        return {int(row["sk"]["S"].removeprefix(_CHAIN)): _chain_of(row) for row in rows}

    def chain(self, job_id: str, chain: int) -> Chain:
        """Return how far a chain has come; one consistent GetItem."""
        row = self._row(_key(job_id, f"{_CHAIN}{chain}"))
        return _chain_of(row) if row else Chain()

    def checkpoint(self, job: Job, chain: int, reached: Chain, files: Sequence[JobFile]) -> None:
        """Store what a chain has reached, and its new files, at most 99, in one transaction.

        The number of `reached` follows that of the last checkpoint. Raises `CheckpointTakenError` if that has changed.
        """
        expires_at = _row_expiry(job.at)
        row = {
            **_key(job.id, f"{_CHAIN}{chain}"),
            "number": {"N": str(reached.number)},
            "files": {"N": str(reached.files)},
            "done": {"N": str(reached.done)},
            "total": {"N": str(reached.total)},
            "place": {"S": reached.place},
            "expires_at": expires_at,
        }
        actions: list[Any] = [{"Put": {"TableName": self._table, "Item": row, **_if(reached.number - 1)}}]
        actions += [{"Put": {"TableName": self._table, "Item": _file_item(job, each)}} for each in files]
        if not self._is_written(actions):
            raise CheckpointTakenError

    def put_file(self, job: Job, file: JobFile) -> None:
        """Store a finished file that belongs to no chain."""
        call(self._client.put_item, TableName=self._table, Item=_file_item(job, file))

    def file(self, job_id: str, name: str) -> JobFile | None:
        """Return a finished file by its name, None if there is none; one consistent GetItem."""
        row = self._row(_key(job_id, _FILE + name))
        return _file_of(row) if row else None

    def files(self, job_id: str) -> list[JobFile]:
        """Return all finished files, by their names; consistent Queries."""
        return [_file_of(row) for row in self._rows(job_id, _FILE)]

    def remove(self, job_id: str, rows: int = 1_000) -> bool:
        """Delete so many rows of a job, itself last; return True if there are more."""
        found = (row for row in self._rows(job_id, "", ProjectionExpression="pk, sk") if row["sk"]["S"] != _JOB_ROW)
        for first in range(0, rows, _DELETED_AT_ONCE):
            batch = list(islice(found, min(_DELETED_AT_ONCE, rows - first)))
            self._delete(batch)
            if len(batch) < _DELETED_AT_ONCE:
                break
        if next(found, None):
            return True
        call(self._client.delete_item, TableName=self._table, Key=_key(job_id, _JOB_ROW))
        return False

    def _still_running(self, listed: Mapping[str, int], now: int, places: int) -> dict[str, int]:
        """Return those of a client's jobs that take a place: only as many as there are places are looked up."""
        recent = {id_: at for id_, at in listed.items() if at + JOB_SECONDS * 1_000 > now}
        if len(recent) < places:
            return recent
        keys = [(self._table, _key(id_, _JOB_ROW)) for id_ in recent]
        found = [_job_of(row) for row in batch_get(self._client, keys, consistent=True)]
        return {job.id: job.at for job in found if job.state is State.RUNNING}

    def _leave_running(self, job_id: str, values: Mapping[str, str | int]) -> bool:
        return self._set(job_id, values, "#state = :running", {":running": {"S": State.RUNNING.value}})

    def _set(self, job_id: str, values: Mapping[str, str | int], condition: str, more: Mapping[str, Any]) -> bool:
        update = {
            "TableName": self._table,
            "Key": _key(job_id, _JOB_ROW),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :new_{name}" for name in values),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {**{f":new_{name}": _value(value) for name, value in values.items()}, **more},
        }
        return self._is_done(self._client.update_item, **update)

    def _is_done(self, operation: Callable[..., Any], **request: Any) -> bool:
        """Return False if the condition of a write does not hold."""
        try:
            operation(**request)
        except SERVICE_ERRORS as error:
            if error_code(error) == _UNMET:
                return False
            raise outcomes.unavailable(error_code(error)) from error
        return True

    def _is_written(self, actions: Sequence[Any]) -> bool:
        """Return False if a condition of a transaction does not hold, or another one writes the same rows."""
        try:
            self._client.transact_write_items(TransactItems=actions)
        except SERVICE_ERRORS as error:
            if not _MET_BY_ANOTHER.isdisjoint(reasons_of(error)):
                return False
            raise outcomes.unavailable(error_code(error)) from error
        return True

    def _row(self, key: Item) -> Item:
        answer = call(self._client.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        row: Item = answer.get("Item", {})
        return row

    def _rows(self, job_id: str, prefix: str, **more: Any) -> Iterator[Item]:
        """Yield the rows of a job whose names begin with `prefix`, in the order of their names."""
        request: Item = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": {
                ":pk": _key(job_id, "")["pk"],
                **({":prefix": {"S": prefix}} if prefix else {}),
            },
            "ConsistentRead": True,
            **more,
        }
        return self._pages(self._client.query, request)

    def _pages(self, operation: Callable[..., Any], request: Item) -> Iterator[Item]:
        while True:
            answer = call(operation, **request)
            yield from answer["Items"]
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def _delete(self, keys: Sequence[Item]) -> None:
        if not keys:
            return
        rest = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for _ in range(_ATTEMPTS):
            rest = call(self._client.batch_write_item, RequestItems=rest).get("UnprocessedItems") or {}
            if not rest:
                return
        raise outcomes.unavailable("UnprocessedItems")


_TOLD: Final = ("client_id", "scope", "jti", "issued_at", "url", "fhir_base", "ignored")
"""The fields of a job that are stored as they are, and never change."""

_ABSENT: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


def _if(number: int) -> Item:
    """Return the condition that a row has a number, or that it is absent for 0."""
    if not number:
        return _ABSENT
    return {
        "ConditionExpression": "#number = :last",
        "ExpressionAttributeNames": {"#number": "number"},
        "ExpressionAttributeValues": {":last": {"N": str(number)}},
    }


def _key(job_id: str, row: str) -> Item:
    return {"pk": {"S": f"job#{job_id}"}, "sk": {"S": row}}


def _client_key(client_id: str) -> Item:
    return {"pk": {"S": f"client#{client_id}"}, "sk": {"S": "running"}}


def _value(value: str | int) -> Item:
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def _row_expiry(at: int) -> Item:
    return {"N": str(at // 1_000 + ROW_SECONDS)}


def _listed(row: Item) -> dict[str, int]:
    return dict(json.loads(row["jobs"]["S"])) if row else {}


def _running_item(job: Job, running: Mapping[str, int], number: int) -> Item:
    return {
        **_client_key(job.client_id),
        "number": {"N": str(number)},
        "jobs": {"S": json.dumps({**running, job.id: job.at})},
        "expires_at": _row_expiry(job.at),
    }


def _job_item(job: Job) -> Item:
    told = {name: getattr(job, name) for name in _TOLD} | {"selection": asdict(job.selection)}
    return {
        **_key(job.id, _JOB_ROW),
        "at": {"N": str(job.at)},
        "state": {"S": job.state.value},
        "job": {"S": json.dumps(told, ensure_ascii=False)},
        "kick_off": {"M": job.kick_off.item()},
        "expires_at": _row_expiry(job.at),
    }


def _job_of(row: Item) -> Job:
    told = json.loads(row["job"]["S"])
    return Job(
        id=row["pk"]["S"].partition("#")[2],
        at=int(row["at"]["N"]),
        kick_off=event_of(row["kick_off"]["M"]),
        selection=_selection_of(told.pop("selection")),
        ignored=tuple(told.pop("ignored")),
        state=State(row["state"]["S"]),
        cause=Cause(row["cause"]["S"]) if "cause" in row else None,
        detail=row["detail"]["S"] if "detail" in row else "",
        expires=int(row["expires"]["N"]) if "expires" in row else 0,
        **told,
    )


def _selection_of(told: Mapping[str, Any]) -> Selection:
    return Selection(
        types=tuple(told["types"]),
        is_of_patients=told["is_of_patients"],
        since=told["since"],
        until=told["until"],
        elements=tuple((name, tuple(elements)) for name, elements in told["elements"]),
        filters=tuple(
            TypeFilter(each["type"], tuple((name, value) for name, value in each["criteria"]))
            for each in told["filters"]
        ),
        patients=tuple(told["patients"]),
    )


def _file_item(job: Job, file: JobFile) -> Item:
    return {
        **_key(job.id, _FILE + file.name),
        "type": {"S": file.type},
        "count": {"N": str(file.count)},
        "expires_at": _row_expiry(job.at),
    }


def _file_of(row: Item) -> JobFile:
    return JobFile(row["sk"]["S"].removeprefix(_FILE), row["type"]["S"], int(row["count"]["N"]))


def _chain_of(row: Item) -> Chain:
    number, files, done, total = (int(row[name]["N"]) for name in ("number", "files", "done", "total"))
    return Chain(number, files, done, total, row["place"]["S"])
