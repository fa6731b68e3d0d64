"""Old events are asked from the archive of a deployed template: by Athena, and by its objects (`archive.md`)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from audit_archiver.days import days_from, start_of
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect_admin.audit_trail.archive_lines import ObjectLines
from careconnect_admin.audit_trail.archive_listing import listed
from careconnect_admin.audit_trail.archived_events import ArchivedEvents
from careconnect_admin.audit_trail.athena_lines import AthenaLines
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.archived_objects import archived, packed

pytestmark = [pytest.mark.integration, pytest.mark.long]

# Of a time of which the shared stack has no events.
FIRST, LAST = "2024-02-27", "2024-03-02"
DAYS = days_from(FIRST, LAST)
HOUR = 3_600_000
EVENTS = 4_000
PATIENTS = ("4", "44", "o'brien", 'a"b', "é")
Asked = Callable[[Sequence[str]], ArchivedEvents]
CLIENTS = ("ward", "it's 100%", 'the "lab"\\')


def records() -> list[StreamRecord]:
    """Return what the stream had of five days: most events are of patient 4, some of exports and of their files."""
    between = len(DAYS) * 24 * HOUR // EVENTS
    return [archived(start_of(FIRST) + number * between, number, **members(number)) for number in range(EVENTS)]


def members(number: int) -> dict[str, Any]:
    usual = {"client_id": CLIENTS[number % 3], "query": '"patient":{"S":"4"}', "late": number % 3 * 1_000}
    if number % 50 == 7:
        return {**usual, "service": "export_sender", "job": f"job-{number % 7}", "patient": ""}
    if number % 250 == 8:
        return {**usual, "service": "export_worker", "job": f"job-{number % 3}", "patient": "4"}
    return {**usual, "patient": PATIENTS[number % 5 if number % 4 else 0]}


@pytest.fixture(scope="module")
def made(local_stack: LocalStack) -> list[StreamRecord]:
    """Return what was archived, some of it twice, besides the changes and removals that came later."""
    own = records()
    later = [
        replace(
            each,
            time=each.time + HOUR,
            sequence=each.sequence + 10**23,
            kind=(Kind.MODIFY, Kind.REMOVE)[number % 2],
            old=each.new,
            new={**(each.new or {}), "type": {"S": "Condition"}} if number % 2 == 0 else None,
        )
        for number, each in enumerate(own[::9])
    ]
    batches = [own[begin : begin + 60] for begin in range(0, EVENTS, 50)]
    batches += [later[begin : begin + 20] for begin in range(0, len(later), 20)]
    archiver = local_stack.role_client("s3", "ArchiverFunction")
    for key, body in packed(*batches).items():
        archiver.put_object(Bucket=local_stack.stack.outputs["ArchiveBucket"], Key=key, Body=body)
    return own


def by_athena(stack: LocalStack, days: Sequence[str]) -> ArchivedEvents:
    outputs = stack.stack.outputs
    hours = listed(stack.client("s3"), outputs["ArchiveBucket"], days).hours
    client = stack.client("athena")
    return ArchivedEvents(AthenaLines(client, outputs["ArchiveDatabase"], outputs["ArchiveWorkGroup"], hours))


def by_objects(stack: LocalStack, days: Sequence[str]) -> ArchivedEvents:
    return ArchivedEvents(ObjectLines(stack.client("s3"), stack.stack.outputs["ArchiveBucket"]))


@pytest.fixture(params=[by_athena, by_objects])
def asked(request: pytest.FixtureRequest, local_stack: LocalStack) -> Asked:
    return lambda days: request.param(local_stack, days)


def ids(found: Sequence[Recorded]) -> list[str]:
    assert all(each.event and each.event.type == "Patient" for each in found)
    return [each.id for each in found]


def written(made: Sequence[StreamRecord], days: Sequence[str], **wanted: str) -> list[StreamRecord]:
    """Return what was written of some days with these attributes, newest first."""
    own = {name: {"S": text} for name, text in wanted.items()}
    found = (each for each in made if own.items() <= (each.new or {}).items() and each.partition[:10] in days)
    return sorted(found, key=lambda each: each.sort_key, reverse=True)


def jobs_of(found: Sequence[StreamRecord]) -> list[str]:
    return [(each.new or {}).get("job", {}).get("S", "") for each in found]


@pytest.mark.parametrize("days", [DAYS, DAYS[1:2], DAYS[3:], ["2024-02-20"]])
def test_what_was_written_is_answered_once(asked: Asked, made: list[StreamRecord], days: list[str]) -> None:
    events = asked(days)
    of_files = written(made, days, service="export_sender")

    for patient in (*PATIENTS, "nobody"):
        own = written(made, days, patient=patient)
        assert ids(events.of_patient(patient, days)) == [each.sort_key for each in own]
        jobs = set(jobs_of(own)) - {""}
        files = [each.sort_key for each, job in zip(of_files, jobs_of(of_files), strict=True) if job in jobs]
        assert ids(events.of_jobs(jobs, days)) == files
        assert bool(files) == (patient == "4" and bool(own))
    for client in CLIENTS:
        assert ids(events.of_client(client, days)) == [each.sort_key for each in written(made, days, client=client)]
    if days == DAYS:
        # More than one page of an answer.
        assert len(written(made, days, patient="4")) > 1_000


def test_an_answer_is_in_the_bucket_of_answers_alone(local_stack: LocalStack, made: list[StreamRecord]) -> None:
    s3, bucket = local_stack.client("s3"), local_stack.stack.resources["ArchiveAnswersBucket"]

    def answers() -> int:
        return int(s3.list_objects_v2(Bucket=bucket)["KeyCount"])

    before = answers()
    by_athena(local_stack, DAYS).of_patient("4", DAYS)

    assert answers() > before
