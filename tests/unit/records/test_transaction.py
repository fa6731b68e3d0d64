"""The actions of one transaction, and the rules of DynamoDB for them."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import COUNT_SHARDS
from careconnect_records.items.identifier_locks import IdentifierLock, lock_of
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.packing import packed
from careconnect_records.writes.plan import MAX_ACTIONS, WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import EventsNotTakenError, group_actions, transact, write_actions
from careconnect_testing.running.cases import each_of

NOW = 1_700_000_000_000
CLIENT: Any = None
TABLES = RecordTables(CLIENT, "records", "directory", "references", "transactions", "directory-transactions")
NAME = lock_of("Patient", "", "v")


Resource = dict[str, Any]


def content(type_name: str = "Patient", resource_id: str = "1", **elements: Any) -> Resource:
    return {"resourceType": type_name, "id": resource_id, **elements}


def absent(type_name: str = "Patient", resource_id: str = "1") -> Target:
    served = resource_type(type_name)
    assert served is not None
    return Target(served, resource_id)


def planned(resource: Resource | None, target: Target | None = None) -> WritePlan:
    """Return the plan to store a resource, or to delete what is stored of a target."""
    if target is None:
        target = absent(resource["resourceType"], resource["id"]) if resource else absent()
    plan = plan_write(target, resource, now=NOW, base_url="")
    assert plan is not None
    number = target.index["version"] if target.index else {"N": "0"}
    return plan.keeping({"pk": {"S": target.key}, "sk": {"S": "#json"}, "version": number})


def after(*contents: Resource | None) -> Target:
    """Return the target of which these contents were written, one after the other."""
    target = None
    for each in contents:
        plan = planned(each, target)
        target = replace(plan.target, index=plan.index)
    assert target is not None
    return target


def refers(*targets: str, **elements: Any) -> Resource:
    return content(generalPractitioner=[{"reference": target} for target in targets], **elements)


KNOWS = content(identifier=[{"value": "v"}])
PLANS = {
    "created": planned(refers("Practitioner/a", identifier=[{"value": "v"}])),
    "updated": planned(refers("Practitioner/b", "Practitioner/c"), after(refers("Practitioner/a", "Practitioner/b"))),
    "identified anew": planned(content(identifier=[{"value": "w"}]), after(KNOWS)),
    "deleted": planned(None, after(refers("Practitioner/a", identifier=[{"value": "v"}]))),
    "there again": planned(KNOWS, after(KNOWS, None)),
}


def expecting(plan: WritePlan, lock: IdentifierLock) -> WritePlan:
    """Return a plan whose target was found by a lock."""
    return replace(plan, target=replace(plan.target, locks={NAME: lock}))


def transactions() -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name, plan in PLANS.items():
        for strict in (True, False):
            found[f"{name} {strict}"] = write_actions(plan, TABLES, strict=strict)
        for lock in (IdentifierLock(), IdentifierLock(frozenset("1")), IdentifierLock(overflow=True, revision=3)):
            found[f"{name} {lock}"] = write_actions(expecting(plan, lock), TABLES, strict=True)
        found[f"{name} full"] = write_actions(plan, TABLES, strict=True, full=[NAME])
    for number, group in enumerate(packed([*PLANS.values(), *PLANS.values()])):
        # The plans are of one resource here, which never shares a transaction with itself.
        found[f"group {number}"] = group_actions(group[:1], TABLES)
    return found


@each_of(("name", "actions"), transactions().items())
def test_dynamodb_takes_each_transaction(name: str, actions: list[dict[str, Any]]) -> None:
    """Check the rules of TransactWriteItems and of expressions that moto does not check."""
    assert 0 < len(actions) <= MAX_ACTIONS, name
    items = Counter[str]()
    for action in actions:
        ((verb, body),) = action.items()
        key = body["Item"] if verb == "Put" else body["Key"]
        items[f"{body['TableName']} {key['pk']} {key.get('sk')}"] += 1
        update, condition = body.get("UpdateExpression", ""), body.get("ConditionExpression", "")
        assert (verb == "Update") == bool(update)
        assert verb != "ConditionCheck" or condition
        text = f"{update} {condition}"
        assert set(re.findall(r"#\w+", text)) == body.get("ExpressionAttributeNames", {}).keys()
        assert set(re.findall(r":\w+", text)) == body.get("ExpressionAttributeValues", {}).keys()
        assert "ExpressionAttributeNames" not in body or body["ExpressionAttributeNames"]
        assert "ExpressionAttributeValues" not in body or body["ExpressionAttributeValues"]
        assert {"SS": []} not in body.get("ExpressionAttributeValues", {}).values()
        clauses = re.findall(r"\b(SET|ADD|DELETE|REMOVE)\b", update)
        assert len(clauses) == len(set(clauses))
        paths = re.findall(r"#\w+", update)
        assert len(paths) == len(set(paths))
        assert len(condition) < 4096
    assert set(items.values()) == {1}


def test_a_previous_version_is_stored_as_it_was_read_and_only_if_it_is_the_replaced_one() -> None:
    kept = {name: plan.previous and plan.previous["sk"]["S"] for name, plan in PLANS.items()}

    assert (kept["created"], kept["updated"], kept["there again"]) == (None, "#json#000000001", "#json#000000002")
    plan = plan_write(after(refers("Practitioner/a")), refers(), now=NOW, base_url="")
    assert plan is not None
    assert plan.keeping({"sk": {"S": "#json"}, "version": {"N": "2"}}).previous is None
    assert plan.keeping(None).previous is None


def counts(actions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        action["Update"]["Key"]["pk"]["S"].rpartition("#")[0]: action["Update"]
        for action in actions
        if action.get("Update", {}).get("TableName") == "references"
    }


def test_an_update_counts_references_that_come_and_go_and_none_that_stays() -> None:
    actions = counts(write_actions(PLANS["updated"], TABLES, strict=True))

    assert actions.keys() == {"Practitioner/a", "Practitioner/c"}
    assert actions["Practitioner/a"]["ExpressionAttributeValues"] == {":total": {"N": "-1"}, ":type0": {"N": "-1"}}
    assert "ConditionExpression" not in actions["Practitioner/a"]
    assert actions["Practitioner/c"]["ExpressionAttributeValues"] == {":total": {"N": "1"}, ":type0": {"N": "1"}}
    assert (
        actions["Practitioner/c"]["ConditionExpression"]
        == "attribute_not_exists(#closed) AND attribute_not_exists(#closing)"
    )
    load = counts(write_actions(PLANS["updated"], TABLES, strict=False))
    assert "ConditionExpression" not in load["Practitioner/c"]


def test_a_deletion_sets_the_tombstone_of_its_resource_and_a_restoration_removes_it() -> None:
    for name, begins in (("deleted", "SET #closed"), ("there again", "REMOVE #closed")):
        own = [
            action["Update"]
            for action in write_actions(PLANS[name], TABLES, strict=True)
            if action.get("Update", {}).get("Key", {}).get("pk", {}).get("S", "").startswith("Patient/1#")
        ]
        assert len(own) == COUNT_SHARDS
        assert {each["UpdateExpression"].startswith(begins) for each in own} == {True}
        # Not while a multi-step write holds them, and a deletion only if nothing refers to it.
        assert {"#held" in each["ConditionExpression"] for each in own} == {True}
        assert {"#total" in each["ConditionExpression"] for each in own} == {name == "deleted"}
    assert counts(write_actions(PLANS["created"], TABLES, strict=True)).keys() == {"Practitioner/a"}


def test_plans_of_a_group_count_together_what_they_share() -> None:
    """There is one action for each item, and none if increments and decrements of a group cancel out."""
    first = planned(content("Condition", "1", subject={"reference": "Patient/4"}))
    second = planned(content("Condition", "1b4", subject={"reference": "Patient/4"}))
    other = planned(content("Encounter", "1", subject={"reference": "Patient/4"}))
    away = planned(
        content("Condition", "1", subject={"reference": "Patient/5"}),
        after(content("Condition", "1", subject={"reference": "Patient/4"})),
    )
    (together,) = counts(group_actions([first, other], TABLES)).values()
    assert together["ExpressionAttributeValues"][":total"] == {"N": "2"}
    assert together["ExpressionAttributeNames"].items() > {("#type0", "Condition"), ("#type1", "Encounter")}
    assert len(group_actions([first, second], TABLES)) <= first.count + second.count
    assert counts(group_actions([first, away], TABLES)).keys() == {"Patient/5"}


def test_a_lock_that_has_to_be_as_it_was_read_is_checked_whatever_changes() -> None:
    (check,) = [
        action["ConditionCheck"]
        for action in write_actions(expecting(planned(content()), IdentifierLock()), TABLES, strict=True)
        if "ConditionCheck" in action
    ]
    assert check["Key"]["pk"] == {"S": "Patient!identifier=v!|"}


def group_sizes(*plans: WritePlan) -> list[int]:
    return [len(group) for group in packed(plans)]


def test_two_of_one_identifier_never_share_a_transaction() -> None:
    one, other = (planned(content(resource_id=name, identifier=[{"value": "v"}])) for name in "12")
    third = planned(content(resource_id="3", identifier=[{"value": "w"}]))
    without = planned(content(resource_id="4"))

    assert group_sizes(one, third, without) == [3]
    assert group_sizes(one, other, without) == [1, 2]
    assert group_sizes(one, PLANS["identified anew"]) == [1, 1]
    assert group_sizes(one, third, other, third) == [2, 2]


def test_a_plan_that_sets_or_removes_a_tombstone_stands_alone() -> None:
    plain = planned(content(resource_id="4"))
    for name in ("deleted", "there again"):
        assert group_sizes(plain, PLANS[name], plain, plain) == [1, 1, 2]


def test_a_group_keeps_within_the_bytes_of_a_transaction() -> None:
    large = [planned(content(resource_id=str(n), name=[{"text": "x" * 300_000}])) for n in range(9)]
    sizes = group_sizes(*large)
    assert sum(sizes) == len(large)
    assert max(sizes) * large[0].size < 4_000_000 < (max(sizes) + 1) * large[0].size + 1_000_000


def test_plans_that_count_in_the_same_item_share_its_action() -> None:
    shared = {"subject": {"reference": "Patient/4"}, "asserter": {"reference": "Practitioner/p"}}
    together = [planned(content("Condition", name, **shared)) for name in ("1", "11") * 12]
    apart = [planned(content("Condition", name, **shared)) for name in ("1", "2", "3", "4") * 6]
    for plans in (together, apart):
        groups = list(packed(plans))
        assert [each for group in groups for each in group] == plans
        assert all(len(group_actions(group, TABLES)) <= MAX_ACTIONS for group in groups)
    own = together[0].count
    assert len(next(packed(together))) == (MAX_ACTIONS - 2) // (own - 2) > MAX_ACTIONS // own


class _Cancels:
    """A client that cancels each transaction for the given reasons."""

    def __init__(self, *reasons: str, code: str = "TransactionCanceledException") -> None:
        self.asked: list[Any] = []
        self._response: Any = {"Error": {"Code": code}, "CancellationReasons": [{"Code": each} for each in reasons]}

    def transact_write_items(self, TransactItems: list[Any]) -> None:  # noqa: N803 - boto3's name
        self.asked += TransactItems
        raise ClientError(self._response, "TransactWriteItems")


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError"])
def test_a_transaction_that_its_events_alone_stop_is_reported_apart(reason: str) -> None:
    client: Any = _Cancels("None", "None", reason, "None")
    with pytest.raises(EventsNotTakenError, match=f"^{reason}$"):
        transact(client, [{"Put": 1}, {"Put": 2}], [{"Put": 3}, {"Put": 4}])

    assert client.asked == [{"Put": 1}, {"Put": 2}, {"Put": 3}, {"Put": 4}]


@pytest.mark.parametrize(
    "reasons",
    [
        ("None", "ConditionalCheckFailed", "ThrottlingError"),
        ("ThrottlingError", "None", "ThrottlingError"),
        ("ThrottlingError", "None", "None"),
        ("None", "None", "ConditionalCheckFailed"),
        ("None", "None", "TransactionConflict"),
        (),
    ],
)
def test_a_reason_that_stops_the_write_as_well_is_dynamodbs_own_error(reasons: tuple[str, ...]) -> None:
    client: Any = _Cancels(*reasons)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        transact(client, [{"Put": 1}, {"Put": 2}], [{"Put": 3}])
