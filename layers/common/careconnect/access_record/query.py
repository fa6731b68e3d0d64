"""What the access record says of a search: its query without personal values, and the patients that it names."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from careconnect.escaped_text import split_unescaped, unescape
from careconnect.resource_types import (
    ID_PARAMETER,
    RESOURCE_TYPES,
    SERVED_TYPES,
    Modifier,
    ParameterType,
    ResourceType,
    SearchParameter,
    valid_id,
)
from careconnect.result_parameters import HISTORY_PARAMETERS, SEARCH_PARAMETERS

Parameters = Iterable[tuple[str, str]]

_TYPES: Final = frozenset(each.name for each in SERVED_TYPES)
_PATIENTS: Final = next(each for each in RESOURCE_TYPES if each.is_patient)
_ITERATE: Final = ("iterate", "recurse")
_NOT_NAMES: Final = frozenset((*Modifier, *_TYPES, *_ITERATE))
_PERSONAL: Final = frozenset(
    parameter.name for each in RESOURCE_TYPES for parameter in each.parameters if parameter.personal
)
_KNOWN: Final = frozenset(
    (
        *(name for each in SERVED_TYPES for name in each.parameter_names),
        *SEARCH_PARAMETERS,
        *HISTORY_PARAMETERS,
        *("_include", "_revinclude", "_cursor"),
    )
)
LONGEST_QUERY: Final = 8_192
"""Characters of a query whose values are recorded as they were sent."""

_LONG: Final = 64
_STEPS: Final = re.compile(r"[:.]")


def recorded_query(parameters: Parameters, digest: Callable[[str], str]) -> str:
    """Return a query string in which a digest stands for each personal value, and for those of unknown parameters.

    A value is digested as it was sent, decoded once. Chains and conditions (`_has`) are what they end in (`audit.md`,
    What an event says). In a query that is longer than a URL may be, which a form can post, every long value is
    digested: each event of a page holds it, and one request must not fill the record.
    """
    told = [(name, digest(value) if value and _is_personal(name) else value) for name, value in parameters]
    text = _encoded(told)
    if len(text) > LONGEST_QUERY:
        text = _encoded((name, digest(value) if len(value) > _LONG else value) for name, value in told)
    return text


def _encoded(parameters: Parameters) -> str:
    return urlencode(list(parameters), quote_via=quote, safe=":/,.-_~$|*", errors="surrogatepass")


def named_patients(type_: ResourceType, parameters: Parameters, fhir_base: str) -> tuple[str, ...]:
    """Return the ids of patients that a search names, by a reference to them or by their own id, each once.

    A patient who is only described, by a name or a number, is not named: whoever is found then is disclosed.
    """
    found: dict[str, None] = {}
    for name, text in parameters:
        head, _, modifier = name.partition(":")
        parameter = type_.parameter(head)
        if parameter is None or modifier not in ("", _PATIENTS.name):
            continue
        for value in split_unescaped(text, ","):
            if patient := _named(type_, parameter, modifier, unescape(value), fhir_base):
                found[patient] = None
    return tuple(found)


def _named(type_: ResourceType, parameter: SearchParameter, modifier: str, value: str, fhir_base: str) -> str:
    """Return the patient that a value of a parameter names, or an empty text."""
    if parameter is ID_PARAMETER:
        return value if type_ is _PATIENTS and valid_id(value) else ""
    if parameter.type is not ParameterType.REFERENCE or _PATIENTS.name not in parameter.targets:
        return ""
    path = value.removeprefix(fhir_base + "/")
    named, slash, resource_id = path.rpartition("/")
    if not slash and not (modifier == _PATIENTS.name or (not modifier and parameter.targets == (_PATIENTS.name,))):
        return ""
    return resource_id if named in ("", _PATIENTS.name) and valid_id(resource_id) else ""


def _is_personal(name: str) -> bool:
    steps: Sequence[str] = [step for step in _STEPS.split(name) if step not in _NOT_NAMES]
    return not steps or steps[-1] in _PERSONAL or steps[-1] not in _KNOWN
