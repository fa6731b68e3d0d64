"""References have to lead to existing resources (`write.md`, What is refused)."""

from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect_records.writes.target import Target
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.stores import FHIR_BASE
from record_writer.dynamodb_record_store import DynamoDbRecordStore

SUBJECT = [("not-found", ("Observation.subject",))]


@pytest.fixture(autouse=True)
def _patient_4(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({**patient(gender="male"), "id": "4"})
    writer.made({"resourceType": "Organization", "id": "O1", "name": "A practice"})
    writer.made({**patient(), "id": "gone"})
    writer.delete("Patient/gone")


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/4",
        f"{FHIR_BASE}/Patient/4",
        "Patient/4/_history/1",
        f"{FHIR_BASE}/Patient/4/_history/2",
        # L11: of any version, so that no answer tells how many there are.
        "Patient/4/_history/3",
        "Patient/4/_history/0",
        "Patient/4/_history/x",
        "https://other.example/fhir/Patient/9",
        "urn:uuid:9c8ab8ae-1d4d-4b8e-9f5e-5d0ad6cdb1c2",
    ],
)
def test_what_is_there_or_elsewhere_may_be_referred_to(writer: Writer, reference: str) -> None:
    assert writer.create(observation(reference)).status == 201


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/never",
        "Patient/gone",
        f"{FHIR_BASE}/Patient/never",
        f"{FHIR_BASE}/Patient?identifier=x",
        "Patient/4/_history/",
        "Patient/4/_history/1/2",
        "Patient/never/_history/1",
        "Patient/gone/_history/1",
        "Device/4",
        "Organization/O1",
        "Observation/x",
        "Patient",
        "Patient?identifier=a|b",
        "Patient?identifier=urn:x|b",
        "Patient?identifier=urn:x:1",
        "Patient/4:5",
        "Patient/never see https://other.example",
        f"{FHIR_BASE.upper()}/Patient/4",
        "nothing at all",
        "#p",
    ],
)
def test_what_is_not_there_or_of_another_type_is_422_with_its_place(writer: Writer, reference: str) -> None:
    answer = writer.create(observation(reference))

    assert (answer.status, issues_in(answer)) == (422, SUBJECT)
    assert "never" not in answer.text
    assert "ResourceInvalid" in writer.observer.counts


def test_a_reference_that_names_or_identifies_alone_leads_nowhere(writer: Writer) -> None:
    answer = writer.create(
        {**observation(""), "subject": {"display": "Bee", "identifier": {"system": "urn:x", "value": "1"}}}
    )

    assert answer.status == 201


@pytest.mark.parametrize(
    ("performer", "status"),
    [("#doctor", 201), ("#", 201), ("#organization", 201), ("#device", 422), ("#never", 422)],
)
def test_what_is_contained_is_there_if_it_is_of_the_type(writer: Writer, performer: str, status: int) -> None:
    contained: list[dict[str, Any]] = [
        {"resourceType": "Practitioner", "id": "doctor"},
        {"resourceType": "Organization", "id": "organization"},
        {"resourceType": "Device", "id": "device"},
    ]
    answer = writer.create(observation("Patient/4", contained=contained, performer=[{"reference": performer}]))

    assert answer.status == status
    assert status == 201 or issues_in(answer) == [("not-found", ("Observation.performer[0]",))]


def test_what_a_contained_resource_refers_to_has_to_be_there_too(writer: Writer) -> None:
    organization = {"reference": "Organization/never"}
    contained = [
        {"resourceType": "Practitioner", "id": "p"},
        {"resourceType": "Patient", "id": "q", "managingOrganization": organization},
    ]
    answer = writer.create(observation("Patient/4", contained=contained))

    assert issues_in(answer) == [("not-found", ("Observation.contained[1].managingOrganization",))]


def test_all_of_them_are_reported_up_to_fifty(writer: Writer) -> None:
    related = [{"target": {"reference": f"Observation/{number}"}} for number in range(60)]
    two = writer.create(observation("Patient/never", related=related[:1]))
    many = writer.create(observation("Patient/4", related=related))

    assert issues_in(two) == [*SUBJECT, ("not-found", ("Observation.related[0].target",))]
    assert len(issues_in(many)) == 50


def test_promise_7_targets_are_read_a_hundred_at_a_time(writer: Writer) -> None:
    related = [{"target": {"reference": f"Observation/{number}"}} for number in range(150)]
    writer.calls.clear()
    writer.create(observation("Patient/4", related=related))

    # 150 references, and the patient.
    assert writer.calls == ["BatchGetItem"] * 2


def test_a_resource_may_refer_to_itself_in_any_version(writer: Writer) -> None:
    def itself(version: str) -> dict[str, Any]:
        return {**observation("Patient/4", related=[{"target": {"reference": f"Observation/o{version}"}}]), "id": "o"}

    statuses = [writer.update(itself(version)).status for version in ("/_history/1", "", "/_history/1", "/_history/9")]

    assert statuses == [201, 200, 200, 200]


def test_a_record_refers_to_the_directory(writer: Writer) -> None:
    answer = writer.create(patient(managingOrganization={"reference": "Organization/O1"}))

    assert answer.status == 201
    assert writer.delete("Organization/O1").status == 409
    assert writer.delete(f"Patient/{answer.json['id']}").status == 204
    assert writer.delete("Organization/O1").status == 204


def test_what_has_the_name_of_a_reference_and_is_none_is_neither_held_to_one_nor_counted(writer: Writer) -> None:
    """Otherwise a bound client would learn of deletions outside its compartment, and could prevent them."""
    writer.made({**patient(), "id": "other"})
    texts = [
        {"resourceType": "DetectedIssue", "id": "i", "status": "final", "reference": "Patient/other"},
        {"resourceType": "DetectedIssue", "id": "g", "status": "final", "reference": "Patient/gone"},
    ]
    answer = writer.as_caller("patient/*.cruds", "4").create({**observation("Patient/4"), "contained": texts})

    assert answer.status == 201
    assert writer.slept == []
    assert writer.delete("Patient/other").status == 204


def test_no_index_is_stored_of_what_is_referred_to(writer: Writer) -> None:
    """An index record may have 350 KB, and a resource may refer to 200 others."""
    writer.made({**patient("1"), "id": "p"})
    store = DynamoDbRecordStore(writer.reader.tables)
    served = resource_type("Patient")
    assert served is not None
    asked = [Target(served, "p")]
    whole, summary = store.read(asked)["Patient/p"], store.read_summaries(asked)["Patient/p"]

    assert whole.entries
    assert not summary.entries
    for name in ("version", "exists", "patients"):
        assert getattr(summary, name) == getattr(whole, name)
