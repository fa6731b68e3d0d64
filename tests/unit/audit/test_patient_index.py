"""Events by the index by patient: what it does not hold is read by one batch more (`audit.md`, Asked in FHIR)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from access_auditor.event_values import values_of
from careconnect.audit.event import AuditEvent, event_of
from careconnect.audit.patient_index import PROJECTED, definition
from careconnect.storage.quota import UNITS_PER_MINUTE, Quota
from careconnect_testing.aws.altered import Altered
from careconnect_testing.parts.auditor import FHIR_BASE, KEPT, NOW, Auditor, an_event, auditor_in_memory
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.stacks.whole_template import new_table, whole_template

FORMER = {**definition(), "IndexName": "by-patient", "Projection": {"ProjectionType": "ALL"}}
UNTIL = "date=lt2026-11-26T12:00:00Z"

Remove = Callable[[AuditEvent], None]


@contextmanager
def indexed(*indexes: dict[str, Any]) -> Iterator[Auditor]:
    """Yield an auditor over the stored events, in a table with other indexes."""
    with auditor_in_memory() as auditor:
        table = {name: new_table("AuditTable")[name] for name in ("KeySchema", "AttributeDefinitions")}
        auditor.client.create_table(TableName="other", GlobalSecondaryIndexes=indexes, **table)
        other = replace(auditor, event_table="other")
        other.keep(*KEPT)
        yield other


@pytest.fixture
def remove(empty: Auditor) -> Remove:
    """Return what removes an event between the query of the index and the batch."""

    def removed(event: AuditEvent) -> None:
        def before(operation: str) -> None:
            if operation == "BatchGetItem":
                key = {name: event.item()[name] for name in ("pk", "sk")}
                empty.faults.clear()
                empty.client.delete_item(TableName=empty.event_table, Key=key)

        empty.faults.append(before)

    return removed


def of_four(count: int) -> list[AuditEvent]:
    """Return events of Patient 4, the newest first."""
    return [
        an_event(NOW - timedelta(minutes=number + 1), number, patient="4", type="Patient") for number in range(count)
    ]


@pytest.mark.parametrize(
    "filtered",
    [
        *("", "user=client-1", "user=client-2", "user:not=client-1", "action=R", "action=U", "outcome=0"),
        *("outcome=4,8", "outcome=4&user=client-1"),
        *("entity=Observation/o1", "entity=Patient/4", "date=2026-11-25", "date=2026-11-26&outcome:not=0", "_count=1"),
        *("_elements=outcome", "_summary=true", "action:missing=false", "entity=Observation/o1&user=client-1"),
    ],
)
def test_a_patients_events_are_those_that_a_scan_of_the_days_finds(auditor: Auditor, filtered: str) -> None:
    def entries(query: str) -> list[Any]:
        return [each for page in auditor.scan(query) for each in page.json.get("entry", ())]

    by_day = entries(f"date=ge2026-11-01&{UNTIL}&{filtered}")
    own = {f"{FHIR_BASE}/AuditEvent/{each.id}" for each in KEPT if each.patient == "4"}

    assert entries(f"patient=4&{UNTIL}&{filtered}") == [each for each in by_day if each["fullUrl"] in own]


def test_it_holds_all_that_a_search_tests() -> None:
    names = ("interaction", "pk", "sk", "patient", *PROJECTED)

    for event in KEPT:
        item = event.item()
        assert values_of(event_of({name: item[name] for name in names if name in item})) == values_of(event)


def test_the_template_makes_it_as_it_is_read_and_a_stack_is_upgraded_by_one_index_at_a_time() -> None:
    lean, former = whole_template()["Resources"]["AuditTable"]["Properties"]["GlobalSecondaryIndexes"]

    assert lean == definition()
    assert former == {"Fn::If": ["KeepsFormerIndex", FORMER, {"Ref": "AWS::NoValue"}]}
    assert whole_template()["Conditions"]["KeepsFormerIndex"] == {"Fn::Equals": [{"Ref": "PatientIndex"}, "both"]}


def test_it_takes_one_round_trip_more_and_a_total_none(empty: Auditor) -> None:
    empty.keep(*of_four(40))
    empty.get("AuditEvent", "patient=4&_count=1")  # which makes the key of next links

    for query in ("", "outcome=0", "_count=1", "_count=39"):
        assert empty.get("AuditEvent", f"patient=4&{UNTIL}&{query}").status == 200
        assert empty.calls == ["Query", "BatchGetItem", "BatchExecuteStatement"]
    for query in ("_summary=count", "_count=0", "_total=accurate&_count=0"):
        assert empty.get("AuditEvent", f"patient=4&{UNTIL}&{query}").total == 40
        assert "BatchGetItem" not in empty.calls
    assert empty.get("AuditEvent", "patient=nobody").ids() == []
    assert "BatchGetItem" not in empty.calls


def test_an_event_that_expires_meanwhile_makes_a_shorter_page_and_none_is_lost(empty: Auditor, remove: Remove) -> None:
    events = of_four(5)
    empty.keep(*events)
    remove(events[1])

    pages = empty.scan(f"patient=4&_count=2&{UNTIL}")

    assert [page.ids() for page in pages] == [[events[0].id], [events[2].id, events[3].id], [events[4].id]]


def test_a_page_of_which_all_expire_goes_on(empty: Auditor, remove: Remove) -> None:
    events = of_four(3)
    empty.keep(*events)
    remove(events[0])

    pages = empty.scan(f"patient=4&_count=1&{UNTIL}")

    assert [page.ids() for page in pages] == [[], [events[1].id], [events[2].id]]


def test_what_an_answer_has_no_room_for_is_on_the_next_page(
    empty: Auditor, remove: Remove, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = of_four(5)
    empty.keep(*events)
    remove(events[0])
    monkeypatch.setattr("access_auditor.search_events.BUNDLE_BYTES", 10)

    pages = empty.scan(f"patient=4&_count=3&{UNTIL}")

    assert [each for page in pages for each in page.ids()] == [each.id for each in events[1:]]
    assert {len(page.ids()) for page in pages} == {1}


def test_what_has_become_another_patients_is_not_shown(empty: Auditor) -> None:
    """The index may still have an item as it was before an administrator changed it."""
    event = of_four(1)[0]
    empty.keep(event)

    def before(operation: str) -> None:
        if operation == "BatchGetItem":
            empty.faults.clear()
            empty.keep(replace(event, patient="5"))

    empty.faults.append(before)
    answer = empty.as_caller(patient="4").get("AuditEvent", UNTIL)

    assert (answer.status, answer.ids()) == (200, [])


def test_what_a_plain_read_does_not_have_yet_is_read_again_consistently(empty: Auditor) -> None:
    events = of_four(20)
    empty.keep(*events)
    late = [event.item()["sk"] for event in events[:2]]
    read: list[tuple[bool, int]] = []

    def lag(real: Callable[..., Any], request: dict[str, Any]) -> Any:
        ((table, asked),) = request["RequestItems"].items()
        is_consistent = bool(asked.get("ConsistentRead"))
        read.append((is_consistent, len(asked["Keys"])))
        answer = real(**request)
        if not is_consistent:
            answer["Responses"] = {table: [item for item in answer["Responses"][table] if item["sk"] not in late]}
        return answer

    lagging = replace(empty, client=Altered(empty.client, batch_get_item=lag))

    assert lagging.get("AuditEvent", f"patient=4&{UNTIL}").ids() == [event.id for event in events]
    assert read == [(False, 20), (True, 2)]
    assert lagging.get(f"AuditEvent/{events[0].id}").status == 200
    assert lagging.get("AuditEvent", f"_id={events[0].id},{events[2].id}").ids() == [events[0].id, events[2].id]


def test_keys_that_a_batch_leaves_over_are_asked_again(empty: Auditor) -> None:
    empty.keep(*of_four(20))
    batches: list[int] = []

    def half(real: Callable[..., Any], request: dict[str, Any]) -> Any:
        ((table, asked),) = request["RequestItems"].items()
        keys = asked["Keys"]
        batches.append(len(keys))
        first, rest = keys[: len(keys) // 2 + 1], keys[len(keys) // 2 + 1 :]
        answer = real(RequestItems={table: {**asked, "Keys": first}})
        return answer | {"UnprocessedKeys": {table: {**asked, "Keys": rest}} if rest else {}}

    slow = replace(empty, client=Altered(empty.client, batch_get_item=half))

    assert slow.get("AuditEvent", f"patient=4&{UNTIL}").ids() == [each.id for each in of_four(20)]
    assert len(batches) > 1


def test_j_a_batch_is_charged_as_a_query_and_a_page_of_a_patient_goes_on_without_quota(empty: Auditor) -> None:
    empty.keep(*of_four(60))
    charged = replace(empty, quota=Quota(UsageCounters(), UNITS_PER_MINUTE))
    charged.quota.consume(charged.client_id, 2 * UNITS_PER_MINUTE, charged.now())

    assert len(charged.get("AuditEvent", f"patient=4&_count=20&{UNTIL}").ids()) == 20
    refused = charged.get("AuditEvent", f"patient=4&_count=60&{UNTIL}")
    assert refused.status == 429
    assert [each.patient for each in charged.own_events()] == ["4", "4"]


@pytest.mark.parametrize(
    ("indexes", "queries"),
    [((definition(),), 1), ((FORMER,), 2), ((FORMER, definition()), 1)],
    ids=["a new stack", "before its upgrade", "during it"],
)
def test_either_index_serves(indexes: tuple[dict[str, Any], ...], queries: int) -> None:
    with indexed(*indexes) as auditor:
        # An instance's first search also reads the retentions.
        auditor.get("AuditEvent", f"patient=4&{UNTIL}")
        answer = auditor.get("AuditEvent", f"patient=4&{UNTIL}")

        assert answer.ids() == [each.id for each in sorted(KEPT, key=lambda each: -each.at) if each.patient == "4"]
        assert answer.json["entry"][0]["resource"]["outcomeDesc"] == "scope"
        assert auditor.calls == [*["Query"] * queries, "BatchGetItem", "BatchExecuteStatement"]
        assert auditor.get("AuditEvent", f"patient=4&_summary=count&{UNTIL}").total == 4


@pytest.mark.parametrize("missing", ["by-patient", "by-patient-2"])
def test_the_former_index_answers_until_the_other_is_filled_and_the_other_when_it_is_gone(missing: str) -> None:
    with indexed(FORMER, definition()) as auditor:

        def refuse(real: Callable[..., Any], request: dict[str, Any]) -> Any:
            if request.get("IndexName") == missing:
                message = f"Cannot read from backfilling global secondary index: {missing}"
                raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Query")
            return real(**request)

        changing = replace(auditor, client=Altered(auditor.client, query=refuse))

        assert len(changing.get("AuditEvent", f"patient=4&{UNTIL}").ids()) == 4
        assert len(auditor.get("AuditEvent", f"patient=4&{UNTIL}").ids()) == 4


def test_a_table_without_either_index_is_503_and_another_fault_is_not_asked_twice() -> None:
    with indexed(FORMER) as auditor:

        def refuse(code: str) -> Callable[[Callable[..., Any], dict[str, Any]], Any]:
            def refused(_real: Callable[..., Any], request: dict[str, Any]) -> Any:
                asked.append(request["IndexName"])
                raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Query")

            return refused

        for code, tried in (("ValidationException", 2), ("ThrottlingException", 1)):
            asked: list[str] = []
            failing = replace(auditor, client=Altered(auditor.client, query=refuse(code)))
            answer = failing.get("AuditEvent", "patient=4")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert len(asked) == tried
