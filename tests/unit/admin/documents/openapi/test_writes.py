"""The writes in the OpenAPI document: every form that there is (`write.md`, Interactions), its answers said once."""

import json
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType
from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect_admin.documents.openapi import writes
from careconnect_admin.documents.openapi.document import openapi_document
from careconnect_admin.documents.openapi.operations import example_of, examples_of
from careconnect_admin.documents.openapi.writes import write_components, write_operations
from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.stu3.validation import validate
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.records.json_schemas import schema_faults
from careconnect_testing.running.cases import each_of

WITH_IDENTIFIER: Final = [each for each in RESOURCE_TYPES if each.parameter("identifier")]


@cache
def document() -> dict[str, Any]:
    return openapi_document(BaseUrl("https://api.example.org"))


def of_type(served: ResourceType) -> str:
    return served.name


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    _, _, kind, name = node["$ref"].split("/")
    found: dict[str, Any] = document()["components"][kind][name]
    return found


def operation(served: ResourceType, verb: str, rest: str = "") -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][f"{FHIR_PATH}/{served.name}{rest}"][verb]
    return found


def example_in(content: dict[str, Any]) -> Any:
    """Return the example of a media type, which is a component."""
    return resolved(content["examples"]["sample"])["value"]


def names(described: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["in"], each["name"]) for each in map(resolved, described["parameters"])]


@each_of("served", RESOURCE_TYPES)
def test_write_md_a_type_is_created_replaced_patched_and_deleted(served: ResourceType) -> None:
    create, update, patch, delete = (
        operation(served, verb, rest)
        for verb, rest in (("post", ""), *((one, "/{id}") for one in ("put", "patch", "delete")))
    )

    assert set(create["responses"]) >= {"201", "400", "401", "403", "405", "413", "415", "422", "429", "503"}
    assert not {"404", "409", "410"} & set(create["responses"])
    assert set(update["responses"]) >= {"200", "201", "400", "404", "409", "422"}
    assert not {"410", "412"} & set(update["responses"])
    assert set(patch["responses"]) >= {"200", "400", "404", "409", "410", "422"}
    assert not {"201", "412"} & set(patch["responses"])
    assert set(delete["responses"]) >= {"204", "401", "403", "409", "503"}
    assert not {"200", "404", "410", "412", "415", "422"} & set(delete["responses"])
    assert ("header", "If-Match") in names(update)
    assert ("header", "If-Match") in names(patch)
    assert list(resolved(patch["requestBody"])["content"]) == ["application/json-patch+json"]
    for one in (create, update, patch):
        assert ("header", "Prefer") in names(one)
        assert [int(status) for status in one["responses"]] == sorted(map(int, one["responses"]))


@pytest.mark.parametrize("served", WITH_IDENTIFIER, ids=of_type)
def test_write_md_a_condition_is_one_identifier(served: ResourceType) -> None:
    create, update, delete = (operation(served, verb) for verb in ("post", "put", "delete"))

    assert ("header", "If-None-Exist") in names(create)
    assert set(create["responses"]) >= {"200", "201", "412"}
    assert set(update["responses"]) >= {"200", "201", "400", "409", "412"}
    assert set(delete["responses"]) >= {"204", "400", "409", "412"}
    for one in (update, delete):
        (asked,) = (
            each for each in map(resolved, one["parameters"]) if each["in"] == "query" and each["name"][0] != "_"
        )
        assert (asked["name"], asked["required"]) == ("identifier", True)
        assert asked["example"] == examples_of(served.name)["parameters"]["identifier"]


def test_write_md_a_type_without_identifiers_takes_no_condition() -> None:
    (served,) = (each for each in RESOURCE_TYPES if each not in WITH_IDENTIFIER)

    assert set(document()["paths"][f"{FHIR_PATH}/{served.name}"]) == {"get", "post"}
    assert ("header", "If-None-Exist") not in names(operation(served, "post"))
    assert "200" not in operation(served, "post")["responses"]


@each_of("served", RESOURCE_TYPES)
def test_a_bodys_examples_are_one_valid_resource_in_both_formats(served: ResourceType) -> None:
    body = resolved(operation(served, "put", "/{id}")["requestBody"])

    assert list(body["content"]) == ["application/fhir+json", "application/fhir+xml"]
    example = example_in(body["content"]["application/fhir+json"])
    resource = parse_json(json.dumps(example))
    validate(resource)
    assert resource["resourceType"] == served.name
    # The update's example of an id is of the same resource.
    assert resolved(operation(served, "put", "/{id}")["parameters"][0])["example"] == resource["id"]
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    assert example_in(body["content"]["application/fhir+xml"]) == declaration + xml_text(resource)
    assert body["content"]["application/fhir+json"]["schema"] == {"$ref": f"#/components/schemas/{served.name}"}
    assert body["content"]["application/fhir+xml"]["schema"] == {"type": "string"}
    assert schema_faults(example) == []


@each_of("served", RESOURCE_TYPES)
def test_what_was_created_is_linked_to_what_can_be_done_with_it(served: ResourceType) -> None:
    created = resolved(operation(served, "post")["responses"]["201"])

    assert list(created["headers"]) == ["Location", "ETag", "Last-Modified"]
    links = {name: resolved(link) for name, link in created["links"].items()}
    targets = {link["operationId"] for link in links.values()}
    assert targets == {f"{verb}{served.name}" for verb in ("read", "history", "update", "patch", "delete")}
    offered = {one["operationId"] for path in document()["paths"].values() for one in path.values()}
    assert targets <= offered
    assert all(link["parameters"] == {"id": "$response.body#/id"} for link in links.values())
    assert links[f"update{served.name}"]["requestBody"] == "$response.body"


@each_of("served", RESOURCE_TYPES)
def test_an_answer_is_the_resource_or_an_outcome_as_preferred(served: ResourceType) -> None:
    for status in ("200", "201"):
        schema = resolved(operation(served, "put", "/{id}")["responses"][status])["content"]["application/fhir+json"]
        assert [each["$ref"].rpartition("/")[2] for each in schema["schema"]["anyOf"]] == [
            served.name,
            "OperationOutcome",
        ]


def test_every_answer_has_an_example_that_its_schema_takes() -> None:
    answers = {
        name: answer["content"]["application/fhir+json"]
        for name, answer in document()["components"]["responses"].items()
        if "application/fhir+json" in answer.get("content", {})
    }

    assert len(answers) > 80
    for name, content in answers.items():
        example = content["example"] if "example" in content else example_in(content)
        assert schema_faults(example) == [], name


def test_a_fault_is_reported_with_its_place() -> None:
    answer = document()["components"]["responses"]["InvalidResource"]
    (issue,) = answer["content"]["application/fhir+json"]["example"]["issue"]

    assert issue["expression"] == ["Observation.status"]


@each_of("served", RESOURCE_TYPES)
def test_every_version_and_the_history_are_read(served: ResourceType) -> None:
    history = operation(served, "get", "/{id}/_history")

    assert {name for _, name in names(history)} == {
        "id",
        "_since",
        "_count",
        "_format",
        "_pretty",
        "_summary",
        "_elements",
    }
    assert "410" not in history["responses"]
    assert "410" in operation(served, "get", "/{id}/_history/{vid}")["responses"]


def test_a_type_that_is_only_read_has_no_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    read_only = [replace(each, writable=False) for each in RESOURCE_TYPES]
    monkeypatch.setattr(writes, "RESOURCE_TYPES", read_only)

    assert write_operations(read_only[0]) == {}
    shared = write_components()
    assert list(shared["requestBodies"]) == ["JsonPatch"]
    assert not shared["links"]


def test_a_type_that_the_sample_does_not_have_is_described_without_them() -> None:
    served = replace(RESOURCE_TYPES[0], name="Nothing")

    described = write_operations(served)[f"{FHIR_PATH}/Nothing"]["put"]

    assert "example" not in described["parameters"][0]
    assert example_of(served, "identifier") == {}
