"""Whole exports: from the kick-off through the worker's steps to the manifest, over one store in memory."""

from datetime import datetime
from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.export_keeper import Keeper, cohort
from careconnect_testing.parts.export_workers import Exported, Exports, deleted, made, observation, patient
from careconnect_testing.parts.record_writers import Writer, module_writer, writer

__all__ = ["module_writer", "writer"]

ALL = [f"Observation/o{number}" for number in range(1, 4)] + ["Patient/1", "Patient/2"]


@pytest.fixture
def exports(writer: Writer) -> Exports:
    """The worker over a store with two patients, each with an Observation, and one of nobody."""
    exports = Exports(writer)
    made(exports, {**patient("1"), "gender": "male", "birthDate": "1970-01-01"}, {**patient("2"), "gender": "female"})
    made(exports, observation("o1", "1"), observation("o2", "2", code="b"), observation("o3", code="c"))
    exports.now.now += 1
    return exports


@pytest.fixture
def keeper(exports: Exports) -> Keeper:
    return Keeper(clock=exports.now, table=exports.jobs)


def export(keeper: Keeper, exports: Exports, query: Any = (), **more: Any) -> tuple[Exported, Answer]:
    """Return what a kick-off's job has left, and the answer to its last status."""
    job = keeper.started(query, **more)
    exports.settle()
    found = exports.run(job)
    return found, keeper.ask("GET", f"$export/{job.id}")


def test_an_export_holds_the_store_and_its_manifest_lists_it(keeper: Keeper, exports: Exports) -> None:
    at = exports.now()
    found, status = export(keeper, exports)

    assert found.names == ALL
    assert status.status == 200
    listed = status.json["output"]
    assert sum(each["count"] for each in listed) == len(ALL)
    assert {each["url"].rpartition("/")[2] for each in listed} == set(found.texts)
    assert {each["type"] for each in listed} == {"Patient", "Observation"}
    assert datetime.fromisoformat(status.json["transactionTime"]).timestamp() == pytest.approx(at, abs=0.001)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ([("_type", "Patient")], ["Patient/1", "Patient/2"]),
        (
            [("_typeFilter", "Observation?code=a"), ("_typeFilter", "Observation?code=c")],
            ["Observation/o1", "Observation/o3", "Patient/1", "Patient/2"],
        ),
        ([("_typeFilter", "Observation?code=a&patient=2")], ["Patient/1", "Patient/2"]),
        ([("_typeFilter", "Observation?code:not=a")], ["Observation/o2", "Observation/o3", "Patient/1", "Patient/2"]),
        ([("_typeFilter", "Patient?_id=2"), ("_type", "Patient")], ["Patient/2"]),
        ([("_typeFilter", "Patient?_lastUpdated=lt1990-01-01"), ("_type", "Patient")], []),
        (
            [("_typeFilter", "Observation?patient=Patient/1,2"), ("_type", "Observation")],
            ["Observation/o1", "Observation/o2"],
        ),
        ([("_until", "1990-01-01T00:00:00Z")], []),
    ],
)
def test_parameters_choose(keeper: Keeper, exports: Exports, query: list[tuple[str, str]], names: list[str]) -> None:
    assert export(keeper, exports, query)[0].names == names


def test_the_level_of_patients_and_a_cohort_choose(keeper: Keeper, exports: Exports) -> None:
    path = "Patient/$export"
    assert export(keeper, exports, path=path)[0].names == [name for name in ALL if name != "Observation/o3"]
    assert export(keeper, exports, path=path, body=cohort("2"))[0].names == ["Observation/o2", "Patient/2"]


def test_elements_are_cut_down(keeper: Keeper, exports: Exports) -> None:
    found, _ = export(keeper, exports, [("_elements", "Patient.gender,Observation.effective[x]")])

    by_type = {each["resourceType"]: each.keys() for each in found.resources}
    assert by_type["Patient"] == {"resourceType", "id", "meta", "gender"}
    assert by_type["Observation"] == {"resourceType", "id", "meta", "status", "code", "effectiveDateTime"}


def test_what_is_ignored_is_in_error(keeper: Keeper, exports: Exports) -> None:
    prefer = {"Prefer": "respond-async, handling=lenient"}
    found, status = export(keeper, exports, [("_type", "Patient,Foo"), ("shoe", "x")], headers=prefer)

    (listed,) = status.json["error"]
    assert (listed["type"], listed["count"]) == ("OperationOutcome", 2)
    assert found.texts["error.ndjson"].count('"severity":"warning","code":"not-supported"') == 2
    assert "Foo" in found.texts["error.ndjson"]
    assert "shoe" in found.texts["error.ndjson"]


def test_the_next_export_since_the_last_has_what_changed(keeper: Keeper, exports: Exports) -> None:
    _, status = export(keeper, exports)
    made(exports, observation("o4", "1"), {**patient("1", "Other")})
    deleted(exports, "Observation/o2")
    exports.now.now += 1
    found, later = export(keeper, exports, [("_since", status.json["transactionTime"])])

    assert (found.names, found.deleted) == (["Observation/o4", "Patient/1"], ["Observation/o2"])
    assert len(later.json["deleted"]) == 1


def test_granular_scopes_limit_the_job(keeper: Keeper, exports: Exports) -> None:
    found, _ = export(keeper, exports, scope="system/Observation.rs?code=http://loinc.org|b")

    assert found.names == ["Observation/o2"]
