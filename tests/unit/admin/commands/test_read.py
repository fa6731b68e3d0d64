"""`careconnect get` and `careconnect search`: their requests to the API, and the output for its answers."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.commands.service.read import indented
from careconnect_testing.stacks.command_line import printed

ROOT = "https://ehr.example"
FHIR = f"{ROOT}/careconnect-ri/STU3"
PATIENT = '{"resourceType":"Patient","id":"4","weight":1.50,"note":"a \\"{b}\\", [c]: é","none":[],"nothing":{}}'


class Api:
    """The API: answers by URL, and the requests that it received."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "issued"})
        return self.answers.get(str(request.url), outcome(404, "No such resource."))

    def page(self, url: str, ids: str, following: str = "") -> None:
        """Answer a URL with a Bundle of Patients, by the letters of `ids`."""
        links = [{"relation": "self", "url": url}, *([{"relation": "next", "url": following}] if following else [])]
        entries = [{"resource": {"resourceType": "Patient", "id": each}} for each in ids]
        self.answers[url] = httpx.Response(200, json={"resourceType": "Bundle", "link": links, "entry": entries})


def outcome(status: int, *diagnostics: str, **headers: str) -> httpx.Response:
    issues = [{"severity": "error", "diagnostics": each} for each in diagnostics]
    return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": issues}, headers=headers)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    api.answers[f"{FHIR}/Patient/4"] = httpx.Response(200, text=PATIENT)
    client = "careconnect_admin.clients.token_request.http_client"
    monkeypatch.setattr(client, lambda *_: httpx.Client(transport=httpx.MockTransport(api)))
    return api


Run = Callable[..., Result]


@pytest.fixture
def run(api: Api) -> Run:
    """Return a runner of `careconnect …` at the API, with a token."""

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--base", ROOT], env=environment or {"ACCESS_TOKEN": "given"})

    return invoke


@pytest.mark.parametrize("path", ["Patient/4", "/Patient/4", "careconnect-ri/STU3/Patient/4", f"{FHIR}/Patient/4"])
def test_a_path_is_read_with_the_token_and_printed_as_it_is(api: Api, run: Run, path: str) -> None:
    result = run("get", path)

    (request,) = api.asked
    assert (str(request.url), request.headers["Authorization"]) == (f"{FHIR}/Patient/4", "Bearer given")
    assert json.loads(result.stdout) == json.loads(PATIENT)
    assert '  "weight": 1.50,' in result.stdout.splitlines()
    assert (result.exit_code, printed(result)) == (0, [])


def test_a_client_gets_its_token_first(api: Api, run: Run) -> None:
    assert run("get", "Patient/4", CLIENT_ID="client-1", CLIENT_SECRET="a-secret").exit_code == 0

    assert [request.url.path for request in api.asked] == ["/token", "/careconnect-ri/STU3/Patient/4"]
    assert api.asked[1].headers["Authorization"] == "Bearer issued"


def test_metadata_needs_no_client_and_the_rest_does(api: Api, run: Run) -> None:
    api.answers[f"{FHIR}/metadata"] = httpx.Response(200, text="{}")

    assert run("get", "metadata", ACCESS_TOKEN="").stdout == "{}\n"
    assert "Authorization" not in api.asked[0].headers
    refused = run("get", "Patient/4", ACCESS_TOKEN="")
    assert refused.exit_code == 1
    assert "give --client or CLIENT_ID" in refused.stderr
    assert len(api.asked) == 1


def test_xml_is_printed_as_it_comes(api: Api, run: Run) -> None:
    api.answers[f"{FHIR}/Patient/4"] = httpx.Response(200, text="<Patient/>")

    assert run("get", "Patient/4", "--xml").stdout == "<Patient/>\n"
    assert api.asked[0].headers["Accept"] == "application/fhir+xml"


def test_criteria_are_encoded_and_keep_their_order(api: Api, run: Run) -> None:
    result = run("search", "Observation", "patient=4", "code=http://loinc.org|8480-6", "date=ge2020", "date=lt2021")

    assert result.exit_code == 1
    assert api.asked[0].url.query == b"patient=4&code=http%3A%2F%2Floinc.org%7C8480-6&date=ge2020&date=lt2021"


@pytest.mark.parametrize("criterion", ["patient", "=4"])
def test_a_criterion_without_a_name_or_a_value_is_refused(api: Api, run: Run, criterion: str) -> None:
    result = run("search", "Observation", criterion)

    assert (result.exit_code, api.asked) == (1, [])
    assert printed(result) == [f"careconnect: {criterion!r} is not of the form NAME=VALUE"]


def test_pages_are_reported_and_followed_to_one_bundle(api: Api, run: Run) -> None:
    api.page(f"{FHIR}/Patient?name=x", "ab", f"{FHIR}/Patient?page=2")
    api.page(f"{FHIR}/Patient?page=2", "c", f"{FHIR}/Patient?page=3")
    api.page(f"{FHIR}/Patient?page=3", "d")

    first = run("search", "Patient", "name=x")
    assert len(json.loads(first.stdout)["entry"]) == 2
    assert printed(first) == ["careconnect: there are more pages: --all follows them"]
    everything = run("search", "Patient", "name=x", "--all")
    bundle = json.loads(everything.stdout)
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == ["a", "b", "c", "d"]
    assert [link["relation"] for link in bundle["link"]] == ["self"]
    assert printed(everything) == []


def test_all_of_what_has_no_pages_is_that(run: Run) -> None:
    assert json.loads(run("get", "Patient/4", "--all").stdout) == json.loads(PATIENT)


@pytest.mark.parametrize("following", ["https://elsewhere.example/page", f"{ROOT}.evil.example/careconnect-ri/STU3/x"])
def test_the_token_goes_to_no_other_service(api: Api, run: Run, following: str) -> None:
    api.page(f"{FHIR}/Patient", "a", following)

    for result in (run("get", following), run("search", "Patient", "--all")):
        assert result.exit_code == 1
        assert "the token is for no other service" in result.stderr
    assert {request.url.host for request in api.asked} == {"ehr.example"}


def test_neither_does_it_go_over_plain_http(api: Api) -> None:
    result = CliRunner().invoke(app, ["get", "Patient/4", "--base", "http://ehr.example", "--token", "given"])

    assert (result.exit_code, api.asked) == (1, [])
    assert "https only" in result.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (outcome(404, "No such resource."), "answered 404: No such resource."),
        (outcome(400, "one", "two"), "answered 400: one; two"),
        (outcome(429, "Too many.", **{"Retry-After": "7"}), "answered 429: Too many. (again in 7 s)"),
        (httpx.Response(502, text="<html>"), "answered 502: Bad Gateway"),
        (httpx.Response(401, json={"message": "x"}), "answered 401: Unauthorized"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--xml",)])
def test_a_refusal_is_one_line_in_the_servers_words(
    api: Api, run: Run, answer: httpx.Response, words: str, form: Any
) -> None:
    api.answers[f"{FHIR}/Patient/4"] = answer

    result = run("get", "Patient/4", *form)

    assert (result.exit_code, result.stdout) == (1, "")
    assert printed(result) == [f"careconnect: {words}"]


def test_all_pages_are_json(run: Run) -> None:
    assert "without --xml" in run("search", "Patient", "--all", "--xml").stderr


@pytest.mark.parametrize(
    "value", [{}, [], "x", 1, None, {"a": [1, {"b": "\\"}], "c": {}}, [[], [[1]], "a,b:{c}\n"], {"é": "\u2028"}]
)
def test_indenting_is_that_of_the_standard_library(value: Any) -> None:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    assert indented(compact) == json.dumps(value, indent=2, ensure_ascii=False)
    assert indented(indented(compact)) == indented(compact)


def test_indenting_changes_no_digit() -> None:
    assert indented('{"a":1.50,"b":1E+2}').splitlines()[1:3] == ['  "a": 1.50,', '  "b": 1E+2']


# --- bound tokens


@pytest.fixture
def key_file(api: Api, tmp_path: Path) -> str:
    """A file for the key of proofs, which is not there yet; the service says who its issuer is."""
    metadata = {"issuer": "https://issuer.example/stage"}
    api.answers[f"{ROOT}/.well-known/oauth-authorization-server"] = httpx.Response(200, json=metadata)
    return str(tmp_path / "dpop.jwk")


def proof_of(request: httpx.Request) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(request.headers["DPoP"], options={"verify_signature": False})
    return {name: claims[name] for name in ("htm", "htu", "ath", "nonce") if name in claims}


def test_a_client_gets_a_bound_token_and_uses_it_with_a_proof_of_the_same_key(
    api: Api, run: Run, key_file: str
) -> None:
    result = run("get", "Patient/4", "--dpop-key", key_file, CLIENT_ID="client-1", CLIENT_SECRET="a-secret")

    assert (result.exit_code, json.loads(result.stdout)) == (0, json.loads(PATIENT))
    assert printed(result) == [f"careconnect: made a key for DPoP in {key_file}: keep it as secret as a password"]
    _, token, read = api.asked
    assert read.headers["Authorization"] == "DPoP issued"
    assert proof_of(token) == {"htm": "POST", "htu": "https://issuer.example/stage/token"}
    assert proof_of(read) == {
        "htm": "GET",
        "htu": "https://issuer.example/stage/careconnect-ri/STU3/Patient/4",
        "ath": base64.urlsafe_b64encode(hashlib.sha256(b"issued").digest()).decode().rstrip("="),
    }
    assert len({json.dumps(jwt.get_unverified_header(each.headers["DPoP"])["jwk"]) for each in (token, read)}) == 1


def test_each_page_has_its_own_proof_without_the_query(api: Api, run: Run, key_file: str) -> None:
    api.page(f"{FHIR}/Patient?name=x", "ab", f"{FHIR}/Patient?page=2")
    api.page(f"{FHIR}/Patient?page=2", "c")

    assert run("search", "Patient", "name=x", "--all", "--dpop-key", key_file).exit_code == 0

    _, first, second = api.asked
    assert [proof_of(each)["htu"].rpartition("/")[2] for each in (first, second)] == ["Patient", "Patient"]
    assert first.headers["DPoP"] != second.headers["DPoP"]


@pytest.mark.parametrize("body", ["<html>", "[]", "{}"])
def test_a_service_that_names_no_issuer_is_said_to(api: Api, run: Run, key_file: str, body: str) -> None:
    api.answers[f"{ROOT}/.well-known/oauth-authorization-server"] = httpx.Response(200, text=body)

    result = run("get", "Patient/4", "--dpop-key", key_file)

    assert result.exit_code == 1
    assert f"{ROOT}/.well-known/oauth-authorization-server does not answer as it should" in result.stderr


def jwt_with(**claims: Any) -> str:
    return jwt.encode(claims, "a key of thirty-two bytes at least", "HS256")


@pytest.mark.parametrize(
    ("token", "has_key", "said"),
    [
        (jwt_with(cnf={"jkt": "a"}), False, "the token is bound to a key: give this key by --dpop-key"),
        (jwt_with(sub="a"), True, "the token is bound to no key: leave out --dpop-key"),
    ],
)
def test_a_given_token_is_not_sent_by_the_wrong_scheme(
    api: Api, run: Run, key_file: str, token: str, has_key: bool, said: str
) -> None:
    result = run("get", "Patient/4", "--token", token, *(["--dpop-key", key_file] if has_key else []))

    assert (result.exit_code, printed(result)) == (1, [f"careconnect: {said}"])
    assert (api.asked, Path(key_file).exists()) == ([], False)


@pytest.mark.parametrize(("token", "has_key"), [(jwt_with(cnf={"jkt": "a"}), True), (jwt_with(sub="a"), False)])
def test_a_given_token_is_sent_by_its_scheme(api: Api, run: Run, key_file: str, token: str, has_key: bool) -> None:
    assert run("get", "Patient/4", "--token", token, *(["--dpop-key", key_file] if has_key else [])).exit_code == 0
    assert api.asked[-1].headers["Authorization"] == f"{'DPoP' if has_key else 'Bearer'} {token}"
