"""moto's KMS, with signatures by PS256 as KMS makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import padding


class _Pss(padding.PSS):
    MAX_LENGTH = padding.PSS.DIGEST_LENGTH  # type: ignore[assignment]


@contextmanager
def salted_as_by_kms() -> Iterator[None]:
    """Have moto sign with a salt as long as the digest (RFC 7518 §3.5); it takes the longest that fits the key."""
    ours = SimpleNamespace(PSS=_Pss, MGF1=padding.MGF1, PKCS1v15=padding.PKCS1v15)
    with patch("moto.kms.utils.padding", ours):
        yield
