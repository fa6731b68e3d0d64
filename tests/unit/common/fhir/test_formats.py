"""Which format a request asks for (`fhir.md`, Formats)."""

import json

import pytest

from careconnect.fhir.outcomes import OutcomeError, login_required
from careconnect.fhir.rendering.formats import Format, body_format, error_response, negotiate
from careconnect_testing.running.cases import each_of

JSON, XML = Format.JSON, Format.XML


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("json", JSON),
        ("xml", XML),
        ("XML", XML),
        ("text/xml", XML),
        ("application/json", JSON),
        ("application/xml", XML),
        ("application/fhir+json", JSON),
        ("application/fhir+xml", XML),
        ("application/json+fhir", JSON),
        ("application/xml+fhir", XML),
        ("application/fhir xml", XML),  # an unencoded plus
        ("application/fhir+xml; charset=utf-8", XML),
    ],
)
def test_format_names(parameter: str, expected: Format) -> None:
    assert negotiate(parameter, "") is expected


@each_of(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", JSON),
        ("application/fhir+json", JSON),
        ("application/fhir+xml", XML),
        ("application/json+fhir", JSON),
        ("application/xml+fhir;q=0.3", XML),
        ("Application/FHIR+XML", XML),
        ("application/fhir+xml; charset=utf-8; fhirVersion=3.0", XML),
        # q-values (RFC 9110 §12.4.2)
        ("application/fhir+json;q=0.2, application/fhir+xml;q=0.9", XML),
        ("application/fhir+xml;q=0.2, application/fhir+json;q=0.9", JSON),
        ("application/fhir+json;q=0, */*", JSON),  # under its other names it is still welcome
        ("application/*;q=0, text/xml", XML),
        # equal: the one named first
        ("application/fhir+xml, application/fhir+json", XML),
        ("application/fhir+json, application/fhir+xml", JSON),
        # the closest range counts
        ("*/*;q=0.9, application/fhir+json;q=0.1, application/json;q=0.1", JSON),
        ("application/xml, */*;q=0.5", XML),
        # a browser, the FHIR clients
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
        ("application/fhir+json;q=1.0, application/json+fhir;q=0.9", JSON),
        ("text/plain, application/fhir+xml", XML),
        ("application/fhir+xml;q=high, application/json;q=0.1", JSON),  # an illegal q-value
    ],
)
def test_accept(accept: str, expected: Format) -> None:
    assert negotiate("", accept) is expected


def test_format_beats_accept() -> None:
    assert negotiate("xml", "application/fhir+json") is XML
    assert negotiate("json", "text/html") is JSON
    assert negotiate(" ", "application/fhir+xml") is XML


@pytest.mark.parametrize(
    ("parameter", "accept"),
    [
        ("turtle", "*/*"),
        ("text/html", ""),
        ("", "text/html"),
        ("", "image/*, text/turtle"),
        ("", "*/*;q=0"),
        ("", ";"),
    ],
)
def test_neither_format_is_406(parameter: str, accept: str) -> None:
    with pytest.raises(OutcomeError) as refused:
        negotiate(parameter, accept)

    assert refused.value.status == 406
    answer = error_response(refused.value, parameter, accept)
    assert (answer.status, answer.headers["Content-Type"]) == (406, "application/fhir+json; charset=utf-8")


@pytest.mark.parametrize("version", ["3.0", "3.0.1", "3.0.2", '"3.0"'])
def test_a_media_type_of_stu3_is_one_without_a_version(version: str) -> None:
    assert negotiate("", f"application/fhir+xml; fhirVersion={version}") is XML
    assert negotiate(f"application/fhir+xml; fhirVersion={version}", "") is XML


@pytest.mark.parametrize(
    ("parameter", "accept"),
    [
        ("", "application/fhir+json; fhirVersion=4.0"),
        ("", "application/fhir+json;fhirversion=1.0"),
        ("", 'application/fhir+json; fhirVersion="4.0"; q=0.9'),
        ("", "application/fhir+json; fhirVersion=3.01"),
        ("", "application/fhir+json; fhirVersion="),
        ("", "application/fhir+json; fhirVersion=4.0, application/fhir+xml; fhirVersion=4.3, text/html"),
        ("application/fhir+json; fhirVersion=4.0", ""),
        ("application/fhir xml;fhirVersion=4.0", "application/fhir+json"),
    ],
)
def test_another_version_of_fhir_is_406_and_says_which_there_is(parameter: str, accept: str) -> None:
    with pytest.raises(OutcomeError) as refused:
        negotiate(parameter, accept)

    assert refused.value.status == 406
    assert refused.value.text == "Answers are of FHIR STU3: ask for fhirVersion=3.0, or leave it out."


def test_of_several_versions_ours_counts() -> None:
    assert negotiate("", "application/fhir+json; fhirVersion=4.0, application/fhir+xml; fhirVersion=3.0;q=0.1") is XML
    assert negotiate("", "application/fhir+xml; fhirVersion=4.0, */*;q=0.1") is JSON


def test_an_error_is_answered_in_the_asked_format() -> None:
    as_json = error_response(login_required(), "", "application/fhir+json")
    as_xml = error_response(login_required(), "xml", "")

    assert (as_json.status, as_xml.status) == (401, 401)
    assert as_json.headers["WWW-Authenticate"] == as_xml.headers["WWW-Authenticate"] == 'Bearer realm="careconnect"'
    assert as_json.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert as_xml.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
    assert json.loads(as_json.body)["issue"][0]["code"] == "login"
    assert '<code value="login"/>' in as_xml.body


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/fhir+json", JSON),
        ("Application/FHIR+JSON; charset=UTF-8", JSON),
        ('application/fhir+xml; charset="utf-8"; fhirVersion=3.0', XML),
        ("application/json+fhir", JSON),
        ("application/xml+fhir", XML),
        ("application/json", JSON),
        ("text/xml", XML),
        ("", None),
        ("json", None),
        ("text/plain", None),
        ("application/json-patch+json", None),
        ("application/fhir+json; charset=iso-8859-1", None),
        ("application/fhir+json; fhirVersion=4.0", None),
    ],
)
def test_stu3_http_3_1_0_1_10_a_body_is_of_the_format_that_its_content_type_says(
    content_type: str, expected: Format | None
) -> None:
    assert body_format(content_type) is expected
