"""The proof that a deployment with an edge requires before it believes a viewer's address (ADR 10)."""

import pytest

from careconnect.http.messages import parse_request
from careconnect.http.origin import Origin
from careconnect_testing.http.events import rest_event

SECRET = "s" * 43


@pytest.mark.parametrize("given", ["", "t" * 43, "s" * 42])
def test_who_has_not_proven_itself_names_no_viewer(given: str) -> None:
    """Though such a request is refused, it is by its own address that it is known until then."""
    headers = {"X-Origin-Secret": given, "X-Viewer-Address": "203.0.113.9"}
    request = parse_request(rest_event("GET", "/x", headers=headers, source_ip="198.51.100.7"))

    assert not Origin(SECRET).admits(request)
    assert Origin(SECRET).seen_by(request).source_ip == "198.51.100.7"


def test_the_secret_is_in_no_text_of_the_origin() -> None:
    assert SECRET not in repr(Origin(SECRET))
