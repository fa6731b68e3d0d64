"""A client that is bound to one patient, and the records and identities of others."""

import json
import uuid
from typing import Final
from urllib.parse import quote

from careconnect_testing.attacks.target import Attack, Breach, NotTried, Role, Target, require_status
from careconnect_testing.http.writes import NHS_NUMBER, PATCH, observation

_CLOSED: Final = (403, 404)


def _reading_another(target: Target) -> None:
    token, other = target.token(Role.BOUND), str(target.other_patient["id"])
    for path in (f"Patient/{other}", f"Patient/{other}/_history", f"Patient/{other}/$everything"):
        require_status(target.send("GET", path, token), _CLOSED)
    for path in (
        f"Patient?_id={other}",
        f"Patient?_id={target.own_patient},{other}",
        f"Observation?patient={other}",
        f"Condition?patient:Patient._id={other}",
        f"Patient?_has:Observation:patient:patient={other}",
        f"Observation?_include=Observation:patient&patient={other}",
        "Patient?_count=100",
    ):
        answer = target.send("GET", path, token)
        shown = [entry["resource"] for entry in answer.json().get("entry", ())] if answer.status_code == 200 else []
        if any(one.get("id") == other or f'"Patient/{other}"' in json.dumps(one) for one in shown):
            raise Breach(f"{path.partition('?')[0]} shows another patient's record")


def _writing_for_another(target: Target) -> None:
    token, other = target.token(Role.BOUND), str(target.other_patient["id"])
    answer = target.send("POST", "Observation", token, observation(f"Patient/{other}"))
    target.remove(answer, token)
    require_status(answer, (403,))
    own = target.send("POST", "Observation", token, observation(f"Patient/{target.own_patient}"))
    if own.status_code != 201:
        raise NotTried(f"BOUND cannot create an Observation of its own patient: {own.status_code}")
    path = own.headers["Location"].partition("/STU3/")[2].partition("/_history")[0]
    moved = [{"op": "replace", "path": "/subject/reference", "value": f"Patient/{other}"}]
    answer = target.send("PATCH", path, token, moved, Content_Type=PATCH)
    target.send("DELETE", path, token)
    require_status(answer, (403,))


def _taking_an_identity(target: Target) -> None:
    """Give the own patient another number: a hospital's conditional write would land on it (H4)."""
    token, path = target.token(Role.BOUND), f"Patient/{target.own_patient}"
    before = target.send("GET", path, token)
    if before.status_code != 200:
        raise NotTried(f"BOUND cannot read its own patient: {before.status_code}")
    resource = before.json()
    number = {"system": NHS_NUMBER, "value": "9990000000"}
    for changed in (
        {**resource, "identifier": [*resource.get("identifier", []), number]},
        {**resource, "identifier": [number]},
        {**resource, "active": not resource.get("active", True)},
        {**resource, "link": [{"other": {"reference": path}, "type": "seealso"}]},
    ):
        answer = target.send("PUT", path, token, changed)
        if answer.status_code < 300:
            target.send("PUT", path, token, resource)
        require_status(answer, (403,))
    require_status(target.send("DELETE", path, token), (403,))


def _taking_a_report(target: Target) -> None:
    """Give an own observation an identifier of a laboratory before the laboratory does (H4)."""
    token = target.token(Role.BOUND)
    resource = observation(f"Patient/{target.own_patient}")
    resource["identifier"] = [{"system": "https://laboratory.example/Id/report", "value": uuid.uuid4().hex}]
    answer = target.send("POST", "Observation", token, resource)
    target.remove(answer, token)
    require_status(answer, (403,))


def _asking_by_condition(target: Target) -> None:
    """Learn from the status of a conditional write whether somebody has a number (M8)."""
    token = target.token(Role.BOUND)
    identifier = target.other_patient["identifier"][0]
    known = f"{identifier['system']}|{identifier['value']}"
    unknown = f"{identifier['system']}|{uuid.uuid4().int % 10**10:010}"
    told = set()
    for value in (known, unknown):
        body = {"resourceType": "Patient", "identifier": [identifier]}
        answers = [
            target.send("PUT", f"Patient?identifier={quote(value)}", token, body),
            target.send("DELETE", f"Patient?identifier={quote(value)}", token),
            target.send("POST", "Patient", token, body, If_None_Exist=f"identifier={quote(value)}"),
        ]
        told.add(tuple((one.status_code, one.text) for one in answers))
        for answer in answers:
            require_status(answer, (403,))
    if len(told) > 1:
        raise Breach("known and unknown numbers are answered differently")


def _asking_by_reference(target: Target) -> None:
    """Learn from the status of a write whether another's resource is there."""
    token = target.token(Role.BOUND)
    told = set()
    for patient in (str(target.other_patient["id"]), f"none-{uuid.uuid4().hex[:8]}"):
        resource = {**observation(f"Patient/{target.own_patient}"), "performer": [{"reference": f"Patient/{patient}"}]}
        answer = target.send("POST", "Observation", token, resource)
        target.remove(answer, token)
        told.add((answer.status_code, answer.text.replace(patient, "")))
    if len(told) > 1:
        raise Breach("a reference to another's resource and one to nothing are answered differently")


ATTACKS: Final = (
    Attack("reading another patient's record", _reading_another),
    Attack("writing into another patient's record", _writing_for_another),
    Attack("taking another person's identity", _taking_an_identity),
    Attack("taking the identifier of another's report", _taking_a_report),
    Attack("asking by a condition who is registered", _asking_by_condition),
    Attack("asking by a reference who is there", _asking_by_reference),
)
