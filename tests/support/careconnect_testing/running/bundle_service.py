"""The function of Bundles over the tables of a writer, for any caller."""

from dataclasses import dataclass, field, replace
from typing import Any

from bundle_processor.app import BundleEndpoint, EntryEndpoints
from bundle_processor.refused_entry import RefusedEntries
from careconnect.endpoint.pipeline import Endpoint, RequestPipeline
from careconnect.fhir.resource_types import DATA_TABLES
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import rest_event
from careconnect_testing.http.writes import JSON, Resource
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE

Entry = dict[str, Any]


@dataclass
class Bundles:
    """The deployed function of Bundles, in the place of the caller of a writer."""

    writer: Writer
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    def __post_init__(self) -> None:
        """Compose the readers and the writers as the function's handler does."""
        reader, auditing = self.writer.reader, self.writer.auditing
        endpoints = {
            table: EntryEndpoints(replace(reader.app(table), auditing=auditing).respond, self.writer.app(table).respond)
            for table in DATA_TABLES
        }
        together = self.writer.together()
        refuse = self._pipeline(RefusedEntries(together.stored_keys)).respond
        self.app = self._pipeline(BundleEndpoint(endpoints, refuse, self.writer.quota, together, self.writer.stopwatch))

    def _pipeline(self, endpoint: Endpoint) -> RequestPipeline:
        now, auditing = self.writer.now, self.writer.auditing
        return RequestPipeline(endpoint, BASE, "eu-west-2", Cors(("*",)), self.observer, now, auditing=auditing)

    def send(
        self, body: Any, *query: tuple[str, str], method: str = "POST", path: str = FHIR_PATH, **headers: str
    ) -> Answer:
        """Send a Bundle, or any other body, to the FHIR base."""
        text = body if isinstance(body, str) else json_text(body)
        given = {"Content-Type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
        event = rest_event(method, path, query, headers=given, body=text, authorizer=self.writer.context)
        return Answer.of(self.app(event))

    def batch(self, *entries: Entry, **headers: str) -> list[Entry]:
        """Send a batch of entries, and return those of the answer."""
        return self._entries_of(batch(*entries), headers)

    def transaction(self, *entries: Entry, **headers: str) -> list[Entry]:
        """Send a transaction of entries, and return those of the answer."""
        return self._entries_of(transaction(*entries), headers)

    def _entries_of(self, bundle: Resource, headers: dict[str, str]) -> list[Entry]:
        answer = self.send(bundle, **headers)
        assert answer.status == 200, answer.text
        assert (answer.json["resourceType"], answer.json["type"]) == ("Bundle", f"{bundle['type']}-response")
        found: list[Entry] = answer.json.get("entry", [])
        return found


def batch(*entries: Entry, type_: str = "batch") -> Resource:
    """Return a batch Bundle, or one of another type."""
    return {"resourceType": "Bundle", "type": type_, **({"entry": list(entries)} if entries else {})}


def transaction(*entries: Entry) -> Resource:
    """Return a transaction Bundle."""
    return batch(*entries, type_="transaction")


def entry(method: str, url: str, resource: Resource | None = None, full_url: str = "", **conditions: str) -> Entry:
    """Return an entry; `conditions` are further elements of its request, such as `ifMatch`."""
    made: Entry = {"fullUrl": full_url} if full_url else {}
    if resource is not None:
        made["resource"] = resource
    return {**made, "request": {"method": method, "url": url, **conditions}}


def statuses(entries: list[Entry]) -> list[int]:
    """Return the status of each entry of an answer."""
    return [int(each["response"]["status"].partition(" ")[0]) for each in entries]
