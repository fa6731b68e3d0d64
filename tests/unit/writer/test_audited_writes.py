"""The patients and the outcome in the audit events of a write (`audit.md`, Whose)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.audit.event import AuditEvent
from careconnect.storage.quota import Quota
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import Record, with_record
from careconnect_testing.parts.usage_counters import UsageCounters

pytestmark = pytest.mark.slow

OWN, OTHER = "Patient/own", "Patient/other"
OF_OWN = {**observation(OWN), "id": "of-own"}
MATCHING = {**OF_OWN, "identifier": [{"system": "urn:x", "value": "9434765919"}]}
CONDITION = [("identifier", "urn:x|9434765919")]
ABSENT_NUMBER = "9990000050"
AMEND = {"op": "replace", "path": "/status", "value": "amended"}

Outcomes = list[tuple[str, str, str]]


@pytest.fixture
def recorded(writer: Writer) -> tuple[Writer, Record]:
    """Writers with an audit table, two patients with an observation each, and an organisation."""
    for one in (OWN, OTHER):
        writer.made({**patient(), "id": one.partition("/")[2]})
    writer.made(MATCHING)
    writer.made({**observation(OTHER), "id": "of-other"})
    writer.made({"resourceType": "Organization", "id": "org", "name": "A practice"})
    return with_record(writer)


def outcomes_of(events: list[AuditEvent]) -> Outcomes:
    """Return the patient, the outcome and the reason of each event."""
    return sorted((event.patient, event.outcome.value, event.why) for event in events)


DONE: dict[str, tuple[Callable[[Writer], Answer], str, str, str, list[str]]] = {
    "create": (lambda one: one.create(observation(OWN)), "create", "C", "Observation/new-0/_history/1", ["own"]),
    "create of a patient": (lambda one: one.create(patient()), "create", "C", "Patient/new-0/_history/1", ["new-0"]),
    "create under an own id": (
        lambda one: one.update({**observation(OWN), "id": "x"}),
        "update",
        "U",
        "Observation/x/_history/1",
        ["own"],
    ),
    "update": (
        lambda one: one.update({**MATCHING, "status": "amended"}),
        "update",
        "U",
        "Observation/of-own/_history/2",
        ["own"],
    ),
    "a move": (
        lambda one: one.update({**MATCHING, "subject": {"reference": OTHER}}),
        "update",
        "U",
        "Observation/of-own/_history/2",
        ["other", "own"],
    ),
    "patch": (
        lambda one: one.patch("Observation/of-own", AMEND),
        "patch",
        "U",
        "Observation/of-own/_history/2",
        ["own"],
    ),
    "delete": (lambda one: one.delete("Observation/of-own"), "delete", "D", "Observation/of-own/_history/2", ["own"]),
    "update on condition": (
        lambda one: one.send("PUT", "Observation", {**MATCHING, "status": "amended"}, CONDITION),
        "update",
        "U",
        "Observation/of-own/_history/2",
        ["own"],
    ),
    "delete on condition": (
        lambda one: one.delete("Observation", CONDITION),
        "delete",
        "D",
        "Observation/of-own/_history/2",
        ["own"],
    ),
    "create that refers to another patient": (
        lambda one: one.create(observation(OWN, performer=[{"reference": OTHER}])),
        "create",
        "C",
        "Observation/new-0/_history/1",
        ["other", "own"],
    ),
    "update that refers to its own patient again": (
        lambda one: one.update({**MATCHING, "performer": [{"reference": OWN}, {"reference": f"{OWN}/_history/1"}]}),
        "update",
        "U",
        "Observation/of-own/_history/2",
        ["own"],
    ),
    "patch that refers to another patient": (
        lambda one: one.patch(
            "Observation/of-own", {"op": "add", "path": "/performer", "value": [{"reference": OTHER}]}
        ),
        "patch",
        "U",
        "Observation/of-own/_history/2",
        ["other", "own"],
    ),
    "of the directory": (
        lambda one: one.update({"resourceType": "Organization", "id": "org", "name": "A"}),
        "update",
        "U",
        "Organization/org/_history/2",
        [""],
    ),
}


@pytest.mark.parametrize("name", DONE)
def test_a_write_is_one_event_of_each_patient_whose_record_it_changes(
    recorded: tuple[Writer, Record], name: str
) -> None:
    writer, record = recorded
    act, interaction, action, made, patients = DONE[name]
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(act(writer)))

    assert outcomes_of(events) == [(each, "0", "") for each in patients]
    for event in events:
        assert (event.interaction, event.action, event.type) == (interaction, action, made.partition("/")[0])
        assert (event.ids, event.status) == ((made,), 0)
        assert (event.client_id, event.subject, event.jti) == ("client-1", "client-1", "a-jti")
        assert event.request_id == answers[0].headers["X-Request-Id"]
        assert event.query == ("identifier=***" if "condition" in name else "")


WITHOUT: dict[str, tuple[Callable[[Writer], Answer], int, str, str]] = {
    "content that is there": (lambda one: one.update(MATCHING), 200, "Observation/of-own", "own"),
    "a create that finds one": (
        lambda one: one.create(observation(OTHER), If_None_Exist="identifier=urn:x|9434765919"),
        200,
        "Observation/of-own",
        "own",
    ),
    "a patch that changes nothing": (
        lambda one: one.patch("Observation/of-own", {**AMEND, "value": "final"}),
        200,
        "Observation/of-own",
        "own",
    ),
    "a deletion of what never was": (lambda one: one.delete("Observation/never"), 204, "Observation/never", ""),
    "a deletion of a patient that never was": (lambda one: one.delete("Patient/never"), 204, "Patient/never", "never"),
    "a deletion of what nothing matches": (lambda one: one.delete("Patient", [("identifier", "a|b")]), 204, "", ""),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_done_without_a_write_is_an_event_too_and_of_no_version(
    recorded: tuple[Writer, Record], name: str
) -> None:
    writer, record = recorded
    act, status, of, whose = WITHOUT[name]
    answers: list[Answer] = []
    (event,) = record.since(lambda: answers.append(act(writer)))

    assert (answers[0].status, event.status) == (status, 0)
    assert (event.patient, event.outcome, " ".join(event.ids)) == (whose, "0", of)


def test_a_deletion_again_names_whose_it_was(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    assert writer.delete("Observation/of-own").status == 204

    assert outcomes_of(record.since(lambda: writer.delete("Observation/of-own"))) == [("own", "0", "")]
    assert outcomes_of(record.since(lambda: writer.patch("Observation/of-own", AMEND))) == [("own", "4", "deleted")]


INVALID: Resource = {**OF_OWN, "status": "no such status"}
DANGLING: Resource = {**OF_OWN, "context": {"reference": "Encounter/never"}}
REFUSED: dict[str, tuple[Callable[[Writer], Answer], int, Outcomes]] = {
    "no scope": (lambda one: one.as_caller("system/*.read").update(OF_OWN), 403, [("", "4", "scope")]),
    "no scope, a patient's": (lambda one: one.as_caller("system/*.read").delete(OWN), 403, [("own", "4", "scope")]),
    "method": (lambda one: one.send("POST", OWN, patient()), 405, [("own", "4", "bad request")]),
    "a search's path": (lambda one: one.send("PUT", f"{OWN}/Observation", OF_OWN), 405, [("own", "4", "bad request")]),
    "not to be read": (lambda one: one.send("POST", "Observation", "{"), 400, [("", "4", "bad request")]),
    "another id": (lambda one: one.send("PUT", "Observation/x", OF_OWN), 400, [("own", "4", "bad request")]),
    "invalid": (lambda one: one.create(INVALID), 422, [("own", "4", "bad request")]),
    "invalid subject": (lambda one: one.create({**OF_OWN, "subject": [OWN]}), 422, [("", "4", "bad request")]),
    "subject without a form": (
        lambda one: one.create({**OF_OWN, "subject": {"reference": ["x"]}}),
        422,
        [("", "4", "bad request")],
    ),
    "invalid, beside another patient": (
        lambda one: one.create({**INVALID, "performer": [{"reference": OTHER}, {"reference": "Patient/never"}]}),
        422,
        [("other", "4", "bad request"), ("own", "4", "bad request")],
    ),
    "dangling": (lambda one: one.create(DANGLING), 422, [("own", "4", "bad request")]),
    "dangling, beside another patient": (
        lambda one: one.create({**DANGLING, "performer": [{"reference": OTHER}, {"reference": "Patient/never"}]}),
        422,
        [("other", "4", "bad request"), ("own", "4", "bad request")],
    ),
    "another version, beside another patient": (
        lambda one: one.update({**OF_OWN, "performer": [{"reference": OTHER}]}, If_Match='W/"9"'),
        409,
        [("other", "4", "conflict"), ("own", "4", "conflict")],
    ),
    "of a patient who is absent": (
        lambda one: one.create(observation("Patient/never")),
        422,
        [("never", "4", "bad request")],
    ),
    "another version": (lambda one: one.update(OF_OWN, If_Match='W/"9"'), 409, [("own", "4", "conflict")]),
    "a move of another version": (
        lambda one: one.update({**OF_OWN, "subject": {"reference": OTHER}}, If_Match='W/"9"'),
        409,
        [("other", "4", "conflict"), ("own", "4", "conflict")],
    ),
    "referred to": (lambda one: one.delete(OWN), 409, [("own", "4", "conflict")]),
    "absent": (lambda one: one.patch("Patient/never", AMEND), 404, [("never", "4", "not found")]),
    "patch that fails": (
        lambda one: one.patch("Observation/of-own", {**AMEND, "path": "/none"}),
        422,
        [("own", "4", "bad request")],
    ),
    "no condition": (lambda one: one.send("PUT", "Patient", patient()), 412, [("", "4", "conflict")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_whose_record_it_was_about_as_far_as_is_known(
    recorded: tuple[Writer, Record], name: str
) -> None:
    writer, record = recorded
    act, status, expected = REFUSED[name]
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(act(writer)))

    assert answers[0].status == status
    assert outcomes_of(events) == expected
    assert {event.status for event in events} == {status}
    assert not any("_history" in of for event in events for of in event.ids)


def test_several_that_meet_a_condition_are_each_named(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    writer.made({**MATCHING, "id": "too", "subject": {"reference": OTHER}})

    events = record.since(lambda: writer.delete("Observation", CONDITION))
    assert outcomes_of(events) == [("other", "4", "conflict"), ("own", "4", "conflict")]


def test_an_if_none_exist_that_names_nothing_is_counted(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    number = "9434765919"
    for sent in (number, f"phone={number}", f"?{number}=", f"identifier=urn:x|{number}&{number}"):
        (event,) = record.since(lambda sent=sent: writer.create(patient(), If_None_Exist=sent))  # type: ignore[misc]
        assert (event.query, event.unknown_parameters) == ("", 1)


def test_a_resource_that_refers_to_more_than_a_hundred_patients_is_refused(recorded: tuple[Writer, Record]) -> None:
    writer, _record = recorded
    links = [{"other": {"reference": f"Patient/p{number}"}, "type": "seealso"} for number in range(101)]

    assert writer.create({**patient(), "link": links}).issue["code"] == "business-rule"
    assert writer.create({**patient(), "link": links[:100]}).json["issue"][0]["code"] == "not-found"


def test_l11_who_is_referred_to_has_an_event_also_if_nothing_is_written(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    referring = {**MATCHING, "performer": [{"reference": OTHER}]}
    writer.made(referring)

    events = record.since(lambda: writer.update(referring))
    assert outcomes_of(events) == [("other", "0", ""), ("own", "0", "")]
    events = record.since(lambda: writer.create(referring, If_None_Exist="identifier=urn:x|9434765919"))
    assert outcomes_of(events) == [("own", "0", "")]


def test_l11_the_event_of_who_is_referred_to_names_no_other_patient(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    linked = {**patient(), "id": "own", "link": [{"other": {"reference": OTHER}, "type": "seealso"}]}

    events = record.since(lambda: writer.update(linked))
    assert sorted((event.patient, event.ids) for event in events) == [
        ("other", ()),
        ("own", ("Patient/own/_history/2",)),
    ]


OF_OTHER_TOO: Resource = {
    "resourceType": "Encounter",
    "id": "of-other",
    "status": "finished",
    "subject": {"reference": OTHER},
}
REFERRING: Resource = observation(OWN, context={"reference": "Encounter/of-other"})
NEVER = [{"reference": "Patient/never"}]
CONTAINED: Resource = {
    "resourceType": "Observation",
    "id": "c",
    "status": "final",
    "code": {"text": "x"},
    "context": {"reference": "Encounter/of-other"},
}
REFERS: dict[str, tuple[Callable[[Writer], Answer], int, str]] = {
    "a create": (lambda one: one.create(REFERRING), 201, ""),
    "an update": (lambda one: one.update({**REFERRING, "id": "of-own"}), 200, ""),
    "a patch": (
        lambda one: one.patch(
            "Observation/of-own", {"op": "add", "path": "/context", "value": {"reference": "Encounter/of-other"}}
        ),
        200,
        "",
    ),
    "from what is contained": (
        lambda one: one.create(observation(OWN, contained=[CONTAINED], related=[{"target": {"reference": "#c"}}])),
        201,
        "",
    ),
    "from an extension": (
        lambda one: one.create(
            observation(OWN, extension=[{"url": "urn:x", "valueReference": {"reference": "Encounter/of-other"}}])
        ),
        201,
        "",
    ),
    "without a scope for its type": (
        lambda one: one.as_caller("system/Observation.cruds").create(REFERRING),
        201,
        "",
    ),
    "beside a reference that leads nowhere": (lambda one: one.create({**REFERRING, "performer": NEVER}), 422, "4"),
    "from an invalid resource": (lambda one: one.create({**REFERRING, "status": "none such"}), 422, "4"),
    "in place of another version": (
        lambda one: one.update({**REFERRING, "id": "of-own"}, If_Match='W/"9"'),
        409,
        "4",
    ),
    "judged": (lambda one: one.send("POST", "Observation/$validate", REFERRING), 200, ""),
    "judged beside a reference that leads nowhere": (
        lambda one: one.send("POST", "Observation/$validate", {**REFERRING, "performer": NEVER}),
        200,
        "",
    ),
}


@pytest.mark.parametrize("name", REFERS)
def test_promise_9_whose_record_a_reference_leads_to_has_an_event(recorded: tuple[Writer, Record], name: str) -> None:
    writer, record = recorded
    writer.made(OF_OTHER_TOO)
    act, status, refused = REFERS[name]
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(act(writer)))

    assert answers[0].status == status, answers[0].text
    assert [(event.patient, event.outcome.value) for event in sorted(events, key=lambda each: each.patient)] == [
        ("other", refused or "0"),
        ("own", refused or "0"),
    ]


def test_promise_9_the_event_of_whose_record_is_referred_to_names_the_version_that_refers(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    writer.made(OF_OTHER_TOO)

    events = record.since(lambda: writer.create(REFERRING))
    made = ("Observation/new-0/_history/1",)
    assert sorted((event.patient, event.ids) for event in events) == [("other", made), ("own", made)]


def test_promise_9_a_reference_to_what_is_absent_or_deleted_is_of_nobody(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    writer.made(OF_OTHER_TOO)
    assert writer.delete("Encounter/of-other").status == 204

    assert outcomes_of(record.since(lambda: writer.create(REFERRING))) == [("own", "4", "bad request")]


def test_promise_9_what_a_bound_client_may_not_see_is_as_absent_unless_the_stored_version_refers_to_it(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    writer.made(OF_OTHER_TOO)
    kept = {**REFERRING, "id": "of-own"}

    assert outcomes_of(record.since(lambda: bound(writer).create(REFERRING))) == [("own", "4", "bad request")]
    assert writer.update(kept).status == 200
    amended = {**kept, "status": "amended"}
    assert outcomes_of(record.since(lambda: bound(writer).update(amended))) == [("other", "0", ""), ("own", "0", "")]


def test_w1_a_resource_that_refers_into_one_record_too_many_records_whoever_decides_that(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    many = [f"p{number}" for number in range(99)]
    for each in many:
        writer.made({**patient(), "id": each})
    for each in (*many, "other"):
        writer.made({**observation(f"Patient/{each}"), "id": f"of-{each}"})

    def of_whom(path: str, last: str, **elements: Any) -> tuple[list[str], set[str]]:
        related = [{"target": {"reference": f"Observation/of-{each}"}} for each in (*many, last)]
        answers: list[Answer] = []
        body = observation(OWN, related=related, **elements)
        events = record.since(lambda: answers.append(writer.send("POST", path, body)))
        issues = answers[0].json["issue"]
        codes = [each["code"] for each in issues if each["severity"] == "error"]
        return codes, {event.patient for event in events} - {*many, "own"}

    for path in ("Observation", "Observation/$validate"):
        assert of_whom(path, "other") == (["too-costly"], {"other"})
        assert of_whom(path, "never") == (["not-found"], set())
        assert of_whom(path, "other", status="odd") == (["code-invalid", "too-costly"], {"other"})
        assert of_whom(path, "never", status="odd") == (["code-invalid", "not-found"], set())


def test_l11_a_bound_clients_reference_to_another_patient_is_no_event(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    body = observation(OWN, performer=[{"reference": OTHER}, {"reference": "Patient/never"}])

    events = record.since(lambda: bound(writer).create(body))
    assert outcomes_of(events) == [("own", "4", "bad request")]


def test_l11_a_hundred_patients_are_referred_to_with_an_event_each(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    ids = [f"p{number}" for number in range(100)]
    for each in ids:
        writer.made({**patient(), "id": each})
    links = [{"other": {"reference": f"Patient/{each}"}, "type": "seealso"} for each in ids]

    events = record.since(lambda: writer.made({**patient(), "id": "own", "link": links}))
    assert outcomes_of(events) == sorted((each, "0", "") for each in (*ids, "own"))


def test_l11_what_cannot_be_recorded_of_who_is_referred_to_is_not_answered(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded

    def refuse(operation: str) -> None:
        if operation == "BatchExecuteStatement":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    writer.faults.append(refuse)
    answer = writer.create(observation(OWN, performer=[{"reference": OTHER}]))

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert OTHER not in answer.text
    # The write itself may be done, as after any 503.
    assert [event.patient for event in record.all() if event.interaction == "create"] == ["own"]


def bound(writer: Writer) -> Writer:
    return writer.as_caller(patient="own", identifier_systems=("urn:x",))


def test_promise_9_a_bound_clients_reference_to_a_hidden_resource_is_answered_as_one_to_nothing(
    recorded: tuple[Writer, Record],
) -> None:
    writer, _ = recorded
    writer.made(OF_OTHER_TOO)
    found: list[tuple[object, ...]] = []
    for is_there in (True, False):
        counters = UsageCounters()
        writer.calls.clear()
        answer = replace(bound(writer), quota=Quota(counters, 100_000)).create(REFERRING)
        found.append((answer.status, answer.json, list(writer.calls), counters.charges))
        if is_there:
            assert writer.delete("Encounter/of-other").status == 204

    assert found[0][0] == 422
    assert found[0] == found[1]


def test_promise_9_a_bound_clients_condition_that_too_many_meet_is_of_them(recorded: tuple[Writer, Record]) -> None:
    """With one holder less the deletion would find none."""
    writer, record = recorded
    for number in range(51):
        writer.made({**observation(OTHER), "identifier": MATCHING["identifier"], "id": f"of-other-{number}"})
    assert writer.delete("Observation/of-own").status == 204

    answers: list[Answer] = []
    events = record.since(lambda: answers.append(bound(writer).delete("Observation", CONDITION)))
    assert answers[0].status == 412
    assert outcomes_of(events) == [("other", "4", "compartment")]


def test_promise_9_of_a_condition_that_too_many_meet_those_who_are_read_are_recorded(
    recorded: tuple[Writer, Record],
) -> None:
    """Several meet it, with or without any one of the others."""
    writer, record = recorded
    for number in range(60):
        writer.made({**patient("9434765919"), "id": f"p{number:02}"})

    def create() -> None:
        answers.append(writer.create(patient(), If_None_Exist=f"identifier={NHS_NUMBER}|9434765919"))

    answers: list[Answer] = []
    several = record.since(create)
    unread = next(f"p{number:02}" for number in range(60) if f"p{number:02}" not in {each.patient for each in several})
    assert writer.delete(f"Patient/{unread}").status == 204
    without = record.since(create)

    assert (answers[0].status, len(several)) == (412, 50)
    assert (answers[1].status, answers[1].json) == (answers[0].status, answers[0].json)
    assert {each.patient for each in without} == {each.patient for each in several}


CLOSED: dict[str, tuple[Callable[[Writer], Answer], int, str]] = {
    "patch": (lambda one: one.patch("Observation/of-other", AMEND), 404, "other"),
    "update": (lambda one: one.update({**OF_OWN, "id": "of-other"}), 404, "other"),
    "delete": (lambda one: one.delete("Observation/of-other"), 204, "other"),
    "a patient": (lambda one: one.patch(OTHER, AMEND), 404, "other"),
    "a patient's deletion": (lambda one: one.delete(OTHER), 403, "other"),
    "its own patient's deletion": (lambda one: one.delete(OWN), 403, "own"),
    "its own patient's identifier": (lambda one: one.update({**patient("1"), "id": "own"}), 403, "own"),
    "another system's identifier": (
        lambda one: one.create({**observation(OWN), "identifier": [{"system": "urn:y", "value": "1"}]}),
        403,
        "own",
    ),
    "another system's condition": (lambda one: one.delete("Observation", [("identifier", "urn:y|1")]), 403, ""),
    "a patient on condition": (
        lambda one: one.send("PUT", "Patient", patient(), [("identifier", f"{NHS_NUMBER}|9434765919")]),
        403,
        "",
    ),
    "a body of another's": (lambda one: one.create(observation(OTHER)), 403, "other"),
    "what is nobody's": (lambda one: one.delete("Observation/nobodys"), 204, ""),
    "an update of what is nobody's": (lambda one: one.update({**OF_OWN, "id": "nobodys"}), 404, ""),
    "create on condition": (
        lambda one: one.create(observation(OWN), If_None_Exist="identifier=urn:x|theirs"),
        412,
        "other",
    ),
    "delete on condition": (lambda one: one.delete("Observation", [("identifier", "urn:x|theirs")]), 204, "other"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_is_another_patients_is_refused_for_the_compartment_and_never_the_callers_own(
    recorded: tuple[Writer, Record], name: str
) -> None:
    writer, record = recorded
    nobodys: dict[str, Any] = {**observation(OWN), "id": "nobodys"}
    del nobodys["subject"]
    writer.made(nobodys)
    writer.made({**observation(OTHER), "id": "of-other", "identifier": [{"system": "urn:x", "value": "theirs"}]})
    act, status, whose = CLOSED[name]
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(act(bound(writer))))

    assert answers[0].status == status
    assert outcomes_of(events) == [(whose, "4", "compartment")]


def test_an_identifier_of_a_patient_is_never_in_the_record(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    condition = [("identifier", f"{NHS_NUMBER}|9434765919")]
    writer.made({**patient("9434765919"), "id": "own"})

    (event,) = record.since(lambda: writer.send("PUT", "Patient", patient("9434765919", gender="male"), condition))
    assert (event.patient, event.ids) == ("own", ("Patient/own/_history/3",))
    assert "9434765919" not in str(event)


def test_l_a_write_under_an_nhs_number_is_of_nobody_until_a_patient_has_that_id(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    absent, invalid = f"Patient/{ABSENT_NUMBER}", {**patient(), "id": ABSENT_NUMBER, "gender": "nonsense"}

    def whose(act: Callable[[], object]) -> list[tuple[str, tuple[str, ...]]]:
        return [(each.patient, each.ids) for each in record.since(act)]

    assert whose(lambda: writer.delete(absent)) == [("", ("Patient/***",))]
    assert whose(lambda: writer.update(invalid)) == [("", ("Patient/***",))]
    assert whose(lambda: writer.create(observation(absent))) == [("", ())]
    assert whose(lambda: writer.update({**patient(), "id": ABSENT_NUMBER})) == [
        (ABSENT_NUMBER, (f"{absent}/_history/1",))
    ]
    assert whose(lambda: writer.update(invalid)) == [(ABSENT_NUMBER, (absent,))]
