"""The schemas of the OpenAPI document: what the service stores and answers is valid by them, and faults are not."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import SERVED_TYPES, ResourceType
from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents.capability_statement import capability_statement
from careconnect_admin.documents.openapi.document import openapi_document
from careconnect_admin.documents.openapi.schemas import schemas
from careconnect_admin.sample.records import sample_resources
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.records.json_schemas import schema_faults
from careconnect_testing.running.cases import each_of

BASE: Final = BaseUrl("https://api.example.org")
MAX_GZIPPED: Final = 60_000
"""Bytes of the served document, gzipped; docs/api.md says about how many they are."""

PATIENT: Final[dict[str, Any]] = {"resourceType": "Patient", "id": "4"}
OBSERVATION: Final[dict[str, Any]] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@cache
def document() -> dict[str, Any]:
    return openapi_document(BASE)


def of_type(served: ResourceType) -> str:
    return served.name


def contents(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each media type's name and object, examples left out."""
    if isinstance(node, dict):
        yield from node.get("content", {}).items()
        node = [each for name, each in node.items() if name != "content"]
    for each in node if isinstance(node, list) else ():
        yield from contents(each)


@each_of("served", SERVED_TYPES)
def test_a_type_has_its_elements_not_only_its_name(served: ResourceType) -> None:
    schema = schemas()[served.name]

    assert schema["properties"]["resourceType"] == {"type": "string", "enum": [served.name]}
    assert len(schema["properties"]) > 10
    paths = {path.partition(".")[0].partition("(")[0] for each in served.searchable for path in each.paths}
    assert paths - {""} <= set(schema["properties"])


def test_every_body_and_answer_has_a_schema_and_xml_is_a_text() -> None:
    shared = document()["components"]
    found = list(contents([document()["paths"], shared["requestBodies"], shared["responses"]]))

    assert len(found) > 100
    for media_type, content in found:
        assert content["schema"], media_type
        if media_type == "application/fhir+xml":
            assert content["schema"] == {"type": "string"}


def test_every_resource_of_the_sample_is_valid() -> None:
    faults = [fault for each in sample_resources() for fault in schema_faults(json.loads(json_text(each)))]

    assert faults == []


@pytest.mark.parametrize(
    "answer",
    [
        capability_statement(BASE),
        json.loads(outcomes.outcome_of(outcomes.not_found()).json()),
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{"relation": "self", "url": "x"}]},
        {"resourceType": "Bundle", "type": "history", "entry": [{"request": {"method": "DELETE", "url": "Patient/4"}}]},
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}, {"resource": OBSERVATION}]},
        PATIENT | {"birthDate": "1971-08", "_birthDate": {"id": "a"}},
        PATIENT | {"name": [{"given": ["Sofía", None], "_given": [None, {"extension": [{"url": "x"}]}]}]},
        PATIENT | {"contained": [{"resourceType": "Questionnaire", "status": "draft"}]},
        PATIENT | {"identifier": [{"assigner": {"identifier": {"assigner": {"display": "recursive"}}}}]},
        OBSERVATION | {"status": None} | {"_status": {"extension": [{"url": "x", "valueCode": "unknown"}]}},
    ],
)
def test_a_real_answer_is_valid(answer: dict[str, Any]) -> None:
    assert schema_faults({name: value for name, value in answer.items() if value is not None}) == []


@pytest.mark.parametrize(
    ("answer", "at"),
    [
        (PATIENT | {"resourceType": "Observation"}, []),
        (PATIENT | {"birthDate": "23/08/1971"}, ["birthDate"]),
        (PATIENT | {"birthDate": 1971}, ["birthDate"]),
        (PATIENT | {"gender": "F"}, ["gender"]),
        (PATIENT | {"name": {"family": "Wren"}}, ["name"]),
        (PATIENT | {"name": [{"family": ["Wren"]}]}, ["name", 0, "family"]),
        (PATIENT | {"meta": {"lastUpdated": "2020-01-01"}}, ["meta", "lastUpdated"]),
        (PATIENT | {"extension": [{"valueString": "no url"}]}, ["extension", 0]),
        (OBSERVATION | {"valueQuantity": {"value": "72"}}, ["valueQuantity", "value"]),
        ({"resourceType": "Bundle"}, []),
        ({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {}}]}, ["entry", 0, "resource"]),
        ({"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}, ["issue", 0]),
    ],
)
def test_a_fault_is_found_at_its_element(answer: dict[str, Any], at: list[str | int]) -> None:
    assert [where for where, _ in schema_faults(answer)] == [at]


def test_the_served_document_is_small_once_it_is_gzipped() -> None:
    text = json.dumps(document(), separators=(",", ":"))

    assert len(gzip.compress(text.encode(), 6)) < MAX_GZIPPED
