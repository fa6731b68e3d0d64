"""base64url without padding (RFC 7515 §2), with one accepted encoding of each value."""

import base64


def encode(data: bytes) -> str:
    """Return bytes as URL-safe text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of a text; raises `ValueError` unless `encode` returns the same text for them."""
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The decoder ignores stray bits in the last character, and characters outside the alphabet.
    if encode(decoded) != text:
        raise ValueError("not canonical base64url")
    return decoded
