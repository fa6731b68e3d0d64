"""Read a Bundle from a request's body, and check all of it but its resources, before any entry is begun."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from bundle_processor import refusals
from careconnect.fhir.interactions import BATCH, TRANSACTION, Condition, Interaction
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.request import MAX_BUNDLE_ENTRIES, MAX_BUNDLE_MEGABYTES, FhirPath, parse_path
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Request
from careconnect_records.parsing.faults import MAX_FAULTS, InvalidResourceError
from careconnect_records.stu3.validation import validate
from record_writer.request.request_body import any_resource_in

_MAX_PARAMETERS: Final = 1_000
_NO_PATH: Final = "An entry's URL is a path of this API, below the FHIR base: Patient/4, or Patient?identifier=…"

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its request, and the resource that it sends. `path` is the one that the request would have alone.

    `conditions` are the request's other elements by their names, such as `ifMatch`. Other entries of a transaction
    refer to its resource by its `full_url`.
    """

    method: str
    path: str
    parsed: FhirPath | None
    query: Query
    conditions: Mapping[str, str]
    resource: dict[str, Any] | None
    full_url: str = ""

    @property
    def interaction(self) -> Interaction | None:
        """The interaction that the request would be alone, None for a path or a method that there is not."""
        headers = {Condition.HEADER.value: ""} if "ifNoneExist" in self.conditions else {}
        return self.parsed.interaction(self.method, headers) if self.parsed else None


def entries_in(request: Request, fhir_base: str) -> tuple[str, list[Entry]]:
    """Return the type of the Bundle in a request's body, batch or transaction, and its entries, in order.

    Raises the outcomes 415 for another media type, 413 for a body or a number of entries over the limit, and 400 for a
    body that is no Bundle, or one with a fault outside its resources.
    """
    bundle = any_resource_in(request, MAX_BUNDLE_MEGABYTES * 1_000_000, refusals.too_large)
    if bundle.get("resourceType") != "Bundle":
        raise refusals.no_bundle()
    if bundle.get("type") not in (BATCH.name, TRANSACTION.name):
        raise refusals.another_type()
    given = bundle.get("entry", [])
    if isinstance(given, list) and len(given) > MAX_BUNDLE_ENTRIES:
        raise refusals.too_many_entries()
    issues = _faults(bundle)
    entries = []
    for number, each in enumerate(given if _has_entries(bundle) else ()):
        where = f"Bundle.entry[{number}]"
        if any(issue.expression.startswith(where) for issue in issues):
            continue
        entry = _entry(each, fhir_base)
        if entry is None:
            issues.append(Issue("structure", _NO_PATH, expression=f"{where}.request.url"))
        else:
            entries.append(entry)
    if not issues and bundle["type"] == TRANSACTION.name:
        issues = list(_repeated(entries))
    if issues:
        raise refusals.faulty(issues[:MAX_FAULTS])
    return bundle["type"], entries


def _repeated(entries: Sequence[Entry]) -> Iterator[Issue]:
    """Yield a fault for each full URL that an entry before has, too: references would lead to both."""
    seen = {""}
    for number, entry in enumerate(entries):
        if entry.full_url and entry.full_url in seen:
            text = "Another entry has the same full URL."
            yield Issue("value", text, expression=f"Bundle.entry[{number}].fullUrl")
        seen.add(entry.full_url)


def _faults(bundle: dict[str, Any]) -> list[Issue]:
    """Return the faults of a Bundle without its resources, each of which is judged with its entry."""
    issues = []
    bare = {**bundle, "entry": list(map(_without_resource, bundle["entry"]))} if _has_entries(bundle) else bundle
    try:
        validate(bare)
    except InvalidResourceError as error:
        issues = [Issue("structure", fault.text, expression=fault.expression) for fault in error.faults]
    named = {issue.expression for issue in issues}
    issues += [issue for issue in _missing(bare) if issue.expression not in named]
    return issues[:MAX_FAULTS]


def _has_entries(bundle: Mapping[str, Any]) -> bool:
    return isinstance(bundle.get("entry"), list) and bool(bundle["entry"])


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or "resource" not in entry:
        return entry
    return {name: value for name, value in entry.items() if name != "resource"} or {"request": {}}


def _missing(bundle: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield a fault for each entry without a request, which STU3 requires of a batch's alone, or without its values."""
    for number, entry in enumerate(bundle["entry"] if _has_entries(bundle) else ()):
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict):
            yield _missing_in(number, "request")
            continue
        for name in ("method", "url"):
            if not isinstance(request.get(name), str):
                yield _missing_in(number, f"request.{name}")


def _missing_in(number: int, name: str) -> Issue:
    where = f"Bundle.entry[{number}].{name}"
    return Issue("structure", f"{name} is missing: every entry needs one.", expression=where)


def _entry(entry: Mapping[str, Any], fhir_base: str) -> Entry | None:
    """Return an entry without a fault of its own, None if its URL is no path of this API."""
    request: dict[str, Any] = entry["request"]
    path, _, query = request["url"].removeprefix(f"{fhir_base}/").removeprefix("/").partition("?")
    whole = f"{FHIR_PATH}/{path}"
    try:
        parsed: FhirPath | None = parse_path(whole)
    except OutcomeError as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            return None
        # A malformed id fails its own entry.
        parsed = None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return None
    conditions = {name: text for name, text in request.items() if isinstance(text, str)}
    resource, full_url = entry.get("resource"), entry.get("fullUrl", "")
    return Entry(request["method"], whole, parsed, _grouped(pairs), conditions, resource, full_url)


def _grouped(pairs: list[tuple[str, str]]) -> Query:
    """Return parameters with each name's values together, as the gateway passes them on."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return tuple((name, value) for name, several in values.items() for value in several)
