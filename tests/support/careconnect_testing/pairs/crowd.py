"""A crowd of patients beside whom one more makes a number greater than an answer tells, or records (`audit.md`)."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from careconnect_testing.http.writes import Resource
from careconnect_testing.pairs.lives import (
    BIRTHS,
    CODES,
    DAYS,
    HE,
    Life,
    Step,
    encounter,
    medication_request,
    observation,
    patient,
)

SIZES: Final = (10, 19, 20, 99, 100)
"""So many of the crowd have each mark."""
SEEN: Final = 21
"""So many of them have an encounter and an observation."""
ELEVEN: Final = "m10"
"""The mark of which there are eleven with the patient's: too many events for who owes."""
_TWENTY: Final = "m19"
"""The mark of which there are twenty with the patient's."""
FAMILY: Final = "Mob"
MARKED: Final = tuple(f"m{size}" for size in SIZES)
IDS: Final = tuple(f"p{number:02}" for number in range(max(SIZES)))


DECOYS: Final = tuple(f"Patient/d{number}" for number in range(99))
"""References to patients who do not exist: a request tells of those whom it names, too."""
BEHIND: Final = "_has:MedicationRequest:medication:patient"


def crowd() -> Life:
    """Return the records of the crowd."""
    steps: list[Step] = []
    for number, who in enumerate(IDS):
        marks = [mark for size, mark in zip(SIZES, MARKED, strict=True) if number < size]
        steps.append(_put(_marked(who, BIRTHS[number % 2], marks)))
        steps.append(_put(medication_request(who, "active")))
        if number < SEEN:
            steps.append(_put(encounter(who, "finished")))
            steps.append(_put(observation(who, "1", "final", number % 2, 1, 36)))
    return tuple(steps)


@cache
def crowd_lives() -> tuple[Life, ...]:
    """Return lives of the patient beside the crowd: none, the oldest of all with every mark, and others."""
    lives: list[Life] = [()]
    for number, (marks, birth) in enumerate(
        (
            (MARKED, "1960-01-02"),
            (MARKED, "1960-01-01"),
            (MARKED[:3], BIRTHS[0]),
            (MARKED[3:], BIRTHS[1]),
            ((), BIRTHS[0]),
        )
    ):
        steps = [_put(_marked(HE, birth, marks, FAMILY if marks else "Kay"))]
        if number < 4:
            steps.append(_put(encounter(HE, "finished")))
            steps.append(_put(medication_request(HE, "active")))
        if number < 3:
            made = observation(HE, "1", "final", number % 2, 1, 36 + number)
            steps.append(_put(made | {"performer": [{"reference": "Patient/p03"}]}))
        lives.append(tuple(steps))
    return tuple(lives)


def _marked(who: str, birth: str, marks: Sequence[str], family: str = FAMILY) -> Resource:
    """Return a patient with marks: as phone numbers, which name persons, and as languages, which do not."""
    return patient(who, family, "Ann", birth, "") | (
        {
            "telecom": [{"system": "phone", "value": mark} for mark in marks],
            "communication": [{"language": {"coding": [{"code": mark}]}} for mark in marks],
        }
        if marks
        else {}
    )


def _put(resource: Resource) -> Step:
    return Step(f"{resource['resourceType']}/{resource['id']}", resource)


CROWDED: Final = {
    "Patient": (
        *(("phone", mark) for mark in MARKED),
        *(("language", mark) for mark in (*MARKED, *[_TWENTY] * 3)),
        *(("telecom", mark) for mark in MARKED[-2:]),
        *[("family", FAMILY)] * 4,
        *[("family", f"Ng,Ode,Pym,Ray,{FAMILY},Smith")] * 5,
        *[("name", f"Cy,Dee,Eve,{FAMILY}")] * 3,
        ("birthdate", f"ge{BIRTHS[0]}"),
        ("birthdate", BIRTHS[1]),
        ("address-city", "Leeds"),
        ("gender", "female"),
        ("_id", ",".join((*IDS[:22], HE))),
        ("_id:not", "p00"),
        ("_has:Observation:patient:code", CODES[0]),
        ("_has:Observation:patient:date", DAYS[1]),
        ("_has:Encounter:patient:status", "finished"),
        ("_has:Observation:performer:_id", f"p031,{HE}1"),
        ("_has:Observation:performer:patient", ",".join((*IDS[:22], HE))),
        ("organization", "org"),
        *(("organization.partof", ",".join(("Organization/top", *DECOYS[:number]))) for number in (90, 98, 99)),
        ("_lastUpdated", "ge2020"),
    ),
    "Observation": (
        ("date", DAYS[1]),
        ("date", DAYS[0]),
        ("date", "lt2017-10-01T08:01Z"),
        ("status", "final"),
        ("encounter", ",".join(f"{who}e" for who in (*IDS[:SEEN], HE))),
        ("context", ",".join(f"Encounter/{who}e" for who in (*IDS[:SEEN], HE))),
        ("encounter:missing", "false"),
        ("_id", ",".join(f"{who}1" for who in (*IDS[:SEEN], HE))),
        ("patient", ",".join((*IDS[:SEEN], HE))),
        ("subject:Patient.phone", _TWENTY),
        ("subject:Patient.phone", MARKED[3]),
        ("subject:Patient.language", MARKED[2]),
        ("patient.family", FAMILY),
        ("encounter.patient.phone", MARKED[1]),
        ("encounter.status", "finished"),
        ("code", CODES[0]),
    ),
    "Medication": (
        *((f"{BEHIND}.phone", mark) for mark in MARKED[-2:]),
        *((f"{BEHIND}.language", mark) for mark in MARKED[-2:]),
        (f"{BEHIND}:missing", "false"),
    ),
    "Encounter": (
        ("date", DAYS[1]),
        ("status", "finished"),
        ("patient.phone", MARKED[1]),
        ("patient.language", _TWENTY),
        ("_id", ",".join(f"{who}e" for who in (*IDS[:SEEN], HE))),
        ("_has:Observation:encounter:code", CODES[0]),
        ("_has:Observation:encounter:date", DAYS[1]),
        ("location", "ward"),
    ),
}
"""Criteria that many of the crowd meet."""
