"""A compact JWS has one form: the rest of its promises are held where tokens, assertions and proofs are judged."""

import pytest

from careconnect.oauth import base64url
from careconnect.oauth.compact_jws import MalformedJwsError, json_object, parse_compact_jws

TEXT = '{"alg":"ES256"}'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_json_is_in_utf_8_without_a_mark(encoding: str) -> None:
    header = TEXT.encode(encoding)

    assert parse_compact_jws(f"{base64url.encode(TEXT.encode())}.AA.AA", longest=100).header == {"alg": "ES256"}
    with pytest.raises(MalformedJwsError, match="not JSON"):
        parse_compact_jws(f"{base64url.encode(header)}.AA.AA", longest=200)
    with pytest.raises(MalformedJwsError, match="not JSON"):
        json_object(header)
