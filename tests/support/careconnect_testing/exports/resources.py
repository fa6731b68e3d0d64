"""The resources that exports hold: a small store of three patients, and what writers make of it."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from careconnect_testing.granular.worlds import changed, generated_resource

Resource = dict[str, Any]

PATIENTS: Final = ("a", "b", "c")
COMPARTMENT: Final = ("Patient", "Condition", "EpisodeOfCare", "Encounter", "Observation", "MedicationRequest")
TYPES: Final = (*COMPARTMENT, "Medication", "Organization", "Practitioner")
_NUMBERS: Final = {
    "Condition": "01",
    "EpisodeOfCare": "0",
    "Encounter": "01",
    "Observation": "0123",
    "MedicationRequest": "01",
}
_QUANTITIES: Final = ("1.50", "0.10", "1e2", "12345678901234567890.1")
"""Numbers whose digits a line has to keep, as a stored body has them."""


def beginning() -> Iterator[Resource]:
    """Yield what the resources of every store refer to, each after what it refers to itself."""
    yield {"resourceType": "Organization", "id": "org", "name": "Moorside"}
    yield {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Swamp"}]}
    yield {"resourceType": "Medication", "id": "pill", "code": {"coding": [{"code": "pill"}]}}
    for who in PATIENTS:
        yield patient(who)


def patient(who: str, family: str = "Smith") -> Resource:
    """Return a Patient."""
    return {"resourceType": "Patient", "id": who, "name": [{"family": family}], "gender": "female"}


def records(random: Random) -> Iterator[Resource]:
    """Yield the generated resources of all patients, each after what it refers to."""
    for type_, numbers in _NUMBERS.items():
        for who in PATIENTS:
            yield from (generated_resource(random, type_, who, number) for number in numbers)


def made(random: Random, type_: str, id_: str) -> Resource:
    """Return a resource under an id, of any patient; of no patient if its type is none of the compartment."""
    if type_ == "Patient":
        return patient(id_, random.choice(("Smith", "Smythe", "Jones")))
    if type_ == "Organization":
        return {"resourceType": type_, "id": id_, "name": random.choice(("Moorside", "Moor Lane", "Hill"))}
    if type_ in ("Practitioner", "Medication"):
        name = {"name": [{"family": random.choice(("Swamp", "Fen"))}]}
        code = {"code": {"coding": [{"code": random.choice(("pill", "drops"))}]}}
        return {"resourceType": type_, "id": id_, **(name if type_ == "Practitioner" else code)}
    return {**generated_resource(random, type_, random.choice(PATIENTS), "0"), "id": id_}


def other_version(random: Random, resource: Resource) -> Resource:
    """Return other content of a resource, perhaps of another patient."""
    type_ = resource["resourceType"]
    if type_ not in _NUMBERS:
        return made(random, type_, resource["id"])
    other = changed(random, resource)
    if random.random() < 0.4:
        name = "patient" if type_ == "EpisodeOfCare" else "subject"
        other[name] = {"reference": f"Patient/{random.choice(PATIENTS)}"}
    return other


def key_of(resource: Resource) -> str:
    """Return a resource's type and id."""
    return f"{resource['resourceType']}/{resource['id']}"


def keys_of(resources: Sequence[Resource]) -> list[str]:
    """Return the types and ids of some resources."""
    return [key_of(each) for each in resources]
