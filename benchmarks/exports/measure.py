"""Measure one export over a computed population: its calls, units, objects, CPU and memory.

The chains run one after the other, as each does in a worker of its own. Files are counted and forgotten; what else the
worker puts into its bucket is kept on the disk. So the memory of this process is the worker's and the tables'.
"""

import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.costs import prices
from benchmarks.costs.audit_cost import archived
from benchmarks.costs.request_cost import event_units, units_cost
from benchmarks.exports.account import EXPORTS, RECORDS, Account
from benchmarks.scale.population import KINDS, Population

from careconnect.audit.event import Action, AuditEvent, new_event_id
from careconnect.export.job import CHAINS, Job, Selection, new_job_id
from careconnect.export.jobs import DynamoDbJobs
from careconnect.runtime.call_limit import SETTLE_SECONDS
from careconnect.storage.keys import JSON_ITEM, change_partition
from careconnect_testing.exports.workers import Names, worker_over

_FILES: Final = "/files/"
_AT: Final = 1_750_000_000.0
_BASE: Final = "https://care.example/STU3"
_KEYS: Final = 100
"""Keys of a BatchGetItem."""
_GIGABYTES: Final = 1_769 / 1_024
"""The worker's memory, by which Lambda charges its time."""


@dataclass
class _Bucket:
    """A bucket that counts files and keeps everything else on the disk."""

    folder: Path
    files: int = 0
    lines: int = 0
    bytes: int = 0
    puts: int = 0

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Take an object."""
        self.puts += 1
        if _FILES in request["Key"]:
            self.files += 1
            self.lines += request["Body"].count(b"\n")
            self.bytes += len(request["Body"])
        else:
            self._path(request["Key"]).write_bytes(request["Body"])
        return {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Return an object."""
        return {"Body": self._path(request["Key"]).open("rb")}

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        """Delete objects."""
        for each in request["Delete"]["Objects"]:
            self._path(each["Key"]).unlink(missing_ok=True)
        return {}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Return a page of keys."""
        after = max(request.get("StartAfter", ""), request.get("ContinuationToken", ""))
        every = sorted(each.name.replace("!", "/") for each in self.folder.iterdir())
        keys = [key for key in every if key.startswith(request.get("Prefix", "")) and key > after]
        page = keys[: request.get("MaxKeys", 1_000)]
        more = {"NextContinuationToken": page[-1]} if len(page) < len(keys) else {}
        return {"IsTruncated": bool(more), "Contents": [{"Key": key} for key in page], **more}

    def _path(self, key: str) -> Path:
        return self.folder / key.replace("/", "!")


@dataclass(frozen=True, slots=True)
class Figures:
    """What an export of so many resources, of as many stored, took."""

    stored: int
    exported: int
    patients: int
    files: int
    calls: int
    reads: float
    writes: float
    events: int
    puts: int
    cpu: float
    """Seconds of the worker's own CPU."""
    bare: float
    """Seconds that a bare loop of the same calls takes; 0 if it was not measured."""
    megabytes: float
    """The peak of this process, computed tables and all."""
    steps: int

    @property
    def rate(self) -> float:
        """Resources for each CPU second beside those of the bare loop."""
        return self.bare / self.cpu if self.cpu else 0.0

    @property
    def dollars(self) -> float:
        """The price of the export: units, Lambda, S3 and the archive of its events."""
        # An item and its entry of the index, each less than a KB.
        of_events = 2 * self.events
        return (
            units_cost(self.reads, self.writes + event_units(of_events) - of_events)
            + archived(self.events)
            + prices.LAMBDA_TIME.of(self.cpu * 2 * _GIGABYTES)
            + prices.LAMBDA_REQUEST.of(self.steps)
            + prices.S3_PUT.of(self.puts)
        )


@dataclass
class Export:
    """An export of a population by a selection."""

    population: Population
    selection: Selection
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the account."""
        self.account = Account(self.population, _AT)

    def run(self, *, bare: bool = True) -> Figures:
        """Run the export and, by `bare`, the bare loop."""
        client = self.account.client()
        with TemporaryDirectory() as folder:
            bucket = _Bucket(Path(folder))
            job = _job(self.selection)
            DynamoDbJobs(client, EXPORTS).put(job, 1)
            now = [_AT]
            names = Names()
            worker = worker_over(client, bucket, names, lambda: now[0])
            now[0] += SETTLE_SECONDS + 1
            self.account.clear()
            begun = time.process_time()
            steps = sum(1 for _ in _steps(worker, job.id))
            cpu = time.process_time() - begun - self.account.own_seconds
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            found = self.account
            figures = Figures(
                stored=sum(map(self.population.total, KINDS)),
                exported=bucket.lines,
                patients=self.population.patients,
                files=bucket.files,
                calls=sum(found.calls.values()),
                reads=found.reads,
                writes=found.writes,
                events=found.events,
                puts=bucket.puts,
                cpu=cpu,
                bare=0.0,
                megabytes=peak,
                steps=steps,
            )
        if not bare:
            return figures
        return replace(figures, bare=self._bare(client))

    def _bare(self, client: Any) -> float:
        """Return the CPU seconds of a loop that queries, reads and dumps the same items."""
        self.account.clear()
        begun = time.process_time()
        for type_ in self.selection.types:
            for shard in range(CHAINS):
                _dump(client, change_partition(type_, shard))
        return time.process_time() - begun - self.account.own_seconds


def _dump(client: Any, partition: str) -> None:
    request: dict[str, Any] = {
        "TableName": RECORDS,
        "KeyConditionExpression": "pk = :pk AND sk > :after",
        "ExpressionAttributeValues": {":pk": {"S": partition}, ":after": {"S": " "}},
        "ProjectionExpression": "sk",
        "ConsistentRead": True,
    }
    type_ = partition.partition("?")[0]
    while True:
        page = client.query(**request)
        ids = [item["sk"]["S"].rpartition("#")[2] for item in page["Items"]]
        for first in range(0, len(ids), _KEYS):
            keys = [{"pk": {"S": f"{type_}/{id_}"}, "sk": {"S": JSON_ITEM}} for id_ in ids[first : first + _KEYS]]
            found = client.batch_get_item(RequestItems={RECORDS: {"Keys": keys, "ConsistentRead": True}})
            b"".join(item["body"]["S"].encode() + b"\n" for item in found["Responses"][RECORDS])
        if not (last := page.get("LastEvaluatedKey")):
            return
        request["ExclusiveStartKey"] = last


def _steps(worker: Any, job_id: str) -> Iterator[Mapping[str, Any]]:
    """Run the steps of a job as its state machine does, one after the other."""
    begun = worker({"job": job_id, "step": "begin"})
    yield begun
    for chain in begun["chains"]:
        yield from _loop(worker, {"job": job_id, "step": "read", "chain": chain})
    yield from _loop(worker, {"job": job_id, "step": "record"})
    done = worker({"job": job_id, "step": "finish"})
    assert "expires" in done, done
    yield done


def _loop(worker: Any, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while True:
        answer = worker(payload)
        yield answer
        if not answer["more"]:
            return


def _job(selection: Selection) -> Job:
    at = int(_AT * 1000)
    return Job(
        id=new_job_id(),
        at=at,
        client_id="benchmark",
        scope="system/*.rs",
        jti="benchmark",
        issued_at=at // 1000 - 60,
        url=f"{_BASE}/$export",
        fhir_base=_BASE,
        kick_off=AuditEvent(id=new_event_id(_AT), action=Action.EXECUTE, interaction="operation"),
        selection=selection,
    )
