"""Learning of a patient without an audit event, and learning of what a token does not open."""

import base64
import time
import uuid
from typing import Final
from urllib.parse import quote

from careconnect_testing.attacks.target import Attack, Breach, NotTried, Role, Target
from careconnect_testing.http.writes import observation

_WAIT_SECONDS: Final = 10


def _counting(target: Target) -> None:
    """Ask by numbers alone what is true of a patient (H3)."""
    identifier = target.other_patient["identifier"][0]
    value = quote(f"{identifier['system']}|{identifier['value']}")
    patient = str(target.other_patient["id"])
    token = target.token(Role.READER)
    target.token(Role.AUDITOR)
    for path in (
        f"Patient?identifier={value}&birthdate=ge1900&_summary=count",
        f"Observation?patient.identifier={value}&_summary=count",
        f"Patient?identifier={value}&birthdate=gt2200",
        f"Condition?patient={patient}&_count=0",
    ):
        trace = uuid.uuid4().hex
        if target.send("GET", path, token, X_Request_Id=trace).status_code != 200:
            raise NotTried(f"READER may not search {path.partition('?')[0]}")
        if not _has_event(target, patient, trace):
            raise Breach(f"no event of the patient for {path.partition('?')[0]} with {path.rpartition('&')[2]}")


def _has_event(target: Target, patient: str, trace: str) -> bool:
    token = target.token(Role.AUDITOR)
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        answer = target.send("GET", f"AuditEvent?patient={patient}&_count=20", token)
        if answer.status_code != 200:
            raise NotTried(f"AUDITOR is answered {answer.status_code}")
        if base64.b64encode(trace.encode()).decode() in answer.text:
            return True
        time.sleep(1)
    return False


def _referring_types(target: Target) -> None:
    """Learn by deletions which types refer to a resource (L10)."""
    token = target.token(Role.WRITER, "system/Patient.d")
    answer = target.send("DELETE", f"Patient/{target.other_patient['id']}", token)
    if answer.status_code != 409:
        raise NotTried("nothing refers to the patient" if answer.status_code == 204 else str(answer.status_code))
    told = [name for name in ("Observation", "Condition", "Encounter", "Immunization") if name in answer.text]
    if told:
        raise Breach(f"the 409 names {', '.join(told)}")


def _versions_by_reference(target: Target) -> None:
    """Learn by references how often a patient was changed (L11)."""
    token = target.token(Role.WRITER)
    patient = str(target.other_patient["id"])
    told = set()
    for version in ("1", "999999"):
        answer = target.send("POST", "Observation", token, observation(f"Patient/{patient}/_history/{version}"))
        target.remove(answer, token)
        told.add(answer.status_code)
    if len(told) > 1:
        raise Breach("versions that exist and that do not are answered differently")


ATTACKS: Final = (
    Attack("counting, and finding nothing, without an event", _counting),
    Attack("learning by a deletion which types refer", _referring_types),
    Attack("learning by references of versions", _versions_by_reference),
)
