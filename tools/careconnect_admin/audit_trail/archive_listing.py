"""List the archive's objects that may hold events of some days: what is read, and what it costs, before it is read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from audit_archiver.archived_batch import BatchKey
from audit_archiver.days import DAY as DAY_MILLISECONDS
from audit_archiver.days import HOUR, LATE, days_from, end_of, start_of
from audit_archiver.in_order import in_order
from careconnect.audit.event import day_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAYS_AT_ONCE: Final = 4
_HOUR_LENGTH: Final = len("2026-11-26/07")


class Listed(NamedTuple):
    """An object with its size in bytes; `batch` is None if its key is none that the archiver creates."""

    key: str
    size: int
    batch: BatchKey | None

    @property
    def hour(self) -> str:
        """The hour in which the object begins (`2026-11-26/07`), if the archiver created it."""
        return self.key[:_HOUR_LENGTH]


class ListedDay(NamedTuple):
    """The objects that begin on a day, in key order, and the calls that listed them."""

    day: str
    objects: tuple[Listed, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A number of objects, and the sum of their sizes in bytes."""

    objects: int = 0
    size: int = 0

    @classmethod
    def of(cls, listed: Iterable[Listed]) -> Self:
        """Return the volume of objects."""
        sizes = [each.size for each in listed]
        return cls(len(sizes), sum(sizes))

    def __add__(self, other: "Volume") -> "Volume":
        """Return the volume of both."""
        return Volume(self.objects + other.objects, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the archive holds of the days asked for.

    `hours` are the first and the last hour in which objects begin that may hold their events (`2026-11-26/07`), empty
    if there is none. `downloaded` are these objects, `queried` all from the first to the last hour, which Athena reads
    whole. `lists` counts the calls. `strange` are the keys that the archiver does not create. `hours_without` are the
    hours of the days of which no object holds anything, each by its first millisecond since 1970, in order.
    """

    downloaded: Volume
    queried: Volume
    lists: int
    hours: tuple[str, str]
    strange: tuple[str, ...]
    hours_without: tuple[int, ...]


def listed(
    client: "S3Client", bucket: str, days: Sequence[str], told: Callable[[str], None] = lambda _day: None
) -> Listing:
    """Return what the archive holds of consecutive days; `told` gets each day that is listed. S3 errors propagate."""
    downloaded = queried = skipped = Volume()
    lists = 0
    first = last = ""
    strange: list[str] = []
    without = set(range(start_of(days[0]), end_of(days[-1]), HOUR))
    for listing in listed_days(client, bucket, days):
        told(listing.day)
        lists += listing.calls
        for hour, each in groupby(listing.objects, lambda found: found.hour):
            objects = tuple(each)
            strange += (found.key for found in objects if found.batch is None)
            for found in objects:
                without.difference_update(_hours_of(found.batch))
            reaching = Volume.of(reaching_into(days, objects))
            skipped += Volume.of(objects)
            if reaching.objects:
                downloaded, queried = downloaded + reaching, queried + skipped
                first, last = first or hour, hour
            if reaching.objects or not first:
                skipped = Volume()
    return Listing(downloaded, queried, lists, (first, last), tuple(strange), tuple(sorted(without)))


def _hours_of(batch: BatchKey | None) -> Iterable[int]:
    """Return the hours from a batch's first to its last record, each by its first millisecond."""
    return range(batch.first // HOUR * HOUR, batch.last + 1, HOUR) if batch else ()


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
    last = day_of(end_of(days[-1]) + LATE)
    yield from in_order(listing_of, days_from(first, last), _DAYS_AT_ONCE)


def reaching_into(days: Sequence[str], objects: Sequence[Listed]) -> Iterator[Listed]:
    """Yield the objects that may hold events of consecutive days, by the times in their keys.

    An event may reach the stream a little before or after the time that its id claims.
    """
    since, before = start_of(days[0]) - LATE, end_of(days[-1]) + LATE
    for each in objects:
        if each.batch is not None and each.batch.last >= since and each.batch.first < before:
            yield each
