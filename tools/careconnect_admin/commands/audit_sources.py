"""Choose where `careconnect audit report` reads its days: in the table or, for a price, in the archive."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.filesize import decimal

from careconnect.audit.event import day_of
from careconnect_admin.audit_trail.archive_gaps import Gap, first_time, gaps
from careconnect_admin.audit_trail.archive_lines import ObjectLines, Progress
from careconnect_admin.audit_trail.archive_listing import Listing, listed
from careconnect_admin.audit_trail.archive_price import athena_dollars, download_dollars
from careconnect_admin.audit_trail.archived_events import ArchivedEvents
from careconnect_admin.audit_trail.athena_lines import AthenaLines
from careconnect_admin.audit_trail.read_events import AccessRecordReader
from careconnect_admin.audit_trail.split_trail import TableAndArchive, archived_days
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.audit_trail.archive_lines import ArchiveLines
    from careconnect_admin.audit_trail.disclosure_report import DisclosureReport, KeptEvents
    from careconnect_admin.stack.target import StackTarget

_MOST_DOLLARS: Final = 1.0
_MOST_BYTES: Final = 10_000_000_000
"""What a report takes of the archive without `--yes`: a price, or a size that this machine downloads."""

_CENT: Final = 0.01


class ReportSource:
    """The events of a stack on consecutive days: of its table, and of its archive for days that the table forgets.

    Making one lists the archive's objects of these days, but reads none. `now` is in epoch milliseconds.
    """

    def __init__(self, target: "StackTarget", days: Sequence[str], now: int) -> None:
        self._days = days
        self._table = AccessRecordReader(target.client("dynamodb"), target.output("AuditTable"))
        own = int(target.parameters.get("AuditRetentionDays", "0"))
        self._kept_since = self._table.kept_since(now, own)
        archived = archived_days(days, self._kept_since)
        self._archive = _Archive(target, archived, self._kept_since, now) if archived else None
        self._both: TableAndArchive | None = None

    def agree(self, *, is_agreed: bool, is_verified: bool) -> None:
        """Say what reading the archive takes; raises `OperatorError` if that is too much without an agreement."""
        if self._archive:
            self._archive.agree(is_agreed=is_agreed, is_verified=is_verified)

    def trail(self, tell: Callable[[str], None]) -> "KeptEvents":
        """Return the events; `tell` gets what is being done."""
        if self._archive is None:
            return self._table
        archive = ArchivedEvents(self._archive.lines(tell))
        # What the archive has not is read in the table, as far as it is there.
        self._both = TableAndArchive(self._table, archive, self._kept_since, self._archive.days_with_gaps)
        return self._both

    def days_to_verify(self, found: "DisclosureReport", *, every: bool) -> list[str]:
        """Return the days that the table keeps, and those of which only the table has an event; or all of them."""
        with_events = {day_of(event.at) for visit in found.lines for event in visit.events}
        only_there = with_events.intersection(self._both.days_of_table if self._both else ())
        return [each for each in self._days if every or each >= self._kept_since or each in only_there]

    @property
    def gaps(self) -> Sequence[Gap]:
        """The hours of these days of which the archive has nothing."""
        return self._archive.gaps if self._archive else ()

    def told_of_archive(self, *, is_verified: bool) -> bool:
        """Say what is no object of the archive; return False if it is not as it should be, or lacks hours."""
        if self._archive is None:
            return True
        if not is_verified:
            remark(
                f"careconnect: days before {self._kept_since} are what was archived, each verified on the next day; "
                "--verify reads them again"
            )
        return self._archive.told()


class _Archive:
    """The archive of consecutive days, as it is listed."""

    def __init__(self, target: "StackTarget", days: Sequence[str], kept_since: str, now: int) -> None:
        self._target = target
        self._days = days
        self._bucket = archive_bucket(target)
        with working("Listing the archive") as tell:
            self._listing = listed(
                target.client("s3"), self._bucket, days, lambda day: tell(f"Listing the archive of {day}")
            )
        # The table has all of the first day that it keeps, which may be today.
        missing = [hour for hour in self._listing.hours_without if day_of(hour) < kept_since]
        self.days_with_gaps = {day_of(hour) for hour in missing}
        begins = first_time(target.client("s3"), self._bucket) if missing else 0
        retention_days = int(target.parameters.get("ArchiveRetentionDays", "0"))
        self.gaps = gaps(missing, begins, retention_days, now)
        self._objects: ObjectLines | None = None

    def agree(self, *, is_agreed: bool, is_verified: bool) -> None:
        """Say what is missing, and what reading takes, and verifying, before it is read; raises `OperatorError`."""
        remark(*(f"careconnect: {each}" for each in self.gaps))
        if not all(self._listing.hours):
            return
        found = self._listing.queried if self._is_queried else self._listing.downloaded
        dollars = athena_dollars(self._listing) if self._is_queried else download_dollars(self._listing)
        how = f"{'Athena reads them' if self._is_queried else 'They are downloaded,'} for {_price(dollars)}"
        if is_verified:
            dollars += download_dollars(self._listing)
            how += f"; --verify downloads them all, for {_price(download_dollars(self._listing))}"
        first, last = self._days[0], self._days[-1]
        remark(
            f"careconnect: {first if first == last else f'{first} to {last}'} is in the archive: "
            f"{found.objects:,} objects, {decimal(found.size)}. {how}."
        )
        if is_agreed:
            return
        if self._is_queried and dollars > _MOST_DOLLARS:
            raise OperatorError(f"this costs {_price(dollars)}: --yes runs it, a shorter period costs less")
        size = self._listing.downloaded.size
        if (is_verified or not self._is_queried) and size > _MOST_BYTES:
            raise OperatorError(f"this downloads {decimal(size)}: --yes runs it, a shorter period takes less")

    def lines(self, tell: Callable[[str], None]) -> "ArchiveLines":
        """Return the lines of these days: by Athena, or by the objects themselves if the stack has no queries."""
        if self._is_queried:
            client = self._target.client("athena")
            database, group = (self._target.output(name) for name in ("ArchiveDatabase", "ArchiveWorkGroup"))
            return AthenaLines(client, database.lower(), group, self._listing.hours, partial(_queried, tell))
        self._objects = ObjectLines(self._target.client("s3"), self._bucket, partial(_read, tell, self._listing))
        return self._objects

    def told(self) -> bool:
        """Say which objects are none of the archive; return False if there are any, or if it should have more."""
        broken = {*self._listing.strange, *(self._objects.broken if self._objects else ())}
        for key in sorted(broken):
            remark(f"careconnect: {key} is an object of the archive that does not hold what its key says")
        return not broken and not any(each.is_fault for each in self.gaps)

    @property
    def _is_queried(self) -> bool:
        return "ArchiveWorkGroup" in self._target.outputs


def archive_bucket(target: "StackTarget") -> str:
    """Return the name of the archive's bucket; raises `OperatorError` if a local stack has none."""
    if target.is_local and "ArchiveBucket" not in target.outputs:
        raise OperatorError("`make sam-local` has no archive: see `make run`")
    return target.output("ArchiveBucket")


def _price(dollars: float) -> str:
    return f"about {dollars:.2f} dollars" if dollars >= _CENT else "less than 0.01 dollars"


def _queried(tell: Callable[[str], None], progress: Progress) -> None:
    read = f", {decimal(progress.size)}" if progress.size else ""
    tell(f"Athena, {progress.seconds:.0f} s{read}")


def _read(tell: Callable[[str], None], listing: Listing, progress: Progress) -> None:
    read = f"{progress.objects:,} of {listing.downloaded.objects:,} objects, {decimal(progress.size)}"
    tell(f"Reading the archive, {read}")
