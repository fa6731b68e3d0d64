"""List the archive's objects that may hold events of some days: what is read, and what it costs, before it is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from audit_archiver.archived_batch import BatchKey, folder_of
from audit_archiver.days import DAY as DAY_MILLISECONDS
from audit_archiver.days import LATE, days_from, end_of, start_of
from careconnect.audit.event import day_of
from careconnect_admin.audit_trail.in_order import in_order

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAYS_AT_ONCE: Final = 4


class Listed(NamedTuple):
    """An object with its size in bytes; `batch` is None if its key is none that the archiver creates."""

    key: str
    size: int
    batch: BatchKey | None


class ListedDay(NamedTuple):
    """The objects that begin on a day, in key order, and the calls that listed them."""

    day: str
    objects: tuple[Listed, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The sums of the objects that may hold events of the days asked for.

    `size` is in bytes, and `lists` counts the calls. `hours` are the first and the last hour in which such an object
    begins (`2026-11-26/07`), empty if there is none. `strange` are the keys that the archiver does not create, and
    `days_without` the days without any object.
    """

    objects: int
    size: int
    lists: int
    hours: tuple[str, str]
    strange: tuple[str, ...]
    days_without: tuple[str, ...]


def listed(
    client: "S3Client", bucket: str, days: Sequence[str], told: Callable[[str], None] = lambda _day: None
) -> Listing:
    """Return what the archive holds of consecutive days; `told` gets each day that is listed. S3 errors propagate."""
    objects = size = lists = 0
    first = last = ""
    strange: list[str] = []
    days_without = []
    for listing in listed_days(client, bucket, days):
        told(listing.day)
        lists += listing.calls
        if listing.day in days and not listing.objects:
            days_without.append(listing.day)
        strange += (each.key for each in listing.objects if each.batch is None)
        for each in reaching_into(days, listing.objects):
            objects += 1
            size += each.size
            hour = folder_of(each.batch.first)[:-1] if each.batch else ""
            first, last = first or hour, hour
    return Listing(objects, size, lists, (first, last), tuple(strange), tuple(days_without))


def listed_days(client: "S3Client", bucket: str, days: Sequence[str]) -> Iterator[ListedDay]:
    """Yield the listing of each day on which an object may begin that holds events of consecutive days.

    The stream keeps a record for a day, so a batch with records of a time begins at most a day before it.
    """

    def listing_of(day: str) -> ListedDay:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{day}/")
        found: list[Listed] = []
        calls = 0
        for page in pages:
            calls += 1
            found += (Listed(each["Key"], each["Size"], BatchKey.of(each["Key"])) for each in page.get("Contents", ()))
        return ListedDay(day, tuple(found), calls)

    first = day_of(start_of(days[0]) - LATE - DAY_MILLISECONDS)
    last = day_of(end_of(days[-1]) + LATE - 1)
    yield from in_order(listing_of, days_from(first, last), _DAYS_AT_ONCE)


def reaching_into(days: Sequence[str], objects: Sequence[Listed]) -> Iterator[Listed]:
    """Yield the objects that may hold events of consecutive days, by the times in their keys.

    An event may reach the stream a little before or after the time that its id claims.
    """
    since, before = start_of(days[0]) - LATE, end_of(days[-1]) + LATE
    for each in objects:
        if each.batch is not None and each.batch.last >= since and each.batch.first < before:
            yield each
