"""A read of one patient: our reader beside FHIR Works on AWS.

Theirs is measured over a store in memory, a favour to it, and over its own in DynamoDB; as npm installs it and as one
bundle, which is how it is deployed. Ours is measured as deployed, and over a store in memory to compare like with like.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.peers.figures import CALL, MEGABYTES, MILLISECONDS, Row, Unit
from benchmarks.peers.installed import bundle, installed_bytes, our_bytes
from benchmarks.peers.measured_process import Load, MeasuredProcess, Program
from benchmarks.peers.programs import BASE, TABLES, ours, theirs

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import fhir_event
from careconnect_testing.records.few_records import write_records

PEER: Final = "FHIR Works on AWS"
STEP: Final = "call"

_PATH: Final = "Patient/4"
_WARM_UP: Final = 2_000
_EARLY: Final = 99
"""Reads after the first: many a function's instance lives no longer."""

_REFERENCES: Final = "references"
_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.read", "expires_at": "99999999999", "jti": "a-jti"}
_PACKAGES: Final = ("fhir-works-on-aws-routing", "fhir-works-on-aws-interface", "serverless-http")
_IN_MEMORY: Final = "fhir_works_in_memory.cjs"
_ON_DYNAMODB: Final = "fhir_works_on_dynamodb.cjs"

DEPLOYED: Final = "ours as deployed"
BARE_ON_DYNAMODB: Final = "ours on DynamoDB, without record and log"
OURS_IN_MEMORY: Final = "ours in memory"
BARE: Final = "ours in memory, without record and log"
INSTALLED: Final = "theirs in memory"
BUNDLED: Final = "theirs in memory, one bundle"
ON_DYNAMODB: Final = "theirs on DynamoDB, one bundle"

_OURS: Final = (DEPLOYED, BARE_ON_DYNAMODB, OURS_IN_MEMORY, BARE)
_A_FAVOUR: Final = "theirs has no database, checks no scope, keeps no record and logs nothing"
_COMPARED: Final = (
    (DEPLOYED, INSTALLED, _A_FAVOUR),
    (DEPLOYED, BUNDLED, _A_FAVOUR),
    (DEPLOYED, ON_DYNAMODB, "ours makes two calls, the read and its event's, and logs; theirs makes the read"),
    (BARE_ON_DYNAMODB, ON_DYNAMODB, "like with like: one call each; ours checks the scope"),
    (OURS_IN_MEMORY, BUNDLED, "neither has a database; ours keeps a record and logs"),
    (BARE, BUNDLED, "like with like: neither has a database; ours checks the scope"),
)


@dataclass(slots=True)
class _Variant:
    """A program, what its package weighs and what it is given; its starts, and seconds of a read at three ages."""

    program: Program
    size: int = 0
    given: Any = None
    loads: list[Load] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    early: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)


class Reading:
    """The variants of both, installed and started. Use as a context manager."""

    def __enter__(self) -> Self:
        with ExitStack() as started:
            self._folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
            self._variants = self._made()
            self._prepare()
            self._processes = {
                name: started.enter_context(MeasuredProcess(variant.program))
                for name, variant in self._variants.items()
            }
            for name, process in self._processes.items():
                process.prepare(self._variants[name].given)
                process.cpu(STEP, _WARM_UP)
            self._exit = started.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._exit.close()

    def read(self, seconds: float) -> None:
        """Read with each variant in turn, for about so many seconds of the processor."""
        for name, process in self._processes.items():
            warm = self._variants[name].warm
            warm.append(process.cpu(STEP, _times(seconds, warm[-1] if warm else process.cpu(STEP, _EARLY))))

    def load(self, *, counts: bool) -> None:
        """Start each variant anew, one after the other, and read with it; what it took is kept if it `counts`."""
        for variant in self._variants.values():
            with MeasuredProcess(variant.program) as process:
                process.prepare(variant.given)
                first, early = process.cpu(STEP, 1), process.cpu(STEP, _EARLY)
            if counts:
                variant.loads.append(process.load)
                variant.first.append(first)
                variant.early.append(early)

    def rows(self) -> list[Row]:
        """Return what was measured, pair by pair."""
        return [row for compared in _COMPARED for row in self._compared(*compared)]

    def _made(self) -> dict[str, _Variant]:
        bundles = {entry: bundle(entry, self._folder) for entry in (_IN_MEMORY, _ON_DYNAMODB)}
        return {
            DEPLOYED: _Variant(ours("our_reader", "deployed"), our_bytes("fhir")),
            BARE_ON_DYNAMODB: _Variant(ours("our_reader", "bare_on_dynamodb")),
            OURS_IN_MEMORY: _Variant(ours("our_reader", "in_memory")),
            BARE: _Variant(ours("our_reader", "bare")),
            INSTALLED: _Variant(theirs(_IN_MEMORY), installed_bytes(*_PACKAGES)),
            BUNDLED: _Variant(theirs(bundles[_IN_MEMORY]), bundles[_IN_MEMORY].stat().st_size),
            ON_DYNAMODB: _Variant(theirs(bundles[_ON_DYNAMODB]), bundles[_ON_DYNAMODB].stat().st_size),
        }

    def _prepare(self) -> None:
        """Find what each variant is given; raises RuntimeError unless all of them answer the same."""
        event = fhir_event("GET", _PATH, authorizer=_CALLER)
        wire, body = self._learned(event)
        resource = json.loads(body)
        for name, variant in self._variants.items():
            # Their routes begin at the root.
            asked = event if name in _OURS else {**event, "path": event["path"].removeprefix(FHIR_PATH)}
            variant.given = {"event": asked, "resource": resource, "body": body, "wire": wire}
            with MeasuredProcess(variant.program) as process:
                process.prepare(variant.given)
                if json.loads(_body_of(name, process.answer())) != resource:
                    raise RuntimeError(f"{name} does not answer as {DEPLOYED} does")

    def _learned(self, event: Any) -> tuple[Any, str]:
        """Let an emulator answer our deployed function, and return what went over the wire and the body."""
        with Emulator(self._folder / "emulator.log") as emulator:
            client = emulator.client("dynamodb")
            for resource, name in {**TABLES, "ReferenceTable": _REFERENCES}.items():
                create_table(client, resource, name)
            tables = RecordTables(client, TABLES["RecordTable"], TABLES["DirectoryTable"], _REFERENCES)
            load_paths([write_records(self._folder)], tables, base_url=BASE)
            program = ours(
                "our_reader",
                "deployed",
                AWS_ENDPOINT_URL=emulator.endpoint,
                AWS_ACCESS_KEY_ID=emulator.credentials.access_key_id,
                AWS_SECRET_ACCESS_KEY=emulator.credentials.secret_access_key,
            )
            with MeasuredProcess(program) as process:
                wire = process.prepare({"event": event, "wire": []})
                return wire, _body_of(DEPLOYED, process.answer())

    def _compared(self, ours_: str, theirs_: str, note: str) -> list[Row]:
        both = (self._variants[ours_], self._variants[theirs_])

        def row(measure: str, unit: Unit, runs: Callable[[_Variant], Sequence[float]]) -> Row:
            our, their = (runs(variant) for variant in both)
            return Row(PEER, measure, unit, (ours_, theirs_), our, their, note)

        rows = [
            row("load, CPU", MILLISECONDS, lambda variant: [load.cpu for load in variant.loads]),
            row("load, clock", MILLISECONDS, lambda variant: [load.wall for load in variant.loads]),
            row("memory when loaded", MEGABYTES, lambda variant: [load.resident for load in variant.loads]),
            row("CPU of the first read", CALL, lambda variant: variant.first),
            row(f"CPU of a read, the next {_EARLY}", CALL, lambda variant: variant.early),
            row("CPU of a read, warm", CALL, lambda variant: variant.warm),
        ]
        if all(variant.size for variant in both):
            rows.append(row("package, unpacked", MEGABYTES, lambda variant: [variant.size]))
        return rows


def _times(seconds: float, each: float) -> int:
    """Return how many calls take about so many seconds."""
    return max(1, round(seconds / each))


def _body_of(name: str, answer: Mapping[str, Any]) -> str:
    if answer["statusCode"] != 200:
        raise RuntimeError(f"{name} answered {answer['statusCode']}: {answer.get('body')}")
    return str(answer["body"])
