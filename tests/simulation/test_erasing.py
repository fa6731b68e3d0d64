"""Erasures beside writers and readers, killed and run again, under seeded schedules (ADR 48).

All promises are checked, as in `test_schedules.py`, and that nothing of the patient is left when it has ended.
"""

import os
import random

import pytest

from careconnect_testing.records.generated import is_long_run
from careconnect_testing.simulation.actors.plan import EDITOR, OPERATOR, READER, Line, Plan, Step
from careconnect_testing.simulation.story import first_broken

SCHEDULES = int(os.environ.get("ERASING_SCHEDULES", "300" if is_long_run() else "40"))
FIRST = int(os.environ.get("FIRST_SEED", "1"))
PARTS = 4

OBSERVATIONS = ("Observation/o1", "Observation/o2", "Observation/o3")
PATIENTS = ("p1", "p2", "p3")
SEARCHES = (
    "Observation?patient=p1",
    "Observation?code=29463-7",
    "Observation?patient=p2&_include=Observation:patient",
    "Patient?_id=p1&_revinclude=Observation:patient",
    "Patient/p1/$everything?",
    "Patient?_id=p1,p2,p3",
    "Patient?identifier=A",
)


def plan_of(seed: int) -> Plan:
    """Return an operator who erases, or two; writers of the same record, and readers."""
    chance = random.Random(f"erasing {seed}")
    patient = chance.choice(("p1", "p2"))
    erasures = [Step("erase", (patient, str(chance.choice((0, chance.randint(1, 80)))))) for _ in range(2)]
    first = Line(1, OPERATOR, (Step("wait", (chance.choice(("1", "1", "6")),)), *erasures))
    others = (Step("recover", ("3",)), Step("erase", (chance.choice(("p1", "p2")), "0")), Step("wait", ("1",)))
    second = Line(2, OPERATOR, others[: chance.randint(1, 3)])
    editors = [Line(number, EDITOR, tuple(_write(chance, patient) for _ in range(4))) for number in (3, 4, 5)]
    return (first, second, *editors, Line(6, READER, tuple(_read(chance) for _ in range(5))))


def _write(chance: random.Random, patient: str) -> Step:
    key = chance.choice(OBSERVATIONS)
    match chance.choice(("move", "move", "refer", "refer", "bundle", "bundle", "create", "delete", "patient", "wait")):
        case "move":
            return Step("put", (key, "new", "", chance.choice((patient, *PATIENTS))))
        case "refer":
            other = chance.choice(("p2", "p3"))
            whom = chance.choice([patient, *(each for each in OBSERVATIONS if each != key)])
            return Step("refer", (key, other, whom))
        case "bundle":
            keys = chance.sample(OBSERVATIONS, 2)
            puts = [f"put {each} {chance.choice((patient, *PATIENTS))}" for each in keys]
            return Step(
                "bundle", (";".join([*puts, *chance.choice(([], [f"create {patient}"], ["delete Patient/p3"]))]),)
            )
        case "create":
            return Step("create", ("Observation", patient))
        case "delete":
            return Step("delete", (chance.choice((key, f"Patient/{patient}")), ""))
        case "patient":
            return Step(*chance.choice((("put", (f"Patient/{patient}", "new", "", "p1")), ("put-big", (patient, "")))))
        case _:
            return Step("wait", (chance.choice(("1", "20", "45")),))


def _read(chance: random.Random) -> Step:
    key = chance.choice((*OBSERVATIONS, "Patient/p1", "Patient/p2"))
    return chance.choice(
        (
            Step("search", (chance.choice(SEARCHES), chance.choice(("2", "50")), chance.choice(("now", "")))),
            Step("vread", (key, chance.choice(("1", "2")))),
            Step("history", (key, chance.choice(("1", "50")))),
            Step("wait", (chance.choice(("1", "20")),)),
        )
    )


@pytest.mark.generated
@pytest.mark.parametrize("part", range(PARTS))
def test_every_promise_holds_beside_erasures(part: int) -> None:
    if broken := first_broken(range(FIRST + part, FIRST + SCHEDULES, PARTS), plan_of):
        pytest.fail(broken, pytrace=False)
