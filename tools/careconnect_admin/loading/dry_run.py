"""Tell what a load would do to empty tables, where there are none to look into."""

from collections.abc import Callable, Sequence
from datetime import datetime

from careconnect_admin.loading.outcome import Written, planned, written
from careconnect_records.items.record import NewVersion, epoch_milliseconds
from careconnect_records.writes.change import WritePlan, plan_write


class DryRun:
    """Stands where a `RecordWriter` of a dry run would, and knows of nothing that is stored."""

    def __init__(self, *, clock: Callable[[], datetime], base_url: str = "") -> None:
        self._clock = clock
        self._base_url = base_url

    def begin_tables(self) -> None:
        """Do nothing: there is no table."""

    def write(self, contents: Sequence[NewVersion]) -> list[Written]:
        """Return what would become of each resource, in order."""
        now = epoch_milliseconds(self._clock())
        return [self._outcome(content, now) for content in contents]

    def _outcome(self, content: NewVersion, now: int) -> Written:
        change = planned(lambda: plan_write(content, None, now=now, base_url=self._base_url))
        return written(change) if isinstance(change, WritePlan) else change

    def present(self, _contents: Sequence[NewVersion]) -> frozenset[str]:
        """Return no key: nothing is stored."""
        return frozenset()
