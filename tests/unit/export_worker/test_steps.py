"""The steps of a job, and how the state machine goes on after each (ADR 54)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.export.job import CHAINS, JOB_SECONDS, MAX_FILES, Cause, Chain, Job, State, carry_key
from careconnect.runtime.call_limit import SETTLE_SECONDS
from careconnect_testing.parts.export_workers import Exports, deleted, made, observation, patient
from careconnect_testing.records.held_writes import hold
from careconnect_testing.running.cases import each_of
from export_worker import patient_runs, read_chain, record_patients, remove_job, worker
from export_worker.errors import TryAgainError

MACHINE = Path(__file__).parents[3] / "infra" / "export-machine.json"


def step(exports: Exports, job: Job | str, name: str, **more: Any) -> dict[str, Any]:
    job_id = job if isinstance(job, str) else job.id
    return exports.worker()({"job": job_id, "step": name, **more})


def state_of(exports: Exports, job: Job) -> State:
    stored = exports.jobs.get(job.id)
    assert stored is not None
    return stored.state


def test_a_job_begins_when_no_write_of_before_can_commit_any_more(exports: Exports) -> None:
    job = exports.kick_off()

    assert step(exports, job, "begin") == {"wait": SETTLE_SECONDS}
    exports.settle()
    assert step(exports, job, "begin") == {"chains": list(range(CHAINS))}


def test_a_job_waits_for_an_operators_command(exports: Exports) -> None:
    job = exports.kick_off()
    exports.settle()
    exports.operators.append("load")

    assert step(exports, job, "begin") == {"wait": worker.OPERATOR_SECONDS}
    exports.operators.clear()
    assert "chains" in step(exports, job, "begin")


def test_a_day_of_waiting_fits_into_the_history_of_an_execution() -> None:
    # Step Functions ends an execution with more (its quota). Begin makes five events, a choice and a wait two each.
    of_an_execution, each_time = 25_000, 5 + 2 + 2

    assert JOB_SECONDS / worker.OPERATOR_SECONDS * each_time < of_an_execution


def test_a_job_that_has_waited_for_a_day_names_the_command(exports: Exports) -> None:
    job = exports.kick_off()
    exports.operators.append("load")
    exports.now.now += JOB_SECONDS

    assert step(exports, job, "begin") == {"over": True}
    stored = exports.jobs.get(job.id)
    assert stored is not None
    assert (stored.state, stored.cause) == (State.FAILED, Cause.TIMEOUT)
    assert "load" in stored.detail


def test_an_answer_that_was_lost_is_given_again(exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off()
    exports.settle()
    exports.run(job)
    stored = exports.jobs.get(job.id)
    exports.now.now += 60

    again = step(exports, job, "finish")

    assert again["expires"].endswith("Z")
    assert exports.jobs.get(job.id) == stored


def test_of_two_executions_that_finish_at_once_both_answer(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    job = exports.kick_off("Patient")
    exports.settle()
    complete = exports.jobs.complete

    def second(job_id: str, expires: int) -> bool:
        monkeypatch.undo()
        exports.now.now += 5
        assert step(exports, job, "finish")["expires"]
        return complete(job_id, expires)

    monkeypatch.setattr(exports.jobs, "complete", second)
    answer = step(exports, job, "finish")

    stored = exports.jobs.get(job.id)
    assert stored is not None
    assert datetime.fromisoformat(answer["expires"]).timestamp() == pytest.approx(stored.expires / 1000, abs=1)


def test_what_was_ignored_is_told_in_a_file_of_its_own(exports: Exports) -> None:
    made(exports, patient("1"))

    found = exports.export("Patient", ignored=("_typeFilter=Patient?x", "includeAssociatedData"))

    (file,) = (each for each in found.files if each.type == "OperationOutcome")
    issues = [json.loads(line)["issue"][0] for line in found.texts[file.name].splitlines()]
    assert (file.name, file.count) == ("error.ndjson", 2)
    assert [(each["severity"], each["code"]) for each in issues] == [("warning", "not-supported")] * 2
    assert [each["diagnostics"] for each in issues] == ["_typeFilter=Patient?x", "includeAssociatedData"]


@each_of("what", ["ended", "revoked", "unknown"])
def test_no_step_of_a_job_that_has_ended_goes_on(what: str, exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off("Patient")
    exports.settle()
    if what == "ended":
        exports.jobs.end(job.id)
    elif what == "revoked":
        exports.tokens.revoked.add(job.jti)
    else:
        exports.jobs.remove(job.id)

    assert step(exports, job, "begin") == {"over": True}
    assert step(exports, job, "finish") == {"over": True}
    for chain in range(CHAINS):
        assert step(exports, job, "read", chain=chain) == {"more": False}
    assert step(exports, job, "record") == {"more": False}
    assert (exports.bucket.objects, exports.audit.events) == ({}, [])
    if what == "revoked":
        assert state_of(exports, job) is State.ENDED


def test_a_step_that_is_at_work_stops_within_seconds_of_the_end(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_chain, "CHECKPOINT_SECONDS", 0.0)
    made(exports, *(patient(str(n)) for n in range(40)))
    job = exports.kick_off("Patient")
    exports.settle()

    def end(operation: str, _key: str) -> None:
        exports.elapsed.now += worker.ASKED_EACH
        exports.tokens.revoked.add(job.jti)

    exports.bucket.before = end

    assert step(exports, job, "read", chain=0) == {"more": False}
    # The objects of the one checkpoint that had begun.
    assert len(exports.bucket.objects) <= 2
    assert step(exports, job, "remove") == {"more": False}
    assert exports.bucket.objects == {}


def test_errors_that_pass_are_raised_as_such_and_tell_no_more_than_a_code(exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off("Patient")
    exports.settle()

    def fail(operation: str) -> None:
        if operation == "Query":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Patient/1"}}, operation)

    exports.writer.faults.append(fail)
    with pytest.raises(TryAgainError, match=r"^ThrottlingException$") as raised:
        step(exports, job, "read", chain=0)
    exports.writer.faults.clear()

    assert raised.value.__cause__ is None
    assert state_of(exports, job) is State.RUNNING


def test_a_fault_of_ours_fails_the_job(exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off("Patient")
    exports.settle()

    def fail(_operation: str, _key: str) -> None:
        raise ValueError("Patient/1")

    exports.bucket.before = fail
    for chain in range(CHAINS):
        assert step(exports, job, "read", chain=chain) == {"more": False}

    assert step(exports, job, "finish") == {"over": True}
    assert state_of(exports, job) is State.FAILED
    assert "Patient/1" not in str(exports.observer.lines)


def test_a_fault_in_a_job_that_has_ended_meanwhile_changes_nothing(exports: Exports) -> None:
    made(exports, *(patient(str(n)) for n in range(9)))
    job = exports.kick_off("Patient")
    exports.settle()

    def fail(_operation: str, _key: str) -> None:
        exports.jobs.end(job.id)
        raise ValueError

    exports.bucket.before = fail

    assert step(exports, job, "read", chain=0) == {"more": False}
    assert state_of(exports, job) is State.ENDED


def test_a_day_after_its_kick_off_a_job_has_failed(exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.now.now += JOB_SECONDS

    assert step(exports, job, "read", chain=0) == {"more": False}
    stored = exports.jobs.get(job.id)
    assert stored is not None
    assert (stored.state, stored.cause, stored.detail) == (State.FAILED, Cause.TIMEOUT, "")
    assert exports.observer.counts == ["ExportFailed"]


@each_of("name", ["read", "finish"])
def test_a_job_with_too_many_files_is_too_costly(name: str, exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.settle()
    for chain in (0, 1):
        exports.jobs.checkpoint(job, chain, Chain(number=1, files=MAX_FILES // 2 + 1), ())

    step(exports, job, name, chain=2)

    stored = exports.jobs.get(job.id)
    assert stored is not None
    assert (stored.state, stored.cause) == (State.FAILED, Cause.TOO_COSTLY)


def test_a_chain_that_becomes_too_costly_stops(exports: Exports) -> None:
    made(exports, *(patient(str(n)) for n in range(9)))
    job = exports.kick_off("Patient")
    exports.settle()
    exports.jobs.checkpoint(job, 0, Chain(number=1, files=MAX_FILES), ())

    assert step(exports, job, "read", chain=0) == {"more": False}
    assert state_of(exports, job) is State.FAILED


def test_tables_that_come_into_service_meanwhile_fail_the_job(exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.settle()
    place = read_chain.Place(tables="former-record former-directory").text
    exports.jobs.checkpoint(job, 0, Chain(number=1, place=place), ())

    assert step(exports, job, "read", chain=0) == {"more": False}
    assert state_of(exports, job) is State.FAILED


def test_a_job_that_was_ended_or_has_expired_leaves_nothing(exports: Exports) -> None:
    made(exports, patient("1"), observation("o1", "1"))
    for way in ("ended", "expired"):
        job = exports.kick_off()
        exports.settle()
        exports.run(job)
        assert exports.bucket.objects
        assert step(exports, job, "remove") == {"more": False}
        assert exports.bucket.objects, "a complete job is not removed before it expires"
        if way == "ended":
            exports.jobs.end(job.id)
        else:
            exports.now.now += 24 * 3600
        while step(exports, job, "remove")["more"]:
            pass

        assert exports.bucket.objects == {}
        assert exports.jobs.get(job.id) is None
        assert exports.jobs.files(job.id) == []


def test_many_objects_are_removed_in_several_steps(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remove_job, "MAX_DELETED", 2)
    monkeypatch.setattr(remove_job, "REQUESTS", 2)
    for number in range(9):
        exports.bucket.put(carry_key("0" * 32, str(number)), b"")

    assert [step(exports, "0" * 32, "remove")["more"] for _ in range(3)] == [True, True, False]
    assert exports.bucket.objects == {}


def test_a_fault_while_a_job_is_removed_is_tried_again(exports: Exports) -> None:
    def fail(_operation: str, _key: str) -> None:
        raise ValueError("0" * 32)

    exports.bucket.before = fail

    with pytest.raises(TryAgainError, match=r"^ValueError$"):
        step(exports, "0" * 32, "remove")


def test_a_running_job_is_not_removed(exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off("Patient")
    exports.bucket.put(carry_key(job.id, "x"), b"")

    assert step(exports, job, "remove") == {"more": False}
    assert exports.bucket.objects
    assert state_of(exports, job) is State.RUNNING


def test_the_failure_of_a_job_is_told_after_its_objects_are_gone(exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.bucket.put(carry_key(job.id, "x"), b"")
    exports.jobs.fail(job.id, Cause.TOO_COSTLY, int(exports.now() * 1000) + 1000)

    assert step(exports, job, "remove") == {"more": False}
    assert exports.bucket.objects == {}
    assert state_of(exports, job) is State.FAILED


def test_a_job_that_failed_and_was_ended_then_leaves_nothing(exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.jobs.fail(job.id, Cause.TOO_COSTLY, int(exports.now() * 1000) + 1000)
    exports.jobs.end(job.id)

    assert step(exports, job, "remove") == {"more": False}
    assert exports.jobs.get(job.id) is None


def test_rows_that_are_put_after_the_jobs_own_is_gone_are_removed_too(exports: Exports) -> None:
    job = exports.kick_off("Patient")
    exports.jobs.end(job.id)
    assert step(exports, job, "remove") == {"more": False}
    exports.jobs.checkpoint(job, 0, Chain(1, place="of a patient"), ())

    assert step(exports, job, "remove") == {"more": False}
    assert exports.jobs.chains(job.id) == {}


def test_objects_that_are_put_late_are_removed_too(exports: Exports) -> None:
    exports.bucket.put(carry_key("0" * 32, "x"), b"")

    assert step(exports, "0" * 32, "remove") == {"more": False}
    assert exports.bucket.objects == {}


def test_patients_that_are_absent_or_never_were_are_told(exports: Exports) -> None:
    made(exports, patient("there"), patient("gone"), patient("held"))
    deleted(exports, "Patient/gone")
    tables = exports.writer.reader.tables
    exports.now.now += 1
    hold(tables, patient("held"), patient("undone"), done=False, now=exports.now())
    exports.now.now += 1

    answer = exports.worker()({"patients": ["there", "gone", "never", "held", "undone"]})

    assert answer == {"absent": ["gone", "never", "undone"], "never": ["never", "undone"]}


def test_events_are_kept_before_the_job_is_complete_and_the_job_waits_for_the_trail(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), observation("o1", "1"))
    job = exports.kick_off()
    exports.settle()
    for chain in range(CHAINS):
        while step(exports, job, "read", chain=chain)["more"]:
            pass
    exports.audit.fault = "ThrottlingException"
    with pytest.raises(TryAgainError):
        step(exports, job, "record")
    exports.audit.fault = ""
    assert state_of(exports, job) is State.RUNNING

    assert step(exports, job, "record") == {"more": False}

    assert exports.recorded == ["1", "2"]
    assert {(each.job, each.interaction, each.jti) for each in exports.audit.events} == {
        (job.id, "operation", "token-7")
    }


def test_who_was_a_resources_patient_before_has_an_event_too_as_its_version_tells_of_him(exports: Exports) -> None:
    made(exports, patient("1"), patient("2"), observation("o1", "1"), observation("o2", "1"))
    made(exports, observation("o1", "2"))

    assert exports.export("Observation", since=int(exports.now() * 1000) - 1).names == ["Observation/o1"]
    assert exports.recorded == ["1", "2"]
    exports.audit.events.clear()
    cohort = exports.export("Observation", is_of_patients=True, patients=("2",))
    assert (cohort.names, exports.recorded) == (["Observation/o1"], ["1", "2"])


def test_a_piece_of_events_that_is_repeated_in_time_has_no_second_events(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_patients, "EVENTS", 3)
    made(exports, *(patient(str(n)) for n in range(8)))
    job = exports.kick_off("Patient")
    exports.settle()
    for chain in range(CHAINS):
        step(exports, job, "read", chain=chain)
    checkpoint = exports.jobs.checkpoint
    left = [4]

    def cut(*arguments: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")
        checkpoint(*arguments)

    monkeypatch.setattr(exports.jobs, "checkpoint", cut)
    with pytest.raises(TryAgainError):
        step(exports, job, "record")
    kept = len(exports.audit.events)
    exports.now.now += 20
    step(exports, job, "record")

    assert kept
    assert exports.recorded == sorted(str(n) for n in range(8))


def test_patients_that_a_step_taken_for_dead_puts_late_take_nobodys_event(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_runs, "IDS", 2)
    monkeypatch.setattr(record_patients, "EVENTS", 2)
    monkeypatch.setattr(worker, "STEP_SECONDS", 0)
    made(exports, *(patient(str(n)) for n in range(8)))
    job = exports.kick_off("Patient")
    exports.settle()
    for chain in range(CHAINS):
        while step(exports, job, "read", chain=chain)["more"]:
            pass
    first = {key: exports.bucket.objects.pop(key) for key in list(exports.bucket.objects) if "/patients/" in key}
    everybody = [id_ for ids in first.values() for id_ in ids.decode().split()]
    patient_runs.PatientRuns(exports.bucket, job.id).put("0.000001", everybody)

    while step(exports, job, "record")["more"]:
        if len(exports.audit.events) == 6:
            exports.bucket.objects |= first

    assert set(first) <= set(exports.bucket.objects)
    assert exports.recorded == sorted(everybody) == sorted(str(n) for n in range(8))


def test_the_machine_asks_for_steps_that_the_worker_has_and_repeats_each_for_a_day() -> None:
    machine = json.loads(MACHINE.read_text())
    states = {**machine["States"], **machine["States"]["ReadAll"]["ItemProcessor"]["States"]}
    tasks = {name: each for name, each in states.items() if each["Type"] == "Task"}

    assert {each["Parameters"]["step"] for each in tasks.values()} == {"begin", "read", "record", "finish", "remove"}
    for each in tasks.values():
        assert set(each["Parameters"]) <= {"job.$", "step", "chain.$"}
        (retry,) = each["Retry"]
        assert (retry["ErrorEquals"], retry["MaxDelaySeconds"]) == (["States.ALL"], 60)
        assert retry["MaxAttempts"] * retry["MaxDelaySeconds"] >= JOB_SECONDS
    # Nothing of a deleted job is left after five minutes; a step stops within seconds of the end (export.md).
    assert states["WaitForOthers"]["Seconds"] <= 240
    for name, each in states.items():
        following = [each.get("Next"), each.get("Default"), *(choice["Next"] for choice in each.get("Choices", ()))]
        assert set(filter(None, following)) <= states.keys(), name
