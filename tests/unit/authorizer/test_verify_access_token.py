"""Which tokens are accepted and which are not (`tokens.md`, Verification), each case named after its paragraph."""

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from careconnect.oauth.signing_keys import thumbprint
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError
from careconnect_testing.parts.access_tokens import ABSENT, BASE, claims, encoded, header, segment, signed, signing_key
from careconnect_testing.parts.clock import Clock
from scope_authorizer.verify_access_token import DowngradedTokenError, verify_access_token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

NOW = 1_800_000_000


class Keys:
    """A verifier's key set that trusts the issuer's key alone."""

    def public_key(self, kid: str) -> "RSAPublicKey | None":
        ours = signing_key().public_key()
        return ours if kid == thumbprint(ours) else None


class Revoked:
    """A set of revoked ids that notes each id that it was asked about."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids
        self.asked: list[str] = []

    def is_revoked(self, token: AccessToken) -> bool:
        self.asked.append(token.jti)
        return token.jti in self._ids


def verify(authorization: str, revoked: Revoked | None = None, now: float = NOW) -> AccessToken:
    return verify_access_token(authorization, base_url=BASE, keys=Keys(), revoked=revoked or Revoked(), now=Clock(now))


def refused(authorization: str, revoked: Revoked | None = None, now: float = NOW) -> TokenRefusedError:
    with pytest.raises(TokenRefusedError) as caught:
        verify(authorization, revoked, now)
    return caught.value


def token(**changes: Any) -> str:
    return signed(header(), claims(NOW, **changes))


def test_rfc9068_4_a_token_of_ours_is_accepted() -> None:
    accepted = verify(f"Bearer {token()}")

    assert accepted == AccessToken(
        client_id="client-1",
        scope="user/Patient.read profile",
        issued_at=NOW,
        expires_at=NOW + 3600,
        jti="token-1",
    )


def test_oauth_md_a_bound_clients_token_names_its_patient() -> None:
    assert verify(f"Bearer {token(patient='4')}").patient == "4"


def test_tokens_md_a_bound_clients_token_names_its_identifier_systems() -> None:
    systems = ["https://a.example/readings", "urn:x"]

    assert verify(f"Bearer {token(patient='4', identifier_systems=systems)}").identifier_systems == tuple(systems)


@pytest.mark.parametrize("systems", ["urn:x", [1], [""], ["urn:x urn:y"], [" urn:x"], {"urn:x": 1}, None])
def test_tokens_md_identifier_systems_are_a_list_of_uris(systems: Any) -> None:
    assert refused(f"Bearer {token(patient='4', identifier_systems=systems)}").reason == "claims"


def test_rfc9449_6_1_a_bound_token_names_its_key() -> None:
    accepted = verify(f"DPoP {token(cnf={'jkt': 'a-thumbprint'}, dpop_nonce=True)}")

    assert (accepted.jkt, accepted.dpop_nonce) == ("a-thumbprint", True)


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
def test_rfc9449_7_2_a_bound_token_comes_with_its_own_scheme_alone(scheme: str) -> None:
    bound = token(cnf={"jkt": "a-thumbprint"})

    assert verify(f"{scheme} {bound}").jkt == "a-thumbprint"
    assert refused(f"{scheme} {token()}").reason == "unbound token as DPoP"
    downgraded = refused(f"Bearer {bound}")
    assert (type(downgraded), downgraded.reason) == (DowngradedTokenError, "bound token as Bearer")


@pytest.mark.parametrize(
    "confirmation",
    [
        *(None, True, [], "a-thumbprint", {}),
        *({"jkt": ""}, {"jkt": 1}, {"jkt": None}, {"jkt": ["a"]}),
        *({"x5t#S256": "a"}, {"jkt": "a", "x5t#S256": "b"}, {"jkt": "a", "kid": "b"}, {"jwk": {}}),
    ],
)
def test_rfc7800_3_a_binding_that_is_not_one_key_is_refused(confirmation: Any) -> None:
    assert refused(f"Bearer {token(cnf=confirmation)}").reason == "confirmation"


@pytest.mark.parametrize("value", [None, "true", 1, []])
def test_a_bound_tokens_need_of_nonces_is_a_boolean(value: Any) -> None:
    assert refused(f"Bearer {token(cnf={'jkt': 'a'}, dpop_nonce=value)}").reason == "claims"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_rfc9110_11_1_the_scheme_is_case_insensitive(scheme: str) -> None:
    assert verify(f"{scheme} {token()}").jti == "token-1"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic Y2xpZW50OnNlY3JldA==",
        "Bearer not-a-jwt",
        "Bearer ..",
        "Bearer a.b",
        f"Token {token()}",
        f"{token()}",
        f" Bearer {token()}",
        f"Bearer {token()} ",
        f"Bearer\t{token()}",
        f"Bearer {token()},{token()}",
        f"Bearer {token()}\n",
        "Bearer é.é.é",
    ],
)
def test_rfc6750_2_1_only_a_bearer_header_with_one_compact_serialization(authorization: str) -> None:
    assert refused(authorization).reason == "not a bearer token"


def _padded(part: int) -> str:
    parts = token().split(".")
    parts[part] += "="
    return ".".join(parts)


def _non_canonical(part: int) -> str:
    """Return a token with a last character in one segment replaced by another that decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # A filler claim or member gives the segment a length at which stray bits exist.
    for filler in range(3):
        head, body = header(filler="x" * filler), claims(NOW, filler="x" * filler)
        parts = signed(head, body).split(".")
        text = parts[part]
        if len(text) % 4 == 0:
            continue
        twin = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
        assert base64.urlsafe_b64decode(twin + "==") == base64.urlsafe_b64decode(text + "==")
        parts[part] = twin
        return ".".join(parts)
    raise AssertionError("no such length")


def _with_text(part: int, text: str, at: int) -> str:
    parts = token().split(".")
    parts[part] = parts[part][:at] + text + parts[part][at:]
    return ".".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        *(_padded(part) for part in range(3)),
        *(_non_canonical(part) for part in range(3)),
        *(_with_text(part, stray, 8) for part in range(3) for stray in ("+", "/", " ", "\n", "%", "é")),
        f"{token()}.{encoded(b'fourth')}",
        f"{token()}.",
        f".{token()}",
        "A" + token(),
        token()[:-1] + "\u0661",
        token() + "A" * 8192,
    ],
)
def test_rfc7515_2_the_compact_serialization_is_parsed_strictly(text: str) -> None:
    refused(f"Bearer {text}")


def test_oauth_md_a_token_over_8_kb_is_refused_though_it_is_signed() -> None:
    most = 8192 - len(token(pad=""))
    longest = token(pad="x" * (most * 3 // 4 - 3))

    assert 8180 < len(longest) <= 8192
    assert verify(f"Bearer {longest}").jti == "token-1"
    assert refused(f"Bearer {token(pad='x' * most)}").reason == "not a compact serialization"


@pytest.mark.parametrize("head", [b"not json", b"[]", b'"text"', b"[" * 5000, b"\xff\xfe", b"null"])
def test_rfc7515_4_the_header_is_a_json_object(head: bytes) -> None:
    refused(f"Bearer {encoded(head)}.{segment(claims(NOW))}.{encoded(b'signature')}")


@pytest.mark.parametrize("body", [b"not json", b"[]", b'"text"', b"{}", b"[" * 5000, b"\xff"])
def test_rfc7519_7_2_the_claims_are_a_json_object(body: bytes) -> None:
    refused(f"Bearer {jwt.api_jws.encode(body, signing_key(), algorithm='RS256', headers=header())}")


def _hmac_with_public_key() -> str:
    """Return a token signed as HS256 with our public key as the secret (the key-confusion attack)."""
    pem = signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{segment(header(alg='HS256'))}.{segment(claims(NOW))}"
    return f"{signing_input}.{encoded(hmac.digest(pem, signing_input.encode(), hashlib.sha256))}"


@pytest.mark.parametrize(
    "text",
    [
        signed(header(alg="none"), claims(NOW)),
        f"{segment(header(alg='none'))}.{segment(claims(NOW))}.",
        f"{segment(header(alg='none'))}.{segment(claims(NOW))}.{encoded(b'x')}",
        _hmac_with_public_key(),
        jwt.encode(claims(NOW), signing_key(), "RS512", headers=header(alg="RS512")),
        jwt.encode(claims(NOW), signing_key(), "PS384", headers=header(alg="PS384")),
        jwt.encode(claims(NOW), signing_key(), "PS512", headers=header(alg="PS512")),
        *(
            signed(header(alg=alg), claims(NOW))
            for alg in ("PS256", "ps256", "rs256", "RS256 ", "None", "", None, 256, ["RS256"], ABSENT)
        ),
    ],
)
def test_rfc8725_3_1_the_algorithm_is_rs256_or_ps256_and_the_signature_is_by_it(text: str) -> None:
    refused(f"Bearer {text}")


def test_a_signature_by_ps256_is_refused_under_the_name_of_rs256() -> None:
    signing_input = f"{segment(header())}.{segment(claims(NOW))}"
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    signature = signing_key().sign(signing_input.encode(), pss, SHA256())

    refused(f"Bearer {signing_input}.{encoded(signature)}")


def test_a_token_signed_by_ps256_with_the_same_key_is_accepted() -> None:
    text = jwt.encode(claims(NOW), signing_key(), "PS256", headers=header(alg="PS256"))

    assert verify(f"Bearer {text}").client_id == "client-1"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "AT+JWT", "application/at+jwt", "", None, ["at+jwt"], ABSENT])
def test_rfc9068_4_the_type_is_at_jwt(typ: Any) -> None:
    refused(f"Bearer {signed(header(typ=typ), claims(NOW))}")


@pytest.mark.parametrize("kid", ["unknown", "", None, 1, ["x"], {"a": 1}, "../../dev/null", ABSENT])
def test_oauth_md_the_key_is_named_and_ours(kid: Any) -> None:
    refused(f"Bearer {signed(header(kid=kid), claims(NOW))}")


def test_s1_a_forged_signature_is_refused() -> None:
    forged = signed(header(), claims(NOW), key=signing_key("theirs"))

    assert refused(f"Bearer {forged}").reason == "signature"


def test_s1_claims_that_were_changed_after_signing_are_refused() -> None:
    head, _, signature = token().split(".")

    assert refused(f"Bearer {head}.{segment(claims(NOW, scope='system/*.read'))}.{signature}").reason == "signature"


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_oauth_md_a_key_that_the_token_brings_along_is_ignored(name: str) -> None:
    theirs = signing_key("theirs")
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(theirs.public_key()))
    values = {
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/x",
        "jwk": jwk,
        "x5c": ["x"],
    }

    # The forger's key does not count, whether it goes by its own name or by ours …
    refused(f"Bearer {signed(header(**{name: values[name]}), claims(NOW), theirs)}")
    refused(
        f"Bearer {signed(header(kid=thumbprint(theirs.public_key()), **{name: values[name]}), claims(NOW), theirs)}"
    )
    # … and the same header in our own token changes nothing.
    assert verify(f"Bearer {signed(header(**{name: values[name]}), claims(NOW))}").jti == "token-1"


@pytest.mark.parametrize("critical", [["exp"], [], "exp", None, ["b64"]])
def test_rfc7515_4_1_11_critical_extensions_are_not_understood(critical: Any) -> None:
    assert refused(f"Bearer {signed(header(crit=critical), claims(NOW))}").reason == "critical extension"


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope"])
@pytest.mark.parametrize("value", [ABSENT, None, "", [], {}, 0, True, ["x"]], ids=str)
def test_rfc9068_2_2_every_claim_is_present_and_of_its_type(name: str, value: Any) -> None:
    refused(f"Bearer {token(**{name: value})}")


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize(
    "value", [str(NOW), "soon", float("nan"), float("inf"), -float("inf"), True, pytest.param(10**400, id="huge")]
)
def test_rfc7519_2_times_are_numbers(name: str, value: Any) -> None:
    refused(f"Bearer {token(**{name: value})}")


@pytest.mark.parametrize(
    "issuer", ["https://attacker.example", f"{BASE.root}/", BASE.root.upper(), f"{BASE.root}.evil.example", [BASE.root]]
)
def test_s2_another_issuer_is_refused(issuer: Any) -> None:
    refused(f"Bearer {token(iss=issuer)}")


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example/careconnect-ri/STU3",
        BASE.root,
        f"{BASE.fhir}/",
        "client-1",
        [BASE.fhir],
        [BASE.fhir, "https://other.example"],
        BASE.token_endpoint,
    ],
)
def test_s2_another_audience_is_refused(audience: Any) -> None:
    assert refused(f"Bearer {token(aud=audience)}").reason == "audience"


def test_oauth_md_subject_and_client_are_one() -> None:
    refused(f"Bearer {token(sub='client-2')}")


@pytest.mark.parametrize("name", ["patient", "client_name"])
@pytest.mark.parametrize("value", [4, None, ["4"], True])
def test_oauth_md_the_patient_and_the_clients_name_are_texts(name: str, value: Any) -> None:
    refused(f"Bearer {token(**{name: value})}")


def test_a_token_from_before_there_were_names_has_none() -> None:
    assert verify(f"Bearer {token()}").client_name == ""
    assert verify(f"Bearer {token(client_name='Ward 7')}").client_name == "Ward 7"


@pytest.mark.parametrize(
    ("issued", "expires", "expired"),
    [
        pytest.param(-3600, 0, True, id="expires now"),
        pytest.param(-3600, 1, False, id="a second left"),
        pytest.param(-3600, -1, True, id="expired a second ago"),
        pytest.param(-3600, -59, True, id="no leeway after expiry"),
        pytest.param(-5400, 3600, False, id="as old as a token may be"),
        pytest.param(-5401, 3600, True, id="older than any token may be, whatever exp says"),
        pytest.param(-5401, 10**9, True, id="old and valid for ever"),
    ],
)
def test_s8_expiry_is_what_the_token_and_the_page_say(issued: int, expires: int, expired: bool) -> None:
    text = f"Bearer {token(iat=NOW + issued, exp=NOW + expires)}"

    if expired:
        assert refused(text).reason in ("expired", "older than any token may be")
    else:
        assert verify(text).expires_at == NOW + expires


@pytest.mark.parametrize(("ahead", "accepted"), [(0, True), (60, True), (61, False), (3600, False)])
@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_oauth_md_clocks_may_differ_by_a_minute(name: str, ahead: int, accepted: bool) -> None:
    text = f"Bearer {token(**{name: NOW + ahead, 'exp': NOW + 7200})}"

    if accepted:
        assert verify(text).client_id == "client-1"
    else:
        assert refused(text).reason == "not valid yet"


def test_rfc7519_2_a_time_may_have_a_fraction() -> None:
    assert verify(f"Bearer {token(iat=NOW - 0.5, exp=NOW + 0.5)}").expires_at == NOW


def test_s9_a_revoked_token_is_refused() -> None:
    assert refused(f"Bearer {token()}", Revoked("token-1")).reason == "revoked"


def test_only_a_good_token_of_ours_costs_a_look_at_the_revoked() -> None:
    revoked = Revoked()

    refused(f"Bearer {signed(header(), claims(NOW), signing_key('theirs'))}", revoked)
    refused(f"Bearer {token(exp=NOW - 1)}", revoked)
    assert revoked.asked == []
    verify(f"Bearer {token()}", revoked)
    assert revoked.asked == ["token-1"]


def test_oauth_md_a_client_assertion_is_no_access_token() -> None:
    assertion = jwt.encode(
        {"iss": "client-1", "sub": "client-1", "aud": BASE.token_endpoint, "exp": NOW + 300, "jti": "j"},
        signing_key(),
        "RS256",
        headers={"kid": thumbprint(signing_key().public_key())},
    )

    refused(f"Bearer {assertion}")


def test_a_refusals_reason_holds_nothing_of_the_token() -> None:
    text = token(iss="https://attacker.example/secret-value")

    assert "secret-value" not in refused(f"Bearer {text}").reason
