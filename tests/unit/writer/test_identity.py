"""A client that is bound to a patient takes no identity by its writes (`write.md`, Who may write what)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in

LAB, OWN_SYSTEM = "https://lab.example/results", "urn:readings"
EXTENSION = {"url": "urn:why", "valueString": "x"}
FORBIDDEN = (403, [("forbidden", ())])


def identifier(system: str | None, value: str = "1", **elements: Any) -> dict[str, Any]:
    return ({"system": system} if system else {}) | {"value": value} | elements


def reading(*identifiers: dict[str, Any], **elements: Any) -> Resource:
    return observation("Patient/own", **({"identifier": list(identifiers)} if identifiers else {}), **elements)


OWN: Resource = {
    **patient("9434765919", active=True, gender="female"),
    "id": "own",
    "link": [{"other": {"reference": "Patient/twin"}, "type": "seealso"}],
}
OF_LAB = {**reading(identifier(LAB), identifier(OWN_SYSTEM, "a"), comment="x"), "id": "lab"}
MIXED = [identifier(LAB), identifier(OWN_SYSTEM, "a")]


@pytest.fixture
def bound(writer: Writer) -> Writer:
    """A writer that is bound to one of two patients, and registered for a system."""
    writer.made({**patient(), "id": "twin"})
    writer.made(OWN)
    writer.made(OF_LAB)
    writer.made({**reading(identifier(None)), "id": "nameless"})
    writer.made({**reading(identifier(OWN_SYSTEM, "b")), "id": "mine"})
    return writer.as_caller(patient="own", identifier_systems=(OWN_SYSTEM,))


def versions(writer: Writer) -> list[Any]:
    """Return the version of each resource of the patient's record."""
    page = writer.reader.as_caller().get("Patient/own/$everything", "_count=100").json
    return sorted((each["resource"]["id"], each["resource"]["meta"]["versionId"]) for each in page["entry"])


def without(resource: Resource, name: str) -> Resource:
    return {each: value for each, value in resource.items() if each != name}


def patch(op: str, path: str, value: Any = None) -> dict[str, Any]:
    return {"op": op, "path": path} | ({} if value is None else {"value": value})


REFUSED: dict[str, Callable[[Writer], Answer]] = {
    "a Patient's identifier added": lambda one: one.patch(
        "Patient/own", patch("add", "/identifier/-", identifier(OWN_SYSTEM))
    ),
    "… changed": lambda one: one.update({**OWN, "identifier": patient("9434765870")["identifier"]}),
    "… changed in an extension": lambda one: one.patch(
        "Patient/own", patch("add", "/identifier/0/extension", [EXTENSION])
    ),
    "… removed": lambda one: one.update(without(OWN, "identifier")),
    "a Patient's link added": lambda one: one.update(
        {**OWN, "link": [*OWN["link"], {"other": {"reference": "Patient/twin"}, "type": "refer"}]}
    ),
    "… removed, a link": lambda one: one.patch("Patient/own", patch("remove", "/link")),
    "a Patient's active changed": lambda one: one.update({**OWN, "active": False}),
    "… removed, an active": lambda one: one.update(without(OWN, "active")),
    "… extended": lambda one: one.update({**OWN, "_active": {"extension": [EXTENSION]}}),
    "a Patient's deletion": lambda one: one.delete("Patient/own"),
    "another's deletion": lambda one: one.delete("Patient/twin"),
    "an absent Patient's deletion": lambda one: one.delete("Patient/never"),
    "an identifier created": lambda one: one.create(reading(identifier(LAB, "2"))),
    "… by an update": lambda one: one.update({**reading(identifier(LAB, "2")), "id": "mine"}),
    "… by a patch": lambda one: one.patch("Observation/mine", patch("add", "/identifier/-", identifier(LAB, "2"))),
    "… without a system": lambda one: one.create(reading(identifier(None, "2"))),
    "… of a system that begins likewise": lambda one: one.create(reading(identifier(OWN_SYSTEM + ":x"))),
    "… of a system in other letters": lambda one: one.create(reading(identifier(OWN_SYSTEM.upper()))),
    "an identifier of one's own made another's": lambda one: one.patch(
        "Observation/mine", patch("replace", "/identifier/0/system", LAB)
    ),
    "another's made one's own": lambda one: one.patch(
        "Observation/lab", patch("replace", "/identifier/0/system", OWN_SYSTEM)
    ),
    "another's extended": lambda one: one.update(
        {**OF_LAB, "identifier": [identifier(LAB, extension=[EXTENSION]), MIXED[1]]}
    ),
    "another's removed": lambda one: one.update({**OF_LAB, "identifier": MIXED[1:]}),
    "another's deleted": lambda one: one.delete("Observation/lab"),
    "a nameless one's deleted": lambda one: one.delete("Observation/nameless"),
    "another's deleted, by an own identifier": lambda one: one.delete(
        "Observation", [("identifier", f"{OWN_SYSTEM}|a")]
    ),
    "another's removed, by an own identifier": lambda one: one.send(
        "PUT", "Observation", reading(MIXED[1]), [("identifier", f"{OWN_SYSTEM}|a")]
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_h4_a_change_of_identity_is_403_and_nothing_is_written(bound: Writer, name: str) -> None:
    before = versions(bound)
    answer = REFUSED[name](bound)

    assert (answer.status, issues_in(answer)) == FORBIDDEN
    assert versions(bound) == before
    assert "WriteRefused" in bound.observer.counts


ALLOWED: dict[str, tuple[Callable[[Writer], Answer], int]] = {
    "another element of its Patient": (lambda one: one.update({**OWN, "gender": "other"}), 200),
    "its Patient's elements in another order": (
        lambda one: one.update({**OWN, "identifier": [dict(reversed(each.items())) for each in OWN["identifier"]]}),
        200,
    ),
    "a patch of its Patient": (lambda one: one.patch("Patient/own", patch("replace", "/gender", "other")), 200),
    "another element of the lab's": (lambda one: one.update({**OF_LAB, "status": "amended"}), 200),
    "the lab's in another order": (
        lambda one: one.update({**OF_LAB, "status": "amended", "identifier": MIXED[::-1]}),
        200,
    ),
    "an own identifier beside the lab's": (
        lambda one: one.patch("Observation/lab", patch("replace", "/identifier/1/value", "b")),
        200,
    ),
    "an own one removed": (lambda one: one.update({**OF_LAB, "identifier": MIXED[:1]}), 200),
    "an own one created": (lambda one: one.create(reading(identifier(OWN_SYSTEM, "c"))), 201),
    "one without an identifier": (lambda one: one.create(reading()), 201),
    "its own deleted": (lambda one: one.delete("Observation/mine"), 204),
    "its own deleted by its identifier": (
        lambda one: one.delete("Observation", [("identifier", f"{OWN_SYSTEM}|b")]),
        204,
    ),
    "its own created again": (
        lambda one: one.create(reading(identifier(OWN_SYSTEM, "b")), If_None_Exist=f"identifier={OWN_SYSTEM}|b"),
        200,
    ),
    "a logical reference, a contained resource and an extension": (
        lambda one: one.create(
            reading(
                contained=[{"resourceType": "Device", "id": "d", "identifier": [identifier(LAB)]}],
                performer=[{"identifier": identifier(LAB)}],
                device={"reference": "#d"},
                extension=[{"url": "urn:other", "valueIdentifier": identifier(LAB)}],
            )
        ),
        201,
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_leaves_others_identifiers_as_they_are_may_be_written(bound: Writer, name: str) -> None:
    act, status = ALLOWED[name]

    assert act(bound).status == status


def test_a_stored_reference_to_another_patient_stays_and_none_is_added(bound: Writer) -> None:
    bound.as_caller().made({**patient(), "id": "other"})
    related = [{"target": {"reference": "Observation/of-twin"}}]
    bound.as_caller().made({**observation("Patient/twin"), "id": "of-twin"})
    bound.as_caller().made({**reading(related=related), "id": "related"})

    assert bound.update({**OWN, "gender": "other"}).status == 200
    assert bound.update({**reading(related=related, status="amended"), "id": "related"}).status == 200
    assert bound.update({**reading(related=related), "id": "mine"}).status == 422


def test_what_was_read_as_xml_is_put_back_unchanged(bound: Writer) -> None:
    given = bound.reader.as_caller().get("Patient/own", Accept="application/fhir+xml").text

    changed = given.replace('<gender value="female"', '<gender value="other"')
    assert changed != given
    assert bound.send("PUT", "Patient/own", changed, type_="application/fhir+xml").status == 200


def test_what_another_deleted_is_not_restored_with_anothers_identifier(bound: Writer) -> None:
    assert bound.as_caller().delete("Observation/lab").status == 204

    assert bound.update(OF_LAB).status == 403
    assert bound.update({**OF_LAB, "identifier": MIXED[1:]}).status == 201


@pytest.mark.parametrize("system", [LAB, NHS_NUMBER, "", OWN_SYSTEM + ":x"])
@pytest.mark.parametrize("value", ["1", "never"])
def test_m8_a_condition_on_another_system_is_403_before_anything_is_looked_up(
    bound: Writer, system: str, value: str
) -> None:
    bound.calls.clear()
    condition = [("identifier", f"{system}|{value}")]
    answers = [
        bound.create(reading(), If_None_Exist=f"identifier={system}|{value}"),
        bound.send("PUT", "Observation", reading(), condition),
        bound.delete("Observation", condition),
    ]

    assert [(answer.status, issues_in(answer)) for answer in answers] == [FORBIDDEN] * 3
    assert not bound.calls
    assert bound.send("PUT", "Observation", "no JSON", condition).status == 400


@pytest.mark.parametrize("value", ["9434765919", "9434765870"])
@pytest.mark.parametrize("systems", [(), (NHS_NUMBER,)])
def test_m8_a_condition_on_a_patient_is_403_for_any_system(bound: Writer, systems: tuple[str, ...], value: str) -> None:
    bound = bound.as_caller(patient="own", identifier_systems=systems)
    bound.calls.clear()
    condition = [("identifier", f"{NHS_NUMBER}|{value}")]
    answers = [
        bound.create(patient(value), If_None_Exist=f"identifier={NHS_NUMBER}|{value}"),
        bound.send("PUT", "Patient", OWN, condition),
        bound.delete("Patient", condition),
    ]

    assert [(answer.status, issues_in(answer)) for answer in answers] == [FORBIDDEN] * 3
    assert not bound.calls


def test_h4_what_the_lab_writes_by_its_number_stays_the_labs(bound: Writer) -> None:
    bound.create(reading(identifier(LAB, "new")))
    lab = bound.as_caller()
    result = {**observation("Patient/twin"), "identifier": [identifier(LAB, "new")]}

    assert lab.create(result, If_None_Exist=f"identifier={LAB}|new").status == 201


def test_an_unbound_client_keeps_every_write(bound: Writer) -> None:
    unbound = bound.as_caller()
    other = {**without(OWN, "link"), "active": False, "identifier": patient("9434765870")["identifier"]}

    assert unbound.update(other).status == 200
    assert unbound.send("PUT", "Patient", OWN, [("identifier", f"{NHS_NUMBER}|9434765870")]).status == 200
    assert unbound.delete("Observation/lab").status == 204


def test_a_refusal_repeats_no_identifier(bound: Writer) -> None:
    texts = [act(bound).text for act in REFUSED.values()]

    for secret in ("9434765919", "9434765870", LAB, OWN_SYSTEM):
        assert secret not in json.dumps(texts)
