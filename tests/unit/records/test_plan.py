"""The plan of a write, from a target and the requested content."""

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.search.values import SearchValueError, order_text
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_records.items.resource_items import DELETED, LARGEST_BODY, TooLargeError, item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.stu3.validation import validate
from careconnect_records.writes.packing import packed
from careconnect_records.writes.plan import MAX_ACTIONS, WritePlan, plan_rebuild, plan_version
from careconnect_records.writes.plan_write import TooCostlyError, plan_write
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import write_actions
from careconnect_testing.http.writes import LONG_TEXT

FIRST, LATER = 1_700_000_000_000, 1_700_000_060_000


PATIENT = resource_type("Patient")
assert PATIENT is not None
ABSENT = Target(PATIENT, "1")


def patient(**elements: Any) -> dict[str, Any]:
    resource = {"resourceType": "Patient", "id": "1", **elements}
    validate(resource)
    return resource


def planned(resource: dict[str, Any] | None, target: Target = ABSENT, now: int = FIRST) -> WritePlan:
    plan = plan_write(target, resource, now=now, base_url="")
    assert plan is not None
    return plan


def written(plan: WritePlan) -> Target:
    """Return the target as it is once a plan was written."""
    return replace(plan.target, index=plan.index)


def stored(resource: dict[str, Any]) -> Target:
    return written(planned(resource))


def with_index(target: Target, **attributes: Any) -> Target:
    return replace(target, index={**(target.index or {}), **attributes})


def actions_of(plan: WritePlan) -> list[dict[str, Any]]:
    client: Any = None
    return write_actions(
        plan,
        RecordTables(client, "records", "directory", "references", "transactions", "directory-transactions"),
        strict=False,
    )


def keys(actions: list[dict[str, Any]], verb: str) -> list[tuple[str, str]]:
    found = [action[verb].get("Item") or action[verb]["Key"] for action in actions if verb in action]
    return [(each["pk"]["S"], each["sk"]["S"]) for each in found]


def test_what_never_moved_names_no_former_patients() -> None:
    first = stored(patient(active=True))
    for plan in (planned(patient(active=False), first, LATER), planned(None, first, LATER)):
        assert plan.body
        assert "former_patients" not in plan.index
        assert "former_patients" not in plan.body


def test_a_new_resource_is_written_whole_where_there_is_none() -> None:
    plan = planned(patient(name=[{"family": "Leach"}]))
    actions = actions_of(plan)

    assert len(actions) == plan.count
    assert keys(actions, "Put")[:2] == [("Patient/1", sort_key) for sort_key in (INDEX_ITEM, JSON_ITEM)]
    assert keys(actions, "Put")[2:] == list(plan.entries)
    assert actions[0]["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert keys(actions, "Delete") == []


def test_an_update_is_the_next_version_and_removes_the_entries_that_do_not_hold_any_more() -> None:
    previous = stored(patient(name=[{"family": "Leach"}]))
    plan = planned(patient(name=[{"family": "Cole"}]), previous, LATER)
    actions = actions_of(plan)

    assert (plan.version, plan.updated) == (written(plan).version, written(plan).updated) == (2, LATER)
    assert {*keys(actions, "Delete"), *plan.traces} == previous.entries - plan.entries.keys()
    assert [key[0] for key in keys(actions, "Delete")] == ["Patient?name^l"]
    assert actions[0]["Put"]["ExpressionAttributeValues"] == {":version": {"N": "1"}}


@pytest.mark.parametrize("now", [FIRST - 1, FIRST])
def test_a_version_is_later_than_the_one_before_whatever_the_clock_says(now: int) -> None:
    assert planned(patient(active=True), stored(patient()), now).updated == FIRST + 1


@pytest.mark.parametrize("again", [patient(active=True), patient(active=True, meta={"versionId": "7"})])
def test_stored_content_needs_no_plan(again: dict[str, Any]) -> None:
    assert plan_write(stored(patient(active=True)), again, now=LATER, base_url="") is None


def test_a_deletion_is_the_next_version_and_leaves_no_entry_but_that_by_its_time() -> None:
    previous = stored(patient(active=True))
    plan = planned(None, previous, LATER)
    deleted = written(plan)

    assert (deleted.version, deleted.digest, deleted.is_deleted, deleted.exists) == (2, DELETED, True, False)
    assert {*keys(actions_of(plan), "Delete"), *plan.traces} == previous.entries
    assert list(plan.entries) == [("Patient?_deleted^3", f"{order_text(LATER)}#1")]
    assert plan_write(deleted, None, now=LATER, base_url="") is None
    assert plan_write(ABSENT, None, now=LATER, base_url="") is None


def test_what_cannot_be_stored_is_reported_by_its_kind() -> None:
    with pytest.raises(TooLargeError):
        planned(patient(name=[{"text": "x" * LARGEST_BODY}]))
    with pytest.raises(SearchValueError):
        planned({"resourceType": "Patient", "id": "1", "birthDate": "1980-02-30"})


def identified(number: int, value: str = "{}") -> dict[str, Any]:
    return {"identifier": [{"system": "urn:x", "value": value.format(each)} for each in range(number)]}


def extended(number: int) -> dict[str, Any]:
    return {"extension": [{"url": "urn:x", "valueReference": {"reference": f"Patient/{i}x"}} for i in range(number)]}


def named(number: int) -> dict[str, Any]:
    return {"name": [{"family": f"N{each}"} for each in range(number)]}


@pytest.mark.parametrize(
    ("most", "over", "element"),
    [
        (identified(50), identified(51), "Patient.identifier"),
        # With an entry of the type, and one of the time of change.
        (named(198), named(199), "Patient.name"),
        (extended(200), extended(201), "Patient.extension"),
        ({"_birthDate": extended(200)}, {"_birthDate": extended(201)}, "Patient.birthDate"),
    ],
)
def test_a_resource_has_so_many_entries_identifiers_and_references_and_no_more(
    most: dict[str, Any], over: dict[str, Any], element: str
) -> None:
    planned(patient(text=LONG_TEXT, **most))
    with pytest.raises(TooCostlyError, match="at most") as raised:
        planned(patient(text=LONG_TEXT, **over))
    assert raised.value.expression == element


@pytest.mark.parametrize("length", [1, 20, 150, 1_500, 6_000])
def test_m5_what_a_version_stores_is_bounded_by_its_size(length: int) -> None:
    """M5: 600 identifiers of 22.8 KB stored 6.45 MB, since each index entry has all values of its resource."""
    refused = stored_bytes = 0
    for number in range(1, 51, 7):
        resource = patient(gender="female", **identified(number, "{}" + "x" * length))
        try:
            plan = planned(resource)
        except TooCostlyError:
            refused += 1
            continue
        assert plan.body
        stored_bytes = sum(map(item_size, (plan.body, plan.index, *plan.entries.values())))
        assert stored_bytes <= 20 * len(plan.body["body"]["S"]) + 100_000
    assert stored_bytes
    assert bool(refused) == (length >= 150)


def test_m5_six_hundred_identifiers_are_refused_but_rebuilt_if_they_are_stored() -> None:
    resource = patient(**identified(600))
    with pytest.raises(TooCostlyError, match=r"Patient\.identifier: a resource has at most 50 identifiers\."):
        planned(resource)

    plan = plan_version(ABSENT, resource, 1, FIRST)
    assert plan_rebuild(replace(ABSENT, body=plan.body), resource, base_url="").index == plan.index
    assert planned(None, written(plan), LATER).deletes


def test_an_index_record_that_no_item_holds_names_its_element() -> None:
    resource = patient(active=True, **identified(1_200, "{:04d}" + "x" * 180))
    with pytest.raises(TooCostlyError) as raised:
        planned(resource)
    assert raised.value.expression == "Patient.identifier"


def test_an_index_record_is_written_over_the_intent_that_was_read() -> None:
    held = replace(with_index(stored(patient()), digest={"S": ""}), intent="a-write")
    condition = planned(patient(), held, LATER).target.condition

    assert condition["ConditionExpression"] == "#txn = :txn"
    assert condition["ExpressionAttributeValues"] == {":txn": {"S": "a-write"}}


def test_what_is_rebuilt_has_the_version_the_time_and_the_patient_that_its_body_has() -> None:
    resource = patient(active=True, name=[{"family": "Leach"}])
    plan = planned(resource, with_index(stored(patient()), version={"N": "6"}), LATER)

    rebuilt = plan_rebuild(replace(ABSENT, body=plan.body), resource, base_url="")

    assert (rebuilt.index, rebuilt.entries, rebuilt.bodies) == (plan.index, plan.entries, ())
    assert (rebuilt.version, rebuilt.updated, rebuilt.removed) == (7, LATER, frozenset())


def test_plans_share_transactions_up_to_the_quota_and_keep_their_order() -> None:
    plan = planned(patient(active=True, name=[{"family": "Leach"}]))
    most = MAX_ACTIONS // plan.count
    several = [replace(plan) for _ in range(2 * most + 1)]
    groups = list(packed(several))

    assert list(map(id, chain.from_iterable(groups))) == list(map(id, several))
    assert [len(group) for group in groups] == [most, most, 1]
    assert list(packed([])) == []


def test_one_that_does_not_fit_stands_alone() -> None:
    large = planned(patient(text=LONG_TEXT, **named(MAX_ACTIONS)))
    small = planned(patient())

    assert small.fits()
    assert not large.fits()
    assert small.fits(MAX_ACTIONS - small.count)
    assert not small.fits(MAX_ACTIONS - small.count + 1)
    assert list(packed([small, large, small])) == [[small], [large], [small]]
