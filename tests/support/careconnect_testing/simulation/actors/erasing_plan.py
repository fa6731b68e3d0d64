"""Plans of erasures beside writers and readers, of restores, and of clients that are bound to the patient (ADR 48)."""

import random
from typing import Final

from careconnect_testing.simulation.actors.bodies import CODES_OF
from careconnect_testing.simulation.actors.plan import ACTORS, BOUND, EDITOR, OPERATOR, READER, Line, Plan, Step

_OBSERVATIONS: Final = ("Observation/o1", "Observation/o2", "Observation/o3")
_PATIENTS: Final = ("p1", "p2", "p3")
_BOUND: Final = 0.3
_RESTORED: Final = 0.4
"""The parts of the plans with a client that is bound to the patient, and with a restore."""
_OF_OTHERS: Final = 0.25
"""The part of the plans in which one resource of another is written again and again."""
_SECONDS_BEFORE: Final = {"p1": 1.3 + ACTORS, "p2": 1.05}
"""Seconds until an erasure reads the record: the patient's tokens end first, and those of each client."""
_KINDS: Final = (
    *("move", "move", "refer", "refer", "bundle", "bundle"),
    *("create", "delete", "patient", "name", "wait", "wait"),
)
_OWN_SEARCHES: Final = ("Observation?patient=p1", "Observation?code=29463-7", "Patient/p1/$everything?")
_SEARCHES: Final = (
    "Observation?patient=p1",
    "Observation?code=29463-7",
    "Observation?patient=p2&_include=Observation:patient",
    "Patient?_id=p1&_revinclude=Observation:patient",
    "Patient/p1/$everything?",
    "Patient?_id=p1,p2,p3",
    "Patient?identifier=A",
)


def erasing_plan_of(seed: int) -> Plan:
    """Return an operator who erases, or two; writers of the same record, and readers."""
    chance = random.Random(f"erasing {seed}")
    if chance.random() < _OF_OTHERS:
        return _beside_others(chance)
    patient = chance.choice(("p1", "p2"))
    wait = chance.choice(("1", "1", "6"))
    erasures = [Step("erase", (patient, str(chance.choice((0, chance.randint(1, 120)))))) for _ in range(2)]
    first = Line(1, OPERATOR, (Step("wait", (wait,)), *erasures))
    begins = float(wait) + _SECONDS_BEFORE[patient]
    editors = [
        Line(number, EDITOR, (_about(chance, begins), *(_write(chance, patient) for _ in range(4))))
        for number in (3, 4, 5)
    ]
    if chance.random() < _BOUND:
        editors[2] = Line(5, BOUND, tuple(_own(chance) for _ in range(4)))
    reads = (_about(chance, begins), *(_read(chance) for _ in range(5)))
    return (first, Line(2, OPERATOR, _others(chance)), *editors, Line(6, READER, reads))


def _beside_others(chance: random.Random) -> Plan:
    """Return an erasure beside writers of one resource of another, which was in the record or refers to it."""
    begins = _SECONDS_BEFORE["p2"]
    write = chance.choice(
        (Step("put", ("Observation/o2", "new", "", "p3")), Step("refer", ("Observation/o1", "p3", "p2")))
    )
    # A single one that is slow ends long after it has read the resource; of several, the next one forestalls it.
    numbers = chance.choice(((3,), (3,), (3, 4, 5)))
    editors = [
        Line(number, EDITOR, (write, _about(chance, begins), *[write] * chance.choice((6, 12)))) for number in numbers
    ]
    # Nobody erases again what this run leaves, unless it is killed.
    erase = Step("erase", ("p2", str(chance.choice((0, 0, chance.randint(20, 120))))))
    return (Line(1, OPERATOR, (erase,)), *editors)


def _about(chance: random.Random, begins: float) -> Step:
    """Return the wait until an erasure reads the record first, or none."""
    return Step("wait", (f"{chance.choice((0.0, *[begins + chance.uniform(-0.2, 0.2)] * 3)):.2f}",))


def _others(chance: random.Random) -> tuple[Step, ...]:
    """Return what a second operator does: erases, too, or goes back to a time before or within the erasure."""
    if chance.random() < _RESTORED:
        early, late = (Step("wait", (chance.choice(each),)) for each in (("0", "2", "33"), ("40", "75", "110")))
        restore = Step("restore", (chance.choice(("0", str(chance.randint(1, 120)))),))
        # None is done beside an erasure, so it is tried again.
        return (early, Step("back-up"), late, restore, Step("wait", ("60",)), restore)
    others = (Step("recover", ("3",)), Step("erase", (chance.choice(("p1", "p2")), "0")), Step("wait", ("1",)))
    return others[: chance.randint(1, 3)]


def _own(chance: random.Random) -> Step:
    """Return what a client does that is bound to the first patient."""
    key = chance.choice(_OBSERVATIONS)
    return chance.choice(
        (
            Step("search", (chance.choice(_OWN_SEARCHES), "50", chance.choice(("now", "")))),
            Step("put", (key, "new", "", "p1")),
            Step("create", ("Observation", "p1")),
            Step("token"),
            Step("wait", (chance.choice(("20", "65")),)),
        )
    )


def _write(chance: random.Random, patient: str) -> Step:
    key = chance.choice(_OBSERVATIONS)
    match chance.choice(_KINDS):
        case "move":
            return Step("put", (key, "new", "", chance.choice((patient, *_PATIENTS))))
        case "refer":
            other = chance.choice(("p2", "p3"))
            whom = chance.choice([patient, *(each for each in _OBSERVATIONS if each != key)])
            return Step("refer", (key, other, whom))
        case "bundle":
            keys = chance.sample(_OBSERVATIONS, 2)
            puts = [f"put {each} {chance.choice((patient, *_PATIENTS))}" for each in keys]
            return Step(
                "bundle", (";".join([*puts, *chance.choice(([], [f"create {patient}"], ["delete Patient/p3"]))]),)
            )
        case "create":
            return Step("create", ("Observation", patient))
        case "delete":
            return Step("delete", (chance.choice((key, f"Patient/{patient}")), ""))
        case "name":
            code = CODES_OF[patient][0]
            return chance.choice((Step("name", ("Patient/p3", code)), Step("create-if-none", (code,))))
        case "patient":
            return Step(*chance.choice((("put", (f"Patient/{patient}", "new", "", "p1")), ("put-big", (patient, "")))))
        case _:
            return Step("wait", (chance.choice(("1", "20", "45")),))


def _read(chance: random.Random) -> Step:
    key = chance.choice((*_OBSERVATIONS, "Patient/p1", "Patient/p2"))
    return chance.choice(
        (
            Step("search", (chance.choice(_SEARCHES), chance.choice(("2", "50")), chance.choice(("now", "")))),
            Step("vread", (key, chance.choice(("1", "2")))),
            Step("history", (key, chance.choice(("1", "50")))),
            Step("wait", (chance.choice(("1", "20")),)),
        )
    )
