"""The events that follow from what a request comes to know of itself: one a patient, or one in all."""

import pytest

from careconnect.access_record.access import NOBODY, Access
from careconnect.access_record.event import Action, Outcome
from careconnect.access_record.record import DigestKeyError, RecordNotKeptError
from careconnect.outcomes import (
    around_the_front,
    expired_token,
    insufficient_scope,
    internal,
    invalid_request,
    not_found,
    out_of_compartment,
)
from careconnect.refusal import RefusalError
from careconnect_testing.access_records import KeptEvents, digest_for_tests


def access(kept: KeptEvents) -> Access:
    return Access(kept, lambda: 1_795_676_953.0, "tested", digest_for_tests, "client-1", "client-1", "a-jti")


def told(kept: KeptEvents) -> list[tuple[str, str, str]]:
    return sorted((event.patient, event.outcome.value, event.why) for event in kept.told)


def test_each_patient_disclosed_is_one_event() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.asks("search-type", Action.READ, "Observation", parameters=[("identifier", "secret"), ("code", "1")])
    request.discloses(["4", "5", "4"])
    request.close(200, None)

    assert told(kept) == [("4", "0", ""), ("5", "0", "")]
    event = kept.events[0]
    assert (event.interaction, event.action, event.type) == ("search-type", "R", "Observation")
    assert event.query == "identifier=digest-of-6&code=1"
    assert (event.client_id, event.subject, event.jti, event.service) == ("client-1", "client-1", "a-jti", "tested")
    assert event.status == 200


def test_a_request_that_disclosed_nobody_is_one_event_too() -> None:
    kept = KeptEvents()
    access(kept).close(200, None)

    assert told(kept) == [("", "0", "")]


def test_what_was_begun_is_not_kept_again() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.names("4")
    request.begin()
    request.begin(["4", "5"])
    request.discloses(["4", "5"])
    request.close(200, None)

    assert kept.steps == ["begin 1", "begin 1"]
    assert told(kept) == [("4", "0", ""), ("5", "0", "")]


def test_nothing_is_begun_for_nobody() -> None:
    kept = KeptEvents()
    access(kept).begin()

    assert kept.steps == []


def test_who_is_named_is_told_of_though_nothing_was_found() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.names("4")
    request.close(200, None)

    assert told(kept) == [("4", "0", "")]


def test_who_was_not_told_of_after_all_is_corrected() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.begin(["4", "5"])
    request.discloses(["4"])
    request.close(200, None)

    assert told(kept) == [("4", "0", ""), ("5", "4", "not disclosed")]
    assert len(kept.events) == 3


@pytest.mark.parametrize(
    ("refusal", "outcome", "why"),
    [
        (insufficient_scope("user/Patient.read"), "4", "scope"),
        (expired_token(), "4", "token"),
        (invalid_request("No."), "4", "bad request"),
        (not_found(), "4", "not found"),
        (around_the_front(), "4", "front"),
        (internal(), "8", "error"),
    ],
)
def test_a_refusal_says_what_came_of_it_and_why(refusal: RefusalError, outcome: str, why: str) -> None:
    for begins in (False, True):
        kept = KeptEvents()
        request = access(kept)
        request.names("4")
        if begins:
            request.begin(["6"])
        request.discloses(["7"])
        request.close(refusal.status, refusal)

        expected = [("4", outcome, why), *([("6", outcome, why)] if begins else [])]
        assert told(kept) == expected
        assert kept.told[0].status == refusal.status


def test_a_refusal_names_those_whose_record_it_kept_closed() -> None:
    kept = KeptEvents()
    access(kept).close(404, out_of_compartment(("9",)))

    assert told(kept) == [("9", "4", "compartment")]


MADE = "Patient/4/_history/2"


def test_the_events_of_a_write_are_kept_within_its_transaction_and_not_again() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.names("4")
    first = request.put_actions(["4"], 201, MADE)
    second = request.put_actions(["4"], 201, MADE)
    request.committed(["4"], MADE)
    request.close(201, None)

    assert first != second
    item = second[0]["Put"]["Item"]
    assert (item["status"], item["ids"]) == ({"N": "201"}, {"S": MADE})
    assert kept.events == []


def test_a_write_of_nobodys_record_is_one_event_in_its_transaction() -> None:
    kept = KeptEvents()
    request = access(kept)

    assert "patient" not in request.put_actions([], 201, MADE)[0]["Put"]["Item"]
    request.committed([], MADE)
    request.close(201, None)
    assert kept.events == []


def test_a_write_that_did_not_come_about_is_told_of_by_what_refused_it() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.names("4")
    request.put_actions(["4"], 201, MADE)
    request.close(503, internal())

    assert told(kept) == [("4", "8", "error")]


def test_of_a_write_whose_end_is_not_known_only_one_of_two_events_can_be_put() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.finds(["Observation/1"], ["4", "5"])
    within = [
        each["Put"]["Item"]["sk"]["S"] for each in request.put_actions(["4", "5"], 201, "Observation/1/_history/2")
    ]
    request.close(503, internal())

    assert [event.id for event in kept.events] == within
    assert [(event.patient, event.ids) for event in kept.events] == [
        ("4", ("Observation/1",)),
        ("5", ("Observation/1",)),
    ]


def test_a_write_that_was_done_stays_done_whatever_becomes_of_its_answer() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.names("4")
    request.put_actions(["4"], 201, MADE)
    request.committed(["4"], MADE)
    request.close(500, internal())

    assert kept.events == []


def test_a_refusal_that_names_nobody_tells_of_whom_the_request_was_found_to_be_about_last() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.finds(["Observation/1"], ["4"])
    request.put_actions(["4"], 200, "Observation/1/_history/2")
    request.finds(["Observation/1"], ["5"])
    request.close(409, RefusalError(409, "conflict", "No."))

    assert told(kept) == [("5", "4", "conflict")]


def test_a_refusal_that_names_somebody_tells_of_nobody_else() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.finds([], ["own"])
    request.close(404, out_of_compartment(("other",)))

    assert told(kept) == [("other", "4", "compartment")]


@pytest.mark.parametrize("patients", [("9",), ()])
def test_what_is_kept_closed_by_an_answer_as_of_nothing_is_no_access_that_was_granted(
    patients: tuple[str, ...],
) -> None:
    kept = KeptEvents()
    request = access(kept)
    request.withholds(patients)
    request.close(204, None)

    assert told(kept) == [(patients[0] if patients else "", "4", "compartment")]


@pytest.mark.parametrize("fails_open", [False, True])
def test_a_write_goes_without_its_events_once_and_only_where_the_record_may_fail(fails_open: bool) -> None:
    kept = KeptEvents()
    request = access(kept)
    request.fails_open = fails_open

    assert request.goes_without() is fails_open
    assert not request.goes_without()
    assert (request.put_actions(["4"], 201, MADE) == []) is fails_open
    if fails_open:
        request.committed(["4"], MADE)
        request.close(201, None)
        assert [(event.patient, event.ids) for event in kept.events] == [("4", (MADE,))]


def test_what_cannot_be_kept_is_said_at_the_end() -> None:
    kept = KeptEvents(fault="ThrottlingException")
    request = access(kept)
    request.begin(["4"])
    request.discloses(["4"])

    with pytest.raises(RecordNotKeptError, match="ThrottlingException"):
        request.close(200, None)


def test_without_a_key_to_digest_with_nothing_is_begun_and_the_end_says_so() -> None:
    def no_key(_value: str) -> str:
        raise DigestKeyError("AccessDeniedException")

    kept = KeptEvents()
    request = access(kept)
    request.digest = no_key
    request.asks("search-type", Action.READ, "Patient", parameters=[("identifier", "1")])
    request.begin(["4"])

    with pytest.raises(DigestKeyError):
        request.close(200, None)
    assert kept.events == []


def test_a_function_without_a_record_keeps_nothing_and_digests_nothing() -> None:
    request = Access()
    request.names("4")
    request.begin(["4"])
    assert request.put_actions(["4"], 200, MADE) == []
    request.close(200, None)
    assert request.digest("1") == "left-out"


def test_what_the_endpoint_did_not_say_is_said_by_the_method() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.close(404, not_found())

    assert (kept.events[0].interaction, kept.events[0].action, kept.events[0].outcome) == (
        "unknown",
        Action.READ,
        Outcome.REFUSED,
    )


def test_a_request_of_nobody_may_be_begun_and_is_not_kept_again() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.begin([NOBODY])
    request.discloses([NOBODY])
    request.close(200, None)

    assert kept.steps == ["begin 1"]
    assert told(kept) == [("", "0", "")]


def test_a_remark_tells_more_of_what_was_done_and_not_of_what_was_refused() -> None:
    kept = KeptEvents()
    for refusal in (None, invalid_request("x")):
        request = access(kept)
        request.remark = "inactive"
        request.close(refusal.status if refusal else 200, refusal)

    assert told(kept) == [("", "0", "inactive"), ("", "4", "bad request")]


def test_a_remark_on_what_was_begun_is_its_correction() -> None:
    kept = KeptEvents()
    request = access(kept)
    request.begin([NOBODY])
    request.discloses([NOBODY])
    request.remark = "inactive"
    request.close(200, None)

    assert kept.steps == ["begin 1", "keep 1"]
    assert [event.is_correction for event in kept.events] == [False, True]
    assert told(kept)[-1] == ("", "0", "inactive")
