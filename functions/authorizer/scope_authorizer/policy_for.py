"""Write the policy that is right for every path a token may ask for (`access.md`, Rules 1 and 2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

from careconnect.resource_types import FHIR_PATH, SERVED_TYPES, ResourceType
from careconnect.scopes import Grants, Interaction, grants_of
from scope_authorizer.verb_patterns import verb_patterns


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a method ARN says of the API that asks: its stage, as a pattern for a policy, and its address.

    The pattern leaves out region and account, which an API id needs not, so that a policy with every type's
    paths stays within the gateway's 8,192 bytes.
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


_Letters = frozenset[Interaction]
_C, _R, _U, _D, _S = (frozenset({letter}) for letter in Interaction)

# The letters that a verb takes, by the path that it is sent to. A condition is a search, and a patch's `test` reads.
_ON_TYPE: Final[Mapping[str, _Letters]] = {"GET": _S, "HEAD": _S, "POST": _C, "PUT": _U | _S, "DELETE": _D | _S}
_ON_ONE: Final[Mapping[str, _Letters]] = {"GET": _R, "HEAD": _R, "PUT": _U, "PATCH": _U | _R, "DELETE": _D}
_READS: Final = frozenset({"GET", "HEAD"})
_POST: Final = frozenset({"POST"})
_PATCH: Final = frozenset({"PATCH"})
_NONE: Final[frozenset[str]] = frozenset()

# Two names of a patient's record, and no other there, in one pattern: each pair so said is two resources less.
_TOGETHER: Final = "Medication*t"


def policy_for(scope: str, gateway: Gateway, *, bound: bool = False) -> dict[str, Any]:
    """Return an IAM policy that allows what `scope` opens, and else only what is refused whoever asks.

    `bound` says that the token is to one patient. Allow statements only. The gateway caches the policy by token, so it
    never depends on the path asked for; each resource ends in an exact path or in `/*`, so that `Medication` does not
    open `MedicationRequest`. A token that opens nothing may ask for `metadata`, as anyone may: a policy needs one
    statement.

    A pattern has no way to stop at a slash. Below a patient the reader alone tells what is opened: a token that may
    read Patient gets as far with each type's search there, and one that may post one of them with the others. And a
    verb's pattern with a `*` lets pass a longer path that ends as an opened one does, which is none of the API's (ADR
    24).
    """
    resources = [f"{gateway.stage_pattern}/{path}" for path in _paths_of(scope, bound=bound)]
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": resources or [f"{gateway.stage_pattern}/GET{FHIR_PATH}/metadata"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@lru_cache(maxsize=256)
def _paths_of(scope: str, *, bound: bool) -> tuple[str, ...]:
    """Return what a scope opens, each as `VERB/path`: it is the same for whoever has it, and few scopes are in use."""
    grants = grants_of(scope, bound=bound)
    return tuple(
        f"{pattern}{FHIR_PATH}/{path}"
        for resource_type in SERVED_TYPES
        for path, opened, refused in _opened(resource_type, grants)
        for pattern in verb_patterns(opened, refused)
    )


def _opened(resource_type: ResourceType, grants: Grants) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Yield the paths of a type, each with the verbs that are opened there, and with those that are always refused."""
    name, held = resource_type.name, grants.letters[resource_type.name]
    members = [member for member in resource_type.members if grants.permits(member, Interaction.SEARCH)]
    on_one, searches = _verbs(_ON_ONE, held), Interaction.SEARCH in held
    # A PATCH of a type is always 405.
    yield name, _verbs(_ON_TYPE, held), _PATCH
    if searches and (members or not resource_type.members):
        # What else is posted below a type, to an id, is always 405: one path stands for all of its searches.
        on_one |= _POST
    else:
        yield f"{name}/_search", _POST if searches else _NONE, _NONE
        yield f"{name}/*/_search", _POST if members else _NONE, _NONE
    yield f"{name}/*", on_one, _NONE
    if Interaction.READ not in held:
        # What is opened on one resource is opened below it.
        for member in _in_few_patterns(members, resource_type):
            yield f"{name}/*/{member}", _READS, on_one


def _in_few_patterns(members: list[str], owner: ResourceType) -> list[str]:
    """Say names of an owner's record by patterns that match these and no other name of it."""
    together = {name for name in owner.members if fnmatchcase(name, _TOGETHER)}
    if not together or not together.issubset(members):
        return members
    return [*(name for name in members if name not in together), _TOGETHER]


def _verbs(taken: Mapping[str, _Letters], held: _Letters) -> frozenset[str]:
    return frozenset(verb for verb, letters in taken.items() if letters <= held)
