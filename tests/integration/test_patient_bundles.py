"""Bundles in the shape of Synthea's, over HTTP: stored whole, whatever their size and format (`bundles.md`)."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import JSON, XML
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.records.patient_bundles import SIZES, patient_bundle
from careconnect_testing.running.bundle_service import statuses

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.generated]

Resource = dict[str, Any]
DIRECTORY = ("Organization/", "Practitioner/")
SOME = (0, SIZES.index(81))
"""The smallest and one of usual size."""
# What is read from either format is written by the same code.
MORE = {JSON: range(len(SIZES)), XML: (*SOME, len(SIZES) - 1)}
"""In the long run all twenty as JSON, and the largest as XML too."""


def new_client(local_stack: LocalStack, http: httpx.Client) -> tuple[str, dict[str, str]]:
    """Register a client of its own, which has a whole quota; return its id and the header with its token."""
    client_id = f"bundler-{uuid.uuid4()}"
    token = Api(local_stack, http).register(client_id, "user/*.read user/*.write")
    return client_id, {"Authorization": f"Bearer {token}"}


def units_of(local_stack: LocalStack, client_id: str) -> int:
    """Return the units that a client was charged."""
    table = local_stack.stack.outputs["UsageTable"]
    items = local_stack.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return sum(int(item["units"]["N"]) for item in items if item["pk"]["S"].startswith(client_id))


@pytest.mark.parametrize("media_type", [JSON, XML])
def test_a_patients_bundle_is_stored_whole_and_every_reference_leads_somewhere(
    local_stack: LocalStack, http: httpx.Client, media_type: str, record_property: Callable[[str, object], None]
) -> None:
    for number in MORE[media_type] if is_long_run() else SOME:
        bundle = patient_bundle(SIZES[number], number)
        text = json_text(bundle) if media_type == JSON else xml_text(bundle)
        client_id, headers = new_client(local_stack, http)
        headers |= {"Content-Type": media_type, "Accept": JSON}

        begun = time.perf_counter()
        answer = http.post(FHIR_PATH, content=text.encode(), headers=headers)
        seconds = time.perf_counter() - begun

        assert answer.status_code == 200, answer.text
        assert statuses(answer.json()["entry"]) == [201] * SIZES[number]
        keys = ["/".join(each["response"]["location"].split("/")[-4:-2]) for each in answer.json()["entry"]]
        read = read_back(http, keys, new_client(local_stack, http)[1])
        assert read == dict(zip(keys, as_stored(bundle, keys), strict=True))
        assert "urn:uuid:" not in json.dumps(read)
        assert {text for each in read.values() for text in references_in(each)} <= set(keys)
        units = units_of(local_stack, client_id)
        measured = f"{seconds:.2f} s, {SIZES[number] / seconds:.0f} entries a second, {units} units"
        record_property(f"{SIZES[number]} entries as {media_type}", measured)


def read_back(http: httpx.Client, keys: list[str], headers: dict[str, str]) -> dict[str, Resource]:
    """Return by key the record of the patient that is the first of `keys`, and those of the directory among them."""
    resources = []
    path = f"{FHIR_PATH}/{keys[0]}/$everything?_count=100"
    while path:
        page = http.get(path, headers=headers).json()
        resources += [each["resource"] for each in page["entry"]]
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    resources += [http.get(f"{FHIR_PATH}/{key}", headers=headers).json() for key in keys if key.startswith(DIRECTORY)]
    return {f"{each['resourceType']}/{each['id']}": without_meta(each) for each in resources}


def as_stored(bundle: Resource, keys: list[str]) -> Iterator[Resource]:
    """Yield the resources of a Bundle with their new ids, and with the keys of those that they refer to."""
    names = {f'"{each["fullUrl"]}"': f'"{key}"' for each, key in zip(bundle["entry"], keys, strict=True)}
    for each, key in zip(bundle["entry"], keys, strict=True):
        text = json_text({**each["resource"], "id": key.partition("/")[2]})
        for name, other in names.items():
            text = text.replace(name, other)
        yield json.loads(text)


def without_meta(resource: Resource) -> Resource:
    """Return a resource without what the server sets."""
    return {name: value for name, value in resource.items() if name != "meta"}


def references_in(node: Any) -> Iterator[str]:
    """Yield the texts of all references in a resource."""
    if isinstance(node, list):
        for item in node:
            yield from references_in(item)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for child in node.values():
            yield from references_in(child)
