"""The preconditions of a write: its If-Match, and the one identifier of a conditional write."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ID_PATTERN, ResourceType
from careconnect.fhir.result_parameter_names import WRITE_PARAMETERS
from careconnect.http.messages import is_utf8
from careconnect.search.criteria import split_unescaped, unescape
from careconnect.search.values import fold_token
from record_writer import refusals

Pairs = Sequence[tuple[str, str]]

IDENTIFIER: Final = "identifier"
_UNSUPPORTED: Final = ("If-None-Match", "If-Unmodified-Since")
_TAG: Final = re.compile(rf'(?:W/)?"({ID_PATTERN})"')


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The versions that an If-Match allows; empty for `*`, which allows any."""

    versions: frozenset[str]

    def allows(self, version: int) -> bool:
        """Return True if a version is allowed."""
        return not self.versions or str(version) in self.versions


@dataclass(frozen=True, slots=True)
class Identifier:
    """The identifier of a condition: its system, which may be empty, and its value, folded as in the index."""

    system: str
    value: str


def require_supported(headers: Mapping[str, str]) -> None:
    """Raise the 400 outcome for a precondition that writes do not support.

    Ignored, it would let a write overwrite. RFC 9110 §13.1 applies them to PUT and DELETE; STU3 does not mention them.
    """
    for name in _UNSUPPORTED:
        if name.lower() in headers:
            raise refusals.precondition_not_supported(name)


def if_match_of(headers: Mapping[str, str]) -> IfMatch | None:
    """Return the If-Match of a request, None without one; raises the 400 outcome (RFC 9110 §13.1.1)."""
    given = headers.get("if-match")
    if given is None:
        return None
    if given.strip() == "*":
        return IfMatch(frozenset())
    tags = [_TAG.fullmatch(part.strip()) for part in given.split(",")]
    if not all(tags):
        raise refusals.malformed_if_match()
    return IfMatch(frozenset(tag[1] for tag in tags if tag))


def criteria_in(query: Pairs, takes: Sequence[str] = WRITE_PARAMETERS) -> list[str]:
    """Return the values of `identifier` in the query of a condition; raises the 400 outcomes for any other criterion.

    `takes` are the result parameters, which are no criteria.
    """
    values = []
    for name, value in _readable(query):
        if name == IDENTIFIER:
            values.append(value)
        elif name not in takes:
            raise refusals.criterion_not_supported(name)
    return values


def require_no_criteria(query: Pairs, takes: Sequence[str]) -> None:
    """Raise the 400 outcome for a parameter that a request without a condition in its query does not take, by name."""
    for name, _ in _readable(query):
        if name not in takes:
            raise refusals.parameter_not_supported(name, takes)


def _readable(query: Pairs) -> Pairs:
    """Return a query in UTF-8 without an access token, which is refused there (RFC 6750 §2)."""
    if any(name == "access_token" for name, _ in query):
        raise outcomes.invalid_request("An access token is taken from the Authorization header only.")
    if not is_utf8(query):
        raise outcomes.not_utf8("query")
    return query


def if_none_exist_of(header: str, type_: ResourceType, fhir_base: str) -> list[str]:
    """Return the values of `identifier` in an If-None-Exist: a query, perhaps after the type or its URL.

    Raises the 400 outcomes for another criterion, and for a text that is no query (STU3 HTTP §3.1.0.8.1).
    """
    beginning, separator, rest = header.strip().partition("?")
    if separator and beginning not in ("", type_.name, f"{fhir_base}/{type_.name}"):
        raise refusals.malformed_if_none_exist()
    try:
        pairs = parse_qsl(rest if separator else beginning, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise refusals.malformed_if_none_exist() from None
    for name, _ in pairs:
        if name != IDENTIFIER:
            raise refusals.criterion_not_supported(name)
    return [value for _, value in pairs]


def describe_if_none_exist(header: str) -> list[tuple[str, str]]:
    """Return the criteria of an If-None-Exist for the audit trail, or the whole header as one unknown parameter."""
    pairs = parse_qsl(header.strip().rpartition("?")[2], keep_blank_values=True, errors="replace")
    return pairs if pairs and all(name == IDENTIFIER for name, _ in pairs) else [("If-None-Exist", header)]


def one_identifier(type_: ResourceType, values: Sequence[str]) -> Identifier:
    """Return the one identifier of a condition.

    Raises the 412 outcome for none, an empty one or several, and 400 for a type without identifiers.
    """
    parameter = type_.parameter(IDENTIFIER)
    if parameter is None:
        raise refusals.type_without_identifiers(type_.name)
    if len(values) != 1 or len(split_unescaped(values[0], ",")) != 1:
        raise refusals.not_one_identifier()
    parts = [unescape(part) for part in split_unescaped(values[0], "|")]
    if len(parts) == 1:
        raise refusals.identifier_without_system()
    if len(parts) != 2:
        raise refusals.not_one_identifier()
    if not parts[1].strip():
        raise refusals.identifier_without_value()
    folded = fold_token(
        parts[1], case_sensitive=parameter.case_sensitive, punctuation=parameter.punctuation, mail=parameter.mail
    )
    return Identifier(parts[0], folded)
