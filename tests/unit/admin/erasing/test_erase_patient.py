"""Erasing a patient: what goes, what stays, what stops it, and that a run may be killed anywhere."""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from careconnect_admin.erasing.erase_patient import Erasure, LinkedError
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.reindex import reindex
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.plan import WritePlan
from careconnect_testing.http.writes import NHS_NUMBER, observation
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import BASE, NOW
from careconnect_testing.records.held_writes import hold
from careconnect_testing.records.stored import saved, stored, without_traces
from careconnect_testing.running.killed import Killed, killed_after

HIM = "secret-patient"
MARK = "Zyxwv"
"""In every value of the patient's, and in none of anybody else's."""

PATIENT = {"resourceType": "Patient", "id": HIM, "name": [{"family": MARK}]}
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "visit",
    "status": "finished",
    "subject": {"reference": f"Patient/{HIM}"},
    "reason": [{"text": MARK}],
}
GONE = ("Patient/secret-patient", "Encounter/visit", "Observation/his", "Observation/deleted", "Observation/came")


def identified(number: str) -> dict[str, Any]:
    return {"identifier": [{"system": NHS_NUMBER, "value": f"{MARK}-{number}"}]}


def his(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {**observation(f"Patient/{HIM}", comment=MARK), "id": resource_id, **elements}


def others(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {**observation("Patient/other"), "id": resource_id, **elements}


def lived(writer: Writer) -> None:
    """Write everything that a record may hold, and what others may say of it."""
    written = [
        {"resourceType": "Patient", "id": "other", "name": [{"family": "Stays"}]},
        {**PATIENT, **identified("1")},
        {**PATIENT, **identified("2")},
        ENCOUNTER,
        his("his", context={"reference": "Encounter/visit"}, **identified("3")),
        his("his", context={"reference": "Encounter/visit"}, valueString=MARK),
        his("deleted"),
        # One that was another's, and is his; one that was his, and is another's.
        others("came", valueString="of the other"),
        his("came", valueString=MARK),
        his("left", valueString=MARK, **identified("4")),
        others("left", valueString="kept"),
        others("left", valueString="kept too"),
        others("unrelated", related=[{"target": {"reference": "Observation/left"}}]),
    ]
    for resource in written:
        assert writer.update(resource).status < 300, resource
        writer.now.now += 1
    assert writer.delete("Observation/deleted").status == 204


def linked(writer: Writer) -> None:
    """Let others refer to the record."""
    performers = [{"reference": f"Patient/{HIM}", "display": "his father", "identifier": {"value": "n"}}]
    related = [{"target": {"reference": f"{BASE}/careconnect-ri/STU3/Observation/his"}}]
    assert writer.update(others("linked", performer=performers, related=related)).status < 300


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    with writer_in_memory() as made:
        lived(made)
        yield made


@pytest.fixture
def writer(module_writer: Writer) -> Iterator[Writer]:
    put_back = saved(module_writer.reader.tables)
    yield module_writer
    module_writer.faults.clear()
    put_back()


def erasure(writer: Writer, *, sleep: Callable[[float], None] = lambda _: None, told: Any = None) -> Erasure:
    def announce(plans: Sequence[WritePlan]) -> None:
        if told is not None:
            told.extend((plan.target.key, sorted(plan.patients)) for plan in plans)

    stopwatch = Clock()

    def pause(seconds: float) -> None:
        stopwatch.now += seconds
        sleep(seconds)

    return Erasure(
        writer.reader.tables,
        base_url=BASE,
        announce=announce,
        clock=lambda: datetime.fromtimestamp(NOW + 1_000, UTC),
        sleep=pause,
        elapsed=stopwatch,
    )


def left_of_him(writer: Writer) -> list[tuple[str, str]]:
    """Return the keys of all items that say anything of the patient, tombstones and closed counts aside."""
    found = []
    tables = writer.reader.tables
    for name in (*tables.of_resources, tables.reference, *tables.states):
        for item in tables.client.scan(TableName=name)["Items"]:
            key = (item["pk"]["S"], item.get("sk", {}).get("S", ""))
            lists = zlib.decompress(bytes(item["listed"]["B"])) if "listed" in item else b""
            text = json.dumps(item, default=repr) + repr(lists)
            own = key[0].startswith(f"Patient/{HIM}") and MARK not in text
            # When versions came and went is in the tombstones too.
            is_by_time = key[0].startswith(("Patient?_lastUpdated^", "Patient?_deleted^")) and MARK not in text
            is_left = is_by_time or (own and (key[1].startswith("#json") or key[1] == "#index" or "#" in key[0]))
            if (MARK in text or HIM in text) and not is_left:
                found.append(key)
    return found


def versions(writer: Writer, path: str) -> list[tuple[str, bool]]:
    """Return the ETag of each version in a history, and whether it has a content, the newest first."""
    entries = writer.reader.get(f"{path}/_history").json["entry"]
    return [(each["response"]["etag"], "resource" in each) for each in entries]


def test_all_that_is_his_goes_and_all_that_is_others_stays(writer: Writer) -> None:
    before = {path: writer.reader.get(path).json for path in ("Patient/other", "Observation/left")}

    erasure(writer).erase(HIM, unlink=False)

    assert left_of_him(writer) == []
    assert [writer.reader.get(path).status for path in GONE] == [410] * len(GONE)
    assert {path: writer.reader.get(path).json for path in before} == before
    assert versions(writer, "Observation/his") == [('W/"3"', False), ('W/"2"', False), ('W/"1"', False)]
    assert versions(writer, "Observation/came") == [('W/"3"', False), ('W/"2"', False), ('W/"1"', True)]
    assert versions(writer, "Observation/left") == [('W/"3"', True), ('W/"2"', True), ('W/"1"', False)]
    assert writer.reader.get("Observation/left/_history/1").status == 410
    assert writer.reader.get("Observation/his/_history/1").status == 410
    assert writer.reader.get("Observation/came/_history/1").json["valueString"] == "of the other"


def test_a_tombstone_names_nobody_but_those_who_had_it_before(writer: Writer) -> None:
    erasure(writer).erase(HIM, unlink=False)

    items = {key[1:]: item for key, item in stored(writer.reader.tables).items()}
    kept = {"pk", "sk", "version", "updated", "gone", "method", "status", "erased"}
    assert set(items["Observation/his", "#json#000000001"]) == kept
    assert set(items["Observation/his", "#json"]) == kept
    assert items["Observation/came", "#json"]["former_patients"] == {"S": "other"}
    assert "former_patients" not in items["Observation/left", "#json"]
    assert "former_patients" not in items["Observation/left", "#index"]


def test_a_second_run_and_a_reindex_change_nothing(writer: Writer) -> None:
    erasure(writer).erase(HIM, unlink=False)
    once = stored(writer.reader.tables)

    assert erasure(writer).survey(HIM).is_clean
    erasure(writer).erase(HIM, unlink=False)
    assert stored(writer.reader.tables) == once
    reindex(writer.reader.tables, base_url=BASE, sleep=lambda _: None, writers=1)

    assert stored(writer.reader.tables) == without_traces(once)


def test_references_of_others_stop_it_before_anything_is_done(writer: Writer) -> None:
    linked(writer)
    before = stored(writer.reader.tables)

    found = erasure(writer).survey(HIM)
    assert found.references == {"Observation/linked": ("Observation/his", f"Patient/{HIM}")}
    with pytest.raises(LinkedError, match="refer to the record: Observation/linked"):
        erasure(writer).erase(HIM, unlink=False)

    assert stored(writer.reader.tables) == before


def test_a_reference_is_replaced_by_its_display_in_a_new_version_that_is_announced(writer: Writer) -> None:
    linked(writer)
    told: list[tuple[str, list[str]]] = []

    erasure(writer, told=told).erase(HIM, unlink=True)

    found = writer.reader.get("Observation/linked").json
    assert (found["meta"]["versionId"], found["performer"], found["related"]) == (
        "2",
        [{"display": "his father"}],
        [{"target": {"display": "erased"}}],
    )
    assert told == [("Observation/linked", ["other"])]
    # What was said of him before is in a version that is another's.
    assert set(left_of_him(writer)) == {("Observation/linked", "#json#000000001")}


def test_a_reference_to_what_only_a_write_that_is_not_done_would_bring_into_the_record_stays(writer: Writer) -> None:
    related = [{"target": {"reference": "Observation/unrelated"}}]
    assert writer.update(others("linked", related=related)).status == 201
    hold(writer.reader.tables, his("unrelated"), his("his"), done=False)

    erasure(writer).erase(HIM, unlink=True)

    assert writer.reader.get("Observation/linked").json["related"] == related
    assert writer.reader.get("Observation/unrelated").json["subject"] == {"reference": "Patient/other"}


def test_a_write_that_comes_between_is_not_lost(writer: Writer) -> None:
    linked(writer)
    once: list[int] = []

    def write(name: str) -> None:
        # Once the content of what refers to him was read.
        if name == "BatchGetItem" and not once:
            once.append(1)
            performers = [{"reference": f"Patient/{HIM}", "display": "his father"}]
            assert writer.update(others("linked", performer=performers, comment="meanwhile")).status == 200

    writer.faults.append(write)
    erasure(writer).erase(HIM, unlink=True)

    found = writer.reader.get("Observation/linked").json
    assert (found["comment"], found["performer"]) == ("meanwhile", [{"display": "his father"}])


def test_what_comes_into_the_record_between_two_scans_goes_with_it(writer: Writer) -> None:
    scans: list[str] = []

    def write(name: str) -> None:
        scans.extend([name] if name == "Scan" else [])
        # Whose it is has been read, and what it refers to has not.
        if len(scans) == 3 and name == "Scan":
            assert writer.update(his("unrelated")).status == 200

    writer.faults.append(write)
    erasure(writer).erase(HIM, unlink=True)

    assert writer.reader.get("Observation/unrelated").status == 410
    assert left_of_him(writer) == []


def test_nothing_can_be_added_to_the_record_of_one_who_is_erased(writer: Writer) -> None:
    answers: list[int] = []

    def write(_seconds: float) -> None:
        if not answers:
            answers.append(writer.create(observation(f"Patient/{HIM}")).status)
            answers.append(writer.update(his("his")).status)
            answers.append(writer.update(his("left")).status)

    erasure(writer, sleep=write).erase(HIM, unlink=False)

    assert answers == [422, 422, 422]
    assert left_of_him(writer) == []


def test_what_refers_to_the_record_meanwhile_is_unlinked_too_also_after_a_kill(writer: Writer) -> None:
    surveys: list[int] = []

    def write(name: str) -> None:
        surveys.extend([1] if name == "Scan" else [])
        if len(surveys) == 4 and name == "BatchGetItem":
            surveys.append(1)
            related = [{"target": {"reference": "Observation/his"}}]
            assert writer.update(others("late", related=related)).status == 201
        if len(surveys) > 5:
            raise Killed

    writer.faults.append(write)
    with pytest.raises(Killed):
        erasure(writer).erase(HIM, unlink=True)
    writer.faults.clear()
    assert erasure(writer).survey(HIM).references == {"Observation/late": ("Observation/his",)}

    erasure(writer).erase(HIM, unlink=True)

    assert writer.reader.get("Observation/late").json["related"] == [{"target": {"display": "erased"}}]
    assert left_of_him(writer) == []


@pytest.mark.parametrize("done", [True, False])
def test_what_multi_step_writes_hold_goes_too(writer: Writer, done: bool) -> None:
    hold(writer.reader.tables, {**PATIENT, **identified("5")}, his("his", **identified("6")), done=done)
    # A write over one that is not released keeps the index record before.
    hold(writer.reader.tables, his("came"), ENCOUNTER, done=True)

    erasure(writer).erase(HIM, unlink=False)

    assert left_of_him(writer) == []
    assert [writer.reader.get(path).status for path in GONE] == [410] * len(GONE)


def test_an_identifier_that_others_have_too_keeps_its_lock(writer: Writer) -> None:
    assert writer.update(others("left", **identified("4"))).status < 300

    erasure(writer).erase(HIM, unlink=False)

    [(found, _)] = {key[1]: item for key, item in stored(writer.reader.tables).items() if key[2] == "#guard"}.items()
    assert MARK in found or MARK.lower() in found


def test_one_who_is_not_stored_is_clean_and_no_table_is_written(writer: Writer) -> None:
    before = stored(writer.reader.tables)
    writer.calls.clear()

    erasure(writer).erase("nobody", unlink=False)

    assert set(writer.calls) == {"Scan", "Query"}
    assert stored(writer.reader.tables) == before


def test_it_gives_up_if_others_write_it_again_and_again(writer: Writer) -> None:
    def write(_seconds: float) -> None:
        writer.loaded(his("again"))
        Release(writer.reader.tables).release_all()

    with pytest.raises(OperatorError, match="again and again"):
        erasure(writer, sleep=write).erase(HIM, unlink=False)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_each_call_it_ends_the_same_when_it_is_run_again(writer: Writer, step: int) -> None:
    linked(writer)
    hold(writer.reader.tables, his("left", valueString="held"), his("his", **identified("7")), done=False)
    begun = saved(writer.reader.tables)
    writer.calls.clear()
    erasure(writer).erase(HIM, unlink=True)
    once, calls = stored(writer.reader.tables), len(writer.calls)
    assert left_of_him(writer) == [("Observation/linked", "#json#000000001")]

    for allowed in range(0, calls, step):
        begun()
        with killed_after(writer.reader, allowed):
            erasure(writer).erase(HIM, unlink=True)

        erasure(writer).erase(HIM, unlink=True)

        assert stored(writer.reader.tables) == once, allowed
