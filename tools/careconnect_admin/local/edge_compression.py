"""Response compression as by API Gateway, for clients that accept gzip (MinimumCompressionSize)."""

import gzip
from typing import Final

from multidict import CIMultiDict

MINIMUM_BYTES: Final = 1024
"""The template's MinimumCompressionSize: a smaller response is not compressed."""

_LEVEL: Final = 6


def compressed(headers: CIMultiDict[str], content: bytes, accepted: str) -> bytes:
    """Return the content to send, and set `headers` to match; `accepted` is the request's Accept-Encoding.

    Empty content is the response to a HEAD. The compressed size of the GET response is unknown, so no length is sent
    (RFC 9110 §8.6).
    """
    length = int(headers.get("Content-Length", len(content)))
    if length < MINIMUM_BYTES or "Content-Encoding" in headers or not _takes_gzip(accepted):
        return content
    headers.popall("Content-Length", None)
    headers["Content-Encoding"] = "gzip"
    return gzip.compress(content, _LEVEL, mtime=0) if content else content


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
