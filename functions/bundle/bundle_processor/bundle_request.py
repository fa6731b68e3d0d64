"""Read a Bundle from a request's body, and check all of it but its entries' requests, before any entry is begun."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from bundle_processor import refusals
from bundle_processor.refused_entry import MAX_PARAMETERS, METHODS, is_absolute
from careconnect.fhir.interactions import BATCH, TRANSACTION, Condition, Interaction
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.request import MAX_BUNDLE_ENTRIES, MAX_BUNDLE_MEGABYTES, FhirPath, parse_path
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Request
from careconnect_records.parsing.faults import MAX_FAULTS, InvalidResourceError
from careconnect_records.stu3.validation import validate
from record_writer.request.request_body import any_resource_in

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its request, and the resource that it sends. `path` is the one that the request would have alone.

    `parsed` is None for a path that there is not, and for an absolute URL of another server, which `path` is then.

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
    entries = [] if issues or not _has_entries(bundle) else [_entry(each, fhir_base) for each in given]
    if not issues and bundle["type"] == TRANSACTION.name:
        issues = list(_repeated(entries))
    if issues:
        raise refusals.faulty(issues[:MAX_FAULTS])
    return bundle["type"], entries


def _repeated(entries: Sequence[Entry]) -> Iterator[Issue]:
    """Yield a fault for each full URL that an entry before has, too: references would lead to both."""
    first: dict[str, int] = {}
    for number, entry in enumerate(entries):
        if entry.full_url and first.setdefault(entry.full_url, number) < number:
            text = f"Bundle.entry[{first[entry.full_url]}] has the same full URL: give each entry its own."
            yield Issue("value", text, expression=f"Bundle.entry[{number}].fullUrl")


def _faults(bundle: dict[str, Any]) -> list[Issue]:
    """Return the faults of a Bundle itself. Resources, methods and conditions are judged with their entries."""
    issues = []
    bare = {**bundle, "entry": list(map(_bare, bundle["entry"]))} if _has_entries(bundle) else bundle
    try:
        validate(bare)
    except InvalidResourceError as error:
        issues = [Issue("structure", fault.text, expression=fault.expression) for fault in error.faults]
    named = {issue.expression for issue in issues}
    issues += [issue for issue in _missing(bundle) if issue.expression not in named]
    return issues[:MAX_FAULTS]


def _has_entries(bundle: Mapping[str, Any]) -> bool:
    return isinstance(bundle.get("entry"), list) and bool(bundle["entry"])


_OF_THE_ENTRY: Final = {
    "method": METHODS[0],
    "ifMatch": "x",
    "ifNoneMatch": "x",
    "ifNoneExist": "x",
    "ifModifiedSince": "2000-01-01T00:00:00Z",
}
"""The texts of a request that are judged with its entry, each with one that STU3 takes."""


def _bare(entry: Any) -> Any:
    """Return an entry without its resource, with a request, and without the texts that are judged with the entry."""
    if not isinstance(entry, dict) or not entry:
        return entry
    bare = {name: value for name, value in entry.items() if name != "resource"}
    # One without a request has one fault, not one for each element of it.
    request = bare["request"] = bare.get("request", {}) or {"method": METHODS[0], "url": "Patient"}
    if isinstance(request, dict):
        texts = {name for name, text in request.items() if isinstance(text, str) and (text or name != "method")}
        bare["request"] = request | {name: sound for name, sound in _OF_THE_ENTRY.items() if name in texts}
    return bare


def _missing(bundle: Mapping[str, Any]) -> Iterator[Issue]:
    """Yield a fault for each entry without a request, which STU3 requires of a batch's alone, or without its values."""
    for number, entry in enumerate(bundle["entry"] if _has_entries(bundle) else ()):
        if not isinstance(entry, dict) or not entry:
            continue
        request, where = entry.get("request", {}), f"Bundle.entry[{number}].request"
        if not request:
            text = "request is missing: every entry needs one, with a method and a url."
            yield Issue("structure", text, expression=where)
        elif isinstance(request, dict):
            for name in ("method", "url"):
                if not isinstance(request.get(name), str):
                    text = f"request.{name} is missing: every entry needs one."
                    yield Issue("structure", text, expression=f"{where}.{name}")


def _entry(entry: Mapping[str, Any], fhir_base: str) -> Entry:
    """Return an entry of a Bundle without faults of its own."""
    request: dict[str, Any] = entry["request"]
    url, _, query = request["url"].partition("?")
    below = "" if url == fhir_base else url.removeprefix(f"{fhir_base}/").removeprefix("/")
    path = below if is_absolute(below) else f"{FHIR_PATH}/{below}"
    try:
        parsed: FhirPath | None = parse_path(path)
    except OutcomeError:
        parsed = None
    conditions = {name: text for name, text in request.items() if isinstance(text, str)}
    resource, full_url = entry.get("resource"), entry.get("fullUrl", "")
    return Entry(request["method"], path, parsed, _parameters_in(query), conditions, resource, full_url)


def _parameters_in(query: str) -> Query:
    """Return the parameters of a query; of one with too many, as many as are refused."""
    try:
        return _grouped(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS))
    except ValueError:
        return (("", ""),) * (MAX_PARAMETERS + 1)


def _grouped(pairs: list[tuple[str, str]]) -> Query:
    """Return parameters with each name's values together, as the gateway passes them on."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return tuple((name, value) for name, several in values.items() for value in several)
