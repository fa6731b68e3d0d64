"""Ways to ask the reader: its apps in this process over a real DynamoDB endpoint, or the deployed one over HTTP."""

import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import httpx

from careconnect.http import Cors
from careconnect.resource_types import FHIR_PATH, Home, resource_type
from careconnect.shell import Shell
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

Parameters = Sequence[tuple[str, str]]

EVERYTHING = "system/*.read profile"


@dataclass(frozen=True)
class Answer:
    """What the reader answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed

    @property
    def total(self) -> int:
        """The Bundle's total."""
        return int(self.json["total"])

    def ids(self, mode: str = "match") -> list[str]:
        """Return the ids of the Bundle's entries of one search mode, in order."""
        return [reference.partition("/")[2] for reference in self.references(mode)]

    def references(self, mode: str = "match") -> list[str]:
        """Return `Type/id` of the Bundle's entries of one search mode, in order."""
        return [
            f"{entry['resource']['resourceType']}/{entry['resource'].get('id', '')}"
            for entry in self.json.get("entry", ())
            if entry["search"]["mode"] == mode
        ]

    def link(self, relation: str) -> str:
        """Return a link of the Bundle, empty if it has none."""
        return next((str(link["url"]) for link in self.json["link"] if link["relation"] == relation), "")

    @property
    def diagnostics(self) -> str:
        """The text of an OperationOutcome's first issue."""
        return str(self.json["issue"][0]["diagnostics"])


class Reader(Protocol):
    """Something that answers FHIR requests."""

    base: str
    """The FHIR base URL."""

    def get(self, path: str, parameters: Parameters = (), **headers: str) -> Answer:
        """GET a path below the base."""

    def post(self, path: str, form: Parameters, parameters: Parameters = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""


def follow(reader: Reader, url: str) -> Answer:
    """GET an absolute URL of the reader."""
    assert url.startswith(reader.base + "/"), url
    parts = urlsplit(url)
    path = unquote(parts.path).partition(FHIR_PATH + "/")[2]
    return reader.get(path, parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))


def walk(reader: Reader, first: Answer) -> list[Answer]:
    """Return a search's answer and all pages after it, along the next links."""
    pages = [first]
    while url := pages[-1].link("next"):
        pages.append(follow(reader, url))
        assert pages[-1].status == 200, pages[-1].text
    return pages


class _Observer:
    def request(self, action: str, status: int, **details: Any) -> None:
        """Say nothing of an answered request."""

    def failure(self, action: str, error: BaseException, **_: Any) -> None:
        """Show an unexpected error in the test's output."""
        traceback.print_exception(error)

    def count(self, name: str) -> None:
        """Let a metric pass."""


@dataclass
class InProcessReader:
    """The reader's two apps over one DynamoDB client; counts the calls that it makes."""

    client: Any
    record_table: str
    directory_table: str
    base_url: str = "https://care.example"
    scope: str = EVERYTHING
    patient: str = ""
    now: Callable[[], float] = time.time
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list, repr=False)
    _apps: dict[Home, Callable[[Mapping[str, Any]], dict[str, Any]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Build the apps."""
        tables = {Home.RECORD: self.record_table, Home.DIRECTORY: self.directory_table}
        self.base = self.base_url + FHIR_PATH
        self.client.meta.events.register("provide-client-params.dynamodb", self._count, unique_id=f"count-{id(self)}")
        for home in Home:
            store = DynamoDbResourceStore(self.client, tables, home)
            self._apps[home] = Shell(
                FhirEndpoint(store, home), self.base_url, "eu-west-2", Cors(("*",)), _Observer(), self.now
            )

    def get(self, path: str, parameters: Parameters = (), **headers: str) -> Answer:
        """GET a path below the base."""
        return self._ask("GET", path, parameters, headers)

    def post(self, path: str, form: Parameters, parameters: Parameters = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""
        headers = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", path, parameters, headers, urlencode(form))

    def as_client(self, scope: str, patient: str = "") -> "InProcessReader":
        """Return a reader for another access to the same tables."""
        return InProcessReader(
            self.client, self.record_table, self.directory_table, self.base_url, scope, patient, self.now
        )

    def _count(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, params))

    def _ask(
        self, method: str, path: str, parameters: Parameters, headers: Mapping[str, str], body: str = ""
    ) -> Answer:
        several: dict[str, list[str]] = {}
        for name, value in parameters:
            several.setdefault(name, []).append(value)
        type_ = resource_type(path.partition("/")[0])
        authorizer = {"client_id": "searcher", "scope": self.scope, "expires_at": str(int(self.now()) + 100)}
        if self.patient:
            authorizer["patient"] = self.patient
        answer = self._apps[type_.home if type_ else Home.RECORD](
            {
                "httpMethod": method,
                "path": f"{FHIR_PATH}/{path}",
                "headers": dict(headers),
                "multiValueQueryStringParameters": several,
                "body": body,
                "requestContext": {"requestId": "r", "authorizer": authorizer},
            }
        )
        return Answer(answer["statusCode"], answer["headers"], answer["body"])


@dataclass
class HttpReader:
    """The deployed API over HTTP."""

    http: httpx.Client
    authorization: Mapping[str, str]

    def __post_init__(self) -> None:
        """Take the FHIR base from the client's own."""
        self.base = str(self.http.base_url).rstrip("/") + FHIR_PATH

    def get(self, path: str, parameters: Parameters = (), **headers: str) -> Answer:
        """GET a path below the base."""
        query = urlencode(parameters, quote_via=quote)
        return self.raw(f"{quote(path, safe='/$')}" + (f"?{query}" if query else ""), **headers)

    def raw(self, path_and_query: str, **headers: str) -> Answer:
        """GET a path and query below the base, encoded as they stand."""
        answer = self.http.get(f"{FHIR_PATH}/{path_and_query}", headers={**self.authorization, **headers})
        return Answer(answer.status_code, answer.headers, answer.text)

    def post(self, path: str, form: Parameters, parameters: Parameters = (), **headers: str) -> Answer:
        """POST a form to a path below the base."""
        answer = self.http.post(
            f"{FHIR_PATH}/{path}",
            content=urlencode(form),
            params=list(parameters),
            headers={"content-type": "application/x-www-form-urlencoded", **self.authorization, **headers},
        )
        return Answer(answer.status_code, answer.headers, answer.text)


def make_record_tables(client: Any, *names: str) -> None:
    """Make tables with the keys that records have."""
    for name in names:
        client.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
