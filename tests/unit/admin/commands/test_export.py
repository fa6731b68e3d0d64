"""`careconnect export`: a service that exports, and what the command makes of its answers."""

import gzip
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_testing.stacks.command_line import printed

ROOT = "https://ehr.example"
FHIR = f"{ROOT}/careconnect-ri/STU3"
JOB = f"{FHIR}/$export/job-1"
INSTANT = "2026-12-01T09:00:00.000Z"
FILES = {
    "Patient.0.1.ndjson": b'{"resourceType":"Patient","id":"4"}\n{"resourceType":"Patient","id":"5"}\n',
    "Patient.1.1.ndjson": '{"resourceType":"Patient","id":"é"}\n'.encode(),
    "Observation.0.1.ndjson": b'{"resourceType":"Observation","id":"o"}\n',
    "deleted.0.1.ndjson": b'{"resourceType":"Bundle","type":"transaction"}\n',
    "error.ndjson": b'{"resourceType":"OperationOutcome"}\n',
}
WRITTEN = {
    "Patient.1.ndjson": FILES["Patient.0.1.ndjson"],
    "Patient.2.ndjson": FILES["Patient.1.1.ndjson"],
    "Observation.1.ndjson": FILES["Observation.0.1.ndjson"],
    "deleted.1.ndjson": FILES["deleted.0.1.ndjson"],
    "error.1.ndjson": FILES["error.ndjson"],
}


def listed(*names: str, kind: str = "") -> list[dict[str, Any]]:
    return [
        {"type": kind or name.partition(".")[0], "url": f"{JOB}/{name}", "count": FILES[name].count(b"\n")}
        for name in names
    ]


def manifest() -> dict[str, Any]:
    return {
        "transactionTime": INSTANT,
        "request": f"{FHIR}/$export",
        "requiresAccessToken": True,
        "output": listed("Patient.0.1.ndjson", "Observation.0.1.ndjson", "Patient.1.1.ndjson"),
        "deleted": listed("deleted.0.1.ndjson", kind="Bundle"),
        "error": listed("error.ndjson", kind="OperationOutcome"),
    }


def outcome(status: int, diagnostics: str, **headers: str) -> httpx.Response:
    issue = [{"severity": "error", "diagnostics": diagnostics}]
    return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": issue}, headers=headers)


Answer = httpx.Response | Exception


class Exporter:
    """A service with one job, which is complete after `steps` requests for its status.

    `next_answers` come before the usual ones, by method and URL. `on_request` is called first.
    """

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.next_answers: dict[tuple[str, str], list[Answer]] = {}
        self.manifest: Any = manifest()
        self.steps = ["0% of 8 steps", "50% of 8 steps"]
        self.tokens = 0
        self.lifetime = 3600
        self.is_deleted = False
        self.on_request: Callable[[httpx.Request], None] = lambda _request: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.on_request(request)
        self.asked.append(request)
        url = str(request.url.copy_with(query=None))
        waiting = self.next_answers.get((request.method, url))
        if waiting:
            answer = waiting.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.url.path == "/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"token-{self.tokens}", "expires_in": self.lifetime})
        if url in {f"{FHIR}/$export", f"{FHIR}/Patient/$export"}:
            return httpx.Response(202, headers={"Content-Location": JOB}, json={"resourceType": "OperationOutcome"})
        if self.is_deleted or not url.startswith(JOB):
            return outcome(404, "No such job.")
        if request.method == "DELETE":
            self.is_deleted = True
            return httpx.Response(202, json={"resourceType": "OperationOutcome"})
        return self._job(url)

    def _job(self, url: str) -> httpx.Response:
        if url != JOB:
            content = gzip.compress(FILES[url.removeprefix(f"{JOB}/")])
            return httpx.Response(200, content=content, headers={"Content-Encoding": "gzip"})
        if self.steps:
            return httpx.Response(202, headers={"X-Progress": self.steps.pop(0), "Retry-After": "7"})
        return httpx.Response(200, json=self.manifest)

    def urls(self, method: str = "GET") -> list[str]:
        return [str(each.url) for each in self.asked if each.method == method]

    def answer_first(self, url: str, *answers: Answer, method: str = "GET") -> None:
        self.next_answers[method, url] = list(answers)


class Clock:
    """The time that passes by waiting alone."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("careconnect_admin.commands.service.export.time", clock)
    return clock


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Exporter:
    service = Exporter()
    client = "careconnect_admin.clients.token_request.http_client"
    monkeypatch.setattr(client, lambda *_: httpx.Client(transport=httpx.MockTransport(service)))
    return service


Run = Callable[..., Result]


@pytest.fixture
def run(service: Exporter, folder: Path) -> Run:
    """Return a runner of `careconnect export` into the folder, as a client with a secret."""

    def invoke(*arguments: str) -> Result:
        given = {"CLIENT_ID": "client-1", "CLIENT_SECRET": "a-secret", "ACCESS_TOKEN": ""}
        return CliRunner().invoke(app, ["export", str(folder), *arguments, "--base", ROOT], env=given)

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def of_job(folder: Path) -> dict[str, bytes]:
    """Return the files but for the two that say what the folder is."""
    return {name: content for name, content in contents(folder).items() if name not in {"manifest.json", "job.url"}}


def test_all_files_are_downloaded_and_the_job_is_deleted(service: Exporter, run: Run, folder: Path) -> None:
    result = run()

    assert (result.exit_code, of_job(folder)) == (0, WRITTEN)
    assert json.loads(contents(folder)["manifest.json"]) == manifest()
    assert "job.url" not in contents(folder)
    assert service.urls("DELETE") == [JOB]
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["Patient", "3", "2"],
        ["Observation", "1", "1"],
        ["deleted", "1", "1"],
        ["error", "1", "1"],
    ]
    assert f"--resume '{JOB}'" in printed(result)[0]
    assert printed(result)[-1].endswith(f"--since {INSTANT}")


def test_the_files_and_the_folder_are_readable_by_their_owner_alone(run: Run, folder: Path) -> None:
    assert run().exit_code == 0

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_kick_off_is_as_the_contract_has_it(service: Exporter, run: Run) -> None:
    run("--patients", "--type", "Patient,Observation", "--type", "Encounter", "--since", INSTANT)

    (kick_off,) = (each for each in service.asked if each.url.path.endswith("/Patient/$export"))
    assert dict(kick_off.url.params) == {"_type": "Patient,Observation,Encounter", "_since": INSTANT}
    assert (kick_off.headers["Prefer"], kick_off.headers["Accept"]) == ("respond-async", "application/fhir+json")


def test_the_status_is_asked_for_when_the_service_says(run: Run, clock: Clock) -> None:
    result = run()

    assert clock.waits == [7, 7]
    assert "Exporting: 0% of 8 steps" in printed(result)


def test_a_token_is_renewed_before_it_expires(service: Exporter, run: Run) -> None:
    service.lifetime, service.steps = 60, [f"{each}%" for each in range(20)]

    assert run().exit_code == 0

    used = [each.headers["Authorization"] for each in service.asked if str(each.url) == JOB]
    assert used == sorted(used)
    # 140 seconds of waits, and a token is for 49: until the first wait that ends after 45.
    assert service.tokens == 3


def test_a_given_token_is_used_as_it_is(service: Exporter, folder: Path) -> None:
    given = ["--base", ROOT, "--token", "given"]

    assert CliRunner().invoke(app, ["export", str(folder), *given]).exit_code == 0

    assert {each.headers["Authorization"] for each in service.asked} == {"Bearer given"}


def test_each_request_has_its_own_proof_with_a_bound_token(service: Exporter, run: Run, tmp_path: Path) -> None:
    metadata = f"{ROOT}/.well-known/oauth-authorization-server"
    service.answer_first(metadata, httpx.Response(200, json={"issuer": ROOT}))
    file = f"{JOB}/Patient.0.1.ndjson"
    wants = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "nonce-1"}
    service.answer_first(file, httpx.Response(401, headers=wants, json={}))

    assert run("--dpop-key", str(tmp_path / "dpop.jwk")).exit_code == 0

    proofs = [each.headers["DPoP"] for each in service.asked if str(each.url) != metadata]
    assert len(proofs) == len(set(proofs))
    assert len([each for each in service.urls() if each == file]) == 2


# --- answers that ask to wait, and connections that fail


def test_what_asks_to_wait_is_waited_for(service: Exporter, run: Run, clock: Clock, folder: Path) -> None:
    service.steps = []
    service.answer_first(f"{FHIR}/$export", outcome(429, "Two jobs are running.", **{"Retry-After": "13"}))
    service.answer_first(JOB, outcome(503, "The state cannot be read.", **{"Retry-After": "5"}), httpx.Response(502))
    service.answer_first(JOB, httpx.ReadTimeout(""), method="DELETE")
    service.answer_first(
        f"{JOB}/error.ndjson",
        httpx.Response(200, content=iter([b"no gzip"]), headers={"Content-Encoding": "gzip"}),
        httpx.RemoteProtocolError(""),
        outcome(504, "Too late."),
    )

    result = run()

    assert (result.exit_code, of_job(folder)) == (0, WRITTEN)
    assert clock.waits[:3] == [13, 5, 2]
    assert sorted(clock.waits[3:]) == [1, 1, 2, 4]


def broken_off(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks
    raise httpx.ReadError("")


def test_a_file_that_breaks_off_is_downloaded_from_its_beginning(service: Exporter, run: Run, folder: Path) -> None:
    service.answer_first(
        f"{JOB}/Patient.0.1.ndjson", httpx.Response(200, content=broken_off(b'{"resourceType":"Patient"}\n{"res'))
    )

    assert run().exit_code == 0
    assert of_job(folder) == WRITTEN


def test_a_service_that_stays_down_is_given_up_and_the_job_can_be_continued(
    service: Exporter, run: Run, folder: Path
) -> None:
    down = [httpx.ConnectError("")] * 50
    service.answer_first(JOB, *down)

    result = run()

    assert result.exit_code == 1
    assert (
        printed(result)[-1] == f"careconnect: the service does not answer (ConnectError); continue by --resume '{JOB}'"
    )
    service.next_answers.clear()
    assert run("--resume", JOB).exit_code == 0
    assert of_job(folder) == WRITTEN


def test_a_kick_off_without_an_answer_is_not_repeated(service: Exporter, run: Run) -> None:
    service.answer_first(f"{FHIR}/$export", httpx.ReadTimeout(""))

    result = run()

    assert result.exit_code == 1
    assert "which may have started a job" in result.stderr
    assert service.urls() == [f"{FHIR}/$export"]


# --- answers that end it


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (outcome(403, "No scope opens a type."), "answered 403: No scope opens a type."),
        (outcome(400, "_type: Foo is not supported."), "answered 400: _type: Foo is not supported."),
        (httpx.Response(202, json={}), "answered 202: Accepted"),
        (httpx.Response(202, headers={"Content-Location": "https://elsewhere.example/job"}), "for no other service"),
    ],
)
def test_a_refused_kick_off_leaves_an_empty_folder(
    service: Exporter, run: Run, folder: Path, answer: httpx.Response, said: str
) -> None:
    service.answer_first(f"{FHIR}/$export", answer)

    result = run()

    assert result.exit_code == 1
    assert said in printed(result)[-1]
    assert contents(folder) == {}


@pytest.mark.parametrize("status", [404, 500])
def test_a_job_that_failed_or_ended_cannot_be_continued(service: Exporter, run: Run, status: int) -> None:
    service.answer_first(JOB, outcome(status, "Too many files."))

    result = run()

    assert result.exit_code == 1
    assert f"answered {status}: Too many files.. The job cannot be continued" in printed(result)[-1]


def test_a_wrong_count_is_an_error(service: Exporter, run: Run, folder: Path) -> None:
    service.manifest["output"][1]["count"] = 2

    result = run()

    assert result.exit_code == 1
    assert "Observation.1.ndjson came with 1 lines, and the manifest says 2" in printed(result)[-1]
    assert "Observation.1.ndjson" not in contents(folder)
    assert service.urls("DELETE") == []


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"output": [], "deleted": []},
        manifest() | {"output": [{"type": "../../Patient", "url": JOB, "count": 1}]},
        manifest() | {"output": [{"type": "Patient", "url": 4, "count": 1}]},
        manifest() | {"error": [{"type": "OperationOutcome", "url": JOB, "count": "1"}]},
        manifest() | {"error": ["x"]},
    ],
)
def test_a_manifest_that_cannot_be_read_writes_nothing(service: Exporter, run: Run, folder: Path, broken: Any) -> None:
    service.manifest = broken

    result = run()

    assert result.exit_code == 1
    assert "a manifest that cannot be read" in printed(result)[-1]
    assert contents(folder).keys() == {"job.url"}


def test_no_json_is_no_manifest_either(service: Exporter, run: Run) -> None:
    service.answer_first(JOB, httpx.Response(200, text="<html>"))

    assert "a manifest that cannot be read" in printed(run())[-1]


def test_the_token_goes_to_no_other_service(service: Exporter, run: Run) -> None:
    service.manifest["output"][0]["url"] = "https://elsewhere.example/Patient.ndjson"

    result = run()

    assert result.exit_code == 1
    assert "Patient.1.ndjson: https://elsewhere.example/Patient.ndjson is not below" in printed(result)[-1]
    assert {each.url.host for each in service.asked} == {"ehr.example"}


def test_a_refused_file_is_named(service: Exporter, run: Run) -> None:
    service.answer_first(f"{JOB}/error.ndjson", outcome(403, "The scopes do not cover it."))

    assert "error.1.ndjson: answered 403: The scopes do not cover it." in printed(run())[-1]


def test_a_job_that_cannot_be_deleted_is_said_to_and_deleted_later(service: Exporter, run: Run, folder: Path) -> None:
    service.answer_first(JOB, outcome(403, "No."), method="DELETE")

    assert run().exit_code == 1
    again = run("--resume", JOB)

    assert (again.exit_code, of_job(folder), service.is_deleted) == (0, WRITTEN, True)
    assert len(service.urls()) == len(set(service.urls())) + 2, "nothing is downloaded twice"


def test_a_job_whose_deletion_was_not_answered_is_done(service: Exporter, run: Run, folder: Path) -> None:
    service.answer_first(JOB, outcome(403, "No."), method="DELETE")
    run()
    service.is_deleted = True

    assert run("--resume", JOB).exit_code == 0
    assert of_job(folder) == WRITTEN


# --- interruptions, and what a folder has


def interrupt_at(name: str) -> Callable[[httpx.Request], None]:
    def interrupt(request: httpx.Request) -> None:
        if str(request.url).endswith(name):
            raise KeyboardInterrupt

    return interrupt


@pytest.mark.parametrize("url", [JOB, f"{JOB}/error.ndjson"])
def test_an_interrupted_export_is_continued(service: Exporter, run: Run, folder: Path, url: str) -> None:
    service.on_request = interrupt_at(url)
    result = run()
    assert result.exit_code == 1
    assert printed(result)[-1] == f"careconnect: interrupted: the job goes on, continue by --resume '{JOB}'"
    service.on_request = lambda _request: None

    assert run("--resume", JOB).exit_code == 0

    assert of_job(folder) == WRITTEN


def test_an_interrupted_kick_off_has_nothing_to_continue(service: Exporter, run: Run, folder: Path) -> None:
    service.on_request = interrupt_at("$export")

    assert printed(run())[-1] == "careconnect: interrupted"
    assert contents(folder) == {}


def test_what_is_there_is_downloaded_again_only_if_a_line_is_missing(service: Exporter, run: Run, folder: Path) -> None:
    folder.mkdir()
    (folder / "job.url").write_text(JOB)
    (folder / "Patient.1.ndjson").write_bytes(WRITTEN["Patient.1.ndjson"])
    (folder / "Patient.2.ndjson").write_bytes(b"")
    (folder / "Observation.1.ndjson.part").write_bytes(b"what was killed")

    assert run("--resume", JOB).exit_code == 0

    assert of_job(folder) == WRITTEN
    assert f"{JOB}/Patient.0.1.ndjson" not in service.urls()


def test_a_job_is_continued_in_an_empty_folder_too(run: Run, folder: Path) -> None:
    assert run("--resume", JOB).exit_code == 0
    assert of_job(folder) == WRITTEN


@pytest.mark.parametrize("resumed", [(), ("--resume", f"{FHIR}/$export/other")])
def test_a_folder_of_another_job_is_left_alone(service: Exporter, run: Run, folder: Path, resumed: Any) -> None:
    folder.mkdir()
    (folder / "job.url").write_text(JOB)

    result = run(*resumed)

    assert result.exit_code == 1
    assert f"has an unfinished export: continue it by --resume {JOB}" in printed(result)[-1]
    assert service.asked == []


@pytest.mark.parametrize("resumed", [(), ("--resume", JOB)])
def test_a_folder_with_other_files_is_left_alone(service: Exporter, run: Run, folder: Path, resumed: Any) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")

    result = run(*resumed)

    assert result.exit_code == 1
    assert f"{folder} is not empty" in printed(result)[-1]
    assert service.asked == []


@pytest.mark.parametrize("more", [("--patients",), ("--type", "Patient"), ("--since", INSTANT)])
def test_what_a_job_was_begun_with_is_not_changed(service: Exporter, run: Run, more: Any) -> None:
    assert "--resume continues a job as it was begun" in printed(run("--resume", JOB, *more))[-1]
    assert service.asked == []


def test_a_job_of_another_service_is_not_continued(service: Exporter, run: Run, folder: Path) -> None:
    result = run("--resume", "https://elsewhere.example/job")

    assert result.exit_code == 1
    assert "the token is for no other service" in printed(result)[-1]
    assert (service.asked, contents(folder)) == ([], {})


def test_a_folder_that_cannot_be_written_is_said_to(service: Exporter, folder: Path) -> None:
    folder.write_text("a file")

    result = CliRunner().invoke(app, ["export", str(folder / "records"), "--base", ROOT, "--token", "given"])

    assert (result.exit_code, service.asked) == (1, [])
    assert f"{folder / 'records'} cannot be written or read: Not a directory" in printed(result)[-1]


def test_without_a_client_nothing_is_asked(service: Exporter, folder: Path) -> None:
    given = {"CLIENT_ID": "", "ACCESS_TOKEN": ""}

    result = CliRunner().invoke(app, ["export", str(folder), "--base", ROOT], env=given)

    assert (result.exit_code, service.asked) == (1, [])
    assert "give --client or CLIENT_ID" in printed(result)[-1]
