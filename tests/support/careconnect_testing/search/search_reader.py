"""Clients of the reader: its apps in this process over a real DynamoDB endpoint, or the deployed one over HTTP."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import httpx

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.storage.intents import StateTables
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import FORM, Pairs, fhir_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.usage_counters import no_limit
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

EVERYTHING = "system/*.read profile"


class Reader(Protocol):
    """A reader that answers FHIR requests."""

    base: str
    """The FHIR base URL."""

    def get(self, path: str, parameters: Pairs = (), **headers: str) -> Answer:
        """GET a path below the base."""

    def raw(self, path_and_query: str, **headers: str) -> Answer:
        """GET a path and query below the base, exactly as encoded."""

    def post(self, path: str, form: Pairs, parameters: Pairs = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""


def follow(reader: Reader, url: str) -> Answer:
    """GET an absolute URL of the reader."""
    assert url.startswith(reader.base + "/"), url
    parts = urlsplit(url)
    path = unquote(parts.path).partition(FHIR_PATH + "/")[2]
    return reader.get(path, parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))


def walk(reader: Reader, first: Answer) -> list[Answer]:
    """Return a search's response and all pages after it, following the next links."""
    pages = [first]
    while url := pages[-1].link("next"):
        pages.append(follow(reader, url))
        assert pages[-1].status == 200, pages[-1].text
    return pages


@dataclass
class InProcessReader:
    """The reader's two apps over one DynamoDB client, with its calls counted."""

    client: Any
    record_table: str
    directory_table: str
    base_url: str = "https://care.example"
    scope: str = EVERYTHING
    patient: str = ""
    now: Callable[[], float] = time.time
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list, repr=False)
    _apps: dict[Table, Callable[[Mapping[str, Any]], dict[str, Any]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Build the apps."""
        tables = {Table.RECORD: self.record_table, Table.DIRECTORY: self.directory_table}
        self.base = self.base_url + FHIR_PATH
        self.client.meta.events.register("provide-client-params.dynamodb", self._count, unique_id=f"count-{id(self)}")
        for table in DATA_TABLES:
            store = DynamoDbResourceStore(
                self.client, tables, table, StateTables("transactions", "directory-transactions")
            )
            # A stopwatch that stands still: a busy machine would shorten pages.
            endpoint = FhirEndpoint(store, table, no_limit(), lambda: 0.0)
            # With an audit trail, as deployed: an answer waits for its look-ups, so their calls are the answer's own.
            auditing = StoredEvents().auditing()
            self._apps[table] = RequestPipeline(
                endpoint, self.base_url, "eu-west-2", Cors(("*",)), RecordingObserver(), self.now, auditing=auditing
            )

    def get(self, path: str, parameters: Pairs = (), **headers: str) -> Answer:
        """GET a path below the base."""
        return self._ask("GET", path, parameters, headers)

    def raw(self, path_and_query: str, **headers: str) -> Answer:
        """GET a path and query below the base, decoded as the gateway does."""
        path, _, query = path_and_query.partition("?")
        return self.get(unquote(path), parse_qsl(query, keep_blank_values=True), **headers)

    def post(self, path: str, form: Pairs, parameters: Pairs = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""
        headers = {"content-type": FORM, **headers}
        return self._ask("POST", path, parameters, headers, urlencode(form))

    def as_client(self, scope: str, patient: str = "") -> "InProcessReader":
        """Return a reader of the same tables with other access rights."""
        return InProcessReader(
            self.client, self.record_table, self.directory_table, self.base_url, scope, patient, self.now
        )

    def _count(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, params))

    def _ask(self, method: str, path: str, parameters: Pairs, headers: Mapping[str, str], body: str = "") -> Answer:
        type_ = resource_type(path.partition("/")[0])
        authorizer = {"client_id": "searcher", "scope": self.scope, "expires_at": str(int(self.now()) + 100)}
        if self.patient:
            authorizer["patient"] = self.patient
        event = fhir_event(method, path, parameters, headers=headers, body=body, authorizer=authorizer)
        return Answer.of(self._apps[type_.table if type_ else Table.RECORD](event))


@dataclass
class HttpReader:
    """The deployed API over HTTP."""

    http: httpx.Client
    authorization: Mapping[str, str]

    def __post_init__(self) -> None:
        """Take the FHIR base from the client's own."""
        self.base = str(self.http.base_url).rstrip("/") + FHIR_PATH

    def get(self, path: str, parameters: Pairs = (), **headers: str) -> Answer:
        """GET a path below the base."""
        query = urlencode(parameters, quote_via=quote)
        return self.raw(f"{quote(path, safe='/$')}" + (f"?{query}" if query else ""), **headers)

    def raw(self, path_and_query: str, **headers: str) -> Answer:
        """GET a path and query below the base, exactly as encoded."""
        answer = self.http.get(f"{FHIR_PATH}/{path_and_query}", headers={**self.authorization, **headers})
        return Answer.over_http(answer)

    def post(self, path: str, form: Pairs, parameters: Pairs = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""
        answer = self.http.post(
            f"{FHIR_PATH}/{path}",
            content=urlencode(form),
            params=list(parameters),
            headers={"content-type": FORM, **self.authorization, **headers},
        )
        return Answer.over_http(answer)
