"""Make a warm request to each function, with recorded AWS responses, and its bare calls.

Each function is composed in this process as it is deployed. A request is sent once and the AWS responses are recorded.
The request can then be repeated with these responses, and so can its calls alone: by a boto3 client with boto3's own
settings, and with `jwt.decode` if a token is verified. Another process sends the responses.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import boto3
import jwt
from benchmarks.setup.wire import AwsCall, Wire
from botocore import xform_name
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect.oauth.dpop.proof import ALGORITHMS, WINDOW
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.emulator_client import REGION
from careconnect_testing.http.bound_event import bound_event
from careconnect_testing.http.events import Event, authorizer_event, fhir_event, form_event
from careconnect_testing.http.writes import JSON, NHS_NUMBER, PATCH, observation, patient
from careconnect_testing.parts.dpop_proofs import proof_key
from careconnect_testing.stacks.deployed_function import deployed_handler

_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.cruds", "expires_at": "99999999999", "jti": "a-jti"}
_READ: Final = 1.1
_PAGE: Final = 1.25
_AUDIT: Final = 1.5
_TOKEN: Final = 1.25
_AUTHORIZER: Final = 1.2
_WRITE: Final = 1.5
_BOUND: Final = 1.2


@dataclass(frozen=True, slots=True)
class Case:
    """A request to a function, and the most CPU it may take, as a multiple of its bare calls.

    The requests of `before` are sent once, first. `token` is verified among the bare calls if that is the function's
    job.
    """

    name: str
    function: str
    package: str
    event: Event
    budget: float
    before: Sequence[Event] = ()
    token: str = ""


class _Context:
    """The Lambda context of an invocation."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class WarmRequest:
    """A request that can be repeated (`whole`), its AWS calls (`asked`), and these calls alone (`bare`).

    `answer` is the function's response to it.
    """

    asked: Sequence[AwsCall]
    answer: Mapping[str, Any]
    whole: Callable[[], None]
    bare: Callable[[], None]


@contextmanager
def warm_request(stack: LocalStack, wire: Wire, case: Case) -> Iterator[WarmRequest]:
    """Compose a case's function under its role, and record the AWS responses to it."""
    with deployed_handler(stack, case.function, case.package, endpoint=wire.endpoint) as handler:
        wire.learn()
        for event in case.before or (case.event,):
            handler(event, _Context())
        wire.learn()
        handler(case.event, _Context())
        wire.replay()
        # The instance is warm from here on: its keys and the state of the index are cached.
        answer = handler(case.event, _Context())
        status = answer.get("statusCode", 200)
        assert status < 300, f"{case.name}: {status}"
        asked = wire.asked()
        verification = [_verification(stack, case.token)] if case.token else []

        def whole() -> None:
            assert handler(case.event, _Context()).get("statusCode", 200) == status, case.name

        calls = [_call(one, _bare_client(one.service, wire.endpoint)) for one in asked]
        yield WarmRequest(asked, answer, whole, partial(_all, [*calls, *verification]))


def cases(stack: LocalStack, client: DemoClient) -> list[Case]:
    """Return a case of each kind of request; the stack holds the sample, and `client` may read all of it."""
    with deployed_handler(stack, "TokenFunction", "token_issuer") as handler:
        token = str(json.loads(handler(_token_event(client), _Context())["body"])["access_token"])
    return [*_of_bound_tokens(stack.base_url), *_reads(), *_of_tokens(client, token), *_writes(), *_dear_pages()]


def _all(calls: Sequence[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def _call(asked: AwsCall, client: Any) -> Callable[[], Any]:
    """Return a function that repeats a call as it was made."""
    parameters = dict(asked.parameters)
    if "Message" in parameters:
        parameters["Message"] = base64.b64decode(parameters["Message"])
    return partial(getattr(client, xform_name(asked.operation)), **parameters)


@cache
def _bare_client(service: str, endpoint: str) -> Any:
    """Return a client with boto3's own settings."""
    return boto3.session.Session("testing", "testing", region_name=REGION).client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def _verification(stack: LocalStack, token: str) -> Callable[[], Any]:
    """Return a function that verifies a token by PyJWT alone."""
    kms = stack.client("kms")
    aliases = (kms.get_public_key(KeyId=f"{stack.stack.outputs['SigningKeyAlias']}-current"),)
    key = load_der_public_key(aliases[0]["PublicKey"])
    return partial(jwt.decode, token, key, algorithms=["RS256"], audience=stack.fhir_url, issuer=stack.base_url)  # type: ignore[arg-type]


def _read(name: str, path: str, query: Sequence[tuple[str, str]] = (), budget: float = _PAGE, **more: Any) -> Case:
    function = "DirectoryFunction" if path.startswith("Organization") else "PatientRecordFunction"
    return Case(name, function, "fhir_reader", fhir_event("GET", path, query, authorizer=_CALLER), budget, **more)


def _reads() -> list[Case]:
    return [
        _read("read of a patient", "Patient/4", budget=_READ),
        _read("read of an observation", "Observation/4-1", budget=_READ),
        _read("read of an organization", "Organization/SAMPLE-GP1", budget=_READ),
        _read("search: page of 20 of a record", "Observation", [("patient", "4"), ("_count", "20")]),
        _read("search: by a code in a record", "Observation", [("patient", "4"), ("code", "85354-9")]),
        _read("search: `_revinclude`", "Patient", [("_id", "4"), ("_revinclude", "Observation:patient")]),
        _read("a patient's whole record", "Patient/4/$everything"),
    ]


def _of_bound_tokens(base_url: str) -> Iterator[Case]:
    """Yield the read of a patient by a bound token, for each kind of key; they are measured first, within a minute."""
    event = fhir_event("GET", "Patient/4", authorizer=_CALLER)
    for algorithm in ALGORITHMS:
        bound = bound_event(event, base_url, key=proof_key(algorithm=algorithm), iat=int(time.time()) + WINDOW)
        name = f"read of a patient by a bound token, {algorithm}"
        yield Case(name, "PatientRecordFunction", "fhir_reader", bound, _BOUND, (event,))


def _dear_pages() -> list[Case]:
    audit = {**_CALLER, "scope": "system/AuditEvent.read"}
    events = fhir_event("GET", "AuditEvent", [("patient", "4"), ("_count", "20")], authorizer=audit)
    practitioners = fhir_event("GET", "Practitioner", [("_count", "20")], authorizer=_CALLER)
    return [
        _read("search: page of 20 patients", "Patient", [("_count", "20")]),
        Case("search: page of the directory", "DirectoryFunction", "fhir_reader", practitioners, _PAGE),
        Case("page of the audit trail", "AuditFunction", "access_auditor", events, _AUDIT),
    ]


def _token_event(client: DemoClient) -> Event:
    basic = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    return form_event("/token", form, headers={"Authorization": f"Basic {basic}"})


def _of_tokens(client: DemoClient, token: str) -> list[Case]:
    return [
        Case("token", "TokenFunction", "token_issuer", _token_event(client), _TOKEN),
        Case(
            "authorizer", "ReadAuthorizerFunction", "scope_authorizer", authorizer_event(f"Bearer {token}"),
            _AUTHORIZER, token=token,
        ),
    ]  # fmt: skip


def _write(method: str, path: str, body: Any = None, **headers: str) -> Event:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given.setdefault("Content-Type", JSON)
    text = None if body is None else json.dumps(body)
    return fhir_event(method, path, headers=given, body=text, authorizer=_CALLER)


def _writes() -> Iterator[Case]:
    one = {**patient("9990000001", gender="female", name=[{"family": "Muñoz", "given": ["Ada"]}]), "id": "p"}
    seen = {**observation("Patient/p", valueQuantity={"value": 61.5, "unit": "kg"}), "id": "o"}
    other = patient("9990000002")
    unless_there = {"If_None_Exist": f"identifier={NHS_NUMBER}|9990000002"}
    change = [{"op": "replace", "path": "/status", "value": "final"}]
    first = _write("PUT", "Patient/first", {**patient("9990000000"), "id": "first"})
    made = _write("PUT", "Observation/o", seen)
    cases = [
        ("`PUT` of a Patient, new", _write("PUT", "Patient/p", one), (first,)),
        ("`POST` of an Observation", _write("POST", "Observation", seen), (first,)),
        ("`POST` of a Patient unless there", _write("POST", "Patient", other, **unless_there), (first,)),
        ("`POST` of a Patient that is there", _write("POST", "Patient", other, **unless_there), (first,)),
        ("`PUT` of an Observation, changed", _write("PUT", "Observation/o", {**seen, "status": "amended"}), (made,)),
        ("`PUT` of an Observation, unchanged", _write("PUT", "Observation/o", {**seen, "status": "amended"}), (first,)),
        ("`PATCH` of an Observation", _write("PATCH", "Observation/o", change, Content_Type=PATCH), (first,)),
        ("`DELETE` of an Observation", _write("DELETE", "Observation/o"), (first,)),
    ]
    for name, event, before in cases:
        yield Case(f"write: {name}", "RecordWriterFunction", "record_writer", event, _WRITE, before)
