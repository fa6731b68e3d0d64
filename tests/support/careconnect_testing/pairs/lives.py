"""Generated lives of one patient: what a store holds of him, version by version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from careconnect_testing.http.writes import NHS_NUMBER, Resource

HE: Final = "x"
"""The id of the patient in whom the stores of a pair differ."""
OTHERS: Final = ("a", "z")
NUMBERS: Final = ("9434765870", "9434765919", "9658218873")
"""The last is another patient's."""
FAMILIES: Final = ("Smith", "Jones")
BIRTHS: Final = ("1970-01-01", "1980-05-05", "1960-02-02")
"""The last is before all others'."""
DEATH: Final = "2019-03-04"
MOVED: Final = "m1"
"""The id of an observation of another patient, of which a former version may be his."""
CODES: Final = ("8867-4", "29463-7")
DAYS: Final = ("2017-10-01", "2017-10-01T08:00:00Z", "2018-01-01", "2016-05-05T09:00:00Z")
"""The last is before all others'."""
_LOINC: Final = "http://loinc.org"


@dataclass(frozen=True)
class Step:
    """One version of a resource: its path, and its content or None for a deletion."""

    path: str
    resource: Resource | None


Life = tuple[Step, ...]


def others() -> Life:
    """Return the records of the others, and the directory."""
    return (
        _put({"resourceType": "Organization", "id": "top", "name": "Trust"}),
        _put(
            {
                "resourceType": "Organization",
                "id": "org",
                "name": "Moorside",
                "identifier": [_numbered("ORG")],
                "partOf": _to("Organization/top"),
            }
        ),
        _put(
            {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Swamp"}], "identifier": [_numbered("GP")]}
        ),
        _put(
            {
                "resourceType": "Location",
                "id": "ward",
                "name": "Ward 7",
                "managingOrganization": _to("Organization/org"),
            }
        ),
        _put({"resourceType": "Medication", "id": "pill", "code": {"coding": [{"code": "pill"}]}}),
        *(
            _put(each)
            for who, number in zip(OTHERS, (NUMBERS[2], ""), strict=True)
            for each in (
                patient(who, "Smith", "Ann", BIRTHS[0], number),
                encounter(who, "finished"),
                observation(who, "1", "final", 0, 0, 36),
                observation(who, "2", "amended", 1, 1, 37),
            )
        ),
    )


@cache
def lives(seed: int, number: int) -> tuple[Life, ...]:
    """Return lives of the patient: none at all, one with everything, and others by a seed.

    In each, another patient has an observation, of which former versions may be his.
    """
    random = Random(seed)
    whole = tuple(_put(each) for each in (patient(HE, "Smith", "Ann", BIRTHS[0], NUMBERS[0]), *_record(Random(0))))
    made: dict[str, Life] = {repr(life): life for life in (_moved(()), (*whole, *_moved([_former(Random(0))])))}
    while len(made) < number:
        life = tuple(_generated(random))
        made[repr(life)] = life
    return tuple(made.values())


def _generated(random: Random) -> Iterator[Step]:
    person = _any_patient(random)
    yield _put(person)
    record = [each for each in _record(random) if random.random() < 0.6]
    if not any(each["resourceType"] == "Encounter" for each in record):
        for each in record:
            each.pop("context", None)
    if random.random() < 0.3:
        yield _put(_any_patient(random))
    yield from _moved([_former(random) for _ in range(random.choice((0, 1, 1, 2)))])
    ended = random.random() < 0.15
    deleted = []
    for each in record:
        yield _put(each)
        if random.random() < 0.2:
            yield _put({**each, "language": "en"})
        if ended or (each["resourceType"] != "Encounter" and random.random() < 0.2):
            deleted.append(f"{each['resourceType']}/{each['id']}")
    for path in reversed(deleted):
        yield Step(path, None)
    if ended:
        yield Step(f"Patient/{HE}", None)


def _former(random: Random) -> Resource:
    """Return what was his of a resource that is another's now."""
    return observation(HE, "m", random.choice(("final", "amended")), random.randrange(2), 1, random.choice((36, 40)))


def _moved(former: Sequence[Resource]) -> Life:
    """Return a resource of another patient, with the versions before: what is put again unchanged makes none."""
    versions = {repr(each): each for each in (*former, observation("a", "m", "final", 0, 0, 38))}
    return tuple(_put({**each, "id": MOVED}) for each in versions.values())


def _record(random: Random) -> Iterator[Resource]:
    met = encounter(HE, random.choice(("finished", "in-progress")))
    if random.random() < 0.5:
        met["identifier"] = [_numbered("ENC")]
    yield met
    for number in ("1", "2"):
        status = random.choice(("final", "amended"))
        made = observation(HE, number, status, random.randrange(2), random.randrange(4), random.choice((36, 37, 40)))
        if random.random() < 0.3:
            made["performer"] = [_to(random.choice((f"Patient/{HE}", "Patient/a", "Practitioner/gp")))]
        if random.random() < 0.4:
            made["identifier"] = [_numbered("OBS")]
        yield made
    yield {
        "resourceType": "Condition",
        "id": f"{HE}c",
        "clinicalStatus": "active",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "195967001"}]},
        "subject": _to(f"Patient/{HE}"),
        "assertedDate": random.choice(DAYS[::2]),
    }
    yield medication_request(HE, random.choice(("active", "stopped")))


def _any_patient(random: Random) -> Resource:
    made = patient(
        HE,
        random.choice(FAMILIES),
        random.choice(("Ann", "Bob")),
        random.choice(BIRTHS),
        random.choice((*NUMBERS[:2], "")),
    )
    if random.random() < 0.3:
        made["active"] = random.random() < 0.5
    if random.random() < 0.3:
        made["telecom"] = [{"system": "phone", "value": "0113 496 0002"}]
    if random.random() < 0.3:
        made["deceasedDateTime"] = DEATH
    if random.random() < 0.3:
        made["generalPractitioner"] = [_to("Practitioner/gp")]
    return made


def patient(id_: str, family: str, given: str, birth: str, number: str) -> Resource:
    """Return a Patient."""
    return {
        "resourceType": "Patient",
        "id": id_,
        **({"identifier": [_numbered(number)]} if number else {}),
        "name": [{"family": family, "given": [given]}],
        "gender": "female" if given == "Ann" else "male",
        "birthDate": birth,
        "address": [{"city": "Leeds", "postalCode": "LS1 4AP"}],
        "managingOrganization": _to("Organization/org"),
    }


def encounter(who: str, status: str) -> Resource:
    """Return an Encounter of a patient."""
    return {
        "resourceType": "Encounter",
        "id": f"{who}e",
        "status": status,
        "subject": _to(f"Patient/{who}"),
        "period": {"start": DAYS[1]},
        "location": [{"location": _to("Location/ward")}],
    }


def observation(who: str, number: str, status: str, code: int, day: int, value: int) -> Resource:
    """Return an Observation of a patient, the first within an encounter."""
    return {
        "resourceType": "Observation",
        "id": f"{who}{number}",
        "status": status,
        "code": {"coding": [{"system": _LOINC, "code": CODES[code]}]},
        "subject": _to(f"Patient/{who}"),
        "effectiveDateTime": DAYS[day],
        "valueQuantity": {"value": value, "unit": "C"},
    } | ({"context": _to(f"Encounter/{who}e")} if number == "1" else {})


def medication_request(who: str, status: str) -> Resource:
    """Return a MedicationRequest of a patient."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"{who}m",
        "status": status,
        "intent": "order",
        "medicationReference": _to("Medication/pill"),
        "subject": _to(f"Patient/{who}"),
        "requester": {"agent": _to("Organization/org")},
    }


def _put(resource: Resource) -> Step:
    return Step(f"{resource['resourceType']}/{resource['id']}", resource)


def _to(reference: str) -> Resource:
    return {"reference": reference}


def _numbered(value: str) -> Resource:
    return {"system": NHS_NUMBER, "value": value}
