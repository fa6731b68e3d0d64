"""References have to lead to existing resources (`write.md`, What is refused)."""

from dataclasses import replace
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.quota import Quota
from careconnect_records.writes.target import Target
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.parts.usage_counters import UsageCounters
from record_writer.dynamodb_record_store import DynamoDbRecordStore

SUBJECT = [("not-found", ("Observation.subject",))]


def referring_to(contained: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return extensions that refer to all contained resources, as dom-3 asks for."""
    return [{"url": "urn:x", "valueReference": {"reference": f"#{each['id']}"}} for each in contained]


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
        "urn:nhs:9",
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
    [("#doctor", 201), ("#organization", 201), ("#", 422), ("#device", 422), ("#never", 422)],
)
def test_what_is_contained_is_there_if_it_is_of_the_type(writer: Writer, performer: str, status: int) -> None:
    contained: list[dict[str, Any]] = [
        {"resourceType": "Practitioner", "id": "doctor"},
        {"resourceType": "Organization", "id": "organization", "name": "A practice"},
        {"resourceType": "Device", "id": "device"},
    ]
    answer = writer.create(
        observation(
            "Patient/4", contained=contained, performer=[{"reference": performer}], extension=referring_to(contained)
        )
    )

    assert answer.status == status
    assert status == 201 or issues_in(answer) == [("not-found", ("Observation.performer[0]",))]


def test_w10_a_resource_refers_to_itself_where_its_type_is_allowed(writer: Writer) -> None:
    itself = {"reference": "#"}

    assert writer.create(observation("Patient/4", related=[{"target": itself}])).status == 201
    refused = writer.create({**observation("Patient/4"), "subject": itself})
    assert issues_in(refused) == SUBJECT
    assert "may only refer to Device or Group or Location or Patient" in refused.diagnostics


def test_what_a_contained_resource_refers_to_has_to_be_there_too(writer: Writer) -> None:
    organization = {"reference": "Organization/never"}
    contained: list[dict[str, Any]] = [
        {"resourceType": "Practitioner", "id": "p"},
        {"resourceType": "Patient", "id": "q", "managingOrganization": organization},
    ]
    answer = writer.create(observation("Patient/4", contained=contained, extension=referring_to(contained)))

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


def about(reference: str, **elements: Any) -> dict[str, Any]:
    """Return an organisation with an extension that refers to something."""
    extension = [{"url": "urn:x", "valueReference": {"reference": reference}}]
    return {"resourceType": "Organization", "id": "O2", "name": "A practice", "extension": extension, **elements}


@pytest.mark.parametrize("reference", ["Patient/4", "Patient/never", f"{FHIR_BASE}/Medication/1"])
def test_w5_the_directory_refers_to_no_record(writer: Writer, reference: str) -> None:
    for answer in (writer.update(about(reference)), writer.send("POST", "Organization/$validate", about(reference))):
        assert issues_in(answer) == [("not-found", ("Organization.extension[0].valueReference",))]
        assert answer.diagnostics.endswith(
            "refers to a record: a resource of the directory refers to the directory alone."
        )
    assert writer.update(about("Organization/O1")).status == 201


def test_w5_what_the_directory_refers_to_already_stays_or_goes(writer: Writer) -> None:
    writer.loaded(about("Patient/4"))

    assert writer.delete("Patient/4").status == 409
    assert writer.update(about("Patient/4", active=True)).status == 200
    assert writer.update(about("Patient/gone", active=True)).status == 422
    assert writer.update(about("Organization/O1")).status == 200
    assert writer.delete("Patient/4").status == 204
    assert writer.update(about("Patient/4")).status == 422


def test_what_has_the_name_of_a_reference_and_is_none_is_neither_held_to_one_nor_counted(writer: Writer) -> None:
    """Otherwise a bound client would learn of deletions outside its compartment, and could prevent them."""
    writer.made({**patient(), "id": "other"})
    texts = [
        {"resourceType": "DetectedIssue", "id": "i", "status": "final", "reference": "Patient/other"},
        {"resourceType": "DetectedIssue", "id": "g", "status": "final", "reference": "Patient/gone"},
    ]
    answer = writer.as_caller("patient/*.cruds", "4").create(
        observation("Patient/4", contained=texts, extension=referring_to(texts))
    )

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


# --- to an entry of a Bundle

UUID = "urn:uuid:9c8ab8ae-1d4d-4b8e-9f5e-5d0ad6cdb1c2"
OF_AN_ENTRY = (
    "subject refers to an entry of a Bundle by its full URL: only a transaction's entries refer to each other."
)


@pytest.mark.parametrize("reference", [UUID, UUID.upper(), "urn:oid:1.2.3", f"{UUID}/_history/1"])
def test_k_a_single_write_refers_to_no_entry_of_a_bundle(writer: Writer, reference: str) -> None:
    stored = writer.made(observation("Patient/4"))
    replaced = {"op": "replace", "path": "/subject/reference", "value": reference}

    for answer in (
        writer.create(observation(reference)),
        writer.create(observation(reference, status="done")),
        replace(writer.send("POST", "Observation/$validate", observation(reference), []), status=422),
        writer.update({**observation(reference), "id": stored["id"]}),
        writer.patch(f"Observation/{stored['id']}", replaced),
        writer.as_caller("patient/*.cruds", "4").create(observation("Patient/4", performer=[{"reference": reference}])),
    ):
        assert (answer.status, answer.json["issue"][-1]["code"]) == (422, "not-found")
        assert answer.json["issue"][-1]["diagnostics"] in (OF_AN_ENTRY, OF_AN_ENTRY.replace("subject", "performer[0]"))


def test_k_what_has_no_reference_but_a_urn_is_found_by_missing(writer: Writer) -> None:
    logical = {"identifier": {"system": "urn:x", "value": "1"}}
    subjects: dict[str, dict[str, Any]] = {
        "urn": {"reference": UUID},
        "logical": logical,
        "here": {"reference": "Patient/4"},
        "elsewhere": {"reference": "https://other.example/fhir/Patient/9"},
    }
    for id_, subject in subjects.items():
        writer.loaded({**observation(""), "id": id_, "subject": subject})

    missing = {value: writer.reader.get("Observation", f"subject:missing={value}").ids() for value in ("true", "false")}

    assert {value: sorted(ids) for value, ids in missing.items()} == {
        "true": ["logical", "urn"],
        "false": ["elsewhere", "here"],
    }


def test_a_stored_reference_to_an_entry_is_corrected_with_the_next_change(writer: Writer) -> None:
    writer.loaded({**observation(UUID), "id": "old"})
    kept = writer.update({**observation(UUID), "id": "old", "comment": "x"})

    assert (kept.status, issues_in(kept)) == (422, SUBJECT)
    assert writer.update({**observation("Patient/4"), "id": "old"}).status == 200


# --- of invalid resources

INVALID: dict[str, Any] = {"status": "done", "context": {"reference": "Encounter/never"}, "nickname": "x"}
BOTH = [
    ("code-invalid", ("Observation.status",)),
    ("invalid", ("Observation.nickname",)),
    ("not-found", ("Observation.subject",)),
    ("not-found", ("Observation.context",)),
]


def test_wrong_references_are_reported_with_all_other_faults(writer: Writer) -> None:
    stored = writer.made(observation("Patient/4"))
    changes = [
        {"op": "add", "path": f"/{name}", "value": value}
        for name, value in {**INVALID, "subject": {"reference": "Patient/never"}}.items()
    ]

    for answer in (
        writer.create(observation("Patient/never", **INVALID)),
        writer.update(observation("Patient/never", **INVALID, id="o1")),
        writer.patch(f"Observation/{stored['id']}", *changes),
    ):
        assert (answer.status, sorted(issues_in(answer))) == (422, sorted(BOTH))
    assert [
        issue["diagnostics"] for issue in writer.create(observation("Patient/never", **INVALID)).json["issue"][-2:]
    ] == [
        "subject refers to a resource that does not exist.",
        "context refers to a resource that does not exist.",
    ]


@pytest.mark.parametrize("reference", ["Patient/4", "Observation/o1", "https://other.example/fhir/Patient/9"])
def test_a_reference_of_an_invalid_resource_that_leads_somewhere_is_no_fault(writer: Writer, reference: str) -> None:
    related = [{"target": {"reference": reference}}] if "Observation" in reference else []
    body = observation("Patient/4" if related else reference, id="o1", status="done")

    assert issues_in(writer.update(body | ({"related": related} if related else {}))) == BOTH[:1]


@pytest.mark.parametrize(
    "elements",
    [
        {"subject": "Patient/4"},
        {"subject": {"reference": 4}},
        {"subject": [{"reference": "Patient/4"}]},
        {"contained": "x", "performer": [{"reference": "#x"}]},
        {"contained": [{"id": 4}, "x", {"id": "x", "resourceType": "Nothing"}], "performer": [{"reference": "#x"}]},
        {"related": {"target": "x"}, "performer": [None, "x", {}]},
    ],
)
def test_references_of_another_form_are_faults_and_nothing_is_looked_up(
    writer: Writer, elements: dict[str, Any]
) -> None:
    writer.calls.clear()
    body = {name: value for name, value in observation("").items() if name != "subject"}

    answer = writer.create({**body, **elements})

    assert answer.status == 422
    assert not {"not-found"} & {code for code, _ in issues_in(answer)} or "performer" in elements
    assert writer.calls == []


def test_an_invalid_resource_with_more_references_than_one_may_have_is_looked_up_nowhere(writer: Writer) -> None:
    related = [{"target": {"reference": f"Observation/{number}"}} for number in range(201)]
    writer.calls.clear()

    assert issues_in(writer.create(observation("Patient/4", status="done", related=related))) == BOTH[:1]
    assert writer.calls == []
    assert len(issues_in(writer.create(observation("Patient/4", status="done", related=related[:199])))) == 50
    assert writer.calls == ["BatchGetItem"] * 2


def test_a_bound_client_learns_of_no_other_patient_by_an_invalid_resource(writer: Writer) -> None:
    writer.made({**patient(), "id": "5"})
    bound = writer.as_caller("patient/*.cruds", patient="4")

    other = issues_in(bound.create(observation("Patient/5", status="done")))
    assert other == issues_in(bound.create(observation("Patient/never", status="done")))
    assert other == [BOTH[0], *SUBJECT]
    # What the stored version refers to may stay, and is not known before it is read.
    assert issues_in(bound.update(observation("Patient/5", status="done", id="o1"))) == BOTH[:1]


def test_w2_each_reference_that_is_looked_up_for_a_patch_is_charged(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    for number in range(20):
        writer.made({**observation("Patient/4"), "id": str(number)})
    related = [{"target": {"reference": f"Observation/{number}"}} for number in range(20)]
    writer.made({**observation("Patient/4", related=related), "id": "t"})
    counters = UsageCounters()
    charged = replace(writer, quota=Quota(counters, 2_000))

    assert charged.patch("Observation/t").status == 200
    assert sum(counters.charges) == 60 + 8 * 21


def test_each_reference_of_an_invalid_resource_that_is_looked_up_is_charged(writer: Writer) -> None:
    related = [{"target": {"reference": f"Observation/{number}"}} for number in range(150)]
    counters = UsageCounters()
    charged = replace(writer, quota=Quota(counters, 2_000))
    invalid = observation("Patient/4", status="done", related=related)

    assert [charged.create(invalid).status for _ in range(3)] == [422, 422, 429]
    # The rest is owed.
    assert counters.charges == [2 * (60 + 8 * 151), 536]
