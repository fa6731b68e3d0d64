"""No disclosure without its event, over HTTP: where IAM refuses the record, nothing is told (`audit.md`)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.stacks.denied import denied

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    assert list(sample.glob("*.ndjson"))
    return Api(local_stack, http)


@pytest.mark.parametrize(
    ("function", "paths"),
    [
        (
            "PatientRecordFunction",
            (
                *("Patient/4", "Patient/4/$everything", "Observation?patient=4", "Patient?birthdate=ge1900"),
                *("Patient?_count=0", "Patient/nobody", "Patient/4/_history", "Patient?nonsense:of=1"),
            ),
        ),
        ("DirectoryFunction", ("Organization/SAMPLE-GP1", "Organization?name=a", "Organization/nobody")),
        ("AuditFunction", ("AuditEvent?patient=4", "AuditEvent/nobody")),
    ],
)
def test_nothing_is_reported_while_the_record_is_denied(
    api: Api,
    explorer: DemoClient,
    bearer: Callable[[DemoClient], dict[str, str]],
    function: str,
    paths: tuple[str, ...],
) -> None:
    token = bearer(explorer)["Authorization"].removeprefix("Bearer ")
    auditor = api.register(f"denied-{function}", "system/AuditEvent.read")
    tokens = {path: auditor if path.startswith("AuditEvent") else token for path in paths}
    before = {path: api.get(path, tokens[path]) for path in paths}

    with denied(api.stack, function, "AuditTable"):
        during = {path: api.get(path, tokens[path]) for path in paths}

    assert {answer.status_code for answer in before.values()} <= {200, 404}
    assert {path: answer.status_code for path, answer in during.items()} == dict.fromkeys(paths, 503)
    assert {issue_code(answer) for answer in during.values()} == {"transient"}
    assert {path: api.get(path, tokens[path]).status_code for path in paths} == {
        path: answer.status_code for path, answer in before.items()
    }
