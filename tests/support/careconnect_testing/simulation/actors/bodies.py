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


def bundle_of(type_: str, specs: str, word: str, seen: Mapping[str, str]) -> Resource:
    """Return a Bundle of entries such as `put Patient/p1 p2`, separated by `;`; `seen` are the ETags of If-Match.

    Each has a word of its own. A `link` is a new patient, and an observation that refers to it by its full URL.
    """
    entries: list[Resource] = []
    for number, spec in enumerate(specs.split(";")):
        kind, *given = spec.split()
        own = f"{word}.{number}"
        if kind == "link":
            url = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
            made, refers = body_of("Patient", own, ""), body_of("Observation", f"{own}.o", "")
            refers["subject"] = {"reference": url}
            entries.append({"resource": refers, "request": {"method": "POST", "url": "Observation"}})
            entries.append({"fullUrl": url, "resource": made, "request": {"method": "POST", "url": "Patient"}})
        else:
            entries.append(_entry_of(kind, given, own, seen))
    return {"resourceType": "Bundle", "type": type_, "entry": entries}


def _entry_of(kind: str, given: list[str], word: str, seen: Mapping[str, str]) -> Resource:
    condition = f"identifier={NHS_NUMBER}|{given[0]}"
    if kind in ("put", "put-if"):
        key, subject = given
        body = body_of(key, word, subject, CODES_OF.get(key.removeprefix("Patient/"), ()))
        match = {"ifMatch": seen.get(key, 'W/"1"')} if kind == "put-if" else {}
        return {"resource": body, "request": {"method": "PUT", "url": key, **match}}
    if kind == "name":
        key, code = given
        return {"resource": body_of(key, word, "", (code,)), "request": {"method": "PUT", "url": key}}
    if kind == "create":
        return {
            "resource": body_of("Observation", word, given[0]),
            "request": {"method": "POST", "url": "Observation"},
        }
    if kind == "create-if-none":
        request = {"method": "POST", "url": "Patient", "ifNoneExist": condition}
        return {"resource": body_of("Patient", word, "", (given[0],)), "request": request}
    if kind == "put-where":
        request = {"method": "PUT", "url": f"Patient?{condition}"}
        return {"resource": body_of("Patient", word, "", (given[0],)), "request": request}
    if kind == "delete-where":
        return {"request": {"method": "DELETE", "url": f"Patient?{condition}"}}
    if kind == "find":
        return {"request": {"method": "GET", "url": f"Observation?patient={given[0]}"}}
    return {"request": {"method": "GET" if kind == "get" else "DELETE", "url": given[0]}}


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
