"""Bundles that are refused as a whole, with nothing done (`bundles.md`, Both)."""

from typing import Any

import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.writes import JSON, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.running.bundle_service import Bundles, batch, entry

MADE = entry("PUT", "Patient/a", {**patient(), "id": "a"})
READ = {"method": "GET", "url": "Patient"}

WHOLE: dict[str, tuple[Any, int, str, str]] = {
    "another resource": (patient(), 400, "structure", "resourceType"),
    "another type": ({**batch(MADE), "type": "collection"}, 400, "value", "Bundle.type"),
    "no type": ({"resourceType": "Bundle", "entry": [MADE]}, 400, "value", "Bundle.type"),
    "no JSON": ("{", 400, "structure", ""),
    "nothing": ("", 400, "structure", ""),
    "an unknown element": ({**batch(MADE), "shoe": 1}, 400, "structure", "Bundle.shoe"),
    "entries that are none": ({**batch(), "entry": {}}, 400, "structure", "Bundle.entry"),
    "an entry that is none": (batch(MADE, []), 400, "structure", "Bundle.entry[1]"),  # type: ignore[arg-type]
    "an entry that is empty": (batch(MADE, {}), 400, "structure", "Bundle.entry[1]"),
    "no request": (batch(MADE, {"resource": patient()}), 400, "structure", "Bundle.entry[1].request"),
    "a request that is none": (batch(MADE, {"request": "x"}), 400, "structure", "Bundle.entry[1].request"),
    "no method": (batch(MADE, {"request": {"url": "Patient"}}), 400, "structure", "Bundle.entry[1].request.method"),
    "a URL of an extension alone": (
        batch(MADE, {"request": {"method": "GET", "_url": {"extension": [{"url": "urn:x", "valueCode": "y"}]}}}),
        400,
        "structure",
        "Bundle.entry[1].request.url",
    ),
    "no URL": (batch(MADE, {"request": {"method": "GET"}}), 400, "structure", "Bundle.entry[1].request.url"),
    "an empty URL": (batch(MADE, entry("POST", "")), 400, "structure", "Bundle.entry[1].request.url"),
    "an empty method": (batch(MADE, entry("", "Patient")), 400, "structure", "Bundle.entry[1].request.method"),
    "more than 500 entries": (batch(*[MADE] * 501), 413, "too-long", "Bundle.entry"),
    "more than 4 MB": (" " * 4_000_001, 413, "too-long", ""),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_bundle_at_fault_is_refused_with_its_entry_named_and_nothing_done(
    case: str, bundles: Bundles, writer: Writer
) -> None:
    body, status, code, where = WHOLE[case]
    answer = bundles.send(body)

    assert answer.status == status, answer.text
    assert (code, (where,) if where else ()) in issues_in(answer)
    assert writer.reader.get("Patient/a").status == 404


def test_all_entries_at_fault_are_named_at_once(bundles: Bundles) -> None:
    answer = bundles.send(batch({"request": {"url": "Patient"}}, {"request": READ}, {"request": {"method": "GET"}}))

    named = {where for _, where in issues_in(answer)}
    assert named == {("Bundle.entry[0].request.method",), ("Bundle.entry[2].request.url",)}


def test_a_token_that_writes_nothing_sends_no_bundle(writer: Writer) -> None:
    answer = Bundles(writer.as_caller("system/*.rs")).send(batch({"request": READ}))

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert "send its reads one by one" in answer.issue["diagnostics"]
    assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope", scope="user/*.c"')


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{FHIR_PATH}/", 200),
        ("GET", FHIR_PATH, 405),
        ("POST", f"{FHIR_PATH}//", 404),
        ("POST", f"{FHIR_PATH}/x", 404),
    ],
)
def test_a_bundle_is_posted_to_the_base(method: str, path: str, status: int, bundles: Bundles) -> None:
    assert bundles.send(batch(), method=method, path=path).status == status


@pytest.mark.parametrize(
    ("headers", "status"), [({"Content_Type": "text/plain"}, 415), ({"Content_Type": JSON, "Accept": "text/html"}, 406)]
)
def test_formats_are_those_of_single_requests(headers: dict[str, str], status: int, bundles: Bundles) -> None:
    assert bundles.send(batch({"request": READ}), **headers).status == status
