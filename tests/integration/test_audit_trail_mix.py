"""Thousands of requests of every kind, and their audit trail: each disclosure once, and nothing else.

The patients that an answer discloses are derived from the answer itself and from the records as they were loaded,
independently of the server.
"""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect.audit.event import AuditEvent, event_of
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import observation

# One process makes the calls, and asks all that is asked of them.
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("access record")]

CALLS = 5_000
_SEED = 20_261_126
_MINE = "mix-"
_PATIENTS = [str(number) for number in range(1, 41)]
_OF_RECORDS = (
    *("Observation", "Condition", "Encounter", "Procedure", "AllergyIntolerance"),
    *("Immunization", "MedicationRequest", "MedicationStatement", "EpisodeOfCare"),
)


@dataclass(frozen=True)
class Sent:
    """A request, the id of the client that sends it, and the patients that it names."""

    method: str
    path: str
    client: str
    named: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str], ...] = ()
    body: Any = None


@dataclass
class Answered:
    """The outcome of a request: its status, and the patients that its answer mentions."""

    asked: Sent
    status: int
    told: set[str] = field(default_factory=set)


def patients_in(resource: dict[str, Any]) -> Iterator[str]:
    """Yield the patients that a resource or a Bundle is about, as its content says."""
    if resource["resourceType"] == "Bundle":
        for entry in resource.get("entry", ()):
            if "resource" in entry:
                yield from patients_in(entry["resource"])
    elif resource["resourceType"] == "Patient":
        yield resource["id"]
    elif resource["resourceType"] in _OF_RECORDS:
        reference = resource.get("subject") or resource.get("patient") or {}
        if match := re.fullmatch(r"Patient/([^/]+)", reference.get("reference", "")):
            yield match[1]


class Mix:
    """Makes up requests, the same ones for the same seed."""

    def __init__(self, owners: dict[str, str], numbers: dict[str, str]) -> None:
        self._random = random.Random(_SEED)
        self._identifiers = numbers
        self._owners = owners
        self._paths = sorted(owners)
        self._numbers = iter(range(10**9))

    def requests(self, count: int) -> list[Sent]:
        kinds: list[Callable[[], Sent]] = [
            *[self._read] * 4,
            *[self._search] * 4,
            *[self._everything, self._include, self._revinclude, self._population, self._directory],
            *[self._absent, self._refused, self._foreign, self._write, self._write, self._delete, self._token],
            *[self._history, self._count, self._malformed, self._audit, self._described, self._described, self._all],
        ]
        return [self._random.choice(kinds)() for _ in range(count)]

    def _patient(self) -> str:
        return self._random.choice(_PATIENTS)

    def _owned(self) -> tuple[str, str]:
        path = self._random.choice(self._paths)
        return path, self._owners[path]

    def _read(self) -> Sent:
        if self._random.random() < 0.5:
            patient = self._patient()
            return Sent("GET", f"Patient/{patient}", "all", frozenset({patient}))
        path, _ = self._owned()
        return Sent(self._random.choice(("GET", "GET", "HEAD")), path, "all")

    def _search(self) -> Sent:
        patient, type_ = self._patient(), self._random.choice(_OF_RECORDS)
        where = self._random.choice(("patient", "below", "absolute"))
        if where == "below":
            return Sent("GET", f"Patient/{patient}/{type_}", "all", frozenset({patient}), (("_count", "5"),))
        value = patient if where == "patient" else f"Patient/{patient}"
        return Sent("GET", type_, "all", frozenset({patient}), (("patient", value), ("_count", "3")))

    def _count(self) -> Sent:
        patient = self._patient()
        return Sent("GET", "Condition", "all", frozenset({patient}), (("patient", patient), ("_summary", "count")))

    def _everything(self) -> Sent:
        patient = self._patient()
        return Sent("GET", f"Patient/{patient}/$everything", "all", frozenset({patient}), (("_count", "10"),))

    def _include(self) -> Sent:
        path, _ = self._owned()
        type_, _, id_ = path.partition("/")
        return Sent("GET", type_, "all", parameters=(("_id", id_), ("_include", f"{type_}:patient")))

    def _revinclude(self) -> Sent:
        few = sorted({self._patient(), self._patient()})
        parameters = (("_id", ",".join(few)), ("_revinclude", "Immunization:patient"))
        return Sent("GET", "Patient", "all", frozenset(few), parameters)

    def _population(self) -> Sent:
        return Sent(
            "GET",
            "Patient",
            "all",
            parameters=(("birthdate", f"ge{self._random.randint(1930, 2015)}"), ("_count", "7")),
        )

    def _described(self) -> Sent:
        """Search a patient by an identifier, with any other criteria and however few results."""
        patient = self._patient()
        number, what = self._identifiers[patient], self._random.choice(("page", "none", "count", "chain"))
        if what == "chain":
            chain = (("patient.identifier", number), ("_count", "2"))
            return Sent("GET", "Observation", "all", frozenset({patient}), chain)
        others = {"page": (), "none": (("birthdate", "ge2100"),), "count": (("_summary", "count"),)}[what]
        return Sent("GET", "Patient", "all", frozenset({patient}), (("identifier", number), *others))

    def _all(self) -> Sent:
        parameters = (("_count", "100"), ("_revinclude", "Immunization:patient"), ("gender", "male"))
        return Sent("GET", "Patient", "all", parameters=parameters)

    def _directory(self) -> Sent:
        return Sent("GET", "Organization", "all", parameters=(("name", "a"),))

    def _absent(self) -> Sent:
        patient = f"absent-{next(self._numbers)}"
        return Sent("GET", f"Patient/{patient}", "all", frozenset({patient}))

    def _refused(self) -> Sent:
        # The gateway lets any client that may read Patient request paths below one: the function refuses them.
        patient = self._patient()
        return Sent("GET", f"Patient/{patient}/Condition", "patients", frozenset({patient}))

    def _foreign(self) -> Sent:
        """A client bound to patient 5 requests another's record, or its own."""
        path, owner = self._owned()
        return Sent("GET", path, "bound", frozenset({owner}))

    def _history(self) -> Sent:
        patient = self._patient()
        return Sent("GET", f"Patient/{patient}/_history", "all", frozenset({patient}))

    def _audit(self) -> Sent:
        patient = self._patient()
        return Sent("GET", "AuditEvent", "auditor", frozenset({patient}), (("patient", patient), ("_count", "2")))

    def _malformed(self) -> Sent:
        patient = self._patient()
        return Sent("GET", "Observation", "all", frozenset({patient}), (("patient", patient), ("date", "never")))

    def _write(self) -> Sent:
        # Each is one patient's for good: one that moves is a matter of the writer's own tests.
        patient = self._patient()
        path = f"Observation/mix-of-{patient}-{self._random.randrange(3)}"
        body = {
            **observation(f"Patient/{patient}"),
            "id": path.partition("/")[2],
            "valueString": str(next(self._numbers)),
        }
        return Sent("PUT", path, "all", frozenset({patient}), body=body)

    def _delete(self) -> Sent:
        return Sent("DELETE", f"Observation/absent-{next(self._numbers)}", "all")

    def _token(self) -> Sent:
        return Sent("POST", "/token", self._random.choice(("good", "bad")))


@dataclass
class Run:
    """The requests that were made, by their ids, and the events of them."""

    answered: dict[str, Answered]
    events: dict[str, list[AuditEvent]]
    log: str


@pytest.fixture(scope="module")
def run(local_stack: LocalStack, http: httpx.Client, sample: Path, explorer: DemoClient, editor: DemoClient) -> Run:
    # Of its own, since wrong secrets throttle it.
    asking = replace(explorer, client_id="mix-tokens")
    outputs = local_stack.stack.outputs
    register([asking], DynamoDbClientRegistry(local_stack.client("dynamodb"), outputs["ClientTable"]))
    api = Api(local_stack, http)
    owners = {}
    for file in sample.glob("*.ndjson"):
        for line in file.open(encoding="utf-8"):
            resource = json.loads(line)
            if resource["resourceType"] in _OF_RECORDS:
                (owners[f"{resource['resourceType']}/{resource['id']}"],) = patients_in(resource)
    tokens = {
        "all": api.token(editor.client_id, editor.secret),
        "patients": api.register("mix-patients", "system/Patient.read"),
        "auditor": api.register("mix-auditor", "system/AuditEvent.read"),
        "bound": api.register("mix-bound", "patient/*.read", "5"),
    }
    numbers = {}
    for line in (sample / "Patient.ndjson").open(encoding="utf-8"):
        found = json.loads(line)
        numbers[found["id"]] = "{system}|{value}".format_map(found["identifier"][0])
    requests = {f"{_MINE}{number}": asked for number, asked in enumerate(Mix(owners, numbers).requests(CALLS))}

    def send(request_id: str, asked: Sent) -> Answered:
        headers = {"X-Request-Id": request_id}
        if asked.path == "/token":
            secret = asking.secret if asked.client == "good" else "wrong-" + asking.secret
            auth = (asking.client_id, secret)
            form = {"grant_type": "client_credentials"}
            return Answered(asked, http.post("/token", data=form, auth=auth, headers=headers).status_code)
        headers["Authorization"] = f"Bearer {tokens[asked.client]}"
        if asked.body is not None:
            headers["Content-Type"] = "application/fhir+json"
        answer = http.request(
            asked.method,
            f"{FHIR_PATH}/{asked.path}",
            params=asked.parameters,
            headers=headers,
            content=json.dumps(asked.body) if asked.body is not None else None,
        )
        answered = Answered(asked, answer.status_code)
        if answer.status_code in (200, 201) and answer.content:
            answered.told = set(patients_in(answer.json()))
        elif answer.status_code == 200:
            answered.told = {owners.get(asked.path, asked.path.rpartition("/")[2])}
        return answered

    with ThreadPoolExecutor(8) as pool:
        answered = dict(zip(requests, pool.map(send, requests, requests.values()), strict=True))
    return Run(answered, _events(local_stack), "\n".join(_logs(local_stack)))


def _events(stack: LocalStack) -> dict[str, list[AuditEvent]]:
    """Return the audit events in the trail, by request id."""
    by_request: dict[str, list[AuditEvent]] = defaultdict(list)
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.stack.outputs["AuditTable"])
    for item in (item for page in pages for item in page["Items"] if "action" in item):
        event = event_of(item)
        by_request[event.request_id].append(event)
    return by_request


def _logs(stack: LocalStack) -> Iterator[str]:
    for name in stack.stack.resources:
        if name.endswith("Function"):
            yield from stack.function_log(name)


def _reported(events: Iterable[AuditEvent]) -> Counter[str]:
    return Counter(event.patient for event in events)


def test_the_mix_is_of_every_kind(run: Run) -> None:
    kinds = Counter((each.asked.client, each.asked.method, each.status) for each in run.answered.values())

    assert len(run.answered) == CALLS
    assert {status for _, _, status in kinds} >= {200, 201, 204, 400, 401, 403, 404}
    assert kinds["bound", "GET", 200] > 0
    assert kinds["bound", "GET", 404] > 0
    assert not [status for _, _, status in kinds if status >= 500]


def _is_one_of_many(answered: Answered) -> bool:
    """Return True if an unproven client failed to authenticate: of these failures one a minute is an event."""
    return answered.asked.path == "/token" and answered.status in (401, 429)


def test_each_disclosure_is_one_event_that_names_the_patient_and_nobody_else_is_named(run: Run) -> None:
    wrong = {}
    for request_id, answered in run.answered.items():
        expected = (answered.told if answered.status < 400 else set()) | answered.asked.named
        found = _reported(run.events[request_id])
        if found != Counter(expected or {""}) and not _is_one_of_many(answered):
            wrong[request_id] = (answered, found)

    assert wrong == {}


def test_an_event_says_whether_its_request_was_allowed(run: Run) -> None:
    for request_id, answered in run.answered.items():
        # A read of a patient by its path is allowed, even if there is no such patient.
        is_allowed = answered.status < 400 or (answered.asked.path.startswith("Patient/absent"))
        expected = ("0", 0) if is_allowed else ("4", answered.status)
        found = {(event.outcome.value, event.status) for event in run.events[request_id]}
        assert found == {expected} or (_is_one_of_many(answered) and not found), (request_id, answered)


def test_failures_of_nobody_are_few(run: Run) -> None:
    failures = [each for each in run.answered if _is_one_of_many(run.answered[each])]
    events = [event for each in failures for event in run.events[each]]

    assert len(failures) > 50
    assert len(events) == len({(event.at, event.why) for event in events}) < len(failures)


def test_nothing_of_a_patient_is_in_any_log(run: Run, sample: Path) -> None:
    words = {"Patient/", "patient=", "birthdate="}
    for line in (sample / "Patient.ndjson").open(encoding="utf-8"):
        patient = json.loads(line)
        words |= {identifier["value"] for identifier in patient["identifier"] if len(identifier["value"]) > 9}
        words |= {name["family"] for name in patient.get("name", ()) if len(name.get("family", "")) > 5}

    assert "request" in run.log
    assert [word for word in sorted(words) if word in run.log] == []
