"""The template's tables, key and alias, created in an emulator without its functions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from careconnect_admin.local.deploy.deployment import create_stack
from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.project import TEMPLATE
from careconnect_admin.stack.running_stack import STACK_NAME

_DATA_TYPES: Final = frozenset({"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::KMS::Alias"})

_ALIASES: Final = ("SigningKeyAlias",)
"""The outputs that name a key by its alias."""


def create_data(emulator: Emulator, base_url: str) -> Mapping[str, str]:
    """Create the template's tables, key and alias in the emulator and return the outputs that name them.

    The resources are taken from the template. The tables get their logical ids as names, because `sam local` resolves a
    reference to the logical id. The key gets KMS's default policy. The roles named in its own policy do not exist here,
    and SAM gives all functions one set of credentials.
    """
    cloudformation = emulator.client("cloudformation")
    create_stack(cloudformation, STACK_NAME, TemplateBody=json.dumps(data_template(TEMPLATE, base_url)))
    (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def data_template(path: Path, base_url: str) -> dict[str, Any]:
    """Return the tables, key and alias of the template at `path`, ready to create in an emulator."""
    template = read_template(path)
    resources = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] not in _DATA_TYPES:
            continue
        properties = dict(resource["Properties"])
        properties.pop("KeyPolicy", None)
        properties.pop("DeletionProtectionEnabled", None)
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties["TableName"] = name
        resources[name] = {"Type": resource["Type"], "Properties": properties}
    named = {*resources, *_ALIASES}
    outputs = {name: output for name, output in template["Outputs"].items() if name in named}
    return {"Resources": resources, "Outputs": outputs | {"BaseUrl": {"Value": base_url}}}
