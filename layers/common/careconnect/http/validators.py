"""A version's validators (RFC 9110 §8.8; STU3 HTTP §3.1.0.1.3)."""

from email.utils import formatdate


def validators(version: int, updated: int) -> dict[str, str]:
    """Return the `ETag` and `Last-Modified` of a version, last changed at `updated` (epoch milliseconds)."""
    return {
        "ETag": f'W/"{version}"',
        "Last-Modified": formatdate(updated // 1000, usegmt=True),
    }
