"""Which answers are compressed, and which headers say so (RFC 9110 §8.4, §12.5.3)."""

import gzip

import pytest
from multidict import CIMultiDict

from careconnect_admin.local.edge_compression import MINIMUM_BYTES, compressed

LONG = b"a" * MINIMUM_BYTES


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP", "gzip;q=0.5", "*", "deflate, gzip ; q=1"])
def test_a_long_answer_goes_compressed_to_who_takes_it(accepted: str) -> None:
    headers = CIMultiDict({"Content-Length": str(len(LONG)), "ETag": '"1"'})

    content = compressed(headers, LONG, accepted)

    assert gzip.decompress(content) == LONG
    assert dict(headers) == {"ETag": '"1"', "Content-Encoding": "gzip"}


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0", "identity", "xgzip"])
def test_who_does_not_take_gzip_gets_it_as_it_is(accepted: str) -> None:
    headers = CIMultiDict({"Content-Length": str(len(LONG))})

    assert compressed(headers, LONG, accepted) == LONG
    assert headers["Content-Length"] == str(len(LONG))


def test_a_short_answer_and_one_that_is_encoded_already_go_as_they_are() -> None:
    encoded = CIMultiDict({"Content-Encoding": "br"})

    assert compressed(CIMultiDict(), LONG[1:], "gzip") == LONG[1:]
    assert compressed(encoded, LONG, "gzip") == LONG
    assert encoded["Content-Encoding"] == "br"


def test_a_head_of_what_would_go_compressed_says_no_length() -> None:
    headers = CIMultiDict({"Content-Length": str(len(LONG))})

    assert compressed(headers, b"", "gzip") == b""
    assert dict(headers) == {"Content-Encoding": "gzip"}
