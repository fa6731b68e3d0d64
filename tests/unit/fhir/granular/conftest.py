"""A store with laboratory results and vital signs, for tokens whose scopes open some of them (`access.md`)."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import Reader

CATEGORY = "http://hl7.org/fhir/observation-category"
LAB = "laboratory"
VITAL = "vital-signs"
A_TAG = {"system": "urn:tags", "code": "study"}


def observation(id_: str, *categories: str, of: str = "1", code: str = "8867-4", **elements: Any) -> dict[str, Any]:
    """Return an observation of a patient, of these categories."""
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": each}]} for each in categories],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{of}"},
        **elements,
    }


def _encounter(id_: str, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": status,
        "subject": {"reference": "Patient/1"},
        "episodeOfCare": [{"reference": "EpisodeOfCare/ep"}],
    }


def _request(id_: str) -> dict[str, Any]:
    """Return a request of a medicine, its status for its id."""
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "status": id_,
        "intent": "order",
        "medicationReference": {"reference": "Medication/aspirin"},
        "subject": {"reference": "Patient/2"},
    }


RECORDS: list[dict[str, Any]] = [
    {"resourceType": "Medication", "id": "aspirin", "code": {"coding": [{"code": "aspirin"}]}},
    {"resourceType": "Patient", "id": "1", "name": [{"family": "Kanfeld"}]},
    {"resourceType": "Patient", "id": "2", "name": [{"family": "Munoz"}]},
    {"resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": {"reference": "Patient/1"}},
    _encounter("open", "in-progress"),
    _encounter("done", "finished"),
    observation("lab1", LAB, context={"reference": "Encounter/open"}, effectiveDateTime="2020-01-01"),
    observation("lab2", LAB, context={"reference": "Encounter/done"}, effectiveDateTime="2020-01-02", status="amended"),
    observation("lab3", LAB, of="2", effectiveDateTime="2020-01-03", code="29463-7"),
    observation("lab4", LAB, code="29463-7"),
    observation("both", LAB, VITAL, effectiveDateTime="2020-01-04", meta={"tag": [A_TAG]}),
    observation("vital1", VITAL, context={"reference": "Encounter/open"}, effectiveDateTime="2020-01-02"),
    observation("vital2", VITAL, context={"reference": "Encounter/done"}, meta={"tag": [A_TAG]}),
    observation("vital3", VITAL, of="2", effectiveDateTime="2020-01-01", code="29463-7"),
    {
        **observation("none", effectiveDateTime="2020-01-05"),
        "category": [{"text": LAB}, {"coding": [{"system": "urn:other", "code": LAB}]}],
    },
    _request("active"),
    _request("stopped"),
]


@pytest.fixture(scope="module")
def store() -> Iterator[Writer]:
    """The records, and some that were changed, deleted and brought back; for tests that change nothing."""
    with writer_in_memory() as writer:
        for each in RECORDS:
            writer.made({name: value for name, value in each.items() if value != []})
        _write_versions(writer, "became-lab", [VITAL], [LAB])
        _write_versions(writer, "became-vital", [LAB], [VITAL])
        _write_versions(writer, "gone-lab", [VITAL], [LAB], None)
        _write_versions(writer, "gone-vital", [LAB], [VITAL], None)
        _write_versions(writer, "again", [VITAL], None, [LAB], None, [LAB])
        yield writer


def _write_versions(writer: Writer, id_: str, *versions: list[str] | None) -> None:
    """Write versions of an observation, each by its categories; None deletes it."""
    for number, categories in enumerate(versions):
        writer.now.now += 60
        if categories is None:
            assert writer.delete(f"Observation/{id_}").status == 204
        else:
            writer.made(observation(id_, *categories, valueString=f"{id_} {number}"))


@pytest.fixture
def reader(store: Writer) -> Reader:
    """The reader of the records, its calls and events counted from nothing."""
    store.reader.calls.clear()
    store.reader.kept.events.clear()
    return store.reader
