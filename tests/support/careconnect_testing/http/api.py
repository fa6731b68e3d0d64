"""The deployed API as its users reach it: registered clients, their tokens, and requests exactly as written."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
from lxml import etree

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.records.fhir_models import valid_json

FHIR = "{http://hl7.org/fhir}"


@dataclass(frozen=True)
class Api:
    """A running stack with records in it, and a connection to it."""

    stack: LocalStack
    http: httpx.Client

    def token(self, client_id: str, secret: str) -> str:
        """Obtain an access token."""
        answer = self.http.post("/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def register(self, client_id: str, scope: str, patient: str = "", identifier_systems: tuple[str, ...] = ()) -> str:
        """Register a client and return an access token for it."""
        registry = DynamoDbClientRegistry(self.stack.client("dynamodb"), self.stack.stack.outputs["ClientTable"])
        registration = ClientRegistration(
            client_id, "A test client", tuple(scope.split()), patient=patient, identifier_systems=identifier_systems
        )
        return self.token(client_id, str(register_client(registry, registration, now=time.time())))

    def get(self, path: str, token: str = "", method: str = "GET", **headers: str) -> httpx.Response:
        """Request a path below the FHIR base."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        return self.http.request(method, f"{FHIR_PATH}/{path}", headers=given)

    def statuses(self, requests: Iterable[tuple[str, str]], token: str = "") -> dict[tuple[str, str], int]:
        """Send (method, path) requests concurrently and return the status of each."""
        wanted = list(requests)
        with ThreadPoolExecutor(8) as pool:
            return dict(
                zip(wanted, pool.map(lambda one: self.get(one[1], token, one[0]).status_code, wanted), strict=True)
            )

    def raw(self, target: str, headers: Mapping[str, str], method: str = "GET") -> tuple[int, str]:
        """Send a request target exactly as written, which a library would normalise; return status and body."""
        address = urlsplit(self.stack.base_url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.putrequest(method, target)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def issue_code(answer: httpx.Response) -> str:
    """Return the issue code of a response that must be an OperationOutcome, in either format."""
    if "xml" in answer.headers["Content-Type"]:
        root = etree.fromstring(answer.content)
        assert root.tag == f"{FHIR}OperationOutcome"
        (code,) = root.findall(f"{FHIR}issue/{FHIR}code")
        return str(code.get("value"))
    return str(valid_json(answer.text, "OperationOutcome").issue[0].code)
