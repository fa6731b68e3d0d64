"""The store at one instant: each resource once, as it was then, whatever is written meanwhile (Promises 10 to 13)."""

import json

from careconnect.export.job import TypeFilter
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_admin.erasing.tombstones import tombstone
from careconnect_testing.parts.export_workers import Exports, deleted, made, observation, patient
from careconnect_testing.records.held_writes import hold


def test_each_line_is_the_resource_as_a_read_answers_it(exports: Exports) -> None:
    made(
        exports, patient("4"), observation("o1", "4"), {"resourceType": "Organization", "id": "x", "name": "Zoë 😀 \\"}
    )

    found = exports.export()

    read = [exports.writer.reader.get(path).text for path in ("Patient/4", "Observation/o1", "Organization/x")]
    assert sorted(found.lines) == sorted(read)
    assert {each.type: each.count for each in found.files} == {"Patient": 1, "Observation": 1, "Organization": 1}


def test_an_empty_store_has_no_file(exports: Exports) -> None:
    found = exports.export()

    assert (found.files, exports.recorded) == ([], [])


def test_a_job_shows_the_store_as_it_was_and_not_what_is_written_after(exports: Exports) -> None:
    made(exports, *(patient(str(n)) for n in range(5)))
    job = exports.kick_off()

    made(exports, patient("0", "Changed"), patient("new"))
    deleted(exports, "Patient/1")
    deleted(exports, "Patient/2")
    made(exports, patient("2", "Back"))
    made(exports, *(patient("3", f"Again{n}") for n in range(6)))
    exports.settle()

    assert exports.run(job).versions == {f"Patient/{n}": "1" for n in range(5)}


def test_what_was_deleted_before_is_not_there_and_what_was_restored_is(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"))
    deleted(exports, "Patient/1", "Patient/2")
    made(exports, patient("2"))

    assert exports.export().versions == {"Patient/2": "3"}


def test_a_write_between_the_page_and_its_bodies_hides_nothing(exports: Exports) -> None:
    made(exports, *(patient(str(n)) for n in range(6)))
    job = exports.kick_off("Patient")
    exports.settle()
    changed: list[str] = []

    def change(operation: str) -> None:
        if operation == "BatchGetItem" and not changed:
            changed.append(operation)
            made(exports, *(patient(str(n), "Changed") for n in range(6)))
            deleted(exports, "Patient/3")
            made(exports, patient("3"))

    exports.writer.faults.append(change)

    assert exports.run(job).versions == {f"Patient/{n}": "1" for n in range(6)}
    assert changed


def test_a_version_that_was_erased_since_is_left_out(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"))
    job = exports.kick_off("Patient")
    made(exports, patient("2", "Changed"))
    exports.settle()
    client, table = exports.writer.reader.client, exports.writer.reader.tables.record
    for reference, sort_key in (("Patient/1", JSON_ITEM), ("Patient/2", version_item(JSON_ITEM, 1))):
        key = {"pk": {"S": reference}, "sk": {"S": sort_key}}
        client.put_item(TableName=table, Item=tombstone(client.get_item(TableName=table, Key=key)["Item"]))

    assert exports.run(job).names == []


def test_a_multi_step_write_before_the_job_is_shown_whole_while_its_intents_stay(exports: Exports) -> None:
    tables = exports.writer.reader.tables
    made(exports, patient("1"), patient("2"))
    exports.now.now += 1
    hold(tables, patient("1"), patient("2"), done=True, now=exports.now())

    assert exports.export().versions == {"Patient/1": "2", "Patient/2": "2"}


def test_a_multi_step_write_that_is_not_done_is_not_shown(exports: Exports) -> None:
    tables = exports.writer.reader.tables
    made(exports, patient("1"), patient("2"))
    exports.now.now += 1
    hold(tables, patient("1"), patient("new"), done=False, now=exports.now())

    assert exports.export().versions == {"Patient/1": "1", "Patient/2": "1"}


def test_a_multi_step_write_after_the_job_is_not_shown_whether_it_is_done_or_not(exports: Exports) -> None:
    tables = exports.writer.reader.tables
    for done in (True, False):
        made(exports, patient(f"{done}1"), patient(f"{done}2"))
    job = exports.kick_off("Patient")
    exports.now.now += 1
    for done in (True, False):
        hold(tables, patient(f"{done}1"), patient(f"{done}new"), done=done, now=exports.now())
    exports.settle()

    expected = {f"Patient/{done}{n}": "1" for done in (True, False) for n in (1, 2)}
    assert exports.run(job).versions == expected


def test_a_granular_job_judges_a_replaced_version_by_what_it_was(exports: Exports) -> None:
    made(exports, observation("was"), observation("becomes", code="b"))
    job = exports.kick_off("Observation", scope="system/Observation.rs?code=http://loinc.org|a")
    made(exports, observation("was", code="b"), observation("becomes"))
    exports.settle()

    assert exports.run(job).versions == {"Observation/was": "1"}


def test_since_and_until_are_exclusive(exports: Exports) -> None:
    stored = made(exports, *(patient(str(n)) for n in range(5)))
    at = [int(exports.now() * 1000) - 1000 * (4 - n) for n in range(5)]
    assert stored[4]["meta"]["lastUpdated"].endswith("Z")

    assert exports.export("Patient", since=at[0], until=at[4]).names == ["Patient/1", "Patient/2", "Patient/3"]
    assert exports.export("Patient", since=at[1], until=at[1] + 1).names == []
    assert exports.export("Patient", since=at[1]).names == ["Patient/2", "Patient/3", "Patient/4"]


def test_the_next_export_begins_where_the_last_ended(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), patient("3"))
    first = exports.kick_off("Patient")
    made(exports, patient("2", "Changed"), patient("4"))
    deleted(exports, "Patient/3")
    exports.settle()
    exports.run(first)

    second = exports.export("Patient", since=first.at)

    assert (second.versions, second.deleted) == ({"Patient/2": "2", "Patient/4": "1"}, ["Patient/3"])


def test_deletions_are_told_with_since_alone_as_of_the_instant_whatever_filters_say(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), patient("3"), patient("4"), observation("o1", "1"))
    since = int(exports.now() * 1000)
    deleted(exports, "Observation/o1", "Patient/1", "Patient/2", "Patient/3")
    made(exports, patient("2"))
    filters = (TypeFilter("Patient", (("family", "No"),)),)
    job = exports.kick_off("Patient", "Observation", since=since, until=since + 1, filters=filters)
    made(exports, patient("3"))
    deleted(exports, "Patient/4")
    exports.settle()

    found = exports.run(job)

    assert (found.names, found.deleted) == ([], ["Observation/o1", "Patient/1", "Patient/3"])
    assert exports.recorded == ["1", "3"]
    assert exports.export().deleted == []


def test_a_deletion_belongs_to_the_scopes_that_opened_its_last_content(exports: Exports) -> None:
    made(exports, observation("in"), observation("out", code="b"))
    since = int(exports.now() * 1000)
    deleted(exports, "Observation/in", "Observation/out")

    found = exports.export("Observation", scope="system/Observation.rs?code=http://loinc.org|a", since=since)

    assert found.deleted == ["Observation/in"]


def test_filters_of_a_type_are_alternatives_and_leave_other_types_alone(exports: Exports) -> None:
    made(exports, patient("1", "Ash"), patient("2", "Birch"), patient("3", "Cedar"), observation("o1", "1"))
    alternatives = (
        TypeFilter("Patient", (("family", "ash"), ("_id", "1"))),
        TypeFilter("Patient", (("family:exact", "Birch"),)),
        TypeFilter("Patient", (("family", "cedar"), ("_id", "1"))),
    )
    job = exports.kick_off("Patient", "Observation", filters=alternatives)
    made(exports, patient("2", "Elm"))
    exports.settle()

    assert exports.run(job).versions == {"Patient/1": "1", "Patient/2": "1", "Observation/o1": "1"}


def test_elements_cut_a_type_down_and_mark_it_for_readers_of_both_versions(exports: Exports) -> None:
    made(exports, patient("1"), observation("o1", "1"))

    found = exports.export("Patient", "Observation", elements=(("Observation", ("subject",)),))

    (cut,) = (each for each in found.resources if each["resourceType"] == "Observation")
    assert sorted(cut) == ["code", "id", "meta", "resourceType", "status", "subject"]
    assert [each["system"] for each in cut["meta"]["tag"]] == [
        "http://hl7.org/fhir/v3/ObservationValue",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    ]
    assert json.loads(exports.writer.reader.get("Patient/1").text) in found.resources


def test_the_patient_level_has_only_what_belongs_to_a_patient(exports: Exports) -> None:
    made(exports, patient("1"), observation("o1", "1"), observation("nobody"), observation("left"))
    since = int(exports.now() * 1000)
    made(exports, observation("o2", "1"), observation("o3", "1"))
    deleted(exports, "Observation/o2", "Observation/left")

    found = exports.export("Patient", "Observation", is_of_patients=True)
    later = exports.export("Patient", "Observation", is_of_patients=True, since=since)

    assert found.names == ["Observation/o1", "Observation/o3", "Patient/1"]
    assert (later.names, later.deleted) == (["Observation/o3"], ["Observation/o2"])
