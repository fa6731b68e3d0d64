"""Price a query of the archive by the sizes of its objects.

The prices are those of `benchmarks/costs/prices.py`, which has their sources. A query is also charged for what Athena
asks of S3: it lists each hour's folder, and gets each object.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from careconnect_admin.audit_trail.archive_listing import Listing

ATHENA_BYTE: Final = 5.0 / 10**12
ATHENA_LEAST_BYTES: Final = 10_000_000
S3_GET: Final = 0.00042 / 1_000
S3_LIST: Final = 0.0053 / 1_000
BYTE_OUT: Final = 0.09 / 10**9
"""Sent to the internet."""


def athena_dollars(listing: "Listing") -> float:
    """Return the price of one query of what is listed, in US dollars."""
    scanned = max(listing.size, ATHENA_LEAST_BYTES) * ATHENA_BYTE
    return scanned + listing.objects * S3_GET + (listing.lists + _hours(listing)) * S3_LIST


def download_dollars(listing: "Listing") -> float:
    """Return the price of downloading what is listed, which lists it again, in US dollars."""
    return listing.size * BYTE_OUT + listing.objects * S3_GET + 2 * listing.lists * S3_LIST


def _hours(listing: "Listing") -> int:
    """Return the number of hours from the first to the last."""
    if not listing.objects:
        return 0
    first, last = (datetime.strptime(hour, "%Y-%m-%d/%H") for hour in listing.hours)  # noqa: DTZ007 - both are UTC
    return int((last - first).total_seconds()) // 3600 + 1
