"""The template's parameters: a changed one takes effect, and one that cannot work is refused (`docs/change.md`)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.whole_template import whole_template

_TEMPLATE = whole_template()
_PARAMETERS: dict[str, dict[str, Any]] = _TEMPLATE["Parameters"]
_FUNCTIONS = {
    name: each["Properties"]
    for name, each in _TEMPLATE["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
_GLOBALS = _TEMPLATE["Globals"]["Function"]
# What Lambda keeps with a version: the rest (roles, reserved instances) holds for all versions at once.
_OF_A_VERSION = ("Architectures", "Environment", "MemorySize", "SnapStart", "Timeout")
_DESCRIPTION_CHARACTERS = 256


def parameters_in(value: Any) -> set[str]:
    """Return the parameters that decide `value`, through conditions too."""
    text = json.dumps(value)
    found = set(re.findall(r'"Ref": "(\w+)"', text)) | set(re.findall(r"\$\{(\w+)\}", text))
    for condition in _conditions(value):
        found |= parameters_in(_TEMPLATE["Conditions"][condition])
    return found & _PARAMETERS.keys()


def _conditions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _conditions(each)
    elif isinstance(value, dict):
        if "Fn::If" in value:
            yield value["Fn::If"][0]
        if isinstance(value.get("Condition"), str):
            yield value["Condition"]
        for each in value.values():
            yield from _conditions(each)


def longest(name: str) -> int:
    """Return how many characters a value of a parameter has at most."""
    given = _PARAMETERS[name]
    if "AllowedValues" in given:
        return max(len(str(value)) for value in given["AllowedValues"])
    if "MaxValue" in given:
        return len(str(given["MaxValue"]))
    if "MaxLength" in given:
        return int(given["MaxLength"])
    # A pattern without a star has no repetition but counted ones.
    counts = re.findall(r"\{(?:\d+,)?(\d+)\}", given["AllowedPattern"])
    assert not re.search(r"[*+]", given["AllowedPattern"]), name
    return sum(map(int, counts)) + len(re.sub(r"\[[^]]+\]\{[\d,]+\}|[\^$()?]", "", given["AllowedPattern"]))


@each_of("function", _FUNCTIONS)
def test_a_changed_setting_of_a_function_publishes_a_version_of_it(function: str) -> None:
    """CloudFormation replaces a version, and moves the alias to the new one, if its description has changed."""
    properties = _FUNCTIONS[function]
    described = parameters_in(properties["VersionDescription"])
    settings = parameters_in([[each.get(name, {}) for name in _OF_A_VERSION] for each in (_GLOBALS, properties)])

    # Who may list versions may not read the secret; `careconnect deploy` changes Release with it.
    assert described == settings - {"OriginSecret"}


@each_of("function", _FUNCTIONS)
def test_a_versions_description_has_room_for_the_longest_values(function: str) -> None:
    text = _FUNCTIONS[function]["VersionDescription"]["Fn::Sub"]
    lengths = {name: longest(name) for name in parameters_in(text)}
    # Only one of the two is given.
    lengths["BaseUrl"] = 0
    (one,) = _TEMPLATE["Rules"]["RootUrlIsOne"]["Assertions"]
    assert one["Assert"] == {"Fn::Equals": [{"Ref": "BaseUrl"}, ""]}

    assert len(re.sub(r"\$\{\w+\}", "", text)) + sum(lengths.values()) <= _DESCRIPTION_CHARACTERS


def test_snapshots_are_made_of_the_functions_that_somebody_often_waits_for_and_of_no_other() -> None:
    """A snapshot is paid for every second of the month, however seldom its function starts (`docs/capacity.md`)."""
    applied = {name: each.get("SnapStart", _GLOBALS["SnapStart"])["ApplyOn"] for name, each in _FUNCTIONS.items()}
    waited_for = {
        "TokenFunction", "ReadAuthorizerFunction", "WriteAuthorizerFunction", "PatientRecordFunction",
        "DirectoryFunction", "RecordWriterFunction",
    }  # fmt: skip

    assert applied == {
        name: {"Fn::If": ["UseSnapStart", "PublishedVersions", "None"]} if name in waited_for else "None"
        for name in _FUNCTIONS
    }
    assert _TEMPLATE["Conditions"]["UseSnapStart"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "on"]}
    assert _PARAMETERS["SnapStart"]["Default"] == "off"


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("AlarmEmail", ["", "a.b@example.org"], ["notanemail", "a@b", "a@example.org,b@example.org", "a@example."]),
        ("AlarmTopicArn", ["", "arn:aws:sns:eu-west-2:123456789012:alarms"], ["alarms", "arn:aws:sqs:eu-west-2:1:a"]),
        (
            "AllowedOrigins",
            ["*", "https://app.example.org", "https://a.example,https://b.example:8443", "http://localhost:3000"],
            ["", "app.example.org", "https://app.example.org/", "*,https://a.example", "https://a.example b", "'"],
        ),
        (
            "CertificateArn",
            ["", "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"],
            ["x", "arn:aws:acm:eu-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"],
        ),
        (
            "CustomDomain",
            ["", "api.example.org"],
            ["https://api.example.org", "api.example.org/live", "API.example.org", "api", "api..org", "*.example.org"],
        ),
        ("Release", ["1", "v1.4.0-3-g0123abc", "0" * 40], ["", "a b", "0" * 41]),
        (
            "WebAclArn",
            [
                "",
                "arn:aws:wafv2:eu-west-2:123456789012:regional/webacl/ours/1-2",
                "arn:aws:wafv2:us-east-1:123456789012:global/webacl/ours/1-2",
            ],
            ["ours", "arn:aws:wafv2:eu-west-2:123456789012:regional/rulegroup/ours/1-2"],
        ),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_its_pattern(name: str, taken: list[str], refused: list[str]) -> None:
    pattern = _PARAMETERS[name]["AllowedPattern"]

    assert [value for value in (*taken, *refused) if re.fullmatch(pattern, value)] == taken


def test_a_pattern_that_no_reader_understands_has_a_text() -> None:
    for name, given in _PARAMETERS.items():
        if len(given.get("AllowedPattern", "")) > 60 and name not in ("BaseUrl", "EdgeFunctionArn"):
            assert given["ConstraintDescription"], name


def test_a_web_acl_is_the_fronts_or_else_the_stages() -> None:
    association = _TEMPLATE["Resources"]["StageWebAcl"]
    front = _TEMPLATE["Resources"]["Front"]["Properties"]["DistributionConfig"]

    assert association["Condition"] == "ProtectsStage"
    assert {"Fn::Not": [{"Condition": "HasCustomDomain"}]} in _TEMPLATE["Conditions"]["ProtectsStage"]["Fn::And"]
    assert association["Properties"]["WebACLArn"] == {"Ref": "WebAclArn"}
    assert front["WebACLId"] == {"Fn::If": ["HasWebAcl", {"Ref": "WebAclArn"}, {"Ref": "AWS::NoValue"}]}
