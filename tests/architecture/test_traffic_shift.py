"""Gradual deployment (`docs/staging.md`): the parts that SAM makes of the template, with `TrafficShift` and without."""

import copy
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from careconnect_testing.stacks.whole_template import whole_template

# SAM transforms the whole template.
pytestmark = pytest.mark.slow


class _ManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def transformed(shift: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the resources of the template as CloudFormation gets them."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    template = copy.deepcopy(whole_template())
    for each in template["Resources"].values():
        properties = each.get("Properties", {})
        uploaded = properties.keys() & {"CodeUri", "ContentUri", "DefinitionUri"}
        properties |= dict.fromkeys(uploaded, "s3://bucket/key")
    resources: dict[str, dict[str, Any]] = transform(template, {"TrafficShift": shift}, _ManagedPolicies())["Resources"]
    return resources


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in resources.items() if each["Type"] == kind}


def test_by_default_aliases_move_at_once_without_codedeploy(monkeypatch: pytest.MonkeyPatch) -> None:
    default = whole_template()["Parameters"]["TrafficShift"]["Default"]
    resources = transformed(default, monkeypatch)

    assert not [name for name, each in resources.items() if each["Type"].startswith("AWS::CodeDeploy")]
    assert not [name for name, each in of_type(resources, "AWS::Lambda::Alias").items() if "UpdatePolicy" in each]


def test_a_shift_moves_each_function_by_a_group_that_the_alarm_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = transformed("true", monkeypatch)

    aliases = of_type(resources, "AWS::Lambda::Alias")
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    used = {
        each["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"] for each in aliases.values()
    }
    assert len(aliases) == len(of_type(resources, "AWS::Lambda::Function"))
    assert used == groups.keys()
    for each in groups.values():
        properties = each["Properties"]
        assert properties["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": {"Ref": "ServerErrorsAlarm"}}]}
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
        assert properties["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent10Minutes"}


def test_the_alarm_depends_on_no_function(monkeypatch: pytest.MonkeyPatch) -> None:
    # An alias depends on its group and that on the alarm, so a reference back would be a circle.
    alarm = transformed("true", monkeypatch)["ServerErrorsAlarm"]

    assert "Function" not in str(alarm)
    assert "'Api'" not in str(alarm)
