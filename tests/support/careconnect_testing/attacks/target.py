"""The deployment under attack, and the clients that attack it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.token_request import ClientAuthentication, basic, decoded, request_token
from careconnect_admin.errors import OperatorError
from careconnect_testing.http.writes import JSON, Resource

REFUSED: Final = (400, 401, 403, 404, 405, 406, 410, 413, 414, 415, 422, 429, 431)


class Role(StrEnum):
    """The clients of an attack, each given as `id:secret` in an environment variable of this name."""

    READER = "READER"
    """Reads and searches everything but the audit trail, bound to no patient."""
    WRITER = "WRITER"
    """Reads and writes everything, bound to no patient."""
    BOUND = "BOUND"
    """Reads and writes the record of one patient."""
    AUDITOR = "AUDITOR"
    """Reads the audit trail."""


class Breach(Exception):  # noqa: N818 - it is the success of an attack, not a fault of the program
    """An attack succeeded; the text says how."""


class NotTried(Exception):  # noqa: N818 - as above
    """An attack could not be made here; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: its name, and the function that makes it."""

    name: str
    make: Callable[["Target"], None]


@dataclass(frozen=True)
class Target:
    """A deployment at the root URL `root`. `secrets` holds the id and the secret of each role that is known."""

    root: str
    http: httpx.Client
    secrets: Mapping[Role, tuple[str, str]]

    def token(self, role: Role, scope: str = "") -> str:
        """Return an access token of a role; raises `NotTried` if there is no client for it."""
        if role not in self.secrets:
            raise NotTried(f"needs {role.value}=id:secret")
        key = (role, scope)
        if key not in self._tokens:
            try:
                answer = request_token(self.root, ClientAuthentication(basic(*self.secrets[role])), scope=scope)
            except OperatorError as error:
                raise NotTried(f"{role.value}: {error}") from None
            self._tokens[key] = str(answer["access_token"])
        return self._tokens[key]

    @cached_property
    def _tokens(self) -> dict[tuple[Role, str], str]:
        return {}

    @cached_property
    def own_patient(self) -> str:
        """The id of the patient that the bound client is bound to."""
        claims = decoded(self.token(Role.BOUND))["claims"]
        if "patient" not in claims:
            raise NotTried("BOUND is bound to no patient")
        return str(claims["patient"])

    @cached_property
    def other_patient(self) -> Resource:
        """A patient with an identifier that is not the bound client's."""
        own = self.own_patient if Role.BOUND in self.secrets else ""
        answer = self.send("GET", "Patient?_count=20", self.token(Role.READER))
        found = [entry["resource"] for entry in answer.json().get("entry", ())]
        patients = [one for one in found if one["resourceType"] == "Patient" and one["id"] != own]
        if chosen := next((one for one in patients if one.get("identifier", [{}])[0].get("system")), None):
            return dict(chosen)
        raise NotTried("there is no other patient with an identifier")

    def send(
        self, method: str, path: str, token: str = "", body: Any = None, *, content: bytes | None = None, **headers: str
    ) -> httpx.Response:
        """Send a request below the FHIR base; a `body` is sent as JSON, `content` as it is."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        data = content if body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", JSON)
        return self.http.request(method, f"{self.root}{FHIR_PATH}/{path}", content=data, headers=given)

    def remove(self, answer: httpx.Response, token: str) -> None:
        """Delete what a write has created against expectation."""
        if answer.status_code in (200, 201) and "Location" in answer.headers:
            self.http.delete(
                answer.headers["Location"].partition("/_history")[0], headers={"Authorization": f"Bearer {token}"}
            )


def require_status(answer: httpx.Response, expected: tuple[int, ...] = REFUSED) -> None:
    """Raise `Breach` unless the response has one of the statuses."""
    if answer.status_code not in expected:
        raise Breach(f"answered {answer.status_code}")
