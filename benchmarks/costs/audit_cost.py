"""Compute the monthly cost of the audit trail: its table, and the archive of its stream.

The archiver gets a batch when a shard's window ends or the batch is full, and puts one object for it. So the archive
costs by windows and shards as long as a window has few events, and by events beyond.
"""

import math
from dataclasses import dataclass
from typing import Final

from benchmarks.costs import load, prices
from benchmarks.costs.events import events_of
from benchmarks.costs.request_cost import AS_DEPLOYED, WHOLE_PROCESSOR, RequestSettings
from benchmarks.costs.sizes import GIGABYTE, SIZES, Size
from benchmarks.figures import audit_bytes, audit_form, memory_of, template

GUESSED_EVENT: Final = 1_000
"""Bytes of an event with its entry of the index, as they were taken before they were measured."""

TIMED: Final = 23
"""Bytes of the attribute `at`, which events had in the table and in the index of whole events."""

GUESSED_ARCHIVE: Final = 2.73 / prices.MILLION
"""Dollars to archive and verify an event, as they were taken before they were computed."""

SHARED_BY: Final = "search: page of 20 patients"
"""The kind of request whose audit events could be stored as one item; they are stored as one for each patient."""

_LAMBDA_GIGABYTE: Final = 1024
_MONTH_DAYS: Final = load.MONTH / load.DAY

_SHARDS: Final = 4
"""Shards of a new table's stream (assumed: a new table has four partitions, by its first 4,000 units a second)."""

_BUSY: Final = 100
"""Events a second from which the stream is taken to have a shard for each partition of a day (assumed)."""

_PUT_SECONDS: Final = 0.06
_ARCHIVE_MICROSECONDS: Final = 44
"""Microseconds of a whole processor to archive an event (measured with 10,000)."""

_HEARTBEAT: Final = 300
"""Seconds between two heartbeats; each run puts an event, and lists an hour or two of the archive."""

_HEARTBEAT_SECONDS: Final = 0.1
_HEARTBEAT_LISTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What decides the cost of the trail.

    `months` is the age of the deployment: the archive grows until its own retention ends. `guessed` takes event and
    archive by the guesses from before they were measured. The last three are not of this deployment: one item that is
    `shared` by the events of a page of patients, and smaller forms of an event.
    """

    audit_days: int = 90
    backed_up: bool = False
    whole_index: bool = False
    timed: bool = False
    whole_removals: bool = False
    months: int = 12
    guessed_events: bool = False
    guessed_archive: bool = False
    shared: bool = False
    ids_once: bool = False
    short_names: bool = False


NOW: Final = Trail()
"""That of a new stack."""


@dataclass(frozen=True, slots=True)
class TrailCost:
    """Dollars of a month, by item."""

    table: float
    puts: float
    functions: float
    storage: float

    @property
    def archive(self) -> float:
        """All but the table."""
        return self.puts + self.functions + self.storage

    @property
    def total(self) -> float:
        """The sum."""
        return self.table + self.archive


def trail_cost(size: Size, trail: Trail, settings: RequestSettings = AS_DEPLOYED) -> TrailCost:
    """Return the cost of a size's trail, without the write units, which are those of its requests."""
    table = table_gigabytes(size, trail)
    storage, unit = (
        (prices.INFREQUENT_STORAGE, prices.INFREQUENT_READ_UNIT)
        if settings.infrequent_events
        else (prices.STORAGE, prices.READ_UNIT)
    )
    stored = storage.of(table) + (prices.BACKUP.of(table) if trail.backed_up else 0.0)
    if trail.guessed_archive:
        return TrailCost(stored, 0.0, size.events * GUESSED_ARCHIVE, 0.0)
    removes = ending_months(trail) > 0
    objects = objects_of(size, removes=removes)
    events = size.events + load.MONTH / _HEARTBEAT
    removed = events if removes else 0.0
    archiver, verifier = (memory_of(name) / _LAMBDA_GIGABYTE for name in ("ArchiverFunction", "VerifierFunction"))
    slow = WHOLE_PROCESSOR / memory_of("ArchiverFunction")
    archiving = objects * _PUT_SECONDS + (events + removed) * _ARCHIVE_MICROSECONDS / 1e6 * slow
    verifying = (events * load.VERIFY_MICROSECONDS + objects * load.GET_MICROSECONDS) / 1e6
    verifying += load.MONTH / _HEARTBEAT * _HEARTBEAT_SECONDS
    # The verifier also reads the day in the table: a unit for each 4 KB.
    read = events * bytes_of(size, "table", trail) / 4096
    time = prices.LAMBDA_ARM_TIME if settings.arm else prices.LAMBDA_TIME
    return TrailCost(
        table=stored,
        puts=prices.S3_PUT.of(objects + _HEARTBEAT_LISTS * load.MONTH / _HEARTBEAT) + prices.S3_GET.of(objects),
        functions=prices.LAMBDA_REQUEST.of(objects + load.MONTH / _HEARTBEAT)
        + time.of(archiving * archiver + verifying * verifier)
        + unit.of(read),
        storage=prices.S3_STORAGE.of(archive_gigabytes(size, trail)),
    )


def audit_units(size: Size, trail: Trail) -> float:
    """Return the write units of a size's events in a month."""
    units = sum(number * sum(events_of(name)[1:]) for name, number in {**size.rates, "token": size.tokens}.items())
    if trail.shared:
        # One item in place of one for each patient; their entries stay, under keys of their own.
        _, items, _ = events_of(SHARED_BY)
        units -= size.rates[SHARED_BY] * (items - math.ceil(_bytes_of_kind("page", "table", trail) / 1024))
    return units


def archived(events: float) -> float:
    """Return the dollars to archive some events in a year, at the mean of a trust: fewer cost more each."""
    trust = SIZES["a trust"]
    return trail_cost(trust, Trail()).archive * events / trust.events


def table_gigabytes(size: Size, trail: Trail) -> float:
    """Return the gigabytes of the table and its index."""
    days = min(trail.audit_days or math.inf, trail.months * _MONTH_DAYS)
    if trail.guessed_events:
        return size.events * GUESSED_EVENT * days / _MONTH_DAYS / GIGABYTE
    index = "whole_index" if trail.whole_index else "index"
    each = bytes_of(size, "table", trail) + bytes_of(size, index, trail)
    if trail.timed:
        each += 2 * TIMED if trail.whole_index else TIMED
    return size.events * each * days / _MONTH_DAYS / GIGABYTE


def objects_of(size: Size, *, removes: bool) -> float:
    """Return the objects that the archiver puts in a month, with changes at random times (Poisson).

    Changes are events, and the removals of as many if the table `removes` some.
    """
    mapping = template()["Resources"]["ArchiverMapping"]["Properties"]
    events = size.events + load.MONTH / _HEARTBEAT
    shards = 16 if events / load.MONTH > _BUSY else _SHARDS
    windows = shards * load.MONTH / int(mapping["MaximumBatchingWindowInSeconds"])
    each = (2 if removes else 1) * events / windows
    # A window without a change makes no object, one with many makes several.
    return windows * (1 - math.exp(-each)) * max(1.0, each / int(mapping["BatchSize"]))


def archive_gigabytes(size: Size, trail: Trail) -> float:
    """Return the gigabytes of the archive: each event of all months, and each removal."""
    events = size.events + load.MONTH / _HEARTBEAT
    line = bytes_of(size, "line", trail)
    removal = line if trail.whole_removals else bytes_of(size, "removal", trail)
    lines = events * (line * trail.months + removal * ending_months(trail))
    return (archived_objects(size, trail) * (bytes_of(size, "alone", trail) - line) + lines) / GIGABYTE


def archived_objects(size: Size, trail: Trail) -> float:
    """Return the number of objects in the archive."""
    ending = ending_months(trail)
    return objects_of(size, removes=False) * (trail.months - ending) + objects_of(size, removes=True) * ending


def ending_months(trail: Trail) -> float:
    """Return for how many months the table has been removing events."""
    return max(0.0, trail.months - trail.audit_days / _MONTH_DAYS) if trail.audit_days else 0.0


def bytes_of(size: Size, part: str, trail: Trail = NOW) -> float:
    """Return the mean bytes of an event of a size, `part` as in `audit-bytes.json`."""
    found = size.tokens * _bytes_of_kind("token", part, trail)
    for name, number in size.rates.items():
        events, _, indexed = events_of(name)
        if trail.shared and name == SHARED_BY and part != "index":
            events = 1
        share = indexed if part.endswith("index") else events
        found += number * share * _bytes_of_kind(_kind_of(name, trail), part, trail)
    return found / size.events


def _bytes_of_kind(kind: str, part: str, trail: Trail) -> float:
    form = audit_form(ids_once=trail.ids_once, short_names=trail.short_names)
    return audit_bytes(form)[kind][part]


def _kind_of(name: str, trail: Trail) -> str:
    if trail.shared and name == SHARED_BY:
        return "page"
    return next((kind for kind in ("search", "write") if name.startswith(kind)), "read")
