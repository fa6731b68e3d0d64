"""Compare a proof's `htu` with the URL of the request (RFC 9449 §4.3; `bound-tokens.md`, The URL)."""

import re
from typing import Final
from urllib.parse import unquote

# User info is not among a host's characters, nor is a backslash, which browsers take for a slash. Without ASCII, a long
# s (U+017F) would be the last letter of https.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\s/?#@:\\\[\]]+)(?::(?P<port>[0-9]*))?(?P<path>/[^?#]*)?"
    r"(?:[?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)

_OWN_PORTS: Final = {"http": "80", "https": "443"}


def is_request_url(htu: object, url: str) -> bool:
    """Return True if `htu` is an absolute http(s) URL, equal to `url` after normalization.

    Query and fragment are dropped, scheme and host are lowered, the scheme's own port is dropped, and the path is
    percent-decoded once. Nothing else is normalized: neither dot segments nor a trailing slash.
    """
    normalized = _normalized(htu) if isinstance(htu, str) else None
    return normalized is not None and normalized == _normalized(url)


def _normalized(url: str) -> tuple[str, str, str, str] | None:
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = match["port"] or ""
    # Bytes that are not UTF-8 stay distinct, where a replacement character would make them equal.
    path = unquote(match["path"] or "", errors="surrogateescape")
    return scheme, match["host"].lower(), "" if port == _OWN_PORTS[scheme] else port, path
