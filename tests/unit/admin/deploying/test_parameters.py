"""The check of a deployment's parameters before `sam deploy` gets them."""

from pathlib import Path

import pytest

from careconnect_admin.deploying.answers import read_answers
from careconnect_admin.deploying.parameters import faults, kept, with_release
from careconnect_admin.errors import OperatorError
from careconnect_testing.stacks.whole_template import whole_template

DECLARED = whole_template()["Parameters"]
REGION = "eu-west-2"
SECRET = "0123456789abcdef" * 4
DOMAIN = {
    "CustomDomain": "api.example.org",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1-2",
}
REGIONAL = f"arn:aws:wafv2:{REGION}:123456789012:regional/webacl/ours/1-2"
GLOBAL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/ours/1-2"


@pytest.mark.parametrize(
    ("given", "deployed", "fault"),
    [
        ({"AlarmMail": "a@example.org"}, {}, "no parameter AlarmMail: did you mean AlarmEmail?"),
        ({"Nothing": "1"}, {}, "no parameter Nothing, see template.yaml"),
        ({"AlarmEmail": "notanemail"}, {}, "AlarmEmail is one e-mail address"),
        ({"Console": "yes"}, {}, "Console is one of on, off"),
        ({"TokenLifetimeSeconds": "1h"}, {}, "TokenLifetimeSeconds is a number"),
        ({"TokenLifetimeSeconds": "59"}, {}, "TokenLifetimeSeconds is at least 60, and at most 5400"),
        ({"RequestRate": "0"}, {}, "RequestRate is at least 1"),
        ({"AllowedOrigins": "https://" + "a" * 90}, {}, "AllowedOrigins has 96 characters at most"),
        ({"BaseUrl": "http://api.example.org"}, {}, "BaseUrl has to match ^"),
        ({"RestoredTables": "20261128T030000Z"}, {}, "RestoredTables is set by `careconnect restore --switch` alone"),
        ({"AuditRetentionDays": "400"}, {}, "AuditRetentionDays is one of 0, 1, 90, 365"),
        ({"ArchiveRetentionDays": "1"}, {}, "ArchiveRetentionDays=1 needs AuditRetentionDays=1 or 0"),
        (
            {"AuditRetentionDays": "365"},
            {"AuditRetentionDays": "0", "ArchiveRetentionDays": "1"},
            "ArchiveRetentionDays=1 needs",
        ),
        (
            {},
            {"AuditRetentionDays": "400", "ArchiveRetentionDays": "2922"},
            "AuditRetentionDays is 400 as deployed, and one of 0, 1, 90, 365 from this release on: give one",
        ),
        (
            {"ArchiveRetentionDays": "365"},
            {"ArchiveRetentionDays": "2922"},
            "ArchiveRetentionDays is not lowered: reports would miss what is still locked (deployed: 2922)",
        ),
        ({"ArchiveRetentionDays": "2922"}, {"ArchiveRetentionDays": "36500"}, "ArchiveRetentionDays is not lowered"),
        ({"WebAclArn": GLOBAL}, {}, "WebAclArn has to be of the scope REGIONAL"),
        ({"WebAclArn": REGIONAL, **DOMAIN}, {}, "WebAclArn has to be of the scope CLOUDFRONT"),
        ({"WebAclArn": REGIONAL.replace(REGION, "eu-west-1")}, {}, "WebAclArn is of another region than the stack"),
        ({"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:a"}, {}, "AlarmTopicArn is of another region"),
    ],
)
def test_what_cannot_work_is_refused_with_a_text(given: dict[str, str], deployed: dict[str, str], fault: str) -> None:
    (said,) = faults(DECLARED, given, deployed, REGION)

    assert fault in said


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"AuditRetentionDays": "365"},
        {"AuditRetentionDays": "1", "ArchiveRetentionDays": "1"},
        {"WebAclArn": REGIONAL},
        {"WebAclArn": GLOBAL, **DOMAIN},
        {"AlarmTopicArn": f"arn:aws:sns:{REGION}:123456789012:a", "RequestRate": "1000000"},
    ],
)
def test_what_can_work_is_taken(given: dict[str, str]) -> None:
    assert faults(DECLARED, given, {}, REGION) == []


@pytest.mark.parametrize(
    ("given", "deployed"),
    [
        # What a former release gave a stack stays.
        ({}, {"AuditRetentionDays": "0", "ArchiveRetentionDays": "365"}),
        ({"AuditRetentionDays": "90", "ArchiveRetentionDays": "2922"}, {"AuditRetentionDays": "0"}),
        ({"AuditRetentionDays": "365"}, {"AuditRetentionDays": "400", "ArchiveRetentionDays": "2922"}),
        ({"ArchiveRetentionDays": "365"}, {"AuditRetentionDays": "0", "ArchiveRetentionDays": "30"}),
        # A former release took any number: the longest that is left is no lower than need be.
        ({"ArchiveRetentionDays": "7305"}, {"AuditRetentionDays": "0", "ArchiveRetentionDays": "36500"}),
    ],
)
def test_retentions_of_a_former_release_can_stay_or_be_changed(given: dict[str, str], deployed: dict[str, str]) -> None:
    assert faults(DECLARED, given, deployed, REGION) == []


def test_all_faults_are_told_at_once_and_no_value_is() -> None:
    said = faults(DECLARED, {"OriginSecret": "secret!", "AlarmMail": "x", "Console": "yes"}, {}, REGION)

    assert len(said) == 3
    assert "secret!" not in str(said)


def test_the_restored_tables_in_service_may_be_given() -> None:
    same = {"RestoredTables": "20261128T030000Z"}

    assert faults(DECLARED, same, same, REGION) == []


def test_the_release_changes_with_the_secret_alone() -> None:
    first, again, other, renamed = (
        with_release({"OriginSecret": secret, "Release": release}, "careconnect")["Release"]
        for secret, release in ((SECRET, "1.4"), (SECRET, "1.4"), (SECRET[::-1], "1.4"), (SECRET, "1.5"))
    )

    assert first == again
    assert len({first, other, renamed}) == 3
    assert first.startswith("1.4-")
    assert with_release({"Release": "1.4"}, "careconnect") == {"Release": "1.4"}
    # A secret that goes changes it too.
    assert with_release({"OriginSecret": "", "Release": "1.4"}, "careconnect")["Release"] == "1.4"
    assert with_release({"OriginSecret": ""}, "careconnect")["Release"] == "1"
    longest = with_release({"OriginSecret": SECRET, "Release": "r" * 40}, "careconnect")
    assert faults(DECLARED, longest | {"BaseUrl": "https://api.example.org"}, {}, REGION) == []


def test_what_stays_in_force_is_told() -> None:
    deployed = {"AlarmEmail": "a@example.org", "Console": "off", "SnapStart": "on", "RestoredTables": "x", "Gone": "1"}

    # Another default changes no stack: `sam deploy` gives each parameter that is left out its former value.
    assert kept(DECLARED, {"Console": "on"}, deployed) == {"AlarmEmail": "a@example.org", "SnapStart": "on"}


def test_nothing_is_told_of_a_secret_that_may_be_none() -> None:
    # So CloudFormation answers for an empty one too.
    assert kept(DECLARED, {}, {"OriginSecret": "****"}) == {}


def config(folder: Path, text: str) -> Path:
    file = folder / "samconfig.local.toml"
    file.write_text(text, encoding="utf-8")
    return file


FILE = """
[default.global.parameters]
stack_name = "ours"
region = "eu-west-2"
[default.deploy.parameters]
parameter_overrides = "AlarmEmail=a@example.org AllowedOrigins='https://a.example, https://b.example'"
"""


def test_the_answers_are_those_of_the_file_and_of_the_command_line(tmp_path: Path) -> None:
    file = config(tmp_path, FILE)

    found = read_answers(file)
    over = read_answers(file, ["ParameterKey=Console,ParameterValue=off"], stack_name="theirs", region="")

    assert (found.stack, found.region, found.profile, found.template) == ("ours", "eu-west-2", "", "")
    assert found.parameters == {
        "AlarmEmail": "a@example.org",
        "AllowedOrigins": "https://a.example, https://b.example",
    }
    assert (over.stack, over.region, over.parameters) == ("theirs", "eu-west-2", {"Console": "off"})


def test_a_list_of_parameters_is_read_too(tmp_path: Path) -> None:
    text = '[default.deploy.parameters]\nstack_name = "ours"\nparameter_overrides = ["Console=off", "Release=2"]\n'

    assert read_answers(config(tmp_path, text)).parameters == {"Console": "off", "Release": "2"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "names no stack"),
        ("[default", "samconfig.local.toml: "),
        (
            FILE.replace("AlarmEmail=", "AlarmEmail "),
            "parameters are NAME=VALUE, separated by spaces: AlarmEmail is not",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(OperatorError, match=fault):
        read_answers(config(tmp_path, text))


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"copy samconfig\.toml"):
        read_answers(tmp_path / "none.toml")
