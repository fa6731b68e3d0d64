"""What a warm call of each function costs the processor, beside its bare calls of AWS.

    python -m benchmarks.own_cpu

Each function is composed in this process as it is deployed, on a local stack with the sample. A request is made once,
and what AWS answers to it is kept. Then it is made again and again on these answers, and in turn with it its calls
alone, by a client of boto3 with boto3's own settings (and `jwt.decode`, where a token is verified). CPU time counts,
all of this process's threads': whoever answers is another process. The least of all runs is the figure, and its noise
what the median is above that.
"""

import base64
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import boto3
import jwt
from benchmarks.wire import Asked, Wire
from botocore import xform_name
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect import aws
from careconnect_admin.clients.demo import EXPLORER, DemoClient, demo_clients, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.sample.generator import write_sample
from careconnect_admin.stack.emulator_client import REGION
from careconnect_records.tables import RecordTables
from careconnect_testing.deployed_function import deployed_handler
from careconnect_testing.events import Event, authorizer_event, fhir_event, form_event
from careconnect_testing.writes import JSON, NHS_NUMBER, PATCH, observation, patient

_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.cruds", "expires_at": "99999999999", "jti": "a-jti"}
_ONE_READ: Final = 1.1
_PAGE: Final = 1.25
_RUNS: Final = 300
_LONG_RUNS: Final = 60
_LONG: Final = 0.004
"""Seconds from which a request is made fewer times."""


@dataclass(frozen=True, slots=True)
class Spread:
    """CPU of many runs in milliseconds: the least, and the median."""

    least: float
    median: float

    def __str__(self) -> str:
        return f"{self.least:.2f} (+{self.median - self.least:.2f})"


@dataclass(frozen=True, slots=True)
class Figure:
    """A request's CPU, that of its bare calls, and that of the same calls by a client as the functions have it."""

    name: str
    calls: tuple[str, ...]
    own: Spread
    bare: Spread
    ours: Spread
    budget: float

    @property
    def ratio(self) -> float:
        """The request over its bare calls."""
        return self.own.least / self.bare.least

    @property
    def ratio_to_ours(self) -> float:
        """The request over the same calls by our own client: what is left is the function itself."""
        return self.own.least / self.ours.least


@dataclass(frozen=True, slots=True)
class Case:
    """A request to a function and the ratio that it may have; those of `before` are made first, once.

    `token` is what is verified beside the bare calls, where that is the function's job.
    """

    name: str
    function: str
    package: str
    event: Event
    budget: float
    before: Sequence[Event] = ()
    token: str = ""


class _Context:
    """What a function is told of its invocation."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"


def own_cpu() -> list[Figure]:
    """Measure every case; takes about two minutes."""
    # A logger keeps the output that it was made with.
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        _loaded_stack() as (stack, client),
        Wire(stack.endpoint) as wire,
        redirect_stdout(nowhere),
    ):
        token = _token_of(stack, client)
        cases = [*_reads(), *_of_tokens(client, token), *_writes()]
        return [_measured(stack, wire, case) for case in cases]


@contextmanager
def _loaded_stack() -> Iterator[tuple[LocalStack, DemoClient]]:
    """Start the stack with the sample and its clients."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(log_folder=Path(folder)) as stack:
        clients = demo_clients()
        register(clients, DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        names = ("RecordTable", "DirectoryTable", "ReferenceTable")
        tables = RecordTables(stack.client("dynamodb"), *(stack.stack.outputs[name] for name in names))
        write_sample(Path(folder))
        load_paths([Path(folder)], tables, base_url=stack.base_url)
        yield stack, next(client for client in clients if client.client_id == EXPLORER)


def _token_of(stack: LocalStack, client: DemoClient) -> str:
    with deployed_handler(stack, "TokenFunction", "token_issuer") as handler:
        return str(json.loads(handler(_token_event(client), _Context())["body"])["access_token"])


def _measured(stack: LocalStack, wire: Wire, case: Case) -> Figure:
    with deployed_handler(stack, case.function, case.package, endpoint=wire.endpoint) as handler:
        wire.learn()
        for event in case.before or (case.event,):
            handler(event, _Context())
        wire.learn()
        handler(case.event, _Context())
        wire.replay()
        # What an instance keeps, as keys and the state of the index, is there from then on.
        status = handler(case.event, _Context()).get("statusCode")
        asked = wire.asked()
        verification = [_verification(stack, case.token)] if case.token else []
        bare = [_bare(one, _bare_client(one.service, wire.endpoint)) for one in asked]
        ours = [_bare(one, _our_client(one.service, wire.endpoint)) for one in asked]

        def whole() -> None:
            assert handler(case.event, _Context()).get("statusCode") == status, case.name

        taken = _least(whole, partial(_all, bare + verification), partial(_all, ours + verification))
        return Figure(case.name, tuple(one.operation for one in asked), *taken, case.budget)


def _all(calls: Sequence[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def _bare(asked: Asked, client: Any) -> Callable[[], Any]:
    """Return a call as it was made."""
    parameters = dict(asked.parameters)
    if "Message" in parameters:
        parameters["Message"] = base64.b64decode(parameters["Message"])
    return partial(getattr(client, xform_name(asked.operation)), **parameters)


@cache
def _our_client(service: str, _endpoint: str) -> Any:
    """Return a client as the functions have it."""
    return {"dynamodb": aws.dynamodb, "kms": aws.kms}[service]()


@cache
def _bare_client(service: str, endpoint: str) -> Any:
    """Return a client with the settings that boto3 has by itself."""
    return boto3.session.Session("testing", "testing", region_name=REGION).client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def _verification(stack: LocalStack, token: str) -> Callable[[], Any]:
    """Return what verifies a token as PyJWT does it by itself."""
    kms = stack.client("kms")
    aliases = (kms.get_public_key(KeyId=f"{stack.stack.outputs['SigningKeyAlias']}-current"),)
    key = load_der_public_key(aliases[0]["PublicKey"])
    return partial(jwt.decode, token, key, algorithms=["RS256"], audience=stack.fhir_url, issuer=stack.base_url)  # type: ignore[arg-type]


def _least(*each: Callable[[], None]) -> list[Spread]:
    """Do each in turn, again and again, and return what it takes."""
    taken: list[list[float]] = [[] for _ in each]
    runs = _LONG_RUNS if _once(each[0]) > _LONG else _RUNS
    gc.collect()
    for _ in range(runs):
        for done, times in zip(each, taken, strict=True):
            times.append(1000 * _once(done))
    return [Spread(min(times), statistics.median(times)) for times in taken]


def _once(done: Callable[[], None]) -> float:
    begun = time.process_time()
    done()
    return time.process_time() - begun


def _read(name: str, path: str, query: Sequence[tuple[str, str]] = (), budget: float = _PAGE, **more: Any) -> Case:
    function = "DirectoryFunction" if path.startswith("Organization") else "PatientRecordFunction"
    return Case(name, function, "fhir_reader", fhir_event("GET", path, query, authorizer=_CALLER), budget, **more)


def _reads() -> list[Case]:
    return [
        _read("read of a patient", "Patient/4", budget=_ONE_READ),
        _read("read of an observation", "Observation/4-1", budget=_ONE_READ),
        _read("read of an organization", "Organization/SAMPLE-GP1", budget=_ONE_READ),
        _read("search: page of 20 of a record", "Observation", [("patient", "4"), ("_count", "20")]),
        _read("search: `_revinclude`", "Patient", [("_id", "4"), ("_revinclude", "Observation:patient")]),
        _read("a patient's whole record", "Patient/4/$everything"),
    ]


def _token_event(client: DemoClient) -> Event:
    basic = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    return form_event("/token", form, headers={"Authorization": f"Basic {basic}"})


def _of_tokens(client: DemoClient, token: str) -> list[Case]:
    return [
        Case("token", "TokenFunction", "token_issuer", _token_event(client), 1.25),
        Case(
            "authorizer", "AuthorizerFunction", "scope_authorizer", authorizer_event(f"Bearer {token}"), 1.2,
            token=token,
        ),
    ]  # fmt: skip


def _write(method: str, path: str, body: Any = None, query: Sequence[tuple[str, str]] = (), **headers: str) -> Event:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given.setdefault("Content-Type", JSON)
    text = None if body is None else json.dumps(body)
    return fhir_event(method, path, query, headers=given, body=text, authorizer=_CALLER)


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
        ("the same, there already", _write("POST", "Patient", other, **unless_there), (first,)),
        ("`PUT` of an Observation, changed", _write("PUT", "Observation/o", {**seen, "status": "amended"}), (made,)),
        ("the same, as it is", _write("PUT", "Observation/o", {**seen, "status": "amended"}), (first,)),
        ("`PATCH` of an Observation", _write("PATCH", "Observation/o", change, Content_Type=PATCH), (first,)),
        ("`DELETE` of an Observation", _write("DELETE", "Observation/o"), (first,)),
    ]
    for name, event, before in cases:
        yield Case(f"write: {name}", "RecordWriterFunction", "record_writer", event, 1.5, before)


def main() -> None:
    """Print the table."""
    print("| request | calls | CPU, ms | bare calls, ms | ratio | at most | our calls, ms | ratio |\n|" + "---|" * 8)
    for one in own_cpu():
        print(
            f"| {one.name} | {', '.join(one.calls)} | {one.own} | {one.bare} | {one.ratio:.2f} | {one.budget:.2f} "
            f"| {one.ours} | {one.ratio_to_ours:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
