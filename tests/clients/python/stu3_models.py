"""A user's scripts over fhirclient 3.2.0, the SMART client with STU3's models; each prints its results as JSON.

`read` finds resources and follows their references; `write` creates, changes and deletes.

The script runs by itself, since the package puts its insides on the import path, under names such as `auth` and
`models`.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.encounter import Encounter
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.observation import Observation
from fhirclient.models.organization import Organization
from fhirclient.models.patient import Patient
from fhirclient.models.quantity import Quantity


def main() -> None:
    """Run the script that the first argument names, with the token that the environment has."""
    smart = FHIRClient(settings={"app_id": "tests", "api_base": os.environ["CARECONNECT_FHIR_BASE"]})
    smart.prepare()
    authorize(smart.server, os.environ["CARECONNECT_TOKEN"])
    script = {"read": read, "write": write}[sys.argv[1]]
    json.dump(script(smart), sys.stdout)


def read(smart: Any) -> dict[str, Any]:
    """Find a patient, read the pages of its observations, follow references, and get an error."""
    server = smart.server
    # The library resolves a reference to a resource of the same Bundle by its fullUrl.
    found = Patient.where({"identifier": os.environ["CARECONNECT_IDENTIFIER"], "_include": "Patient:organization"})
    patient = found.perform(server).entry[0].resource
    search = Observation.where({"patient": patient.id, "_count": "3", "_include": "Observation:encounter"})
    observations = [
        entry.resource for page in pages(search.perform(server)) for entry in page.entry if entry.search.mode == "match"
    ]
    taken = next(each for each in observations if each.context)
    result = {
        "fhir_version": server.capabilityStatement.fhirVersion,
        "types": [each.type for each in server.capabilityStatement.rest[0].resource],
        "patient": patient.id,
        "name": smart.human_name(patient.name[0]),
        "born": patient.birthDate.isostring,
        "practice": patient.managingOrganization.resolved(Organization).id,
        "observations": [each.id for each in observations],
        "subject_of_encounter": taken.context.resolved(Encounter).subject.reference,
        "absent": refusal(lambda: Patient.read("nobody", server)),
    }
    authorize(server, os.environ["CARECONNECT_LIMITED_TOKEN"])
    result["forbidden"] = refusal(lambda: Patient.read("4", server))
    authorize(server, "")
    result["without_token"] = refusal(lambda: Patient.read("4", server))
    return result


def write(smart: Any) -> dict[str, Any]:
    """Create a patient and an observation of it, change the patient, fail to delete it, delete both."""
    server = smart.server
    patient = Patient({"gender": "female", "name": [{"family": "Muñoz", "given": ["Sofía"]}]})
    patient = Patient(patient.create(server))
    weight = Observation({"status": "final", "code": {"text": "Weight"}})
    weight.subject = FHIRReference({"reference": patient.relativePath()})
    weight.valueQuantity = Quantity({"value": 72.5, "unit": "kg"})
    weight = Observation(weight.create(server))

    read_back = Observation.read(weight.id, server)
    patient.gender = "male"
    patient.birthDate = FHIRDate("1971-08-23")
    updated = Patient(patient.update(server))
    result = {
        "versions": [patient.meta.versionId, updated.meta.versionId],
        "read_back": read_back.as_json() == weight.as_json(),
        "changed": Patient.read(patient.id, server).as_json() == updated.as_json(),
        "gender": updated.gender,
        "name": smart.human_name(updated.name[0]),
        "referred_to": refusal(lambda: patient.delete(server)),
        "unknown_subject": refusal(lambda: dangling().create(server)),
    }
    result["deleted"] = [read_back.delete(), patient.delete(server)]
    result["gone"] = refusal(lambda: Patient.read(patient.id, server))
    authorize(server, os.environ["CARECONNECT_LIMITED_TOKEN"])
    result["forbidden"] = refusal(lambda: Patient({"gender": "female"}).create(server))
    return result


def dangling() -> Any:
    """Return an observation of a patient that is not there."""
    return Observation({"status": "final", "code": {"text": "Weight"}, "subject": {"reference": "Patient/never-there"}})


def authorize(server: Any, token: str) -> None:
    """Send a token, or none, from now on; the library itself has no client credentials."""
    server.session.headers["Authorization"] = f"Bearer {token}" if token else None


def pages(bundle: Any) -> Iterator[Any]:
    """Yield a Bundle and those that its next links lead to."""
    while bundle is not None:
        yield bundle
        following = next((link.url for link in bundle.link if link.relation == "next"), None)
        bundle = Bundle.read_from(following, bundle.server) if following else None


def refusal(call: Callable[[], object]) -> list[object]:
    """Return the name of the library's error, and the status and the issue's code that it was refused with."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - its classes are not importable under one name
        response = error.response  # type: ignore[attr-defined]
        return [type(error).__name__, response.status_code, response.json()["issue"][0]["code"]]
    return []


if __name__ == "__main__":
    main()
