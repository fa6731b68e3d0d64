"""`careconnect keys`: rotation and retirement (`tokens.md`, Keys)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from careconnect.oauth.signing_keys import CACHE_SECONDS, JWKS_MAX_AGE, RECHECK_SECONDS, KmsSigningKeys
from careconnect_admin.commands import keys as keys_command
from careconnect_admin.signing.key_ring import (
    PUBLICATION_SECONDS,
    RETIREMENT_SECONDS,
    SHORT_PUBLICATION_SECONDS,
    KeyRing,
    KeyRotationError,
    rotate,
)
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.issuer import ALIAS, AUDIT_TABLE, Issuer, basic, built_issuer
from careconnect_testing.stacks.command_line import printed


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer() as issuer:
        yield issuer


@pytest.fixture
def ring(issuer: Issuer) -> KeyRing:
    return KeyRing(issuer.kms, ALIAS)


def places(ring: KeyRing) -> dict[str, str]:
    return {state.place: state.key_id for state in ring.list()}


def silently(ring: KeyRing, *, wait: int = 0) -> None:
    rotate(ring, wait=wait, sleep=lambda _: None, tell=lambda _: None)


def test_rotation_publishes_waits_and_promotes(issuer: Issuer, ring: KeyRing) -> None:
    old = places(ring)["current"]
    seen_while_waiting: list[dict[str, str]] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        seen_while_waiting.append(places(ring))

    rotate(ring, wait=PUBLICATION_SECONDS, sleep=sleep, tell=lambda _: None)

    (waiting,) = seen_while_waiting
    assert waiting["current"] == old
    assert places(ring) == {"current": waiting["next"], "previous": old}
    assert slept == [PUBLICATION_SECONDS]


def test_the_waits_outlast_every_cache() -> None:
    assert PUBLICATION_SECONDS >= JWKS_MAX_AGE + CACHE_SECONDS
    assert SHORT_PUBLICATION_SECONDS > RECHECK_SECONDS
    assert RETIREMENT_SECONDS >= 5400 + CACHE_SECONDS


def test_the_new_key_is_like_the_old_one(issuer: Issuer, ring: KeyRing) -> None:
    old = places(ring)["current"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Sign", "Effect": "Allow"}]})
    issuer.kms.put_key_policy(KeyId=old, PolicyName="default", Policy=policy)

    silently(ring)

    new = places(ring)["current"]
    assert issuer.kms.get_key_policy(KeyId=new, PolicyName="default")["Policy"] == policy
    metadata = issuer.kms.describe_key(KeyId=new)["KeyMetadata"]
    assert (metadata["KeySpec"], metadata["KeyUsage"]) == ("RSA_2048", "SIGN_VERIFY")


def test_tokens_of_both_keys_are_good_after_a_rotation(issuer: Issuer, ring: KeyRing) -> None:
    secret = issuer.register("client-1")
    before = issuer.token("client-1", secret).json["access_token"]
    silently(ring)
    issuer.clock.now += CACHE_SECONDS
    after = issuer.token("client-1", secret).json["access_token"]

    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    for token in (before, after):
        assert issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret)).json["active"]


def test_a_short_publication_is_enough_for_our_own_functions(issuer: Issuer, ring: KeyRing) -> None:
    """Whatever the age of an instance's cache, it knows or finds the new key at the first token signed by it."""

    def sleep(seconds: float) -> None:
        issuer.clock.now += seconds

    for age in range(0, CACHE_SECONDS, 7):
        keys = KmsSigningKeys(issuer.kms, ALIAS, clock=issuer.clock)
        keys.jwks()
        issuer.clock.now += age

        rotate(ring, wait=SHORT_PUBLICATION_SECONDS, sleep=sleep, tell=lambda _: None)

        kid = next(state.kid for state in ring.list() if state.place == "current")
        assert keys.public_key(kid) is not None, age
        ring.retire(now=0, force=True)


def test_a_rotation_that_was_interrupted_while_waiting_is_taken_up(ring: KeyRing) -> None:
    waiting = ring.publish()

    silently(ring)

    assert places(ring)["current"] == waiting


def test_a_second_rotation_waits_for_the_rest_of_the_first_ones_time(issuer: Issuer, ring: KeyRing) -> None:
    first = ring.publish()
    dated = KeyRing(DatedKms(issuer.kms, PROMOTED), ALIAS)  # type: ignore[arg-type]
    slept: list[float] = []
    lines: list[str] = []

    rotate(
        dated,
        wait=PUBLICATION_SECONDS,
        sleep=slept.append,
        tell=lines.append,
        clock=lambda: PROMOTED.timestamp() + 100,
    )

    assert slept == [PUBLICATION_SECONDS - 100]
    assert "of another rotation" in lines[0]
    assert "it signs in 260 s" in lines[0]
    assert places(ring)["current"] == first


@pytest.mark.parametrize(("clock", "wait"), [(-1000, PUBLICATION_SECONDS), (100_000, 0)])
def test_whatever_the_clock_says_the_wait_is_never_negative_nor_longer(
    issuer: Issuer, ring: KeyRing, clock: float, wait: int
) -> None:
    ring.publish()
    dated = KeyRing(DatedKms(issuer.kms, PROMOTED), ALIAS)  # type: ignore[arg-type]
    slept: list[float] = []

    def tell(_: str) -> None:
        return

    now = PROMOTED.timestamp() + clock
    rotate(dated, wait=PUBLICATION_SECONDS, sleep=slept.append, tell=tell, clock=lambda: now)

    assert slept == [wait]


@pytest.mark.parametrize("ahead", [0, 86_400])
def test_the_time_is_that_of_kms_and_not_of_this_machine(
    issuer: Issuer, ring: KeyRing, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    def put_date(parsed: dict[str, Any], **_: Any) -> None:
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(PROMOTED, usegmt=True)

    issuer.kms.meta.events.register("after-call.kms.DescribeKey", put_date)
    monkeypatch.setattr("time.time", lambda: PROMOTED.timestamp() + ahead)

    assert ring.service_time() == PROMOTED.timestamp()


def test_the_second_of_two_rotations_finds_the_work_done(issuer: Issuer, ring: KeyRing) -> None:
    old, new = places(ring)["current"], ring.publish()
    lines: list[str] = []

    rotate(ring, wait=1, sleep=lambda _: ring.promote(), tell=lines.append)

    assert places(ring) == {"current": new, "previous": old}
    assert f"{new} signs" in lines[-1]


def test_of_two_keys_that_were_made_at_once_the_one_that_lost_its_alias_is_discarded(
    issuer: Issuer, ring: KeyRing
) -> None:
    old = places(ring)["current"]
    other = issuer.kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    mine: list[str] = []

    def displaced(_: float) -> None:
        mine.append(places(ring)["next"])
        issuer.kms.update_alias(AliasName=f"{ALIAS}-next", TargetKeyId=other)

    with pytest.raises(KeyRotationError, match="another rotation"):
        rotate(ring, wait=1, sleep=displaced, tell=lambda _: None)

    assert issuer.kms.describe_key(KeyId=mine[0])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert places(ring) == {"current": old, "next": other}


def aliases(issuer: Issuer) -> dict[str, str]:
    """Return every alias of ours and the key that it points at."""
    every = {each["AliasName"]: each.get("TargetKeyId", "") for each in issuer.kms.list_aliases()["Aliases"]}
    return {name: key for name, key in every.items() if name.startswith(ALIAS)}


def test_all_three_aliases_are_there_at_every_moment_of_a_rotation(issuer: Issuer, ring: KeyRing) -> None:
    """An alias that is not there is one that KMS refuses to talk about, to functions with rights to keys alone."""
    assert len(aliases(issuer)) == 3
    issuer.calls.clear()

    silently(ring)
    ring.retire(now=0, force=True)

    assert {name for name in issuer.calls if name.endswith("Alias")} == {"UpdateAlias"}
    assert len(aliases(issuer)) == 3
    assert len(set(aliases(issuer).values())) == 1


def test_a_stack_whose_aliases_came_and_went_gets_all_three_by_a_rotation(issuer: Issuer, ring: KeyRing) -> None:
    for place in ("next", "previous"):
        issuer.kms.delete_alias(AliasName=f"{ALIAS}-{place}")
    old = places(ring)["current"]

    silently(ring)

    new = places(ring)["current"]
    assert aliases(issuer) == {f"{ALIAS}-next": new, f"{ALIAS}-current": new, f"{ALIAS}-previous": old}


def test_a_promotion_that_was_interrupted_is_finished(issuer: Issuer, ring: KeyRing) -> None:
    old, new = places(ring)["current"], ring.publish()
    issuer.kms.update_alias(AliasName=f"{ALIAS}-previous", TargetKeyId=old)

    silently(ring)

    assert places(ring) == {"current": new, "previous": old}


def test_a_key_whose_alias_cannot_be_moved_does_not_stay(issuer: Issuer, ring: KeyRing) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "x"}}, "UpdateAlias")

    issuer.kms.meta.events.register("before-call.kms.UpdateAlias", refuse)

    with pytest.raises(ClientError):
        ring.publish()

    states = [
        issuer.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in issuer.kms.list_keys()["Keys"]
    ]
    assert sorted(states) == ["Enabled", "PendingDeletion"]


def test_a_second_rotation_waits_for_the_retirement(ring: KeyRing) -> None:
    silently(ring)

    with pytest.raises(KeyRotationError, match="keys retire"):
        silently(ring)


def test_a_next_key_out_of_service_is_not_promoted(issuer: Issuer, ring: KeyRing) -> None:
    issuer.kms.disable_key(KeyId=ring.publish())

    with pytest.raises(KeyRotationError, match="Disabled"):
        silently(ring)


def test_without_keys_the_steps_say_so(issuer: Issuer, ring: KeyRing) -> None:
    with pytest.raises(KeyRotationError, match="no next key"):
        ring.promote()
    with pytest.raises(KeyRotationError, match="no previous key"):
        ring.retire(now=0)
    issuer.kms.delete_alias(AliasName=f"{ALIAS}-current")
    with pytest.raises(KeyRotationError, match="no previous key"):
        ring.retire(now=0)
    with pytest.raises(KeyRotationError, match="no signing key"):
        ring.publish()


class DatedKms:
    """KMS with the alias dates that moto leaves out."""

    def __init__(self, kms: Any, date: datetime) -> None:
        self._kms = kms
        self._date = date

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kms, name)

    def get_paginator(self, name: str) -> Any:
        pages = list(self._kms.get_paginator(name).paginate())
        for page in pages:
            for alias in page["Aliases"]:
                alias["LastUpdatedDate"] = self._date

        class Pages:
            def paginate(self) -> Any:
                return pages

        return Pages()


PROMOTED = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_key_is_retired_after_the_longest_token_life_only(issuer: Issuer, ring: KeyRing) -> None:
    silently(ring)
    old = places(ring)["previous"]
    dated = KeyRing(DatedKms(issuer.kms, PROMOTED), ALIAS)  # type: ignore[arg-type]
    promoted = PROMOTED.timestamp()

    with pytest.raises(KeyRotationError, match="for up to 1 minutes more"):
        dated.retire(now=promoted + RETIREMENT_SECONDS - 59)
    assert "previous" in places(ring)
    key_id, deletion = dated.retire(now=promoted + RETIREMENT_SECONDS)

    assert key_id == old
    assert deletion - datetime.now(deletion.tzinfo or UTC).replace(tzinfo=deletion.tzinfo) > timedelta(days=29)
    assert "previous" not in places(ring)
    assert issuer.kms.describe_key(KeyId=old)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_key_can_be_retired_by_force(issuer: Issuer, ring: KeyRing) -> None:
    secret = issuer.register("client-1")
    token = issuer.token("client-1", secret).json["access_token"]
    silently(ring)

    ring.retire(now=datetime.now(UTC).timestamp(), force=True)

    issuer.clock.now += CACHE_SECONDS
    asked = issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret))
    assert asked.json == {"active": False}


def test_the_commands(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    target = StackTarget(
        "stack", {"SigningKeyAlias": ALIAS, "AuditTable": AUDIT_TABLE}, lambda service: getattr(issuer, service)
    )
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(keys_command.app, arguments)

    listed = run("list").stdout
    assert KeyRing(issuer.kms, ALIAS).list()[0].kid in listed
    assert KeyRing(issuer.kms, ALIAS).list()[0].key_id in listed
    rotated = run("rotate", "--json")
    assert rotated.exit_code == 0, rotated.output
    assert [state["place"] for state in json.loads(rotated.stdout)] == ["current", "previous"]
    assert "signs in 360 s" in rotated.stderr
    refused = run("retire")
    assert refused.exit_code == 1
    assert len(printed(refused)) == 1
    retired = run("retire", "--force", "--json")
    assert [state["place"] for state in json.loads(retired.stdout)] == ["current"]
    assert run("rotate", "--now").exit_code == 0
    assert sum(slept) == PUBLICATION_SECONDS + SHORT_PUBLICATION_SECONDS
    # Each minute of the longer wait is told, as this is no terminal.
    assert [line for line in printed(rotated) if line.startswith("It signs in")] == [
        f"It signs in {60 * minutes} s" for minutes in (5, 4, 3, 2, 1)
    ]
    for command in ("list", "rotate", "retire"):
        assert run(command, "--help").exit_code == 0
