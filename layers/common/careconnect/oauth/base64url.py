"""base64url without padding (RFC 7515 §2), in one spelling for each text."""

import base64


def encode(data: bytes) -> str:
    """Return bytes as URL-safe text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of a text; raises `ValueError` for any text but the one that `encode` makes of them."""
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # A last character may carry stray bits, and letters outside the alphabet are passed over.
    if encode(decoded) != text:
        raise ValueError("not canonical base64url")
    return decoded
