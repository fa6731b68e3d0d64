"""API Gateway's events and answers, whatever the headers' case and whichever emulator made them."""

import base64
from typing import Any

import pytest

from careconnect.http.messages import (
    FORM,
    BodyError,
    BodyFault,
    Cors,
    Response,
    gateway_response,
    is_utf8,
    parse_request,
)
from careconnect_testing.http.events import rest_event
from careconnect_testing.running.cases import each_of

ANY = Cors(("*",))
TWO = Cors(("https://a.example", "https://b.example"))


def test_a_request_is_what_the_event_says() -> None:
    request = parse_request(
        rest_event(
            "POST",
            "/token",
            query=[("a", "1"), ("b", "2"), ("a", "3")],
            headers={"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"},
            body="x=1",
            authorizer={"client_id": "c"},
        )
    )

    assert (request.method, request.path, request.body()) == ("POST", "/token", b"x=1")
    assert request.query == (("a", "1"), ("a", "3"), ("b", "2"))
    assert request.media_type == "application/x-www-form-urlencoded"
    assert request.authorizer == {"client_id": "c", "principalId": "caller", "integrationLatency": 7}
    assert (request.api_id, request.stage, request.source_ip) == ("abc123def4", "live", "203.0.113.7")


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_header_names_are_case_insensitive(name: str) -> None:
    assert parse_request(rest_event("GET", "/", headers={name: "Basic x"})).headers["authorization"] == "Basic x"


def test_a_header_sent_twice_is_seen_twice() -> None:
    event = rest_event("GET", "/", headers={"Authorization": "b"})
    event["multiValueHeaders"] = {"Authorization": ["a", "b"]}

    assert parse_request(event).headers["authorization"] == "a,b"


@pytest.mark.parametrize("form", ["headers", "multiValueHeaders"])
def test_names_that_differ_in_case_are_one_header_sent_twice(form: str) -> None:
    given = {"DPoP": "a", "dpop": "b"}
    values = given if form == "headers" else {name: [value] for name, value in given.items()}

    assert parse_request({form: values}).headers == {"dpop": "a,b"}


NOTHING = ("headers", "multiValueHeaders", "queryStringParameters", "body", "requestContext")


@pytest.mark.parametrize("event", [{}, dict.fromkeys(NOTHING), {"multiValueHeaders": {"X": []}}])
def test_what_an_event_leaves_out_is_empty(event: dict[str, Any]) -> None:
    request = parse_request(event)

    assert (request.body(), request.query, dict(request.headers), request.media_type) == (b"", (), {}, "")


def test_single_valued_queries_are_read_where_there_are_no_others() -> None:
    assert parse_request({"queryStringParameters": {"a": "1"}}).query == (("a", "1"),)


def test_a_base64_body_is_decoded() -> None:
    event = {"body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}

    assert parse_request(event).body() == b"\xff\x00"


@each_of("body", ["\ufffd", '{"a":"\ufffd"}', "\ud83d", "\ude00"])
def test_f1_a_text_in_which_the_gateway_has_replaced_bytes_is_a_body_error(body: str) -> None:
    with pytest.raises(BodyError, match="charset"):
        parse_request({"body": body}).body()


@pytest.mark.parametrize(("value", "expected"), [("ä 😀", True), ("\ufffd", False), ("a\ud800", False)])
def test_a_query_that_is_not_utf_8_is_known_by_the_gateways_replacement(value: str, expected: bool) -> None:
    for name, text in (("a", value), (value, "a")):
        assert is_utf8(parse_request({"queryStringParameters": {name: text}}).query) is expected


@pytest.mark.parametrize("body", ["%", "abc", "ä"])
def test_a_body_that_is_not_base64_is_a_body_error(body: str) -> None:
    request = parse_request({"body": body, "isBase64Encoded": True})

    with pytest.raises(BodyError, match="encoding"):
        request.body()


def form(body: str, media_type: str = FORM) -> list[tuple[str, str]]:
    request = parse_request({"body": body, "headers": {"content-type": media_type}})
    return request.form(max_bytes=20, max_parameters=2)


def test_a_form_is_read_as_pairs_and_no_body_as_none() -> None:
    assert form("a=%C3%A4+1&b=", f"{FORM}; charset=utf-8") == [("a", "ä 1"), ("b", "")]
    assert form("a=%EF%BF%BD") == [("a", "\ufffd")]
    assert form("", "") == []


@pytest.mark.parametrize(
    ("body", "media_type", "fault"),
    [
        ("a=1", "text/plain", BodyFault.MEDIA_TYPE),
        ("a=1", "", BodyFault.MEDIA_TYPE),
        ("", "text/plain", BodyFault.MEDIA_TYPE),
        ("a=" + "1" * 19, FORM, BodyFault.SIZE),
        ("a=" + "1" * 19, "text/plain", BodyFault.SIZE),
        ("a=1&b=2&c=3", FORM, BodyFault.FORM),
        ("a=%FF", FORM, BodyFault.CHARSET),
        ("a=%ED%A0%80", FORM, BodyFault.CHARSET),
        ("\ud800", FORM, BodyFault.CHARSET),
        ("a=\ufffd", FORM, BodyFault.CHARSET),
    ],
)
def test_what_is_no_form_is_a_body_error_that_says_why(body: str, media_type: str, fault: BodyFault) -> None:
    with pytest.raises(BodyError) as caught:
        form(body, media_type)

    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("abc-1.2_3~", "abc-1.2_3~"),
        ("", "gateway"),
        ("a b", "gateway"),
        ("a\r\nSet-Cookie: x", "gateway"),
        ("x" * 129, "gateway"),
        ("é", "gateway"),
    ],
)
def test_only_a_plain_request_id_is_echoed(given: str, used: str) -> None:
    request = parse_request(rest_event("GET", "/", headers={"X-Request-Id": given}, request_id="gateway"))
    answer = gateway_response(Response(200, "{}"), request, ANY)

    assert answer["headers"]["X-Request-Id"] == answer["headers"]["X-Correlation-Id"] == used


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", [TRACE, TRACE[:-1] + "0", "01" + TRACE[2:]])
def test_trace_context_3_2_a_well_formed_traceparent_is_echoed(given: str) -> None:
    request = parse_request(rest_event("GET", "/", headers={"Traceparent": given}))

    assert gateway_response(Response(200, "{}"), request, ANY)["headers"]["traceparent"] == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        TRACE.upper(),
        "ff" + TRACE[2:],
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        TRACE.replace("00f067aa0ba902b7", "0" * 16),
        TRACE[:-1],
        TRACE + "-00",
        TRACE + "\n",
        TRACE.replace("-", "_"),
        f"{TRACE},{TRACE}",
        TRACE + "\r\nSet-Cookie: x",
    ],
)
def test_no_other_traceparent_is(given: str) -> None:
    request = parse_request(rest_event("GET", "/", headers={"traceparent": given}))

    assert "traceparent" not in gateway_response(Response(200, "{}"), request, ANY)["headers"]


def test_rfc_9110_8_6_head_has_no_body_and_says_the_length_of_gets() -> None:
    head, get = (parse_request(rest_event(method, "/")) for method in ("HEAD", "GET"))

    answer = gateway_response(Response(200, "bödy"), head, ANY)
    assert (answer["body"], answer["headers"]["Content-Length"]) == ("", "5")
    assert "Content-Length" not in gateway_response(Response(200, "body"), get, ANY)["headers"]


@pytest.mark.parametrize("status", [204, 304])
def test_head_says_no_length_where_get_has_no_body(status: int) -> None:
    answer = gateway_response(Response(status), parse_request(rest_event("HEAD", "/")), ANY)

    assert "Content-Length" not in answer["headers"]


@pytest.mark.parametrize(
    ("cors", "origin", "allowed", "vary"),
    [
        (ANY, "https://x.example", "*", None),
        (ANY, "", "*", None),
        (TWO, "https://b.example", "https://b.example", "Origin"),
        (TWO, "https://evil.example", None, "Origin"),
        (TWO, "https://a.example.evil.example", None, "Origin"),
        (TWO, "", None, "Origin"),
        (Cors(()), "https://a.example", None, "Origin"),
    ],
)
def test_fetch_3_2_cors_on_answers_and_preflights(
    cors: Cors, origin: str, allowed: str | None, vary: str | None
) -> None:
    request = parse_request(rest_event("GET", "/", headers={"Origin": origin}))

    for response in (Response(500), cors.preflight()):
        headers = gateway_response(response, request, cors)["headers"]
        assert headers.get("Access-Control-Allow-Origin") == allowed
        assert headers.get("Vary") == vary
        assert "Access-Control-Allow-Credentials" not in headers


def test_fetch_3_2_2_a_script_may_send_what_fhir_clients_send() -> None:
    allowed = Cors(("*",)).preflight().headers["Access-Control-Allow-Headers"].split(", ")

    # What a browser always asks about (Fetch §2.2.2), what the API takes, and what older libraries add by themselves.
    assert {"Authorization", "Content-Type", "Accept", "Prefer", "If-None-Match", "X-Requested-With"} <= set(allowed)
    # What writing takes, and a search that has to see a write.
    assert {"If-Match", "If-None-Exist", "Cache-Control"} <= set(allowed)


def test_fetch_3_2_2_a_script_may_write_and_read_what_a_write_answers() -> None:
    cors = Cors(("*",))
    methods = cors.preflight().headers["Access-Control-Allow-Methods"].split(", ")
    exposed = cors.headers(parse_request({}))["Access-Control-Expose-Headers"].split(", ")

    assert {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} <= set(methods)
    assert {"ETag", "Location", "Last-Modified"} <= set(exposed)
    # What a bulk export answers (export.md).
    assert {"Content-Location", "X-Progress", "Expires", "Retry-After"} <= set(exposed)


def test_vary_of_an_answer_and_of_cors_are_joined() -> None:
    request = parse_request(rest_event("GET", "/", headers={"Origin": "https://a.example"}))

    headers = gateway_response(Response(200, headers={"Vary": "Accept"}), request, TWO)["headers"]

    assert headers["Vary"] == "Accept, Origin"


def test_no_answer_is_sniffed() -> None:
    answer = gateway_response(Response(200), parse_request({}), ANY)

    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    assert answer["isBase64Encoded"] is False
