"""The resources that actors write; each content says by a word which write it is."""

from collections.abc import Mapping
from typing import Any, Final

from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient

CODES_OF: Final = {"p1": ("A",), "p2": ("B",)}
"""The identifiers of the patients that exist, by their ids."""

_BIG: Final = 16
"""Identifiers of a resource that no single transaction takes, as a run limits them."""


_ORGANIZATIONS: Final = {"p1": "g1", "p2": "g2", "p3": "g3"}


def body_of(key: str, word: str, subject: str, codes: tuple[str, ...] = ()) -> Resource:
    """Return a resource for a key (`Patient/p1`); the word is its content.

    The `subject` is an observation's patient; of a patient it says which organization it refers to.
    """
    type_name, _, resource_id = key.partition("/")
    body: Resource
    if type_name == "Patient":
        body = patient(*codes, name=[{"family": f"w{word}"}], gender="male")
        if organization := _ORGANIZATIONS.get(subject):
            body["managingOrganization"] = {"reference": f"Organization/{organization}"}
    elif type_name == "Observation":
        body = observation(f"Patient/{subject}", valueString=word)
    else:
        body = {"resourceType": type_name, "name": word}
    return {**body, "id": resource_id} if resource_id else body


def big_body(resource_id: str, word: str) -> Resource:
    """Return a patient that no single transaction takes."""
    body = body_of(f"Patient/{resource_id}", word, "p2", CODES_OF.get(resource_id, ()))
    others = [{"system": NHS_NUMBER, "value": f"{resource_id}-{word}-{number}"} for number in range(_BIG)]
    return {**body, "identifier": [*body.get("identifier", ()), *others]}


def word_of(resource: Mapping[str, Any]) -> str:
    """Return the word that is the content of a resource."""
    if resource["resourceType"] == "Patient":
        return str(resource["name"][0]["family"]).removeprefix("w")
    return str(resource["valueString" if resource["resourceType"] == "Observation" else "name"])


def patients_of(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the patients whose record a resource is in."""
    if resource["resourceType"] == "Patient":
        return (str(resource["id"]),)
    if resource["resourceType"] == "Observation":
        return (str(resource["subject"]["reference"]).removeprefix("Patient/"),)
    return ()
