"""Whatever a stranger sends: a status of the contract, in bounded time and memory, and no secret in a log line."""

import json

import pytest

from careconnect_testing.fuzzing.fuzz import find_of, fuzz, largest_memory, share_of
from careconnect_testing.fuzzing.large_inputs import large_bodies, large_requests, large_tokens
from careconnect_testing.fuzzing.services import SECRET, services
from careconnect_testing.fuzzing.targets import TARGETS, Target
from careconnect_testing.running.cases import each_of

INPUTS = 2_000
LONG_INPUTS = 100_000
MOST_MEMORY = 256 * 2**20
"""Bytes beside the function's own."""

BY_NAME = {target.name: target for target in TARGETS}


def _batch_of(request: bytes) -> bytes:
    return b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{%b}}]}' % request


FOUND = {
    "a letter of Basic that is ASCII only without its case": (
        "token",
        b"POST /token\nAuthorization: Basic \xc5\xbfAAA\n\n",
    ),
    "a form of one long value": (
        "search",
        b"POST Patient/_search\nContent-Type: application/x-www-form-urlencoded\n\nname="
        + "😀".encode()
        + b"a" * 65_000,
    ),
    "an include of all, repeated": (
        "search parameters",
        b"Encounter?" + b"&".join([b"_include:recurse=*"] * 200),
    ),
    "an instant before the first year": (
        "bundle",
        _batch_of(b'"method":"GET","url":"Patient/4","ifModifiedSince":"0001-01-01T00:00:00+14:00"'),
    ),
    "a type that an element has": (
        "bundle",
        _batch_of(b'"resourceType":"\\u0000"'),
    ),
    "a narrative of beginnings of links": (
        "bundle",
        json.dumps(
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    {
                        "resource": {"resourceType": "Patient", "text": {"status": "generated", "div": "<a " * 20_000}},
                        "request": {"method": "POST", "url": "Patient"},
                    }
                ],
            }
        ).encode(),
    ),
    "a cursor that begins as a token does": (
        "cursor",
        b"GET Patient?_cursor=eyJhbGciOiJSUzI1NiJ9",
    ),
    "a style of hyphens": (
        "narrative text",
        b'<div xmlns="http://www.w3.org/1999/xhtml"><p style="color:' + b"-" * 5_000 + b'">a</p></div>',
    ),
}
"""Inputs that once broke a promise, or seemed to, by a short name."""


def found(target: Target, number: int, seed: int) -> list[str]:
    return [f"{find.error}: {find.data!r}" for find in fuzz(target, number, seed).finds]


@each_of("target", TARGETS)
def test_made_up_inputs_keep_the_promise(target: Target) -> None:
    assert found(target, share_of(target, INPUTS), seed=0) == []


@each_of("name", FOUND)
def test_what_was_found_keeps_the_promise(name: str) -> None:
    target, data = FOUND[name]

    assert find_of(BY_NAME[target], data) == ""


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_hundred_thousand_inputs_keep_the_promise(target: Target) -> None:
    assert found(target, share_of(target, LONG_INPUTS), seed=1) == []


@pytest.mark.long
@each_of(("name", "message"), large_requests())
def test_a_large_request_keeps_the_promise(name: str, message: bytes) -> None:
    assert find_of(BY_NAME["search"], message) == ""


@pytest.mark.long
@each_of(("name", "message"), large_bodies())
def test_a_large_body_keeps_the_promise(name: str, message: bytes) -> None:
    services()
    before = largest_memory()

    assert find_of(BY_NAME["condition"], message) == ""
    assert largest_memory() - before < MOST_MEMORY


@pytest.mark.long
@each_of(("name", "document"), large_tokens())
def test_a_large_token_keeps_the_promise(name: str, document: bytes) -> None:
    assert find_of(BY_NAME["assertion"], document) == ""
    assert find_of(BY_NAME["bearer"], document) == ""


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = services()
    note = deployed.observer.request
    for broken, error in (
        ({"reason": f"wrong secret {SECRET}"}, "log: a confidential text"),
        ({"client_id": "9658218873"}, "log: client_id"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(
                deployed.observer, "request", lambda *given, new=broken, **old: note(*given, **{**old, **new})
            )
            assert find_of(BY_NAME["path"], b"GET Patient/4") == error
    assert find_of(BY_NAME["path"], b"GET Patient?_cursor=eyJ.e30") == "audit event: a confidential text"
    with monkeypatch.context() as patch:
        patch.setattr(
            deployed, "route", lambda *_: ("reader", lambda _: {"statusCode": 503, "body": "", "headers": {}})
        )
        assert find_of(BY_NAME["path"], b"GET Patient/4") == "reader: status 503"
    with monkeypatch.context() as patch:
        patch.setattr(deployed, "route", lambda *_: 1 / 0)
        assert find_of(BY_NAME["path"], b"GET Patient/4").startswith("ZeroDivisionError at ")
