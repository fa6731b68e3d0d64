"""What an answer tells, in the few words in which the oracle answers too."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect_testing.http.answer import Answer

_SCOPE: Final = re.compile(r'scope="([^"]*)"')
_NEW: Final = re.compile(r"\bnew-\d+\b")


@dataclass(frozen=True)
class Page:
    """A page of a search or a history: its matches in order, and what it includes."""

    matches: tuple[str, ...]
    included: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Told:
    """A status, and what comes with it.

    `code` is an error's, `scope` the one that a 403 names. `shown` is the resource in the body, with its version.
    `pages` are those of a search or a history, `more` says whether others follow them. `warned` says whether some types
    are said to be left out. `entries` are those of a Bundle.
    """

    status: int
    code: str = ""
    scope: str = ""
    shown: str = ""
    pages: tuple[Page, ...] = ()
    total: int | None = None
    more: bool = False
    warned: bool = False
    entries: tuple["Told", ...] = ()

    @property
    def as_entry(self) -> "Told":
        """What an entry of a Bundle tells of it: no header, and one page."""
        return replace(self, scope="", pages=self.pages[:1], more=self.more or len(self.pages) > 1)


def told(answers: Sequence[Answer]) -> Told:
    """Return what an answer and the pages after it tell."""
    first = answers[0]
    if not first.text.startswith("{"):
        return Told(first.status)
    found = _told(first.status, first.json)
    if found.pages:
        pages = [_page(each.json) for each in answers]
        if first.json["type"] == "history":
            # What is left of a history may be versions that the token may not read: their numbers tell of them, too.
            pages = [*pages[:1], *(each for each in pages[1:] if each.matches)]
        assert {each.total for each in answers} == {first.total}
        return replace(found, pages=tuple(pages), more=bool(answers[-1].link("next")))
    challenge = first.headers.get("WWW-Authenticate", "")
    scope = _SCOPE.search(challenge)
    return replace(found, scope=scope[1] if scope else "")


def _told(status: int, body: Mapping[str, Any]) -> Told:
    match body["resourceType"], body.get("type"):
        case "OperationOutcome", _ if status == 200:
            return Told(status, "error" if any(each["severity"] == "error" for each in body["issue"]) else "")
        case "OperationOutcome", _:
            return Told(status, body["issue"][0]["code"])
        case "Bundle", "searchset" | "history":
            more = any(each["relation"] == "next" for each in body["link"])
            is_warned = any(_mode(each) == "outcome" for each in body.get("entry", ()))
            return Told(status, pages=(_page(body),), total=body.get("total"), more=more, warned=is_warned)
        case "Bundle", _:
            return Told(status, entries=tuple(_entry(each) for each in body.get("entry", ())))
    return Told(status, shown=_path(body))


def _entry(entry: Mapping[str, Any]) -> Told:
    response = entry["response"]
    body = entry.get("resource", response.get("outcome"))
    status = int(response["status"][:3])
    return _told(status, body) if body else Told(status)


def _mode(entry: Mapping[str, Any]) -> str:
    return str(entry.get("search", {}).get("mode", ""))


def _page(bundle: Mapping[str, Any]) -> Page:
    entries = bundle.get("entry", ())
    if bundle["type"] == "history":
        return Page(tuple(f"{each['response']['etag']} {each['request']['method']}" for each in entries))
    return Page(
        tuple(_path(each["resource"]) for each in entries if _mode(each) == "match"),
        frozenset(_path(each["resource"]) for each in entries if _mode(each) == "include"),
    )


def _path(resource: Mapping[str, Any]) -> str:
    number = resource["meta"]["versionId"]
    return _NEW.sub("new", f"{resource['resourceType']}/{resource['id']}/_history/{number}")


def text_of(answers: Sequence[Answer]) -> str:
    """Return what answers say, to be read."""
    return "\n".join(f"{each.status} {json.dumps(dict(each.headers))} {each.text}" for each in answers)
