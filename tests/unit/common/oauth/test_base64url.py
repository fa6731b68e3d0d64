"""base64url: the encoding of RFC 4648, and only one text for the same bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.oauth import base64url


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg"), (b"\xfb\xff", "-_8")],
)
def test_rfc_4648_10_texts_without_padding(data: bytes, text: str) -> None:
    assert base64url.encode(data) == text
    assert base64url.decode(text) == data


@given(st.binary(max_size=40))
def test_what_was_encoded_decodes_to_itself(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@pytest.mark.parametrize("text", ["Zh", "Zg==", "Zg=", "Z", "+/8", "Zm 9v", "Zm9v\n", "Zm9v!", "é", "\ud800"])
def test_another_text_of_the_same_bytes_and_what_is_no_base64url_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever text: the callers say their own
        base64url.decode(text)
