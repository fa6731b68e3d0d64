"""The information that a `next` link reveals without a key: its parameters, and the legible part of its cursor."""

import base64
import zlib
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit


def cursor_of(url: str) -> str:
    """Return the cursor of a `next` link."""
    (text,) = parse_qs(urlsplit(url).query)["_cursor"]
    return text


def legible_in(url: str) -> bytes:
    """Return a link's path and query, its cursor's bytes, and each text that unpacks from them without a key.

    Unpacked bytes count when their stream ends and they are text: now and then sealed bytes happen to unpack
    to noise, in which any short text may occur.
    """
    cursor = cursor_of(url)
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    # A port may hold the digits of a year.
    parts = [f"{urlsplit(url).path}?{urlsplit(url).query}".encode(), content]
    for start in range(len(content)):
        # zlib's format, with and without its header.
        for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
            with suppress(zlib.error, UnicodeDecodeError):
                unpacker = zlib.decompressobj(window)
                unpacked = unpacker.decompress(content[start:])
                if unpacker.eof and unpacked.decode().isprintable():
                    parts.append(unpacked)
    return b"\n".join(parts)
