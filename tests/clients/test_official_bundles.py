"""HL7's own STU3 examples of transactions and batches, in both formats: what is refused of them, and why.

The examples are those of npm's `hl7.fhir.r3.examples`. Most hold resources of types that are not served.
"""

import uuid
from typing import Any, Final

import httpx
import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.parsing.exact_json import json_text, parse_json
from careconnect_testing.http.api import Api
from careconnect_testing.http.client_service import Service
from careconnect_testing.http.writes import JSON, XML
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.page.node_clients import FOLDER

pytestmark = [pytest.mark.clients, pytest.mark.slow]

EXAMPLES: Final = FOLDER / "node_modules/hl7.fhir.r3.examples"

Resource = dict[str, Any]
Refused = list[tuple[int, str, str]]
"""The status, the issue code, and the entry or the element of its resource, of each fault."""

BATCHES: dict[str, Refused] = {
    "bundle-request-medsallergies": [
        # `_list` is not offered.
        (400, "not-supported", "entry[1]"),
        # `AllergyIntolernce` is misspelt.
        (404, "not-supported", "entry[2]"),
        (400, "not-supported", "entry[3]"),
    ],
    "bundle-request-simplesummary": [],
}
"""The batches, with the entries that are refused; they read."""

TRANSACTIONS: dict[str, Refused] = {
    # `Patient?identifier=234234` lacks the system.
    "bundle-transaction": [(412, "required", "Bundle.entry[1]")],
    # DiagnosticReport is not served.
    "hla-1": [(404, "not-supported", "Bundle.entry[0]")],
    # A URL of HL7's server.
    "ussg-fht": [(400, "structure", "Bundle.entry[0]")],
    # DocumentReference is not served.
    "xds": [(404, "not-supported", "Bundle.entry[0]")],
}
"""The transactions, all of which are refused."""

OF_SERVED_TYPES: dict[str, Refused] = {
    "bundle-transaction": TRANSACTIONS["bundle-transaction"],
    # The Patient and the Specimen are not in it, and Sequence is not served.
    "hla-1": [
        (422, "not-found", "Bundle.entry[0].resource.subject"),
        (422, "not-found", "Bundle.entry[0].resource.specimen"),
        (422, "not-found", "Bundle.entry[0].resource.related[0].target"),
        (422, "not-found", "Bundle.entry[0].resource.related[1].target"),
    ],
    # `Patient?identifier=http://acme.org/xds/patients!89765a87b` has `!` in place of `|`.
    "xds": [(412, "required", "Bundle.entry[0]")],
}
"""What is left of the transactions without the resources of types that are not served."""


@pytest.fixture(scope="module")
def headers(local_stack: LocalStack, http: httpx.Client, service: Service) -> dict[str, str]:
    """The headers of a client of its own, on the stack that has the sample."""
    assert service.observations
    token = Api(local_stack, http).register(f"bundles-{uuid.uuid4()}", "user/*.read user/*.write")
    return {"Authorization": f"Bearer {token}", "Accept": JSON}


def example(name: str) -> Resource:
    """Return an example by its id."""
    bundle: Resource = parse_json((EXAMPLES / f"Bundle-{name}.json").read_text(encoding="utf-8-sig"))
    return bundle


def refused(http: httpx.Client, headers: dict[str, str], bundle: Resource, media_type: str) -> Refused:
    """Return what is refused of a Bundle, but for reads of what is not there."""
    text = json_text(bundle) if media_type == JSON else xml_text(bundle)
    answer = http.post(FHIR_PATH, content=text.encode(), headers=headers | {"Content-Type": media_type})
    if answer.status_code != 200:
        faults = [(each["code"], each["expression"][0]) for each in answer.json()["issue"]]
        return [(answer.status_code, code, place.partition(".request")[0]) for code, place in faults]
    responses = [each["response"] for each in answer.json()["entry"]]
    found = [
        (int(each["status"][:3]), str(issue["code"]), f"entry[{number}]")
        for number, each in enumerate(responses)
        for issue in each.get("outcome", {}).get("issue", ())
    ]
    return [each for each in found if each[:2] != (404, "not-found")]


@pytest.mark.parametrize("media_type", [JSON, XML])
def test_of_hl7s_batches_and_transactions_is_refused(
    http: httpx.Client, headers: dict[str, str], media_type: str
) -> None:
    names = [path.stem.removeprefix("Bundle-") for path in sorted(EXAMPLES.glob("Bundle-*.json"))]
    examples = {name: each for name in names if (each := example(name)).get("type") in ("batch", "transaction")}

    assert {name: refused(http, headers, each, media_type) for name, each in examples.items()} == {
        **BATCHES,
        **TRANSACTIONS,
    }


@pytest.mark.parametrize("media_type", [JSON, XML])
@pytest.mark.parametrize("name", OF_SERVED_TYPES)
def test_of_their_entries_of_served_types_is_refused(
    http: httpx.Client, headers: dict[str, str], name: str, media_type: str
) -> None:
    bundle = example(name)
    entries = [each for each in bundle["entry"] if is_served(each.get("resource"))]

    assert refused(http, headers, {**bundle, "entry": entries}, media_type) == OF_SERVED_TYPES[name]


def is_served(resource: Resource | None) -> bool:
    """Return True if an entry has no resource, or one of a type that is served."""
    return resource is None or resource_type(resource["resourceType"]) is not None
