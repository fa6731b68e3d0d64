"""A function of Bundles that is stopped, slowed or killed while a transaction of 500 runs (`bundles.md`, Time).

Something always answers with an OperationOutcome in time, and all of the transaction is written or nothing.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import JSON, observation, patient
from careconnect_testing.running.bundle_service import entry, transaction

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timed]

ENTRIES = 500
GATEWAY_SECONDS = 29.5
"""The time after which the gateway has answered for a function that could not, with the test's own half a second."""


@pytest.fixture
def headers(local_stack: LocalStack, http: httpx.Client, request: pytest.FixtureRequest) -> dict[str, str]:
    """The headers of a client of each test's own, with its own quota."""
    token = Api(local_stack, http).register(f"stopped-{abs(hash(request.node.nodeid))}", "user/*.read user/*.write")
    return {"Authorization": f"Bearer {token}", "Content-Type": JSON}


class Sent:
    """A transaction of 500 Observations of a patient of its own, on its way in a thread."""

    def __init__(self, http: httpx.Client, headers: dict[str, str], patient_id: str) -> None:
        self._base_url, self._headers, self.patient = http.base_url, headers, patient_id
        self.answer: httpx.Response | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        entries = [entry("POST", "Observation", observation(f"Patient/{self.patient}")) for _ in range(ENTRIES)]
        began = time.monotonic()
        with httpx.Client(base_url=self._base_url, timeout=60, trust_env=False) as http:
            self.answer = http.post(FHIR_PATH, json=transaction(*entries), headers=self._headers)
        self.seconds = time.monotonic() - began

    def answered(self) -> httpx.Response:
        """Wait for the answer."""
        self._thread.join(timeout=60)
        assert self.answer is not None
        return self.answer


def workers() -> list[int]:
    """Return the ids of the processes of the function of Bundles below this one's."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            line = (folder / "cmdline").read_bytes()
            if b"BundleFunction" in line and b"_worker.py" in line and _is_below(int(folder.name)):
                found.append(int(folder.name))
    return found


def _is_below(pid: int) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == os.getpid()


def written(http: httpx.Client, headers: dict[str, str], patient_id: str) -> int:
    """Return how many Observations of a patient there are."""
    answer = http.get(
        f"{FHIR_PATH}/Observation",
        params={"patient": patient_id, "_summary": "count"},
        headers=headers | {"Cache-Control": "no-cache"},
    )
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total"])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def stop(pid: int, sent: Sent) -> None:
    with stopped(pid):
        sent.answered()


def slow_down(pid: int, sent: Sent) -> None:
    """Let it run a fortieth of the time: the gateway may have to answer for it, as for one that is stopped."""
    with suppress(ProcessLookupError):
        while sent.answer is None:
            with stopped(pid):
                time.sleep(0.39)
            time.sleep(0.01)


def kill(pid: int, sent: Sent) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("disturb", "statuses"),
    [(stop, {503, 504}), (slow_down, {200, 503, 504}), (kill, {503})],
)
def test_a_transaction_of_a_function_that_is_disturbed_is_answered_and_whole(
    http: httpx.Client,
    headers: dict[str, str],
    disturb: Callable[[int, Sent], None],
    statuses: set[int],
) -> None:
    id_ = f"disturbed-{disturb.__name__.replace('_', '-')}-{time.time_ns()}"
    http.put(f"{FHIR_PATH}/Patient/{id_}", json={**patient(), "id": id_}, headers=headers).raise_for_status()
    # A warm function: its start is not what is disturbed.
    http.post(FHIR_PATH, json=transaction(entry("GET", f"Patient/{id_}")), headers=headers).raise_for_status()

    sent = Sent(http, headers, id_)
    time.sleep(0.6)
    # All of them, as one that is idle may be left from another test.
    disturbing = [threading.Thread(target=disturb, args=(pid, sent)) for pid in workers()]
    assert disturbing
    for each in disturbing:
        each.start()
    answer = sent.answered()
    for each in disturbing:
        each.join()

    assert sent.seconds < GATEWAY_SECONDS
    assert answer.status_code in statuses, answer.text
    first = written(http, headers, id_)
    assert first in (0, ENTRIES)
    if answer.status_code == 200:
        assert first == ENTRIES
        return
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["code"] in ("transient", "timeout")
    # What goes on after the answer, if it does, commits nothing of which it was said that nothing was written.
    time.sleep(3)
    last = written(http, headers, id_)
    assert last in (0, ENTRIES)
    if "nothing was written" in answer.text:
        assert last == 0
