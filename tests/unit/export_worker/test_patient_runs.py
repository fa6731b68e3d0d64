"""Runs of patients, merged in little memory."""

import pytest

from careconnect_testing.parts.export_workers import ObjectsInMemory
from export_worker import patient_runs
from export_worker.patient_runs import PatientRuns


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> PatientRuns:
    monkeypatch.setattr(patient_runs, "IDS", 2)
    monkeypatch.setattr(patient_runs, "_MAX_KNOWN", 4)
    return PatientRuns(ObjectsInMemory(), "a-job")


def ids(runs: PatientRuns, level: int) -> list[list[str]]:
    return [[id_ for key in run for id_ in runs.ids(key)] for run in runs.runs(level)]


def test_a_run_is_sorted_and_has_nobody_twice(runs: PatientRuns) -> None:
    runs.put("0.1", ["c", "a", "b"])
    runs.put("0.2", ["a", "d"])
    runs.put("0.3", ["a"])
    runs.put("0.4", [])

    assert ids(runs, 0) == [["a", "b", "c"], ["d"]]
    assert [len(run) for run in runs.runs(0)] == [2, 1]


def test_an_instance_forgets_whom_it_has_put_before_they_are_too_many(runs: PatientRuns) -> None:
    runs.put("0.1", ["a", "b", "c"])
    runs.put("0.2", ["d", "e"])
    runs.put("0.3", ["a", "e"])

    assert ids(runs, 0) == [["a", "b", "c"], ["d", "e"], ["a"]]


def test_a_name_that_is_put_twice_leaves_both_runs(runs: PatientRuns) -> None:
    runs.put("0.1", ["a"])
    runs.put("0.1", ["b"])

    assert sorted(ids(runs, 0)) == [["a"], ["b"]]


def test_a_merge_has_each_id_once_in_order(runs: PatientRuns) -> None:
    for name, each in (("0.1", ["a", "c", "e"]), ("1.1", ["b", "d"])):
        runs.put(name, each)
    other = PatientRuns(runs._bucket, "a-job")
    other.put("2.1", ["a", "b", "e", "f"])

    runs.merge(0, 0, runs.runs(0))

    assert ids(runs, 1) == [["a", "b", "c", "d", "e", "f"]]
