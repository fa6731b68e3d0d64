"""Requests with a token that is bound to a key, to the functions below the FHIR base."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.endpoint.proofs import DpopProofs
from careconnect.fhir.resource_types import Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.bound_event import TOKEN
from careconnect_testing.http.events import Event, Pairs, rest_event
from careconnect_testing.http.writes import JSON
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.auditor import Auditor
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE
from careconnect_testing.running.bundle_service import Bundles

SCOPE = "system/*.cruds system/AuditEvent.rs"
PROOFS = "proofs"
_IDS = count()


@dataclass
class BoundRequests:
    """All functions of the FHIR API over the tables of a writer, and one client whose token is bound to `key`."""

    writer: Writer
    key: ProofKey = field(default_factory=proof_key)
    kept: StoredEvents = field(default_factory=StoredEvents)
    scope: str = SCOPE
    dpop_nonce: bool = False
    lifetime: int = 600

    def __post_init__(self) -> None:
        """Compose the functions as their handlers do."""
        self.used = DynamoDbUsedProofs(self.writer.reader.client, PROOFS)
        auditor = Auditor(self.writer.reader.client, "audit")
        composed = {
            "reader": self.writer.reader.app(Table.RECORD),
            "directory": self.writer.reader.app(Table.DIRECTORY),
            "writer": self.writer.app(Table.RECORD),
            "bundles": Bundles(self.writer).app,
            "auditor": auditor.app,
        }
        self.apps = {name: self._with_proofs(app) for name, app in composed.items()}

    def _with_proofs(self, app: RequestPipeline) -> RequestPipeline:
        return replace(
            app,
            proofs=DpopProofs(self.used),
            auditing=self.kept.auditing(),
            observer=self.writer.observer,
            clock=self.writer.now,
        )

    @property
    def context(self) -> dict[str, str]:
        """The authorizer's context of the token."""
        context = {
            "client_id": "client-1",
            "scope": self.scope,
            "expires_at": str(int(self.writer.now()) + self.lifetime),
            "jti": "a-jti",
            "jkt": self.key.jkt,
        }
        return context | ({"dpop_nonce": "true"} if self.dpop_nonce else {})

    def proof(self, method: str, path: str, *, key: ProofKey | None = None, **claims: Any) -> str:
        """Return a new proof for a request below the base, with changes; the base itself is an empty path."""
        claims = {"jti": f"proof-{next(_IDS)}", **claims}
        url = f"{BASE}{FHIR_PATH}" + (f"/{path}" if path else "")
        return dpop_proof(method, url, self.writer.now(), key=key or self.key, token=TOKEN, **claims)

    def event(
        self,
        method: str,
        path: str,
        proof: str | None = "",
        body: Any = None,
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
    ) -> Event:
        """Return the event of a request; without a `proof` it has a new one, None leaves the header out."""
        given = {
            "Authorization": f"DPoP {TOKEN}",
            **({"Content-Type": JSON} if body is not None else {}),
            **(headers or {}),
        }
        if proof is not None:
            given["DPoP"] = proof or self.proof(method, path)
        text = None if body is None else json.dumps(body)
        whole = FHIR_PATH + (f"/{path}" if path else "")
        return rest_event(method, whole, query, headers=given, body=text, authorizer=self.context)

    def send(self, method: str, path: str, proof: str | None = "", body: Any = None, **headers: str) -> Answer:
        """Send a request to its function, and return the answer."""
        return self.answer(self.event(method, path, proof, body, headers=headers))

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Return the answer of the function that an event's method and path are routed to."""
        name = event["path"].removeprefix(FHIR_PATH).strip("/").partition("/")[0]
        match name, event["httpMethod"]:
            case "", _:
                app = "bundles"
            case "AuditEvent", _:
                app = "auditor"
            case "Organization", "GET" | "HEAD":
                app = "directory"
            case _, "GET" | "HEAD":
                app = "reader"
            case _:
                app = "reader" if event["path"].endswith("/_search") else "writer"
        return Answer.of(self.apps[app](event))


def with_proof_table(writer: Writer) -> None:
    """Create the tables of proofs and of events, beside a writer's own."""
    create_table(writer.reader.client, "ProofTable", PROOFS)
    create_table(writer.reader.client, "AuditTable", "audit")
