"""Compute the monthly cost of three sizes of deployment, and of two alternatives by their published prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.costs import load, prices
from benchmarks.costs.request_cost import Cost, cost_of, total_of
from benchmarks.figures import memory_of, record_bytes, template
from benchmarks.measurements.record_bytes import OVERHEAD

GIGABYTE: Final = 1e9
_LAMBDA_GIGABYTE: Final = 1024
_MONTHS_KEPT: Final = 12
"""Months of audit events that are stored: the bill is that of the end of the first year."""

_EVENT_BYTES: Final = 1_000
"""Bytes of an audit event with its entry of the index."""

_RESTORED: Final = 1 / 70
"""The share of calls that start an instance: a guess."""

_METRICS: Final = 22
"""Custom metrics (`docs/operate.md`)."""
_ALARM: Final = "AWS::CloudWatch::Alarm"

_HOURS: Final = load.MONTH / load.HOUR


@dataclass(frozen=True, slots=True)
class Size:
    """A deployment: its patients, the requests of a month besides tokens, and its clients with a token an hour."""

    patients: int
    requests: int
    clients: int

    @property
    def rates(self) -> Mapping[str, float]:
        """The requests of a month by kind, in the proportions of the base load."""
        whole = sum(load.BASE.values())
        return {name: self.requests * rate / whole for name, rate in load.BASE.items()}

    @property
    def tokens(self) -> float:
        """The tokens of a month."""
        return self.clients * _HOURS

    @property
    def authorized(self) -> float:
        """The authorizer's calls for each request: the share with a token that the gateway has not cached."""
        return 1 / (1 + self.requests / load.MONTH / self.clients * load.CACHED)

    @property
    def events(self) -> float:
        """The audit events of a month."""
        return self.tokens + sum(number * load.events_of(name)[0] for name, number in self.rates.items())

    @property
    def resource_gigabytes(self) -> float:
        """The resources alone: the bodies were measured in two formats each."""
        return self.patients * record_bytes()["bodies"] / 2 / record_bytes()["patients"] / GIGABYTE

    @property
    def gigabytes(self) -> float:
        """All that the tables store of the records."""
        found = record_bytes()
        rest = sum(found[part] for part in ("index", "entries", "links")) + OVERHEAD * found["items"]
        return self.resource_gigabytes + self.patients * rest / found["patients"] / GIGABYTE


SIZES: Final[Mapping[str, Size]] = {
    "a practice": Size(10_000, 300_000, 5),
    "a trust": Size(500_000, 10_000_000, 50),
    "a region": Size(3_000_000, 200_000_000, 1_000),
}


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars of a month, by item."""

    requests: Cost
    audit: float
    storage: float
    fixed: float
    snapshots: float

    @property
    def without_snapshots(self) -> float:
        """The sum with `SnapStart=off`."""
        return self.requests.total + self.audit + self.storage + self.fixed

    @property
    def total(self) -> float:
        """The sum."""
        return self.without_snapshots + self.snapshots


def bill_of(size: Size) -> Bill:
    """Return the bill of a size."""
    numbers = {**size.rates, "token": size.tokens}
    parts = [cost_of(name, size.authorized).times(number / prices.MILLION) for name, number in numbers.items()]
    calls = size.requests * (1 + size.authorized) + size.tokens
    functions = [name for name, each in template()["Resources"].items() if "SnapStart" in each.get("Properties", ())]
    # An alarm costs for each metric that its expression has.
    watched = [each["Properties"] for each in template()["Resources"].values() if each["Type"] == _ALARM]
    alarms = sum(sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1 for alarm in watched)
    keys = sum(each["Type"] == "AWS::KMS::Key" for each in template()["Resources"].values())
    snapshots = sum(map(memory_of, functions)) / _LAMBDA_GIGABYTE
    started = calls * _RESTORED * snapshots / len(functions)
    trail = size.events * _MONTHS_KEPT * _EVENT_BYTES / GIGABYTE
    return Bill(
        requests=total_of(parts),
        audit=prices.ARCHIVED_EVENT.of(size.events) + prices.STORAGE.of(trail) + prices.BACKUP.of(trail),
        storage=prices.STORAGE.of(size.gigabytes) + prices.BACKUP.of(size.gigabytes),
        fixed=prices.KMS_KEY.of(keys) + prices.ALARM.of(alarms) + prices.METRIC.of(_METRICS),
        snapshots=prices.SNAPSHOT.of(snapshots * load.MONTH) + prices.SNAPSHOT_RESTORE.of(started),
    )


def healthlake(size: Size) -> float:
    """Return a month of one data store: its hours, and the requests and gigabytes beyond those that are included."""
    requests = max(0.0, size.requests - prices.HEALTHLAKE_QUERIES_INCLUDED * _HOURS)
    stored = max(0.0, size.resource_gigabytes - prices.HEALTHLAKE_GIGABYTES_INCLUDED)
    return (
        prices.HEALTHLAKE_HOUR.of(_HOURS) + prices.HEALTHLAKE_QUERY.of(requests) + prices.HEALTHLAKE_STORAGE.of(stored)
    )


def fhir_works(size: Size) -> float:
    """Return a month of the search domain of FHIR Works' production stage, and its gateway: the least of its bill."""
    domain = (
        prices.OPENSEARCH_DATA_NODE.of(prices.FHIR_WORKS_DATA_NODES * _HOURS)
        + prices.OPENSEARCH_MASTER_NODE.of(prices.FHIR_WORKS_MASTER_NODES * _HOURS)
        + prices.OPENSEARCH_STORAGE.of(prices.FHIR_WORKS_GIGABYTES)
    )
    return domain + prices.API_REQUEST.of(size.requests)


def rows() -> list[tuple[str, ...]]:
    """Return the rows of the table: the sizes, the bill by item, and the alternatives."""
    sizes = list(SIZES.values())
    bills = [bill_of(size) for size in sizes]

    def row(what: str, amounts: list[float], digits: int = 0) -> tuple[str, ...]:
        return (what, *(f"{amount:,.{digits}f}" for amount in amounts))

    def parts(what: str, *names: str) -> tuple[str, ...]:
        return row(what, [sum(getattr(bill.requests, name) for name in names) for bill in bills], 2)

    return [
        row("patients", [size.patients for size in sizes]),
        row("requests a month", [size.requests for size in sizes]),
        row("clients", [size.clients for size in sizes]),
        row("GB in the tables", [size.gigabytes for size in sizes], 1),
        parts("API Gateway, KMS", "gateway", "keys"),
        parts("Lambda", "functions"),
        parts("DynamoDB, units", "tables"),
        parts("logs, data out", "logs", "data"),
        row("storage of records", [bill.storage for bill in bills], 2),
        row("audit trail, archive", [bill.audit for bill in bills], 2),
        row("alarms, metrics, keys", [bill.fixed for bill in bills], 2),
        row("SnapStart", [bill.snapshots for bill in bills], 2),
        _bold(row("sum", [bill.total for bill in bills])),
        row("with `SnapStart=off`", [bill.without_snapshots for bill in bills]),
        row("AWS HealthLake", [healthlake(size) for size in sizes]),
        row("FHIR Works on AWS, at least", [fhir_works(size) for size in sizes]),
    ]


def _bold(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"**{cell}**" for cell in cells)
