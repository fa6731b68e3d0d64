"""Conditional reads (RFC 9110 §13; STU3 HTTP §3.1.0.4)."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def takes_nothing_stale(headers: Mapping[str, str]) -> bool:
    """Return True if the answer must include every write answered before (`no-cache`, RFC 9111 §5.2.1.4)."""
    directives = headers.get("cache-control", "").split(",")
    return any(directive.strip().lower() == "no-cache" for directive in directives)


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
