"""The root URL: configured, or the gateway's own; never the caller's."""

import pytest

from careconnect.http.base_url import BaseUrl, base_url


@pytest.mark.parametrize(
    "configured", ["https://api.example.org", "https://api.example.org/", "https://api.example.org//"]
)
def test_a_configured_root_is_taken_without_trailing_slashes(configured: str) -> None:
    assert base_url(configured, api_id="a", stage="live", region="r") == BaseUrl("https://api.example.org")


def test_without_one_it_is_the_gateways_own() -> None:
    found = base_url("", api_id="abc", stage="live", region="eu-west-2")

    assert found.root == "https://abc.execute-api.eu-west-2.amazonaws.com/live"


def test_issuer_audience_and_token_endpoint_follow_from_it() -> None:
    base = BaseUrl("https://api.example.org")

    assert base.fhir == "https://api.example.org/careconnect-ri/STU3"
    assert base.token_endpoint == "https://api.example.org/token"
