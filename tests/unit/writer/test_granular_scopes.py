"""What scopes with a suffix let a client write, and what its answers tell of the rest (`write.md`, Granular scopes)."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.running.bundle_service import Bundles, entry, transaction

OWN: Final = "Patient/own"
LAB: Final = "user/Observation.cruds?category=laboratory"
IDENTIFIER: Final = {"system": "urn:x", "value": "1"}
CONDITION: Final = "identifier=urn:x|1"
COMMENT: Final = {"op": "add", "path": "/comment", "value": "seen"}


def of(category: str, id_: str = "", **elements: Any) -> Resource:
    """Return an observation of a category."""
    own = {"id": id_} if id_ else {}
    return {**observation(OWN, category=[{"coding": [{"system": "urn:c", "code": category}]}], **elements), **own}


def become(category: str) -> dict[str, Any]:
    """Return the operation of a patch that changes the category."""
    return {"op": "replace", "path": "/category/0/coding/0/code", "value": category}


@pytest.fixture
def stored(writer: Writer) -> Writer:
    """Writers of a patient's record with a laboratory result, vital signs, and a result that is deleted."""
    writer.made({**patient(), "id": "own"})
    writer.made(of("laboratory", "lab", identifier=[IDENTIFIER]))
    writer.made(of("vital-signs", "vital"))
    writer.made(of("laboratory", "gone"))
    assert writer.delete("Observation/gone").status == 204
    return writer


@pytest.fixture
def lab(stored: Writer) -> Writer:
    """The same for a client that may do all with laboratory results, and nothing else."""
    return stored.as_caller(LAB)


def needed(answer: Answer) -> str:
    """Return the scope that a 403 names."""
    assert (answer.status, answer.issue["code"]) == (403, "forbidden"), answer.text
    return answer.headers["WWW-Authenticate"].partition('scope="')[2].rstrip('"')


def versions(writer: Writer) -> dict[str, Any]:
    """Return each observation that there is with its version."""
    found = writer.reader.get("Observation").json.get("entry", [])
    return {each["resource"]["id"]: each["resource"]["meta"]["versionId"] for each in found}


def test_within_its_suffix_a_client_writes_and_is_shown_what_it_wrote(lab: Writer) -> None:
    made = lab.create(of("laboratory"))
    assert (made.status, made.json["category"][0]["coding"][0]["code"]) == (201, "laboratory")

    id_ = made.json["id"]
    assert lab.update(of("laboratory", id_, comment="x")).json["comment"] == "x"
    assert lab.patch(f"Observation/{id_}", {**COMMENT, "op": "replace"}).json["comment"] == "seen"
    assert lab.delete(f"Observation/{id_}").status == 204
    assert id_ not in versions(lab.as_caller())


def test_a_body_that_c_does_not_open_is_403_and_nothing_is_looked_up_or_written(lab: Writer) -> None:
    before = versions(lab.as_caller())
    lab.calls.clear()

    assert needed(lab.create(of("vital-signs"))) == "user/Observation.c"
    assert needed(lab.create(observation(OWN))) == "user/Observation.c"
    assert not {"TransactWriteItems", "BatchGetItem"} & set(lab.calls)
    assert versions(lab.as_caller()) == before


def test_an_invalid_body_is_told_its_faults_before_its_scope(lab: Writer) -> None:
    answer = lab.create({**of("vital-signs"), "status": "odd"})

    assert (answer.status, answer.issue["expression"]) == (422, ["Observation.status"])


HIDDEN: Final[dict[str, Callable[[Writer, str], Answer]]] = {
    "a PUT": lambda lab, id_: lab.update(of("laboratory", id_)),
    "a PUT of what u does not open either": lambda lab, id_: lab.update(of("vital-signs", id_)),
    "a PUT with If-Match": lambda lab, id_: lab.update(of("laboratory", id_), If_Match='W/"1"'),
    "a PUT with another If-Match": lambda lab, id_: lab.update(of("laboratory", id_), If_Match='W/"7"'),
    "a PATCH": lambda lab, id_: lab.patch(f"Observation/{id_}", become("laboratory")),
    "a PATCH with If-Match": lambda lab, id_: lab.patch(f"Observation/{id_}", COMMENT, If_Match='W/"1"'),
    "a PATCH that fails": lambda lab, id_: lab.patch(f"Observation/{id_}", {"op": "remove", "path": "/nothing"}),
    "a DELETE": lambda lab, id_: lab.delete(f"Observation/{id_}"),
    "a DELETE with If-Match": lambda lab, id_: lab.delete(f"Observation/{id_}", If_Match='W/"7"'),
}


@pytest.mark.parametrize("ask", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("id_", ["vital", "gone"])
def test_what_is_not_opened_and_what_is_deleted_are_answered_as_what_never_was(
    lab: Writer, ask: Callable[[Writer, str], Answer], id_: str
) -> None:
    before = versions(lab.as_caller())
    lab.calls.clear()
    answer, calls = ask(lab, id_), list(lab.calls)
    lab.calls.clear()
    absent = ask(lab, "never")

    assert (answer.status, answer.text, answer.headers) == (absent.status, absent.text, absent.headers)
    assert answer.status in (404, 204)
    assert calls == lab.calls
    assert versions(lab.as_caller()) == before


def test_another_new_version_is_403_and_the_stored_one_stays(lab: Writer) -> None:
    before = versions(lab.as_caller())

    assert needed(lab.update(of("vital-signs", "lab"))) == "user/Observation.u"
    assert needed(lab.update(of("vital-signs", "lab"), If_Match='W/"1"')) == "user/Observation.u"
    assert needed(lab.patch("Observation/lab", become("vital-signs"))) == "user/Observation.u"
    assert versions(lab.as_caller()) == before


def test_a_patch_takes_r_on_the_stored_version_too(stored: Writer) -> None:
    vital = stored.as_caller("user/Observation.u user/Observation.r?category=laboratory")

    assert vital.patch("Observation/lab", COMMENT).status == 200
    assert needed(vital.patch("Observation/vital", COMMENT)) == "user/Observation.r"
    assert vital.update(of("vital-signs", "vital", comment="x")).status == 200


def test_a_patch_that_is_not_valid_is_told_its_faults_and_not_its_scope(lab: Writer) -> None:
    answer = lab.patch("Observation/lab", {"op": "replace", "path": "/category", "value": 5})

    assert answer.status == 422


def test_letters_without_a_suffix_are_as_ever_beside_limited_ones(stored: Writer) -> None:
    mixed = stored.as_caller("user/Observation.cu user/Observation.d?category=laboratory user/Observation.rs?status=x")

    assert mixed.create(of("vital-signs")).status == 201
    assert mixed.update(of("vital-signs", "new")).status == 201
    assert mixed.update(of("laboratory", "gone")).status == 201
    assert mixed.delete("Observation/new").status == 204
    assert "new" in versions(stored)
    assert mixed.delete("Observation/gone").status == 204
    assert "gone" not in versions(stored)


def test_several_scopes_add_up(stored: Writer) -> None:
    two = stored.as_caller(
        "user/Observation.u?category=laboratory user/Observation.u?category=vital-signs&status=final"
    )

    assert two.update(of("laboratory", "vital")).status == 200
    assert needed(two.update({**of("vital-signs", "vital"), "status": "amended"})) == "user/Observation.u"
    assert two.update(of("vital-signs", "vital")).status == 200


@pytest.mark.parametrize("prefer", ["return=representation", "return=minimal", "return=OperationOutcome"])
@pytest.mark.parametrize(("letters", "shown"), [("r?category=laboratory", False), ("r?category=vital-signs", True)])
def test_an_answer_shows_what_r_opens_of_the_new_version(
    stored: Writer, letters: str, shown: bool, prefer: str
) -> None:
    client = stored.as_caller(f"user/Observation.cu user/Observation.{letters}")
    answers = [
        client.create(of("vital-signs"), Prefer=prefer),
        client.update(of("vital-signs", "lab"), Prefer=prefer),
        # Nothing changes.
        client.update(of("vital-signs", "lab"), Prefer=prefer),
    ]

    assert [each.status for each in answers] == [201, 200, 200]
    for each in answers:
        assert each.headers["ETag"]
        assert "/_history/" in each.headers["Location"]
        assert bool(each.text) is (shown and prefer != "return=minimal")


CONDITIONS: Final[dict[str, tuple[str, Callable[[Writer], Answer]]]] = {
    "c": ("c", lambda client: client.create(of("laboratory"), If_None_Exist=CONDITION)),
    "u": ("u", lambda client: client.send("PUT", "Observation", of("laboratory"), CONDITION)),
    "d": ("d", lambda client: client.delete("Observation", CONDITION)),
}


@pytest.mark.parametrize(("letter", "ask"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_takes_s_and_its_letter_without_a_suffix(
    stored: Writer, letter: str, ask: Callable[[Writer], Answer]
) -> None:
    suffix = "?category=laboratory"
    before = versions(stored)

    both = stored.as_caller(f"system/Observation.cruds{suffix}")
    assert needed(ask(both)) == "system/Observation.s"
    searches = stored.as_caller(f"user/Observation.cruds{suffix} user/Observation.s")
    assert needed(ask(searches)) == f"user/Observation.{letter}"
    writes = stored.as_caller(f"user/Observation.cruds{suffix} user/Observation.{letter}")
    assert needed(ask(writes)) == "user/Observation.s"
    assert versions(stored) == before

    searched = "".join(each for each in "cruds" if each in f"{letter}s")
    unlimited = stored.as_caller(f"user/Observation.r{suffix} user/Observation.{searched}")
    assert ask(unlimited).status in (200, 204)


def test_a_conditional_create_shows_its_match_only_if_r_opens_it(stored: Writer) -> None:
    for category, shown in (("laboratory", True), ("vital-signs", False)):
        client = stored.as_caller(f"user/Observation.cs user/Observation.r?category={category}")
        answer = client.create(of("vital-signs"), If_None_Exist=CONDITION)
        assert (answer.status, bool(answer.text)) == (200, shown)


def test_a_409_names_no_type_of_which_the_token_may_not_read_or_search_all(stored: Writer) -> None:
    stored.made(
        of("vital-signs", "refers", related=[{"type": "has-member", "target": {"reference": "Observation/vital"}}])
    )

    def told(scope: str) -> str:
        answer = stored.as_caller(f"user/Observation.d {scope}").delete("Observation/vital")
        assert answer.status == 409
        return answer.diagnostics

    assert "types: Observation." in told("user/Observation.r")
    assert "types: Observation." in told("user/Observation.r?category=laboratory user/Observation.s")
    assert "none that the token may read or search, and others" in told("user/Observation.rs?category=vital-signs")


def test_a_bound_client_with_a_suffix_is_limited_by_both(stored: Writer) -> None:
    stored.made({**patient(), "id": "other"})
    stored.made({**of("laboratory", "others"), "subject": {"reference": "Patient/other"}})
    scope = "patient/Observation.cruds?category=laboratory"
    bound = stored.as_caller(scope, patient="own", identifier_systems=("urn:x",))

    for id_ in ("others", "vital", "never", "gone"):
        assert bound.update(of("laboratory", id_)).status == 404
        assert bound.delete(f"Observation/{id_}").status == 204
    assert bound.update(of("laboratory", "lab")).status == 200
    assert needed(bound.create(of("vital-signs"))) == "patient/Observation.c"


def test_a_correction_that_moves_to_another_patient_is_a_put(stored: Writer) -> None:
    stored.made({**patient(), "id": "other"})
    lab = stored.as_caller(LAB)

    assert lab.update({**of("laboratory", "lab"), "subject": {"reference": "Patient/other"}}).status == 200
    moved = {"subject": {"reference": "Patient/other"}}
    assert needed(lab.update({**of("vital-signs", "lab"), **moved})) == "user/Observation.u"
    assert lab.update({**of("laboratory", "vital"), **moved}).status == 404


def test_u_is_judged_on_the_version_that_is_replaced(stored: Writer) -> None:
    """Another client takes the resource out of the suffix after it was read, and before the write commits."""
    lab, other = stored.as_caller(LAB), stored.as_caller()
    met: list[str] = []

    def overtake(operation: str) -> None:
        if operation == "TransactWriteItems" and not met:
            met.append(operation)
            assert other.update(of("vital-signs", "lab")).status == 200

    lab.faults.append(overtake)
    answer = lab.update(of("laboratory", "lab", comment="x"))
    lab.faults.clear()

    assert (answer.status, met) == (404, ["TransactWriteItems"])
    assert versions(stored)["lab"] == "2"


# --- $validate


def judged(writer: Writer, path: str, body: Resource | None, mode: str = "") -> list[tuple[str, str]]:
    """Return the code and the place of each issue that `$validate` tells, other than warnings."""
    answer = writer.send("POST", f"{path}/$validate", body, [("mode", mode)] if mode else [])
    assert answer.status == 200, answer.text
    issues = [each for each in answer.json["issue"] if each["severity"] != "warning"]
    return [(each["code"], each.get("expression", [""])[0]) for each in issues]


ACCEPTED: Final = [("informational", "")]


def test_validate_says_of_each_write_what_it_would_be_answered(lab: Writer) -> None:
    lab = lab.as_caller(f"{LAB} user/Patient.r")

    assert judged(lab, "Observation", of("laboratory")) == ACCEPTED
    assert judged(lab, "Observation", of("vital-signs")) == [("forbidden", "")]
    assert judged(lab, "Observation/lab", of("laboratory", "lab")) == ACCEPTED
    assert judged(lab, "Observation/lab", of("vital-signs", "lab")) == [("forbidden", "")]
    for id_ in ("vital", "gone", "never"):
        assert judged(lab, f"Observation/{id_}", of("laboratory", id_)) == [("not-found", "")]
        assert judged(lab, f"Observation/{id_}", None, "delete") == [("suppressed", "")]
    assert judged(lab, "Observation/lab", None, "delete") == [("suppressed", "")]


def test_validate_tells_of_a_reference_only_what_r_opens(stored: Writer) -> None:
    client = stored.as_caller(
        "user/Observation.cu user/Observation.r?category=laboratory user/Patient.r user/Encounter.r"
    )

    def referring(*ids: str, id_: str = "") -> Resource:
        targets = [{"type": "has-member", "target": {"reference": f"Observation/{each}"}} for each in ids]
        return of("vital-signs", id_, related=targets)

    assert judged(client, "Observation", referring("lab")) == ACCEPTED
    untold = [("suppressed", f"Observation.related[{place}].target") for place in range(3)]
    assert judged(client, "Observation", referring("vital", "never", "gone")) == untold
    stored.made(referring("vital", id_="refers"))
    assert judged(client, "Observation/refers", referring("vital", id_="refers")) == untold[:1]
    whole = stored.as_caller("user/*.cruds")
    assert [code for code, _ in judged(whole, "Observation", referring("vital", "never", "gone"))] == ["not-found"] * 2


def test_validate_of_a_deletion_names_no_type_of_which_r_opens_a_part(stored: Writer) -> None:
    encounter = stored.made({"resourceType": "Encounter", "status": "finished", "subject": {"reference": OWN}})
    path = f"Encounter/{encounter['id']}"
    stored.made(of("vital-signs", "refers", context={"reference": path}))

    client = stored.as_caller("user/Encounter.d user/Observation.r?category=laboratory")
    assert judged(client, path, None, "delete") == [("suppressed", "")]
    client = stored.as_caller("user/Encounter.d user/Observation.r")
    assert judged(client, path, None, "delete") == [("conflict", "")]


def test_validate_tells_a_bound_client_nothing_of_another_record_by_its_suffix(stored: Writer) -> None:
    stored.made({**patient(), "id": "other"})
    stored.made({**of("laboratory", "others"), "subject": {"reference": "Patient/other"}})
    bound = stored.as_caller("patient/Observation.cr?category=laboratory patient/Patient.r", patient="own")

    def told(id_: str) -> list[tuple[str, str]]:
        related = [{"type": "has-member", "target": {"reference": f"Observation/{id_}"}}]
        return judged(bound, "Observation", of("laboratory", related=related))

    assert told("others") == told("never") == [("suppressed", "Observation.related[0].target")]


def test_validate_judges_by_the_letter_that_opens_it_if_the_token_has_not_the_writes_own(stored: Writer) -> None:
    creates = stored.as_caller("user/Observation.c?category=laboratory")

    assert judged(creates, "Observation/vital", of("laboratory", "vital")) == judged(
        creates, "Observation/never", of("laboratory", "never")
    )


BROKEN: Final[Resource] = {"resourceType": "Condition", "id": "broken", "subject": {"reference": OWN}}
"""Breaks con-3."""


def test_validate_tells_an_invariant_that_is_broken_already_only_to_whom_the_stored_version_is_open(
    stored: Writer,
) -> None:
    stored.loaded({**BROKEN, "severity": {"coding": [{"code": "mild"}]}})

    def is_told(scope: str) -> bool:
        answer = stored.as_caller(scope).send("POST", "Condition/broken/$validate", BROKEN)
        return any((each["severity"], each["code"]) == ("warning", "invariant") for each in answer.json["issue"])

    assert is_told("user/Condition.u")
    assert is_told("user/Condition.c user/Condition.r?severity=mild")
    assert not is_told("user/Condition.c user/Condition.r?severity=severe")


# --- Bundles


def test_entries_of_a_batch_are_answered_as_alone(lab: Writer) -> None:
    statuses = [
        each["response"]["status"][:3]
        for each in Bundles(lab).batch(
            entry("POST", "Observation", of("laboratory")),
            entry("POST", "Observation", of("vital-signs")),
            entry("PUT", "Observation/lab", of("vital-signs", "lab")),
            entry("PUT", "Observation/vital", of("laboratory", "vital")),
            entry("DELETE", "Observation/vital"),
            entry("DELETE", "Observation/lab"),
        )
    ]

    assert statuses == ["201", "403", "403", "404", "204", "204"]
    assert "vital" in versions(lab.as_caller())


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry("POST", "Observation", of("vital-signs")), 403),
        (entry("PUT", "Observation/lab", of("vital-signs", "lab")), 403),
        (entry("PUT", "Observation/vital", of("laboratory", "vital")), 404),
        (entry("PUT", "Observation/never", of("laboratory", "never")), 404),
    ],
)
def test_an_entry_of_a_transaction_that_is_not_opened_refuses_it_and_is_named(
    lab: Writer, bad: dict[str, Any], status: int
) -> None:
    before = versions(lab.as_caller())
    answer = Bundles(lab).send(transaction(entry("POST", "Observation", of("laboratory")), bad))

    assert answer.status == status
    assert answer.issue["expression"] == ["Bundle.entry[1]"]
    assert versions(lab.as_caller()) == before


def test_a_transaction_deletes_nothing_of_what_d_does_not_open_and_shows_what_r_opens(stored: Writer) -> None:
    client = stored.as_caller("user/Observation.cud?category=laboratory user/Observation.rs?status=amended")
    entries = Bundles(client).transaction(
        entry("DELETE", "Observation/vital"),
        entry("PUT", "Observation/lab", of("laboratory", "lab", comment="x")),
        entry("POST", "Observation", {**of("laboratory"), "status": "amended"}),
    )

    assert [each["response"]["status"][:3] for each in entries] == ["204", "200", "201"]
    assert ["resource" in each for each in entries] == [False, False, True]
    assert "vital" in versions(stored)


def test_a_conditional_reference_takes_s_of_its_type_without_a_suffix(stored: Writer) -> None:
    related = [{"type": "has-member", "target": {"reference": f"Observation?{CONDITION}"}}]
    wanted = transaction(entry("POST", "Observation", of("laboratory", related=related)))

    refused = Bundles(stored.as_caller(f"{LAB} user/Patient.r")).send(wanted)
    assert needed(refused) == "user/Observation.s"
    assert refused.issue["expression"] == ["Bundle.entry[0].resource.related[0].target"]
    assert Bundles(stored.as_caller(f"{LAB} user/Observation.s")).send(wanted).status == 200


# --- the audit trail


def since(writer: Writer, act: Callable[[Writer], Answer]) -> list[tuple[str, str, str, int, str]]:
    """Return of each event of a write: the patient, outcome, reason, status and scope."""
    recorded, record = with_record(writer)
    found = record.since(lambda: act(recorded))
    return sorted((each.patient, each.outcome.value, each.why, each.status, each.scope) for each in found)


def test_an_event_names_the_first_scope_with_a_suffix_that_opened_the_write(stored: Writer) -> None:
    both = f"user/Observation.cud?status=final {LAB}"
    allowed = ("own", "0", "", 0, both.partition(" ")[0])
    client = stored.as_caller(both)

    assert since(client, lambda each: each.create(of("laboratory"))) == [allowed]
    assert since(client, lambda each: each.update(of("laboratory", "lab", comment="x"))) == [allowed]
    amended = {**of("laboratory", "lab"), "status": "amended"}
    assert since(client, lambda each: each.update(amended)) == [allowed]
    assert since(client, lambda each: each.delete("Observation/lab")) == [("own", "0", "", 0, LAB)]
    assert since(stored.as_caller(f"{LAB} user/Observation.c"), lambda each: each.create(of("a"))) == [
        ("own", "0", "", 0, "")
    ]


def test_a_transaction_names_all_scopes_that_opened_its_entries(stored: Writer) -> None:
    scopes = "user/Observation.c?status=amended", "user/Observation.u?status=final", "user/Observation.c?status=final"
    events = since(
        stored.as_caller(" ".join(scopes)),
        lambda each: Bundles(each).send(
            transaction(
                entry("PUT", "Observation/lab", of("laboratory", "lab", comment="x")),
                entry("POST", "Observation", of("laboratory")),
            )
        ),
    )

    assert [event[:4] for event in events] == [("own", "0", "", 0)]
    assert set(events[0][4].split()) == {scopes[1], scopes[2]}


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (lambda lab: lab.update(of("laboratory", "others")), 404),
        (lambda lab: lab.patch("Observation/others", COMMENT), 404),
        (lambda lab: lab.delete("Observation/others"), 204),
    ],
)
def test_what_a_suffix_hides_is_an_event_of_whose_it_is_refused_for_the_scope(
    stored: Writer, act: Callable[[Writer], Answer], status: int
) -> None:
    stored.made({**patient(), "id": "other"})
    stored.made({**of("vital-signs", "others"), "subject": {"reference": "Patient/other"}})

    assert since(stored.as_caller(LAB), act) == [("other", "4", "scope", status, "")]


def test_a_new_version_that_is_not_opened_is_an_event_of_whom_it_is_about(lab: Writer) -> None:
    refused = ("own", "4", "scope", 403)

    assert [event[:4] for event in since(lab, lambda each: each.create(of("a")))] == [refused]
    assert [event[:4] for event in since(lab, lambda each: each.update(of("a", "lab")))] == [refused]
