"""A fake CloudFormation of one stack, for the operator's commands: its resources and its deletion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeCloudFormation:
    """One stack: the type and the physical id of each logical id.

    `delete_stack` begins the deletion, `at_the_end` is its outcome, and `before_the_end` is called once before that.
    """

    resources: Mapping[str, tuple[str, str]]
    is_protected: bool = False
    at_the_end: str = "DELETE_COMPLETE"
    before_the_end: Callable[[], None] = lambda: None
    status: str = "CREATE_COMPLETE"
    calls: list[str] = field(default_factory=list)

    def get_paginator(self, operation: str) -> Any:
        """Return the pages of a listing."""
        assert operation == "list_stack_resources"
        summaries = [
            {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical}
            for name, (kind, physical) in self.resources.items()
        ]
        pages = [{"StackResourceSummaries": summaries[:1]}, {"StackResourceSummaries": summaries[1:]}]
        return SimpleNamespace(paginate=lambda **_: pages)

    def describe_stacks(self, **_: Any) -> Any:
        """Return the stack; each call advances a deletion in progress by one step."""
        described = {"StackId": "arn:x", "StackStatus": self.status, "EnableTerminationProtection": self.is_protected}
        if self.status == "DELETE_IN_PROGRESS":
            self.status = self.at_the_end
        return {"Stacks": [described]}

    def describe_stack_events(self, **_: Any) -> Any:
        """Return the stack's events, the last first."""
        return {
            "StackEvents": [
                {"LogicalResourceId": "careconnect", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "some"},
                {"LogicalResourceId": "Role", "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": "in use"},
                {"LogicalResourceId": "Api", "ResourceStatus": "DELETE_COMPLETE"},
            ]
        }

    def delete_stack(self, **_: Any) -> None:
        """Begin the deletion."""
        self.calls.append("delete_stack")
        self.before_the_end()
        self.status = "DELETE_IN_PROGRESS"


def denied(operation: str) -> ClientError:
    """Return AWS's access denied error for an operation."""
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
