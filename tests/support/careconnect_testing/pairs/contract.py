"""What Promise 9 says of a difference between two answers; written from the contract alone (`audit.md`).

It shares no rule with the functions.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from careconnect.fhir.resource_types import ParameterType, ResourceType, SearchParameter, resource_type
from careconnect_testing.pairs.compare import Seen
from careconnect_testing.pairs.lives import HE
from careconnect_testing.pairs.requests import Asked, Pairs

_PERSONAL: Final = re.compile(r"name|family|given|telecom|phone|email|address.*|birthdate|death-date")
_INSTANT: Final = re.compile(r"\d\d:\d\d:\d\d")
_LIMITS: Final = frozenset((413, 429, 503, 504))
"""The statuses that depend on how much is stored, not on who."""
_ASKED_TOTALS: Final = frozenset((("_total", "accurate"), ("_summary", "count"), ("_count", "0")))
_HIS: Final = re.compile(rf'"[A-Za-z]+/{HE}[12ecm]?"|"id": "{HE}[12ecm]?"')
"""A resource of his, or a reference to one."""


def is_excepted(asked: Asked, one: Seen, other: Seen) -> bool:
    """Return True for a difference that the table of Promise 9 leaves unrecorded."""
    if {one[0], other[0]} & _LIMITS:
        return True
    if asked.entries and one[0] == other[0] == 200:
        return all(mine == his or is_excepted(each, mine, his) for each, mine, his in _by_entry(asked, one, other))
    if 409 in (one[0], other[0]) and any(each.method == "DELETE" for each in (asked, *asked.entries)):
        return True
    if not asked.is_search or not asked.searched or names_persons(asked.searched, asked.query):
        return False
    if _without_numbers(asked, one) == _without_numbers(asked, other):
        return True
    is_led = any("." in name or name.startswith("_has:") for name, _ in asked.query)
    return is_led and not _shows_him(one) and not _shows_him(other)


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


def _without_numbers(asked: Asked, answer: Seen) -> Seen:
    """Return a search's answer without what only tells that there are more: an unasked total, and `next`."""
    status, headers, body = answer
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        return answer
    left_out = () if _ASKED_TOTALS & set(asked.query) else ("total",)
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
        return True
    if parameter.type is ParameterType.REFERENCE:
        return any(_has_patients(each) for each in parameter.targets)
    if parameter.name == "identifier":
        return _has_patients(type_.name)
    return type_.is_patient and _PERSONAL.fullmatch(parameter.name) is not None


def _has_patients(name: str) -> bool:
    type_ = resource_type(name)
    return type_ is not None and (type_.is_patient or type_.patient_parameter is not None)
