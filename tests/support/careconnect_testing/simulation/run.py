"""One run: a plan under one schedule, with all promises checked at every step."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from careconnect.storage.quota import UNITS_PER_MINUTE
from careconnect_testing.simulation.actors.actor import Actor
from careconnect_testing.simulation.actors.plan import ACTORS, BOUND, Line, Plan, plan_of
from careconnect_testing.simulation.ledger import Exchange, Ledger
from careconnect_testing.simulation.promises.access import Access
from careconnect_testing.simulation.promises.answers import Answers
from careconnect_testing.simulation.promises.erased import check_erased
from careconnect_testing.simulation.promises.identity import check_identity
from careconnect_testing.simulation.promises.linear import check_histories
from careconnect_testing.simulation.promises.moved import check_moves
from careconnect_testing.simulation.promises.quota import Charges
from careconnect_testing.simulation.promises.store import StoredVersions, check_store
from careconnect_testing.simulation.promises.together import check_together
from careconnect_testing.simulation.promises.trail import Trail
from careconnect_testing.simulation.promises.waiting import Waiting
from careconnect_testing.simulation.promises.walks import check_walk
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.beginning import BOUND_TO, beginning, secret_of
from careconnect_testing.simulation.world.faults import Call
from careconnect_testing.simulation.world.gateway import Gateway
from careconnect_testing.simulation.world.kms import Keys
from careconnect_testing.simulation.world.names import START
from careconnect_testing.simulation.world.operator import Operator
from careconnect_testing.simulation.world.system import FUNCTION_SECONDS, BrokenPromiseError, System, isolated

_FAULTS: Final = (0.0, 0.0, 15.0, 40.0, 90.0)
"""How many of 1,000 calls fail, by the seed."""

_RATIONED: Final = 0.1
"""The part of the runs in which clients have a small quota."""
_SMALL_QUOTAS: Final = (300, 1_000, 3_000)

_ARCHIVED: Final = 6
"""Batches of the stream that the archiver takes at each run's end while calls still fail."""
_BATCHES: Final = (1, 3, 100)
"""How many events each of them may have."""


@dataclass
class Outcome:
    """The result of a run: the broken promise, empty if all hold, and all that is needed to repeat it."""

    seed: int
    plan: Plan
    choices: list[int]
    broken: str
    ledger: Ledger
    calls: list[Call]
    switches: int
    kills: int
    digest: str
    """Of everything that was stored and answered: two runs of the same choices have the same."""


def run_schedule(
    seed: int, *, plan: Plan | None = None, given: Sequence[int] | None = None, is_told: bool = False
) -> Outcome:
    """Run a seed's plan under its schedule, or another plan under given choices."""
    chance = random.Random(f"run {seed}")
    per_mille = chance.choice(_FAULTS)
    has_skew = chance.random() < 0.3
    quota = chance.choice(_SMALL_QUOTAS) if chance.random() < _RATIONED else UNITS_PER_MINUTE
    plan = plan_of(seed) if plan is None else plan
    start = beginning()
    choices = Choices(seed, given)
    scheduler = Scheduler(choices, START)
    database = start.database.copy(clock=lambda: scheduler.now)
    database.auto_propagate = False
    aws = Aws(database, scheduler, choices, Keys(), per_mille, is_told)
    ledger = Ledger()
    with isolated(scheduler, chance):
        system = System(aws, chance, has_skew, quota)
        gateway = Gateway(system)
        world = _World(system, gateway, ledger, Operator(system, ledger), start.tokens, start.assertions)
        versions = StoredVersions(database, ledger, scheduler, system.names)
        world.operator.switched = versions.switched
        versions.begin()
        aws.changed = versions.changed
        aws.read = world.waiting.read
        aws.attempted = world.charges.attempted
        broken = ""
        try:
            world.run(plan)
        except (BrokenPromiseError, RuntimeError) as error:
            broken = str(error) or repr(error)
    everything = repr((ledger.commits, [(each.status, each.answer) for each in ledger.exchanges], choices.taken))
    digest = hashlib.sha256(everything.encode()).hexdigest()
    return Outcome(seed, plan, choices.taken, broken, ledger, aws.calls, scheduler.switches, aws.kills, digest)


@dataclass
class _World:
    """The deployment of one run, its actors and the checks of all promises."""

    system: System
    gateway: Gateway
    ledger: Ledger
    operator: Operator
    tokens: dict[str, str]
    assertions: dict[str, str]

    def __post_init__(self) -> None:
        aws = self.system.aws
        own = {f"{BOUND}-{number}": BOUND_TO for number in range(1, ACTORS + 1)}
        self._own = own
        is_rationed = self.system.units_per_minute < UNITS_PER_MINUTE
        self._answers = Answers(self.ledger, has_faults=aws.per_mille > 0, is_rationed=is_rationed)
        self._trail = Trail(aws.database, self.ledger, self.gateway)
        self._access = Access(self.ledger, own)
        self.charges = Charges()
        self.waiting = Waiting(self.system.scheduler, self.system.names)

    def run(self, plan: Plan) -> None:
        """Run all actors, then let everything come to rest, and check what holds only then."""
        scheduler = self.system.scheduler
        for line in plan:
            actor = self._actor(line)
            scheduler.spawn(actor.client, actor.run)
        scheduler.run()
        self._check_pages()
        scheduler.spawn("archiver", self._archive)
        scheduler.run()
        scheduler.spawn("recovery", self._recover)
        scheduler.run()
        self.system.aws.fail_no_more()
        scheduler.spawn("recovery", self._recover)
        scheduler.run()
        scheduler.spawn("operator", self.operator.finish_erasures)
        scheduler.run()
        self._rest()
        self._check_errors()
        check_store(self.system.aws.database, self.system.names, was_rebuilt=self.ledger.was_closed)
        check_moves(self.ledger)
        self._trail.check()
        check_erased(self.system.aws.database, self.ledger, self.system.names, self._trail.operators)
        self._access.check()
        self.charges.check(self.system.aws.database, self.system, self.operator.spent)
        check_histories(self.ledger)
        check_identity(self.ledger)
        check_together(self.ledger, self._own)
        self.operator.check_archive()
        if self.system.longest > FUNCTION_SECONDS:
            raise BrokenPromiseError(f"a function took {self.system.longest:.1f} seconds")

    def judge(self, done: Exchange) -> None:
        """Check an exchange when its answer leaves."""
        self.waiting.ended(done.client)
        self._check_errors()
        self._answers.judge(done)
        self._access.judge(done)
        self._trail.judge(done)
        self.charges.judge(done, self.system.aws.database, self.system.units_per_minute, self.operator.spent)

    def _actor(self, line: Line) -> Actor:
        client = f"{line.role}-{line.number}"
        return Actor(
            line,
            client,
            secret_of(client),
            self.tokens.get(client, ""),
            self.system.scheduler,
            self.gateway,
            self.ledger,
            self.operator,
            self.judge,
            self.assertions,
        )

    def _check_errors(self) -> None:
        if failures := self.system.failures:
            raise BrokenPromiseError(f"an unexpected error: {failures[0]!r}") from failures[0]

    def _check_pages(self) -> None:
        for walk in self.ledger.walks:
            if walk.step.kind == "audit":
                self._trail.check_walk(walk)
            elif walk.pages:
                check_walk(walk, self.ledger, self._own.get(walk.pages[0].client, ""))

    def _archive(self) -> None:
        """Have the archiver take a part of the trail while its calls fail as those of the actors did."""
        choices = self.system.aws.choices
        for _ in range(_ARCHIVED):
            self.operator.archive(_BATCHES[choices.below(len(_BATCHES))])

    def _recover(self) -> None:
        """Run the recovery twice: the first run aborts unfinished writes, the second releases them.

        While calls fail, both may stop half-way.
        """
        for _ in range(2):
            self.operator.recover()

    def _rest(self) -> None:
        """Bring all copies up to date, and archive the rest of the trail."""
        self.system.aws.database.propagate(1_000_000)
        while self.operator.archive(100):
            pass
