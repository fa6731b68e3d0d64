"""Moves between patients beside writers and readers, killed and run again, under seeded schedules (ADR 49).

All promises are checked, as in `test_schedules.py`, and that a move is done whole or not at all.
"""

import os
import random

import pytest

from careconnect_testing.records.generated import is_long_run
from careconnect_testing.simulation.actors.plan import EDITOR, OPERATOR, READER, Line, Plan, Step
from careconnect_testing.simulation.story import first_broken

SCHEDULES = int(os.environ.get("MOVING_SCHEDULES", "120" if is_long_run() else "20"))
FIRST = int(os.environ.get("FIRST_SEED", "1"))
PARTS = 2

OBSERVATIONS = ("Observation/o1", "Observation/o2", "Observation/o3")
PATIENTS = ("p1", "p2", "p3")
SEARCHES = (
    "Observation?patient=p1",
    "Observation?patient=p2",
    "Observation?patient=p1&_include=Observation:patient",
    "Patient?_id=p2&_revinclude=Observation:patient",
    "Patient/p1/$everything?",
    "Observation?code=29463-7",
)


def plan_of(seed: int) -> Plan:
    """Return an operator who moves, another who erases or not, writers of the same records, and readers."""
    chance = random.Random(f"moving {seed}")
    first = Line(1, OPERATOR, tuple(_move(chance) for _ in range(4)))
    erase = Step("erase", (chance.choice(PATIENTS), "0"))
    second = Line(2, OPERATOR, chance.choice(((Step("wait", ("1",)), erase), (Step("recover", ("3",)),))))
    editors = [Line(number, EDITOR, tuple(_write(chance) for _ in range(3))) for number in (3, 4, 5)]
    return (first, second, *editors, Line(6, READER, tuple(_read(chance) for _ in range(5))))


def _move(chance: random.Random) -> Step:
    keys = " ".join(chance.sample(OBSERVATIONS, chance.choice((1, 2, 3, 3))))
    killed_after = chance.choice((0, 0, chance.randint(1, 14)))
    return Step("move", (chance.choice(PATIENTS), keys, str(killed_after)))


def _write(chance: random.Random) -> Step:
    key = chance.choice(OBSERVATIONS)
    whose = chance.choice(PATIENTS)
    match chance.choice(("put", "put", "refer", "refer", "bundle", "delete", "delete", "patient")):
        case "put":
            return Step("put", (key, "new", chance.choice(("", "seen")), whose))
        case "refer":
            whom = chance.choice([*PATIENTS, *(each for each in OBSERVATIONS if each != key)])
            return Step("refer", (key, whose, whom))
        case "bundle":
            return Step("bundle", (";".join(f"put {each} {whose}" for each in chance.sample(OBSERVATIONS, 2)),))
        case "delete":
            return Step("delete", (chance.choice((key, "Patient/p3", "Patient/p3")), ""))
        case _:
            return Step("put", (f"Patient/{whose}", "new", "", "p1"))


def _read(chance: random.Random) -> Step:
    key = chance.choice(OBSERVATIONS)
    return chance.choice(
        (
            Step("search", (chance.choice(SEARCHES), chance.choice(("2", "50")), "now")),
            Step("search", (chance.choice(SEARCHES), "50", "")),
            Step("history", (key, chance.choice(("1", "50")))),
            Step("read", (key,)),
            Step("wait", ("1",)),
        )
    )


@pytest.mark.generated
@pytest.mark.parametrize("part", range(PARTS))
def test_every_promise_holds_beside_moves(part: int) -> None:
    if broken := first_broken(range(FIRST + part, FIRST + SCHEDULES, PARTS), plan_of):
        pytest.fail(broken, pytrace=False)
