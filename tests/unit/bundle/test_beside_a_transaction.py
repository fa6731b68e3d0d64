"""Other writers and readers beside a transaction, before its intents are released (`bundles.md`, Promise 8; ADR 43)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import resource_type
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.multi_step import write as multi_step
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.write_set import WRITE_SET, listed_in
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target
from careconnect_testing.aws.between_calls import KilledError, at_every_call, killed_at_every_call
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.records.stored import Stored, is_committed, saved, stored, visible_entries
from careconnect_testing.running.bundle_service import Bundles, entry, statuses, transaction

FEMALE = {**patient("1", gender="female"), "id": "4"}


@pytest.fixture
def begun(writer: Writer) -> Writer:
    writer.made({**patient("1"), "id": "4"})
    writer.made({**observation("Patient/4"), "id": "o"})
    return writer


def together(writer: Writer) -> Answer:
    """Change the patient and create an observation."""
    answer = Bundles(writer).send(
        transaction(entry("PUT", "Patient/4", FEMALE), entry("PUT", "Observation/q", observation("Patient/4", id="q")))
    )
    assert statuses(answer.json["entry"]) == [200, 201]
    return answer


PLACE = {"resourceType": "Organization", "id": "o1", "name": "A"}
THERE = {"managingOrganization": {"reference": "Organization/o1"}}


def moved_in(writer: Writer) -> Answer:
    """Refer a patient to an organization, and rename the organization, in one transaction."""
    changed = entry("PUT", "Patient/4", {**FEMALE, **THERE}), entry("PUT", "Organization/o1", {**PLACE, "name": "B"})
    return Bundles(writer).send(transaction(*changed))


def deleted_in_steps(writer: Writer) -> Answer:
    """Delete an organization by a write of the directory's that does not fit into one transaction."""
    with patch.object(WritePlan, "fits", lambda *_: False):
        return writer.delete("Organization/o1")


CUT_OFF: dict[str, tuple[Callable[[Writer], Answer], Callable[[Writer], Answer]]] = {
    "record over a Bundle": (moved_in, lambda writer: writer.update({**FEMALE, "active": True})),
    "directory over a Bundle": (moved_in, lambda writer: writer.update({**PLACE, "name": "C"})),
    "deletion beside a Bundle that refers to it": (moved_in, lambda writer: writer.delete("Organization/o1")),
    "directory over its own": (deleted_in_steps, lambda writer: writer.update({**PLACE, "name": "C"})),
    "reference beside a deletion": (deleted_in_steps, lambda writer: writer.update({**FEMALE, **THERE})),
}


@pytest.mark.parametrize("case", CUT_OFF)
def test_one_that_was_cut_off_is_undone_by_the_next_writer_within_ten_seconds(begun: Writer, case: str) -> None:
    """Also if the state is in the table of the other role."""
    cut_off, after = CUT_OFF[case]
    begun.made(PLACE)

    for _ in killed_at_every_call(begun, lambda: cut_off(begun)):
        done = is_committed(begun.reader.tables)
        started = begun.stopwatch.now
        answer = after(begun)
        assert begun.stopwatch.now - started < 10
        # What was done makes a reference to what is deleted, or deletes what is to be referred to.
        refused = {409, 422} if done else set()
        assert answer.status in {200, 201, 204} | refused, answer.text
        if not done and cut_off is moved_in:
            assert "managingOrganization" not in begun.reader.get("Patient/4").json
        before = visible_entries(stored(begun.reader.tables))
        Release(begun.reader.tables).release_all()
        assert visible_entries(stored(begun.reader.tables)) == before


@pytest.mark.parametrize("each_alone", [True, False], ids=["each action a step", "few steps"])
def test_one_that_goes_on_after_a_veto_is_lost_and_done_anew(
    begun: Writer, monkeypatch: pytest.MonkeyPatch, *, each_alone: bool
) -> None:
    """It stands still between two of its calls, and the directory's writer takes it for dead."""
    if each_alone:
        monkeypatch.setattr(multi_step, "_AT_ONCE", 1)
    begun.made(PLACE)
    put_back = saved(begun.reader.tables)

    def renamed() -> int:
        return begun.update({**PLACE, "name": "C"}).status

    def left(*writes: Callable[[], object]) -> Stored:
        put_back()
        for each in writes:
            each()
        Release(begun.reader.tables).release_all()
        return stored(begun.reader.tables)

    either = [left(lambda: moved_in(begun), renamed), left(renamed, lambda: moved_in(begun))]
    put_back()
    vetoes = 0
    for answer, status in at_every_call(begun, lambda: moved_in(begun), renamed):
        vetoes += bool(begun.reader.client.scan(TableName=begun.reader.tables.directory_transaction)["Items"])
        assert (answer.status, status) == (200, 200)
        Release(begun.reader.tables).release_all()
        assert stored(begun.reader.tables) in either
    assert vetoes


def loaded(writer: Writer) -> None:
    """Load a version of the patient, without the API."""
    loader = RecordWriter(writer.reader.tables, clock=lambda: datetime.now(UTC), sleep=lambda _: None)
    type_ = resource_type("Patient")
    assert type_
    [result] = loader.write([LoadRequest(Target(type_, "4"), {**FEMALE, "active": True})])
    assert not result.reason


OVER: dict[str, Callable[[Writer], object]] = {
    "patch": lambda writer: writer.patch("Patient/4", {"op": "add", "path": "/active", "value": True}),
    "update": lambda writer: writer.update({**FEMALE, "active": True}),
    "delete": lambda writer: writer.delete("Observation/q"),
    "load": loaded,
}


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Observation", "patient=4&_include=Observation:patient"),
        ("Patient", "_id=4&_revinclude=Observation:patient"),
        ("Patient/4/$everything", ""),
    ],
)
def test_a_write_over_a_transaction_shows_no_part_of_it(begun: Writer, path: str, query: str, over: str) -> None:
    """An earlier reader found no intent in the items of the second write."""

    def seen() -> tuple[bool, bool]:
        answer = begun.reader.get(path, query, Cache_Control="no-cache")
        found = {each["resource"]["id"]: each["resource"] for each in answer.json["entry"]}
        return "gender" in found["4"], "q" in found

    def both() -> None:
        together(begun)
        OVER[over](begun)

    whole = {(False, False), (True, over != "delete")}
    for shown, _ in at_every_call(begun, seen, both):
        assert shown in {*whole, (True, True)}


def test_if_match_of_an_entry_that_changes_nothing_holds_for_the_whole(begun: Writer) -> None:
    unchanged = entry("PUT", "Patient/4", {**patient("1"), "id": "4"}, ifMatch='W/"1"')
    amended = entry("PUT", "Observation/o", {**observation("Patient/4", status="amended"), "id": "o"})

    def other() -> tuple[int, str]:
        status = begun.update(FEMALE, If_Match='W/"1"').status
        return status, begun.reader.get("Observation/o").json["status"]

    seen = set()
    for answer, (status, observed) in at_every_call(
        begun, lambda: Bundles(begun).send(transaction(unchanged, amended)), other
    ):
        seen.add((answer.status, status, observed))
        assert begun.reader.get("Patient/4").json["meta"]["versionId"] == "2"
        assert begun.reader.get("Patient/4/_history").json["total"] == 2
    # The other write is done before the commit, the last call.
    assert seen == {(409, 200, "final")}


def test_what_a_transaction_left_is_referred_to_while_it_is_released(begun: Writer) -> None:
    def create() -> int:
        return begun.create(observation("Patient/new")).status

    Bundles(begun).transaction(
        entry("PUT", "Patient/new", patient("2", id="new")),
        entry("PUT", "Observation/q", observation("Patient/new", id="q")),
    )
    for status, _ in at_every_call(begun, create, lambda: Release(begun.reader.tables).release_all()):
        assert status == 201


def test_a_load_beside_a_release_keeps_the_version_that_it_replaces(begun: Writer) -> None:
    cut_off = iter([False, True])

    def kill(operation: str) -> None:
        if operation == "TransactWriteItems" and next(cut_off):
            raise KilledError

    begun.faults.append(kill)
    with suppress(KilledError):
        together(begun)
    begun.faults.remove(kill)
    release = Release(begun.reader.tables)
    release.abort_pending()

    def but_the_index_record() -> None:
        """Release, but for a call on the index record, which is on its way."""
        item = Release.item

        def late(self: Release, table: str, held: dict[str, dict[str, str]], *, done: bool) -> None:
            if held["sk"]["S"] != "#index":
                item(self, table, held, done=done)

        with patch.object(Release, "item", late), patch.object(release._states, "remove"):
            release.release_all()

    for _ in at_every_call(begun, lambda: loaded(begun), but_the_index_record):
        assert [begun.reader.get(f"Patient/4/_history/{version}").status for version in (1, 2)] == [200, 200]


@pytest.mark.parametrize(("code", "status"), [("TransactionConflictException", 200), ("AccessDeniedException", 503)])
def test_a_lock_that_cannot_be_released_is_looked_up_again_or_503(begun: Writer, code: str, status: int) -> None:
    Bundles(begun).transaction(*(entry("POST", "Patient", patient(number)) for number in ("7", "8")))
    refused: Any = {"Error": {"Code": code, "Message": "as asked"}}
    left = [code]

    def once(operation: str) -> None:
        if operation == "UpdateItem" and left:
            left.clear()
            raise ClientError(refused, operation)

    begun.faults.append(once)
    answer = begun.create(patient("7"), If_None_Exist=f"identifier={NHS_NUMBER}|7")

    assert (answer.status, left) == (status, [])


def test_the_directorys_functions_cannot_read_who_is_referred_to(begun: Writer) -> None:
    organization = {"resourceType": "Organization", "id": "org", "name": "x"}
    Bundles(begun).transaction(
        entry("PUT", "Organization/org", organization), entry("POST", "Observation", observation("Patient/4"))
    )

    tables = begun.reader.tables
    listed = {
        name: [
            listed_in(item)[1]
            for item in begun.reader.client.scan(TableName=name)["Items"]
            if item["pk"]["S"].startswith(WRITE_SET)
        ]
        for name in (tables.record, tables.directory)
    }
    assert listed[tables.directory] == [[]]
    assert any(key.startswith("Patient/4") for [keys] in [listed[tables.record]] for key in keys)
