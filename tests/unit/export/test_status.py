"""Status, manifest and cancellation of a job: each row of the contract's tables (`export.md`, Status)."""

from typing import Any

import pytest

from careconnect.export.job import (
    CHAINS,
    ERROR_FILE,
    JOB_SECONDS,
    MAX_FILES,
    Cause,
    Chain,
    Job,
    JobFile,
    State,
    file_name,
)
from careconnect.export.jobs import MAX_STATUS_REQUESTS
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import fits_answer
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import event
from careconnect_testing.parts.export_jobs import JOB_ID, a_job
from careconnect_testing.parts.export_keeper import BASE, NOW, Keeper
from careconnect_testing.running.cases import each_of
from export_keeper.job_status import complete as complete_manifest

AT = int(NOW * 1_000)
PATH = f"$export/{JOB_ID}"
URL = f"{BASE}/{PATH}"


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


def put(keeper: Keeper, **changes: Any) -> Job:
    job = a_job(NOW, **{"fhir_base": BASE, "url": f"{BASE}/$export?_type=Patient", **changes})
    keeper.jobs.put(job, 2)
    return job


def complete(keeper: Keeper, *files: JobFile, hours: int = 24) -> Job:
    job = put(keeper)
    keeper.jobs.checkpoint(job, 0, Chain(1), files)
    assert keeper.jobs.complete(job.id, AT + hours * 3_600_000)
    return job


def is_unknown(answer: Answer) -> bool:
    issue = {"severity": "error", "code": "not-found", "diagnostics": "No such resource."}
    return (answer.status, answer.json["issue"], answer.headers["Cache-Control"]) == (404, [issue], "no-store")


@each_of(
    ("seconds", "retry_after"),
    [(0, "1"), (9, "1"), (19.9, "1"), (20.1, "2"), (305, "30"), (609, "60"), (86_000, "60")],
)
def test_a_running_job_is_202_with_a_tenth_of_its_age(seconds: float, retry_after: str) -> None:
    keeper = Keeper()
    put(keeper)
    keeper.clock.now += seconds
    answer = keeper.ask("GET", PATH)

    assert (answer.status, answer.text, answer.headers["Retry-After"]) == (202, "", retry_after)
    assert answer.headers["Cache-Control"] == "no-store"


def test_progress_counts_planned_steps_and_never_falls(keeper: Keeper) -> None:
    job = put(keeper)
    told = [keeper.ask("GET", PATH).headers["X-Progress"]]
    for chain in range(CHAINS):
        for number in (1, 2):
            keeper.jobs.checkpoint(job, chain, Chain(number, done=number, total=2), [])
            told.append(keeper.ask("HEAD", PATH).headers["X-Progress"])
    # The place of the audit events is kept beside the chains.
    keeper.jobs.checkpoint(job, CHAINS, Chain(1, done=1, total=1), [])

    assert [each.partition("%")[0] for each in told] == ["0", "12", "25", "37", "50", "62", "75", "87", "99"]
    assert all(len(each) < 100 for each in told)
    assert keeper.ask("GET", PATH).headers["X-Progress"] == told[-1]


def test_a_complete_job_is_200_with_its_manifest(keeper: Keeper) -> None:
    complete(
        keeper,
        JobFile("Patient.0.1.ndjson", "Patient", 7),
        JobFile("deleted.0.1.ndjson", "Bundle", 1),
        JobFile(ERROR_FILE, "OperationOutcome", 2),
    )
    answer = keeper.ask("GET", PATH, headers={"Accept": "text/html"})

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {
        "transactionTime": "2026-11-26T07:09:13.250Z",
        "request": f"{BASE}/$export?_type=Patient",
        "requiresAccessToken": True,
        "output": [{"type": "Patient", "url": f"{URL}/Patient.0.1.ndjson", "count": 7}],
        "deleted": [{"type": "Bundle", "url": f"{URL}/deleted.0.1.ndjson", "count": 1}],
        "error": [{"type": "OperationOutcome", "url": f"{URL}/{ERROR_FILE}", "count": 2}],
    }
    assert answer.headers["Expires"] == "Fri, 27 Nov 2026 07:09:13 GMT"
    assert answer.headers["Cache-Control"] == "no-store"
    assert keeper.ask("GET", PATH).text == answer.text


def test_a_manifest_of_nothing_has_all_its_members(keeper: Keeper) -> None:
    complete(keeper)
    manifest = keeper.ask("GET", PATH).json

    assert (manifest["output"], manifest["deleted"], manifest["error"]) == ([], [], [])


def test_a_manifest_of_as_many_files_as_a_job_may_have_fits_into_an_answer() -> None:
    longest = max((each.name for each in RESOURCE_TYPES), key=len)
    files = [JobFile(file_name(longest, 3, number), longest, 4_000_000) for number in range(MAX_FILES)]
    base = f"https://{'a' * 63}.example.nhs.uk/live{FHIR_PATH}"

    assert fits_answer(complete_manifest(a_job(NOW, fhir_base=base), files).body)


def test_a_token_is_not_taken_from_the_query(keeper: Keeper) -> None:
    put(keeper)

    assert keeper.ask("GET", PATH, [("access_token", "x")]).status == 400


def test_head_answers_as_get_without_the_body(keeper: Keeper) -> None:
    complete(keeper)
    head, got = keeper.ask("HEAD", PATH), keeper.ask("GET", PATH)

    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == str(len(got.text))
    assert head.headers["Expires"] == got.headers["Expires"]


@each_of(
    ("cause", "detail"),
    [(Cause.EXCEPTION, ""), (Cause.TIMEOUT, "A load was under way."), (Cause.TOO_COSTLY, "")],
)
def test_a_failed_job_is_500_with_its_cause(cause: Cause, detail: str) -> None:
    keeper = Keeper()
    job = put(keeper)
    keeper.jobs.fail(job.id, cause, AT + 3_600_000, detail)
    answer = keeper.ask("GET", PATH)

    assert (answer.status, answer.issue["code"]) == (500, cause.value)
    assert detail in answer.diagnostics
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_job_that_runs_for_a_day_has_timed_out(keeper: Keeper) -> None:
    put(keeper)
    keeper.clock.now += JOB_SECONDS - 1
    assert keeper.ask("GET", PATH).status == 202
    keeper.clock.now += 1
    answer = keeper.ask("GET", PATH)

    assert (answer.status, answer.issue["code"]) == (500, "timeout")


def test_more_than_thirty_requests_of_a_minute_are_429_and_the_job_goes_on(keeper: Keeper) -> None:
    put(keeper)
    statuses = [keeper.ask("GET", PATH).status for _ in range(MAX_STATUS_REQUESTS)]
    answer = keeper.ask("HEAD", PATH)

    assert set(statuses) == {202}
    assert (answer.status, answer.headers["Retry-After"]) == (429, "47")
    assert keeper.ask("GET", PATH).issue["code"] == "throttled"
    keeper.clock.now += 47
    assert keeper.ask("GET", PATH).status == 202


def test_a_status_costs_fifty_units(keeper: Keeper) -> None:
    put(keeper)
    keeper.ask("GET", PATH)

    assert keeper.counters.charges == [50]
    assert Keeper(units=1, counters=keeper.counters).ask("GET", PATH).status == 429


@each_of("fault", ["GetItem", "UpdateItem", "Query", "tokens"])
def test_a_state_that_cannot_be_read_is_503_and_the_job_goes_on(fault: str) -> None:
    keeper = Keeper()
    put(keeper)
    keeper.fault = fault
    answer = keeper.ask("GET", PATH)
    keeper.fault = ""

    assert (answer.status, answer.issue["code"]) == (503, "transient")
    assert "Retry-After" in answer.headers
    assert keeper.ask("GET", PATH).status == 202


@each_of("method", ["GET", "DELETE"])
def test_what_is_not_the_clients_own_is_404_with_one_text(method: str) -> None:
    keeper = Keeper()
    complete(keeper, hours=1)

    assert is_unknown(keeper.ask(method, PATH, client_id="client-2"))
    assert is_unknown(keeper.ask(method, f"$export/{'0' * 32}"))
    assert is_unknown(keeper.ask(method, "$export/x"))
    assert is_unknown(keeper.ask(method, "$export/job%23client"))
    keeper.clock.now += 3_600
    assert is_unknown(keeper.ask(method, PATH))
    assert keeper.calls == []


@each_of("method", ["GET", "DELETE"])
def test_a_job_ends_with_the_token_that_started_it_and_stays_ended(method: str) -> None:
    keeper = Keeper()
    job = put(keeper)
    keeper.revoked.add("token-7")

    assert is_unknown(keeper.ask(method, PATH, jti="token-8"))
    assert keeper.stored(job.id).state is State.ENDED
    assert keeper.calls == [("remove", job.id)]
    keeper.revoked.clear()
    assert is_unknown(keeper.ask(method, PATH, jti="token-8"))


@each_of(
    ("scope", "status"),
    [
        ("system/Patient.rs", 202),
        ("system/*.read", 202),
        ("system/Observation.rs", 403),
        ("user/*.rs system/Observation.rs", 403),
        ("system/Patient.r system/Observation.rs", 403),
    ],
)
def test_a_later_token_needs_scopes_that_cover_the_job(scope: str, status: int) -> None:
    keeper = Keeper()
    put(keeper)
    answer = keeper.ask("GET", PATH, scope=scope, jti="token-8")

    assert answer.status == status
    if status == 403:
        assert answer.issue["code"] == "forbidden"
        assert 'scope="system/Patient.rs"' in answer.headers["WWW-Authenticate"]


@each_of("scope", ["system/*.rs", "system/Observation.r", "profile"])
def test_any_token_of_the_client_ends_its_job(scope: str) -> None:
    keeper = Keeper(places=1)
    job = put(keeper)
    answer = keeper.ask("DELETE", PATH, scope=scope, jti="token-8")

    assert (answer.status, answer.issue["severity"], answer.issue["code"]) == (202, "information", "informational")
    assert answer.headers["Cache-Control"] == "no-store"
    assert keeper.calls == [("remove", job.id)]
    assert is_unknown(keeper.ask("GET", PATH))
    assert is_unknown(keeper.ask("DELETE", PATH))
    assert keeper.kick_off().status == 202


def test_a_delete_that_fails_may_be_sent_again(keeper: Keeper) -> None:
    put(keeper)
    for fault in ("machine", "UpdateItem"):
        keeper.fault = fault
        assert keeper.ask("DELETE", PATH).status == 503
    keeper.fault = ""

    assert keeper.ask("DELETE", PATH).status == 202


@each_of("method", ["POST", "PUT", "PATCH"])
def test_a_job_takes_no_other_method(method: str) -> None:
    answer = Keeper().ask(method, PATH)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, DELETE")


@each_of("path", [f"{PATH}/Patient.0.1.ndjson", "Patient", "Patient/4", "", "$everything", "Group/4/$export"])
def test_the_keeper_answers_no_other_path(path: str) -> None:
    assert Keeper().ask("GET", path).status == 404


@each_of(("method", "status"), [("GET", 202), ("DELETE", 202)])
def test_each_request_is_one_event_with_the_job(method: str, status: int) -> None:
    keeper = Keeper()
    job = put(keeper)
    assert keeper.ask(method, PATH).status == status
    keeper.ask(method, PATH, client_id="client-2")

    own, others = keeper.kept.events
    assert (own.job, own.outcome, own.patient, own.interaction, own.action) == (job.id, "0", "", "operation", "E")
    assert (others.job, others.outcome, others.client_id) == (job.id, "4", "client-2")


@each_of(
    ("name", "status"),
    [("export-kick-off", 202), ("export-patients", 202), ("export-status", 404), ("export-cancel", 404)],
)
def test_the_keeper_answers_its_events(name: str, status: int) -> None:
    assert Answer.of(Keeper().app(event(name))).status == status
