"""A version's validators, and conditional reads by them (RFC 9110 §8.8, §13; STU3 HTTP §3.1.0.1.3, §3.1.0.4)."""

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime


def validators(version: int, updated: int) -> dict[str, str]:
    """Return the `ETag` and `Last-Modified` of a version, last changed at `updated` (epoch milliseconds)."""
    return {
        "ETag": f'W/"{version}"',
        "Last-Modified": formatdate(updated // 1000, usegmt=True),
    }


def is_unmodified(version: int, updated: int, headers: Mapping[str, str]) -> bool:
    """Return True if the caller already has a version, last changed at `updated` (epoch milliseconds).

    If-None-Match takes precedence over If-Modified-Since.
    """
    known = headers.get("if-none-match", "")
    if known:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return "*" in tags or f'"{version}"' in tags
    since = headers.get("if-modified-since", "")
    if not since:
        return False
    try:
        return updated // 1000 <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False
