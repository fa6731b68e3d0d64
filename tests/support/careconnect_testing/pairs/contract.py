"""What Promise 9 says of a difference between two answers; written from the contract alone (`audit.md`).

It shares no rule with the functions.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from careconnect.fhir.resource_types import ParameterType, ResourceType, SearchParameter, resource_type
from careconnect_testing.pairs.asked import Asked, Pairs
from careconnect_testing.pairs.compare import Seen
from careconnect_testing.pairs.lives import HE

_PERSONAL: Final = re.compile(r"name|family|given|telecom|phone|email|address.*|birthdate|death-date")
_INSTANT: Final = re.compile(r"T\d\d:\d\d")
"""A date with a time of day."""
_LIMITS: Final = frozenset((413, 503, 504))
"""The statuses that depend on how much is stored, not on who."""
_THROTTLED: Final = 429
_ASKED_TOTALS: Final = frozenset((("_total", "accurate"), ("_summary", "count"), ("_count", "0")))
_MOST_COUNTED: Final = 20
"""A total that is asked for is recorded of so many patients, if no criterion names persons."""
_HIS: Final = re.compile(rf'"[A-Za-z]+/{HE}[12ecm]?"|"id": "{HE}[12ecm]?"')
"""A resource of his, or a reference to one."""
_EXAMINED: Final = re.compile(r"(lookups would be made|entries would be examined)")
_REFERRING: Final = re.compile(r"by resources of these types: ([^.]*)\.")
_ABSENT: Final = (404, 410)
_VERSION: Final = re.compile(r'_history/\d+|W/\\*"\d+|"versionId": "\d+|<versionId value=\\"\d+')
_ENTRY_WITHOUT_CONTENT: Final = re.compile(r"<entry>(?:(?!</entry>|<resource>).)*</entry>", re.DOTALL)
_NUMBERS_IN_XML: Final = re.compile(r'<total value="\d+"/>|<link><relation value="next"/><url value="[^"]*"/></link>')


def is_excepted(asked: Asked, one: Seen, other: Seen, *, is_found: bool) -> bool:
    """Return True for a difference that the table of Promise 9 leaves unrecorded.

    A 429 is of those whom the work has found (`is_found`).
    """
    statuses = {one[0], other[0]}
    if statuses & _LIMITS:
        return True
    if _THROTTLED in statuses:
        return not is_found
    if asked.entries and statuses == {200}:
        both = _by_entry(asked, one, other)
        return all(mine == his or is_excepted(each, mine, his, is_found=is_found) for each, mine, his in both)
    if _tells_of_referring(asked, statuses):
        return True
    if asked.path.startswith("AuditEvent"):
        return not _names_him(asked.query)
    if _ends_at_a_limit(one) or _ends_at_a_limit(other):
        return True
    if not asked.is_search or not asked.searched or names_persons(asked.searched, asked.query):
        return False
    if _without_numbers(asked, one, other) == _without_numbers(asked, other, one):
        return True
    is_led = any("." in name or name.startswith("_has:") for name, _ in asked.query)
    return is_led and not _shows_him(one) and not _shows_him(other)


def tells_of_erased(asked: Asked, one: Seen, other: Seen) -> bool:
    """Return True for a difference that only tells that something erased was there."""
    if asked.entries and one[0] == other[0] == 200:
        both = _by_entry(asked, one, other)
        return all(mine == his or tells_of_erased(each, mine, his) for each, mine, his in both)
    if asked.method == "HEAD" and "_history" in asked.path and {one[0], other[0]} <= {200, *_ABSENT}:
        # One of tombstones alone has no content to tell it by.
        return True
    return bool(_without_erased(one) == _without_erased(other))


def _without_erased(answer: Seen) -> Any:
    """Return an answer without the numbers of versions, with a 410 as a 404, and a history with contents alone."""
    status, headers, body = answer
    if status in _ABSENT:
        return _ABSENT
    if isinstance(body, dict) and body.get("type") == "history":
        entries = [each for each in body.get("entry", ()) if "resource" in each]
        body = {"entry": entries, "link": [each for each in body["link"] if each["relation"] != "next"]}
        if not entries:
            return _ABSENT
    if isinstance(body, str):
        body = _ENTRY_WITHOUT_CONTENT.sub("", _NUMBERS_IN_XML.sub("", body))
        if '<type value="history"/>' in body and "<entry>" not in body:
            return _ABSENT
    return status, _VERSION.sub("", json.dumps([sorted(headers.items()), body]))


def may_interfere(asked: Asked, one: Seen, other: Seen) -> bool:
    """Return True for a difference that what a token may not see may make."""
    statuses = {one[0], other[0]}
    if asked.entries and statuses == {200}:
        both = _by_entry(asked, one, other)
        return all(mine == his or may_interfere(each, mine, his) for each, mine, his in both)
    if statuses & {*_LIMITS, _THROTTLED}:
        return True
    if _tells_of_referring(asked, statuses):
        # That there are others may be told, and not of which types.
        return _types_told(one) == _types_told(other)
    return any(status == 412 and '"conflict"' in json.dumps(body) for status, _, body in (one, other))


def _ends_at_a_limit(answer: Seen) -> bool:
    """Return True for what ended before its first match, or was refused, for how much would have been examined."""
    body = answer[2] if isinstance(answer[2], dict) else {}
    if any(_EXAMINED.search(each.get("diagnostics", "")) for each in body.get("issue", ())):
        return True
    is_empty = body.get("type") == "searchset" and not body.get("entry")
    return is_empty and any(each["relation"] == "next" for each in body.get("link", ()))


def _tells_of_referring(asked: Asked, statuses: Collection[int]) -> bool:
    """Return True for answers by which something refers to what was to be deleted, or would be."""
    if asked.path.endswith("$validate"):
        return ("mode", "delete") in asked.query
    return 409 in statuses and any(each.method == "DELETE" for each in (asked, *asked.entries))


def _types_told(answer: Seen) -> set[str]:
    """Return the types of what refers to a resource, as far as an answer names them."""
    lists = _REFERRING.findall(json.dumps(answer[2]))
    return {each for some in lists for each in some.split(", ") if resource_type(each)}


def _names_him(query: Pairs) -> bool:
    """Return True if a search of AuditEvent names him, by whose record its events are."""
    return any(name == "patient" and text.removeprefix("Patient/") == HE for name, text in query)


def _by_entry(asked: Asked, one: Seen, other: Seen) -> list[tuple[Asked, Seen, Seen]]:
    """Return the entries of a Bundle, each with both answers to it."""
    both = zip(one[2].get("entry", ()), other[2].get("entry", ()), strict=True)
    return [(each, _of_entry(mine), _of_entry(his)) for each, (mine, his) in zip(asked.entries, both, strict=True)]


def _of_entry(entry: Mapping[str, Any]) -> Seen:
    response = entry["response"]
    headers = {name: text for name, text in response.items() if name not in ("status", "outcome")}
    return int(response["status"][:3]), headers, entry.get("resource", response.get("outcome"))


def _shows_him(answer: Seen) -> bool:
    """Return True if an answer has a resource of his, or a reference to one."""
    return _HIS.search(json.dumps(answer[2])) is not None


def _without_numbers(asked: Asked, answer: Seen, other: Seen) -> Seen:
    """Return a search's answer without what only tells that there are more: a total of many, and `next`."""
    status, headers, body = answer
    if isinstance(body, str):
        return status, headers, _NUMBERS_IN_XML.sub("", body)
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        return answer
    # Of a parameter that is repeated the last value counts.
    is_asked = any(each in _ASKED_TOTALS for each in dict(asked.query).items())
    counted = [each[2].get("total", 0) for each in (answer, other) if isinstance(each[2], dict)]
    left_out = () if is_asked and max(counted) <= _MOST_COUNTED else ("total",)
    body = {name: value for name, value in body.items() if name not in left_out}
    body["link"] = [each for each in body.get("link", ()) if each["relation"] != "next"]
    return status, headers, body


def names_persons(type_: ResourceType, parameters: Pairs) -> bool:
    """Return True if a criterion names persons, at any step of a chain or `_has`, with any modifier."""
    return any(_names_persons(type_, name, text) for name, text in parameters)


def _names_persons(type_: ResourceType, name: str, text: str) -> bool:
    if name.startswith("_has:"):
        _, source, _, rest = name.split(":", 3)
        found = resource_type(source)
        return found is not None and _names_persons(found, rest, text)
    head, dot, rest = name.partition(".")
    head, _, modifier = head.partition(":")
    parameter = type_.parameter(head)
    if parameter is None:
        return False
    if dot:
        targets = [target for each in parameter.targets if (target := resource_type(each)) and modifier in ("", each)]
        return any(_names_persons(target, rest, text) for target in targets)
    return _is_of_persons(type_, parameter, text)


def _is_of_persons(type_: ResourceType, parameter: SearchParameter, text: str) -> bool:
    if parameter.name == "_id" or (parameter.type is ParameterType.DATE and _INSTANT.search(text)):
        return _has_patients(type_.name)
    if parameter.type is ParameterType.REFERENCE:
        return any(_has_patients(each) for each in parameter.targets)
    if parameter.name == "identifier":
        return _has_patients(type_.name)
    return type_.is_patient and _PERSONAL.fullmatch(parameter.name) is not None


def _has_patients(name: str) -> bool:
    type_ = resource_type(name)
    return type_ is not None and (type_.is_patient or type_.patient_parameter is not None)
