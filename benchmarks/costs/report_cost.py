"""Compute the cost of a report over old events, for the archives of the three sizes of deployment."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from benchmarks.costs import load
from benchmarks.costs.audit_cost import Trail, archive_gigabytes, archived_objects
from benchmarks.costs.sizes import GIGABYTE, Size

from careconnect_admin.audit_trail.archive_listing import Listing, Volume
from careconnect_admin.audit_trail.archive_price import athena_dollars, download_dollars

_BEGINS: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE: Final = 1_000


class ReportCost(NamedTuple):
    """What is read for a report, and its price by Athena and by a download."""

    objects: int
    gigabytes: float
    athena: float
    download: float


def report_cost(size: Size, months: int) -> ReportCost:
    """Return the cost of a report over so many months, whatever it asks for."""
    hours = load.MONTH * months // load.HOUR
    days = math.ceil(hours / 24)
    trail = Trail(months=months)
    objects = round(archived_objects(size, trail))
    last = _BEGINS + timedelta(hours=hours - 1)
    volume = Volume(objects, round(archive_gigabytes(size, trail) * GIGABYTE))
    listing = Listing(
        downloaded=volume,
        queried=volume,
        lists=days * math.ceil(objects / days / _PAGE),
        hours=(f"{_BEGINS:%Y-%m-%d/%H}", f"{last:%Y-%m-%d/%H}"),
        strange=(),
        hours_without=(),
    )
    return ReportCost(objects, volume.size / GIGABYTE, athena_dollars(listing), download_dollars(listing))
