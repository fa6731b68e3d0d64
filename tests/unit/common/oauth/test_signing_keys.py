"""The keys behind the aliases (`tokens.md`, Keys; RFC 7638)."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from moto import mock_aws

from careconnect.oauth.signing_keys import (
    CACHE_SECONDS,
    KMS_ALGORITHM,
    OUTAGE_SECONDS,
    RECHECK_SECONDS,
    KmsSigningKeys,
    SigningKeyError,
    _published,
    public_jwk,
    thumbprint,
)
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.issuer import quick_rsa_keys

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALIAS = "alias/test-signing"


class CountingKms:
    """KMS as it is, with its GetPublicKey calls counted, and broken on demand."""

    def __init__(self, kms: "KMSClient") -> None:
        self._kms = kms
        self.calls: list[str] = []
        self.fault: Exception | None = None

    def get_public_key(self, *, KeyId: str) -> Any:  # noqa: N803  (KMS's own parameter name)
        self.calls.append(KeyId)
        if self.fault is not None:
            raise self.fault
        return self._kms.get_public_key(KeyId=KeyId)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator["KMSClient"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), quick_rsa_keys():
        yield boto3.client("kms", region_name="eu-west-2")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def counting(kms: "KMSClient") -> CountingKms:
    return CountingKms(kms)


@pytest.fixture
def keys(counting: CountingKms, clock: Clock) -> KmsSigningKeys:
    return KmsSigningKeys(counting, ALIAS, clock=clock)  # type: ignore[arg-type]


def create(kms: "KMSClient", suffix: str, *, spec: Any = "RSA_2048", usage: Any = "SIGN_VERIFY") -> str:
    arn = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=ALIAS + suffix, TargetKeyId=arn)
    return arn


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "a detail"}}, "GetPublicKey")


def kid_of(kms: "KMSClient", arn: str) -> str:
    key = load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])
    assert isinstance(key, RSAPublicKey)
    return thumbprint(key)


def test_rfc_7638_3_1_the_example_key_has_the_rfcs_thumbprint() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    n = int.from_bytes(base64.urlsafe_b64decode(modulus + "=="), "big")
    key = RSAPublicNumbers(65537, n).public_key()

    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_current_names_the_kid_and_the_key_itself_not_the_alias(kms: "KMSClient", keys: KmsSigningKeys) -> None:
    arn = create(kms, "-current")

    current = keys.current()

    assert arn.endswith(current.key_arn)  # KMS gives the ARN, moto the id
    assert current.kid == kid_of(kms, arn)


def test_the_kid_is_the_digest_of_the_published_members(kms: "KMSClient", keys: KmsSigningKeys) -> None:
    create(kms, "-current")

    (jwk,) = keys.jwks()["keys"]

    members = {name: jwk[name] for name in ("e", "kty", "n")}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    assert jwk["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    # It signs by two algorithms, so it names neither.
    assert jwk.keys() == {"use", "kid", "kty", "n", "e"}
    assert (jwk["use"], jwk["kty"]) == ("sig", "RSA")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(jwk)


def test_all_three_keys_are_published_and_trusted_the_signing_one_first(kms: "KMSClient", keys: KmsSigningKeys) -> None:
    kids = {suffix: kid_of(kms, create(kms, suffix)) for suffix in ("-previous", "-next", "-current")}

    assert [jwk["kid"] for jwk in keys.jwks()["keys"]] == [kids["-current"], kids["-next"], kids["-previous"]]
    for kid in kids.values():
        found = keys.public_key(kid)
        assert found is not None
        assert thumbprint(found) == kid
    assert keys.current().kid == kids["-current"]


def test_three_aliases_of_one_key_publish_it_once(kms: "KMSClient", keys: KmsSigningKeys) -> None:
    arn = create(kms, "-current")
    for suffix in ("-next", "-previous"):
        kms.create_alias(AliasName=ALIAS + suffix, TargetKeyId=arn)

    assert len(keys.jwks()["keys"]) == 1


def test_no_current_key_is_an_error_for_the_issuer_only(kms: "KMSClient", keys: KmsSigningKeys) -> None:
    kid = kid_of(kms, create(kms, "-previous"))

    assert keys.public_key(kid) is not None
    with pytest.raises(SigningKeyError, match="no current signing key"):
        keys.current()


def test_a_key_that_kms_refused_is_looked_up_anew_once_in_a_few_seconds(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    create(kms, "-current")
    dead = keys.current()
    new = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=f"{ALIAS}-current", TargetKeyId=new)

    assert keys.current(instead_of=dead) == dead
    clock.now += RECHECK_SECONDS
    assert keys.current() == dead
    assert keys.current(instead_of=dead).key_arn == new
    calls = len(counting.calls)
    assert keys.current(instead_of=dead).key_arn == new
    assert len(counting.calls) == calls


def test_a_key_that_was_enabled_signs_again_within_seconds(
    kms: "KMSClient", keys: KmsSigningKeys, clock: Clock
) -> None:
    create(kms, "-previous")
    with pytest.raises(SigningKeyError, match="no current signing key"):
        keys.current()
    current = create(kms, "-current")
    clock.now += RECHECK_SECONDS

    assert current.endswith(keys.current().key_arn)


@pytest.mark.parametrize(("spec", "usage"), [("ECC_NIST_P256", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT")])
def test_a_key_that_cannot_sign_rs256_is_not_trusted(
    kms: "KMSClient", keys: KmsSigningKeys, spec: str, usage: str
) -> None:
    create(kms, "-current", spec=spec, usage=usage)

    assert keys.jwks() == {"keys": []}


@pytest.mark.parametrize("code", ["NotFoundException", "DisabledException", "KMSInvalidStateException"])
def test_a_key_out_of_service_is_not_trusted(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, code: str
) -> None:
    create(kms, "-current")
    counting.fault = refusal(code)

    with pytest.raises(SigningKeyError, match="no current signing key"):
        keys.current()
    assert keys.jwks() == {"keys": []}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            ClientError({"Error": {"Code": "ThrottlingException", "Message": "x"}}, "GetPublicKey"),
            "ThrottlingException",
        ),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "x"}}, "GetPublicKey"),
            "AccessDenied",
        ),
        (ReadTimeoutError(endpoint_url="https://kms"), "ReadTimeoutError"),
    ],
)
def test_a_failure_of_kms_is_one_error_with_a_code_for_the_log(
    keys: KmsSigningKeys, counting: CountingKms, fault: Exception, reason: str
) -> None:
    counting.fault = fault

    for use in (keys.current, keys.jwks, lambda: keys.public_key("any")):
        with pytest.raises(SigningKeyError, match=reason):
            use()


def test_keys_are_looked_up_once_in_their_lifetime(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    kid = kid_of(kms, create(kms, "-current"))
    for _ in range(20):
        keys.current()
        keys.jwks()
        keys.public_key(kid)
    assert len(counting.calls) == 3

    clock.now += CACHE_SECONDS
    keys.public_key(kid)
    assert len(counting.calls) == 6


def test_a_clock_set_back_does_not_keep_old_keys_alive(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    create(kms, "-current")
    keys.current()
    clock.now -= 3600
    keys.current()

    assert len(counting.calls) == 6


UNANSWERED = [
    refusal("ThrottlingException"),
    refusal("KMSInternalException"),
    ReadTimeoutError(endpoint_url="https://kms"),
]


@pytest.mark.parametrize("fault", UNANSWERED, ids=["throttled", "internal", "time-out"])
def test_last_good_public_keys_serve_through_an_outage_for_a_bounded_time(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock, fault: Exception
) -> None:
    kid = kid_of(kms, create(kms, "-current"))
    published = keys.jwks()
    counting.fault = fault

    for passed in range(0, OUTAGE_SECONDS, CACHE_SECONDS):
        clock.now = 1_000_000.0 + passed
        assert keys.public_key(kid) is not None
        assert keys.jwks() == published
    clock.now = 1_000_000.0 + OUTAGE_SECONDS
    for use in (keys.jwks, lambda: keys.public_key(kid)):
        with pytest.raises(SigningKeyError):
            use()
    counting.fault = None
    clock.now += RECHECK_SECONDS
    assert keys.jwks() == published


def test_nothing_is_signed_with_a_key_that_kms_was_not_asked_about(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    create(kms, "-current")
    keys.current()
    counting.fault = UNANSWERED[0]
    clock.now += CACHE_SECONDS

    assert keys.jwks()["keys"]
    with pytest.raises(SigningKeyError, match="ThrottlingException"):
        keys.current()


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_a_denial_is_an_answer_and_no_outage(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock, code: str
) -> None:
    kid = kid_of(kms, create(kms, "-current"))
    keys.jwks()
    counting.fault = refusal(code)
    clock.now += CACHE_SECONDS

    with pytest.raises(SigningKeyError, match=code):
        keys.public_key(kid)


@pytest.mark.parametrize("code", ["DisabledException", "KMSInvalidStateException"])
def test_a_key_that_is_taken_out_of_service_is_not_stored_by_the_outage_rule(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock, code: str
) -> None:
    kid = kid_of(kms, create(kms, "-current"))
    keys.jwks()
    counting.fault = refusal(code)
    clock.now += CACHE_SECONDS

    assert keys.public_key(kid) is None


@pytest.mark.parametrize("warm", [True, False])
def test_an_outage_is_waited_for_once_in_a_few_seconds_and_not_by_each_request(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock, warm: bool
) -> None:
    kid = kid_of(kms, create(kms, "-current"))
    if warm:
        keys.jwks()
    clock.now += CACHE_SECONDS
    counting.fault = UNANSWERED[-1]
    counting.calls.clear()

    def ask() -> None:
        for each in (kid, "made-up"):
            with suppress(SigningKeyError):
                keys.public_key(each)

    for _ in range(50):
        ask()
    assert len(counting.calls) == 1
    clock.now += RECHECK_SECONDS
    ask()
    assert len(counting.calls) == 2


def test_a_kid_that_is_unknown_in_an_outage_cannot_be_judged(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    create(kms, "-current")
    keys.jwks()
    counting.fault = UNANSWERED[0]
    clock.now += CACHE_SECONDS

    with pytest.raises(SigningKeyError):
        keys.public_key("published-a-moment-ago")


def test_unknown_kids_look_again_at_most_once_in_a_few_seconds(
    kms: "KMSClient", keys: KmsSigningKeys, counting: CountingKms, clock: Clock
) -> None:
    create(kms, "-current")
    for number in range(100):
        assert keys.public_key(f"made-up-{number}") is None
    assert len(counting.calls) == 3

    clock.now += RECHECK_SECONDS
    for number in range(100):
        assert keys.public_key(f"made-up-{number}") is None
    assert len(counting.calls) == 6


def test_a_key_published_a_moment_ago_is_found_by_its_kid(kms: "KMSClient", keys: KmsSigningKeys, clock: Clock) -> None:
    create(kms, "-current")
    keys.current()
    kid = kid_of(kms, create(kms, "-next"))
    clock.now += RECHECK_SECONDS

    assert keys.public_key(kid) is not None


def test_a_reader_at_any_moment_of_a_promotion_sees_both_keys(kms: "KMSClient", clock: Clock) -> None:
    """The reader's three calls may fall anywhere between the operator's, whatever `-previous` was before."""
    old, new, other = create(kms, "-current"), create(kms, "-next"), create(kms, "-previous")
    both = {kid_of(kms, old), kid_of(kms, new)}
    steps = [
        lambda: kms.update_alias(AliasName=f"{ALIAS}-previous", TargetKeyId=old),
        lambda: kms.update_alias(AliasName=f"{ALIAS}-current", TargetKeyId=new),
    ]

    def restore(previous: str) -> None:
        kms.update_alias(AliasName=f"{ALIAS}-current", TargetKeyId=old)
        kms.update_alias(AliasName=f"{ALIAS}-previous", TargetKeyId=previous)

    class Interleaved:
        """Takes `before[i]` of the operator's steps before the reader's call number i."""

        def __init__(self, before: tuple[int, int, int]) -> None:
            self._before = iter(before)
            self._steps = iter(steps)

        def get_public_key(self, *, KeyId: str) -> Any:  # noqa: N803
            for _ in range(next(self._before)):
                next(self._steps)()
            return kms.get_public_key(KeyId=KeyId)

    plans = [(a, b, c) for a in range(3) for b in range(3 - a) for c in range(3 - a - b)]
    assert len(plans) == 10
    for plan in plans:
        for previous in (old, other):
            restore(previous)
            keys = KmsSigningKeys(Interleaved(plan), ALIAS, clock=clock)  # type: ignore[arg-type]
            assert {jwk["kid"] for jwk in keys.jwks()["keys"]} >= both, plan


def test_public_jwk_has_no_leading_zero_bytes() -> None:
    """RFC 7518 §2: Base64urlUInt is minimal."""
    jwk = public_jwk(RSAPublicNumbers(65537, (1 << 2047) + 9).public_key())

    assert jwk["e"] == "AQAB"
    assert len(base64.urlsafe_b64decode(jwk["n"] + "==")) == 256


def test_a_key_of_another_kind_is_published_as_none_whatever_it_says_of_itself() -> None:
    public = generate_private_key(SECP256R1()).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert _published({"SigningAlgorithms": [KMS_ALGORITHM], "PublicKey": der, "KeyId": "key"}) is None
