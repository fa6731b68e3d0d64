"""The state in which every run begins: tables, a few records, clients and their tokens; made once a process."""

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jwt

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.client_record import (
    CLIENT_CREDENTIALS,
    AuthMethod,
    ClientRecord,
    SecretDigest,
    client_item,
    digest_secret,
)
from careconnect_records.items.table_formats import begin_table
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.http.events import FORM
from careconnect_testing.http.writes import JSON
from careconnect_testing.parts.issuer import P256_KEY, basic, public_jwk
from careconnect_testing.simulation.actors.bodies import body_of
from careconnect_testing.simulation.actors.plan import ACTORS, AUDITOR, BOUND, EDITOR, READER
from careconnect_testing.simulation.schedule.choices import Choices
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.gateway import Gateway, Sent
from careconnect_testing.simulation.world.kms import Keys
from careconnect_testing.simulation.world.names import (
    AUDIT,
    BASE,
    CLIENTS,
    DIRECTORY,
    RECORDS,
    REFERENCES,
    START,
    TABLES,
)
from careconnect_testing.simulation.world.system import System, isolated
from careconnect_testing.stacks.whole_template import new_table

BOUND_TO: Final = "p1"
"""The patient of the bound clients."""

ASSERTER: Final = "asserter"
"""A client that authenticates by assertions."""

SCOPES: Final = {
    EDITOR: ("system/*.cruds",),
    READER: ("system/*.rs",),
    BOUND: ("patient/*.cruds",),
    AUDITOR: ("system/AuditEvent.rs",),
}

_SCHEMA: Final = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "StreamSpecification")
_LOADED: Final = (
    ("Organization/g1", "begin", "", ()),
    ("Organization/g2", "begin", "", ()),
    ("Patient/p1", "begin", "p1", ("A",)),
    ("Patient/p2", "begin", "p1", ("B",)),
    ("Patient/p3", "begin", "p4", ()),
    ("Observation/o1", "begin", "p1", ()),
    ("Observation/o2", "begin", "p2", ()),
)
_MAKER: Final = f"{EDITOR}-1"


@dataclass(frozen=True)
class Beginning:
    """The beginning of a run: `tokens` are each client's, `assertions` a client's that all actors know."""

    database: Database
    tokens: dict[str, str]
    assertions: dict[str, str]


@cache
def beginning() -> Beginning:
    """Return the beginning, made by the functions themselves."""
    scheduler = Scheduler(Choices(0, []), START - 600)
    database = Database(lambda: scheduler.now)
    with isolated(scheduler, random.Random("beginning")):
        _create_tables(database)
        for role, scopes in SCOPES.items():
            for number in range(1, ACTORS + 1):
                _register(database, f"{role}-{number}", scopes, BOUND_TO if role == BOUND else "")
        _register_asserter(database)
        aws = Aws(database, scheduler, scheduler.choices, Keys())
        gateway = Gateway(System(aws, random.Random("beginning")))
        tokens = {f"{role}-{number}": "" for role in SCOPES for number in range(1, ACTORS + 1)}
        for client in tokens:
            tokens[client] = _token(gateway, client)
        for key, word, subject, codes in _LOADED:
            body = json.dumps(body_of(key, word, subject, codes))
            sent = Sent("PUT", f"{FHIR_PATH}/{key}", (), {"Content-Type": JSON}, body, tokens[_MAKER])
            answer = gateway.send(sent, "begin")
            assert answer is not None
            assert answer.status == 201, answer.text
    # The archive of a run begins with the run.
    for item in list(database.items(AUDIT)):
        database.execute("delete_item", {"TableName": AUDIT, "Key": {name: item[name] for name in ("pk", "sk")}})
    database.propagate(1_000_000)
    return Beginning(database, tokens, {number: _assertion(number) for number in ("1", "2")})


def secret_of(client: str) -> str:
    """Return a client's secret."""
    return f"secret of {client}"


def _create_tables(database: Database) -> None:
    for logical_id, name in TABLES.items():
        properties = new_table(logical_id)
        parts = {part: properties[part] for part in _SCHEMA if part in properties}
        expires: Any = properties.get("TimeToLiveSpecification", {}).get("AttributeName", "")
        database.create_table(TableName=name, time_to_live=expires, **parts)
    client: Any = InMemoryClient(database)
    for table in (RECORDS, DIRECTORY, REFERENCES):
        begin_table(client, table)


def _assertion(number: str) -> str:
    claims = {
        "iss": ASSERTER,
        "sub": ASSERTER,
        "aud": f"{BASE}/token",
        "iat": int(START),
        "exp": int(START) + 240,
        "jti": f"assertion {number}",
    }
    return jwt.encode(claims, P256_KEY, "ES256", headers={"kid": "key-1"})


def _register_asserter(database: Database) -> None:
    record = ClientRecord(
        client_id=ASSERTER,
        name=ASSERTER,
        enabled=True,
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        grant_types=frozenset({CLIENT_CREDENTIALS}),
        scopes=SCOPES[READER],
        jwks=json.dumps({"keys": [public_jwk(P256_KEY, "key-1")]}),
    )
    database.execute("put_item", {"TableName": CLIENTS, "Item": client_item(record)})


def _register(database: Database, client_id: str, scopes: tuple[str, ...], patient: str) -> None:
    record = ClientRecord(
        client_id=client_id,
        name=client_id,
        enabled=True,
        auth_methods=frozenset({AuthMethod.BASIC}),
        grant_types=frozenset({CLIENT_CREDENTIALS}),
        scopes=scopes,
        salt="salt",
        secrets=(SecretDigest(digest_secret("salt", secret_of(client_id))),),
        patient=patient,
    )
    database.execute("put_item", {"TableName": CLIENTS, "Item": client_item(record)})


def _token(gateway: Gateway, client: str) -> str:
    headers = {"Content-Type": FORM, **basic(client, secret_of(client))}
    sent = Sent("POST", "/token", (), headers, "grant_type=client_credentials")
    answer = gateway.send(sent, "begin")
    assert answer is not None
    assert answer.status == 200, answer.text
    return str(answer.json["access_token"])
