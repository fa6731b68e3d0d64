"""The deployment of one run: the functions that write, the worker, and AWS, which kills it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any, Final

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.exports.bucket import SimulatedBucket
from careconnect_testing.exports.resources import Resource, beginning, key_of, other_version, records
from careconnect_testing.http.writes import JSON
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.beginning import Beginning
from careconnect_testing.simulation.world.beginning import beginning as deployed
from careconnect_testing.simulation.world.dynamodb import SimulatedDynamoDb
from careconnect_testing.simulation.world.faults import Fault
from careconnect_testing.simulation.world.gateway import Gateway, Sent
from careconnect_testing.simulation.world.kms import Keys
from careconnect_testing.simulation.world.names import START
from careconnect_testing.simulation.world.system import Instance, Run, System, isolated

WORKER: Final = "export_worker"
EXPORTS: Final = "exports"
"""The table of jobs."""
_MAKER: Final = "editor-1"
_SECONDS_OF_BEGINNING: Final = 500
_KILLS: Final = (Fault.KILLED, Fault.KILLED_AFTER)


class ExportAws(Aws):
    """The account of a run, in which workers are killed more often than others."""

    kills_per_mille: float = 0.0

    def _fault(self, operation: str, *, again: bool) -> Fault:
        is_worker = self.scheduler.current.home.name.startswith(WORKER)
        if is_worker and self.kills_per_mille and (kill := self.choices.rarely(self.kills_per_mille, len(_KILLS))):
            return _KILLS[kill - 1]
        return super()._fault(operation, again=again)


@dataclass
class ExportSystem(System):
    """All functions over one account, the worker among them."""

    exports: dict[str, bytes] = field(default_factory=dict)
    """The bucket's objects."""
    build_worker: Callable[[Any, Any, Callable[[], float], Callable[[float], None]], Run] | None = None

    def _build(self, function: str, instance: Instance) -> Run:
        if function != WORKER:
            return super()._build(function, instance)
        assert self.build_worker
        client = SimulatedDynamoDb(self.aws, instance)
        bucket = SimulatedBucket(self.aws, instance, self.exports)
        return self.build_worker(client, bucket, self._clock(instance), self.scheduler.pause)


@dataclass(frozen=True)
class Stored:
    """The beginning of some runs: the deployment, what is stored, and the first content of each resource."""

    deployed: Beginning
    database: Database
    resources: list[Resource]


@lru_cache(maxsize=4)
def stored(number: int) -> Stored:
    """Return a generated store, which the functions themselves have written."""
    random, begun = Random(f"store {number}"), deployed()
    scheduler = Scheduler(Choices(0, []), START - _SECONDS_OF_BEGINNING)
    database = begun.database.copy(clock=lambda: scheduler.now)
    with isolated(scheduler, random):
        gateway = Gateway(System(Aws(database, scheduler, scheduler.choices, Keys()), random))

        def send(method: str, key: str, resource: Resource | None = None) -> None:
            body = json.dumps(resource) if resource else None
            headers = {"Content-Type": JSON} if resource else {}
            answer = gateway.send(Sent(method, f"{FHIR_PATH}/{key}", (), headers, body, begun.tokens[_MAKER]), "begin")
            assert answer is not None
            assert answer.status in (200, 201, 204, 409), answer.text

        resources = [*beginning(), *records(random)]
        for each in resources:
            send("PUT", key_of(each), each)
        for each in random.sample(resources, 15):
            if random.random() < 0.3:
                send("DELETE", key_of(each))
            else:
                send("PUT", key_of(each), other_version(random, each))
    database.propagate(1_000_000)
    return Stored(begun, database, resources)
