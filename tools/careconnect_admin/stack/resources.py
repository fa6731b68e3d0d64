"""A stack's resources by their names in the template."""

from collections.abc import Mapping

from careconnect_admin.stack.target import StackTarget


def stack_resources(target: StackTarget, resource_type: str) -> Mapping[str, str]:
    """Return the physical ids of a stack's resources of one type, by logical id; AWS errors pass through."""
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=target.name)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == resource_type and each.get("PhysicalResourceId")
    }
