"""Files of bulk exports: who gets which, how, and what is recorded of it (`export.md`, Files)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from careconnect.audit.event import Action, Outcome
from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.export.job import ERROR_FILE, Cause, Chain, Job, JobFile, Selection, is_file_name
from careconnect.fhir import outcomes
from careconnect.http.messages import Cors
from careconnect.oauth.revocation import IssuedToken, RevocationsUnknownError
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import event, fhir_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.export_jobs import JOB_ID, a_job, export_table
from careconnect_testing.parts.observer import RecordingObserver
from export_sender.app import FileEndpoint

if TYPE_CHECKING:
    from careconnect.export.jobs import DynamoDbJobs

NOW = 1_795_676_953.0
PATIENTS = "Patient.0.1.ndjson"
LINES = '{"resourceType":"Patient","id":"4","name":[{"family":"Señor \\u2028 𝔘"}]}\n'
SELECTION = Selection(("Patient", "Observation"))


@dataclass
class Sender:
    """The sender over a table in memory, files in a dictionary, and revoked tokens in a set."""

    clock: Clock = field(default_factory=lambda: Clock(NOW))
    kept: StoredEvents = field(default_factory=StoredEvents)
    contents: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    fault: Callable[[str], None] = lambda _: None
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    def __post_init__(self) -> None:
        self.jobs: DynamoDbJobs = export_table(self.clock)[0]
        self.app = RequestPipeline(
            FileEndpoint(self.jobs, self, self),
            "https://care.example",
            "eu-west-2",
            Cors(("*",)),
            self.observer,
            self.clock,
            auditing=self.kept.auditing(),
        )

    def text(self, job_id: str, name: str) -> str | None:
        self.fault(name)
        return self.contents.get(name)

    def is_revoked(self, token: IssuedToken) -> bool:
        self.fault(token.jti)
        return token.jti in self.revoked

    def complete(self, job: Job, *files: JobFile) -> Job:
        self.jobs.put(job, 2)
        self.jobs.checkpoint(job, 0, Chain(1), files)
        self.contents |= {each.name: LINES for each in files}
        assert self.jobs.complete(job.id, int(NOW * 1000) + 3_600_000)
        return job

    def ask(self, path: str = f"{JOB_ID}/{PATIENTS}", method: str = "GET", **changes: Any) -> Answer:
        context = {"client_id": "client-1", "scope": "system/*.rs", "expires_at": str(int(self.clock()) + 600)}
        headers = changes.pop("headers", {})
        return Answer.of(self.app(fhir_event(method, f"$export/{path}", headers=headers, authorizer=context | changes)))


@pytest.fixture
def sender() -> Sender:
    made = Sender()
    files = [JobFile(PATIENTS, "Patient", 1), JobFile("Observation.0.1.ndjson", "Observation", 1)]
    files += [JobFile("deleted.0.1.ndjson", "Bundle", 1), JobFile(ERROR_FILE, "OperationOutcome", 1)]
    made.complete(a_job(NOW, selection=SELECTION), *files)
    return made


@pytest.mark.parametrize("accept", ["", "*/*", "application/fhir+ndjson", "application/fhir+json", "text/html"])
def test_a_file_is_answered_as_it_is_stored_whatever_is_accepted(sender: Sender, accept: str) -> None:
    answer = sender.ask(headers={"Accept": accept} if accept else {})

    assert (answer.status, answer.text) == (200, LINES)
    assert answer.headers["Content-Type"] == "application/fhir+ndjson"
    assert answer.headers["Cache-Control"] == "no-store"


def test_head_has_the_length_of_get_and_no_body(sender: Sender) -> None:
    answer = sender.ask(method="HEAD")

    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Content-Length"] == str(len(LINES.encode()))
    assert answer.headers["Content-Type"] == "application/fhir+ndjson"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_answer_is_an_event_of_nobody_that_names_the_file(sender: Sender, method: str) -> None:
    sender.ask(method=method)

    (event,) = sender.kept.events
    assert (event.job, event.file, event.patient) == (JOB_ID, PATIENTS, "")
    assert (event.interaction, event.action, event.outcome) == ("operation", Action.EXECUTE, Outcome.ALLOWED)
    assert event.client_id == "client-1"


def test_no_file_leaves_without_its_event(sender: Sender) -> None:
    sender.kept.fault = "ThrottlingException"

    answer = sender.ask()

    assert (answer.status, answer.issue["code"]) == (503, "transient")
    assert answer.headers["Retry-After"]
    assert "Patient" not in answer.text


def test_what_is_not_there_for_this_client_is_the_same_404(sender: Sender) -> None:
    running, failed = a_job(NOW, id="1" * 32), a_job(NOW, id="2" * 32)
    for job in (running, failed):
        sender.jobs.put(job, 9)
        sender.jobs.checkpoint(job, 0, Chain(1), [JobFile(PATIENTS, "Patient", 1)])
    assert sender.jobs.fail(failed.id, Cause.EXCEPTION, int(NOW * 1000) + 3_600_000)
    absent = [
        *(f"{'1' * 32}/{PATIENTS}", f"{'2' * 32}/{PATIENTS}", f"{'3' * 32}/{PATIENTS}"),
        *(f"{JOB_ID}/Patient.0.2.ndjson", f"{JOB_ID}/Condition.0.1.ndjson", f"{JOB_ID}/carry", f"job/{PATIENTS}"),
    ]
    answers = [sender.ask(path) for path in absent]
    answers += [sender.ask(client_id=each) for each in ("client-0", "client-2")]
    sender.clock.now += 3_600
    answers.append(sender.ask())

    assert {(each.status, each.text) for each in answers} == {(404, answers[0].text)}
    assert answers[0].issue["code"] == "not-found"
    assert {each.headers["Cache-Control"] for each in answers} == {"no-store"}
    assert [each.outcome for each in sender.kept.events] == [Outcome.REFUSED] * len(answers)
    # What has not the form of a file's name is in no event.
    assert all(each.file == "" or is_file_name(each.file) for each in sender.kept.events)


def test_a_jobs_files_end_with_its_token_whoever_asks(sender: Sender) -> None:
    assert sender.ask(jti="a-later-token").status == 200

    sender.revoked.add("token-7")

    assert (sender.ask(jti="a-later-token").status, sender.ask().status) == (404, 404)


def test_a_job_that_was_ended_has_no_files(sender: Sender) -> None:
    sender.jobs.end(JOB_ID)

    assert sender.ask().status == 404


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("system/*.rs", ["Patient", "Observation", "deleted", "error"]),
        ("system/Patient.read system/Observation.cruds", ["Patient", "Observation", "deleted", "error"]),
        ("system/Patient.rs", ["Patient"]),
        ("system/Observation.rs user/Patient.rs", ["Observation"]),
        ("system/Patient.r system/Observation.rs?status=final", []),
        ("user/*.rs", []),
    ],
)
def test_a_file_takes_the_scopes_of_its_type_and_one_of_all_types_those_of_all(
    sender: Sender, scope: str, opens: list[str]
) -> None:
    names = {kind: f"{kind}.0.1.ndjson" for kind in ("Patient", "Observation", "deleted")} | {"error": ERROR_FILE}
    answers = {kind: sender.ask(f"{JOB_ID}/{name}", scope=scope) for kind, name in names.items()}

    assert [kind for kind, answer in answers.items() if answer.status == 200] == opens
    refused = [answer for answer in answers.values() if answer.status != 200]
    assert all((each.status, each.issue["code"]) == (403, "forbidden") for each in refused)
    assert all('error="insufficient_scope"' in each.headers["WWW-Authenticate"] for each in refused)


def test_a_token_that_is_bound_to_a_patient_gets_no_file(sender: Sender) -> None:
    assert sender.ask(patient="4").status == 403


def test_a_scope_that_does_not_open_a_type_does_not_tell_whether_it_has_files(sender: Sender) -> None:
    there, not_there = (
        sender.ask(f"{JOB_ID}/Patient.0.{number}.ndjson", scope="system/Observation.rs") for number in (1, 2)
    )

    assert (there.status, there.text) == (not_there.status, not_there.text)


def test_a_file_that_is_removed_while_it_is_asked_for_is_absent_and_else_unavailable(sender: Sender) -> None:
    sender.contents.clear()
    assert sender.ask().status == 503

    def end(_: str) -> None:
        sender.jobs.end(JOB_ID)

    sender.fault = lambda name: end(name) if name == PATIENTS else None
    assert sender.ask().status == 404


@pytest.mark.parametrize("at", ["token-7", PATIENTS])
def test_what_cannot_be_read_is_unavailable(sender: Sender, at: str) -> None:
    def fail(name: str) -> None:
        if name == at:
            raise RevocationsUnknownError if at == "token-7" else outcomes.unavailable("SlowDown")

    sender.fault = fail

    answer = sender.ask()
    assert (answer.status, answer.issue["code"]) == (503, "transient")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused_with_those_that_are_taken(sender: Sender, method: str) -> None:
    answer = sender.ask(method=method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["Patient/4", "$export", f"$export/{JOB_ID}", "Patient/$export"])
def test_it_answers_nothing_else(sender: Sender, path: str) -> None:
    context = {"client_id": "client-1", "scope": "system/*.rs", "expires_at": str(int(NOW) + 600)}

    assert Answer.of(sender.app(fhir_event("GET", path, authorizer=context))).status == 404


def escaped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_the_worst_text_that_the_worker_may_store_fits_an_answer_of_lambda(sender: Sender) -> None:
    """6,000,000 bytes of JSON-escaped text, and 4,000,000 before that: quotes take two bytes there, letters no more."""
    # Lambda's runtimes since Python 3.12 escape no letters; an answer has 6 MiB at most.
    for unit in ('"', "é", "𝔘", "a"):
        times = min(4_000_000 // len(unit.encode()), 6_000_000 // len(escaped(unit)[1:-1]))
        sender.contents[PATIENTS] = unit * times

        response = sender.app(
            fhir_event(
                "GET",
                f"$export/{JOB_ID}/{PATIENTS}",
                authorizer={"client_id": "client-1", "scope": "system/*.rs", "expires_at": str(int(NOW) + 600)},
            )
        )

        assert response["statusCode"] == 200
        assert response["isBase64Encoded"] is False
        assert len(escaped(response)) <= 6 * 1_048_576
        assert response["body"] == unit * times


def test_it_answers_its_event() -> None:
    sender = Sender()
    sender.complete(a_job(NOW, client_id="explorer"), JobFile(PATIENTS, "Patient", 1))

    assert Answer.of(sender.app(event("export-file"))).text == LINES


def test_a_log_line_has_no_name_of_the_file_and_no_query(sender: Sender) -> None:
    sender.ask()

    (line,) = sender.observer.lines
    assert JOB_ID not in str(line)
    assert PATIENTS not in str(line)
