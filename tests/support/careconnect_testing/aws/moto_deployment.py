"""The whole deployment over moto, each function composed by its own handler, and the AWS calls of each request."""

import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from careconnect.oauth.client_record import (
    CLIENT_CREDENTIALS,
    AuthMethod,
    ClientRecord,
    SecretDigest,
    client_item,
    digest_secret,
)
from careconnect.runtime import aws
from careconnect_admin.loading.load import load_paths
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.lock_step import LockStep
from careconnect_testing.aws.tables import create_table
from careconnect_testing.aws.units import UnitMeter
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import Event, form_event
from careconnect_testing.parts.issuer import add_key, basic, quick_rsa_keys
from careconnect_testing.records.few_records import Resource, few_records, write_records
from careconnect_testing.records.stored import saved

REGION = "eu-west-2"
BASE = "https://care.example"
CLIENT = "client-1"
SECRET = "of-a-test-client-0123456789"

_TABLES = {
    "RecordTable": "records",
    "DirectoryTable": "directory",
    "ReferenceTable": "references",
    "TransactionTable": "transactions",
    "DirectoryTransactionTable": "directory-transactions",
    "ClientTable": "clients",
    "TokenTable": "tokens",
    "UsageTable": "usage",
    "ProofTable": "proofs",
    "AuditTable": "events",
}
_SIGNING_ALIAS = "alias/careconnect-signing"
_SETTINGS = {
    "RECORD_TABLE": "records",
    "DIRECTORY_TABLE": "directory",
    "REFERENCE_TABLE": "references",
    "TRANSACTION_TABLE": "transactions",
    "DIRECTORY_TRANSACTION_TABLE": "directory-transactions",
    "CLIENT_TABLE": "clients",
    "TOKEN_TABLE": "tokens",
    "USAGE_TABLE": "usage",
    "PROOF_TABLE": "proofs",
    "AUDIT_TABLE": "events",
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "SIGNING_KEY_ALIAS": _SIGNING_ALIAS,
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": BASE,
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
_FUNCTIONS = {
    "TokenFunction": ("token_issuer", {}),
    "ReadAuthorizerFunction": ("scope_authorizer", {"DIRECTION": "read"}),
    "WriteAuthorizerFunction": ("scope_authorizer", {"DIRECTION": "write"}),
    "PatientRecordFunction": ("fhir_reader", {"READER_TABLE": "record"}),
    "DirectoryFunction": ("fhir_reader", {"READER_TABLE": "directory"}),
    "RecordWriterFunction": ("record_writer", {"WRITER_TABLE": "record"}),
    "DirectoryWriterFunction": ("record_writer", {"WRITER_TABLE": "directory"}),
    "AuditFunction": ("access_auditor", {}),
}

Instance = Callable[[Event, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of a request: operations by round, and units. `answered` is the number of rounds before the response."""

    rounds: tuple[tuple[str, ...], ...]
    answered: int
    read_units: float
    write_units: int


@dataclass(slots=True)
class MotoDeployment:
    """The functions of a deployment, by their names in the template; only the tests use `client`."""

    client: Any
    tables: RecordTables
    lock_step: LockStep
    meter: UnitMeter
    log: io.StringIO = field(default_factory=io.StringIO)

    def new_instance(self, function: str) -> Instance:
        """Start an instance of a function by importing its handler anew."""
        package, settings = _FUNCTIONS[function]
        with patch.dict(os.environ, {**settings, "POWERTOOLS_SERVICE_NAME": package}), redirect_stdout(self.log):
            sys.modules.pop(f"{package}.handler", None)
            handler: Instance = importlib.import_module(f"{package}.handler").lambda_handler
            return handler

    def ask(self, instance: Instance, event: Event) -> dict[str, Any]:
        """Send an event to an instance and return the response."""
        with redirect_stdout(self.log):
            return instance(event, None)

    def answer(self, function: str, event: Event) -> Answer:
        """Send an event to a new instance of a function that speaks HTTP, and return the response."""
        return Answer.of(self.ask(self.new_instance(function), event))

    def spent(self, instance: Instance, event: Event) -> tuple[dict[str, Any], Spent]:
        """Send an event to an instance, and return the response and its cost."""
        self.meter.clear()
        answer, taken = self.lock_step.rounds_of(lambda: self.ask(instance, event))
        rounds = tuple(tuple(sorted(each.operation for each in held)) for held in self.lock_step.rounds)
        return answer, Spent(rounds, taken, self.meter.read, self.meter.write)

    def token(self) -> str:
        """Return an access token of the client."""
        answer = self.answer("TokenFunction", token_event("/token", grant_type="client_credentials", scope="profile"))
        assert answer.status == 200, answer.text
        return str(answer.json["access_token"])

    def put_back(self) -> Callable[[], None]:
        """Return a function that restores the current resources."""
        return saved(self.tables)


def token_event(path: str, **form: str) -> Event:
    """Return the event of a form post by the client to the issuer, with its secret."""
    return form_event(path, form, headers=basic(CLIENT, SECRET))


@contextmanager
def moto_deployment(beside: list[Resource]) -> Iterator[MotoDeployment]:
    """Deploy over moto, and load the few records and the other resources in `beside`."""
    with ExitStack() as parts:
        parts.enter_context(patch.dict(os.environ, _SETTINGS))
        os.environ.pop("AWS_ENDPOINT_URL", None)
        parts.enter_context(mock_aws())
        parts.enter_context(quick_rsa_keys())
        session = boto3.session.Session(region_name=REGION)
        client, kms = session.client("dynamodb"), session.client("kms")
        for resource, name in _TABLES.items():
            create_table(client, resource, name)
        key = add_key(kms, "-current", _SIGNING_ALIAS)
        for suffix in ("-next", "-previous"):
            kms.create_alias(AliasName=_SIGNING_ALIAS + suffix, TargetKeyId=key)
        _register(client)
        meter = UnitMeter(client)
        lock_step = LockStep(meter.before, meter.after)
        tables = RecordTables(client, *list(_TABLES.values())[:5])
        _load(tables, beside)
        # All clients of the functions must be of this session, whenever they are created.
        aws.session.cache_clear()
        watched = aws.session()
        watched.get_component("event_emitter").register("provide-client-params", lock_step.hold)
        parts.enter_context(patch.object(aws, "session", cache(lambda: watched)))
        parts.callback(_forget)
        yield MotoDeployment(client, tables, lock_step, meter)


def _register(client: Any) -> None:
    record = ClientRecord(
        client_id=CLIENT,
        name="A test client",
        enabled=True,
        auth_methods=frozenset({AuthMethod.BASIC}),
        grant_types=frozenset({CLIENT_CREDENTIALS}),
        scopes=("profile",),
        salt="a-salt",
        secrets=(SecretDigest(digest_secret("a-salt", SECRET)),),
    )
    client.put_item(TableName="clients", Item=client_item(record))


def _load(tables: RecordTables, beside: list[Resource]) -> None:
    with TemporaryDirectory() as folder:
        path = write_records(Path(folder), [*few_records(), *beside])
        report = load_paths([path], tables, base_url=BASE, writers=1)
    assert not report.problems, report.problems


def _forget() -> None:
    """Leave no import or session behind for the next import of a handler."""
    aws.session.cache_clear()
    for package, _ in _FUNCTIONS.values():
        sys.modules.pop(f"{package}.handler", None)
