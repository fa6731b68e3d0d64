"""Write the policy that is right for every path a token may ask for (`access.md`, Rules 1 and 2)."""

from dataclasses import dataclass
from typing import Any, Final

from careconnect.resource_types import FHIR_PATH, RESOURCE_TYPES
from careconnect.scopes import Interaction, grants_of


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


_READS: Final = ("GET", "HEAD")


def policy_for(scope: str, gateway: Gateway) -> dict[str, Any]:
    """Return an IAM policy that allows each path `scope` opens, and no other.

    Allow statements only. The gateway caches the policy by token, so it never depends on the path asked for;
    each resource ends in an exact path or in `/*`, so that `Medication` does not open `MedicationRequest`. A
    token that opens nothing may ask for `metadata`, as anyone may: a policy needs one statement.

    Below a patient the reader alone tells what is opened, for a pattern has no way to stop at a slash: a token that may
    read Patient gets as far with each type's search there, and one that may post one of them with the others.
    """
    grants, stage = grants_of(scope), gateway.stage_pattern
    resources: list[str] = []
    for resource_type in RESOURCE_TYPES:
        path = f"{FHIR_PATH}/{resource_type.name}"
        members = [name for name in resource_type.members if grants.permits(name, Interaction.SEARCH)]
        if grants.permits(resource_type.name, Interaction.READ):
            resources += [f"{stage}/{verb}{path}/*" for verb in _READS]
        else:
            # GET or HEAD in one pattern: two for each type would be more than the gateway takes.
            resources += [f"{stage}/?E*{path}/*/{name}" for name in members]
        if members:
            resources.append(f"{stage}/POST{path}/*/_search")
        if grants.permits(resource_type.name, Interaction.SEARCH):
            # Four letters are HEAD or POST; a POST to the type, which is no search, is answered with 405.
            resources += [f"{stage}/GET{path}", f"{stage}/????{path}", f"{stage}/POST{path}/_search"]
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": resources or [f"{stage}/GET{FHIR_PATH}/metadata"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
