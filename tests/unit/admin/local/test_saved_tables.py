"""The tables that a run saves for the next one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.clients.demo import demo_clients, register
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.errors import SettingError
from careconnect_admin.loading.load import TypeCounts, load_paths
from careconnect_admin.local.saved_tables import SavedTables
from careconnect_admin.local.seeding import seed
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

_DEMO = demo_clients()
_BASE = "http://127.0.0.1:1"
_KEPT = (*OUTPUTS, "ClientTable")

Stack = tuple["DynamoDBClient", dict[str, str]]


@pytest.fixture
def new_stack(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Callable[[], Stack]]":
    """A function that makes empty tables of new names, as a new stack does."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    made = 0

    def make() -> Stack:
        nonlocal made
        made += 1
        outputs = {name: f"{name}-{made}" for name in (*_KEPT, "AuditTable")}
        for resource, name in outputs.items():
            create_table(client, resource, name)
        return client, outputs

    with mock_aws():
        client = boto3.client("dynamodb")
        yield make


def items_of(stack: Stack) -> list[Any]:
    client, outputs = stack
    found = [item for table in _KEPT for item in client.scan(TableName=outputs[table])["Items"]]
    return sorted(found, key=str)


def filled(stack: Stack, folder: Path) -> None:
    """Load a patient in two versions, one that is deleted, and an organisation; register the demo clients and one."""
    client, outputs = stack
    registry = DynamoDbClientRegistry(client, outputs["ClientTable"])
    register(_DEMO, registry)
    own = ClientRegistration(client_id="own", name="Own", scopes=("user/Patient.read",))
    register_client(registry, own, now=0)
    tables = RecordTables(client, *(outputs[name] for name in OUTPUTS))
    for lines in (
        [{"resourceType": "Patient", "id": "1"}, {"resourceType": "Patient", "id": "2"}],
        [
            {"resourceType": "Patient", "id": "1", "gender": "male"},
            {"resourceType": "Organization", "id": "o", "name": "Surgery"},
        ],
    ):
        path = folder / "in.ndjson"
        path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        assert not load_paths([path], tables, writers=1).problems
    deletion = {"request": {"method": "DELETE", "url": "Patient/2"}}
    (folder / "gone.json").write_text(
        json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [deletion]}), encoding="utf-8"
    )
    assert load_paths([folder / "gone.json"], tables, writers=1).total.deleted == 1
    mark = {"pk": {"S": "Organization/o#3"}, "total": {"N": "1"}, "Patient": {"N": "1"}}
    client.put_item(TableName=outputs["ReferenceTable"], Item=mark)


def test_the_next_run_has_every_item_and_its_own_demo_clients(tmp_path: Path, new_stack: "Callable[[], Stack]") -> None:
    first, second = new_stack(), new_stack()
    filled(first, tmp_path)
    kept = SavedTables(tmp_path / "kept.jsonl.gz", {demo.client_id for demo in _DEMO})
    assert not kept.are_there()
    kept.save(*first)
    assert kept.are_there()
    assert kept.file.stat().st_mode & 0o077 == 0

    fresh = demo_clients()
    report = seed(*second, fresh, [], lambda _done, _total: None, base_url=_BASE, kept=kept)

    demo_ids = {demo.client_id for demo in _DEMO}
    assert [item for item in items_of(second) if item.get("client_id", {}).get("S") not in demo_ids] == [
        item for item in items_of(first) if item.get("client_id", {}).get("S") not in demo_ids
    ]
    clients = DynamoDbClientRegistry(second[0], second[1]["ClientTable"]).every()
    assert {each.client_id for each in clients} == {*demo_ids, "own"}
    assert report.counts == {"Patient": TypeCounts(unchanged=1), "Organization": TypeCounts(unchanged=1)}
    assert report.first_ids == {"Patient": "1", "Organization": "o"}


@pytest.mark.parametrize("change", ["SET #format = :other", "REMOVE #format"])
def test_what_a_release_of_another_format_has_stored_is_refused(
    tmp_path: Path, new_stack: "Callable[[], Stack]", change: str
) -> None:
    (client, outputs), second = new_stack(), new_stack()
    filled((client, outputs), tmp_path)
    kept = SavedTables(tmp_path / "kept.jsonl.gz")
    pk, sk = CURSOR_KEY
    values: Any = {"ExpressionAttributeValues": {":other": {"N": str(FORMAT + 1)}}} if ":other" in change else {}
    client.update_item(
        TableName=outputs["RecordTable"],
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression=change,
        ExpressionAttributeNames={"#format": "format"},
        **values,
    )
    kept.save(client, outputs)

    with pytest.raises(SettingError, match="another format: remove it"):
        seed(*second, _DEMO, [], lambda _done, _total: None, base_url=_BASE, kept=kept)


def test_data_is_loaded_onto_what_was_saved(tmp_path: Path, new_stack: "Callable[[], Stack]") -> None:
    first, second = new_stack(), new_stack()
    filled(first, tmp_path)
    kept = SavedTables(tmp_path / "kept.jsonl.gz", {demo.client_id for demo in _DEMO})
    kept.save(*first)
    more = tmp_path / "more.ndjson"
    more.write_text('{"resourceType":"Location","id":"l"}\n', encoding="utf-8")

    seed(*second, _DEMO, [more], lambda _done, _total: None, base_url=_BASE, kept=kept)

    held = {item["pk"]["S"] for item in items_of(second) if item.get("sk", {}).get("S") == "#index"}
    assert held == {"Patient/1", "Patient/2", "Organization/o", "Location/l"}


@pytest.mark.parametrize("content", [b"no gzip", b"\x1f\x8b\x08\x00\x00"])
def test_a_file_that_cannot_be_read_says_what_to_do(
    tmp_path: Path, new_stack: "Callable[[], Stack]", content: bytes
) -> None:
    kept = SavedTables(tmp_path / "kept.jsonl.gz")
    kept.file.write_bytes(content)
    with pytest.raises(SettingError, match="remove it"):
        kept.restore(*new_stack())


def test_a_save_that_fails_leaves_what_was_saved_before(tmp_path: Path, new_stack: "Callable[[], Stack]") -> None:
    stack = new_stack()
    filled(stack, tmp_path)
    kept = SavedTables(tmp_path / "kept.jsonl.gz")
    kept.save(*stack)
    before = kept.file.read_bytes()
    with pytest.raises(stack[0].exceptions.ResourceNotFoundException):
        kept.save(stack[0], {**stack[1], "ClientTable": "none"})
    assert kept.file.read_bytes() == before
