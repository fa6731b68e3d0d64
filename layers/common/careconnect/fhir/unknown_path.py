"""The 404 of a path that the API does not have, with its cause and the nearest path (`fhir.md`, Other paths)."""

from typing import Final
from urllib.parse import unquote

from careconnect.fhir.interactions import KICK_OFF, Shape, operations_of
from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.outcomes import OutcomeError, not_supported
from careconnect.fhir.resource_types import SERVED_TYPES, ResourceType, served_type
from careconnect.fhir.resource_types.stu3 import RESOURCE_NAMES
from careconnect.http.base_url import FHIR_PATH

_NOT_SERVED: Final = "This type of FHIR STU3 is not served."
_NAMES: Final = (*(each.name for each in SERVED_TYPES), "metadata")


def unknown_path(path: str) -> OutcomeError:
    """Return the 404 of a path that no function serves. Its text names what is served and repeats no input."""
    return not_supported(_cause(path))


def _cause(path: str) -> str:
    prefix, _, rest = path.partition(FHIR_PATH + "/")
    if prefix:
        return f"FHIR is served below {FHIR_PATH}."
    name, *segments = (unquote(segment) for segment in rest.split("/"))
    if "" in (name, *segments[:-1]):
        return "The path has an empty part: write one slash between two parts, as in Patient/4."
    if segments and not segments[-1]:
        return "The path ends with a slash: leave it out."
    found = served_type(name)
    return _cause_below(found, segments) if found else _cause_of_name(name)


def _cause_of_name(name: str) -> str:
    if name == "Bundle":
        return f"A Bundle is not stored as one: send it to the FHIR base, POST {FHIR_PATH}."
    if name == "Group":
        return "There is no Group: patients are named in the body of POST Patient/$export."
    if name in RESOURCE_NAMES:
        return _NOT_SERVED
    if name == KICK_OFF.operation:
        return "Below $export there are $export/{job} and $export/{job}/{file}."
    if name.startswith("$"):
        return f"That is no operation of the base, which has {KICK_OFF.operation}."
    nearest = nearest_name(name, _NAMES)
    if not nearest:
        return "Nothing is served under that name."
    if nearest.lower() == name.lower():
        return f"Names are case-sensitive: write {nearest}."
    return f"Nothing is served under that name: the nearest is {nearest}."


def _cause_below(type_: ResourceType, segments: list[str]) -> str:
    one = f"{type_.name}/{{id}}"
    if any(segment.startswith("$") for segment in segments):
        offered = ", ".join(
            f"{one if each.shape is Shape.OPERATION else type_.name}/{each.operation}" for each in operations_of(type_)
        )
        return f"That is no operation of {type_.name}, which has {offered or 'none'}."
    if "_history" in segments and not type_.versioned:
        return f"{type_.name} never changes, and so has no history."
    if "_history" in segments:
        return f"A history is of one resource: ask for {one}/_history, or for a version by {one}/_history/{{version}}."
    if "_search" in segments:
        return f"A search is posted to {type_.name}/_search."
    return _cause_below_one(type_, segments[1:])


def _cause_below_one(type_: ResourceType, rest: list[str]) -> str:
    """Return the cause of a 404 below an id. `rest` are the segments there, perhaps meant as a search of its record."""
    one = f"{type_.name}/{{id}}"
    name = rest[0] if rest else ""
    other = served_type(name)
    if name in type_.members:
        return f"{one}/{name} is a search: one that it finds is read by {name}/{{id}}."
    if other is not None:
        by = next((each.name for each in other.searchable if type_.name in each.targets), "")
        advice = f"ask for {other.name}?{by}={{id}}" if by else f"ask for {other.name} by itself"
        return f"{other.name} is not searched below {one}: {advice}."
    if name in RESOURCE_NAMES:
        return _NOT_SERVED
    if not type_.versioned:
        return f"Below {type_.name} there are {one} and {type_.name}/_search."
    if not type_.members:
        return f"Below {type_.name} there are {one}, {one}/_history and {one}/_history/{{version}}."
    example = nearest_name(name, type_.members) or next(iter(type_.members))
    return (
        f"Below {type_.name} there are {one}, {one}/_history, {one}/_history/{{version}} and searches of its record, "
        f"such as {one}/{example}."
    )
