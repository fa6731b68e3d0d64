"""Measure a read of one patient: our deployed function and FHIR Works on AWS over its own store in DynamoDB.

The peer is one bundle, as it is deployed. Both get recorded responses of DynamoDB where a request would reach the
network.
"""

import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.peers.measured_process import MeasuredProcess
from benchmarks.peers.programs import BASE, LOADED, TABLES, bundle, ours, theirs

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import fhir_event
from careconnect_testing.records.few_records import write_records

PEER: Final = "FHIR Works on AWS"

_STEP: Final = "call"
_PATH: Final = "Patient/4"
_WARM_UP: Final = 2_000
_EARLY: Final = 99
"""Reads after the first, because many instances live no longer."""

_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.read", "expires_at": "99999999999", "jti": "a-jti"}
_START: Final = "start"
_FIRST: Final = "first read"
_NEXT: Final = f"read, the next {_EARLY}"
_WARM: Final = "read, warm"
_MEASURES: Final = (_START, _FIRST, _NEXT, _WARM)


class Reading:
    """Both programs, started. Use as a context manager."""

    def __enter__(self) -> Self:
        with ExitStack() as started:
            folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
            bundled = bundle("fhir_works.cjs", folder)
            self._programs = (ours("our_reader"), theirs(bundled))
            self._given = inputs(folder)
            self._processes = [started.enter_context(MeasuredProcess(program)) for program in self._programs]
            for process, given in zip(self._processes, self._given, strict=True):
                process.prepare(given)
                if json.loads(_body_of(process.answer())) != given["resource"]:
                    raise RuntimeError("The answers differ.")
                process.cpu(_STEP, _WARM_UP)
            self._exit = started.pop_all()
        self._taken: list[dict[str, list[float]]] = [{measure: [] for measure in _MEASURES} for _ in self._programs]
        return self

    def __exit__(self, *failure: object) -> None:
        self._exit.close()

    def read(self, seconds: float) -> None:
        """Read with each in turn, for about the given seconds of CPU."""
        for process, taken in zip(self._processes, self._taken, strict=True):
            each = taken[_WARM][-1] if taken[_WARM] else process.cpu(_STEP, _EARLY)
            taken[_WARM].append(process.cpu(_STEP, max(1, round(seconds / each))))

    def load(self, *, counts: bool) -> None:
        """Start each anew, in turn, and read with it; the figures are stored if it `counts`."""
        for program, given, taken in zip(self._programs, self._given, self._taken, strict=True):
            with MeasuredProcess(program) as process:
                process.prepare(given)
                first, early = process.cpu(_STEP, 1), process.cpu(_STEP, _EARLY)
            if counts:
                taken[_START].append(process.load)
                taken[_FIRST].append(first)
                taken[_NEXT].append(early)

    def rows(self) -> list[dict[str, Any]]:
        """Return the median milliseconds of each measure."""
        return [row(PEER, measure, *(taken[measure] for taken in self._taken)) for measure in _MEASURES]


def row(peer: str, measure: str, our: Sequence[float], their: Sequence[float]) -> dict[str, Any]:
    """Return a row of the table from seconds: medians in milliseconds."""
    ours_, theirs_ = (round(1000 * statistics.median(times), 2) for times in (our, their))
    return {"measure": measure, "peer": peer, "ours": ours_, "theirs": theirs_}


def inputs(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both inputs: our event with the recorded responses, and the same read for the peer's routes."""
    event = fhir_event("GET", _PATH, authorizer=_CALLER)
    with Emulator(folder / "emulator.log") as emulator:
        client = emulator.client("dynamodb")
        for resource, name in TABLES.items():
            create_table(client, resource, name)
        tables = RecordTables(client, *LOADED.values())
        load_paths([write_records(folder)], tables, base_url=BASE)
        program = ours(
            "our_reader",
            AWS_ENDPOINT_URL=emulator.endpoint,
            AWS_ACCESS_KEY_ID=emulator.credentials.access_key_id,
            AWS_SECRET_ACCESS_KEY=emulator.credentials.secret_access_key,
        )
        with MeasuredProcess(program) as process:
            wire = process.prepare({"event": event, "wire": []})
            resource = json.loads(_body_of(process.answer()))
    # The peer's routes begin at the root.
    their_event = {**event, "path": event["path"].removeprefix(FHIR_PATH)}
    return {"event": event, "resource": resource, "wire": wire}, {"event": their_event, "resource": resource}


def _body_of(answer: Mapping[str, Any]) -> str:
    if answer["statusCode"] != 200:
        raise RuntimeError(f"answered {answer['statusCode']}: {answer.get('body')}")
    return str(answer["body"])
