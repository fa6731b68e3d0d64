"""What a resource's change takes, given what is stored of it."""

from dataclasses import replace
from typing import Any

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect.search.values import SearchValueError
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_records.items.record import (
    GONE,
    LARGEST_BODY,
    NewVersion,
    TooLargeError,
    build_record,
    checked_version,
    deleted_version,
    new_version,
)
from careconnect_records.items.tables import RecordTables
from careconnect_records.stu3.validation import InvalidResourceError
from careconnect_records.writes.change import MOST_ACTIONS, StoredVersion, WritePlan, plan_rebuild, plan_write
from careconnect_records.writes.packing import packed
from careconnect_records.writes.transaction import write_actions

FIRST, LATER = 1_700_000_000_000, 1_700_000_060_000


def patient(**elements: Any) -> NewVersion:
    served = resource_type("Patient")
    assert served is not None
    return checked_version(served, {"resourceType": "Patient", "id": "1", **elements})


def deletion() -> NewVersion:
    return deleted_version(patient().served, "1")


def planned(content: NewVersion, state: StoredVersion | None = None, now: int = FIRST) -> WritePlan:
    change = plan_write(content, state, now=now, base_url="")
    assert change is not None
    return change


def stored(content: NewVersion) -> StoredVersion:
    return StoredVersion(planned(content).record.index)


def actions_of(change: WritePlan) -> list[dict[str, Any]]:
    client: Any = None
    return write_actions(change, RecordTables(client, "records", "directory", "references"), strict=False)


def keys(actions: list[dict[str, Any]], verb: str) -> list[tuple[str, str]]:
    found = [action[verb].get("Item") or action[verb]["Key"] for action in actions if verb in action]
    return [(each["pk"]["S"], each["sk"]["S"]) for each in found]


def test_a_new_resource_is_written_whole_where_there_is_none() -> None:
    change = planned(patient(name=[{"family": "Leach"}]))
    actions = actions_of(change)

    assert len(actions) == change.count
    assert keys(actions, "Put")[:2] == [("Patient/1", sort_key) for sort_key in (INDEX_ITEM, JSON_ITEM)]
    assert set(keys(actions, "Put")[2:]) == change.record.keys
    assert actions[0]["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert keys(actions, "Delete") == []


def test_a_change_is_the_next_version_and_takes_away_the_entries_that_it_leaves() -> None:
    former = stored(patient(name=[{"family": "Leach"}]))
    change = planned(patient(name=[{"family": "Cole"}]), former, LATER)
    actions = actions_of(change)

    assert (StoredVersion(change.record.index).version, StoredVersion(change.record.index).updated) == (2, LATER)
    assert set(keys(actions, "Delete")) == former.entries - change.record.keys != set()
    assert actions[0]["Put"]["ExpressionAttributeValues"] == {":version": {"N": "1"}}


@pytest.mark.parametrize("now", [FIRST - 1, FIRST])
def test_a_version_is_later_than_the_one_before_whatever_the_clock_says(now: int) -> None:
    change = planned(patient(active=True), stored(patient()), now)

    assert StoredVersion(change.record.index).updated == FIRST + 1


@pytest.mark.parametrize("again", [patient(active=True), patient(active=True, meta={"versionId": "7"})])
def test_what_is_stored_already_is_no_change(again: NewVersion) -> None:
    assert plan_write(again, stored(patient(active=True)), now=LATER, base_url="") is None


def test_a_deletion_counts_on_and_leaves_no_entry() -> None:
    former = stored(patient(active=True))
    change = planned(deletion(), former, LATER)

    assert (StoredVersion(change.record.index).version, StoredVersion(change.record.index).digest) == (2, GONE)
    assert set(keys(actions_of(change), "Delete")) == former.entries
    assert plan_write(deletion(), StoredVersion(change.record.index), now=LATER, base_url="") is None
    assert plan_write(deletion(), None, now=LATER, base_url="") is None


def test_what_is_not_valid_is_no_content() -> None:
    with pytest.raises(InvalidResourceError, match="gender"):
        patient(gender="unheard-of")


def test_what_cannot_be_stored_is_reported_by_its_kind() -> None:
    with pytest.raises(TooLargeError):
        planned(patient(name=[{"text": "x" * LARGEST_BODY}]))
    with pytest.raises(SearchValueError):
        planned(new_version(patient().served, {"resourceType": "Patient", "id": "1", "birthDate": "1980-02-30"}))


@pytest.mark.parametrize(
    "elements",
    [
        {"identifier": [{"value": f"a{number}"} for number in range(1_200)]},
        {"generalPractitioner": [{"reference": f"Practitioner/{number}"} for number in range(2_001)]},
        {"extension": [{"url": "urn:x", "valueReference": {"reference": f"Patient/{i}x"}} for i in range(2_001)]},
    ],
)
@pytest.mark.slow
def test_what_takes_more_than_a_function_has_time_for_is_refused_but_rebuilt(elements: dict[str, Any]) -> None:
    content = patient(**elements)
    with pytest.raises(TooLargeError, match="more is indexed of it"):
        planned(content)

    record = build_record(content, 1, FIRST)
    assert plan_rebuild(content, record.body, base_url="").record.index == record.index


def test_what_is_referred_to_already_may_be_more_than_one_write_adds() -> None:
    def referring(number: int) -> NewVersion:
        added = [{"url": "urn:x", "valueReference": {"reference": f"Patient/{each}x"}} for each in range(number)]
        return patient(extension=added)

    first = planned(referring(2_000))
    assert len(planned(referring(2_100), StoredVersion(first.record.index)).raised) == 100


def test_a_leased_record_is_written_on_the_lease() -> None:
    claimed = StoredVersion({**stored(patient()).item, "digest": {"S": ""}, "claim": {"S": "another's"}})
    condition = planned(patient(), claimed, LATER).condition

    assert claimed.is_leased
    assert condition["ConditionExpression"] == "#version = :version AND #claim = :claim"
    assert condition["ExpressionAttributeValues"][":claim"] == {"S": "another's"}


def test_what_is_rebuilt_has_the_version_the_time_and_the_patient_that_its_body_has() -> None:
    content = patient(active=True, name=[{"family": "Leach"}])
    record = planned(content, StoredVersion({**stored(patient()).item, "version": {"N": "6"}}), LATER).record

    rebuilt = plan_rebuild(content, record.body, base_url="")

    assert (rebuilt.record.index, rebuilt.record.entries, rebuilt.bodies) == (record.index, record.entries, ())
    assert (rebuilt.version, rebuilt.updated, rebuilt.state) == (7, LATER, None)


def test_changes_share_transactions_up_to_the_quota_and_keep_their_order() -> None:
    change = planned(patient(active=True, name=[{"family": "Leach"}]))
    most = MOST_ACTIONS // change.count
    several = [replace(change, position=position) for position in range(2 * most + 1)]
    groups = list(packed(several))

    assert [each for group in groups for each in group] == several
    assert [len(group) for group in groups] == [most, most, 1]
    assert list(packed([])) == []


def test_one_that_does_not_fit_stands_alone() -> None:
    large = planned(patient(identifier=[{"value": str(number)} for number in range(MOST_ACTIONS)]))
    small = planned(patient())

    assert small.fits()
    assert not large.fits()
    assert small.fits(MOST_ACTIONS - small.count)
    assert not small.fits(MOST_ACTIONS - small.count + 1)
    assert list(packed([small, large, small])) == [[small], [large], [small]]
