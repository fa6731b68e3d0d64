"""Report what a load would do to empty tables, without tables to read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from careconnect_admin.loading.load_request import LoadRequest, LoadResult, planned, refused_together, result_of
from careconnect_records.items.resource_items import epoch_milliseconds
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target


class DryRun:
    """Replaces the `RecordWriter` in a dry run on empty tables."""

    def __init__(self, *, clock: Callable[[], datetime], base_url: str = "") -> None:
        self._clock = clock
        self._base_url = base_url

    def begin_tables(self) -> None:
        """Do nothing: there are no tables."""

    def write(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Return the result that each request would have, in order."""
        return [result_of(plan) for plan in self._plans(requests)]

    def write_together(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Return the results that requests would have as one write."""
        plans = self._plans(requests)
        return refused_together(plans) or [result_of(plan) for plan in plans]

    def _plans(self, requests: Sequence[LoadRequest]) -> list[WritePlan | LoadResult]:
        now = epoch_milliseconds(self._clock())
        return [
            planned(
                partial(plan_write, request.target, request.resource, now=now, base_url=self._base_url), request.refusal
            )
            for request in requests
        ]

    def present(self, _targets: Sequence[Target]) -> frozenset[str]:
        """Return no key: nothing is stored."""
        return frozenset()
