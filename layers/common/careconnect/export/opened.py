"""What a token exports, and whether it may see a job (`export.md`, Who may export)."""

from typing import Final

from careconnect.export.job import Job
from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import READING, Grants, Letter, Pair, grants_of

_LEVEL: Final = "system/"


def system_scope(scope: str) -> str:
    """Return those of a token's scopes that count for exports, which are of the level `system`."""
    return " ".join(each for each in scope.split() if each.startswith(_LEVEL))


def opened_types(scope: str) -> tuple[ResourceType, ...]:
    """Return the types that scopes open for an export: `r` and `s` at the level `system`."""
    grants = grants_of(system_scope(scope))
    return tuple(each for each in RESOURCE_TYPES if _opens(grants, each))


def covers(caller: Caller, job: Job, type_: ResourceType) -> bool:
    """Return True if a token opens all that a job exports of a type: each resource, or by the same granular scopes."""
    held, used = grants_of(system_scope(caller.scope)), grants_of(job.scope)
    if caller.patient or not _opens(held, type_):
        return False
    return all(_limits(held, type_, letter) in ((), _limits(used, type_, letter)) for letter in READING)


def _limits(grants: Grants, type_: ResourceType, letter: Letter) -> tuple[tuple[Pair, ...], ...]:
    """Return the suffixes of the scopes that alone grant a letter on a type, in one order."""
    return tuple(sorted({tuple(sorted(each.pairs)) for each in grants.limits.get((type_.name, letter), ())}))


def _opens(grants: Grants, type_: ResourceType) -> bool:
    return all(grants.permits(type_.name, letter) for letter in READING)
