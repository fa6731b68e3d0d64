"""Whatever a stranger sends: a status of the contract, in bounded time and memory, and no secret in a log line."""

import json
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careconnect.endpoint.pipeline import pinned_to_cpu
from careconnect_testing.fuzzing.promise import BrokenPromiseError
from careconnect_testing.fuzzing.services import SECRET, services
from careconnect_testing.fuzzing.targets import TARGETS, Target
from careconnect_testing.records.generated import is_fresh_run, is_long_run
from careconnect_testing.running.cases import each_of

INPUTS = 1_250 if is_fresh_run() else 200 if is_long_run() else 50
"""Of each target. The first is a round of `make fuzz`, whose inputs are new ones: its 35 rounds make up a million."""
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
    "a conditional reference of 21 parameters": (
        "bundle",
        json.dumps(
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [
                    {
                        "resource": {
                            "resourceType": "Observation",
                            "status": "final",
                            "code": {"text": "a"},
                            "performer": [{"reference": "Patient?" + "&".join(["identifier=a%7Cb"] * 21)}],
                        },
                        "request": {"method": "POST", "url": "Observation"},
                    }
                ],
            }
        ).encode(),
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


@pytest.fixture(autouse=True)
def _on_one_processor() -> Iterator[None]:
    # To be moved at each input would take longer than the input.
    with pinned_to_cpu():
        yield


@cache
def _inputs_of(target: Target) -> st.SearchStrategy[bytes]:
    return target.inputs()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(max_examples=INPUTS, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_made_up_inputs_keep_the_promise(target: Target, data: st.DataObject) -> None:
    target.hold(data.draw(_inputs_of(target)))


@each_of("name", FOUND)
def test_what_was_found_keeps_the_promise(name: str) -> None:
    target, data = FOUND[name]

    BY_NAME[target].hold(data)


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = services()
    note = deployed.observer.request
    path = BY_NAME["path"]
    for broken, error in (
        ({"reason": f"wrong secret {SECRET}"}, "log: a confidential text"),
        ({"client_id": "9658218873"}, "log: client_id"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(
                deployed.observer, "request", lambda *given, new=broken, **old: note(*given, **{**old, **new})
            )
            with pytest.raises(BrokenPromiseError, match=error):
                path.hold(b"GET Patient/4")
    with pytest.raises(BrokenPromiseError, match="audit event: a confidential text"):
        path.hold(b"GET Patient?_cursor=eyJ.e30")
    with monkeypatch.context() as patch:
        patch.setattr(
            deployed, "route", lambda *_: ("reader", lambda _: {"statusCode": 503, "body": "", "headers": {}})
        )
        with pytest.raises(BrokenPromiseError, match="reader: status 503"):
            path.hold(b"GET Patient/4")
    with monkeypatch.context() as patch:
        patch.setattr(deployed, "route", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            path.hold(b"GET Patient/4")
    with pytest.raises(BrokenPromiseError, match="more time than promised"):
        Target("slow", lambda _: list(map(str, range(1_000_000))).clear(), path.inputs).hold(b"")
