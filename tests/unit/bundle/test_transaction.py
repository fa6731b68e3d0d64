"""Transactions: the entries of a Bundle all or none, visible at one moment (`bundles.md`, Transaction)."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from careconnect.audit.event import Action, Outcome
from careconnect.storage.quota import Quota
from careconnect_records.multi_step import write as multi_step
from careconnect_records.multi_step.release import Release
from careconnect_testing.aws.between_calls import at_every_call, killed_at_every_call
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.recorded_writes import cancelling, with_record
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.stored import is_committed, saved, stored, visible_entries, without_traces
from careconnect_testing.running.bundle_service import Bundles, Entry, entry, statuses, transaction

A, B = (f"urn:uuid:05efabf0-4be2-4561-91ce-51548425acb{digit}" for digit in "9a")
CONDITION = f"identifier={NHS_NUMBER}|1"


def created(full_url: str, resource: Resource, **conditions: str) -> Entry:
    return entry("POST", resource["resourceType"], resource, full_url, **conditions)


def refused(bundles: Bundles, *entries: Entry) -> Answer:
    """Send a transaction that is refused, and check that nothing is written."""
    Release(bundles.writer.reader.tables).release_all()
    before = stored(bundles.writer.reader.tables)
    answer = bundles.send(transaction(*entries))
    assert answer.status >= 400
    assert stored(bundles.writer.reader.tables) == before
    return answer


def test_what_the_entries_refer_to_is_looked_up_together(bundles: Bundles, writer: Writer) -> None:
    for each in "123":
        writer.made({**patient(each), "id": f"p{each}"})
    writer.calls.clear()

    bundles.transaction(*(created("", observation(f"Patient/p{each}")) for each in "123"))

    assert writer.calls.count("BatchGetItem") == 1


@pytest.mark.parametrize("reference", ["Patient/px", A])
def test_w5_an_entry_of_the_directory_refers_to_no_record_as_alone(writer: Writer, reference: str) -> None:
    writer.made({**patient("1"), "id": "px"})
    extension = [{"url": "urn:x", "valueReference": {"reference": reference}}]
    organization = {"resourceType": "Organization", "id": "o", "name": "A practice", "extension": extension}
    alone = writer.update(
        {**organization, "extension": [{**extension[0], "valueReference": {"reference": "Patient/px"}}]}
    )
    recorded, record = with_record(writer)
    answers = []
    entries = (created(A, {**patient("2"), "id": "new"}), entry("PUT", "Organization/o", organization))
    events = record.since(lambda: answers.append(refused(Bundles(recorded), *entries)))

    (answer,) = answers
    assert (alone.status, answer.status) == (422, 422)
    assert answer.diagnostics == alone.diagnostics
    assert "px" not in {each.patient for each in events}


def test_entries_refer_to_each_other_by_their_full_urls(bundles: Bundles, writer: Writer) -> None:
    narrative = {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{A}">him</a> <a href="#x">x</a></div>',
    }
    inside = {"resourceType": "Condition", "id": "c", "clinicalStatus": "active", "subject": {"reference": A}}
    extension = [{"url": "https://x.example", "valueReference": {"reference": each}} for each in (B, "#c")]
    answered = bundles.transaction(
        created(B, observation(A, text=narrative, contained=[inside], extension=extension)),
        created(A, patient("1", gender="female")),
        entry("GET", "Patient/new-1"),
    )

    assert statuses(answered) == [201, 201, 200]
    assert [each["response"]["location"] for each in answered[:2]] == [
        f"{FHIR_BASE}/Observation/new-0/_history/1",
        f"{FHIR_BASE}/Patient/new-1/_history/1",
    ]
    one = writer.reader.get("Observation/new-0").json
    assert one == answered[0]["resource"]
    assert one["subject"] == one["contained"][0]["subject"] == {"reference": "Patient/new-1"}
    assert one["extension"][0]["valueReference"] == {"reference": "Observation/new-0"}
    assert f'<a href="{FHIR_BASE}/Patient/new-1">him</a> <a href="#x">x</a>' in one["text"]["div"]
    assert answered[2]["resource"] == writer.reader.get("Patient/new-1").json
    assert writer.reader.get("Patient/new-1/$everything").json["total"] == 2


def test_an_invariant_that_the_stored_version_breaks_may_stay_broken(bundles: Bundles, writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    broken = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/4"}}
    writer.loaded(broken)
    noted = {**broken, "note": [{"text": "x"}]}
    same, new = entry("PUT", "Condition/c", noted), entry("PUT", "Condition/d", {**broken, "id": "d"})

    answer = refused(bundles, created("", observation("Patient/4")), same, new)
    assert issues_in(answer) == [("invariant", ("Bundle.entry[2].resource",))]
    assert answer.json["issue"][0]["diagnostics"].startswith("con-3: Condition.clinicalStatus SHALL be present if ")
    assert statuses(bundles.batch(same, new)) == [200, 422]
    assert statuses(bundles.transaction(entry("PUT", "Condition/c", broken))) == [200]


def test_all_versions_of_a_transaction_have_the_time_of_the_latest(bundles: Bundles, writer: Writer) -> None:
    writer.now.now += 100
    writer.made({**patient(), "id": "ahead"})
    writer.made({**observation("Patient/ahead"), "id": "deleted"})
    writer.now.now -= 100

    bundles.transaction(
        created("", observation("Patient/ahead")),
        entry("PUT", "Patient/ahead", {**patient(active=True), "id": "ahead"}),
        entry("DELETE", "Observation/deleted"),
    )

    paths = ("Observation/new-0", "Patient/ahead", "Observation/deleted")
    histories = [writer.reader.get(f"{path}/_history").json["entry"][0]["response"] for path in paths]
    assert {each["lastModified"] for each in histories} == {"2025-06-15T15:08:20.001Z"}
    assert "active" not in writer.reader.get("Patient/ahead/_history/1").json


def test_thirty_linked_resources_are_read_back_together(bundles: Bundles, writer: Writer) -> None:
    names = [f"urn:uuid:00000000-0000-4000-8000-{number:012}" for number in range(30)]
    encounters = [
        created(name, {"resourceType": "Encounter", "status": "finished", "subject": {"reference": A}})
        for name in names[:5]
    ]
    observations = [
        created(name, observation(A, context={"reference": names[number % 5]})) for number, name in enumerate(names[5:])
    ]
    answered = bundles.transaction(*observations, *encounters, created(A, patient("1")))

    assert statuses(answered) == [201] * 31
    id_ = answered[-1]["resource"]["id"]
    everything = writer.reader.get(f"Patient/{id_}/$everything", "_count=100").json
    assert everything["total"] == 31
    texts = str(everything)
    assert "urn:uuid" not in texts
    assert len({each["resource"]["id"] for each in everything["entry"]}) == 31


def test_a_full_url_of_this_server_names_its_resource(bundles: Bundles, writer: Writer) -> None:
    bundles.transaction(
        created(f"{FHIR_BASE}/Patient/temporary", patient("1")),
        created("", observation("Patient/temporary")),
        created("", observation(f"{FHIR_BASE}/Patient/temporary")),
        entry("PUT", "Patient/own", {**patient("2"), "id": "own"}, f"{FHIR_BASE}/Patient/own"),
        created("", observation("Patient/own")),
    )

    assert writer.reader.get("Observation", "patient=new-0").total == 2
    assert writer.reader.get("Observation", "patient=own").total == 1


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("urn:uuid:05efabf0-4be2-4561-91ce-51548425acb0", f"; the nearest is {A}"),
        ("urn:uuid:05efabf0-4be2-4561-91ce-51548425acb0/_history/1", f"; the nearest is {A}"),
        (A.upper(), f"; the nearest is {A}"),
        ("urn:uuid:4c1f7a60-9c3b-4a0e-8e0f-27b1d94c35d8", ""),
        ("urn:oid:1.2.3", ""),
    ],
)
def test_k_a_reference_to_a_full_url_of_no_entry_is_refused_with_the_nearest(
    bundles: Bundles, reference: str, hint: str
) -> None:
    referring = observation(A, performer=[{"reference": reference}])
    answer = refused(bundles, created(A, patient("1")), created("", referring))

    assert (answer.status, issues_in(answer)) == (422, [("not-found", ("Bundle.entry[1].resource.performer[0]",))])
    assert answer.json["issue"][0]["diagnostics"] == f"performer[0] refers to a full URL that no entry has{hint}."


def test_k_the_first_five_of_a_resource_are_told_the_nearest(bundles: Bundles) -> None:
    """Each is compared with up to 500 full URLs."""
    misspelt = [{"reference": f"{A[:-1]}{digit}"} for digit in "0123456"]

    answer = refused(bundles, created(A, patient("1")), created("", observation(A, performer=misspelt)))

    ends = [each["diagnostics"].partition("that no entry has")[2] for each in answer.json["issue"]]
    assert ends == [f"; the nearest is {A}."] * 5 + ["."] * 2


def test_k_an_update_of_a_transaction_that_breaks_an_invariant_has_the_fault_too(bundles: Bundles) -> None:
    broken = {"resourceType": "Condition", "id": "c", "subject": {"reference": B}}

    answer = refused(bundles, created(A, patient("1")), entry("PUT", "Condition/c", broken))

    invariant, reference = answer.json["issue"]
    assert (invariant["code"], reference["code"]) == ("invariant", "not-found")
    assert reference["diagnostics"] == f"subject refers to a full URL that no entry has; the nearest is {A}."


def test_k_an_entry_of_a_batch_refers_to_no_other(bundles: Bundles) -> None:
    answered = bundles.batch(created(A, patient("1")), created("", observation(A)))

    assert statuses(answered) == [201, 422]
    assert answered[1]["response"]["outcome"]["issue"][0]["diagnostics"] == (
        "subject refers to an entry of a Bundle by its full URL: only a transaction's entries refer to each other."
    )


def test_a_create_whose_condition_is_met_stands_for_what_is_there(bundles: Bundles, writer: Writer) -> None:
    writer.made({**patient("1"), "id": "there"})
    answered = bundles.transaction(
        created(A, patient("1", gender="male"), ifNoneExist=CONDITION), created("", observation(A))
    )

    assert statuses(answered) == [200, 201]
    assert "gender" not in writer.reader.get("Patient/there").json
    assert writer.reader.get("Observation", "patient=there").total == 1


def test_conditional_references_are_resolved(bundles: Bundles, writer: Writer) -> None:
    writer.made({**patient("1"), "id": "there"})
    bundles.transaction(*[created("", observation(f"Patient?{CONDITION}"))] * 2)

    assert writer.reader.get("Observation", "patient=there").total == 2


@pytest.mark.parametrize(
    ("query", "scope", "status", "code", "text"),
    [
        (
            CONDITION,
            "user/*.cruds",
            412,
            "duplicate",
            "More than one resource meets the condition: name the one that is meant by its id.",
        ),
        (
            f"identifier={NHS_NUMBER}|none",
            "user/*.cruds",
            412,
            "not-found",
            "No resource meets the condition: create it before, or refer to an entry that creates it by its full URL.",
        ),
        ("identifier=1", "user/*.cruds", 412, "required", "The identifier lacks its system: send identifier="),
        ("name=x", "user/*.cruds", 400, "not-supported", "name: a write finds its resource by one criterion only"),
        (CONDITION, "user/Observation.cruds", 403, "forbidden", "The access token"),
    ],
)
def test_a_faulty_conditional_reference_is_named_by_its_element(
    writer: Writer, query: str, scope: str, status: int, code: str, text: str
) -> None:
    for id_ in ("one", "twin"):
        writer.made({**patient("1"), "id": id_})
    referring = observation("Patient/one", performer=[{"reference": f"Patient?{query}"}])

    answer = refused(Bundles(writer.as_caller(scope)), created("", observation("Patient/one")), created("", referring))

    assert (answer.status, issues_in(answer)) == (status, [(code, ("Bundle.entry[1].resource.performer[0]",))])
    assert answer.json["issue"][0]["diagnostics"].startswith(f"performer[0] is a conditional reference. {text}")


def test_a_condition_on_a_type_that_is_not_served_is_no_reference_that_is_looked_up(bundles: Bundles) -> None:
    referring = observation("Patient/none", performer=[{"reference": f"Device?{CONDITION}"}])
    answer = refused(bundles, created("", referring))

    assert (answer.status, {code for code, _ in issues_in(answer)}) == (422, {"not-found"})


def test_deletions_come_first_and_what_is_referred_to_is_judged_at_the_end(bundles: Bundles, writer: Writer) -> None:
    for id_ in ("a", "b"):
        writer.made({"resourceType": "Organization", "id": id_, "name": id_})
    writer.made({**patient(managingOrganization={"reference": "Organization/a"}), "id": "4"})
    moved = {**patient(managingOrganization={"reference": "Organization/b"}), "id": "4"}

    answered = bundles.transaction(entry("PUT", "Patient/4", moved), entry("DELETE", "Organization/a"))
    assert statuses(answered) == [200, 204]
    assert writer.reader.get("Organization/a").status == 410

    answer = refused(
        bundles,
        created("", patient(managingOrganization={"reference": "Organization/b"})),
        entry("DELETE", "Organization/b"),
    )
    assert answer.status == 409
    assert issues_in(answer) == [("conflict", ("Bundle.entry[1]",))]
    answered = bundles.transaction(entry("DELETE", "Organization/b"), entry("DELETE", "Patient/4"))
    assert statuses(answered) == [204, 204]


def test_a_reference_to_what_is_deleted_along_with_it_is_refused(bundles: Bundles, writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})

    answer = refused(bundles, entry("DELETE", "Patient/4"), created("", observation("Patient/4")))

    assert answer.status == 409


REFUSED: dict[str, tuple[list[Entry], int, str, str]] = {
    "a resource twice": (
        [entry("PUT", "Patient/4", {**patient(), "id": "4"}), entry("DELETE", "Patient/4")],
        400,
        "duplicate",
        "Bundle.entry[1]",
    ),
    "a condition twice": (
        [created("", patient("9"), ifNoneExist=f"identifier={NHS_NUMBER}|9")] * 2,
        400,
        "duplicate",
        "Bundle.entry[1]",
    ),
    "a condition twice, once of an update": (
        [
            entry("PUT", f"Patient?identifier={NHS_NUMBER}|9", patient("9")),
            created("", patient("9"), ifNoneExist=f"identifier={NHS_NUMBER}|9"),
        ],
        400,
        "duplicate",
        "Bundle.entry[1]",
    ),
    "an invalid resource whose condition is met": (
        [created("", {**patient("8"), "active": "yes"}, ifNoneExist=f"identifier={NHS_NUMBER}|8")],
        422,
        "value",
        "Bundle.entry[0].resource.active",
    ),
    "a full url twice": ([created(A, patient("1")), created(A, patient("2"))], 400, "value", "Bundle.entry[1].fullUrl"),
    "an invalid resource": (
        [created("", patient()), created("", observation("Patient/4", status=7))],
        422,
        "value",
        "Bundle.entry[1].resource.status",
    ),
    "a reference to nothing": (
        [created("", patient()), created("", observation("Patient/none"))],
        422,
        "not-found",
        "Bundle.entry[1].resource.subject",
    ),
    "another version": (
        [created("", patient()), entry("PUT", "Patient/4", {**patient(), "id": "4"}, ifMatch='W/"7"')],
        409,
        "conflict",
        "Bundle.entry[1].request.ifMatch",
    ),
    "another id": (
        [entry("PUT", "Patient/4", {**patient(), "id": "5"})],
        400,
        "value",
        "Bundle.entry[0].resource.id",
    ),
    "another id than its match": (
        [entry("PUT", f"Patient?identifier={NHS_NUMBER}|8", {**patient("8"), "id": "other"})],
        400,
        "value",
        "Bundle.entry[0].resource.id",
    ),
    "a malformed id": (
        [entry("PUT", "Patient/a_b", {**patient(), "id": "a_b"})],
        400,
        "value",
        "Bundle.entry[0].request.url",
    ),
    "another type's body": (
        [entry("POST", "Patient", observation("Patient/4"))],
        400,
        "structure",
        "Bundle.entry[0].resource",
    ),
    "the audit trail": (
        [entry("POST", "AuditEvent", {"resourceType": "AuditEvent"})],
        404,
        "not-supported",
        "Bundle.entry[0].request.url",
    ),
    "a type that is not served": (
        [created("", patient()), entry("GET", "Appointment/1"), entry("DELETE", "Appointment/1")],
        404,
        "not-supported",
        "Bundle.entry[2].request.url",
    ),
    "another server": (
        [entry("PUT", "https://elsewhere.example/careconnect-ri/STU3/Patient/5", {**patient(), "id": "5"})],
        400,
        "structure",
        "Bundle.entry[0].request.url",
    ),
    "a patch": ([entry("PATCH", "Patient/4")], 405, "not-supported", "Bundle.entry[0].request.method"),
    "several matches": (
        [entry("DELETE", f"Patient?{CONDITION}")],
        412,
        "duplicate",
        "Bundle.entry[0]",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_its_entry_and_writes_nothing(bundles: Bundles, writer: Writer, case: str) -> None:
    entries, status, code, where = REFUSED[case]
    for id_, number in (("4", "1"), ("twin", "1"), ("eighth", "8")):
        writer.made({**patient(number), "id": id_})

    answer = refused(bundles, *entries)

    assert answer.status == status
    assert issues_in(answer)[0][0] == code
    assert issues_in(answer)[0][1] == (where,)


FAULTS: dict[str, tuple[int, Entry]] = {
    "a path that there is not": (1, entry("PUT", "Patient/4/$nope", {**patient(), "id": "4"})),
    "no scope": (1, created("", {"resourceType": "Organization", "name": "x"})),
    "a malformed ifMatch": (1, entry("DELETE", "Patient/5", ifMatch="7")),
    "no body": (1, entry("POST", "Observation")),
    "an invalid resource": (1, created("", observation("Patient/4", status="odd"))),
    "an element that there is not": (1, created("", observation("Patient/4", shoe=1))),
    "several matches": (3, entry("DELETE", f"Patient?{CONDITION}")),
    "an old version to be deleted": (4, entry("DELETE", "Patient/4", ifMatch='W/"7"')),
    "an old version to be changed": (5, entry("PUT", "Patient/6", {**patient("6"), "id": "6"}, ifMatch='W/"7"')),
    "a reference to nothing": (5, created("", observation("Patient/none"))),
    "what is referred to": (6, entry("DELETE", "Patient/twin")),
}


@pytest.mark.parametrize(("case", "other"), [*itertools.pairwise(FAULTS), *itertools.pairwise(reversed(FAULTS))])
def test_the_first_entry_that_fails_the_first_check_refuses_in_the_words_of_its_request(
    writer: Writer, case: str, other: str
) -> None:
    few = Bundles(writer.as_caller("system/Patient.cruds system/Observation.cruds"))
    for id_, number in (("4", "1"), ("twin", "1"), ("6", "6"), ("5", "5")):
        writer.made({**patient(number), "id": id_})
    writer.made({**observation("Patient/twin"), "id": "o"})
    entries = [created("", patient("9")), FAULTS[case][1], created("", patient("8")), FAULTS[other][1]]
    first = 1 if FAULTS[case][0] <= FAULTS[other][0] else 3

    answer = refused(few, *entries)
    alone = few.batch(*entries)[first]["response"]

    told, expected = answer.json["issue"][0], alone["outcome"]["issue"][0]
    assert f"{answer.status} " in alone["status"]
    assert (told["code"], told["diagnostics"]) == (expected["code"], expected["diagnostics"])
    assert told["expression"][0].startswith(f"Bundle.entry[{first}]")


def test_its_reads_fail_by_themselves(bundles: Bundles) -> None:
    answered = bundles.transaction(
        created("", patient("1")),
        entry("GET", "Appointment/1"),
        entry("HEAD", "Patient/new-0"),
        entry("GET", "metadata"),
        entry("GET", "https://elsewhere.example/Patient/4"),
        entry("GET", "Patient/new-0"),
    )

    assert statuses(answered) == [201, 404, 405, 404, 400, 200]


def test_the_faults_of_all_invalid_resources_come_at_once(bundles: Bundles) -> None:
    answer = refused(
        bundles,
        created("", patient(gender=1)),
        created("", patient(gender="female")),
        created("", patient(birthDate="x", active="yes")),
    )

    assert sorted(where for _, (where,) in issues_in(answer)) == [
        "Bundle.entry[0].resource.gender",
        "Bundle.entry[2].resource.active",
        "Bundle.entry[2].resource.birthDate",
    ]


def test_the_first_invalid_resource_decides_the_status(bundles: Bundles) -> None:
    odd, unknown = (
        created("", patient(gender=1)),
        created("", patient(text={"status": "generated", "div": "<div><!-- x --></div>"})),
    )

    answer = refused(bundles, odd, unknown)
    assert (answer.status, [code for code, _ in issues_in(answer)]) == (422, ["value", "structure"])
    answer = refused(bundles, unknown, odd)
    assert (answer.status, [code for code, _ in issues_in(answer)]) == (400, ["structure", "value"])


def test_each_entry_needs_its_scope(writer: Writer) -> None:
    limited = Bundles(writer.as_caller("system/Patient.crud system/Observation.r"))

    answer = refused(limited, created(A, patient("1")), created("", observation(A)))

    assert answer.status == 403
    assert issues_in(answer) == [("forbidden", ("Bundle.entry[1]",))]


def test_a_bound_client_writes_inside_its_compartment(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({**patient(), "id": "5"})
    bound = Bundles(writer.as_caller("patient/*.cruds", patient="4"))

    assert statuses(bound.transaction(created(A, observation("Patient/4")), created("", observation("Patient/4")))) == [
        201,
        201,
    ]
    answer = refused(bound, created("", observation("Patient/4")), created("", observation("Patient/5")))
    assert (answer.status, issues_in(answer)) == (403, [("forbidden", ("Bundle.entry[1]",))])
    unborn = entry("PUT", "Observation/unborn", {**observation("Patient/4"), "id": "unborn"})
    assert issues_in(refused(bound, unborn)) == [("not-found", ("Bundle.entry[0]",))]
    writer.made({**observation("Patient/5"), "id": "theirs"})
    assert statuses(bound.transaction(entry("DELETE", "Observation/theirs"))) == [204]
    assert writer.reader.get("Observation/theirs").status == 200


def test_one_event_for_each_patient_names_all_that_was_made(writer: Writer) -> None:
    recorded, record = with_record(writer)
    bundles = Bundles(recorded)
    recorded.made({**patient(), "id": "4"})
    record.forget()

    bundles.transaction(
        created(A, patient("1")),
        created("", observation(A)),
        created("", observation("Patient/4")),
        created("", {"resourceType": "Organization", "name": "x"}),
    )

    events = {each.patient: each for each in record.all()}
    assert len(events) == len(record.all()) == 3
    assert {(each.action, each.interaction, each.outcome) for each in record.all()} == {
        (Action.EXECUTE, "transaction", Outcome.ALLOWED)
    }
    assert {patient_: each.ids for patient_, each in events.items()} == {
        "new-0": ("Patient/new-0/_history/1", "Observation/new-1/_history/1"),
        "4": ("Observation/new-2/_history/1",),
        "": ("Organization/new-3/_history/1",),
    }


def test_a_refusal_is_an_event_of_each_patient_that_it_is_about(writer: Writer) -> None:
    recorded, record = with_record(writer)
    recorded.made({**patient(), "id": "4"})
    record.forget()

    answer = Bundles(recorded).send(
        transaction(created("", observation("Patient/4")), created("", observation("Patient/none")))
    )

    assert answer.status == 422
    assert {(each.patient, each.outcome) for each in record.all()} == {
        ("4", Outcome.REFUSED),
        ("none", Outcome.REFUSED),
    }


def test_a_refusal_is_charged_and_names_the_patients_of_which_it_tells_that_they_exist(writer: Writer) -> None:
    recorded, record = with_record(writer)
    for id_ in ("4", "5", "6"):
        recorded.made({**patient(id_), "id": id_})
    record.forget()
    counters = UsageCounters()
    performers = [{"reference": f"Patient/{id_}"} for id_ in ("5", "none")]
    one = observation(f"Patient?identifier={NHS_NUMBER}|6", performer=performers)
    entries = [created("", observation("Patient/4")) for _ in range(30)]

    answer = Bundles(replace(recorded, quota=Quota(counters, 100_000))).send(transaction(*entries, created("", one)))

    assert answer.status == 422
    assert {each.patient for each in record.all()} >= {"4", "5", "6"}
    assert sum(counters.charges) > 30 * 8 * 10


def test_a_bound_client_cannot_tell_a_hidden_resource_from_an_absent_one(writer: Writer) -> None:
    recorded, record = with_record(writer)
    for id_ in ("4", "6"):
        recorded.made({**patient(id_), "id": id_})
    record.forget()
    bound = Bundles(replace(recorded, patient="4", scope="patient/*.cruds"))

    answers = [
        bound.send(
            transaction(
                entry("PUT", f"Patient/{id_}", {**patient(), "id": id_}),
                created("", observation("Patient/4", performer=[{"reference": f"Patient/{id_}"}])),
            )
        )
        for id_ in ("6", "absent")
    ]

    assert {(each.status, each.text.replace("absent", "6")) for each in answers} == {(403, answers[0].text)}
    assert {each.why for each in record.all() if each.patient == "6"} == {"compartment"}


def test_conditional_references_are_events_of_whom_they_lead_to_and_limited(writer: Writer) -> None:
    recorded, record = with_record(writer)
    for id_ in ("4", "6"):
        recorded.made({**patient(id_), "id": id_})
    record.forget()
    unknown = created("", observation(f"Patient?identifier={NHS_NUMBER}|none"))

    answer = Bundles(recorded).send(
        transaction(created("", observation(f"Patient?identifier={NHS_NUMBER}|6")), unknown)
    )
    assert (answer.status, issues_in(answer)) == (412, [("not-found", ("Bundle.entry[1].resource.subject",))])
    assert "6" in {each.patient for each in record.all()}

    many = [{"reference": f"Patient?identifier={NHS_NUMBER}|6&_format=a{number}"} for number in range(101)]
    answer = refused(Bundles(recorded), created("", observation("Patient/4", performer=many)))
    assert (answer.status, issues_in(answer)) == (400, [("too-costly", ("Bundle.entry",))])


def test_whom_a_bound_clients_conditional_reference_meets_has_an_event_and_is_as_absent(writer: Writer) -> None:
    recorded, record = with_record(writer)
    for id_ in ("4", "9"):
        recorded.made({**patient(id_), "id": id_})
    encounter: Resource = {"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/9"}}
    recorded.made({**encounter, "identifier": [{"system": "urn:hosp", "value": "SECRET"}], "id": "e"})
    bound = Bundles(recorded.as_caller("patient/*.cruds", patient="4", identifier_systems=("urn:hosp",)))

    def send() -> Answer:
        return bound.send(transaction(hidden_by_reference()[0]))

    record.forget()
    hidden = send()
    events = {(each.patient, each.why) for each in record.all()}
    assert recorded.delete("Encounter/e").status == 204
    absent = send()

    assert (hidden.status, hidden.json) == (absent.status, absent.json)
    assert hidden.status == 412
    assert ("9", "compartment") in events


SECRET = "identifier=urn:hosp|SECRET"


def hidden_by_reference(subject: str = "Patient/4") -> list[Entry]:
    """Return creates that refer to an Encounter of another patient by conditions."""
    extension = [{"url": "https://x.example", "valueReference": {"reference": f"Encounter?{SECRET}"}}]
    return [
        created("", observation(subject, context={"reference": f"Encounter?{SECRET}"})),
        created("", {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "extension": extension}),
    ]


@pytest.mark.parametrize("place", range(2))
def test_a_whom_a_conditional_reference_leads_to_has_an_event_also_if_all_is_done(writer: Writer, place: int) -> None:
    """A: 201 told that the encounter exists, and nobody recorded it."""
    recorded, record = with_record(writer)
    for id_ in ("4", "9"):
        recorded.made({**patient(id_), "id": id_})
    encounter: Resource = {"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/9"}}
    recorded.made({**encounter, "identifier": [{"system": "urn:hosp", "value": "SECRET"}], "id": "e"})
    record.forget()

    recorded.made({**observation("Patient/4"), "id": "o"})
    record.forget()

    Bundles(recorded).transaction(entry("DELETE", "Observation/o"), hidden_by_reference()[place])

    of_match = {each.patient: each for each in record.all()}["9"]
    assert (of_match.outcome, of_match.ids) == (Outcome.ALLOWED, ("Observation/new-0/_history/1",))
    assert not any("SECRET" in str(each) for each in record.all())


def test_a_conditional_reference_of_an_update_that_changes_nothing_has_an_event(writer: Writer) -> None:
    recorded, record = with_record(writer)
    recorded.made({**patient("9"), "id": "9"})
    own: Resource = {**observation("Patient/9"), "id": "o"}
    condition = f"Patient?identifier={NHS_NUMBER}|9"
    Bundles(recorded).transaction(entry("PUT", "Observation/o", own))
    record.forget()

    Bundles(recorded).transaction(entry("PUT", "Observation/o", {**own, "subject": {"reference": condition}}))

    assert [(each.patient, each.outcome, each.ids) for each in record.all()] == [("9", Outcome.ALLOWED, ())]


def test_what_moves_inside_a_transaction_is_an_event_of_both_patients(writer: Writer) -> None:
    recorded, record = with_record(writer)
    for id_ in ("4", "6"):
        recorded.made({**patient(id_), "id": id_})
    recorded.made({**observation("Patient/4"), "id": "o"})
    record.forget()

    Bundles(recorded).transaction(
        entry("PUT", "Observation/o", {**observation("Patient/6"), "id": "o"}),
        created("", {"resourceType": "Organization", "name": "x"}),
    )

    versions = {each.patient: each.ids for each in record.all()}
    assert versions["4"] == versions["6"] == ("Observation/o/_history/2",)


def test_e_a_conditional_reference_of_many_parameters_is_refused_by_its_entry(bundles: Bundles) -> None:
    """E: it was a 500."""
    query = "&".join(f"identifier=a|{number}" for number in range(21))

    answer = refused(bundles, created("", patient()), created("", observation(f"Patient?{query}")))

    assert (answer.status, issues_in(answer)) == (412, [("required", ("Bundle.entry[1].resource.subject",))])


def test_o_the_searches_of_a_transaction_are_strongly_consistent(bundles: Bundles, writer: Writer) -> None:
    """O: they had only the client's own Cache-Control."""
    queries: list[bool] = []
    writer.reader.client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: queries.append(params.get("ConsistentRead", False))
    )
    writer.made({**patient(), "id": "4"})

    bundles.transaction(created("", observation("Patient/4")), entry("GET", "Observation?patient=4"))

    assert queries
    assert all(queries)


def test_a_transaction_refers_to_as_many_patients_as_its_events_have_room_for(bundles: Bundles, writer: Writer) -> None:
    for number in range(100):
        writer.made({**patient(str(number)), "id": f"p{number}"})
    performers = [{"reference": f"Patient/p{number}"} for number in range(100)]
    entries = [created("", observation("Patient/p0", performer=performers[:50]))]

    assert len(bundles.transaction(*entries, created("", observation("Patient/p0", performer=performers[50:98])))) == 2
    answer = refused(bundles, *entries, created("", observation("Patient/p0", performer=performers[50:99])))
    assert (answer.status, issues_in(answer)) == (400, [("too-costly", ("Bundle.entry",))])


def test_promise_9_plain_references_are_events_of_whose_records_they_lead_to_and_limited(writer: Writer) -> None:
    recorded, record = with_record(writer)
    targets = []
    for number in range(99):
        recorded.made({**patient(str(number)), "id": f"p{number}"})
        recorded.made({**observation(f"Patient/p{number}"), "id": f"of-p{number}"})
        targets.append({"target": {"reference": f"Observation/of-p{number}"}})
    record.forget()
    alone: Resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    dangling = created("", {**alone, "subject": {"reference": "Group/none"}})
    referring = [created("", {**alone, "related": each}) for each in (targets[:2], targets[1:3])]

    Bundles(recorded).transaction(*referring)
    assert {each.patient: each.ids for each in record.all() if each.patient} == {
        "p0": ("Observation/new-0/_history/1",),
        "p1": ("Observation/new-0/_history/1", "Observation/new-1/_history/1"),
        "p2": ("Observation/new-1/_history/1",),
    }
    record.forget()
    assert Bundles(recorded).send(transaction(dangling, *referring)).status == 422
    assert {(each.patient, each.outcome) for each in record.all()} == {
        (id_, Outcome.REFUSED) for id_ in ("p0", "p1", "p2")
    }
    record.forget()
    answer = refused(Bundles(recorded), created("", {**alone, "related": targets}))
    assert (answer.status, issues_in(answer)) == (400, [("too-costly", ("Bundle.entry",))])
    # Any of them may be the one too many.
    assert {each.patient for each in record.all()} == {f"p{number}" for number in range(99)}


def test_a_deletion_of_a_patient_that_is_not_there_is_an_event_of_that_id(writer: Writer) -> None:
    recorded, record = with_record(writer)

    Bundles(recorded).transaction(entry("DELETE", "Patient/absent"))

    assert {each.patient for each in record.all()} == {"absent"}


OTHERS = "http://example.org/fhir"


def test_relative_references_of_another_server_lead_to_the_entries_of_its_full_urls(
    bundles: Bundles, writer: Writer
) -> None:
    writer.made({**patient("9"), "id": "4"})

    bundles.transaction(
        created(f"{OTHERS}/Patient/4", patient("1")),
        created(f"{OTHERS}/Observation/9", observation("Patient/4", performer=[{"reference": f"{OTHERS}/Patient/4"}])),
    )

    one = writer.reader.get("Observation/new-1").json
    assert (one["subject"], one["performer"]) == ({"reference": "Patient/new-0"}, [{"reference": "Patient/new-0"}])
    assert writer.reader.get("Observation", "patient=4").total == 0


def test_full_urls_are_replaced_in_elements_of_type_uri_but_those_that_name_a_definition(
    bundles: Bundles, writer: Writer
) -> None:
    elsewhere = f"{OTHERS}/Patient/1"
    inside = {
        **patient("1"),
        "id": "p",
        "photo": [{"url": A, "title": A}, {"url": elsewhere}, {"url": f"{A}#x"}, {"url": "Patient/1"}],
    }
    named: Resource = {
        "meta": {"profile": [elsewhere]},
        "identifier": [{"system": elsewhere, "value": A}],
        "valueQuantity": {"value": 1, "system": elsewhere, "code": "1"},
    }
    extension = [
        {"url": elsewhere, "valueUri": A},
        {"url": "urn:x", "valueString": A},
        {"url": "urn:x", "valueReference": {"reference": "#p"}},
    ]
    beside = {"_comment": {"extension": [{"url": elsewhere, "valueAttachment": {"url": elsewhere}}]}}
    bundles.transaction(
        created(A, patient("1")),
        created(elsewhere, patient("2")),
        created("", observation(A, contained=[inside], extension=extension, **named, **beside)),
    )

    one = writer.reader.get("Observation/new-2").json
    assert one["contained"][0]["photo"] == [
        {"url": "Patient/new-0", "title": A},
        {"url": "Patient/new-1"},
        {"url": f"{A}#x"},
        {"url": "Patient/1"},
    ]
    assert one["extension"][:2] == [{"url": elsewhere, "valueUri": "Patient/new-0"}, extension[1]]
    assert one["_comment"]["extension"] == [{"url": elsewhere, "valueAttachment": {"url": "Patient/new-1"}}]
    assert one["meta"]["profile"] == named["meta"]["profile"]
    assert {name: one[name] for name in ("identifier", "valueQuantity")} == {
        name: named[name] for name in ("identifier", "valueQuantity")
    }


def test_a_reference_to_a_version_of_another_entry_is_one_to_its_resource(bundles: Bundles, writer: Writer) -> None:
    own = f"{FHIR_BASE}/Patient/own"
    performers = [
        f"{A}/_history/1",
        f"{OTHERS}/Patient/1/_history/2",
        f"{FHIR_BASE}/Patient/temporary/_history/1",
        "Patient/temporary/_history/1",
        # Of a resource that is known by its own address, the version may be there.
        f"{own}/_history/1",
        "Patient/own/_history/1",
        # A name alone is no version.
        f"{OTHERS}/Patient/1/_history/",
    ]
    bundles.transaction(
        created(A, patient("1")),
        created(f"{OTHERS}/Patient/1", patient("2")),
        created(f"{FHIR_BASE}/Patient/temporary", patient("3")),
        entry("PUT", "Patient/own", {**patient("4"), "id": "own"}, own),
        created("", observation("Patient/own", performer=[{"reference": each} for each in performers])),
    )

    one = writer.reader.get("Observation/new-3").json
    assert [each["reference"] for each in one["performer"]] == [
        "Patient/new-0",
        "Patient/new-1",
        "Patient/new-2",
        "Patient/new-2",
        *performers[4:],
    ]


def test_relative_references_to_versions_of_another_server_lead_to_its_entries(
    bundles: Bundles, writer: Writer
) -> None:
    bundles.transaction(
        entry("PUT", "Patient/4", {**patient("1"), "id": "4"}, f"{OTHERS}/Patient/4"),
        created(f"{OTHERS}/Observation/9", observation("Patient/4/_history/7")),
    )

    assert writer.reader.get("Observation/new-0").json["subject"] == {"reference": "Patient/4"}


@pytest.mark.parametrize("full_url", ["#x", "abc", "Patient/4"])
def test_a_full_url_that_is_none_names_nothing(bundles: Bundles, writer: Writer, full_url: str) -> None:
    writer.made({**patient("9"), "id": "4"})
    contained = [{"resourceType": "Patient", "id": "x"}]

    bundles.transaction(
        created(full_url, patient("1")),
        created("", observation("Patient/4", performer=[{"reference": "#x"}], contained=contained)),
    )

    one = writer.reader.get("Observation/new-1").json
    assert (one["subject"], one["performer"]) == ({"reference": "Patient/4"}, [{"reference": "#x"}])


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_an_entrys_own_format_is_the_answers(bundles: Bundles, writer: Writer, accept: str) -> None:
    writer.made({**patient("9"), "id": "4"})

    answer = bundles.send(
        transaction(
            entry("POST", "Observation?_format=xml", observation("Patient/4")),
            entry("GET", "Patient/4?_format=xml&_pretty=true"),
            entry("GET", "Patient/absent?_format=xml"),
        ),
        Accept=accept,
    )

    assert answer.status == 200
    assert answer.text.count("<?xml") == accept.endswith("xml")


def test_without_its_events_nothing_is_written(writer: Writer) -> None:
    recorded, record = with_record(writer)
    recorded.made({**patient(), "id": "4"})
    record.forget()
    cancelling(recorded, record.table, "ValidationError")

    before = stored(writer.reader.tables)

    answer = Bundles(recorded).send(transaction(created("", observation("Patient/4"))))

    assert answer.status == 503
    assert [each for each in record.all() if each.outcome is Outcome.ALLOWED] == []
    Release(writer.reader.tables).release_all()
    assert stored(writer.reader.tables) == before


def test_more_patients_than_events_fit_are_refused(bundles: Bundles) -> None:
    entries = [created("", patient(str(number))) for number in range(100)]

    answer = refused(bundles, *entries[:99])

    assert (answer.status, issues_in(answer)) == (400, [("too-costly", ("Bundle.entry",))])
    assert len(bundles.transaction(*entries[:98])) == 98


def test_what_comes_to_too_much_is_refused(bundles: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careconnect_records.multi_step.write.MAX_ITEMS", 10)

    answer = refused(bundles, *[created("", patient(str(number))) for number in range(3)])

    assert (answer.status, issues_in(answer)[0][0]) == (413, "too-costly")


def test_a_list_of_keys_that_no_item_holds_is_refused(bundles: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi_step, "_LARGEST_ITEM", 20_000)
    own = [[{"system": f"urn:uuid:{uuid.uuid4()}", "value": str(uuid.uuid4())} for _ in range(10)] for _ in range(40)]

    answer = refused(
        bundles, *(created("", observation("https://x.example/Patient/1", identifier=each)) for each in own)
    )

    assert (answer.status, issues_in(answer)[0][0]) == (413, "too-costly")


def test_it_is_charged_before_it_is_written(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    counters = UsageCounters()
    entries = [created("", observation("Patient/4")) for _ in range(30)]
    poor = replace(writer, quota=Quota(counters, 400))

    answer = refused(Bundles(poor), *entries)
    assert (answer.status, issues_in(answer)[0][0]) == (422, "too-costly")
    counters.charges.clear()
    counters.held.clear()
    Bundles(replace(writer, quota=Quota(counters, 100_000))).transaction(*entries)

    assert 30 * 8 * 10 < sum(counters.charges) < 30 * 8 * 25


def test_five_hundred_linked_resources_are_one_transaction(bundles: Bundles, writer: Writer) -> None:
    observations = [created("", observation(A)) for _ in range(499)]

    answered = bundles.transaction(*observations, created(A, patient()))

    assert statuses(answered) == [201] * 500
    patient_id = answered[-1]["response"]["location"].split("/")[-3]
    assert writer.reader.get("Observation", f"patient={patient_id}&_summary=count").total == 499


def test_what_a_transaction_made_is_deleted_by_the_next(bundles: Bundles) -> None:
    """The first still holds reference counts of all of them: they are released at once, not one for each attempt."""
    urns = [uuid.uuid4().urn for _ in range(30)]
    observations = [observation(urns[-1], related=[{"target": {"reference": urn}}]) for urn in urns[1:-1]]
    resources = [*observations, observation(urns[-1]), patient()]
    answered = bundles.transaction(*[created(urn, each) for urn, each in zip(urns, resources, strict=True)])
    keys = ["/".join(each["response"]["location"].split("/")[-4:-2]) for each in answered]

    assert statuses(bundles.transaction(*[entry("DELETE", key) for key in keys])) == [204] * 30


def test_the_reads_of_a_transaction_see_its_writes(bundles: Bundles, writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    answered = bundles.transaction(
        entry("GET", "Observation?patient=4"),
        entry("GET", "Patient/none"),
        created("", observation("Patient/4")),
    )

    assert statuses(answered) == [200, 404, 201]
    assert answered[0]["resource"]["total"] == 1


def test_an_empty_one_and_one_that_changes_nothing_write_nothing(bundles: Bundles, writer: Writer) -> None:
    made = writer.made({**patient("1"), "id": "4"})
    before = stored(writer.reader.tables)

    assert bundles.transaction() == []
    assert statuses(bundles.transaction(entry("PUT", "Patient/4", made), entry("DELETE", "Patient/none"))) == [200, 204]
    assert stored(writer.reader.tables) == before


@pytest.mark.parametrize(("prefer", "has"), [("return=minimal", False), ("return=representation", True)])
def test_prefer_decides_about_bodies(bundles: Bundles, prefer: str, *, has: bool) -> None:
    (answered,) = bundles.transaction(created("", patient("1")), Prefer=prefer)

    assert ("resource" in answered) is has


# ------------------------------------------------------------------ all or nothing


def large(writer: Writer) -> Callable[[], Answer]:
    """Return a transaction that changes, creates and deletes."""
    bundles = Bundles(writer)
    return lambda: bundles.send(
        transaction(
            entry("PUT", "Patient/4", {**patient("1", gender="female"), "id": "4"}),
            entry("PUT", "Observation/o", {**observation("Patient/4", status="amended"), "id": "o"}),
            entry("DELETE", "Observation/p"),
            entry("PUT", "Observation/q", {**observation("Patient/4"), "id": "q"}),
        )
    )


@pytest.fixture
def begun(writer: Writer) -> Writer:
    writer.made({**patient("1"), "id": "4"})
    for id_ in ("o", "p"):
        writer.made({**observation("Patient/4"), "id": id_})
    return writer


@pytest.fixture(params=[multi_step._AT_ONCE, 1])
def any_step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each action be a step of its own, too: between which two of them a step ends depends on the entries."""
    monkeypatch.setattr(multi_step, "_AT_ONCE", request.param)


LOOKS = [
    ("Patient/4", ""),
    ("Observation", "patient=4"),
    ("Observation", "status=amended"),
    ("Observation", "patient=4&_summary=count"),
    ("Patient", "_id=4&_revinclude=Observation:patient"),
    ("Patient", "gender=female"),
    ("Patient/4/$everything", ""),
    ("Observation/o/_history", ""),
    ("Observation/p", ""),
    ("Observation/q", ""),
]


def look(writer: Writer) -> list[Any]:
    answers = [writer.reader.get(path, query, Cache_Control="no-cache") for path, query in LOOKS]
    return [(each.status, each.json.get("total"), each.json.get("entry", each.json.get("meta"))) for each in answers]


@pytest.mark.usefixtures("any_step")
def test_a_reader_between_any_two_calls_sees_nothing_of_it(begun: Writer) -> None:
    before = look(begun)
    calls = 0
    for answer, meanwhile in at_every_call(begun, large(begun), lambda: look(begun)):
        assert answer.status == 200, answer.text
        after = look(begun)
        assert after != before
        if meanwhile == before:
            calls += 1
        else:
            # It was done, and released what no reader reads.
            assert meanwhile == after
    assert calls > 6


@pytest.mark.parametrize("place", range(len(LOOKS)))
def test_it_comes_between_any_two_calls_of_a_reader(begun: Writer, place: int) -> None:
    def seen() -> Any:
        answer = begun.reader.get(*LOOKS[place], Cache_Control="no-cache")
        return answer.status, answer.json.get("total"), answer.json.get("entry", answer.json.get("meta"))

    put_back = saved(begun.reader.tables)
    before = seen()
    assert large(begun)().status == 200
    after = seen()
    put_back()

    for shown, answer in at_every_call(begun, seen, large(begun)):
        assert answer.status == 200
        assert shown in (before, after)


@pytest.mark.usefixtures("any_step")
def test_killed_before_any_call_nothing_is_done_and_a_retry_does_it(begun: Writer) -> None:
    write = large(begun)
    put_back, previous = saved(begun.reader.tables), stored(begun.reader.tables)
    assert write().status == 200
    Release(begun.reader.tables).release_all()
    wanted = visible_entries(stored(begun.reader.tables)).keys()
    put_back()

    for _ in killed_at_every_call(begun, write):
        cut_off = saved(begun.reader.tables)
        if is_committed(begun.reader.tables):
            assert visible_entries(stored(begun.reader.tables)).keys() == wanted
        else:
            assert visible_entries(stored(begun.reader.tables)) == visible_entries(previous)
            Release(begun.reader.tables).release_all()
            assert without_traces(stored(begun.reader.tables)) == without_traces(previous)
        cut_off()
        assert write().status == 200
        Release(begun.reader.tables).release_all()
        assert visible_entries(stored(begun.reader.tables)).keys() == wanted


def test_what_an_entry_found_may_be_deleted_at_any_time_and_nothing_is_done_twice(begun: Writer) -> None:
    begun.made({**patient("9"), "id": "found"})
    condition = f"identifier={NHS_NUMBER}|9"
    entries = [created("", patient("9"), ifNoneExist=condition), created("", observation("Patient/4"))]
    before = begun.reader.get("Observation", "patient=4&_summary=count").total
    assert before is not None

    for answer, _ in at_every_call(
        begun, lambda: Bundles(begun).send(transaction(*entries)), lambda: begun.delete("Patient/found")
    ):
        assert answer.status == 200
        assert begun.reader.get("Observation", "patient=4&_summary=count").total == before + 1


LEFT = ("female", "amended")
"""What the transaction leaves: the patient's gender and the observation's status."""


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        (lambda writer: writer.update({**patient("1", gender="male"), "id": "4"}), ("male", "amended")),
        (lambda writer: writer.delete("Observation/o"), ("female", None)),
        (lambda writer: writer.create(observation("Patient/4")), LEFT),
        (lambda writer: large(writer)(), LEFT),
    ],
    ids=["update", "delete", "refer", "another"],
)
def test_another_write_between_any_two_calls_comes_before_or_is_lost_to(
    begun: Writer, meanwhile: Callable[[Writer], Answer], left: tuple[str, str | None]
) -> None:
    """`left` is what is there if the other write comes last: once the transaction is done, it releases counts."""

    def other() -> tuple[bool, Answer]:
        return is_committed(begun.reader.tables), meanwhile(begun)

    for answer, (is_last, also) in at_every_call(begun, large(begun), other):
        assert (answer.status, also.status) in {(200, 200), (200, 201), (200, 204)}, (answer.text, also.text)
        gender = begun.reader.get("Patient/4").json["gender"]
        status = begun.reader.get("Observation/o").json.get("status")
        assert (gender, status) == (left if is_last else LEFT)
        assert begun.reader.get("Observation/p").status == 410
