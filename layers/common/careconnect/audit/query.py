"""The parameters of a request as its audit events may record them, and the patients they name (`audit.md`).

A name is recorded if the server knows it, and counted otherwise. A value is left out if it is personal data, or
names another patient than the event's.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from careconnect.audit.nhs_numbers import is_nhs_number
from careconnect.fhir.resource_types import (
    ID_PARAMETER,
    RESOURCE_TYPES,
    Modifier,
    ParameterType,
    ResourceType,
    SearchParameter,
    resource_type,
    valid_id,
)
from careconnect.fhir.result_parameter_names import HISTORY_PARAMETERS, SEARCH_PARAMETERS
from careconnect.search.criteria import RELATIVE_REFERENCE, split_unescaped, unescape

Parameters = Iterable[tuple[str, str]]

MAX_PATIENTS: Final = 100
"""The most patients that one request may disclose, and the most values that may name patients in it."""

LEFT_OUT: Final = "***"
"""The placeholder in an event for a value that is left out."""

LONGEST_QUERY: Final = 2_900
"""Bytes of a recorded query: together with the rest of an event, at most 4 KB."""

PATIENT: Final = next(each for each in RESOURCE_TYPES if each.is_patient)
"""The resource type that the audit trail is about."""

_HAS: Final = "_has"
_INCLUDES: Final = ("_include", "_revinclude")
_FOLLOWING: Final = ("", "iterate", "recurse")
_ABSENCE: Final = ("true", "false")
"""What `:missing` takes: no ids there."""
_NO_IDS: Final = tuple((Modifier.MISSING, value) for value in _ABSENCE)
_OF_RESULT: Final = frozenset((*SEARCH_PARAMETERS, *HISTORY_PARAMETERS, "_cursor"))
_MAX_STEPS: Final = 4
"""References that a chained name is followed along: more than any search supports."""

_SAFE: Final = ":/,.-_~$|*"


@dataclass(frozen=True, slots=True)
class AuditParameter:
    """A parameter as the audit trail records it.

    `patients` are the ids that its value names. `identifiers` are its values of `Patient.identifier`, as sent.
    `numbers` holds, for each of its values with an id that is an NHS number, the keys of resources that may have it.
    """

    name: str
    value: str
    patients: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    numbers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A request's parameters as the audit trail records them; `unknown` counts those the server does not know."""

    parameters: tuple[AuditParameter, ...] = ()
    unknown: int = 0

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the named patients, each once."""
        return tuple(dict.fromkeys(patient for each in self.parameters for patient in each.patients))

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The requested identifiers, as sent, each once."""
        return tuple(dict.fromkeys(text for each in self.parameters for text in each.identifiers))

    @property
    def names_too_many(self) -> bool:
        """True if more values name patients than one request may have."""
        return sum(len(each.patients) + len(each.identifiers) for each in self.parameters) > MAX_PATIENTS

    @property
    def numbered(self) -> tuple[str, ...]:
        """The keys of the resources that may have an id that is an NHS number, each once."""
        return tuple(dict.fromkeys(key for each in self.parameters for keys in each.numbers for key in keys))

    def text(self, patient: str, absent: Collection[str] = (), longest: int = LONGEST_QUERY) -> tuple[str, int]:
        """Return the query of an event of a patient, or of no patient, as `bounded_query` does.

        `absent` are those of `numbered` that no resource has or had.
        """
        pairs = []
        for each in self.parameters:
            is_own = not patient or set(each.patients) <= {patient}
            is_number = any(all(key in absent for key in keys) for keys in each.numbers)
            pairs.append((each.name, each.value if is_own and not is_number else LEFT_OUT))
        return bounded_query(pairs, longest)


NO_QUERY: Final = AuditQuery()


def audit_query(type_: ResourceType, parameters: Parameters, fhir_base: str) -> AuditQuery:
    """Return the parameters of a search, or of a write's condition, as the audit trail records them."""
    found: list[AuditParameter] = []
    unknown = 0
    for name, text in parameters:
        if _is_of_result(name):
            found.append(AuditParameter(name, text))
            continue
        leaves = list(_leaves(type_, name, _MAX_STEPS))
        if not leaves:
            unknown += 1
            continue
        values = [value for value in split_unescaped(text, ",") if value]
        found.append(
            AuditParameter(
                name,
                LEFT_OUT if text and _is_left_out(leaves, [unescape(value) for value in values], fhir_base) else text,
                tuple(_patients(leaves, values, fhir_base)),
                tuple(values) if any(_identifies(*leaf) for leaf in leaves) else (),
                tuple(keys for value in values if (keys := _numbered(leaves, unescape(value), fhir_base)) is not None),
            )
        )
    return AuditQuery(tuple(found), unknown)


def bounded_query(pairs: Parameters, longest: int = LONGEST_QUERY) -> tuple[str, int]:
    """Return a query string of at most `longest` bytes and 0, or an empty one and the number of parameters.

    Values are left out, the longest first, until the query fits.
    """
    encoded = [(_encoded(name), _encoded(value)) for name, value in pairs]
    text = _joined(encoded)
    if len(text) <= longest:
        return text, 0
    length = len(text)
    for place in sorted(range(len(encoded)), key=lambda each: -len(encoded[each][1])):
        name, value = encoded[place]
        if length <= longest or len(value) <= len(LEFT_OUT):
            break
        length -= len(value) - len(LEFT_OUT)
        encoded[place] = name, LEFT_OUT
    return (_joined(encoded), 0) if length <= longest else ("", len(encoded))


def _encoded(text: str) -> str:
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def _is_of_result(name: str) -> bool:
    head, _, modifier = name.partition(":")
    return name in _OF_RESULT or (head in _INCLUDES and modifier in _FOLLOWING)


_Leaf = tuple[ResourceType, SearchParameter, str]


def _leaves(type_: ResourceType, name: str, steps: int) -> Iterator[_Leaf]:
    """Yield the (type, parameter, modifier) at the end of a chained name, for each type that it may lead to.

    Yields nothing if any part of the name is unknown.
    """
    if not steps:
        return
    if name.startswith(f"{_HAS}:"):
        _, source_name, reference, rest = [*name.split(":", 3), "", "", ""][:4]
        source = resource_type(source_name)
        if source and source.parameter(reference):
            yield from _leaves(source, rest, steps - 1)
        return
    head, dot, rest = name.partition(".")
    head, colon, modifier = head.partition(":")
    parameter = type_.parameter(head)
    if parameter is None or (colon and modifier not in (*Modifier, *parameter.targets)):
        return
    if not dot:
        yield type_, parameter, modifier
        return
    for target_name in parameter.targets:
        target = resource_type(target_name)
        if target and modifier in ("", target_name):
            yield from _leaves(target, rest, steps - 1)


def _is_left_out(leaves: Sequence[_Leaf], values: Sequence[str], fhir_base: str) -> bool:
    """Return True if values of a parameter are personal, or may name somebody in a form that this server does not know.

    Each way to write an id but its own, and each address but this server's, may be somebody's.
    """
    return any(
        parameter.personal
        or not all(_is_plain(parameter, value, fhir_base) for value in values if (modifier, value) not in _NO_IDS)
        for _, parameter, modifier in leaves
    )


def _is_plain(parameter: SearchParameter, value: str, fhir_base: str) -> bool:
    """Return True for an id, a reference and a truth in a known form, and for each value of another kind."""
    if parameter is ID_PARAMETER:
        return valid_id(value.removeprefix("|"))
    if parameter.type is ParameterType.REFERENCE:
        relative = RELATIVE_REFERENCE.fullmatch(value.removeprefix(fhir_base + "/"))
        is_known = relative and (resource_type(relative["type"]) or relative["type"] in parameter.targets)
        return valid_id(value) or bool(is_known)
    # A date of death is typed where STU3 asks whether there is one.
    return not parameter.presence or value.rpartition("|")[2] in _ABSENCE


def _patients(leaves: Sequence[_Leaf], values: Sequence[str], fhir_base: str) -> Iterator[str]:
    """Yield the ids of the patients that values name, by a reference or by the patient's own id.

    A bare id names a patient only where no other type is possible.
    """
    if len({type_.name for type_, _, _ in leaves}) > 1:
        leaves = [leaf for leaf in leaves if leaf[1] is not ID_PARAMETER]
    for type_, parameter, modifier in leaves:
        for value in values:
            if (modifier, value) in _NO_IDS:
                continue
            if patient := _named(type_, parameter, modifier, unescape(value), fhir_base):
                yield patient


def _named(type_: ResourceType, parameter: SearchParameter, modifier: str, value: str, fhir_base: str) -> str:
    """Return the id of the patient that a parameter's value names, or an empty text.

    It names him also where the search is refused for its modifier, or the parameter takes no reference to a patient.
    """
    if parameter is ID_PARAMETER:
        # As a token, an id may have an empty system.
        resource_id = value.removeprefix("|")
        return resource_id if type_ is PATIENT and valid_id(resource_id) else ""
    if parameter.type is not ParameterType.REFERENCE:
        return ""
    if valid_id(value):
        return value if modifier == PATIENT.name or parameter.targets == (PATIENT.name,) else ""
    relative = RELATIVE_REFERENCE.fullmatch(value.removeprefix(fhir_base + "/"))
    named, resource_id = relative.groups() if relative else ("", "")
    return resource_id if named == PATIENT.name else ""


def _numbered(leaves: Sequence[_Leaf], value: str, fhir_base: str) -> tuple[str, ...] | None:
    """Return the keys of the resources that may have a value's id, if that is an NHS number; None if it is not.

    Written in groups it may be no id at all, which no resource has.
    """
    keys: dict[str, None] = {}
    is_number = False
    for type_, parameter, modifier in leaves:
        types: Sequence[str] = ()
        resource_id = ""
        if parameter is ID_PARAMETER:
            types, resource_id = (type_.name,), value.rpartition("|")[2]
        elif parameter.type is ParameterType.REFERENCE:
            named, slash, rest = value.removeprefix(fhir_base + "/").partition("/")
            types = (named,) if slash else (modifier,) if modifier in parameter.targets else parameter.targets
            resource_id = rest.partition("/")[0] if slash else named
        if is_nhs_number(resource_id):
            is_number = True
            keys |= dict.fromkeys(f"{each}/{resource_id}" for each in types if valid_id(resource_id))
    return tuple(keys) if is_number else None


def _identifies(type_: ResourceType, parameter: SearchParameter, modifier: str) -> bool:
    return type_ is PATIENT and parameter is PATIENT.condition and modifier != Modifier.MISSING
