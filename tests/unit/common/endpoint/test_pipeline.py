"""The request pipeline of every function: its work for any endpoint, whatever that endpoint does."""

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.endpoint.pipeline import Endpoint, Errors, RequestContext, RequestPipeline
from careconnect.http.errors import ApiError
from careconnect.http.messages import Cors, Response
from careconnect.http.origin import Origin
from careconnect_testing.http.events import fhir_event, rest_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.running.cases import each_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = SimpleNamespace(aws_request_id="lambda-1")


class Worded(Endpoint):
    """Answers whatever the test makes it do."""

    errors = Errors(
        lambda error, _request: Response(error.status, f"{error.code}: {error.text}", error.headers),
        lambda: ApiError(500, "internal", "An error.", reason="unexpected", metrics=("WriteConflict",)),
        lambda: ApiError(403, "front", "Not this way.", reason="bypassed the edge"),
        lambda reason: ApiError(503, "unrecorded", "Not now.", reason=reason, metrics=("Unavailable",)),
        lambda reason: ApiError(503, "unrecorded", "Written perhaps.", reason=reason, metrics=("Unavailable",)),
    )

    def __init__(self, do: Callable[[RequestContext], Response]) -> None:
        self.do = do
        self.calls: list[RequestContext] = []

    def answer(self, context: RequestContext) -> Response:
        self.calls.append(context)
        return self.do(context)


class Shelled:
    """A request pipeline around an endpoint that runs a given function."""

    def __init__(self, do: Callable[[RequestContext], Response], base: str = "", secret: str = "") -> None:
        self.endpoint = Worded(do)
        self.observer = RecordingObserver()
        self.clock = Clock()
        self.pipeline = RequestPipeline(
            self.endpoint, base, "eu-west-2", Cors(("*",)), self.observer, self.clock, Origin(secret)
        )

    def send(self, event: Any, context: Any = CONTEXT) -> dict[str, Any]:
        return self.pipeline(event, context)


def test_an_answer_is_logged_with_what_the_endpoint_said_of_it() -> None:
    def do(context: RequestContext) -> Response:
        context.action, context.client_id = "Patient.read", "client-1"
        context.metrics.append("TokenIssued")
        shelled.clock.now += 0.25
        return Response(200, "body", {"ETag": 'W/"1"'})

    shelled = Shelled(do)
    answer = shelled.send(rest_event("GET", "/x", headers={"X-Request-Id": "mine"}))

    assert (answer["statusCode"], answer["body"], answer["headers"]["ETag"]) == (200, "body", 'W/"1"')
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    (line,) = shelled.observer.lines
    assert line["milliseconds"] == 250
    assert (line["action"], line["status"], line["client_id"], line["reason"]) == ("Patient.read", 200, "client-1", "")
    assert shelled.observer.counts == ["TokenIssued"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [("", "max-age=31536000"), ("https://api.example.org", "max-age=31536000"), ("http://127.0.0.1:3000", None)],
)
def test_every_answer_at_an_https_address_says_so(base: str, expected: str | None) -> None:
    def fail(_context: RequestContext) -> Response:
        raise KeyError

    for do in (lambda _context: Response(200), fail):
        for event in (rest_event("GET", "/x"), rest_event("OPTIONS", "/x"), {"headers": 1}):
            assert Shelled(do, base).send(event)["headers"].get("Strict-Transport-Security") == expected


@pytest.mark.parametrize("given", ["mine", "not a plain one", ""])
def test_the_callers_request_id_stands_beside_the_platforms_and_never_for_them(given: str) -> None:
    shelled = Shelled(lambda _context: Response(200))
    event = rest_event("GET", "/x", headers={"X-Request-Id": given} if given else {})
    gateway = event["requestContext"]["requestId"]

    answer = shelled.send(event)

    shown = "mine" if given == "mine" else gateway
    (line,) = shelled.observer.lines
    assert line["ids"] == {"request_id": shown} | ({} if shown == gateway else {"gateway_request_id": gateway})
    assert answer["headers"]["X-Request-Id"] == answer["headers"]["X-Correlation-Id"] == shown


@pytest.mark.parametrize(
    ("given", "logged"),
    [("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True), ("00-4bf92f35-00f067aa-01", False)],
)
def test_a_well_formed_traceparent_is_one_more_id_in_the_log(given: str, logged: bool) -> None:
    shelled = Shelled(lambda _context: Response(200))

    answer = shelled.send(rest_event("GET", "/x", headers={"traceparent": given}))

    (line,) = shelled.observer.lines
    assert line["ids"].get("traceparent") == answer["headers"].get("traceparent") == (given if logged else None)


def test_a_header_of_every_answer_is_once_in_answers_refusals_and_errors() -> None:
    def do(context: RequestContext) -> Response:
        context.headers["X-Of-All"] = "1"
        match context.request.path:
            case "/refused":
                raise ApiError(400, "bad", "Bad.", {"X-Of-All": "2"})
            case "/failed":
                raise KeyError
        return Response(200)

    shelled = Shelled(do)
    for path, value in (("/answered", "1"), ("/refused", "2"), ("/failed", "1")):
        assert shelled.send(rest_event("GET", path))["headers"]["X-Of-All"] == value


def test_a_refusal_is_worded_by_the_endpoint_logged_with_its_reason_and_counted() -> None:
    def do(_context: RequestContext) -> Response:
        raise ApiError(
            401,
            "login",
            "Log in.",
            {"WWW-Authenticate": "Basic"},
            reason="private",
            claimed_client_id="client-1",
            metrics=("ClientRefused",),
        )

    shelled = Shelled(do)
    answer = shelled.send(rest_event("GET", "/x"))

    assert (answer["statusCode"], answer["body"]) == (401, "login: Log in.")
    assert answer["headers"]["WWW-Authenticate"] == "Basic"
    (line,) = shelled.observer.lines
    assert (line["status"], line["reason"], line["client_id"]) == (401, "private", "")
    assert line["claimed_client_id"] == "client-1"
    assert "client-1" not in str(answer)
    assert shelled.observer.counts == ["ClientRefused"]
    assert shelled.observer.failures == []


def test_an_unexpected_error_is_a_fixed_500_with_the_requests_ids() -> None:
    def do(context: RequestContext) -> Response:
        context.action = "token"
        raise ZeroDivisionError("a secret")

    shelled = Shelled(do)
    answer = shelled.send(rest_event("POST", "/token"))

    assert (answer["statusCode"], answer["body"]) == (500, "internal: An error.")
    assert [type(error) for error in shelled.observer.failures] == [ZeroDivisionError]
    (line,) = shelled.observer.lines
    assert (line["action"], line["status"]) == ("token", 500)
    assert shelled.observer.counts == ["WriteConflict"]


@pytest.mark.parametrize("event", [{"headers": ["no mapping"]}, {"requestContext": "none"}, []])
def test_an_event_that_is_no_request_is_a_fixed_500(event: Any) -> None:
    shelled = Shelled(lambda _context: Response(200))

    answer = shelled.send(event)

    assert (answer["statusCode"], answer["body"]) == (500, "internal: An error.")
    assert len(shelled.observer.failures) == 1
    assert shelled.endpoint.calls == []


def test_a_preflight_never_reaches_the_endpoint() -> None:
    shelled = Shelled(lambda _context: Response(200))

    answer = shelled.send(rest_event("OPTIONS", "/x"))

    assert answer["statusCode"] == 204
    assert "GET" in answer["headers"]["Access-Control-Allow-Methods"]
    assert shelled.endpoint.calls == []
    assert shelled.observer.lines[0]["action"] == "preflight"


@pytest.mark.parametrize(
    ("configured", "root"),
    [
        ("https://care.example/", "https://care.example"),
        ("", "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live"),
    ],
)
def test_the_endpoint_is_reported_the_root_url_and_when(configured: str, root: str) -> None:
    shelled = Shelled(lambda _context: Response(200), configured)

    shelled.send(rest_event("GET", "/x"), None)

    (context,) = shelled.endpoint.calls
    assert (context.base_url.root, context.now) == (root, shelled.clock.now)


SECRET = "s" * 43


@each_of("method", ["GET", "POST", "OPTIONS"])
@each_of("given", ["", "t" * 43, "s" * 42, "S" * 43, f"{SECRET},{SECRET}", "é"])
def test_around_the_edge_is_refused_in_the_endpoints_words_and_never_answered(method: str, given: str) -> None:
    shelled = Shelled(lambda _context: Response(200), secret=SECRET)
    headers = {"X-Origin-Secret": given} if given else {}

    answer = shelled.send(rest_event(method, "/x", headers=headers))

    assert (answer["statusCode"], answer["body"]) == (403, "front: Not this way.")
    assert shelled.endpoint.calls == []
    (line,) = shelled.observer.lines
    assert (line["status"], line["reason"]) == (403, "bypassed the edge")


def test_through_the_edge_the_viewer_is_who_asks() -> None:
    shelled = Shelled(lambda _context: Response(200), secret=SECRET)

    answer = shelled.send(rest_event("GET", "/x", headers=through("203.0.113.9"), source_ip="64.252.64.1"))

    assert answer["statusCode"] == 200
    (context,) = shelled.endpoint.calls
    assert context.request.source_ip == "203.0.113.9"


def through(viewer: str) -> dict[str, str]:
    return {"X-Origin-Secret": SECRET, "X-Viewer-Address": viewer, "X-Forwarded-For": "192.0.2.1"}


@pytest.mark.parametrize(
    ("viewer", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        # A subscriber has a whole /64, and would never be throttled by single addresses.
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("", "64.252.64.1"),
        ("somebody", "64.252.64.1"),
        ("203.0.113.9,192.0.2.1", "64.252.64.1"),
    ],
)
def test_the_viewers_address_is_taken_if_it_is_one(viewer: str, counted: str) -> None:
    shelled = Shelled(lambda _context: Response(200), secret=SECRET)

    shelled.send(rest_event("GET", "/x", headers=through(viewer), source_ip="64.252.64.1"))

    (context,) = shelled.endpoint.calls
    assert context.request.source_ip == counted


def test_without_a_edge_nobodys_word_is_taken_for_who_asks() -> None:
    shelled = Shelled(lambda _context: Response(200))

    answer = shelled.send(rest_event("GET", "/x", headers=through("203.0.113.9"), source_ip="198.51.100.7"))

    assert answer["statusCode"] == 200
    (context,) = shelled.endpoint.calls
    assert context.request.source_ip == "198.51.100.7"


def test_the_secret_is_in_no_representation() -> None:
    assert SECRET not in repr(Origin(SECRET))
    assert SECRET not in repr(Shelled(lambda _context: Response(200), secret=SECRET).pipeline)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity of threads")
def test_a_request_is_answered_on_one_cpu_and_its_caller_has_all_of_them_again() -> None:
    allowed, seen = os.sched_getaffinity(0), list[set[int]]()

    def do(_context: RequestContext) -> Response:
        seen.append(os.sched_getaffinity(0))
        return Response(200)

    Shelled(do).send(rest_event("GET", "/x"))

    assert [len(each) for each in seen] == [1]
    assert os.sched_getaffinity(0) == allowed


class Recorded(Shelled):
    """A request pipeline with an audit trail."""

    def __init__(self, do: Callable[[RequestContext], Response], fault: str = "", *, fails_open: bool = False) -> None:
        super().__init__(do)
        self.kept = StoredEvents(fault=fault)
        self.pipeline = replace(self.pipeline, auditing=self.kept.auditing(fails_open=fails_open))


def _asks_of_4(context: RequestContext) -> Response:
    context.recorder.facts = Facts("read", Action.READ, "Patient", ("Patient/4",), patients=("4",))
    context.recorder.while_reading().disclose(["4"])
    return Response(200, "of 4")


def test_an_answer_leaves_after_its_event_which_tells_who_asked_from_where() -> None:
    shelled = Recorded(_asks_of_4)
    headers = {"X-Request-Id": "mine", "traceparent": TRACE}
    answer = shelled.send(fhir_event("GET", "Patient/4", headers=headers, authorizer={"client_id": "c", "jti": "j"}))

    assert (answer["statusCode"], answer["body"]) == (200, "of 4")
    (event,) = shelled.kept.events
    assert (event.client_id, event.subject, event.jti, event.patient, event.ids) == ("c", "c", "j", "4", ("Patient/4",))
    assert (event.request_id, event.trace, event.service, event.status) == ("mine", TRACE, "tested", 0)
    assert event.address
    assert event.gateway_request_id not in ("", "mine")


def test_two_requests_with_one_id_are_two_events() -> None:
    shelled = Recorded(_asks_of_4)
    for _ in range(2):
        shelled.send(fhir_event("GET", "Patient/4", headers={"X-Request-Id": "mine"}))

    assert len({event.id for event in shelled.kept.events}) == 2


def test_what_cannot_be_recorded_is_not_answered() -> None:
    shelled = Recorded(_asks_of_4, "ThrottlingException")
    answer = shelled.send(fhir_event("GET", "Patient/4"))

    assert (answer["statusCode"], answer["body"]) == (503, "unrecorded: Not now.")
    assert shelled.observer.counts == ["AuditEventNotWritten", "Unavailable"]
    assert shelled.observer.lines[0]["reason"] == "no event: ThrottlingException"


def test_what_cannot_be_recorded_is_answered_where_that_was_chosen_and_counted() -> None:
    shelled = Recorded(_asks_of_4, "ThrottlingException", fails_open=True)
    answer = shelled.send(fhir_event("GET", "Patient/4"))

    assert (answer["statusCode"], answer["body"]) == (200, "of 4")
    assert shelled.observer.counts == ["AuditEventNotWritten"]


def test_a_refusal_and_an_unexpected_error_are_recorded_too() -> None:
    def refuse(_context: RequestContext) -> Response:
        raise ApiError(404, "none", "None.", why="compartment")

    def fail(_context: RequestContext) -> Response:
        raise ZeroDivisionError

    for do, expected in ((refuse, ("4", "compartment", 404)), (fail, ("8", "error", 500))):
        shelled = Recorded(do)
        shelled.send(fhir_event("GET", "Patient/4"))
        assert [(each.outcome, each.why, each.status) for each in shelled.kept.events] == [expected]
    unrecorded = Recorded(refuse, "ThrottlingException")
    assert unrecorded.send(fhir_event("GET", "Patient/4"))["statusCode"] == 503


def test_who_is_not_proven_to_be_a_client_is_recorded_as_who_it_claimed_to_be() -> None:
    def refuse(_context: RequestContext) -> Response:
        raise ApiError(401, "invalid_client", "No.", claimed_client_id="client-1")

    shelled = Recorded(refuse)
    shelled.send(fhir_event("POST", "Patient"))

    assert [(each.client_id, each.outcome) for each in shelled.kept.events] == [("client-1", "4")]


def test_a_preflight_is_no_access() -> None:
    shelled = Recorded(_asks_of_4, "ThrottlingException")

    assert shelled.send(fhir_event("OPTIONS", "Patient/4"))["statusCode"] == 204
    assert shelled.kept.steps == []


def test_h2_what_cannot_be_recorded_for_what_was_asked_is_not_answered_open_or_not() -> None:
    for fails_open in (False, True):
        shelled = Recorded(_asks_of_4, "ValidationException", fails_open=fails_open)
        assert shelled.send(fhir_event("GET", "Patient/4"))["statusCode"] == 503


def test_a_lookup_for_the_audit_trail_that_is_refused_is_the_answer() -> None:
    def refuse() -> Collection[str]:
        raise ApiError(503, "down", "Not found out.")

    def do(context: RequestContext) -> Response:
        context.recorder.while_reading().disclose_found(refuse)
        return Response(200, "of somebody")

    assert Recorded(do).send(fhir_event("GET", "Patient/4"))["statusCode"] == 503


def test_what_should_not_happen_while_an_event_is_stored_is_logged_and_answers_nothing() -> None:
    shelled = Recorded(lambda _context: Response(200, "done"))
    shelled.kept.keep = lambda _events: 1 / 0  # type: ignore[assignment,method-assign]
    answer = shelled.send(fhir_event("GET", "Patient/4"))

    assert answer["statusCode"] == 503
    assert [type(each) for each in shelled.observer.failures] == [ZeroDivisionError]
    assert shelled.observer.lines[0]["reason"] == "no event: ZeroDivisionError"
