"""A request of a pair: of one caller, with its parameters, headers and body, or a Bundle of several."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from careconnect.fhir.resource_types import ResourceType, Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.events import FORM, Event, fhir_event, rest_event
from careconnect_testing.http.writes import JSON, NHS_NUMBER, PATCH, XML, Resource
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.pairs.lives import CODES, HE

Pairs = tuple[tuple[str, str], ...]

_ENDED: Final = (
    "{0}/Patient.cruds {0}/Medication.rs {0}/Organization.rs {0}/Observation.cruds?status=final"
    " {0}/Encounter.cruds?status=finished {0}/Condition.cruds?clinical-status=active"
    " {0}/MedicationRequest.rs?status=stopped {0}/MedicationRequest.cuds"
)
"""Scopes that mostly have suffixes."""
CALLERS: Final[Mapping[str, dict[str, Any]]] = {
    "reads and writes": {"scope": "system/*.cruds"},
    "a user": {"scope": "user/*.cruds"},
    "reads": {"scope": "system/*.rs"},
    "searches": {"scope": "system/*.s"},
    "writes": {"scope": "system/*.cud"},
    "reads encounters": {"scope": "system/Encounter.rs system/Organization.rs"},
    "is bound to him": {"scope": "patient/*.cruds", "patient": HE},
    "is bound to another": {"scope": "patient/*.cruds", "patient": "a", "identifier_systems": (NHS_NUMBER,)},
    "is bound to another, and writes": {"scope": "patient/*.cruds user/Organization.rs", "patient": "z"},
    "has suffixes": {"scope": _ENDED.format("system")},
    "reads by one code, and writes": {"scope": f"user/*.cuds user/Observation.r?code={CODES[0]} user/Patient.r"},
    "is bound to him, and has suffixes": {"scope": _ENDED.format("patient"), "patient": HE},
    "is bound to another, and has suffixes": {"scope": _ENDED.format("user"), "patient": "a"},
    "audits": {"scope": "system/AuditEvent.rs"},
    "audits his own": {"scope": "patient/AuditEvent.rs", "patient": "a"},
}
SHARES: Final = (8, 2, 2, 1, 1, 1, 2, 4, 1, 0, 0, 0, 0, 0, 0)
"""How often each caller asks for records."""
SUFFIXED: Final = (
    *("has suffixes", "has suffixes", "reads by one code, and writes"),
    *("is bound to him, and has suffixes", "is bound to another, and has suffixes"),
)
"""The callers of the pairs that are about scopes with suffixes."""
BOUND_TO_OTHERS: Final = (
    *("is bound to another", "is bound to another", "is bound to another", "is bound to another, and writes"),
    "is bound to another, and has suffixes",
)
"""The callers that may see nothing of him."""
NARROW: Final = "reads encounters"
"""The caller that may see his encounters, and nothing else of him."""
AUDITORS: Final = ("audits", "audits", "audits his own")

BOUND_TO: Final = " of Patient/"
"""What a caller's scope ends in, before the id, if the token is bound to a patient."""

SPENT: Final = -1
"""The quota of a client that is known to have none left."""


def caller(name: str) -> dict[str, Any]:
    """Return what a token of a caller has: `name` is one of `CALLERS`, or a scope, perhaps bound to a patient."""
    scope, is_bound, patient = name.partition(BOUND_TO)
    return CALLERS.get(name, {"scope": scope, "patient": patient} if is_bound else {"scope": scope})


@dataclass(frozen=True)
class Asked:
    """A request below the FHIR base, or a Bundle of some.

    `caller` is one of `CALLERS`, or a scope, perhaps bound to a patient (`BOUND_TO`). `is_next` asks for the page after
    it. `quota` are the units that its client has left, None for enough.
    """

    caller: str
    method: str = "POST"
    path: str = ""
    query: Pairs = ()
    headers: Pairs = ()
    content: str = ""
    entries: tuple["Asked", ...] = ()
    full_url: str = ""
    is_next: bool = False
    quota: int | None = None

    @property
    def type(self) -> ResourceType | None:
        """The type that the path begins with."""
        return resource_type(self.path.partition("/")[0])

    @property
    def table(self) -> Table:
        """The table of the function that answers it."""
        return self.type.table if self.type else Table.RECORD

    @property
    def is_read(self) -> bool:
        """Whether a reader answers it."""
        return self.method in ("GET", "HEAD") or self.path.endswith(("/_search", "/$everything"))

    @property
    def is_search(self) -> bool:
        """Whether its parameters are criteria."""
        last = self.path.rpartition("/")[2]
        return self.is_read and (last == "_search" or resource_type(last) is not None)

    @property
    def searched(self) -> ResourceType | None:
        """The type that a search, or a condition, is of."""
        return resource_type(self.path.removesuffix("/_search").rpartition("/")[2])

    def event(self, context: Mapping[str, str], link: str = "") -> Event:
        """Return the gateway's event of the request of a caller, or of one for a link that its answer gave."""
        if link:
            parts = urlsplit(link)
            path, query = unquote(parts.path).removeprefix(FHIR_PATH + "/"), parse_qsl(parts.query)
            method = "HEAD" if self.method == "HEAD" else "GET"
            return fhir_event(method, path, query, headers={"Accept": JSON}, authorizer=context)
        if self.entries:
            return rest_event(
                "POST",
                fhir_event("POST", "")["path"].rstrip("/"),
                headers={"Content-Type": JSON},
                body=json_text(self.bundle),
                authorizer=context,
            )
        headers = {"Accept": JSON, **dict(self.headers)}
        if self.method == "POST" and self.path.endswith("/_search"):
            headers["Content-Type"] = FORM
            return fhir_event("POST", self.path, headers=headers, body=urlencode(self.query), authorizer=context)
        content = self.content
        if content:
            is_xml = headers.get("Content-Type") == XML
            headers.setdefault("Content-Type", PATCH if self.method == "PATCH" else JSON)
            content = xml_text(json.loads(content)) if is_xml else content
        return fhir_event(self.method, self.path, self.query, headers=headers, body=content or None, authorizer=context)

    @property
    def bundle(self) -> Resource:
        """The Bundle of the entries; `path` is its type."""
        return {"resourceType": "Bundle", "type": self.path, "entry": [each.entry for each in self.entries]}

    @property
    def entry(self) -> Resource:
        """The request as an entry of a Bundle."""
        elements = {
            "If-Match": "ifMatch",
            "If-None-Match": "ifNoneMatch",
            "If-None-Exist": "ifNoneExist",
            "If-Modified-Since": "ifModifiedSince",
        }
        url = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        request = {"method": self.method, "url": url}
        request |= {elements[name]: text for name, text in self.headers if name in elements}
        if "ifModifiedSince" in request:
            request["ifModifiedSince"] = parsedate_to_datetime(request["ifModifiedSince"]).isoformat()
        entry: Resource = {"fullUrl": self.full_url} if self.full_url else {}
        return entry | ({"resource": json.loads(self.content)} if self.content else {}) | {"request": request}

    def __str__(self) -> str:
        """Return the request as a reader would write it down."""
        quota = "" if self.quota is None else f" with {max(self.quota, 0)} units left"
        if self.entries:
            return f"{self.caller}{quota}: {self.path} of\n  " + "\n  ".join(str(each) for each in self.entries)
        query = "&".join(f"{name}={value}" for name, value in self.query)
        headers = "".join(f" {name}: {value};" for name, value in self.headers)
        asked = f"{self.method} {self.path}{'?' + query if query else ''}{headers} {self.content}".rstrip()
        return f"{self.caller}{quota}: {asked}" + (", and its next page" if self.is_next else "")
