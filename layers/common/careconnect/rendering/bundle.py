"""Bundles, joined from stored texts in either format."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from xml.sax.saxutils import quoteattr

from careconnect.formats import Format
from careconnect.outcomes import OperationOutcome


class BundleType(StrEnum):
    """What a Bundle is (STU3 value set `bundle-type`)."""

    SEARCHSET = "searchset"
    HISTORY = "history"


class EntryText(Protocol):
    """An entry that renders itself as text."""

    def json(self) -> str:
        """Render as a JSON object."""

    def xml(self) -> str:
        """Render as an XML element `entry`."""


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry of a searchset: the resource's rendered text, and why it is there (`match`, `include` or `outcome`)."""

    body: str
    mode: str
    full_url: str = ""

    def json(self) -> str:
        """Render as JSON around the resource's own text."""
        full_url = f'"fullUrl":{json.dumps(self.full_url)},' if self.full_url else ""
        return f'{{{full_url}"resource":{self.body},"search":{{"mode":"{self.mode}"}}}}'

    def xml(self) -> str:
        """Render as XML around the resource's own text."""
        full_url = f"<fullUrl value={quoteattr(self.full_url)}/>" if self.full_url else ""
        resource = f"<resource>{self.body}</resource>"
        return f'<entry>{full_url}{resource}<search><mode value="{self.mode}"/></search></entry>'


@dataclass(frozen=True, slots=True)
class Bundle:
    """A page of results; `links` are (relation, absolute URL) pairs, `total` is None where it is not known."""

    total: int | None
    links: Sequence[tuple[str, str]]
    entries: Iterable[EntryText]
    type: BundleType = BundleType.SEARCHSET

    def text(self, format_: Format) -> str:
        """Render in a format."""
        return self.json() if format_ is Format.JSON else self.xml()

    def json(self) -> str:
        """Render as JSON around the entries' own text."""
        links = [{"relation": relation, "url": url} for relation, url in self.links]
        total = {} if self.total is None else {"total": self.total}
        head = json.dumps(
            {"resourceType": "Bundle", "type": self.type, **total, "link": links},
            separators=(",", ":"),
            ensure_ascii=False,
        )
        entries = ",".join(entry.json() for entry in self.entries)
        return f'{head[:-1]},"entry":[{entries}]}}' if entries else head

    def xml(self) -> str:
        """Render as XML around the entries' own text."""
        links = "".join(
            f"<link><relation value={quoteattr(relation)}/><url value={quoteattr(url)}/></link>"
            for relation, url in self.links
        )
        entries = "".join(entry.xml() for entry in self.entries)
        total = "" if self.total is None else f'<total value="{self.total}"/>'
        return f'<Bundle xmlns="http://hl7.org/fhir"><type value="{self.type}"/>{total}{links}{entries}</Bundle>'


def outcome_entry(outcome: OperationOutcome, format_: Format) -> BundleEntry:
    """Return the entry that carries warnings about the search itself."""
    return BundleEntry(outcome.json() if format_ is Format.JSON else outcome.xml(), "outcome")
