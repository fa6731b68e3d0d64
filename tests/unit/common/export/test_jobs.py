"""The table of jobs: places, progress, files and the end of a job (`export.md`; ADR 54)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from careconnect.export.job import (
    CHAINS,
    DELETED,
    JOB_SECONDS,
    Cause,
    Chain,
    Job,
    JobFile,
    Selection,
    State,
    TypeFilter,
    carry_key,
    file_key,
    file_name,
    is_file_name,
    is_job_id,
    kind_of,
    new_job_id,
    patients_key,
    percent_of,
    prefix_of,
)
from careconnect.export.jobs import MAX_STATUS_REQUESTS, CheckpointTakenError, DynamoDbJobs, NoPlaceError
from careconnect.fhir.outcomes import OutcomeError
from careconnect_testing.parts.export_jobs import a_job as job_of
from careconnect_testing.parts.export_jobs import export_table

NOW: Final = 1_750_000_000.0
AT: Final = int(NOW * 1_000)


class Failing:
    """Fails the calls of one operation with a code."""

    def __init__(self) -> None:
        self.operation = self.code = ""
        self.reasons: list[dict[str, str]] = []

    def __call__(self, operation: str, _request: Mapping[str, Any]) -> None:
        if operation == self.operation:
            parsed: Any = {"Error": {"Code": self.code}, "CancellationReasons": self.reasons}
            raise ClientError(parsed, operation)


def table(*checks: Any) -> DynamoDbJobs:
    return export_table(lambda: NOW, *checks)[0]


def a_job(at: int = AT, **fields: Any) -> Job:
    return job_of(NOW, **{"id": new_job_id(), "at": at, **fields})


def stored(jobs: DynamoDbJobs, job: Job) -> Job:
    found = jobs.get(job.id)
    assert found is not None
    return found


def test_a_job_comes_back_as_it_was_put() -> None:
    jobs, selection = (
        table(),
        Selection(
            types=("Patient", "Observation"),
            is_of_patients=True,
            since=1,
            until=2,
            elements=(("Patient", ("name", "gender")),),
            filters=(TypeFilter("Observation", (("code", "a,b"), ("status", "final"))),),
            patients=("4", "5"),
        ),
    )
    job = a_job(selection=selection, ignored=("organizeOutputBy",))
    jobs.put(job, 2)

    assert stored(jobs, job) == job
    assert jobs.get(new_job_id()) is None
    assert [each.name for each in job.selection.resource_types] == ["Patient", "Observation"]
    assert job.selection.elements_of("Patient") == ("name", "gender")
    assert job.selection.elements_of("Observation") == ()
    assert job.selection.filters_of("Observation") == selection.filters
    assert job.selection.filters_of("Patient") == ()


def test_a_client_has_so_many_running_jobs_and_no_more() -> None:
    jobs = table()
    first, second = a_job(), a_job()
    jobs.put(first, 2)
    jobs.put(second, 2)
    with pytest.raises(NoPlaceError):
        jobs.put(refused := a_job(), 2)

    assert jobs.get(refused.id) is None
    jobs.put(a_job(client_id="client-2"), 2)


@pytest.mark.parametrize("end", ["complete", "fail", "end", "remove"])
def test_a_place_is_free_at_once_when_its_job_is_over(end: str) -> None:
    jobs, job = table(), a_job()
    jobs.put(job, 1)
    match end:
        case "complete":
            assert jobs.complete(job.id, AT + 1)
        case "fail":
            assert jobs.fail(job.id, Cause.EXCEPTION, AT + 1)
        case "end":
            jobs.end(job.id)
        case _:
            jobs.remove(job.id)

    jobs.put(a_job(), 1)
    with pytest.raises(NoPlaceError):
        jobs.put(a_job(), 1)


def test_a_job_without_an_end_takes_its_place_for_a_day() -> None:
    jobs = table()
    jobs.put(a_job(), 1)
    with pytest.raises(NoPlaceError):
        jobs.put(a_job(AT + JOB_SECONDS * 1_000 - 1), 1)

    jobs.put(a_job(AT + JOB_SECONDS * 1_000), 1)


def test_two_kick_offs_at_once_do_not_take_one_place() -> None:
    jobs: Any = None
    other = a_job()

    class Between:
        """Puts another job between the look at the places and the write."""

        def __init__(self) -> None:
            self.is_done = False

        def __call__(self, operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "TransactWriteItems" and not self.is_done:
                self.is_done = True
                jobs.put(other, 1)

    between: Any = Between()
    jobs = table(between)
    with pytest.raises(NoPlaceError):
        jobs.put(a_job(), 1)
    assert jobs.get(other.id) is not None


def test_kick_offs_that_meet_again_and_again_are_503() -> None:
    failing = Failing()
    jobs = table(failing)
    failing.operation, failing.code, failing.reasons = (
        "TransactWriteItems",
        "TransactionCanceledException",
        [{"Code": "TransactionConflict"}],
    )
    with pytest.raises(OutcomeError) as raised:
        jobs.put(a_job(), 2)
    assert raised.value.status == 503


def test_a_job_leaves_running_once() -> None:
    jobs, job = table(), a_job()
    jobs.put(job, 2)

    assert jobs.complete(job.id, AT + 5)
    assert not jobs.fail(job.id, Cause.TIMEOUT, AT + 9)
    assert stored(jobs, job) == replace(job, state=State.COMPLETE, expires=AT + 5)
    jobs.end(job.id)
    assert not jobs.complete(job.id, AT + 9)
    assert stored(jobs, job).state is State.ENDED
    jobs.end(new_job_id())

    jobs.put(other := a_job(), 2)
    assert jobs.fail(other.id, Cause.TIMEOUT, AT + 5, "A load was under way.")
    failed = replace(other, state=State.FAILED, cause=Cause.TIMEOUT, detail="A load was under way.", expires=AT + 5)
    assert stored(jobs, other) == failed


def test_an_ended_or_expired_job_is_unknown() -> None:
    job = a_job()
    done = replace(job, state=State.COMPLETE, expires=AT + 10)

    assert job.is_known(AT + 10**12)
    assert done.is_known(AT + 9)
    assert not done.is_known(AT + 10)
    assert not replace(job, state=State.ENDED).is_known(AT)


def test_a_job_that_is_not_complete_after_a_day_has_failed() -> None:
    job = a_job()
    late = AT + JOB_SECONDS * 1_000

    assert [job.cause_at(late - 1), job.cause_at(late)] == [None, Cause.TIMEOUT]
    assert replace(job, state=State.COMPLETE).cause_at(late) is None
    assert replace(job, state=State.FAILED, cause=Cause.TOO_COSTLY).cause_at(late) is Cause.TOO_COSTLY


def test_a_checkpoint_is_taken_once_with_its_files() -> None:
    jobs, job = table(), a_job()
    jobs.put(job, 2)
    file = JobFile("Patient.1.1.ndjson", "Patient", 7)
    reached = Chain(number=1, files=1, done=2, total=3, place='{"after":"x"}')
    jobs.checkpoint(job, 1, reached, [file])
    with pytest.raises(CheckpointTakenError):
        jobs.checkpoint(job, 1, Chain(number=1), [JobFile("Patient.1.2.ndjson", "Patient", 9)])
    jobs.put_file(job, error := JobFile("error.ndjson", "OperationOutcome", 1))

    assert jobs.chain(job.id, 1) == reached
    assert jobs.chain(job.id, 0) == Chain()
    assert jobs.chains(job.id) == {1: reached}
    assert jobs.files(job.id) == [file, error]
    assert (jobs.file(job.id, file.name), jobs.file(job.id, "Patient.1.2.ndjson")) == (file, None)

    jobs.checkpoint(job, 1, replace(reached, number=2), [])
    assert jobs.chain(job.id, 1).number == 2


def test_progress_counts_what_all_chains_have_planned() -> None:
    assert percent_of([]) == 0
    assert percent_of([Chain(done=1, total=2)]) == 12
    assert percent_of([Chain(done=3, total=3)] * CHAINS) == 99
    assert percent_of([Chain(done=0, total=0)]) == 0


def test_thirty_status_requests_fit_into_a_minute() -> None:
    jobs, job = table(), a_job()
    for _ in range(MAX_STATUS_REQUESTS):
        assert jobs.count_status(job.id, NOW) is None

    assert jobs.count_status(job.id, NOW) == 20
    assert jobs.count_status(job.id, NOW + 19.9) == 1
    assert jobs.count_status(new_job_id(), NOW) is None
    assert jobs.count_status(job.id, NOW + 20) is None


def test_a_job_is_removed_in_pieces_and_itself_last() -> None:
    jobs, job, other = table(), a_job(), a_job()
    jobs.put(job, 2)
    jobs.put(other, 2)
    jobs.count_status(job.id, NOW)
    files = [JobFile(f"Patient.0.{number}.ndjson", "Patient", 1) for number in range(60)]
    jobs.checkpoint(job, 0, Chain(number=1), files)

    assert jobs.remove(job.id, 5)
    assert jobs.remove(job.id, 25)
    assert jobs.get(job.id) is not None
    assert not jobs.remove(job.id, 100)
    assert (jobs.get(job.id), jobs.files(job.id), jobs.chains(job.id)) == (None, [], {})
    assert jobs.get(other.id) == other
    assert not jobs.remove(job.id)


def test_rows_that_stay_unprocessed_are_503() -> None:
    jobs, client = export_table(lambda: NOW)
    job = a_job()
    jobs.put(job, 2)
    jobs.checkpoint(job, 0, Chain(number=1), [])
    client.batch_write_item = lambda RequestItems: {"UnprocessedItems": RequestItems}  # noqa: N803 - botocore's name
    with pytest.raises(OutcomeError) as raised:
        jobs.remove(job.id)

    assert raised.value.status == 503
    assert jobs.get(job.id) == job


def test_a_job_with_many_files_lists_all(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, client = export_table(lambda: NOW)
    job, query = a_job(), client.query
    jobs.put(job, 2)
    files = [JobFile(file_name("Patient", 0, number), "Patient", 1) for number in range(10, 20)]
    jobs.checkpoint(job, 0, Chain(number=1), files)
    monkeypatch.setattr(client, "query", lambda **request: query(**request, Limit=3))

    assert jobs.files(job.id) == files


@pytest.mark.parametrize(
    ("operation", "act"),
    [
        ("GetItem", lambda jobs, job: jobs.get(job.id)),
        ("TransactWriteItems", lambda jobs, job: jobs.put(job, 2)),
        ("UpdateItem", lambda jobs, job: jobs.complete(job.id, 1)),
        ("UpdateItem", lambda jobs, job: jobs.count_status(job.id, NOW)),
        ("Query", lambda jobs, job: jobs.files(job.id)),
    ],
)
def test_a_table_that_does_not_answer_is_503(operation: str, act: Any) -> None:
    failing = Failing()
    jobs = table(failing)
    failing.operation, failing.code = operation, "ThrottlingException"
    with pytest.raises(OutcomeError) as raised:
        act(jobs, a_job())
    assert raised.value.status == 503


def test_names_of_jobs_and_files_have_one_form() -> None:
    assert is_job_id(new_job_id())
    assert not any(map(is_job_id, ("", "x", "A" * 32, "0" * 33)))
    assert all(map(is_file_name, ("Patient.0.1.ndjson", "deleted.3.20000.ndjson", "error.ndjson")))
    assert not any(map(is_file_name, ("", "Patient", "../x", "Patient.0.1.ndjson/", "error.ndjson#")))
    assert file_name(DELETED, 3, 7) == "deleted.3.7.ndjson"
    keys = [key("a-job", "x") for key in (file_key, patients_key, carry_key)]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(prefix_of("a-job")) for key in keys)
    assert [kind_of(name) for name in ("Patient.0.1.ndjson", "error.ndjson")] == ["Patient", "error"]
