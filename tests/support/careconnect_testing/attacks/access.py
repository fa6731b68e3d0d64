"""Access beyond the scopes of a token: other letters, other types, other spellings of a path."""

from http.client import HTTPConnection, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.token_request import decoded
from careconnect_testing.attacks.target import Attack, Breach, Role, Target, require_status

_SPELLINGS: Final = (
    "Patient%2f{id}",
    "Organization/..%2fPatient%2f{id}",
    "Organization/../Patient/{id}",
    "./Patient/{id}",
    "/Patient/{id}",
    "patient/{id}",
    "Patient;x=1/{id}",
    "Patient/{id}/",
    "Patient/{id}%00",
    "P%61tient/%2e/{id}",
    "Organization/1/Patient/{id}",
)


def _other_spellings(target: Target) -> None:
    """Request a patient, with a token for organizations alone, by paths that a gateway might normalise."""
    token = target.token(Role.READER, _scope(target, "Organization"))
    address = urlsplit(target.root)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    for spelling in _SPELLINGS:
        connection = kind(address.hostname or "", address.port, timeout=30)
        path = spelling.format(id=target.other_patient["id"])
        connection.putrequest("GET", f"{address.path}{FHIR_PATH}/{path}", skip_host=False)
        connection.putheader("Authorization", f"Bearer {token}")
        connection.endheaders()
        status = connection.getresponse().status
        connection.close()
        if status < 400:
            raise Breach(f"{spelling} answered {status}")


def _another_type(target: Target) -> None:
    token = target.token(Role.READER, _scope(target, "Organization"))
    for path in (
        f"Patient/{target.other_patient['id']}",
        f"Patient/{target.other_patient['id']}/$everything",
        "Patient?_count=1",
        "AuditEvent?_count=1",
        "Organization?_revinclude=*",
    ):
        answer = target.send("GET", path, token)
        held = answer.status_code >= 400 or not any(
            entry["resource"]["resourceType"] not in ("Organization", "OperationOutcome")
            for entry in answer.json().get("entry", ())
        )
        if not held:
            raise Breach(f"{path.partition('/')[0]} answered {answer.status_code}")


def _another_letter(target: Target) -> None:
    """Write with a token that reads, also by way of method overrides."""
    token = target.token(Role.READER)
    path = f"Patient/{target.other_patient['id']}"
    body = {**target.other_patient, "gender": "unknown"}
    require_status(target.send("PUT", path, token, body), (401, 403, 405))
    require_status(target.send("DELETE", path, token), (401, 403, 405))
    for name in ("X_HTTP_Method_Override", "X_Method_Override", "X_HTTP_Method"):
        target.send("POST", path, token, body, content=None, **{name: "DELETE"})
    require_status(target.send("GET", path, token), (200,))


def _next_links(target: Target) -> None:
    """Alter a next link, and use it with another search."""
    token = target.token(Role.READER)
    answer = target.send("GET", "Patient?_count=1", token).json()
    url = next((link["url"] for link in answer["link"] if link["relation"] == "next"), "")
    if not url:
        return
    below = url.partition(f"{FHIR_PATH}/")[2]
    last = "A" if below[-10] != "A" else "B"
    require_status(target.send("GET", f"{below[:-10]}{last}{below[-9:]}", token), (400,))
    require_status(target.send("GET", below.replace("Patient?", "Patient?gender=male&"), token), (400,))
    narrower = target.token(Role.READER, _scope(target, "Patient"))
    require_status(target.send("GET", below, narrower), (400,))


def _scope(target: Target, type_name: str) -> str:
    granted = str(decoded(target.token(Role.READER))["claims"]["scope"])
    level = next((each for each in ("system", "user") if f"{each}/" in granted), "user")
    return f"{level}/{type_name}.read"


ATTACKS: Final = (
    Attack("other spellings of a path", _other_spellings),
    Attack("another type than the token opens", _another_type),
    Attack("writing with a token that reads", _another_letter),
    Attack("altered next links", _next_links),
)
