"""Reading a template with its includes: the text that CloudFormation would insert, and the includes it would refuse."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from careconnect_admin.local.deploy.template import TemplateError, read_template

_WITH_INCLUDES = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      Name: !Ref AWS::StackName
      DefinitionBody:
        Fn::Transform:
          Name: AWS::Include
          Parameters: {Location: api.yaml}
  Fn::Transform:
    Name: AWS::Include
    Parameters: {Location: more.yaml}
"""
_API = 'openapi: 3.0.1\npaths: {/a: {get: {uri: {"Fn::Sub": "${Api}"}}}}\n'
_MORE = "Topic: {Type: AWS::SNS::Topic}\n"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(_WITH_INCLUDES)
    (tmp_path / "api.yaml").write_text(_API)
    (tmp_path / "more.yaml").write_text(_MORE)
    return tmp_path / "template.yaml"


def test_included_files_are_in_their_places(template: Path) -> None:
    api = {
        "Type": "AWS::Serverless::Api",
        "Properties": {
            "Name": {"Ref": "AWS::StackName"},
            "DefinitionBody": {"openapi": "3.0.1", "paths": {"/a": {"get": {"uri": {"Fn::Sub": "${Api}"}}}}},
        },
    }
    assert read_template(template) == {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Api": api, "Topic": {"Type": "AWS::SNS::Topic"}},
    }


def test_another_macro_is_left_to_cloudformation(template: Path) -> None:
    template.write_text("Resources: {One: {Properties: {Fn::Transform: {Name: Ours, Parameters: {A: b}}}}}\n")

    assert read_template(template)["Resources"]["One"]["Properties"] == {
        "Fn::Transform": {"Name": "Ours", "Parameters": {"A": "b"}}
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Topic: {Type: AWS::SNS::Topic, Name: !Ref Api}\n", "!Ref"),
        ("One: &one {Type: AWS::SNS::Topic}\nTwo: *one\n", "no YAML alias"),
        ("Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}\n", "no Fn::Transform"),
        ("- Topic\n", "names and values"),
        ("Api: {Type: AWS::SNS::Topic}\n", "Api is in the template too"),
        ("{", "more.yaml"),
        (None, "more.yaml: No such file"),
    ],
)
def test_what_cloudformation_would_refuse_is_refused(template: Path, text: str | None, reason: str) -> None:
    more = template.parent / "more.yaml"
    more.unlink()
    if text is not None:
        more.write_text(text)

    with pytest.raises(TemplateError, match=reason):
        read_template(template)


def test_the_whole_can_be_written_for_a_linter(template: Path) -> None:
    target = template.parent / "made" / "template.json"

    command = [sys.executable, "-m", "careconnect_admin.local.deploy.template", str(template), str(target)]
    subprocess.run(command, check=True)

    assert json.loads(target.read_text()) == read_template(template)
