"""Each function's role grants exactly the rights that its requests use (`access.md`, Rule 6).

Each test composes a function with the settings and the role of its deployment, with IAM enforcing the role, and sends
it requests that need every kind of call. The rights used must be those of its policies, neither more nor fewer.
"""

import base64
import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from careconnect.export.job import Selection
from careconnect.export.jobs import DynamoDbJobs
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.states import WriteStates
from careconnect_testing.http.bound_event import bound_event
from careconnect_testing.http.events import Event, authorizer_event, event, fhir_event, form_event, rest_event
from careconnect_testing.http.writes import LONG_TEXT
from careconnect_testing.parts.dpop_proofs import dpop_proof
from careconnect_testing.parts.export_jobs import a_job
from careconnect_testing.records.held_writes import hold
from careconnect_testing.stacks.deployed_function import Handler, Right, function_here
from careconnect_testing.stacks.granted import GRANTED, KEYS_GRANTED

# In the long run: each function is composed anew, with its own role.
pytestmark = [pytest.mark.integration, pytest.mark.long]

_ALIAS = re.compile(r"(?:Next|Previous)?(\w+)Alias")


def _keys(used: set[Right]) -> set[Right]:
    """Return rights with a key in the place of each of its aliases."""
    return {(action, _ALIAS.sub(r"\1", resource)) for action, resource in used}


def caller(**more: str) -> dict[str, str]:
    return {
        "client_id": "rights",
        "scope": "system/*.cruds system/AuditEvent.read",
        "expires_at": str(int(time.time()) + 86_400),
        "jti": "a-jti",
        **more,
    }


def read(path: str, query: Sequence[tuple[str, str]] = ()) -> Event:
    return fhir_event("GET", path, query, authorizer=caller())


@pytest.fixture(scope="module")
def loaded(local_stack: LocalStack, sample: Path) -> LocalStack:
    assert list(sample.glob("*.ndjson"))
    return local_stack


def prove(stack: LocalStack, handler: Handler, sent: Event, status: int = 200) -> None:
    """Send a request by a token that is bound to a key, and whose proofs need a nonce."""
    refused = handler(bound_event(sent, stack.base_url, dpop_nonce=True), None)
    assert refused["statusCode"] == 401
    nonce = refused["headers"]["DPoP-Nonce"]
    assert handler(bound_event(sent, stack.base_url, dpop_nonce=True, nonce=nonce), None)["statusCode"] == status


RECORD_READS = [
    read("Patient/4"),
    # Held by a multi-step write, and what it refers to by another of the directory's own: the states are listed.
    read("Patient/held"),
    read("Patient", [("_id", "held"), ("_include", "Patient:organization")]),
    read("Observation", [("patient", "4")]),
    read("Patient", [("identifier", "https://fhir.nhs.uk/Id/nhs-number|1")]),
    read("Patient", [("organization.active", "true")]),
    read("Patient", [("_id", "4"), ("_include", "Patient:organization")]),
    # Dear enough to be charged for.
    read("Patient", [*((f"_has:{each}:patient:_id:not", "x") for each in ("Observation", "Condition", "Encounter"))]),
]
NEARLY_ALL = ("role", "specialty", "identifier", "_tag", "_security", "_id")
DIRECTORY_READS = [
    read("Organization/SAMPLE-GP1"),
    read("Location/held"),
    read("Organization/held"),
    read("Location", [("_id", "held"), ("_include", "Location:organization")]),
    read("Organization", [("name", "a")]),
    # Dear enough to be charged for.
    read("Practitioner", [*((f"_has:PractitionerRole:practitioner:{each}:not", "x") for each in NEARLY_ALL)]),
]


AUDIT = [
    read("AuditEvent", [("patient", "4")]),
    read("AuditEvent", [("date", "ge2020"), ("unheard-of", "x")]),
    # With a next page: its link needs a key.
    read("AuditEvent", [("_count", "1"), ("date", "ge2020")]),
    # Dear enough to be charged for: nothing ends it before its limit.
    read("AuditEvent", [("user", "nobody"), ("date", "ge2020")]),
]
DISCOVERY = [rest_event("GET", "/.well-known/jwks.json")]


def tables_of(stack: LocalStack) -> RecordTables:
    return RecordTables(stack.client("dynamodb"), *(stack.stack.outputs[name] for name in OUTPUTS))


def person(id_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **elements}


def place(id_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Location", "id": id_, **elements}


@pytest.fixture
def held(loaded: LocalStack) -> Iterator[LocalStack]:
    """The stack with a Patient and a Location that a multi-step write holds, and an Organization of the directory's."""
    tables = tables_of(loaded)
    Release(tables).release_all()
    of = {"managingOrganization": {"reference": "Organization/held"}}
    hold(tables, person("held", **of), place("held", **of), done=True)
    hold(replace(tables, record=""), {"resourceType": "Organization", "id": "held"}, done=True)
    yield loaded
    Release(tables).release_all()


@pytest.mark.parametrize(
    ("function", "package", "events"),
    [
        ("PatientRecordFunction", "fhir_reader", RECORD_READS),
        ("DirectoryFunction", "fhir_reader", DIRECTORY_READS),
        ("AuditFunction", "access_auditor", AUDIT),
        ("DiscoveryFunction", "service_discovery", DISCOVERY),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_function_uses_every_right_that_it_has(
    held: LocalStack, function: str, package: str, events: list[Event]
) -> None:
    with function_here(held, function, package) as (handler, used):
        for sent in events:
            assert handler(sent, None).get("statusCode", 200) == 200, sent
        if function != "DiscoveryFunction":
            prove(held, handler, events[0])

    assert _keys(used) == GRANTED[function] | KEYS_GRANTED[function]


def write(method: str, path: str, body: Any = None, query: Sequence[tuple[str, str]] = (), **headers: str) -> Event:
    given = {"Content-Type": "application/fhir+json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return fhir_event(method, path, query, headers=given, body=json.dumps(body) if body else None, authorizer=caller())


TYPED = {"Content-Type": "application/fhir+json"}

SYSTEM = "https://tools.example/Id/rights"


def _writes(type_: str, resource: Mapping[str, Any]) -> list[Event]:
    """Return writes of a type that need every kind of call; `resource` holds its references to another resource."""

    def whole(id_: str, *codes: str, **elements: Any) -> dict[str, Any]:
        identifiers = [{"system": SYSTEM, "value": code} for code in codes]
        return {"resourceType": type_, "id": id_, **resource, "identifier": identifiers, **elements}

    condition = [("identifier", f"{SYSTEM}|{type_}-one")]
    busy = [("identifier", f"{SYSTEM}|{type_}-busy")]
    many = [f"{type_}-{number}" for number in range(50)]
    return [
        write("PUT", f"{type_}/rights-1", whole("rights-1", f"{type_}-one")),
        # Checks the identifier lock without changing it: no other resource may have the identifier by then.
        write("PUT", type_, whole("rights-1", f"{type_}-one", language="en"), condition),
        write("PUT", f"{type_}/rights-1", whole("rights-1", f"{type_}-other")),
        write("DELETE", f"{type_}/rights-1"),
        # More than one transaction takes.
        write("PUT", f"{type_}/rights-2", whole("rights-2", *many, text=LONG_TEXT)),
        # Enough resources share the identifier that the index is searched for it.
        *(write("PUT", f"{type_}/busy-{number}", whole(f"busy-{number}", f"{type_}-busy")) for number in range(52)),
        write("DELETE", type_, query=busy),
    ]


OWNED = {"managingOrganization": {"reference": "Organization/SAMPLE-GP1"}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "type_", "meets"),
    [
        # What it refers to is held by a write of the directory's own.
        ("RecordWriterFunction", "Patient", "rights-3"),
        # It is held by a write that changes records too.
        ("DirectoryWriterFunction", "Location", "held"),
    ],
)
def test_a_writer_uses_every_right_that_it_has(held: LocalStack, function: str, type_: str, meets: str) -> None:
    *events, busy = _writes(type_, OWNED)
    with function_here(held, function, "record_writer") as (handler, used):
        of = {"managingOrganization": {"reference": "Organization/held"}}
        met = write("PUT", f"{type_}/{meets}", {"resourceType": type_, "id": meets, **of})
        assert handler(met, None)["statusCode"] in (200, 201)
        statuses = [handler(sent, None)["statusCode"] for sent in events]
        assert handler(busy, None)["statusCode"] == 412
        # Other tests search the same tables.
        ids = (meets, "rights-1", "rights-2", *(f"busy-{number}" for number in range(52)))
        assert {handler(write("DELETE", f"{type_}/{id_}"), None)["statusCode"] for id_ in ids} == {204}
        prove(held, handler, write("DELETE", f"{type_}/{meets}"), 204)

    assert Counter(statuses) == {201: 54, 200: 2, 204: 1}
    assert _keys(used) == GRANTED[function] | KEYS_GRANTED[function]


def as_entry(alone: Event) -> dict[str, Any]:
    """Return the entry of a Bundle that stands for a request."""
    query = [
        (name, value) for name, values in (alone["multiValueQueryStringParameters"] or {}).items() for value in values
    ]
    path = alone["path"].removeprefix(f"{FHIR_PATH}/")
    request = {"method": alone["httpMethod"], "url": f"{path}?{urlencode(query)}" if query else path}
    body = json.loads(base64.b64decode(alone["body"])) if alone["body"] else None
    return {"request": request} if body is None else {"resource": body, "request": request}


@pytest.mark.slow
def test_bundles_use_every_right_of_the_readers_and_the_writers(held: LocalStack) -> None:
    writes = [_writes("Patient", OWNED), _writes("Location", OWNED)]
    groups = [RECORD_READS, DIRECTORY_READS]
    for each in ([*some, *_removed(some)] for some in writes):
        # A batch has fifteen seconds, and the machine may be busy.
        groups += [each[start : start + 10] for start in range(0, len(each), 10)]
    with function_here(held, "BundleFunction", "bundle_processor") as (handler, used):
        for number, events in enumerate(groups):
            body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": list(map(as_entry, events))})
            # Each by a client of its own: the other tests of this file may have used up the quota of theirs.
            by = caller(client_id=f"rights-{number}")
            answer = handler(rest_event("POST", FHIR_PATH, headers=TYPED, body=body, authorizer=by), None)
            statuses = {each["response"]["status"][:3] for each in json.loads(answer["body"])["entry"]}
            assert statuses <= {"200", "201", "204", "412"}, statuses
        empty = json.dumps({"resourceType": "Bundle", "type": "batch"})
        prove(held, handler, rest_event("POST", FHIR_PATH, headers=TYPED, body=empty, authorizer=caller()))
    assert _keys(used) == GRANTED["BundleFunction"]


def _removed(events: list[Event]) -> list[Event]:
    """Return deletions of all written resources: other tests search the same tables."""
    paths = {each["path"].removeprefix(f"{FHIR_PATH}/") for each in events}
    return [write("DELETE", path) for path in sorted(paths) if "/" in path]


def test_the_issuer_and_the_authorizers_use_every_right_that_they_have(
    loaded: LocalStack, explorer: DemoClient
) -> None:
    def form(path: str, secret: str, **parameters: str) -> Event:
        return form_event(path, {"client_id": explorer.client_id, "client_secret": secret, **parameters})

    def bound(nonce: str) -> Event:
        proof = dpop_proof("POST", f"{loaded.base_url}/token", time.time(), jti=secrets.token_hex(), nonce=nonce)
        sent = form("/token", explorer.secret, grant_type="client_credentials")
        return sent | {"multiValueHeaders": sent["multiValueHeaders"] | {"DPoP": [proof]}}

    with function_here(loaded, "TokenFunction", "token_issuer") as (handler, used):
        assert handler(form("/token", "wrong", grant_type="client_credentials"), None)["statusCode"] == 401
        issued = handler(form("/token", explorer.secret, grant_type="client_credentials"), None)
        token = json.loads(issued["body"])["access_token"]
        assert json.loads(handler(form("/introspect", explorer.secret, token=token), None)["body"])["active"] is True
        other = json.loads(handler(form("/token", explorer.secret, grant_type="client_credentials"), None)["body"])
        assert handler(form("/revoke", explorer.secret, token=other["access_token"]), None)["statusCode"] == 200
        nonce = handler(bound("unknown"), None)["headers"]["DPoP-Nonce"]
        assert handler(bound("x" * len(nonce)), None)["statusCode"] == 400
        assert handler(bound(nonce), None)["statusCode"] == 200
    assert _keys(used) == GRANTED["TokenFunction"] | KEYS_GRANTED["TokenFunction"]

    for authorizer in ("ReadAuthorizerFunction", "WriteAuthorizerFunction"):
        with function_here(loaded, authorizer, "scope_authorizer") as (handler, used):
            assert handler(authorizer_event(f"Bearer {token}"), None)["principalId"] == explorer.client_id
        assert _keys(used) == GRANTED[authorizer] | KEYS_GRANTED[authorizer]


def test_the_archiver_and_the_verifier_use_every_right_that_they_have(loaded: LocalStack) -> None:
    # The event source polls the stream, not the function.
    polled = {right for right in GRANTED["ArchiverFunction"] if right[1] == "AuditTable/stream"}
    with function_here(loaded, "ArchiverFunction", "audit_archiver") as (handler, used):
        handler(event("archiver-stream"), None)
    assert used == GRANTED["ArchiverFunction"] - polled

    with function_here(loaded, "VerifierFunction", "audit_archiver") as (handler, used):
        handler(event("verifier-heartbeat"), None)
        # The event's day, of which the archive holds a batch now.
        handler({"verify": "2026-03-26"}, None)
    assert used == GRANTED["VerifierFunction"]


def test_the_recovery_uses_every_right_that_it_has(loaded: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careconnect_records.multi_step.release.VISIBLE_SECONDS", 0.0)
    tables = tables_of(loaded)
    Release(tables).release_all()
    refers = {"managingOrganization": {"reference": "Organization/SAMPLE-GP1"}}
    hold(tables, person("ended", **refers), place("ended", **refers), done=True)
    with function_here(loaded, "RecoveryFunction", "write_recovery") as (handler, used):
        # Released; then a write over it is cut off, aborted by one run, and undone by the next.
        handler(event("recovery-each-minute"), None)
        hold(tables, person("ended"), place("ended"), done=False)
        hold(replace(tables, record=""), place("alone"), done=False)
        handler(event("recovery-each-minute"), None)
        handler(event("recovery-each-minute"), None)

    assert used == GRANTED["RecoveryFunction"]
    assert list(WriteStates(tables).all()) == []


def export(method: str, path: str, body: Any = None, *, client: str) -> Event:
    """Return a request about a bulk export of a client."""
    by = caller(client_id=client, issued_at=str(int(time.time())))
    headers = {"Prefer": "respond-async", **TYPED}
    return fhir_event(method, path, headers=headers, body=json.dumps(body) if body else None, authorizer=by)


def test_the_functions_of_bulk_exports_use_every_right_that_they_have(held: LocalStack) -> None:
    cohort = {"name": "patient", "valueReference": {"reference": "Patient/4"}}
    by = f"rights-{secrets.token_hex(4)}"
    with function_here(held, "ExportFunction", "export_keeper") as (handler, used):
        started = handler(export("GET", "$export", client=by), None)
        assert started["statusCode"] == 202, started["body"]
        job = started["headers"]["Content-Location"].rpartition("/")[2]
        sent = export("POST", "Patient/$export", {"resourceType": "Parameters", "parameter": [cohort]}, client=by)
        other = handler(sent, None)["headers"]["Content-Location"].rpartition("/")[2]
        # Whether a client's jobs run is looked up when they have all its places.
        assert handler(sent, None)["statusCode"] == 429
        # The deployed worker exports meanwhile.
        manifest = done(handler, job, by)
        prove(held, handler, export("GET", f"$export/{job}", client=by))
        assert handler(export("DELETE", f"$export/{other}", client=by), None)["statusCode"] == 202
    assert _keys(used) == GRANTED["ExportFunction"]

    with function_here(held, "ExportFileFunction", "export_sender") as (handler, used):
        patients = next(each["url"] for each in manifest["output"] if each["type"] == "Patient")
        file = export("GET", patients.partition(f"{FHIR_PATH}/")[2], client=by)
        assert '"Patient"' in handler(file, None)["body"]
        prove(held, handler, file)
    # Of a job's objects, its files alone.
    in_files = {("s3:GetObject", "ExportBucket/*/files/*") if each[0] == "s3:GetObject" else each for each in used}
    assert in_files == GRANTED["ExportFileFunction"]


def done(handler: Handler, job: str, client: str) -> dict[str, Any]:
    """Return the manifest of a job when it is complete."""
    for _ in range(29):
        answer = handler(export("GET", f"$export/{job}", client=client), None)
        if answer["statusCode"] == 200:
            return dict(json.loads(answer["body"]))
        assert answer["statusCode"] == 202, answer["body"]
        time.sleep(2)
    raise AssertionError("the job does not end")


def test_the_worker_of_bulk_exports_uses_every_right_that_it_has(held: LocalStack) -> None:
    jobs = DynamoDbJobs(held.client("dynamodb"), held.stack.outputs["ExportTable"])
    job = a_job(time.time(), id=secrets.token_hex(16), selection=Selection(("Patient", "Organization", "Observation")))
    jobs.put(job, 2)
    with function_here(held, "ExportWorkerFunction", "export_worker") as (handler, used):
        assert handler({"patients": ["4", "nobody"]}, None)["absent"] == ["nobody"]

        def step(name: str, **more: Any) -> dict[str, Any]:
            return dict(handler({"job": job.id, "step": name, **more}, None))

        while "wait" in (begun := step("begin")):
            time.sleep(begun["wait"])
        for chain in begun["chains"]:
            while step("read", chain=chain)["more"]:
                pass
        while step("record")["more"]:
            pass
        assert step("finish")["expires"]
        jobs.end(job.id)
        while step("remove")["more"]:
            pass
    assert used == GRANTED["ExportWorkerFunction"]


def test_the_console_asks_nobody(loaded: LocalStack) -> None:
    with function_here(loaded, "ConsoleFunction", "service_console") as (handler, used):
        assert handler(rest_event("GET", "/nothing"), None)["statusCode"] == 404

    assert used == set() == GRANTED["ConsoleFunction"] | KEYS_GRANTED["ConsoleFunction"]
