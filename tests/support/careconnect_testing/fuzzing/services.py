"""All functions as they are deployed, over tables and keys in memory. Each input meets the same tables."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from bundle_processor.app import BundleEndpoint, EntryEndpoints
from bundle_processor.refused_entry import RefusedEntries
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.endpoint.pipeline import Auditing, Endpoint, RequestPipeline
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.resource_types import AUDIT_EVENT, DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.oauth.client_record import (
    CLIENT_CREDENTIALS,
    AuthMethod,
    ClientRecord,
    SecretDigest,
    client_item,
    digest_secret,
)
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.oauth.signing_keys import KMS_ALGORITHM, KmsSigningKeys
from careconnect.storage.intents import StateTables
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.aws.tables import begin_table_with_fixed_key, create_table
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.fuzzing.messages import message_event
from careconnect_testing.parts.access_tokens import signing_key
from careconnect_testing.parts.auditor import KEPT
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.export_jobs import KEYS
from careconnect_testing.parts.issuer import NoKeySets, public_jwk
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import no_limit
from careconnect_testing.records.few_records import few_records
from export_keeper.app import KeeperEndpoint
from export_keeper.worker_patients import Absent
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter
from scope_authorizer.app import Authorize, build_authorizer
from scope_authorizer.policy_for import Direction
from service_console.app import ConsoleEndpoint
from service_console.built_site import Asset
from service_discovery.app import DiscoveryEndpoint
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication
from token_issuer.clients.client_store import DynamoDbClientStore
from token_issuer.tokens.bind_token import KeyBinding
from token_issuer.tokens.kms_token_signer import KmsTokenSigner
from token_issuer.tokens.proof_store import DynamoDbProofStore
from token_issuer.tokens.token_store import DynamoDbTokenStore

BASE: Final = "https://care.example"
NOW: Final = 1_795_694_400.0
CLIENT: Final = "client-1"
KEY_CLIENT: Final = "client-2"
SECRET: Final = "zu39GKqv-fuzzed-secret-Yw7Rk2"
EVERYTHING: Final = "system/*.cruds system/AuditEvent.rs"

_STATES: Final = ("transactions", "directory-transactions")
_RESOURCES: Final = {
    "ClientTable": "clients",
    "TokenTable": "tokens",
    "ProofTable": "proofs",
    "AuditTable": "audit",
    "ReferenceTable": "references",
    "RecordTable": "records",
    "DirectoryTable": "directory",
    "TransactionTable": _STATES[0],
    "DirectoryTransactionTable": _STATES[1],
}
_READS: Final = ("Get", "BatchGet", "TransactGet", "Query", "Scan")
_TABLES: Final = {Table.RECORD: "records", Table.DIRECTORY: "directory"}


class _Keys:
    """KMS with one signing key."""

    def __init__(self) -> None:
        self.private = signing_key()
        self._public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def get_public_key(self, **_: Any) -> Any:
        return {"KeyId": "arn:key", "PublicKey": self._public, "SigningAlgorithms": [KMS_ALGORITHM]}

    def sign(self, *, Message: bytes, **_: Any) -> Any:  # noqa: N803 - botocore's own name
        return {"Signature": self.private.sign(Message, padding.PKCS1v15(), SHA256())}


class _Site:
    def page(self) -> str:
        return "<!doctype html><title>{{base}}</title>"

    def asset(self, name: str) -> Asset | None:
        return Asset("a", "text/javascript; charset=utf-8") if name == "a.js" else None


class _Engine:
    """The machine of exports, which starts nothing, and their worker, which knows one patient."""

    def run(self, job_id: str) -> None:
        """Start nothing."""

    def remove(self, job_id: str) -> None:
        """Remove nothing."""

    def absent_among(self, patients: Collection[str]) -> Absent:
        """Return all but the one patient."""
        others = frozenset(patients) - {"4"}
        return Absent(others, others)


@dataclass
class Services:
    """The pipelines of the deployed functions, and the two authorizers; `answer` routes as the gateway does."""

    observer: RecordingObserver = field(default_factory=RecordingObserver)
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    kms: Any = field(default_factory=_Keys)
    client_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        """Build the functions, register two clients and write a few records."""
        self._database = Database(self.clock)
        self._is_changed = False
        self._new = count(1)
        client: Any = InMemoryClient(self._database, self._note_write)
        self._client = client
        for resource, table in _RESOURCES.items():
            create_table(client, resource, table)
        for table in _TABLES.values():
            begin_table_with_fixed_key(client, table)
        for event in KEPT:
            client.put_item(TableName="audit", Item=event.item())
        self._register()
        keys = KmsSigningKeys(self.kms, "alias/key", clock=self.clock)
        tokens = DynamoDbTokenStore(client, "tokens", now=self.clock)
        authentication = ClientAuthentication(
            DynamoDbClientStore(client, "clients", "tokens"), tokens, NoKeySets(), limit=20
        )
        binding = KeyBinding(DynamoDbProofStore(client, "proofs"))
        self.issuer = self._pipeline(
            OAuthEndpoint(authentication, KmsTokenSigner(self.kms, keys), keys, tokens, 3600, binding)
        )
        self.readers = {table: self._reader(table) for table in DATA_TABLES}
        self.writers = {table: self._writer(table) for table in DATA_TABLES}
        endpoints = {
            table: EntryEndpoints(self.readers[table].respond, self.writers[table].respond) for table in DATA_TABLES
        }
        together = ResourceWriter(
            self._store(Table.RECORD), no_limit(), self.clock, self.clock, lambda _: None, self._new_id
        )
        refuse = self._pipeline(RefusedEntries(together.stored_keys)).respond
        self.bundles = self._pipeline(BundleEndpoint(endpoints, refuse, no_limit(), together, self.clock))
        self.auditor = self._pipeline(AuditEndpoint(DynamoDbEventStore(client, "audit"), no_limit()))
        client.create_table(TableName="export", **KEYS)
        jobs, revocations, engine = DynamoDbJobs(client, "export"), DynamoDbRevocations(client, "tokens"), _Engine()
        self.keeper = self._pipeline(KeeperEndpoint(jobs, engine, engine, revocations, no_limit(), 2))
        self.discovery = self._pipeline(DiscoveryEndpoint(keys), audited=False)
        self.console = self._pipeline(ConsoleEndpoint(_Site(), is_on=True), audited=False)
        self.authorizers: list[Authorize] = [
            build_authorizer(
                direction=direction,
                configured_base_url=BASE,
                keys=keys,
                revoked=DynamoDbRevocations(client, "tokens"),
                now=self.clock,
            )
            for direction in Direction
        ]
        self._write_records()
        self._beginning = self._database.copy()
        self._is_changed = False
        self._known_events = {id(item) for item in self._database.items("audit")}

    def begin(self) -> None:
        """Begin anew: with the tables as they were at first, and without log lines."""
        self.observer.clear()
        self._new = count(1)
        if self._is_changed:
            for table in self._database.tables:
                self._database.restore(table, self._beginning)
            self._is_changed = False

    def events(self) -> list[Any]:
        """Return the audit events that were inserted since the beginning."""
        return [item for item in self._database.items("audit") if id(item) not in self._known_events]

    def _note_write(self, operation: str, _request: Any) -> None:
        self._is_changed = self._is_changed or not operation.startswith(_READS)

    def _new_id(self) -> str:
        return f"new-{next(self._new)}"

    def authorizer(self, patient: str = "") -> dict[str, str]:
        """Return the context of a caller that may do everything, or everything within a patient's record."""
        context = {"client_id": CLIENT, "scope": EVERYTHING, "expires_at": str(int(NOW) + 600), "jti": "a-jti"}
        return context | ({"patient": patient} if patient else {})

    def route(self, method: str, path: str) -> tuple[str, RequestPipeline]:
        """Return the kind and the function that the gateway routes a request to."""
        if path in ("/token", "/introspect", "/revoke"):
            return "issuer", self.issuer
        if path in ("/", "/docs") or path.startswith("/assets/"):
            return "console", self.console
        if method == "POST" and path.removesuffix("/") == FHIR_PATH:
            return "bundles", self.bundles
        below = path.removeprefix(FHIR_PATH + "/").split("/")
        if (below[0] == "$export" and len(below) <= 2) or below == ["Patient", "$export"]:
            return "keeper", self.keeper
        type_ = resource_type(below[0])
        if type_ is None and below[0] != AUDIT_EVENT.name:
            return "discovery", self.discovery
        if len(below) > 2 and below[0] == "Patient":
            type_ = resource_type(below[2]) or type_
        # A POST below a type is a read, but for the one operation that has a path of its own.
        is_read = method == "POST" and len(below) > 1 and below[-1] != "$validate"
        if method in ("GET", "HEAD") or is_read:
            return ("auditor", self.auditor) if type_ is None else ("reader", self.readers[type_.table])
        return ("writer", self.writers[type_.table if type_ else Table.RECORD])

    def _register(self) -> None:
        jwks = json.dumps({"keys": [public_jwk(self.client_key, "key-1")]})
        for client_id, methods in (
            (CLIENT, {AuthMethod.BASIC, AuthMethod.POST}),
            (KEY_CLIENT, {AuthMethod.PRIVATE_KEY_JWT}),
        ):
            record = ClientRecord(
                client_id=client_id,
                name="A test client",
                enabled=True,
                auth_methods=frozenset(methods),
                grant_types=frozenset({CLIENT_CREDENTIALS}),
                scopes=("profile", "user/Patient.read", "system/*.cruds"),
                salt="a-salt",
                secrets=(SecretDigest(digest_secret("a-salt", SECRET)),) if client_id == CLIENT else (),
                jwks="" if client_id == CLIENT else jwks,
            )
            self._client.put_item(TableName="clients", Item=client_item(record))

    def _pipeline(self, endpoint: Endpoint, *, audited: bool = True) -> RequestPipeline:
        store = DynamoDbAuditStore(self._client, "audit")
        auditing = Auditing(store, "fuzzed") if audited else None
        return RequestPipeline(endpoint, BASE, "eu-west-2", Cors(("*",)), self.observer, self.clock, auditing=auditing)

    def _reader(self, table: Table) -> RequestPipeline:
        names: dict[Table, str] = {**_TABLES} if table is Table.RECORD else {table: _TABLES[table]}
        store = DynamoDbResourceStore(self._client, names, table, StateTables(*_STATES), self.clock)
        return self._pipeline(FhirEndpoint(store, table, no_limit()))

    def _store(self, table: Table) -> DynamoDbRecordStore:
        record = _TABLES[Table.RECORD] if table is Table.RECORD else ""
        tables = RecordTables(self._client, record, _TABLES[Table.DIRECTORY], "references", *_STATES)
        return DynamoDbRecordStore(tables, self.clock, lambda _: None)

    def _writer(self, table: Table) -> RequestPipeline:
        writer = ResourceWriter(self._store(table), no_limit(), self.clock, self.clock, lambda _: None, self._new_id)
        return self._pipeline(WriterEndpoint(writer, table))

    def _write_records(self) -> None:
        """Write records until no more can be written: a reference has to lead to one that is there."""
        waiting = few_records()
        while waiting:
            refused = [resource for resource in waiting if not self._is_written(resource)]
            if len(refused) == len(waiting):
                raise AssertionError(f"records that cannot be written: {[one['id'] for one in refused]}")
            waiting = refused

    def _is_written(self, resource: dict[str, Any]) -> bool:
        target = f"{resource['resourceType']}/{resource['id']}"
        message = f"PUT {target}\nContent-Type: application/fhir+json\n\n{json_text(resource)}"
        _, writer = self.route("PUT", f"{FHIR_PATH}/{target}")
        return writer(message_event(message.encode(), self.authorizer()))["statusCode"] in (200, 201)


@cache
def services() -> Services:
    """Return the functions of this process."""
    return Services()
