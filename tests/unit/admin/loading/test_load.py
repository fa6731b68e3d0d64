"""Loading into the tables, over moto."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from careconnect.fhir.resource_types import Table
from careconnect.search.values import date_range, order_text
from careconnect.storage.keys import CURSOR_KEY
from careconnect.storage.traces import is_trace
from careconnect_admin.loading.load import OTHER, LoadInterruptedError, LoadReport, TypeCounts, load_paths
from careconnect_admin.loading.reading.found import Deletion, Place
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.writes import LONG_TEXT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NOW = datetime(2024, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
_NOW_MILLISECONDS = "1714557600123"

Items = dict[tuple[str, str], dict[str, Any]]


TABLES = ("records", "directory", "references", "transactions", "directory-transactions")


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with mock_aws():
        client = boto3.client("dynamodb")
        for resource, name in zip(OUTPUTS, TABLES, strict=True):
            create_table(client, resource, name)
        yield client


@pytest.fixture
def tables(dynamodb: "DynamoDBClient") -> RecordTables:
    return RecordTables(dynamodb, *TABLES)


class TestedClient:
    """DynamoDB as it is, with its calls counted and one operation changed on demand."""

    __test__ = False

    def __init__(self, client: Any, **changed: Callable[..., Any]) -> None:
        self._client = client
        self._changed = changed
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        real = getattr(self._client, operation)

        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            changed = self._changed.get(operation)
            return changed(real, **arguments) if changed else real(**arguments)

        return call

    def named(self, operation: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == operation]


def fault(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as asked"}}, "TransactWriteItems")


def items_of(tables: RecordTables, table: Table = Table.RECORD) -> Items:
    """Return all items of a table but the cursor key."""
    found: Items = {}
    for page in tables.client.get_paginator("scan").paginate(TableName=tables.name(table)):
        for item in page["Items"]:
            key = (item["pk"]["S"], item["sk"]["S"])
            if key != CURSOR_KEY:
                found[key] = item
    return found


# moto's tables are not made for several threads: one writer.
def load(folder: Path, tables: RecordTables | None, *resources: Any, later: int = 0, **options: Any) -> LoadReport:
    path = folder / "in.ndjson"
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in resources]
    path.write_text("\n".join(lines), encoding="utf-8")
    return load_paths([path], tables, clock=lambda: _NOW + timedelta(seconds=later), writers=1, **options)


def transaction(folder: Path, tables: RecordTables, *entries: Any, later: int = 0, **options: Any) -> LoadReport:
    path = folder / "in.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}), encoding="utf-8")
    return load_paths([path], tables, clock=lambda: _NOW + timedelta(seconds=later), writers=1, **options)


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "4", **elements}


def containing(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the elements of a resource that contains another, and refers to it."""
    extension = [{"url": "urn:x", "valueReference": {"reference": f"#{resource['id']}"}}]
    return {"contained": [resource], "extension": extension}


def organization(names: int, **elements: Any) -> dict[str, Any]:
    name, *alias = (f"name {n}" for n in range(names))
    return {"resourceType": "Organization", "id": "o", "name": name, "text": LONG_TEXT, "alias": alias, **elements}


def entries_are_consistent(items: Items) -> bool:
    """Say whether the entries in a table are exactly those of its index records, traces aside."""
    listed = {
        (pk, sk)
        for (_, sort_key), item in items.items()
        if sort_key == "#index"
        for pk, sk in json.loads(item["entries"]["S"])
    }
    return listed == {key for key, item in items.items() if not key[1].startswith("#") and not is_trace(item)}


def test_a_resource_becomes_two_bodies_an_index_record_and_entries(tmp_path: Path, tables: RecordTables) -> None:
    report = load(tmp_path, tables, patient(birthDate="1980-02-29", name=[{"family": "Muñoz"}]))

    assert report.counts == {"Patient": TypeCounts(loaded=1)}
    assert report.exit_code == 0
    items = items_of(tables)
    assert items["Patient/4", "#json"] == {
        "pk": {"S": "Patient/4"},
        "sk": {"S": "#json"},
        "body": {
            "S": '{"resourceType":"Patient","id":"4",'
            '"meta":{"versionId":"1","lastUpdated":"2024-05-01T10:00:00.123Z"},'
            '"name":[{"family":"Muñoz"}],"birthDate":"1980-02-29"}'
        },
        "version": {"N": "1"},
        "updated": {"N": _NOW_MILLISECONDS},
        "patient": {"S": "4"},
        "method": {"S": "PUT"},
        "status": {"S": "201"},
    }
    index = items["Patient/4", "#index"]
    source = b'{"birthDate":"1980-02-29","id":"4","name":[{"family":"Mu\xc3\xb1oz"}],"resourceType":"Patient"}'
    assert index["digest"]["S"] == hashlib.sha256(source).hexdigest()
    assert (index["version"]["N"], index["updated"]["N"]) == ("1", _NOW_MILLISECONDS)
    # The compact form: the family name is the first part of the name, the change lasts a millisecond.
    values = json.loads(index["values"]["S"])
    assert values == {
        "_lastUpdated": [1714557600123],
        "name": ["Muñoz"],
        "family": [0],
        "birthdate": [[date_range("1980-02-29")[0]]],
    }
    entries = {key: item for key, item in items.items() if not key[1].startswith("#")}
    assert len(entries) == 3
    assert all(item["values"] == index["values"] for item in entries.values())
    assert entries_are_consistent(items)


def test_a_home_has_its_own_table_and_only_clinical_resources_name_a_patient(
    tmp_path: Path, tables: RecordTables
) -> None:
    load(
        tmp_path,
        tables,
        {"resourceType": "Organization", "id": "o", "name": "Surgery"},
        {"resourceType": "Medication", "id": "m"},
        {"resourceType": "Condition", "id": "c", "clinicalStatus": "active", "subject": {"reference": "Patient/4"}},
    )
    records, directory = items_of(tables), items_of(tables, Table.DIRECTORY)
    assert ("Organization/o", "#json") in directory
    assert {pk.partition("/")[0] for pk, sk in records if sk.startswith("#")} == {"Medication", "Condition"}
    assert records["Condition/c", "#json"]["patient"] == {"S": "4"}
    assert "patient" not in records["Medication/m", "#json"]
    assert "patient" not in directory["Organization/o", "#json"]


def test_loading_twice_changes_nothing(tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables) -> None:
    resources = [patient(gender="male"), {"resourceType": "Organization", "id": "o", "name": "Surgery"}]
    load(tmp_path, tables, *resources)
    before = items_of(tables), items_of(tables, Table.DIRECTORY)

    watched = TestedClient(dynamodb)
    again = RecordTables(watched, *TABLES)  # type: ignore[arg-type]
    report = load(tmp_path, again, {"gender": "male", "id": "4", "resourceType": "Patient"}, resources[1], later=60)

    assert report.total == TypeCounts(unchanged=2)
    assert not watched.named("transact_write_items")
    assert (items_of(tables), items_of(tables, Table.DIRECTORY)) == before


def test_changed_content_is_the_next_version_and_leaves_no_entry_behind(tmp_path: Path, tables: RecordTables) -> None:
    load(tmp_path, tables, patient(name=[{"family": "Muñoz"}, {"family": "Antić"}]))
    report = load(tmp_path, tables, patient(name=[{"family": "Antić"}], birthDate="1980"), later=60)

    assert report.total == TypeCounts(loaded=1)
    items = items_of(tables)
    for sort_key in ("#json", "#index"):
        assert items["Patient/4", sort_key]["version"] == {"N": "2"}
        assert items["Patient/4", sort_key]["updated"] == {"N": "1714557660123"}
    assert '"versionId":"2","lastUpdated":"2024-05-01T10:01:00.123Z"' in items["Patient/4", "#json"]["body"]["S"]
    assert [pk for pk, _ in items if "name^" in pk] == ["Patient?name^a"]
    assert entries_are_consistent(items)


def test_a_changed_digit_is_changed_content(tmp_path: Path, tables: RecordTables) -> None:
    text = '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.1}}'
    load(tmp_path, tables, text)
    load(tmp_path, tables, text.replace("1.1", "1.10"))
    item = items_of(tables)["Observation/o", "#json"]
    assert item["version"] == {"N": "2"}
    assert item["body"]["S"].endswith('"valueQuantity":{"value":1.10}}')


def test_a_sources_own_version_is_replaced_and_the_rest_of_its_meta_stored(
    tmp_path: Path, tables: RecordTables
) -> None:
    source = {"meta": {"profile": ["urn:p"], "versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z"}}
    load(tmp_path, tables, source | patient(active=True))
    assert items_of(tables)["Patient/4", "#json"]["body"]["S"] == (
        '{"resourceType":"Patient","id":"4","meta":{"versionId":"1",'
        '"lastUpdated":"2024-05-01T10:00:00.123Z","profile":["urn:p"]},"active":true}'
    )
    other = {"meta": {"profile": ["urn:p"], "versionId": "78"}}
    assert load(tmp_path, tables, other | patient(active=True)).total == TypeCounts(unchanged=1)


def test_time_never_goes_back_between_versions(tmp_path: Path, tables: RecordTables) -> None:
    load(tmp_path, tables, patient(active=True))
    load(tmp_path, tables, patient(active=False), later=-3600)
    assert items_of(tables)["Patient/4", "#json"]["updated"] == {"N": str(int(_NOW_MILLISECONDS) + 1)}


def test_a_deleted_resource_is_gone_in_the_next_version_with_an_entry_by_time(
    tmp_path: Path, tables: RecordTables
) -> None:
    load(tmp_path, tables, patient(name=[{"family": "Muñoz"}]))
    delete = {"request": {"method": "DELETE", "url": "Patient/4"}}
    assert transaction(tmp_path, tables, delete).total == TypeCounts(deleted=1)

    items = items_of(tables)
    deleted = int(_NOW_MILLISECONDS) + 1
    (at,) = [key for key, item in items.items() if not key[1].startswith("#") and not is_trace(item)]
    assert at == ("Patient?_deleted^0", f"{order_text(deleted)}#4")
    assert items[at]["values"] == {"S": "{}"}
    (left,) = [item for item in items.values() if is_trace(item)]
    assert (left["pk"], left["version"], left["next"]) == (
        {"S": "Patient?_lastUpdated^0"},
        {"N": "1"},
        {"N": str(deleted)},
    )
    assert {key for key in items if key[1].startswith("#")} == {
        ("Patient/4", sort_key) for sort_key in ("#json", "#json#000000001", "#index")
    }
    assert items["Patient/4", "#json"] == {
        "pk": {"S": "Patient/4"},
        "sk": {"S": "#json"},
        "gone": {"BOOL": True},
        "version": {"N": "2"},
        "updated": {"N": str(int(_NOW_MILLISECONDS) + 1)},
        "patient": {"S": "4"},
        "method": {"S": "DELETE"},
        "status": {"S": "204"},
    }
    assert json.loads(items["Patient/4", "#index"]["entries"]["S"]) == [list(at)]
    assert items["Patient/4", "#index"]["values"] == {"S": "{}"}

    assert transaction(tmp_path, tables, delete).total == TypeCounts(unchanged=1)
    load(tmp_path, tables, patient(name=[{"family": "Muñoz"}]))
    items = items_of(tables)
    back = items["Patient/4", "#json"]
    assert (back["version"], back["method"], back["status"]) == ({"N": "3"}, {"S": "PUT"}, {"S": "201"})
    assert "gone" not in back
    assert "gone" in items["Patient/4", "#json#000000002"]


def test_deleting_what_was_never_there_writes_nothing(tmp_path: Path, tables: RecordTables) -> None:
    report = transaction(tmp_path, tables, {"request": {"method": "DELETE", "url": "Patient/9"}})
    assert report.total == TypeCounts(unchanged=1)
    assert not items_of(tables)


def test_what_is_wrong_is_named_by_file_and_line_and_the_rest_is_loaded(tmp_path: Path, tables: RecordTables) -> None:
    report = load(
        tmp_path,
        tables,
        patient(),
        '{"resourceType":"Patient",',
        {"resourceType": "Patient", "id": "5", "gender": "f"},
        {"resourceType": "Claim", "id": "1"},
        {"resourceType": "Patient", "id": "a b"},
        {"resourceType": "Patient"},
        {"id": "6"},
        {"resourceType": "<script>", "id": "6"},
        patient(active=True),
        {"resourceType": "Patient", "id": "7", "name": [{"family": "x" * 400_000}]},
        {"resourceType": "Patient", "id": "8", "contained": [{"resourceType": "Patient", "birthDate": "2001-02-29"}]},
        {"resourceType": "Patient", "id": "9"},
    )
    no_id = "Patient: no id, or not one of 1 to 64 letters, digits, hyphens and dots"
    lines = [str(problem).removeprefix(f"{tmp_path}/in.ndjson:") for problem in report.problems]
    assert lines[:8] == [
        "2: not JSON: Expecting property name enclosed in double quotes (column 27)",
        "3: Patient/5: gender is not one of female, male, other, unknown",
        "4: Claim is not a type that is served",
        f"5: {no_id}",
        f"6: {no_id}",
        "7: no resourceType",
        "8: its resourceType is not a type that is served",
        f"9: Patient/4 stands at {tmp_path}/in.ndjson:1 already",
    ]
    assert lines[8].startswith("10: Patient/7: too large: 400,")
    assert lines[9].startswith("11: Patient/8: contained[0].birthDate is not in the calendar")
    assert report.counts == {"Patient": TypeCounts(loaded=2, failed=6), OTHER: TypeCounts(failed=4)}
    assert report.total.failed == len(report.problems)
    assert report.exit_code == 1
    assert {pk for pk, sk in items_of(tables) if sk.startswith("#")} == {"Patient/4", "Patient/9"}
    assert "active" not in items_of(tables)["Patient/4", "#json"]["body"]["S"]


def test_a_resource_that_failed_does_not_bar_its_mended_copy(tmp_path: Path, tables: RecordTables) -> None:
    report = load(tmp_path, tables, patient(gender="f"), patient(gender="female"))
    assert report.total == TypeCounts(loaded=1, failed=1)


def test_paths_that_hold_nothing_are_problems(tmp_path: Path, tables: RecordTables) -> None:
    report = load_paths([tmp_path / "none", tmp_path], tables)
    assert [problem.reason for problem in report.problems] == [
        "no such file or folder",
        "no .ndjson, .jsonl or .json (or one of them with .gz) file in this folder",
    ]
    assert report.exit_code == 1


def test_a_dry_run_tells_what_would_be_and_writes_nothing(tmp_path: Path, tables: RecordTables) -> None:
    load(tmp_path, tables, patient(), patient(id="5"))
    before = items_of(tables)
    changed = patient(id="5", gender="male")
    report = load(tmp_path, tables, patient(), changed, patient(id="6"), patient(id="7", gender=1), dry_run=True)

    assert report.counts == {"Patient": TypeCounts(loaded=2, unchanged=1, failed=1)}
    assert report.exit_code == 1
    assert items_of(tables) == before


def test_a_dry_run_into_empty_tables_leaves_them_empty(tmp_path: Path, tables: RecordTables) -> None:
    assert load(tmp_path, tables, patient(), dry_run=True).total == TypeCounts(loaded=1)
    assert not any(tables.client.scan(TableName=name)["Items"] for name in (tables.record, tables.directory))


def test_without_tables_a_load_tells_what_it_would_do_to_empty_ones(tmp_path: Path, tables: RecordTables) -> None:
    lines = [
        patient(),
        patient(id="5", gender=1),
        patient(managingOrganization={"reference": "Organization/x"}, id="6"),
    ]
    gone = [Deletion(Place("--delete Patient/9"), "Patient", "9")]
    on_empty = load(tmp_path, tables, *lines, deletions=gone, dry_run=True)
    assert on_empty.counts == {"Patient": TypeCounts(loaded=2, unchanged=1, failed=1)}
    assert [each.target for each in on_empty.dangling] == ["Organization/x"]

    assert load(tmp_path, None, *lines, deletions=gone) == on_empty


def test_what_is_named_is_deleted_and_what_was_not_there_is_reported(tmp_path: Path, tables: RecordTables) -> None:
    load(tmp_path, tables, patient(), patient(id="5"))
    deletions = [Deletion(Place(f"--delete Patient/{name}"), "Patient", name) for name in ("4", "6")]
    report = load_paths([], tables, deletions=deletions, writers=1)

    assert report.counts == {"Patient": TypeCounts(deleted=1, unchanged=1)}
    assert report.exit_code == 0
    skipped = {kind: [str(place) for place in places.first] for kind, places in report.skipped.items()}
    assert skipped == {"deletion of what is not there": ["--delete Patient/6"]}
    items = items_of(tables)
    assert items["Patient/4", "#json"]["gone"] == {"BOOL": True}
    assert "body" in items["Patient/5", "#json"]


def test_what_is_skipped_is_counted_and_the_first_places_named(tmp_path: Path, tables: RecordTables) -> None:
    report = load(tmp_path, tables, *[""] * 5, patient())
    (tmp_path / "readme.md").write_text("x", encoding="utf-8")
    assert report.skipped["empty line"].count == 5
    assert [place.line for place in report.skipped["empty line"].first] == [1, 2, 3]
    assert load_paths([tmp_path], tables, writers=1).skipped["file of another kind"].count == 1


def observation(name: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **elements}


def dangling(report: LoadReport) -> list[tuple[str, int, str]]:
    return [(each.target, each.count, each.source) for each in report.dangling]


def test_references_that_lead_nowhere_are_reported_and_are_no_problem(tmp_path: Path, tables: RecordTables) -> None:
    report = load(
        tmp_path,
        tables,
        observation("a", subject={"reference": "Patient/4"}, performer=[{"reference": "Practitioner/p"}]),
        observation("b", subject={"reference": "Patient/9"}, performer=[{"reference": "Practitioner/p"}]),
        observation("c", subject={"reference": "https://ehr.example/careconnect-ri/STU3/Patient/9"}),
        observation("d", device={"reference": "Device/1"}, context={"reference": "urn:uuid:00000000"}),
        observation("e", subject={"reference": "Patient/9/_history/2"}),
        observation("f", subject={"reference": "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9658218873"}),
        patient(),
        base_url="https://ehr.example",
    )
    assert report.exit_code == 0
    assert dangling(report)[:2] == [("Patient/9", 3, "Observation/b"), ("Practitioner/p", 2, "Observation/a")]
    assert sorted(dangling(report)[2:]) == [
        ("Device/1", 1, "Observation/d"),
        ("Patient?…", 1, "Observation/f"),
        ("urn:uuid:00000000", 1, "Observation/d"),
    ]


def test_what_the_tables_hold_is_not_dangling_unless_it_is_deleted(tmp_path: Path, tables: RecordTables) -> None:
    load(tmp_path, tables, patient(), patient(id="5"), patient(id="6"))
    load_paths([], tables, deletions=[Deletion(Place("--delete"), "Patient", "5")], writers=1)
    lines = [observation(name, subject={"reference": f"Patient/{name}"}) for name in ("4", "5", "6")]
    for dry_run in (True, False):
        gone = [Deletion(Place("--delete"), "Patient", "6")]
        report = load(tmp_path, tables, *lines, deletions=gone, dry_run=dry_run)
        assert dangling(report) == [("Patient/5", 1, "Observation/5"), ("Patient/6", 1, "Observation/6")]


def test_a_resource_that_stores_too_much_fails_as_a_write_does(tmp_path: Path, tables: RecordTables) -> None:
    """The words of `write.md`, Limits."""
    too_costly = patient(identifier=[{"value": str(number)} for number in range(51)])
    for dry_run in (True, False):
        report = load(tmp_path, tables, too_costly, patient(id="5"), dry_run=dry_run)
        assert report.total == TypeCounts(loaded=1, failed=1)
        [problem] = report.problems
        assert "Patient.identifier: a resource has at most 50 identifiers." in str(problem)


def test_what_could_not_be_loaded_is_dangling(tmp_path: Path, tables: RecordTables) -> None:
    too_large = patient(text={"status": "generated", "div": f"<div>{'x' * 400_000}</div>"})
    report = load(tmp_path, tables, too_large, observation("a", subject={"reference": "Patient/4"}))
    assert report.exit_code == 1
    assert dangling(report) == [("Patient/4", 1, "Observation/a")]


@pytest.mark.parametrize("reference", ["https://other.example/STU3/Patient/9", "#inside", "Patient/4"])
def test_other_servers_contained_and_present_resources_are_not_dangling(
    tmp_path: Path, tables: RecordTables, reference: str
) -> None:
    other = observation(
        "a", subject={"reference": reference}, **containing({"resourceType": "Patient", "id": "inside"})
    )
    report = load(tmp_path, tables, patient(), other)
    assert dangling(report) == []


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("Organization/1", "may only refer to Device or Group"),
        (
            "https://ehr.example/careconnect-ri/STU3/Organization/1",
            "may only refer to Device or Group",
        ),
        ("#gp", "may only refer to Device or Group"),
        ("#never", "refers to a contained resource that is not there"),
    ],
)
def test_write_md_a_load_refuses_the_references_that_the_api_does_but_for_what_may_come_later(
    tmp_path: Path, tables: RecordTables, reference: str, why: str
) -> None:
    gp = containing({"resourceType": "Practitioner", "id": "gp"})
    lines = [observation("a", subject={"reference": reference}, **gp), patient()]
    report = load(tmp_path, tables, *lines, base_url="https://ehr.example")

    assert report.exit_code == 1
    assert [why in problem.reason and "subject" in problem.reason for problem in report.problems] == [True]
    assert report.counts["Patient"].loaded == 1


def without_status(**elements: Any) -> dict[str, Any]:
    """Return a Condition that breaks con-3."""
    return {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/4"}, **elements}


def test_what_breaks_an_invariant_is_loaded_only_if_that_is_asked_for(tmp_path: Path, tables: RecordTables) -> None:
    period = {"start": "2020", "end": "2019"}
    lines = [patient(), without_status(), without_status(id="d", onsetPeriod=period, abatementPeriod=period)]

    refused = load(tmp_path, tables, *lines)
    assert (refused.total.loaded, refused.exit_code, refused.accepted) == (1, 1, {})
    (first, second) = (str(problem).removeprefix(str(tmp_path)) for problem in refused.problems)
    assert first.startswith("/in.ndjson:2: Condition/c: con-3: Condition.clinicalStatus SHALL be present if ")
    assert first.endswith(" (Condition)")
    assert "per-1: If present, start SHALL have a lower value than end (Condition.onsetPeriod)" in second

    accepted = load(tmp_path, tables, *lines, accept_invariants=True)
    assert (accepted.total.loaded, accepted.exit_code, accepted.problems) == (2, 0, [])
    found = {key: (each.count, each.first.line, each.expression) for key, each in accepted.accepted.items()}
    assert found == {
        "con-3": (2, 2, "Condition"),
        "con-4": (1, 3, "Condition"),
        "per-1": (2, 3, "Condition.onsetPeriod"),
    }

    again = load(tmp_path, tables, *lines, later=1)
    assert (again.total.unchanged, again.exit_code, again.accepted) == (3, 0, {})


def test_a_dry_run_says_what_breaks_an_invariant(tmp_path: Path) -> None:
    assert [
        load(tmp_path, None, without_status(), dry_run=True, accept_invariants=each).exit_code for each in (False, True)
    ] == [1, 0]


@pytest.mark.parametrize(("accept_invariants", "loaded"), [(False, 0), (True, 2)])
def test_a_transaction_with_what_breaks_an_invariant_is_loaded_whole_or_not_at_all(
    tmp_path: Path, tables: RecordTables, *, accept_invariants: bool, loaded: int
) -> None:
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in (patient(), without_status())
    ]
    report = transaction(tmp_path, tables, *entries, accept_invariants=accept_invariants)

    assert (report.total.loaded, report.total.failed) == (loaded, 2 - loaded)
    assert ("Patient/4", "#json") not in items_of(tables) or loaded


@pytest.mark.parametrize(
    "elements",
    [
        {"text": {"status": "generated", "div": "<div><script/></div>"}},
        {"evidence": [{}]},
        {"subject": {"reference": "#never"}},
    ],
)
def test_other_faults_are_no_less_for_it(tmp_path: Path, tables: RecordTables, elements: dict[str, Any]) -> None:
    report = load(tmp_path, tables, without_status(**elements), accept_invariants=True)

    assert (report.total.failed, report.accepted) == (1, {})


def test_references_below_the_base_url_are_the_servers_own(tmp_path: Path, tables: RecordTables) -> None:
    subject = {"reference": "https://ehr.example/careconnect-ri/STU3/Patient/4"}
    condition = {"resourceType": "Condition", "id": "c", "clinicalStatus": "active", "subject": subject}
    load(tmp_path, tables, condition, base_url="https://ehr.example/")
    assert items_of(tables)["Condition/c", "#json"]["patient"] == {"S": "4"}


def test_each_table_gets_one_key_for_cursors_and_keeps_it(tmp_path: Path, tables: RecordTables) -> None:
    def cursor_keys() -> list[bytes]:
        pk, sk = CURSOR_KEY
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return [
            bytes(tables.client.get_item(TableName=name, Key=key)["Item"]["key"]["B"])
            for name in ("records", "directory")
        ]

    load(tmp_path, tables)
    first = cursor_keys()
    load(tmp_path, tables, patient())
    assert cursor_keys() == first
    assert [len(key) for key in first] == [32, 32]
    assert first[0] != first[1]


def test_progress_goes_forward_to_the_end(
    tmp_path: Path, tables: RecordTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.load._CHUNK", 10)
    printed: list[tuple[int, int]] = []
    patients = [{"resourceType": "Patient", "id": str(number)} for number in range(25)]
    load(tmp_path, tables, *patients, progress=lambda done, total: printed.append((done, total)))
    total = (tmp_path / "in.ndjson").stat().st_size
    assert [done for done, _ in printed] == sorted(done for done, _ in printed)
    assert len(printed) > 2
    assert printed[-1] == (total, total)
    assert {each for _, each in printed} == {total}


def test_many_resources_share_a_transaction_within_its_quotas(tmp_path: Path, dynamodb: "DynamoDBClient") -> None:
    watched = TestedClient(dynamodb)
    tables = RecordTables(watched, *TABLES)  # type: ignore[arg-type]
    patients: list[Any] = [{"resourceType": "Patient", "id": str(number)} for number in range(95)]
    for number in range(5):
        patients[number]["text"] = {"status": "generated", "div": f"<div>{'x' * 340_000}</div>"}
    assert load(tmp_path, tables, *patients).total == TypeCounts(loaded=95)
    sizes = [len(call["TransactItems"]) for call in watched.named("transact_write_items")]
    assert sum(sizes) == 95 * 4
    assert max(sizes) == 100
    assert len(sizes) <= 5
    for call in watched.named("transact_write_items"):
        assert len(json.dumps(call["TransactItems"])) < 4_000_000


def test_two_loaders_at_once_lose_nothing(tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables) -> None:
    """Another loader writes the same resource after this one has read its state."""
    load(tmp_path, tables, patient(name=[{"family": "First"}]))
    other = tmp_path / "other"
    other.mkdir()
    interrupted: list[bool] = []

    def overtaken(real: Callable[..., Any], **arguments: Any) -> Any:
        if not interrupted:
            interrupted.append(True)
            load(other, tables, patient(name=[{"family": "Second"}]))
        return real(**arguments)

    slow = RecordTables(TestedClient(dynamodb, transact_write_items=overtaken), *TABLES)  # type: ignore[arg-type]
    report = load(tmp_path, slow, patient(name=[{"family": "Third"}]), {"resourceType": "Patient", "id": "5"})

    assert report.total == TypeCounts(loaded=2)
    items = items_of(tables)
    assert items["Patient/4", "#json"]["version"] == {"N": "3"}
    assert '"Third"' in items["Patient/4", "#json"]["body"]["S"]
    assert [pk for pk, _ in items if "name^" in pk] == ["Patient?name^t"]
    assert entries_are_consistent(items)


@pytest.mark.parametrize("code", ["TransactionCanceledException", "ThrottlingException"])
def test_a_transaction_refused_for_now_is_done_again_one_by_one(
    tmp_path: Path, dynamodb: "DynamoDBClient", code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)
    sizes: list[int] = []

    def busy(real: Callable[..., Any], **arguments: Any) -> Any:
        sizes.append(len(arguments["TransactItems"]))
        if len(sizes) in (1, 2):
            raise fault(code)
        return real(**arguments)

    tables = RecordTables(TestedClient(dynamodb, transact_write_items=busy), *TABLES)  # type: ignore[arg-type]
    report = load(tmp_path, tables, patient(), {"resourceType": "Patient", "id": "5"})
    assert report.total == TypeCounts(loaded=2)
    assert sizes == [8, 4, 4, 4]


def test_what_stays_refused_is_reported_and_not_half_written(
    tmp_path: Path, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)

    def busy(real: Callable[..., Any], **arguments: Any) -> Any:
        if any(action["Put"]["Item"]["pk"]["S"] == "Patient/4" for action in arguments["TransactItems"]):
            raise fault("TransactionCanceledException")
        return real(**arguments)

    tables = RecordTables(TestedClient(dynamodb, transact_write_items=busy), *TABLES)  # type: ignore[arg-type]
    report = load(tmp_path, tables, patient(), {"resourceType": "Patient", "id": "5"})
    assert report.total == TypeCounts(loaded=1, failed=1)
    assert [str(each).rpartition("/in.ndjson:")[2] for each in report.problems] == [
        "1: Patient/4: not written in 8 attempts (TransactionCanceledException)"
    ]
    assert {pk for pk, sk in items_of(RecordTables(dynamodb, *TABLES)) if sk.startswith("#")} == {"Patient/5"}


def test_an_item_that_dynamodb_does_not_accept_is_reported(tmp_path: Path, dynamodb: "DynamoDBClient") -> None:
    def refuse(_real: Callable[..., Any], **_arguments: Any) -> Any:
        raise fault("ValidationException")

    tables = RecordTables(TestedClient(dynamodb, transact_write_items=refuse), *TABLES)  # type: ignore[arg-type]
    (problem,) = load(tmp_path, tables, patient()).problems
    assert problem.reason == "Patient/4: DynamoDB does not accept its items"


@pytest.mark.parametrize("operation", ["put_item", "batch_get_item", "transact_write_items"])
def test_a_denied_load_ends_with_the_services_error(tmp_path: Path, dynamodb: "DynamoDBClient", operation: str) -> None:
    def deny(_real: Callable[..., Any], **_arguments: Any) -> Any:
        raise fault("AccessDeniedException")

    tables = RecordTables(TestedClient(dynamodb, **{operation: deny}), *TABLES)  # type: ignore[arg-type]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        load(tmp_path, tables, patient())


def test_keys_left_unprocessed_are_asked_for_again(
    tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)

    def half_read(real: Callable[..., Any], RequestItems: Any) -> Any:  # noqa: N803
        if len(RequestItems) > 1:
            # The look at the format of both tables.
            return real(RequestItems=RequestItems)
        ((table, asked),) = RequestItems.items()
        answer = real(RequestItems={table: asked | {"Keys": asked["Keys"][:1]}})
        rest = asked["Keys"][1:]
        return answer | {"UnprocessedKeys": {table: asked | {"Keys": rest}} if rest else {}}

    watched = TestedClient(dynamodb, batch_get_item=half_read)
    halting = RecordTables(watched, *TABLES)  # type: ignore[arg-type]
    resources = [organization(120), {"resourceType": "Organization", "id": "p", "name": "Surgery"}]
    assert load(tmp_path, halting, *resources).total == TypeCounts(loaded=2)
    assert load(tmp_path, halting, *resources).total == TypeCounts(unchanged=2)
    assert entries_are_consistent(items_of(tables, Table.DIRECTORY))


def released(tables: RecordTables) -> dict[tuple[str, str], Any]:
    """Return the items of the directory, once all multi-step writes are released."""
    Release(tables).release_all()
    return items_of(tables, Table.DIRECTORY)


def test_more_entries_than_a_transaction_takes(tmp_path: Path, tables: RecordTables) -> None:
    assert load(tmp_path, tables, organization(150)).total == TypeCounts(loaded=1)
    items = released(tables)
    assert len(items) == 2 + 2 + 150
    assert items["Organization/o", "#json"]["version"] == {"N": "1"}
    assert load(tmp_path, tables, organization(150)).total == TypeCounts(unchanged=1)

    load(tmp_path, tables, organization(2))
    items = released(tables)
    # The last is the trace of the first version's time.
    assert len(items) == 2 + 2 + 2 + 1 + 1
    assert items["Organization/o", "#json"]["version"] == {"N": "2"}
    assert items["Organization/o", "#json#000000001"]["version"] == {"N": "1"}
    assert entries_are_consistent(items)


@pytest.mark.parametrize("before", [None, organization(110, name="before")])
def test_a_large_resource_cut_off_halfway_is_finished_by_the_next_load(
    tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables, before: dict[str, Any] | None
) -> None:
    """Whatever a dead load left behind, the next one leaves the entries of one version, and its bodies."""
    if before:
        load(tmp_path, tables, before)

    def dies(_real: Callable[..., Any], **_arguments: Any) -> Any:
        raise fault("AccessDeniedException")

    dying = RecordTables(TestedClient(dynamodb, transact_write_items=dies), *TABLES)  # type: ignore[arg-type]
    with pytest.raises(ClientError):
        load(tmp_path, dying, organization(150))
    body = items_of(tables, Table.DIRECTORY).get(("Organization/o", "#json"))
    assert (body is None) == (before is None)

    load(tmp_path, tables, organization(101, name="after"), later=60)
    items = released(tables)
    assert items["Organization/o", "#json"]["version"] == {"N": "2" if before else "1"}
    assert len(items) == 2 + 2 + 101 + (2 if before else 0)
    assert entries_are_consistent(items)


def test_a_large_resource_overtaken_by_another_loader_starts_again(
    tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)
    other = tmp_path / "other"
    other.mkdir()
    interrupted: list[bool] = []

    def overtaken(real: Callable[..., Any], **arguments: Any) -> Any:
        if not interrupted:
            interrupted.append(True)
            load(other, tables, organization(130, name="other"), later=60)
        return real(**arguments)

    slow = RecordTables(TestedClient(dynamodb, transact_write_items=overtaken), *TABLES)  # type: ignore[arg-type]
    assert load(tmp_path, slow, organization(120, name="slow")).total == TypeCounts(loaded=1)
    items = released(tables)
    assert items["Organization/o", "#json"]["version"] == {"N": "2"}
    assert '"slow"' in items["Organization/o", "#json"]["body"]["S"]
    assert entries_are_consistent(items)


def test_an_interrupted_load_says_how_far_it_came_and_goes_on(tmp_path: Path, tables: RecordTables) -> None:
    patients = [patient(id=f"p{number}") for number in range(1_000)]

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(LoadInterruptedError) as interrupted:
        load(tmp_path, tables, {"resourceType": "Claim"}, *patients, progress=stop)
    before, share = interrupted.value.report, interrupted.value.share

    assert 100 <= before.total.loaded <= 900
    assert share == pytest.approx(before.total.loaded / 1_000, abs=0.02)
    assert [each.reason for each in before.problems] == ["Claim is not a type that is served"]
    again = load(tmp_path, tables, *patients).total
    assert (again.unchanged, again.loaded) == (before.total.loaded, 1_000 - before.total.loaded)


def test_a_misspelt_type_is_answered_by_the_one_that_was_meant(tmp_path: Path, tables: RecordTables) -> None:
    report = load(tmp_path, tables, patient(resourceType="Patiant"), patient(resourceType="observation"))

    assert [each.reason for each in report.problems] == [
        "Patiant is not a type that is served: did you mean Patient?",
        "observation is not a type that is served: did you mean Observation?",
    ]


def put(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


OF_A_VISIT = [
    put(patient(gender="female")),
    put({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}}),
    {"request": {"method": "DELETE", "url": "Patient/old"}},
]
"""A transaction's entries, one of which deletes."""


def test_a_transaction_comes_at_one_moment(
    tmp_path: Path, dynamodb: "DynamoDBClient", tables: RecordTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before any of its calls that writes, it has done nothing, and the next load does it."""
    monkeypatch.setattr("careconnect_records.multi_step.write._AT_ONCE", 4)
    old = {"resourceType": "Patient", "id": "old"}
    load(tmp_path, tables, old)
    before = {key: item for key, item in items_of(tables).items() if key[0] == "Patient/old"}
    left = 0

    def dies(real: Callable[..., Any], **arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise fault("AccessDeniedException")
        return real(**arguments)

    watched = RecordTables(TestedClient(dynamodb, transact_write_items=dies), *TABLES)  # type: ignore[arg-type]
    for calls in count():
        left = calls
        try:
            report = transaction(tmp_path, watched, *OF_A_VISIT)
        except ClientError:
            Release(tables).release_all()
            found = items_of(tables)
            assert {key: item for key, item in found.items() if key[0] == "Patient/old"} == before
            assert not {pk for pk, sk in found if sk == "#json"} - {"Patient/old"}
        else:
            assert report.total == TypeCounts(loaded=2, deleted=1)
            assert calls > 6
            break

    Release(tables).release_all()
    found = items_of(tables)
    assert {pk for pk, sk in found if sk == "#json"} >= {"Patient/4", "Observation/o"}
    assert entries_are_consistent(found)
    assert transaction(tmp_path, tables, *OF_A_VISIT).total == TypeCounts(unchanged=3)


@pytest.mark.parametrize("options", [{}, {"dry_run": True}])
def test_a_transaction_with_a_faulty_entry_loads_nothing_until_it_is_mended(
    tmp_path: Path, tables: RecordTables, options: dict[str, Any]
) -> None:
    for name, gender in (("a.json", "fmale"), ("b.json", "female")):
        entries = [put(patient(gender=gender)), *OF_A_VISIT[1:]]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (tmp_path / name).write_text(json.dumps(bundle), encoding="utf-8")

    first = load_paths([tmp_path / "a.json"], tables, writers=1, **options)
    assert first.total == TypeCounts(failed=3)
    assert [each.reason.partition(":")[0] for each in first.problems] == ["Patient/4", "transaction"]
    assert first.problems[1].reason == "transaction: none of its entries is loaded"
    assert items_of(tables) == {}

    both = load_paths([tmp_path], tables, writers=1, **options)
    assert both.total == TypeCounts(loaded=2, unchanged=1, failed=3)
    assert [each.place.file.rpartition("/")[2] for each in both.problems] == ["a.json", "a.json"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_transaction_that_is_too_large_says_what_to_do(
    tmp_path: Path, tables: RecordTables, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    monkeypatch.setattr("careconnect_records.multi_step.write.MAX_ITEMS", 7)
    path = tmp_path / "in.json"
    for kind, total in (("transaction", TypeCounts(failed=2)), ("batch", TypeCounts(loaded=2))):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": OF_A_VISIT[:2]}
        path.write_text(json.dumps(bundle), encoding="utf-8")
        report = load_paths([path], tables if is_there else None, writers=1)
        assert report.total == total
        if kind == "transaction":
            first, second = (each.reason for each in report.problems)
            assert first.endswith("as a batch its entries load one by one")
            assert second == "transaction: none of its entries is loaded"
            assert items_of(tables) == {}


def test_a_transaction_that_stays_refused_is_reported_once(
    tmp_path: Path, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)
    attempts: list[bool] = []

    def busy(_real: Callable[..., Any], **_arguments: Any) -> Any:
        attempts.append(True)
        raise fault("TransactionCanceledException")

    tables = RecordTables(TestedClient(dynamodb, transact_write_items=busy), *TABLES)  # type: ignore[arg-type]
    report = transaction(tmp_path, tables, *OF_A_VISIT)
    assert report.total == TypeCounts(failed=3)
    assert [each.reason for each in report.problems] == [
        "Patient/4: not written in 8 attempts (TransactionCanceledException)",
        "transaction: none of its entries is loaded",
    ]
    assert len(attempts) == 8
