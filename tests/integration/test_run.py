"""`careconnect run` as a person meets it: started, its printed calls pasted, stopped, started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import demo_clients
from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.project import LOCAL_FOLDER

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CARECONNECT = Path(sys.executable).with_name("careconnect")
READY_SECONDS = 120
EXPLORER_SECRET = "an-explorer-of-care-connect-records.and-nobody-guesses-0123456789~this"
AUDITOR_SECRET = "an-auditor-of-care-connect-records.and-nobody-guesses-5432109876~other"
EDITOR_SECRET = "an-editor-of-care-connect-records.and-nobody-guesses-9876543210~that"


class Run:
    """A `careconnect run` process and its output so far."""

    def __init__(self, port: int, *options: str, **environment: str) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [CARECONNECT, "run", "--port", str(port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | environment,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def until_ready(self) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            # The last line is what a browser shows.
            if any(line.startswith("Open it in a browser:") for line in self.lines):
                return self.output
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.output}")

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=READY_SECONDS)
        self.join()
        return code

    def join(self) -> None:
        """Wait until all output of the ended process is read."""
        self._reader.join(timeout=5)


@contextmanager
def running(port: int, *options: str, **environment: str) -> Iterator[Run]:
    run = Run(port, *options, **environment)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        run.join()
        assert run.process.stdout is not None
        run.process.stdout.close()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def counts(printed: str) -> dict[str, list[int]]:
    """Return the numbers of the printed table: resources, loaded, unchanged, deleted, failed."""
    rows = re.findall(r"^(\w+)((?: +[\d,]+){5})$", printed, re.MULTILINE)
    return {name: [int(number.replace(",", "")) for number in numbers.split()] for name, numbers in rows}


def processes_of(port: int) -> list[int]:
    """Return the ids of the processes that name the stack on `port` in their environment or command."""
    mark = f"BASE_URL=http://127.0.0.1:{port}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def are_ended(port: int) -> bool:
    """Return True once no process of the stack is left: a killed one ends soon, and not at once."""
    deadline = time.monotonic() + READY_SECONDS
    while found := processes_of(port):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return not found


def as_printed_editor(printed: str, port: int) -> httpx.Client:
    """Return a client of the FHIR base with a token of `editor`, by the id and the secret that were printed."""
    found = re.search(r"^  client id  (editor)\n  secret     (\S+)\n  scope      (.+)$", printed, re.MULTILINE)
    assert found is not None
    name, secret, scope = found.groups()
    assert scope == "system/*.cruds profile"
    base = f"http://127.0.0.1:{port}"
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{base}/token", data=form, auth=(name, secret), trust_env=False, timeout=30).json()[
        "access_token"
    ]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{base}{FHIR_PATH}", headers=headers, timeout=30, trust_env=False)


def patient_as_soon_as_metadata(port: int) -> int:
    """Return the status of a read of Patient/4 by a demo client, made once `metadata` is answered and no later."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if http.get(f"{FHIR_PATH}/metadata").status_code == 200:
                    break
            except httpx.ConnectError:
                time.sleep(0.02)
        client = next(one for one in demo_clients() if "user/Patient.read" in one.scopes)
        form = {"grant_type": "client_credentials"}
        token = http.post("/token", data=form, auth=(client.client_id, client.secret)).json()["access_token"]
        return http.get(f"{FHIR_PATH}/Patient/4", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.long
def test_the_printed_calls_work_as_they_are_and_it_stops_and_starts_again() -> None:
    port = free_port()
    kept = LOCAL_FOLDER / str(port) / "kept.jsonl.gz"
    secrets = {
        "EXPLORER_SECRET": EXPLORER_SECRET,
        "EDITOR_SECRET": EDITOR_SECRET,
        "AUDITOR_SECRET": AUDITOR_SECRET,
    }
    with running(port, **secrets, KEEP="1", TOKEN_LIFETIME="60") as first:
        assert patient_as_soon_as_metadata(port) == 200
        printed = first.until_ready()
        assert printed.splitlines()[-1] == f"Open it in a browser:  http://127.0.0.1:{port}/"
        assert all(secret in printed for secret in secrets.values())

        calls = printed[printed.index("TOKEN=$(") : printed.index("Other commands")]
        answer = subprocess.run(
            ["bash", "-c", calls], capture_output=True, text=True, timeout=READY_SECONDS, check=True
        )
        patient = json.loads(answer.stdout)
        assert (patient["resourceType"], patient["id"]) == ("Patient", "4")
        # The token's answer, which the printed call shows on standard error.
        assert json.loads(answer.stderr)["expires_in"] == 60
        with as_printed_editor(printed, port) as editor:
            written = editor.post("/Patient", json={"resourceType": "Patient", "gender": "female"})
        assert written.status_code == 201, written.text

        assert first.end(signal.SIGINT) == 130
        assert is_free(port)
        assert not list((LOCAL_FOLDER / str(port)).glob("*.env"))
        assert kept.exists()
    with running(port, KEEP="1") as second:
        again = second.until_ready()
        # The records that the sample's load counted are there before the second load, and so is the written patient.
        assert counts(printed)["total"][1] + 1 == counts(again)["total"][2] > 1000
        assert "/Patient/4'" in again
        # Written resources are saved like loaded ones. The writer's secret changes at each start.
        assert EDITOR_SECRET not in again
        with as_printed_editor(again, port) as editor:
            assert editor.get(f"/Patient/{written.json()['id']}").json() == written.json()
        assert second.end(signal.SIGTERM) == 0
        kept.unlink()
        assert is_free(port)
        assert are_ended(port)


def test_a_folder_is_served_and_what_is_wrong_in_it_named_and_nothing_outlives_the_run(tmp_path: Path) -> None:
    """With one record: the sample takes seconds to load."""
    good = {"resourceType": "Patient", "id": "own", "gender": "female"}
    (tmp_path / "Patient.ndjson").write_text(json.dumps(good) + '\n{"resourceType": "Patient", \n')
    port = free_port()
    with running(port, "--data", str(tmp_path)) as run:
        printed = run.until_ready()
        assert re.search(r"Patient\.ndjson:2: ", printed)
        assert counts(printed)["total"][1] == 1
        calls = printed[printed.index("TOKEN=$(") : printed.index("Other commands")]
        answer = subprocess.run(
            ["bash", "-c", calls], capture_output=True, text=True, timeout=READY_SECONDS, check=True
        )
        assert json.loads(answer.stdout)["id"] == "own"

        with running(port) as second:
            assert second.process.wait(timeout=READY_SECONDS) == 2
        assert second.output.count("\n") == 1
        assert run.process.poll() is None
        assert processes_of(port)

        run.process.kill()
        run.process.wait()
        assert are_ended(port)
        assert is_free(port)
