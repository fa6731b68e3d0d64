"""Compute the monthly cost of three sizes of deployment, and of two alternatives by their published prices."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.costs import load, prices, starts
from benchmarks.costs.audit_cost import Trail, TrailCost, audit_units, bytes_of, trail_cost
from benchmarks.costs.request_cost import Cost, RequestSettings, cost_of, event_units, total_of, units_cost
from benchmarks.costs.sizes import HOURS, SIZES, Size
from benchmarks.figures import memory_of, template

_LAMBDA_GIGABYTE: Final = 1024
_GUESSED_STARTS: Final = 1 / 70
"""The share of calls that start an instance, as it was taken before starts were simulated."""

_METRICS: Final = 22
"""Custom metrics (`docs/operate.md`)."""
_SENT_ALWAYS: Final = 2
"""`TokenIssued`, and `Denied`, of which each line of the access log sends a value."""
_SENT_OFTEN: Final = 4
"""`ClientRefused`, `TokenRefused`, `WriteRefused`, `ResourceInvalid`; the others are of faults."""
_REFUSED: Final = 1 / 1_000
"""The share of requests that one of these counts (assumed)."""

_ALARM: Final = "AWS::CloudWatch::Alarm"
_FUNCTION: Final = "AWS::Serverless::Function"


def snapshot_functions() -> tuple[str, ...]:
    """Return the functions with a snapshot, if `SnapStart=on`."""
    return tuple(name for name in _functions() if "SnapStart" in template()["Resources"][name]["Properties"])


def _functions() -> list[str]:
    return [name for name, each in template()["Resources"].items() if each["Type"] == _FUNCTION]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RequestSettings):
    """The inputs of a bill besides its size: the deployment's settings, and figures measured or formerly guessed.

    `snapshots` are functions.
    """

    trail: Trail = field(default_factory=Trail)
    snapshots: tuple[str, ...] = ()
    guessed_starts: bool = False
    guessed_metrics: bool = False


NOW: Final = Settings()
"""A new stack's."""

FORMER: Final = Settings(
    trail=Trail(
        audit_days=0,
        backed_up=True,
        whole_index=True,
        timed=True,
        whole_removals=True,
        guessed_events=True,
        guessed_archive=True,
    ),
    snapshots=tuple(_functions()),
    compressed=False,
    guessed_starts=True,
    guessed_log=True,
    longer_log=True,
    guessed_metrics=True,
)
"""A stack's with the defaults that were before, by the guesses that were before."""

Step = tuple[str, Callable[[Settings], Settings]]

CORRECTIONS: Final[tuple[Step, ...]] = (
    (
        "the archive computed, not 2.73 a million events",
        lambda now: replace(now, trail=changed_trail(now, guessed_archive=False)),
    ),
    ("an event measured, not 1,000 bytes", lambda now: replace(now, trail=changed_trail(now, guessed_events=False))),
    ("starts simulated, not one call in 70", lambda now: replace(now, guessed_starts=False)),
    ("data out as it is sent, compressed", lambda now: replace(now, compressed=True)),
    ("log lines measured, not 380 bytes", lambda now: replace(now, guessed_log=False)),
    ("metrics for the hours in which they are sent", lambda now: replace(now, guessed_metrics=False)),
)
"""Corrections of wrong estimates, which save nothing."""

CHANGES: Final[tuple[Step, ...]] = (
    ("the table keeps 90 days, not all", lambda now: replace(now, trail=changed_trail(now, audit_days=90))),
    ("no backup of the table", lambda now: replace(now, trail=changed_trail(now, backed_up=False))),
    ("a lean index", lambda now: replace(now, trail=changed_trail(now, whole_index=False))),
    ("no attribute of an event's time", lambda now: replace(now, trail=changed_trail(now, timed=False))),
    ("removals archived as key and stamp", lambda now: replace(now, trail=changed_trail(now, whole_removals=False))),
    ("shorter log lines", lambda now: replace(now, longer_log=False)),
    ("SnapStart for 6 functions, not 17", lambda now: replace(now, snapshots=snapshot_functions())),
    ("`SnapStart=off`", lambda now: replace(now, snapshots=())),
)


def changed_trail(now: Settings, **changed: bool | int) -> Trail:
    """Return the trail of some settings, changed."""
    return replace(now.trail, **changed)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars of a month, by item; `audit_units` are a part of those of the requests."""

    requests: Cost
    audit_units: float
    trail: TrailCost
    storage: float
    fixed: float
    snapshots: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.requests.total + self.trail.total + self.storage + self.fixed + self.snapshots

    @property
    def audit(self) -> float:
        """All that the audit trail costs: its units, its table and its archive."""
        return self.audit_units + self.trail.total


def bill_of(size: Size, settings: Settings = NOW) -> Bill:
    """Return the bill of a size."""
    numbers = {**size.rates, "token": size.tokens}
    parts = [
        cost_of(name, size.authorized, settings).times(number / prices.MILLION) for name, number in numbers.items()
    ]
    requests = total_of(parts)
    units = event_units(audit_units(size, settings.trail), settings)
    other = units_cost(0, units - event_units(audit_units(size, Trail()), settings), provisioned=settings.provisioned)
    return Bill(
        requests=replace(requests, tables=requests.tables + other),
        audit_units=units_cost(0, units, provisioned=settings.provisioned),
        trail=trail_cost(size, settings.trail, settings),
        storage=prices.STORAGE.of(size.gigabytes) + prices.BACKUP.of(size.gigabytes),
        fixed=_fixed(size, settings),
        snapshots=_snapshots(size, settings),
    )


def _fixed(size: Size, settings: Settings) -> float:
    resources = template()["Resources"].values()
    # An alarm costs for each metric that its expression has.
    watched = [each["Properties"] for each in resources if each["Type"] == _ALARM]
    alarms = sum(sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1 for alarm in watched)
    keys = sum(each["Type"] == "AWS::KMS::Key" for each in resources)
    # The share of hours with at least one request that is refused.
    hours = 1 - math.exp(-size.requests / HOURS * _REFUSED)
    metrics = _METRICS if settings.guessed_metrics else _SENT_ALWAYS + _SENT_OFTEN * hours
    return prices.KMS_KEY.of(keys) + prices.ALARM.of(alarms) + prices.METRIC.of(metrics)


def _snapshots(size: Size, settings: Settings) -> float:
    gigabytes = {name: memory_of(name) / _LAMBDA_GIGABYTE for name in settings.snapshots}
    cached = prices.SNAPSHOT.of(sum(gigabytes.values()) * load.MONTH)
    if settings.guessed_starts:
        calls = size.requests * (1 + size.authorized) + size.tokens
        mean = sum(gigabytes.values()) / len(gigabytes) if gigabytes else 0.0
        return cached + prices.SNAPSHOT_RESTORE.of(calls * _GUESSED_STARTS * mean)
    found = next((starts.kept()[name] for name, each in SIZES.items() if each == size), {})
    restored = sum(each["starts"] * gigabytes.get(name, 0.0) for name, each in found.items())
    return cached + prices.SNAPSHOT_RESTORE.of(restored)


def steps(size: Size) -> Iterator[tuple[str, float | None, float]]:
    """Yield each step from the former bill to that of a new stack: its name, its dollars alone and in turn.

    Alone is the change on top of all corrections; a correction has only its dollars in turn. Those in turn add up.
    """
    now = FORMER
    for name, change in CORRECTIONS:
        yield name, None, _difference(size, now, change(now))
        now = change(now)
    corrected = now
    for name, change in CHANGES:
        yield name, _difference(size, corrected, change(corrected)), _difference(size, now, change(now))
        now = change(now)


def _difference(size: Size, before: Settings, after: Settings) -> float:
    return bill_of(size, after).total - bill_of(size, before).total


def front(size: Size) -> float:
    """Return the dollars that CloudFront adds to a month: its requests and the calls of its two functions.

    Its data out costs as much as the gateway's.
    """
    asked = size.requests + size.tokens
    return sum(price.of(asked) for price in (prices.FRONT_REQUEST, prices.FRONT_FUNCTION, prices.EDGE_REQUEST))


def healthlake(size: Size) -> float:
    """Return a month of one data store: its hours, and the requests and gigabytes beyond those that are included."""
    requests = max(0.0, size.requests - prices.HEALTHLAKE_QUERIES_INCLUDED * HOURS)
    stored = max(0.0, size.resource_gigabytes - prices.HEALTHLAKE_GIGABYTES_INCLUDED)
    return (
        prices.HEALTHLAKE_HOUR.of(HOURS) + prices.HEALTHLAKE_QUERY.of(requests) + prices.HEALTHLAKE_STORAGE.of(stored)
    )


def fhir_works(size: Size) -> float:
    """Return a month of the search domain of FHIR Works' production stage, and its gateway: the least of its bill."""
    domain = (
        prices.OPENSEARCH_DATA_NODE.of(prices.FHIR_WORKS_DATA_NODES * HOURS)
        + prices.OPENSEARCH_MASTER_NODE.of(prices.FHIR_WORKS_MASTER_NODES * HOURS)
        + prices.OPENSEARCH_STORAGE.of(prices.FHIR_WORKS_GIGABYTES)
    )
    return domain + prices.API_REQUEST.of(size.requests)


def cognito(size: Size) -> float:
    """Return a month of Cognito as the token issuer: its clients, and their tokens, of the first tier."""
    return prices.COGNITO_CLIENT.of(size.clients) + prices.COGNITO_TOKEN.of(size.tokens)


def added_to_peers(size: Size) -> float:
    """Return the price of data out, logs and a token issuer, which a peer's row lacks and ours has."""
    ours = bill_of(size).requests
    return ours.data + ours.logs + cognito(size)


def rows() -> list[tuple[str, ...]]:
    """Return the rows of the table: the sizes, the bill by item, and the alternatives."""
    sizes = list(SIZES.values())
    bills = [bill_of(size) for size in sizes]

    def row(what: str, amounts: list[float], digits: int = 0) -> tuple[str, ...]:
        return (what, *(f"{amount:,.{digits}f}" for amount in amounts))

    def parts(what: str, of: Callable[[Bill], float]) -> tuple[str, ...]:
        return row(what, [of(bill) for bill in bills], 2)

    def other(what: str, settings: Settings) -> tuple[str, ...]:
        return row(what, [bill_of(size, settings).total for size in sizes], 1)

    return [
        row("patients", [size.patients for size in sizes]),
        row("requests a month", [size.requests for size in sizes]),
        row("clients", [size.clients for size in sizes]),
        row("tokens a month", [size.tokens for size in sizes]),
        row("audit events a month", [size.events for size in sizes]),
        ("mean bytes of an event: table, index, archive", *map(_event_bytes, sizes)),
        row("GB in the tables of records", [size.gigabytes for size in sizes], 1),
        parts("API Gateway, KMS", lambda bill: bill.requests.gateway + bill.requests.keys),
        parts("Lambda", lambda bill: bill.requests.functions),
        parts("DynamoDB, units of requests", lambda bill: bill.requests.tables - bill.audit_units),
        parts("records, stored and recoverable", lambda bill: bill.storage),
        parts("logs", lambda bill: bill.requests.logs),
        parts("data out, compressed", lambda bill: bill.requests.data),
        parts("alarms, metrics, keys", lambda bill: bill.fixed),
        _bold(row("all but the audit trail", [bill.total - bill.audit for bill in bills], 1)),
        parts("DynamoDB, units of audit events", lambda bill: bill.audit_units),
        parts("audit trail, 90 days in the table", lambda bill: bill.trail.table),
        parts("its archive: S3 puts", lambda bill: bill.trail.puts),
        parts("its archive: archiver, verifier", lambda bill: bill.trail.functions),
        parts("its archive: S3, at the end of year 1", lambda bill: bill.trail.storage),
        _bold(row("sum, with `SnapStart=off`", [bill.total for bill in bills], 1)),
        _bold(other("sum, with `SnapStart=on`", replace(NOW, snapshots=snapshot_functions()))),
        other("`off`, the table keeps 365 days", replace(NOW, trail=Trail(audit_days=365))),
        other("… in the class Standard-IA", replace(NOW, trail=Trail(audit_days=365), infrequent_events=True)),
        other("`off`, in year 8 of the archive", replace(NOW, trail=Trail(months=96))),
        other("`off`, no client takes gzip", replace(NOW, compressed=False)),
        row("`off`, behind CloudFront", [bill_of(size).total + front(size) for size in sizes], 1),
        row("AWS HealthLake", [healthlake(size) for size in sizes]),
        row("… with our data out and logs, Cognito", [healthlake(size) + added_to_peers(size) for size in sizes]),
        row("FHIR Works on AWS, at least", [fhir_works(size) for size in sizes]),
        row("… with our data out and logs, Cognito", [fhir_works(size) + added_to_peers(size) for size in sizes]),
    ]


def _event_bytes(size: Size) -> str:
    return ", ".join(f"{bytes_of(size, part):.0f}" for part in ("table", "index", "line"))


def step_rows() -> list[tuple[str, ...]]:
    """Return the rows of the table of steps: from the former bill to that of a new stack."""
    sizes = list(SIZES.values())
    none = [None] * len(sizes)
    changed = [
        _cells(each[0][0], [step[1] for step in each], [step[2] for step in each], "+")
        for each in zip(*(steps(size) for size in sizes), strict=True)
    ]
    before = _cells("**before**", none, [bill_of(size, FORMER).total for size in sizes], "")
    return [before, *changed, _cells("**now**", none, [bill_of(size).total for size in sizes], "")]


def _cells(name: str, alone: Sequence[float | None], turn: Sequence[float], sign: str) -> tuple[str, ...]:
    texts = ("" if amount is None else f"{amount:{sign},.2f}" for amount in (*alone, *turn))
    return (name, *texts)


def start_rows() -> list[tuple[str, ...]]:
    """Return the rows of the table of starts: memory, price of the snapshot, and calls and starts of each size."""
    found = starts.kept()
    rows_of = []
    for name in snapshot_functions():
        gigabytes = memory_of(name) / _LAMBDA_GIGABYTE
        cells = []
        for size in SIZES:
            one = found[size][name]
            restored = prices.SNAPSHOT_RESTORE.of(one["starts"] * gigabytes)
            cells.append(f"{one['starts']:,} (1 in {one['calls'] / one['starts']:,.0f}), {restored:.2f}")
        rows_of.append((name, f"{memory_of(name):,}", f"{prices.SNAPSHOT.of(gigabytes * load.MONTH):.2f}", *cells))
    return rows_of


def _bold(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"**{cell}**" for cell in cells)
