"""Each row of the answers table, and each rule about the request (`oauth.md`; RFC 6749)."""

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect.oauth.client_record import AuthMethod
from careconnect.oauth.scopes import ScopeFault
from careconnect.oauth.signing_keys import thumbprint
from careconnect_testing.http.events import FORM, form_event, rest_event
from careconnect_testing.http.token_rows import GRANT, ROWS, Row, basic_header
from careconnect_testing.parts.issuer import ALIAS, BASE, FHIR_BASE, Issuer, basic

if TYPE_CHECKING:
    from careconnect_testing.http.answer import Answer


def verified(issuer: Issuer, token: str) -> dict[str, Any]:
    """Verify a token with the public key that KMS gives out, since moto signs whatever it is asked to."""
    key: Any = load_der_public_key(issuer.kms.get_public_key(KeyId=f"{ALIAS}-current")["PublicKey"])
    claims: dict[str, Any] = jwt.decode(
        token, key, ["RS256"], audience=FHIR_BASE, issuer=BASE, options={"verify_exp": False, "verify_iat": False}
    )
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "at+jwt", "kid": thumbprint(key)}
    return claims


# --- success


def test_the_pages_call_works_to_the_letter(issuer: Issuer, secret: str) -> None:
    """`POST /token?grant_type=client_credentials&client_id={id}`, form content type, Basic, empty body."""
    answer = issuer.send(
        rest_event(
            "POST",
            "/token",
            query=[("grant_type", "client_credentials"), ("client_id", "client-1")],
            headers={"Content-Type": FORM, "Accept": "application/json", **basic("client-1", secret)},
        )
    )

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 3600
    assert answer.json["scope"] == "profile user/Patient.read patient/Patient.read"
    verified(issuer, answer.json["access_token"])


@pytest.mark.parametrize("content_type", [None, FORM, f"{FORM}; charset=UTF-8", FORM.upper()])
def test_an_empty_body_needs_no_content_type(issuer: Issuer, secret: str, content_type: str | None) -> None:
    headers = basic("client-1", secret) | ({"content-type": content_type} if content_type else {})

    assert issuer.send(rest_event("POST", "/token", query=list(GRANT.items()), headers=headers)).status == 200


def test_rfc_6749_4_4_the_form_post_works(issuer: Issuer, secret: str) -> None:
    assert issuer.token("client-1", secret).status == 200


def test_rfc_6749_2_3_1_the_secret_may_be_posted(issuer: Issuer, secret: str) -> None:
    answer = issuer.post("/token", {**GRANT, "client_id": "client-1", "client_secret": secret})

    assert answer.status == 200


def test_a_base64_encoded_event_body_is_read(issuer: Issuer, secret: str) -> None:
    event = form_event("/token", GRANT, headers=basic("client-1", secret))
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}

    assert issuer.send(event).status == 200


def test_the_access_token_has_the_claims_of_the_contract(issuer: Issuer, secret: str) -> None:
    claims = verified(issuer, issuer.token("client-1", secret, scope="user/Patient.read").json["access_token"])

    jti = claims.pop("jti")
    assert len(jti) == 36
    assert claims == {
        "iss": BASE,
        "sub": "client-1",
        "client_id": "client-1",
        "aud": FHIR_BASE,
        "iat": int(issuer.clock.now),
        "exp": int(issuer.clock.now) + 3600,
        "scope": "user/Patient.read",
        "client_name": "A test client",
    }


@pytest.mark.parametrize(
    ("name", "claim"), [('Señor "X" 東京', 'Señor "X" 東京'), ("n" * 101, "n" * 100), ("東" * 40, "東" * 33)]
)
def test_a_token_says_its_clients_name_shortened_to_what_a_token_holds(issuer: Issuer, name: str, claim: str) -> None:
    secret = issuer.register("named", name=name)

    assert verified(issuer, issuer.token("named", secret).json["access_token"])["client_name"] == claim


def test_a_client_bound_to_a_patient_gets_the_patient_claim(issuer: Issuer) -> None:
    secret = issuer.register("bound", patient="4")

    answer = issuer.token("bound", secret)

    assert verified(issuer, answer.json["access_token"])["patient"] == "4"
    assert "identifier_systems" not in verified(issuer, answer.json["access_token"])
    # SMART App Launch 2.x: an app gets the patient next to the token, which is opaque to it.
    assert answer.json["patient"] == "4"


def test_the_lifetime_is_the_setting(issuer: Issuer, secret: str) -> None:
    answer = issuer.rebuilt(lifetime=60).token("client-1", secret)

    assert answer.json["expires_in"] == 60
    claims = verified(issuer, answer.json["access_token"])
    assert claims["exp"] - claims["iat"] == 60


def test_success_costs_one_read_and_one_signature(issuer: Issuer, secret: str) -> None:
    issuer.token("client-1", secret)
    issuer.calls.clear()

    issuer.token("client-1", secret)

    assert issuer.calls == ["BatchGetItem", "Sign"]


# --- the rows that refuse: (name, request, status, error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_answers_table(issuer: Issuer, secret: str, row: Row) -> None:
    issuer.calls.clear()

    answer = issuer.post("/token", row.pairs(secret), query=row.asked(secret), headers=row.sent(secret))

    assert (answer.status, answer.error) == (row.status, row.error)
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers.get("WWW-Authenticate") == ('Basic realm="careconnect"' if row.status == 401 else None)
    assert "Sign" not in issuer.calls
    assert not issuer.observer.failures
    for line in issuer.observer.lines:
        assert secret not in json.dumps(line)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"grant_type": "client_credentials"}'),
        ("application/json", ""),
        ("multipart/form-data", "x"),
        (None, "grant_type=client_credentials"),
        (FORM, "grant_type=client_credentials&pad=" + "x" * 8192),
        (FORM, "grant_type=%ff"),
        (FORM, "&".join(f"p{number}=1" for number in range(200))),
    ],
)
def test_rfc_6749_5_2_a_body_that_is_no_small_form_is_invalid_request(
    issuer: Issuer, secret: str, content_type: str | None, body: str
) -> None:
    headers = basic("client-1", secret) | ({"Content-Type": content_type} if content_type else {})

    answer = issuer.send(rest_event("POST", "/token", headers=headers, body=body))

    assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_body_of_exactly_8_kb_is_read(issuer: Issuer, secret: str) -> None:
    body = "grant_type=client_credentials&pad="
    body += "x" * (8192 - len(body))

    answer = issuer.send(
        rest_event("POST", "/token", headers=basic("client-1", secret) | {"Content-Type": FORM}, body=body)
    )

    assert answer.status == 200


def test_an_event_body_that_is_not_base64_is_invalid_request(issuer: Issuer, secret: str) -> None:
    event = form_event("/token", GRANT, headers=basic("client-1", secret)) | {"body": "%", "isBase64Encoded": True}

    assert issuer.send(event).error == "invalid_request"


def test_a_client_not_registered_for_the_grant_is_unauthorized_client(issuer: Issuer) -> None:
    secret = issuer.register("server", grant_types=frozenset(), resource_server=True)

    answer = issuer.token("server", secret)

    assert (answer.status, answer.error) == (400, "unauthorized_client")


def test_client_authentication_is_judged_before_grant_and_scope(issuer: Issuer, secret: str) -> None:
    answer = issuer.post("/token", {"grant_type": "password", "scope": "  "}, headers=basic("client-1", "wrong"))

    assert (answer.status, answer.error) == (401, "invalid_client")


# --- client authentication


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_rfc_7235_2_1_the_scheme_is_case_insensitive(issuer: Issuer, secret: str, scheme: str) -> None:
    value = basic("client-1", secret)["Authorization"].replace("Basic", scheme)

    assert issuer.post("/token", GRANT, headers={"authorization": value}).status == 200


def test_rfc_6749_2_3_1_each_half_is_form_decoded(issuer: Issuer) -> None:
    secret = issuer.register("id:with colon".replace(" ", "+"), secret="p%c3%a4ss word".replace("%c3%a4", "ä"))

    assert issuer.post("/token", GRANT, headers=basic_header("id%3Awith%2Bcolon:p%C3%A4ss+word")).status == 200
    assert secret == "päss word"


def test_a_parameter_that_is_not_utf_8_is_refused(issuer: Issuer, secret: str) -> None:
    for name, value in (("client_id", "client-1\udcff"), ("client_id", "client-1\ufffd"), ("\ufffd", "x")):
        answer = issuer.post("/token", GRANT, query=[(name, value)], headers=basic("client-1", secret))

        assert (answer.status, answer.error) == (400, "invalid_request")
        assert answer.json["error_description"] == "The query is not UTF-8."
    for pad in ("%FF", "%ED%A0%80", "\ufffd"):
        headers = basic("client-1", secret) | {"Content-Type": FORM}
        answer = issuer.send(rest_event("POST", "/token", headers=headers, body=f"{urlencode(GRANT)}&pad={pad}"))

        assert (answer.status, answer.error) == (400, "invalid_request")
        assert answer.json["error_description"] == "The body is not UTF-8."


@pytest.mark.parametrize("credentials", ["client-1", ":secret", "client%ff-1:secret"])
def test_malformed_basic_credentials_are_named_in_the_log(issuer: Issuer, credentials: str) -> None:
    assert issuer.post("/token", GRANT, headers=basic_header(credentials)).status == 401
    assert issuer.observer.lines[-1]["reason"] == "malformed Basic credentials"


def test_only_the_first_colon_divides(issuer: Issuer) -> None:
    issuer.register("client-1", secret="a:b")

    assert issuer.post("/token", GRANT, headers=basic_header("client-1:a:b")).status == 200


def test_unknown_wrong_disabled_and_unregistered_method_are_one_answer(issuer: Issuer, secret: str) -> None:
    disabled = issuer.register("disabled", enabled=False)
    post_only = issuer.register("post-only", auth_methods=frozenset({AuthMethod.POST}))
    keyed = issuer.register("keyed", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}))

    answers = [
        issuer.token("nobody", secret),
        issuer.token("client-1", "wrong"),
        issuer.token("disabled", disabled),
        issuer.token("post-only", post_only),
        issuer.token("keyed", keyed),
    ]

    assert {(answer.status, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert {tuple(sorted(answer.headers)) for answer in answers} == {tuple(sorted(answers[0].headers))}
    reasons = [line["reason"] for line in issuer.observer.lines]
    assert reasons == [
        "unknown client",
        "wrong secret",
        "disabled client",
        "method not registered",
        "method not registered",
    ]


def test_all_of_them_take_the_same_steps(issuer: Issuer, secret: str) -> None:
    disabled = issuer.register("disabled", enabled=False)
    steps = []
    for client_id, given in (("nobody", "x"), ("client-1", "wrong"), ("disabled", disabled), (" \x7f", "x")):
        issuer.calls.clear()
        issuer.token(client_id, given)
        steps.append(list(issuer.calls))

    assert steps == [["BatchGetItem", "UpdateItem"]] * 4


def test_the_log_names_proven_clients_and_of_the_others_registered_ones_only(issuer: Issuer, secret: str) -> None:
    """A secret pasted into the id's field must not be logged."""
    issuer.register("disabled", enabled=False)
    issuer.token("client-1", secret)
    issuer.token(secret, "x")
    issuer.token("client-1", "wrong")
    issuer.token("disabled", "wrong")
    issuer.token("client-1", secret, scope="user/Observation.read")
    issuer.post("/token", {**GRANT, "client_id": "client-1"})

    named = [(line["status"], line["client_id"], line["claimed_client_id"]) for line in issuer.observer.lines]
    assert named == [
        (200, "client-1", ""),
        (401, "", ""),
        (401, "", "client-1"),
        (401, "", "disabled"),
        (400, "client-1", ""),
        (401, "", ""),
    ]
    assert secret not in json.dumps(issuer.observer.lines)


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_the_log_says_whose_secret_broke_until_it_is_throttled_too(issuer: Issuer, secret: str, path: str) -> None:
    for client_id in ("client-1", "nobody"):
        for _ in range(21):
            issuer.post(path, GRANT, headers=basic(client_id, "wrong"))

    claimed = [(line["status"], line["claimed_client_id"]) for line in issuer.observer.lines]
    assert claimed == [(401, "client-1")] * 20 + [(429, "client-1")] + [(401, "")] * 20 + [(429, "")]


# --- scope


@pytest.mark.parametrize(
    ("registered", "requested", "granted"),
    [
        (("profile", "user/Patient.read"), "", "profile user/Patient.read"),
        (("profile", "user/Patient.read"), "profile", "profile"),
        (("profile", "user/Patient.read"), "profile profile", "profile"),
        (("user/Patient.read",), "user/Patient.rs", "user/Patient.rs"),
        (("user/Patient.read",), "user/Patient.r", "user/Patient.r"),
        (("user/*.read",), "user/Observation.s user/Patient.r", "user/Observation.s user/Patient.r"),
        (("system/*.*",), "system/*.cruds", "system/*.cruds"),
        (("user/MedicationOrder.read",), "user/MedicationOrder.read", "user/MedicationOrder.read"),
        (("user/Goal.rs?status=b&category=a|b",), "", "user/Goal.rs?status=b&category=a|b"),
        (("user/Goal.rs",), "user/Goal.rs?status=b user/Goal.r?status=c", "user/Goal.rs?status=b user/Goal.r?status=c"),
        (("user/Goal.rs?status=b",), "user/Goal.r?category=a|b&status=b", "user/Goal.r?category=a|b&status=b"),
    ],
)
def test_scope_is_granted_as_asked_or_as_registered(
    issuer: Issuer, registered: tuple[str, ...], requested: str, granted: str
) -> None:
    secret = issuer.register("scoped", scopes=registered)

    answer = issuer.token("scoped", secret, scope=requested)

    assert answer.json["scope"] == granted
    assert verified(issuer, answer.json["access_token"])["scope"] == granted


def test_scope_in_the_query(issuer: Issuer, secret: str) -> None:
    answer = issuer.post("/token", GRANT, query=[("scope", "profile")], headers=basic("client-1", secret))

    assert answer.json["scope"] == "profile"


BEYOND = "is beyond what this client is registered for."
NO_SCOPE = "is no scope of this server. One is like user/Patient.read, system/*.rs or profile."
NO_SUFFIX = "takes no suffix: only types of a patient's record but Patient and Medication do."
V1_SUFFIX = "takes no suffix: write letters of cruds before it."
NO_LIMIT = "has a suffix by a parameter that limits no scope."
OF_OBSERVATION = "Observation takes category, code, status, method, value-concept, component-code, _tag, _security."
SUFFIX = "has a malformed suffix: write ?parameter=code or ?parameter=system|code, up to three with & between."
OF_REQUEST = "code, status, intent, category, _tag, _security"
NEAREST = "The nearest is Observation."
READ_ALONE = "is for writing what can only be read: ask for .read instead."
MALFORMED = "is malformed: scopes are printable ASCII without quotes or backslashes, one space between."


@pytest.mark.parametrize(
    ("requested", "described"),
    [
        ("user/Observation.read", f"user/Observation.read {BEYOND}"),
        ("profile system/Patient.read user/Observation.read", f"system/Patient.read {BEYOND}"),
        ("profile user/Patient.write", f"user/Patient.write {BEYOND}"),
        ("offline_access", f"offline_access {BEYOND}"),
        ("profile user/Pateint.read", "user/Pateint.read names a type that is not served. The nearest is Patient."),
        ("user/patient.read", "user/patient.read names a type that is not served. The nearest is Patient."),
        ("user/Toaster.read", "user/Toaster.read names a type that is not served."),
        ("system/AuditEvent.read", f"system/AuditEvent.read {BEYOND}"),
        ("system/AuditEvent.write", f"system/AuditEvent.write {READ_ALONE}"),
        ("user/AuditEvent.cruds", f"user/AuditEvent.cruds {READ_ALONE}"),
        ("user/Patient.reed", f"user/Patient.reed {NO_SCOPE}"),
        ("user/Patient.sr", f"user/Patient.sr {NO_SCOPE}"),
        ("profile Patient.read", f"Patient.read {NO_SCOPE}"),
        ("user/Patient.rs?gender=male", f"user/Patient.rs {NO_SUFFIX}"),
        ("user/*.rs?category=x", f"user/*.rs {NO_SUFFIX}"),
        ("user/Medication.rs?code=x", f"user/Medication.rs {NO_SUFFIX}"),
        ("user/Location.rs?_tag=x", f"user/Location.rs {NO_SUFFIX}"),
        ("user/AuditEvent.rs?type=rest", f"user/AuditEvent.rs {NO_SUFFIX}"),
        ("user/Observation.read?category=x", f"user/Observation.read {V1_SUFFIX}"),
        ("user/Observation.write?shape=x", f"user/Observation.write {V1_SUFFIX}"),
        ("user/Observation.*?", f"user/Observation.* {V1_SUFFIX}"),
        ("user/Observation.rs?identifier=9434765919", f"user/Observation.rs {NO_LIMIT} {OF_OBSERVATION}"),
        ("user/Observation.rs?a=1&b=2&c=3&d=4", f"user/Observation.rs {NO_LIMIT} {OF_OBSERVATION}"),
        ("user/MedicationOrder.s?_id=4", f"user/MedicationOrder.s {NO_LIMIT} MedicationRequest takes {OF_REQUEST}."),
        ("user/Observation.rs?category", f"user/Observation.rs {SUFFIX}"),
        ("user/Observation.rs?category=x", f"user/Observation.rs {BEYOND}"),
        ("user/Obsrvation.rs?category=x", "user/Obsrvation.rs names a type that is not served. " + NEAREST),
        ("profile  profile", f"The scope {MALFORMED}"),
        # A text with characters that no scope has, or longer than a scope, is not repeated.
        ("<script>", f"The scope {NO_SCOPE}"),
        ("9434765919", f"The scope {NO_SCOPE}"),
        ("user/Patient.read?identifier=9434765919", f"user/Patient.read {NO_SUFFIX}"),
        ("<b>?user/Patient.read", f"The scope {NO_SCOPE}"),
        ("a" * 64, f"{'a' * 64} {NO_SCOPE}"),
        ("a" * 65, f"The scope {NO_SCOPE}"),
        (f"user/{'a' * 65}.read", "The scope names a type that is not served."),
    ],
)
def test_the_first_scope_at_fault_is_named_if_it_can_be_shown(
    issuer: Issuer, secret: str, requested: str, described: str
) -> None:
    answer = issuer.token("client-1", secret, scope=requested)

    assert (answer.status, answer.error) == (400, "invalid_scope")
    assert answer.json["error_description"] == described
    # RFC 6749 §5.2: the characters of a description.
    assert re.fullmatch(r"[\x20\x21\x23-\x5B\x5D-\x7E]+", described)
    (line,) = issuer.observer.lines
    assert line["reason"] in {*ScopeFault, "beyond the registration"}


def test_a_secret_in_the_scopes_place_is_not_repeated(issuer: Issuer, secret: str) -> None:
    answer = issuer.token("client-1", secret, scope=secret)

    assert answer.json["error_description"] == f"The scope {NO_SCOPE}"


def test_a_scope_that_no_token_can_hold_is_invalid_scope(issuer: Issuer) -> None:
    """KMS signs at most 4,096 bytes."""
    secret = issuer.register("all", scopes=("system/*.cruds",))
    types = ("Patient", "Condition", "Observation", "Encounter", "Procedure", "Immunization", "EpisodeOfCare")
    letters = ("c", "r", "u", "d", "s", "rs", "cr", "cu", "cd", "cs", "ru", "rd", "us", "ds", "cru", "crs")
    scope = " ".join(f"system/{name}.{some}" for name in types for some in letters)

    answer = issuer.token("all", secret, scope=scope)

    assert (answer.status, answer.error) == (400, "invalid_scope")
    assert answer.json["error_description"] == "The scope is longer than a token can hold: ask for less."


def test_identifier_systems_take_their_room_from_the_scope(issuer: Issuer) -> None:
    systems = tuple(f"urn:{number}{'x' * 195}" for number in range(8))
    secret = issuer.register("bound", scopes=("patient/*.cruds",), patient="4", identifier_systems=systems)
    names = ("Patient", "Condition", "Observation", "Encounter", "Procedure", "Immunization", "EpisodeOfCare")
    asked = [f"patient/{name}.{letter}" for name in names for letter in "cruds"]

    assert issuer.token("bound", secret, scope=" ".join(asked[:10])).status == 200
    answer = issuer.token("bound", secret, scope=" ".join(asked))
    assert answer.json["error_description"] == "The scope is longer than a token can hold: ask for less."


@pytest.mark.parametrize("name", ['"' * 100, "é" * 50])
@pytest.mark.parametrize("systems", [(), tuple(f"urn:{number}{'x' * 195}" for number in range(8))])
def test_the_longest_token_can_be_signed(issuer: Issuer, systems: tuple[str, ...], name: str) -> None:
    """The limits of a registration keep the signing input below KMS's maximum."""
    scopes = ["profile"]
    for name in ("Patient", "Condition", "Observation", "Encounter", "Procedure", "Immunization", "EpisodeOfCare"):
        for letters in ("c", "r", "u", "d", "s", "rs", "cr", "cu", "cd", "cs", "ru", "rd", "us", "ds", "cru"):
            if len(" ".join([*scopes, f"user/{name}.{letters}", *systems])) <= 2048:
                scopes.append(f"user/{name}.{letters}")
    client_id = "c" * 128
    registered = {"name": name, "scopes": tuple(scopes), "patient": "p" * 64, "identifier_systems": systems}
    secret = issuer.register(client_id, **registered)
    issuer = issuer.rebuilt(base="https://" + "a" * 60 + ".execute-api.eu-west-2.amazonaws.com/live")

    token = issuer.token(client_id, secret).json["access_token"]

    assert 3000 < len(token.rpartition(".")[0]) <= 4096


# --- methods, paths, headers


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_rfc_6749_3_2_only_post(issuer: Issuer, path: str, method: str) -> None:
    answer = issuer.send(rest_event(method, path))

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text == "" if method == "HEAD" else answer.error == "invalid_request"


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_a_preflight_is_answered(issuer: Issuer, path: str) -> None:
    answer = issuer.send(rest_event("OPTIONS", path, headers={"Origin": "https://app.example"}))

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_another_path_is_404(issuer: Issuer) -> None:
    assert issuer.post("/register").status == 404


def test_failure_bodies_of_one_case_are_byte_identical_and_ids_are_in_headers(issuer: Issuer, secret: str) -> None:
    answers: list[Answer] = [
        issuer.send(form_event("/token", GRANT, headers={**basic(f"c{number}", "x"), "X-Request-Id": f"id-{number}"}))
        for number in range(3)
    ]

    assert len({answer.text for answer in answers}) == 1
    assert [answer.headers["X-Request-Id"] for answer in answers] == ["id-0", "id-1", "id-2"]


def test_nothing_of_the_request_is_echoed(issuer: Issuer, secret: str) -> None:
    marker = "<marker>"
    for form in ({"grant_type": marker}, {**GRANT, "scope": marker}, {**GRANT, "client_id": marker}):
        answer = issuer.post("/token", form, headers=basic("client-1", secret))
        assert answer.status == 400
        assert "marker" not in answer.text


def test_an_unexpected_error_is_a_fixed_500(issuer: Issuer, secret: str) -> None:
    class Broken:
        def sign(self, claims: Any) -> str:
            raise RuntimeError("internals")

    answer = issuer.rebuilt(signer=Broken()).token("client-1", secret)

    assert (answer.status, answer.error) == (500, "server_error")
    assert "internals" not in answer.text
    assert [type(error) for error in issuer.observer.failures] == [RuntimeError]


@pytest.mark.parametrize("event", [{}, {"headers": ["no mapping"]}, {"requestContext": 5}])
def test_an_event_that_is_no_request_does_not_raise(issuer: Issuer, event: dict[str, Any]) -> None:
    response = issuer.app(event)

    assert response["statusCode"] in (405, 500)
    assert json.loads(response["body"])["error"]


def test_10_000_tokens_have_distinct_ids(issuer: Issuer, secret: str) -> None:
    from careconnect.http.base_url import BaseUrl
    from careconnect.oauth.client_record import client_record
    from token_issuer.tokens.grant_token import grant_token

    record = client_record(issuer.items("clients")[0])
    granted = (grant_token(record, GRANT, base_url=BaseUrl(BASE), lifetime=3600, now=0) for _ in range(10_000))

    assert len({each.claims["jti"] for each in granted}) == 10_000
