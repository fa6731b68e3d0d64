"""A proof's `htu` and the request's URL, compared by the contract's rules and no others."""

import pytest

from careconnect.oauth.dpop.request_url import is_request_url
from careconnect_testing.running.cases import each_of

BASE = "https://care.example"


@each_of(
    ("htu", "url"),
    [
        ("https://care.example/token", f"{BASE}/token"),
        ("https://care.example/token?a=b", f"{BASE}/token"),
        ("https://care.example/token#a", f"{BASE}/token"),
        ("https://care.example/token?a=b/c#d?e", f"{BASE}/token"),
        ("https://care.example/token?", f"{BASE}/token"),
        ("HTTPS://care.example/token", f"{BASE}/token"),
        ("https://CARE.Example/token", f"{BASE}/token"),
        ("https://care.example/token", "HTTPS://Care.Example:443/token"),
        ("https://care.example:443/token", f"{BASE}/token"),
        ("https://care.example:/token", f"{BASE}/token"),
        ("http://care.example:80/token", "http://care.example/token"),
        ("https://care.example/%74oken", f"{BASE}/token"),
        ("https://care.example/token", f"{BASE}/%74oken"),
        ("https://care.example/Patient/%24everything", f"{BASE}/Patient/$everything"),
        ("https://care.example/a%2Fb", f"{BASE}/a/b"),
        ("https://care.example/%C3%A9", f"{BASE}/é"),
        ("https://care.example/%c3%a9", f"{BASE}/%C3%A9"),
        ("https://care.example/%2524", f"{BASE}/%2524"),
        ("https://care.example/%zz", f"{BASE}/%zz"),
        ("http://127.0.0.1:3000/token", "http://127.0.0.1:3000/token"),
        ("http://[::1]:3000/token", "http://[::1]:3000/token"),
        ("https://x.execute-api.eu-west-2.amazonaws.com/prod/token",) * 2,
    ],
)
def test_these_are_equal(htu: str, url: str) -> None:
    assert is_request_url(htu, url)


@each_of(
    ("htu", "url"),
    [
        ("http://care.example/token", f"{BASE}/token"),
        ("https://care.example/token/", f"{BASE}/token"),
        ("https://care.example/Token", f"{BASE}/token"),
        ("https://care.example//token", f"{BASE}/token"),
        ("https://care.example/./token", f"{BASE}/token"),
        ("https://care.example/a/../token", f"{BASE}/token"),
        ("https://care.example/token;a", f"{BASE}/token"),
        ("https://care.example:80/token", f"{BASE}/token"),
        ("https://care.example:8443/token", f"{BASE}/token"),
        ("http://care.example:443/token", "http://care.example/token"),
        ("https://care.example./token", f"{BASE}/token"),
        ("https://care.example.evil.example/token", f"{BASE}/token"),
        ("https://user@care.example/token", f"{BASE}/token"),
        ("https://user:@care.example/token", f"{BASE}/token"),
        ("https://@care.example/token", f"{BASE}/token"),
        ("https://care.example:443@evil.example/token", f"{BASE}/token"),
        ("https://evil.example\\@care.example/token", f"{BASE}/token"),
        ("https://care.example\\token", f"{BASE}/token"),
        ("https:/care.example/token", f"{BASE}/token"),
        ("https:care.example/token", f"{BASE}/token"),
        ("//care.example/token", f"{BASE}/token"),
        ("/token", f"{BASE}/token"),
        ("token", f"{BASE}/token"),
        ("", f"{BASE}/token"),
        (" https://care.example/token", f"{BASE}/token"),
        ("https://care.example/token ", f"{BASE}/token"),
        ("https://care.example/token\n", f"{BASE}/token"),
        ("https://care.example/to\nken", f"{BASE}/token"),
        ("https://care\t.example/token", f"{BASE}/token"),
        ("ftp://care.example/token", "ftp://care.example/token"),
        ("http\u017f://care.example/token", f"{BASE}/token"),
        ("https:///token", "https:///token"),
        ("https://care.example", f"{BASE}/token"),
        ("https://care.example/%2524", f"{BASE}/%24"),
        ("https://care.example/%ff", f"{BASE}/%fe"),
        ("https://care.example/%ff", f"{BASE}/\ufffd"),
        ("https://care.example/Patient/4", f"{BASE}/Patient/5"),
        ("https://care.example/Patient/4%3F", f"{BASE}/Patient/4"),
    ],
)
def test_these_are_not(htu: str, url: str) -> None:
    assert not is_request_url(htu, url)


@pytest.mark.parametrize("htu", [None, 1, True, [BASE], {"url": BASE}])
def test_only_a_text_is_a_url(htu: object) -> None:
    assert not is_request_url(htu, BASE)


def test_half_of_a_surrogate_pair_is_no_failure() -> None:
    assert not is_request_url("https://care.example/\ud800", f"{BASE}/token")
    assert not is_request_url("https://\ud800/token", f"{BASE}/token")
