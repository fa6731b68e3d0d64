"""Readers beside writers that change the same few resources again and again, under seeded schedules (ADR 43).

Writes are done within each pass of a request, and between the pages of a listing of their states, which has two items.
Others are released while later ones still name them as their base. All promises are checked, as in `test_schedules.py`.
"""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from careconnect.storage import dynamodb
from careconnect.storage.intents import BASES
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.simulation.actors.plan import EDITOR, OPERATOR, READER, Line, Plan, Step
from careconnect_testing.simulation.story import first_broken
from fhir_reader.store import snapshot

SCHEDULES = int(os.environ.get("LOOPING_SCHEDULES", "200" if is_long_run() else "40"))
FIRST = int(os.environ.get("FIRST_SEED", "1"))
PARTS = 4

RESOURCES = ("Observation/o1", "Observation/o2", "Observation/o3", "Patient/p1")
SEARCHES = (
    "Observation?patient=p1",
    "Observation?code=29463-7",
    "Observation?patient=p1&_include=Observation:patient",
    "Patient?_id=p1&_revinclude=Observation:patient",
    "Patient/p1/$everything?",
    "Patient/p1/Observation?",
)


def plan_of(seed: int) -> Plan:
    """Return three writers, two readers, and sometimes the recovery: few resources, one write after another."""
    chance = random.Random(f"looping {seed}")
    editors = [Line(number, EDITOR, tuple(_bundle(chance) for _ in range(4))) for number in (1, 2, 3)]
    readers = [Line(number, READER, tuple(_search(chance) for _ in range(5))) for number in (4, 5)]
    recovers = chance.random() < 0.4
    steps = tuple(Step("recover", ("1",)) for _ in range(3)) if recovers else (Step("wait", ("1",)),)
    return (*editors, *readers, Line(6, OPERATOR, steps))


def _bundle(chance: random.Random) -> Step:
    keys = chance.sample(RESOURCES, chance.choice((2, 2, 3)))
    kinds = ["delete" if key != "Patient/p1" and chance.random() < 0.1 else "put" for key in keys]
    return Step(
        "bundle",
        (";".join(f"{kind} {key}{' p1' if kind == 'put' else ''}" for kind, key in zip(kinds, keys, strict=True)),),
    )


def _search(chance: random.Random) -> Step:
    return Step("search", (chance.choice(SEARCHES), "50", chance.choice(("now", ""))))


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a listing of states pages of two items."""
    call: Callable[..., Any] = dynamodb.call

    def paged(operation: Callable[..., Any], **request: Any) -> Any:
        is_listing = BASES in request.get("ExpressionAttributeNames", {}).values()
        return call(operation, **request, **({"Limit": 2} if is_listing else {}))

    monkeypatch.setattr(snapshot, "call", paged)


@pytest.mark.generated
@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("most", [2, snapshot.MOST_LOOKED_UP], ids=["listed", "looked up"])
def test_every_promise_holds_beside_looping_writers(part: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MOST_LOOKED_UP", most)
    if broken := first_broken(range(FIRST + part, FIRST + SCHEDULES // 2, PARTS), plan_of):
        pytest.fail(broken, pytrace=False)
