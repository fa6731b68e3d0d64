"""The edge function, taken from its template as CloudFront would run it, on events of the documented form."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from careconnect_admin.project import PROJECT
from careconnect_testing.page.node_clients import NODE
from careconnect_testing.stacks.whole_template import whole_template

_RENAMED = "x-amzn-remapped-www-authenticate"
_CHALLENGE = 'Bearer realm="careconnect", error="invalid_token"'

Headers = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def edge() -> Callable[[Any, Any], Any]:
    template = yaml_parse((PROJECT / "functions/edge/template.yaml").read_text(encoding="utf-8"))
    properties = template["Resources"]["EdgeFunction"]["Properties"]
    assert properties["Handler"] == "index.lambda_handler"
    names: dict[str, Any] = {}
    exec(properties["InlineCode"], names)  # noqa: S102
    handler: Callable[[Any, Any], Any] = names["lambda_handler"]
    return handler


def _event(status: str, headers: Headers) -> dict[str, Any]:
    response = {"status": status, "statusDescription": "", "headers": headers}
    config = {"distributionDomainName": "d111111abcdef8.cloudfront.net", "eventType": "origin-response"}
    request = {"clientIp": "203.0.113.178", "headers": {}, "method": "GET", "querystring": "", "uri": "/token"}
    return {"Records": [{"cf": {"config": config, "request": request, "response": response}}]}


def test_the_renamed_challenge_gets_its_name_back(edge: Callable[[Any, Any], Any]) -> None:
    headers = {_RENAMED: [{"key": "x-amzn-Remapped-WWW-Authenticate", "value": _CHALLENGE}]}

    answer = edge(_event("401", headers), None)

    assert answer["headers"] == {"www-authenticate": [{"key": "WWW-Authenticate", "value": _CHALLENGE}]}
    assert answer["status"] == "401"


def test_the_gateways_own_challenge_stays(edge: Callable[[Any, Any], Any]) -> None:
    own = [{"key": "WWW-Authenticate", "value": 'Bearer realm="careconnect"'}]

    answer = edge(_event("401", {"www-authenticate": own, _RENAMED: [{"key": _RENAMED, "value": "Basic"}]}), None)

    assert answer["headers"] == {"www-authenticate": own}


def test_an_answer_without_a_challenge_passes_as_it_is(edge: Callable[[Any, Any], Any]) -> None:
    headers = {"etag": [{"key": "ETag", "value": 'W/"1"'}], "content-type": [{"key": "Content-Type", "value": "x"}]}

    answer = edge(_event("200", dict(headers)), None)

    assert (answer["status"], answer["headers"]) == ("200", headers)


def test_the_viewer_is_who_cloudfront_sees_whatever_it_says_itself() -> None:
    """The function of template.yaml, on events of CloudFront Functions' documented form."""
    function = whole_template()["Resources"]["ViewerAddressFunction"]["Properties"]
    asked: list[dict[str, Any]] = [
        {"version": "1.0", "viewer": {"ip": address}, "request": {"method": "GET", "uri": "/", "headers": said}}
        for address in ("203.0.113.178", "2001:db8::7")
        for said in ({}, {"x-viewer-address": {"value": "192.0.2.1"}})
    ]
    script = f"{function['FunctionCode']}\nprocess.stdout.write(JSON.stringify({json.dumps(asked)}.map(handler)));"

    told = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True).stdout

    assert [each["headers"] for each in json.loads(told)] == [
        {"x-viewer-address": {"value": each["viewer"]["ip"]}} for each in asked
    ]
