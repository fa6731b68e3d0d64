"""The published versions of a stack's functions: AWS charges for the snapshot of each."""

from dataclasses import dataclass
from typing import Any

from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.target import StackTarget


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function: the function's name in the template and in Lambda, and the version's number."""

    logical_id: str
    function: str
    number: int


def surplus_versions(target: StackTarget, keep: int) -> list[FunctionVersion]:
    """Return all versions but the newest `keep` of each function, and those that an alias sends requests to."""
    client = target.client("lambda")
    return [
        FunctionVersion(name, function, number)
        for name, function in sorted(stack_resources(target, "AWS::Lambda::Function").items())
        for number in sorted(_published(client, function))[:-keep]
        if str(number) not in _in_use(client, function)
    ]


def delete_versions(target: StackTarget, versions: list[FunctionVersion]) -> None:
    """Delete versions; AWS errors pass through."""
    client = target.client("lambda")
    for each in versions:
        client.delete_function(FunctionName=each.function, Qualifier=str(each.number))


def _published(client: Any, function: str) -> list[int]:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return [int(each["Version"]) for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]


def _in_use(client: Any, function: str) -> set[str]:
    """Return the versions of all aliases, in a gradual deployment both of one."""
    pages = client.get_paginator("list_aliases").paginate(FunctionName=function)
    aliases = [each for page in pages for each in page["Aliases"]]
    shifted = [each.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}) for each in aliases]
    return {each["FunctionVersion"] for each in aliases} | {version for weights in shifted for version in weights}
