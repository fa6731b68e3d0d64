"""The template that the emulator deploys, with the parts that the emulator does not support prepared beforehand."""

from typing import Any

import pytest

from careconnect_admin.local.deploy.deployment import for_emulator
from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.project import TEMPLATE


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template(TEMPLATE)


@pytest.mark.parametrize(
    ("given", "one"),
    [
        ({}, True),
        ({"AllowedOrigins": "https://app.example"}, True),
        ({"AllowedOrigins": "https://a.example,https://b.example"}, False),
    ],
)
def test_one_origin_is_reported_from_several(template: dict[str, Any], given: dict[str, str], one: bool) -> None:
    left, right = for_emulator(template, given)["Conditions"]["AllowsOneOrigin"]["Fn::Equals"]

    assert (left == given.get("AllowedOrigins", "*")) is one
    assert right == {"Ref": "AllowedOrigins"}


def test_the_gateways_answers_are_resources_besides(template: dict[str, Any]) -> None:
    made = for_emulator(template, {})["Resources"]

    answers = template["Resources"]["Api"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    resources = {name: each for name, each in made.items() if each["Type"] == "AWS::ApiGateway::GatewayResponse"}
    assert made.keys() - resources.keys() == template["Resources"].keys()
    assert {each["Properties"]["ResponseType"] for each in resources.values()} == answers.keys()
    refused = made["ApiUnauthorizedResponse"]["Properties"]
    assert (refused["RestApiId"], refused["StatusCode"]) == ({"Ref": "Api"}, 401)
    assert refused["ResponseParameters"] == answers["UNAUTHORIZED"]["responseParameters"]
    assert "StatusCode" not in made["ApiDefault4XxResponse"]["Properties"]


def test_the_emulators_key_has_the_templates_policy_with_its_condition(template: dict[str, Any]) -> None:
    ours = template["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"]
    theirs = for_emulator(template, {})["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"]

    assert any("Condition" in each for each in ours)
    assert theirs == ours
