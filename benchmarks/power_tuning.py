"""How long each function takes with each size of memory, and what a call of it is charged.

    python -m benchmarks.power_tuning [--figures docs/figures/power-tuning.json]

Each request is made once on a local stack with the sample, and what AWS answers is kept. Then each function is started
and called in a process of its own with the share of a processor that Lambda gives for each size (`cpu_share`), and AWS
answers after as long as is assumed: DynamoDB 5 ms, KMS 15 ms. Sizes are taken in turn, several times; medians count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.cpu_share import WHOLE_PROCESSOR, share_of
from benchmarks.deployed_cases import a_write, all_cases
from benchmarks.figures import ROUNDS
from benchmarks.function_process import Calls, Taken
from benchmarks.loaded_stack import loaded_stack
from benchmarks.units import Units, units_of
from benchmarks.warm_requests import Case
from benchmarks.wire import Asked, Wire

from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_admin.stack.emulator_client import REGION
from careconnect_testing.http.events import Event

SIZES: Final = (128, 256, 512, 1024, WHOLE_PROCESSOR)
"""Megabytes."""

DYNAMODB: Final = 0.005
KMS: Final = 0.015
"""Seconds of a call, assumed."""

_TURNS: Final = 2
_RUNS: Final = 15
_PAUSE: Final = 0.03
"""Seconds between two calls: more than a period of the share."""

_WARMING: Final[Mapping[str, Sequence[Event]]] = {"RecordWriterFunction": [a_write()]}
"""What a new instance is called with first, where it cannot be the request itself: that can be made once only."""

_TABLES: Final = ("RecordTable", "DirectoryTable", "ReferenceTable")


@dataclass(frozen=True, slots=True)
class Request:
    """What a request asks of AWS and gives out, whatever the memory."""

    calls: Mapping[str, int]
    reads: float
    writes: float
    logged: int
    answered: int


def main() -> None:
    """Measure and print, or write, the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, help="write the figures into this file")
    parser.add_argument("--only", default="", help="only requests whose name has this in it")
    given = parser.parse_args()
    figures = json.dumps(power_tuning(given.only), indent=2, ensure_ascii=False)
    if given.figures:
        given.figures.write_text(figures + "\n", encoding="utf-8")
    else:
        print(figures)


def power_tuning(only: str = "") -> dict[str, Any]:
    """Return what each request takes, by its name; about ten minutes."""
    found: dict[str, Any] = {}
    with loaded_stack() as (stack, client), Wire(stack.endpoint, dynamodb=DYNAMODB, kms=KMS) as wire:
        measured = Functions(stack, wire)
        for case in all_cases(stack, client):
            if case.name not in ROUNDS or only not in case.name:
                continue
            taken, request = measured.learn(case)
            assert taken.answer.get("statusCode", 200) < 300, (case.name, taken.answer)
            found[case.name] = {"function": case.function, **asdict(request), **measured.sizes(case)}
            print(f"{case.name}: {found[case.name]}", file=sys.stderr)
    return {"sizes": list(SIZES), "dynamodb_ms": 1000 * DYNAMODB, "kms_ms": 1000 * KMS, "requests": found}


class Functions:
    """The functions of a stack, each in a process of its own, and the stand that answers them."""

    def __init__(self, stack: LocalStack, wire: Wire) -> None:
        self._stack = stack
        self._wire = wire
        self._audit_table = str(stack.stack.outputs["AuditTable"])

    def learn(self, case: Case) -> tuple[Taken, Request]:
        """Make a request on the stack, once, and return what it took and what it asked for."""
        self._wire.learn()
        if case.before:
            self.run(replace(case, event=case.before[-1]), runs=1)
            self._wire.learn()
        taken = self.run(case, runs=1, told=f"{self._wire.endpoint}/_wire/asked")
        asked = self._wire.asked()
        units = sum((self._units(one) for one in asked), Units())
        calls = Counter(one.operation for one in asked)
        return taken, Request(dict(calls), units.reads, units.writes, taken.logged, taken.answered)

    def sizes(self, case: Case) -> dict[str, Any]:
        """Make a request with each size and return milliseconds of the start, of the first call and of a warm one."""
        self._wire.replay()
        taken: dict[int, list[Taken]] = {size: [] for size in SIZES}
        for _ in range(_TURNS):
            for size in SIZES:
                with share_of(size) as processes:
                    taken[size].append(self.run(case, runs=_RUNS, processes=processes))
        whole = taken[WHOLE_PROCESSOR]
        return {
            "start": {size: _middle([one.start[0] for one in taken[size]]) for size in SIZES},
            "first": {size: _middle([one.first[0] for one in taken[size]]) for size in SIZES},
            "warm": {size: _middle([run[0] for one in taken[size] for run in one.warm]) for size in SIZES},
            "busy": {size: _middle([run[0] for one in taken[size] for run in one.busy]) for size in SIZES},
            "cpu": _middle([run[1] for one in whole for run in one.warm]),
            "cpu_least": round(1000 * min(run[1] for one in whole for run in (*one.warm, *one.busy)), 2),
            "start_cpu": _middle([one.start[1] for one in whole]),
            "first_cpu": _middle([one.first[1] for one in whole]),
            "peak_mb": round(max(one.peak for of in taken.values() for one in of) / 1024, 1),
        }

    def _units(self, asked: Asked) -> Units:
        if asked.service != "dynamodb":
            return Units()
        return units_of(asked.operation, asked.parameters, asked.answer, audit_table=self._audit_table)

    def run(
        self,
        case: Case,
        *,
        runs: int,
        first: Sequence[Event] = (),
        told: str = "",
        processes: Path | None = None,
    ) -> Taken:
        """Start a case's function, call it with `first` and then with the case `runs` times."""
        begin, *between = first or _WARMING.get(case.function) or [case.event] * 3
        calls = Calls(begin, between, case.event, runs, 0 if told else runs, _PAUSE, told)
        join = f"echo $$ > {processes} && " if processes else ""
        command = f'{join}exec "$0" -m benchmarks.function_process "$1"'
        done = subprocess.run(  # noqa: S603 - this module's own text
            ["/bin/sh", "-c", command, sys.executable, case.package],
            input=json.dumps(asdict(calls)), env=self._environment(case), cwd=PROJECT,
            stdout=subprocess.PIPE, text=True, check=True, timeout=600,
        )  # fmt: skip
        return Taken(**json.loads(done.stdout))

    def _environment(self, case: Case) -> dict[str, str]:
        function = self._stack.stack.resources[case.function]
        configured = self._stack.client("lambda").get_function_configuration(FunctionName=function)
        role = self._stack.role_credentials(case.function)
        return {
            **configured["Environment"]["Variables"],
            "PATH": os.environ["PATH"],
            # The console's package with its site in it, as it is deployed.
            "PYTHONPATH": str(PROJECT / "build" / "ConsoleFunction"),
            "AWS_ENDPOINT_URL": self._wire.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": role.access_key_id,
            "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
            "AWS_SESSION_TOKEN": role.session_token or "",
        }


def _middle(seconds: Sequence[float]) -> float:
    return round(1000 * statistics.median(seconds), 2)


if __name__ == "__main__":
    main()
