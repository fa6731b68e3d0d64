"""Searchset Bundles, joined from stored texts in either format."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from careconnect.formats import Format
from careconnect.outcomes import OperationOutcome


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry: the resource's rendered text, and why it is there (`match`, `include` or `outcome`)."""

    body: str
    mode: str
    full_url: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A searchset; `links` are (relation, absolute URL) pairs, `total` is None where it is not known."""

    total: int | None
    links: Sequence[tuple[str, str]]
    entries: Iterable[BundleEntry]

    def text(self, format_: Format) -> str:
        """Render in a format."""
        return self.json() if format_ is Format.JSON else self.xml()

    def json(self) -> str:
        """Render as JSON around the entries' own text."""
        links = [{"relation": relation, "url": url} for relation, url in self.links]
        total = {} if self.total is None else {"total": self.total}
        head = json.dumps(
            {"resourceType": "Bundle", "type": "searchset", **total, "link": links},
            separators=(",", ":"),
            ensure_ascii=False,
        )
        entries = ",".join(
            "{"
            + (f'"fullUrl":{json.dumps(entry.full_url)},' if entry.full_url else "")
            + f'"resource":{entry.body},"search":{{"mode":"{entry.mode}"}}}}'
            for entry in self.entries
        )
        return f'{head[:-1]},"entry":[{entries}]}}' if entries else head

    def xml(self) -> str:
        """Render as XML around the entries' own text."""
        links = "".join(
            f"<link><relation value={quoteattr(relation)}/><url value={quoteattr(url)}/></link>"
            for relation, url in self.links
        )
        entries = "".join(
            "<entry>"
            + (f"<fullUrl value={quoteattr(entry.full_url)}/>" if entry.full_url else "")
            + f"<resource>{entry.body}</resource>"
            f'<search><mode value="{entry.mode}"/></search></entry>'
            for entry in self.entries
        )
        total = "" if self.total is None else f'<total value="{self.total}"/>'
        return f'<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/>{total}{links}{entries}</Bundle>'


def outcome_entry(outcome: OperationOutcome, format_: Format) -> BundleEntry:
    """Return the entry that carries warnings about the search itself."""
    return BundleEntry(outcome.json() if format_ is Format.JSON else outcome.xml(), "outcome")
