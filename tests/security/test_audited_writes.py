"""A write and its events over HTTP, with IAM enforced: both, or neither (`audit.md`, Before the answer leaves)."""

from collections.abc import Callable

import httpx
import pytest

from careconnect.audit.event import AuditEvent, event_of
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.http.writes import NHS_NUMBER, WritingClient, new_code, observation, patient
from careconnect_testing.parts.recorded_writes import made_by
from careconnect_testing.stacks.denied import denied

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def writer(local_stack: LocalStack, http: httpx.Client) -> WritingClient:
    return WritingClient(http, Api(local_stack, http).register("writes-and-is-recorded", "system/*.cruds"))


@pytest.fixture(scope="module")
def events(local_stack: LocalStack) -> Callable[[str], list[AuditEvent]]:
    """A function that lists the events of a patient."""
    table = local_stack.stack.outputs["AuditTable"]

    def listed(whose: str) -> list[AuditEvent]:
        pages = local_stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        items = (item for page in pages for item in page["Items"] if "action" in item)
        return sorted((each for each in map(event_of, items) if each.patient == whose), key=lambda each: each.id)

    return listed


def test_each_kind_of_write_leaves_an_event_of_the_version_that_it_made(
    writer: WritingClient, events: Callable[[str], list[AuditEvent]]
) -> None:
    code = new_code()
    condition = {"If-None-Exist": f"identifier={NHS_NUMBER}%7C{code}"}
    whose = writer.create(patient(code), **condition).json()["id"]
    seen = writer.create(observation(f"Patient/{whose}")).json()["id"]
    assert writer.update({**patient(code, gender="male"), "id": whose}).status_code == 200
    assert writer.delete(f"Observation/{seen}").status_code == 204

    first, *others = events(whose)
    assert first.query == "identifier=***"
    assert (first.client_id, first.interaction, first.service) == ("writes-and-is-recorded", "create", "record_writer")
    assert first.jti
    assert made_by([first, *others]) == [
        (f"Observation/{seen}/_history/1", whose),
        (f"Observation/{seen}/_history/2", whose),
        (f"Patient/{whose}/_history/1", whose),
        (f"Patient/{whose}/_history/2", whose),
    ]
    assert [each.action for each in others] == ["C", "U", "D"]


def test_nothing_is_written_while_the_record_is_denied(
    local_stack: LocalStack, writer: WritingClient, events: Callable[[str], list[AuditEvent]]
) -> None:
    whose = writer.create(patient()).json()["id"]
    version = writer.get(f"Patient/{whose}").headers["ETag"]
    before = events(whose)
    with denied(local_stack, "RecordWriterFunction", "AuditTable"):
        answers = [
            writer.update({**patient(gender="male"), "id": whose}),
            writer.create(observation(f"Patient/{whose}")),
            writer.delete(f"Patient/{whose}"),
        ]
    after = writer.get(f"Patient/{whose}")
    found = writer.get(f"Observation?patient={whose}").json()

    assert [(each.status_code, issue_code(each)) for each in answers] == [(503, "transient")] * 3
    assert (after.status_code, after.headers["ETag"], found["total"]) == (200, version, 0)
    assert made_by(events(whose)) == made_by(before)
    assert writer.update({**patient(gender="male"), "id": whose}).status_code == 200


def test_no_event_says_done_of_a_write_that_another_table_refused(
    local_stack: LocalStack, writer: WritingClient, events: Callable[[str], list[AuditEvent]]
) -> None:
    whose = writer.create(patient()).json()["id"]
    with denied(local_stack, "RecordWriterFunction", "ReferenceTable"):
        answer = writer.create(observation(f"Patient/{whose}"))
    last = events(whose)[-1]

    assert answer.status_code == 503
    assert (last.outcome, last.status, last.interaction) == ("8", 503, "create")
    assert not last.ids
