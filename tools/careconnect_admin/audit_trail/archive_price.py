"""Price a query of the archive by the sizes of its objects.

The prices are London's, in US dollars; `benchmarks/costs/prices.py` has their sources. A query is also charged for
what Athena asks of S3: it lists each hour's folder, and gets each object.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from careconnect_admin.audit_trail.archive_listing import Listing

ATHENA_TERABYTE: Final = 5.00
S3_THOUSAND_GETS: Final = 0.00042
S3_THOUSAND_LISTS: Final = 0.0053
GIGABYTE_OUT: Final = 0.09
"""Sent to the internet."""

_ATHENA_LEAST_BYTES: Final = 10_000_000


def athena_dollars(listing: "Listing") -> float:
    """Return the price of one query of what is listed, in US dollars."""
    scanned = max(listing.queried.size, _ATHENA_LEAST_BYTES) * ATHENA_TERABYTE / 10**12
    return scanned + _s3_dollars(listing.queried.objects, listing.lists + _hours(listing))


def download_dollars(listing: "Listing") -> float:
    """Return the price of downloading what is listed, which lists it again, in US dollars."""
    found = listing.downloaded
    return found.size * GIGABYTE_OUT / 10**9 + _s3_dollars(found.objects, 2 * listing.lists)


def _s3_dollars(gets: int, lists: int) -> float:
    return (gets * S3_THOUSAND_GETS + lists * S3_THOUSAND_LISTS) / 1_000


def _hours(listing: "Listing") -> int:
    """Return the number of hours from the first to the last."""
    if not all(listing.hours):
        return 0
    first, last = (datetime.strptime(hour, "%Y-%m-%d/%H") for hour in listing.hours)  # noqa: DTZ007 - both are UTC
    return int((last - first).total_seconds()) // 3600 + 1
