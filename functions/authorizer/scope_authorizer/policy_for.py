"""Build a policy that is valid for every path that a token may request (`access.md`, Rules 1 and 2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from careconnect.fhir.interactions import CANCEL, KICK_OFF
from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.scopes import READING, WRITING, Letter, grants_of


class Direction(StrEnum):
    """The routes that an authorizer protects: those that read and search, or those that write."""

    READ = "read"
    WRITE = "write"


_LETTERS: Final[Mapping[Direction, frozenset[Letter]]] = {Direction.READ: READING, Direction.WRITE: WRITING}


@dataclass(frozen=True, slots=True)
class Gateway:
    """The requesting API in a method ARN: its stage, as a pattern for a policy, and its address.

    The pattern leaves out region and account, which an API id does not need, so that a policy stays short.
    """

    stage_pattern: str
    region: str
    api_id: str
    stage: str


def gateway_of(method_arn: str) -> Gateway:
    """Split `arn:aws:execute-api:region:account:api/stage/VERB/path`; raises `ValueError` for another shape."""
    head, stage, *_ = method_arn.split("/")
    parts = head.split(":")
    if len(parts) != 6 or not stage:
        raise ValueError("not a method ARN")
    _, partition, service, region, _, api_id = parts
    return Gateway(
        stage_pattern=f"arn:{partition}:{service}:*:*:{api_id}/{stage}",
        region=region,
        api_id=api_id,
        stage=stage,
    )


def policy_for(scope: str, direction: Direction, gateway: Gateway, *, bound: bool = False) -> dict[str, Any]:
    """Return an IAM policy that allows the paths of each type for which `scope` has a letter of `direction`.

    `bound` is True if the token is bound to one patient. The policy has only Allow statements. The gateway caches it by
    token, so it never depends on the requested path. Each resource ends in a type's or an operation's name, in `/*` or
    with the base, so that `Medication` does not permit `MedicationRequest`. A token that permits nothing may request
    `metadata`, like any caller: a policy needs one statement.

    A `*` matches slashes too. A path that only ends like a permitted one therefore reaches the function of its route,
    which rejects it by its shape. Only the functions distinguish the paths below a type: they check type and letter
    again (ADR 30).
    """
    resources = [f"{gateway.stage_pattern}/*{FHIR_PATH}/{path}" for path in _paths_of(scope, direction, bound=bound)]
    if resources and direction is Direction.WRITE:
        # Bundles: the function authorises each entry. The gateway takes the base with a slash at the end, too.
        resources += [f"{gateway.stage_pattern}/POST{FHIR_PATH}{end}" for end in ("", "/")]
    resources = resources or [f"{gateway.stage_pattern}/GET{FHIR_PATH}/metadata"]
    if direction is Direction.READ:
        # Whoever started a job may cancel it, by a token that reads nothing as well.
        methods = "*" if _exports(scope) and not bound else CANCEL.methods[0]
        resources.append(f"{gateway.stage_pattern}/{methods}{FHIR_PATH}/{CANCEL.operation}/*")
        if methods == "*":
            resources.append(f"{gateway.stage_pattern}/*{FHIR_PATH}/{KICK_OFF.operation}")
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
    return {"Version": "2012-10-17", "Statement": [statement]}


@lru_cache(maxsize=256)
def _exports(scope: str) -> bool:
    """Return True if a scope string reads and searches a type at the level `system`, which bulk exports need."""
    grants = grants_of(" ".join(text for text in scope.split() if text.startswith("system/")))
    return any(letters >= READING for letters in grants.letters.values())


@lru_cache(maxsize=256)
def _paths_of(scope: str, direction: Direction, *, bound: bool) -> tuple[str, ...]:
    """Return the paths that a scope permits; cached, because they depend on no client and few scopes are in use."""
    grants = grants_of(scope, bound=bound)
    opened = {each.name for each in SERVED_TYPES if grants.letters[each.name] & _LETTERS[direction]}
    return tuple(_paths(opened, direction))


def _paths(opened: set[str], direction: Direction) -> Iterator[str]:
    for each in SERVED_TYPES:
        if each.name in opened:
            yield each.name
            yield f"{each.name}/*"
        elif direction is Direction.READ and not opened.isdisjoint(each.members):
            # Searches of a patient's record; these paths have no writes.
            yield f"{each.name}/*/*"
