"""Searches of the audit trail: their results, the order of these, and the callers (`audit.md`, Asked in FHIR)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from careconnect.storage.quota import UNITS_PER_MINUTE, Quota
from careconnect.storage.read_charges import UNITS_PER_CHARGE
from careconnect_testing.aws.altered import Altered
from careconnect_testing.parts.auditor import FHIR_BASE, KEPT, NOW, Auditor, an_event
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.fhir_models import valid_json, valid_xml

IDS = [event.id for event in sorted(KEPT, key=lambda event: event.id, reverse=True)]
TOKEN, REFUSED, OF_FIVE, OBSERVATION, READ, UPDATE, OLD = range(7)


def places(ids: list[str]) -> list[int]:
    """Return the positions of ids among the stored events, newest first."""
    return [IDS.index(id_) for id_ in ids]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("patient=4", [REFUSED, OBSERVATION, READ, UPDATE]),
        ("patient=Patient/4", [REFUSED, OBSERVATION, READ, UPDATE]),
        (f"patient={FHIR_BASE}/Patient/4", [REFUSED, OBSERVATION, READ, UPDATE]),
        ("patient:Patient=5", [OF_FIVE, OLD]),
        ("patient=4,5", [REFUSED, OF_FIVE, OBSERVATION, READ, UPDATE, OLD]),
        ("patient=4&patient=5", []),
        ("patient=nobody", []),
        ("patient=Observation/o1", []),
        ("patient:missing=true", [TOKEN]),
        ("patient:missing=false&user=client-2", [OF_FIVE]),
        ("user=client-2", [TOKEN, OF_FIVE]),
        ("user=client-2,client-1&patient=5", [OF_FIVE, OLD]),
        ("user:not=client-1", [TOKEN, OF_FIVE]),
        ("action=U", [UPDATE]),
        ("action=http://hl7.org/fhir/audit-event-action|E", [TOKEN]),
        ("action=http://elsewhere|E", []),
        ("outcome=4,8", [REFUSED, UPDATE]),
        ("outcome=0&patient=4", [OBSERVATION, READ]),
        ("entity=Patient/4", [REFUSED, OBSERVATION, READ, UPDATE]),
        ("entity=Observation/o1", [OBSERVATION]),
        ("entity:Observation=o5", []),
        ("entity:Observation=o5&date=ge2026-11-15", [OLD]),
        ("entity=o1", [OBSERVATION]),
        ("entity=Patient/4&outcome=8", [UPDATE]),
        ("date=2026-11-26", [TOKEN, REFUSED, OF_FIVE, OBSERVATION, READ]),
        ("date=2026-11-25", [UPDATE]),
        ("date=lt2026-11-26", [UPDATE]),
        ("date=eb2026-11-25", []),
        ("date=eb2026-11-25&date=sa2026-11-14", [OLD]),
        ("date=le2026-11-25", [UPDATE]),
        ("date=gt2026-11-25", [TOKEN, REFUSED, OF_FIVE, OBSERVATION, READ]),
        ("date=sa2026-11-26", []),
        ("date=ne2026-11-26&date=ge2026-11-20", [UPDATE]),
        ("date=ge2026-11-26T11:57:00Z&date=le2026-11-26T11:58:00Z", [REFUSED, OF_FIVE]),
        ("date=2026-11-16,2026-11-25", [UPDATE, OLD]),
        ("date=ap2026-11-26T11:59:00Z", [TOKEN]),
        ("date=2026-11-25&date=2026-11-26", []),
        ("date:missing=false&action=U", [UPDATE]),
        ("date=ge9999-12-31", []),
        ("date=le0001", []),
        ("date=ge1900&patient=5", [OF_FIVE, OLD]),
        ("_sort=-date&patient=5", [OF_FIVE, OLD]),
    ],
)
def test_what_a_search_finds_newest_first(auditor: Auditor, query: str, found: list[int]) -> None:
    answer = auditor.get("AuditEvent", query)

    assert answer.status == 200, answer.text
    assert places(answer.ids()) == found
    assert answer.total == len(found)
    assert not answer.link("next")


@pytest.mark.parametrize("number", range(len(IDS)))
def test_an_id_finds_one(auditor: Auditor, number: int) -> None:
    assert auditor.get("AuditEvent", f"_id={IDS[number]}").ids() == [IDS[number]]


def test_ids_find_those_that_there_are(auditor: Auditor) -> None:
    absent = an_event(NOW, 99).id

    assert auditor.get("AuditEvent", f"_id={IDS[5]},{absent},nonsense,{IDS[0]}").ids() == [IDS[0], IDS[5]]
    assert auditor.get("AuditEvent", f"_id={IDS[5]},{IDS[0]}&outcome=8").ids() == [IDS[5]]
    assert auditor.get("AuditEvent", f"_id=x|{IDS[5]}").ids() == []
    assert auditor.get("AuditEvent", "_id=nonsense").total == 0


def test_a_posted_search_is_the_same(auditor: Auditor) -> None:
    answer = auditor.post("AuditEvent/_search", "patient=5&_count=1")

    assert places(answer.ids()) == [OF_FIVE]
    following = auditor.follow(answer.link("next"))
    assert places(following.ids()) == [OLD]
    assert "patient" not in answer.link("next")


def test_an_entry_is_the_event_that_is_read(auditor: Auditor) -> None:
    (entry,) = auditor.get("AuditEvent", "action=U").json["entry"]

    assert entry["fullUrl"] == f"{FHIR_BASE}/AuditEvent/{IDS[UPDATE]}"
    assert entry["search"] == {"mode": "match"}
    assert entry["resource"] == auditor.get(f"AuditEvent/{IDS[UPDATE]}").json


def test_a_searchset_is_valid_in_both_formats(auditor: Auditor) -> None:
    valid_json(auditor.get("AuditEvent").text, "Bundle")
    valid_xml(auditor.get("AuditEvent", "_format=xml&_pretty=true").text, "Bundle")


@pytest.mark.parametrize("query", ["date=ge2026-11-14", "patient=4,5&_count=100", "patient:missing=false"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_are_complete_and_disjoint(auditor: Auditor, query: str, size: int) -> None:
    # Its own reads are not before it.
    until = f"{query}&date=lt2026-11-26T12:00:00Z"
    whole = auditor.get("AuditEvent", until.replace("&_count=100", ""))
    pages = auditor.scan(until.replace("&_count=100", "") + f"&_count={size}")

    assert [id_ for page in pages for id_ in page.ids()] == whole.ids()
    assert all(len(page.ids()) == size for page in pages[:-1])
    assert {page.link("self") for page in pages} == {pages[0].link("self")}


def test_a_total_is_reported_if_the_first_page_came_to_the_end_or_if_it_is_asked_for(auditor: Auditor) -> None:
    # Its own reads are not before it.
    query = "patient=4&date=lt2026-11-26T12:00:00Z"
    assert auditor.get("AuditEvent", f"{query}&_count=3").total is None
    assert auditor.get("AuditEvent", f"{query}&_count=4").total == 4
    assert auditor.get("AuditEvent", f"{query}&_count=4&_total=none").total is None
    counted = auditor.scan(f"{query}&_count=1&_total=accurate")
    assert [page.total for page in counted] == [4, 4, 4, 4]


def test_a_total_of_too_many_is_refused(auditor: Auditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_auditor.search_events.MAX_COUNTED", 3)

    for query in ("_total=accurate", "_summary=count", "outcome=8&_count=0"):
        answer = auditor.get("AuditEvent", f"date=lt2026-11-26T12:00:00Z&{query}")
        assert (answer.status, answer.issue["code"]) == (400, "too-costly")
        assert answer.diagnostics.startswith("_total: it takes more than 3 events, 1,000 queries or 8 seconds")
    assert auditor.get("AuditEvent", "patient=5&_summary=count").total == 2


def test_a_page_that_may_examine_no_more_goes_on_where_it_ended(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access_auditor.search_events.MAX_EVENTS", 2)
    pages = auditor.scan("date=lt2026-11-26T12:00:00Z&date=ge2026-11-15")

    assert [id_ for page in pages for id_ in page.ids()] == IDS
    assert max(len(page.ids()) for page in pages) <= 2


@pytest.mark.parametrize("query", ["", f"&_id={','.join(IDS)}"])
def test_a_page_of_slow_queries_ends_in_time_and_goes_on_where_it_ended(auditor: Auditor, query: str) -> None:
    def wait(operation: str) -> None:
        if operation == "Query":
            auditor.now.now += 1

    auditor.faults.append(wait)
    pages = auditor.scan(f"date=lt2026-11-26T12:00:00Z&date=ge2026-11-15{query}")

    assert [id_ for page in pages for id_ in page.ids()] == IDS
    # Sixteen concurrent queries of a second each, one after the other.
    assert auditor.now.now - NOW.timestamp() <= len(pages) * (8 + 16)


@pytest.mark.parametrize(("room", "size"), [(10, 1), (3_500, 2)])
def test_a_page_holds_what_an_answer_has_room_for(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch, room: int, size: int
) -> None:
    monkeypatch.setattr("access_auditor.search_events.BUNDLE_BYTES", room)
    pages = auditor.scan("date=lt2026-11-26T12:00:00Z&date=ge2026-11-15")

    assert [id_ for page in pages for id_ in page.ids()] == IDS
    assert {len(page.ids()) for page in pages[:-1]} == {size}


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
def test_a_count_has_no_entries_and_no_next_page(auditor: Auditor, query: str) -> None:
    answer = auditor.get("AuditEvent", f"patient=4&{query}")

    assert answer.total == 4
    assert "entry" not in answer.json
    assert not answer.link("next")


def test_parts_of_an_event_are_marked(auditor: Auditor) -> None:
    (entry,) = auditor.get("AuditEvent", "action=U&_elements=outcome").json["entry"]

    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert entry["resource"]["outcome"] == "8"
    assert "entity" not in entry["resource"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("agent=Practitioner/1", "agent: FHIR defines the parameter"),
        ("site=x", "site: FHIR defines the parameter"),
        ("_lastUpdated=2026", "_lastUpdated: FHIR defines the parameter"),
        ("_sort=date", "_sort: takes -date alone"),
        ("_sort=-date,_id", "_sort: takes -date alone"),
        ("_sort=outcome", "_sort: takes "),
        ("date=yesterday", "date: not a date"),
        ("patient.name=x", "patient: no chain"),
        ("patient:Patient.name=x", "patient: no chain"),
        ("_include=AuditEvent:patient", "_include: no chain, include"),
        ("_has:Observation:patient:code=x", "_has: no chain"),
        ("user:exact=x", "user: the modifier is not supported"),
        ("_cursor=nonsense", "_cursor: the link is not one"),
        ("_count=many", "_count: takes a whole number"),
        ("access_token=x", "An access token is taken from the Authorization header only."),
    ],
)
def test_what_is_not_offered_is_refused_by_name(auditor: Auditor, query: str, said: str) -> None:
    answer = auditor.get("AuditEvent", query, Prefer="handling=strict")

    assert answer.status == 400
    assert answer.diagnostics.startswith(said)


def test_an_unknown_parameter_is_ignored_and_reported_first(auditor: Auditor) -> None:
    answer = auditor.get("AuditEvent", "action=U&patiend=4")

    assert [entry["search"]["mode"] for entry in answer.json["entry"]] == ["outcome", "match"]
    assert "The nearest is patient." in answer.text
    assert "patiend" not in answer.link("self")


def test_a_search_that_names_more_than_a_hundred_patients_is_refused_and_is_nobodys(auditor: Auditor) -> None:
    answer = auditor.get("AuditEvent", "&".join(f"patient=p{number}" for number in range(101)))

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert auditor.calls == ["BatchExecuteStatement"]
    (event,) = auditor.own_events()
    assert (event.patient, event.outcome.value, event.why) == ("", "4", "bad request")


@pytest.mark.parametrize("scope", ["system/*.read", "profile", "patient/AuditEvent.read", "system/AuditEvent.r"])
def test_without_the_scope_nothing_is_found(auditor: Auditor, scope: str) -> None:
    # Before the query is looked at.
    for query in ("patient=4", "date=nonsense", "_format=nonsense"):
        answer = auditor.as_caller(scope).get("AuditEvent", query)

        assert answer.status == 403
        assert "AuditEvent.s" in answer.diagnostics


@pytest.mark.parametrize("scope", ["patient/AuditEvent.read", "user/AuditEvent.rs", "system/AuditEvent.s"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [OF_FIVE, OLD]),
        ("patient=5", [OF_FIVE, OLD]),
        ("patient=4", []),
        ("patient=4,5", [OF_FIVE, OLD]),
        ("patient:missing=true", []),
        ("entity=Patient/4", []),
        ("user=client-2", [OF_FIVE]),
        (f"_id={IDS[OBSERVATION]},{IDS[OLD]}", [OLD]),
    ],
)
def test_a_bound_client_finds_its_own_patients_events_alone(
    auditor: Auditor, scope: str, query: str, found: list[int]
) -> None:
    bound = auditor.as_caller(scope, "5")
    answer = bound.get("AuditEvent", query)

    assert places(answer.ids()) == found
    assert answer.total == len(found)


def test_a_link_is_of_no_use_to_another(auditor: Auditor) -> None:
    url = auditor.get("AuditEvent", "_count=1").link("next")

    assert auditor.follow(url).status == 200
    assert auditor.as_caller("system/AuditEvent.read", "4").follow(url).status == 400
    assert auditor.follow(url.replace("_count=1", "_count=2")).status == 400


def test_what_is_no_event_is_passed_over(empty: Auditor) -> None:
    event = an_event(NOW - timedelta(minutes=2), 1, patient="4")
    elsewhere = event.item() | {"pk": {"S": "2026-11-25#0"}}
    forged = event.item() | {"sk": {"S": event.id[:-1] + "2"}, "action": {"S": "no action"}}
    misplaced = event.item() | {"sk": {"S": event.id[:-1] + "g"}}
    bare = {name: event.item()[name] for name in ("pk", "patient")} | {"sk": {"S": event.id[:-1] + "3"}}
    empty.keep(event)
    for item in (elsewhere, forged, misplaced, bare):
        empty.client.put_item(TableName=empty.event_table, Item=item)

    for query in ("patient=4", ""):
        answer = empty.get("AuditEvent", f"{query}&date=lt2026-11-26T12:00:00Z")
        assert answer.ids() == [event.id]
    assert empty.get(f"AuditEvent/{forged['sk']['S']}").status == 404


def test_an_empty_record_is_an_empty_answer(empty: Auditor) -> None:
    answer = empty.get("AuditEvent")

    assert (answer.status, answer.total, answer.link("next")) == (200, 0, "")


@pytest.mark.parametrize(
    ("query", "is_bounded"),
    [
        ("", True),
        ("user=client-1", True),
        ("date=lt2026-11-26", True),
        ("date=ne2026-11-26", True),
        ("date=ge2026-11-20,le2026-11-25", True),
        ("date:missing=false", True),
        ("patient:missing=true", True),
        ("date=ge1900", False),
        ("date=2026-11-26", False),
        ("date=gt2026-11-25&date=lt2026-11-26", False),
        ("patient=4", False),
        (f"_id={IDS[OLD]}", False),
        ("_id=nonsense", False),
    ],
)
def test_a_search_of_everybody_without_a_beginning_is_of_seven_days_and_says_so(
    auditor: Auditor, query: str, is_bounded: bool
) -> None:
    answer = auditor.get("AuditEvent", query)

    assert ("date=ge2026-11-19T12:00:0" in answer.link("self")) == is_bounded
    assert set(answer.ids()) <= set(IDS[:6] if is_bounded else IDS)


def test_the_pages_of_seven_days_are_those_of_the_first_page(auditor: Auditor) -> None:
    for first in (auditor.get("AuditEvent", "_count=2"), auditor.post("AuditEvent/_search", "_count=2")):
        pages = [first]
        while url := pages[-1].link("next"):
            auditor.now.now += 3600
            pages.append(auditor.follow(url))

        assert [each for page in pages for each in page.ids() if each in IDS] == IDS[:6]
        assert {page.link("self") for page in pages} == {first.link("self")}
    assert auditor.follow(first.link("self")).ids()


def test_a_bound_client_is_shown_all_of_its_patients_events(auditor: Auditor) -> None:
    answer = auditor.as_caller("patient/AuditEvent.read", "5").get("AuditEvent")

    assert "date" not in answer.link("self")
    assert places(answer.ids()) == [OF_FIVE, OLD]


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "BatchExecuteStatement"])
def test_where_the_tables_do_not_answer_nothing_is_disclosed(auditor: Auditor, operation: str) -> None:
    def refuse(name: str) -> None:
        if name == operation:
            raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    auditor.faults.append(refuse)
    answer = auditor.get("AuditEvent", "patient=4")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "AuditEvent" not in answer.text


# --- the key of next links


def test_the_key_of_links_is_made_once_and_stored_in_the_table(empty: Auditor) -> None:
    empty.keep(*(an_event(NOW - timedelta(minutes=number), number, patient="4") for number in range(1, 5)))
    assert empty.get("AuditEvent", "patient=4&_count=4&date=lt2026-11-26T12:00:00Z").link("next") == ""
    assert "GetItem" not in empty.calls

    first = empty.get("AuditEvent", "patient=4&_count=1").link("next")
    assert empty.calls.count("GetItem") == 1
    assert empty.calls.count("BatchExecuteStatement") == 2
    other = replace(empty)
    assert other.follow(first).status == 200
    assert empty.get("AuditEvent", "patient=4&_count=1").link("next")
    assert "GetItem" not in empty.calls
    (item,) = [each for each in empty.client.scan(TableName=empty.event_table)["Items"] if "key" in each]
    assert len(item["key"]["B"]) == 32


def test_of_two_that_make_the_key_at_once_one_is_right(empty: Auditor) -> None:
    empty.keep(*(an_event(NOW - timedelta(minutes=number), number, patient="4") for number in range(1, 5)))
    other = replace(empty, faults=[], calls=[])
    links: list[str] = []

    def overtake(name: str) -> None:
        if name == "BatchExecuteStatement" and not links:
            links.append("")
            links.append(other.get("AuditEvent", "patient=4&_count=1").link("next"))

    empty.faults.append(overtake)
    links.append(empty.get("AuditEvent", "patient=4&_count=1").link("next"))

    for link in links[1:]:
        for auditor in (empty, other):
            assert auditor.follow(link).status == 200


@pytest.mark.parametrize("operation", ["GetItem", "BatchExecuteStatement"])
def test_without_the_key_of_links_nothing_is_disclosed(empty: Auditor, operation: str) -> None:
    empty.keep(*(an_event(NOW - timedelta(minutes=number), number, patient="4") for number in range(1, 5)))

    def refuse(name: str) -> None:
        if name == operation:
            raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    empty.faults.append(refuse)
    answer = empty.get("AuditEvent", "patient=4&_count=1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


def test_a_key_of_links_that_is_not_taken_signs_nothing(empty: Auditor) -> None:
    empty.keep(*(an_event(NOW - timedelta(minutes=number), number, patient="4") for number in range(1, 5)))

    def refuse(insert: Callable[..., Any], request: dict[str, Any]) -> Any:
        if "$cursor" in str(request):
            return {"Responses": [{"Error": {"Code": "ThrottlingError", "Message": "Slow down"}}]}
        return insert(**request)

    empty = replace(empty, client=Altered(empty.client, batch_execute_statement=refuse))
    answer = empty.get("AuditEvent", "patient=4&_count=1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


def _charged(auditor: Auditor) -> tuple[Auditor, UsageCounters]:
    """Return the auditor with a quota, and what is charged to it."""
    counters = UsageCounters()
    return replace(auditor, quota=Quota(counters, UNITS_PER_MINUTE)), counters


def test_j_totals_again_and_again_use_up_the_quota_and_pages_of_a_patient_go_on(auditor: Auditor) -> None:
    auditor, counters = _charged(auditor)
    total = "date=ge2026-11-01&_total=accurate"
    answers = [auditor.get("AuditEvent", total) for _ in range(12)]

    # 26 days of 16 queries each, at fifty units, and a few events: more than 20,000 units, of which 3,000 are free.
    assert [each.status for each in answers] == [200] * 6 + [429] * 6
    assert set(counters.charges[:-1]) == {UNITS_PER_CHARGE}
    assert answers[-1].issue["code"] == "throttled"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert auditor.get("AuditEvent", "patient=4&_count=20").status == 200
    assert auditor.get("AuditEvent", "").status == 429
    other = replace(auditor, client_id="other")
    assert other.get("AuditEvent", total).status == 200


def test_j_a_search_that_is_refused_on_its_way_is_recorded_for_whom_it_names(auditor: Auditor) -> None:
    auditor, _ = _charged(auditor)
    auditor.quota.consume(auditor.client_id, 2 * UNITS_PER_MINUTE, auditor.now())
    patients = ",".join(f"p{number}" for number in range(3))

    answer = auditor.get("AuditEvent", f"patient={patients}")

    assert answer.status == 429
    assert sorted(each.patient for each in auditor.own_events()) == ["p0", "p1", "p2"]


def test_j_a_cheap_search_and_a_read_are_free(auditor: Auditor) -> None:
    auditor, counters = _charged(auditor)

    assert auditor.get("AuditEvent", "patient=4").status == 200
    assert auditor.get(f"AuditEvent/{IDS[0]}").status == 200

    assert counters.charges == []
