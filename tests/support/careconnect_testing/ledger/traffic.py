"""Mixed requests by many threads at once, while functions are killed and the emulator is restarted."""

import json
import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_testing.ledger.entries import OF_RECORDS, Entry, Ledger, Outcomes, patients_in
from careconnect_testing.ledger.reads import BOUND_TO, Reads
from careconnect_testing.ledger.restartable_stack import FunctionProcess, RestartableStack
from careconnect_testing.ledger.scenarios import BOUND_TO as WRITING_FOR
from careconnect_testing.ledger.scenarios import Scenarios

AT_ONCE: Final = 16
SEED: Final = 20_261_129
_KILLS: Final = 20
_RESTARTS: Final = (0.23, 0.43)
"""The shares of the requests after which the emulator is restarted."""
_SAMPLES: Final = 20
_ALL: Final = "user/*.cruds"
_CLIENTS: Final = {
    **{f"all-{number}": (_ALL, "") for number in range(4)},
    "patients": ("system/Patient.read", ""),
    "auditor": ("system/AuditEvent.read", ""),
    "bound": ("patient/*.read", BOUND_TO),
    "bound-writer": ("patient/*.cruds", WRITING_FOR),
    "payer": ("system/Organization.c", ""),
    "leaving": ("system/Patient.r", ""),
    "ending": ("system/Patient.r", ""),
    "careless": ("system/Patient.r", ""),
}


@dataclass
class Run:
    """The ledger of a run, and what was done to the stack meanwhile; `sample` has the loaded resources by key."""

    ledger: Ledger
    sample: dict[str, dict[str, Any]]
    outcomes: Outcomes = field(default_factory=Outcomes)
    kills: list[FunctionProcess] = field(default_factory=list)
    restarts: int = 0
    instances: dict[int, str] = field(default_factory=dict)
    """The function of each process that was seen."""
    left: Entry | None = None
    """The revocation of the leaving client's token."""
    memory: list[tuple[int, list[FunctionProcess]]] = field(default_factory=list)
    """The functions' processes, by the number of requests until then."""
    usage: dict[str, int] = field(default_factory=dict)
    """The highest value of each usage counter, which is deleted some minutes later."""
    seconds: float = 0.0


class Traffic:
    """Sends requests to a stack that has the sample, and disturbs it."""

    def __init__(self, stack: RestartableStack, ledger: Ledger, sample: Iterable[Path]) -> None:
        self._stack = stack
        self._random = random.Random(SEED)
        loaded = [json.loads(line) for file in sample for line in file.open(encoding="utf-8")]
        self.run = Run(ledger, {f"{each['resourceType']}/{each['id']}": each for each in loaded})
        registry = DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"])
        self._secrets = {
            name: str(register_client(registry, _registration(name), now=time.time())) for name in _CLIENTS
        }

    def send(self, total: int) -> Run:
        """Send about as many requests."""
        ledger, began = self.run.ledger, time.monotonic()
        threads = [self._scenarios(number) for number in range(AT_ONCE)]
        for client in self._secrets:
            ledger.tokens[client] = threads[0].obtain(client)
        threads[0].begin()

        def act(scenarios: Scenarios) -> None:
            while len(ledger.entries) < total:
                scenarios.act()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            acting = [pool.submit(act, each) for each in threads]
            try:
                self._disturb(total, threads[0])
            finally:
                ledger.is_open.set()
            for each in acting:
                each.result()
        self.measure()
        self.run.seconds = time.monotonic() - began
        return self.run

    def measure(self) -> None:
        """Note the functions' memory and the usage counters."""
        self.run.memory.append((len(self.run.ledger.entries), self._processes()))
        table = self._stack.stack.outputs["UsageTable"]
        for item in self._stack.client("dynamodb").scan(TableName=table)["Items"]:
            counter = item["pk"]["S"]
            self.run.usage[counter] = max(self.run.usage.get(counter, 0), int(item["units"]["N"]))

    def _disturb(self, total: int, scenarios: Scenarios) -> None:
        ledger, run = self.run.ledger, self.run
        steps = [(round(total * number / _KILLS), self._kill) for number in range(1, _KILLS)]
        steps += [(round(total * number / _SAMPLES), self.measure) for number in range(1, _SAMPLES)]
        steps += [(round(total * share), self._restart) for share in _RESTARTS]
        for at, step in sorted(steps, key=lambda each: each[0]):
            while len(ledger.entries) < at:
                time.sleep(0.05)
            step()
            if run.left is None and at >= total / 2:
                self._leave(scenarios)

    def _leave(self, scenarios: Scenarios) -> None:
        client = "leaving"
        revoked = scenarios.revoke(client, self.run.ledger.tokens[client])
        self.run.left = revoked if revoked.status == 200 else None

    def _kill(self) -> None:
        # There are none for a moment after a restart.
        if processes := self._processes():
            chosen = self._random.choice(processes)
            chosen.kill()
            self.run.kills.append(chosen)

    def _processes(self) -> list[FunctionProcess]:
        processes = self._stack.processes()
        self.run.instances |= {each.id: each.function for each in processes}
        return processes

    def _restart(self) -> None:
        self.measure()
        self.run.ledger.is_open.clear()
        self._stack.restart()
        self.run.restarts += 1
        self.run.ledger.is_open.set()

    def _scenarios(self, number: int) -> Scenarios:
        seed = f"{SEED}/{number}"
        owners = {
            key: next(patients_in(each)) for key, each in self.run.sample.items() if each["resourceType"] in OF_RECORDS
        }
        numbers = {
            each["id"]: "{system}|{value}".format_map(each["identifier"][0])
            for each in self.run.sample.values()
            if each["resourceType"] == "Patient"
        }
        return Scenarios(self.run.ledger, seed, Reads(seed, owners, numbers), self._secrets, self.run.outcomes)


def _registration(name: str) -> ClientRegistration:
    scope, patient = _CLIENTS[name]
    return ClientRegistration(name, "A client of the ledger", (scope,), patient=patient)
