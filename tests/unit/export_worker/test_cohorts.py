"""Exports of a cohort: what belongs to these patients and to no other, each once (export.md, `patient`)."""

from typing import Any

import pytest

from careconnect.export.job import TypeFilter
from careconnect_testing.parts.export_workers import Exports, deleted, made, observation, patient
from careconnect_testing.records.held_writes import hold
from export_worker import read_chain, store, worker

COHORT: dict[str, Any] = {"is_of_patients": True, "patients": ("1", "2")}


def test_a_cohort_has_its_patients_and_their_resources_alone(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), patient("3"))
    made(exports, observation("of-1", "1"), observation("of-2", "2"), observation("of-3", "3"), observation("nobody"))

    # A type without patients, and a chain without any of the cohort, have nothing to read.
    found = exports.export("Patient", "Observation", "Organization", **COHORT)

    assert found.names == ["Observation/of-1", "Observation/of-2", "Patient/1", "Patient/2"]
    assert exports.recorded == ["1", "2"]


def test_a_cohort_is_as_it_was_then_whatever_is_moved_dated_anew_or_deleted_since(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAGE", 2)
    made(exports, patient("1"), patient("2"), patient("3"))
    made(exports, *(observation(f"o{n}", "1", f"2020-01-0{n}") for n in range(1, 8)), observation("comes", "3"))
    job = exports.kick_off("Patient", "Observation", **COHORT)
    made(exports, observation("o1", "1", "2021-01-01"), observation("o2", "3"), observation("o3", "2"))
    made(exports, observation("o4"), observation("comes", "1"), observation("new", "1"))
    made(exports, *(observation("o5", "1", f"2022-01-0{n}") for n in range(1, 8)), observation("o5", "1", "2020-01-05"))
    deleted(exports, "Observation/o6")
    made(exports, patient("1", "Changed"))
    exports.settle()

    expected = {f"Observation/o{n}": "1" for n in range(1, 8)}
    found = exports.run(job)
    assert found.versions == {**expected, "Patient/1": "1", "Patient/2": "1"}
    assert len(found.names) == len(expected) + 2


@pytest.mark.parametrize("done", [True, False])
def test_a_cohort_shows_a_multi_step_write_whole_or_not_at_all(exports: Exports, done: bool) -> None:
    tables = exports.writer.reader.tables
    made(exports, patient("1"), patient("2"), patient("3"))
    made(exports, observation("stays", "1"), observation("goes", "1"), observation("comes", "3"))
    before = exports.kick_off("Observation", **COHORT)
    exports.now.now += 1
    moved = (observation("stays", "1", "2021-01-01"), observation("goes", "3"), observation("comes", "2"))
    hold(tables, *moved, observation("new", "2"), done=done, now=exports.now())
    exports.settle()

    former = {"Observation/stays": "1", "Observation/goes": "1"}
    after = {"Observation/stays": "2", "Observation/comes": "2", "Observation/new": "1"}
    assert exports.run(before).versions == former
    assert exports.export("Observation", **COHORT).versions == (after if done else former)


def test_a_cohort_selects_by_time_filter_and_scope(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), observation("early", "1"))
    since = int(exports.now() * 1000)
    made(exports, observation("a", "1"), observation("b", "2", code="b"), patient("2", "Changed"))
    scope = "system/Patient.rs system/Observation.rs?code=http://loinc.org|a"

    found = exports.export("Patient", "Observation", **COHORT, since=since, scope=scope)

    assert found.names == ["Observation/a", "Patient/2"]


def test_a_cohort_is_the_same_if_each_step_is_cut_short(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_chain, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(worker, "STEP_SECONDS", 0.0)
    made(exports, patient("1"), patient("2"), *(observation(f"o{n}", str(n % 2 + 1)) for n in range(5)))

    found = exports.export("Patient", "Observation", **COHORT)

    assert found.names == [*(f"Observation/o{n}" for n in range(5)), "Patient/1", "Patient/2"]


def test_a_filter_may_leave_out_the_patients_themselves(exports: Exports) -> None:
    patients = tuple(str(number) for number in range(12))
    made(exports, *(patient(each, "Ash" if each in "25" else "Elm") for each in patients))
    filters = (TypeFilter("Patient", (("family", "ash"),)),)

    found = exports.export("Patient", is_of_patients=True, patients=patients, filters=filters)

    assert found.names == ["Patient/2", "Patient/5"]


def test_a_cohort_has_the_deletions_of_its_patients(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), patient("3"))
    made(exports, observation("of-1", "1"), observation("of-3", "3"), observation("nobody"))
    since = int(exports.now() * 1000)
    deleted(exports, "Observation/of-1", "Observation/of-3", "Observation/nobody")
    deleted(exports, "Patient/1")

    found = exports.export("Patient", "Observation", **COHORT, since=since)

    assert (found.names, found.deleted) == ([], ["Observation/of-1", "Patient/1"])


def test_a_cohort_reads_its_patients_alone(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), observation("of-1", "1"))
    made(exports, *(patient(f"other{n}") for n in range(20)), *(observation(f"x{n}", f"other{n}") for n in range(20)))
    job = exports.kick_off("Patient", "Observation", **COHORT)
    exports.settle()
    asked: list[str] = []
    client = exports.writer.reader.client
    events, event = client.meta.events, "provide-client-params.dynamodb.*"
    events.register(event, lambda params, **_: asked.append(str(params)))

    exports.run(job)

    events.unregister(event)
    assert not [each for each in asked if "other" in each or "_lastUpdated" in each]
