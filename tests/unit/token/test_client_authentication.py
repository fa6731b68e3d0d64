"""Secrets: digests, rotation with overlap, throttle, comparable time (`oauth.md`, Client authentication)."""

import json
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import AuthMethod, ClientRecord, SecretDigest, digest_secret
from careconnect_testing.parts.issuer import BASE, CLIENT_TABLE, Issuer, NoKeySets, basic, built_issuer
from token_issuer.clients.authenticate_client import ClientAuthentication, FoundClient
from token_issuer.clients.client_credentials import ClientCredentials
from token_issuer.clients.throttle import Counters, counters, retry_after
from token_issuer.errors import OAuthError


def test_only_a_digest_is_stored(issuer: Issuer, secret: str) -> None:
    stored = json.dumps(issuer.items(CLIENT_TABLE))

    assert secret not in stored
    assert digest_secret("a-salt", secret) in stored


def test_a_retiring_secret_counts_until_its_end(issuer: Issuer) -> None:
    now = int(issuer.clock.now)
    issuer.register(
        "client-1",
        secrets=(
            SecretDigest(digest_secret("a-salt", "new-secret")),
            SecretDigest(digest_secret("a-salt", "old-secret"), ends_at=now + 60),
        ),
    )

    assert issuer.token("client-1", "old-secret").status == 200
    assert issuer.token("client-1", "new-secret").status == 200
    issuer.clock.now += 60
    assert issuer.token("client-1", "old-secret").status == 401
    assert issuer.token("client-1", "new-secret").status == 200


def test_a_secret_that_equals_the_stand_in_digest_opens_nothing(issuer: Issuer) -> None:
    issuer.register("keyed", auth_methods=frozenset({AuthMethod.BASIC}), secrets=())

    assert issuer.token("keyed", "").status == 401
    assert issuer.token("keyed", "0" * 64).status == 401


def test_a_disabled_client_is_refused_at_once(issuer: Issuer, secret: str) -> None:
    assert issuer.token("client-1", secret).status == 200
    issuer.register("client-1", secret=secret, enabled=False)

    assert issuer.token("client-1", secret).status == 401


# --- throttle


@pytest.mark.parametrize("client_id", ["client-1", "nobody"])
def test_rfc_6585_4_the_twenty_first_failure_is_429(issuer: Issuer, secret: str, client_id: str) -> None:
    issuer.clock.now = 1_800_000_000.0  # a window's start

    assert [issuer.token(client_id, "wrong").status for _ in range(20)] == [401] * 20
    answer = issuer.token(client_id, "wrong")

    assert (answer.status, answer.error) == (429, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "300"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ClientThrottled" in issuer.observer.counts


def test_while_throttled_the_right_secret_is_not_heard_either(issuer: Issuer, secret: str) -> None:
    for _ in range(20):
        issuer.token("client-1", "wrong")

    assert issuer.token("client-1", secret).status == 429


def test_other_clients_and_other_addresses_are_unaffected(issuer: Issuer, secret: str) -> None:
    other = issuer.register("client-2")
    for _ in range(21):
        issuer.token("client-1", "wrong")

    assert issuer.token("client-2", other).status == 200
    elsewhere = issuer.post(
        "/token",
        {"grant_type": "client_credentials"},
        headers=basic("client-1", secret),
        source_ip="198.51.100.9",
    )
    assert elsewhere.status == 200


def test_success_is_not_counted(issuer: Issuer, secret: str) -> None:
    for _ in range(30):
        issuer.token("client-1", secret)

    assert issuer.items() == []


def test_after_five_minutes_it_is_heard_again(issuer: Issuer, secret: str) -> None:
    for _ in range(21):
        issuer.token("client-1", "wrong")
    issuer.clock.now += 301

    assert issuer.token("client-1", secret).status == 200


def test_after_the_stated_wait_it_is_heard_again(issuer: Issuer, secret: str) -> None:
    issuer.clock.now = 1_800_000_120.0
    for _ in range(20):
        issuer.token("client-1", "wrong")
    wait = int(issuer.token("client-1", secret).headers["Retry-After"])
    issuer.clock.now += wait - 1
    assert issuer.token("client-1", secret).status == 429
    issuer.clock.now += 2

    assert issuer.token("client-1", secret).status == 200


def test_the_limit_holds_at_the_turn_of_a_window(issuer: Issuer, secret: str) -> None:
    issuer.clock.now = 1_800_000_299.0
    for _ in range(20):
        issuer.token("client-1", "wrong")
    issuer.clock.now += 2

    statuses = [issuer.token("client-1", "wrong").status for _ in range(5)]

    assert statuses.count(429) >= 4


def test_the_limit_is_a_setting() -> None:
    with built_issuer(limit=3) as issuer:
        assert [issuer.token("nobody", "x").status for _ in range(4)] == [401, 401, 401, 429]


def test_introspection_and_revocation_count_too(issuer: Issuer, secret: str) -> None:
    for path in ("/introspect", "/revoke"):
        for _ in range(10):
            issuer.post(path, {"token": "x"}, headers=basic("client-1", "wrong"))

    assert issuer.token("client-1", secret).status == 429


def test_counters_hold_neither_id_nor_address_and_end_by_themselves(issuer: Issuer, secret: str) -> None:
    issuer.token("client-1", "wrong")

    (item,) = issuer.items()
    assert "client-1" not in json.dumps(item)
    assert "203.0.113" not in json.dumps(item)
    assert issuer.clock.now < int(item["expires_at"]["N"]) <= issuer.clock.now + 900


def test_guesses_in_parallel_are_cut_off_too() -> None:
    """All of them read the counter before one is counted; the number after counting decides."""

    class Slow:
        def __init__(self) -> None:
            self.count = 0

        def find(self, client_id: str, failures: Counters) -> FoundClient:
            return FoundClient(None, 0, 0)

        def record_failure(self, failures: Counters) -> int:
            self.count += 1
            return self.count

        def use_assertion(self, client_id: str, jti: str, expires_at: int) -> bool:
            raise AssertionError

    store = Slow()
    authentication = ClientAuthentication(store, store, NoKeySets(), limit=20)
    statuses = []
    for _ in range(50):
        with pytest.raises(OAuthError) as refused:
            authentication.authenticate(
                ClientCredentials(AuthMethod.BASIC, "nobody", "x"),
                source_ip="203.0.113.7",
                base_url=BaseUrl(BASE),
                now=1000.0,
            )
        statuses.append(refused.value.status)

    assert statuses == [401] * 20 + [429] * 30


@pytest.mark.parametrize(
    ("client_id", "is_asked"),
    [("c" * 128, True), ("c" * 129, False), ("!~", True), ("a b", False), ("é", False), ("a\n", False), ("", False)],
)
def test_what_can_be_no_clients_id_is_not_looked_up(client_id: str, is_asked: bool) -> None:
    asked: list[str] = []

    class Nobody(OneClient):
        def find(self, client_id: str, failures: Counters) -> FoundClient:
            asked.append(client_id)
            return super().find(client_id, failures)

    store = Nobody({})
    with pytest.raises(OAuthError):
        ClientAuthentication(store, store, NoKeySets(), limit=20).authenticate(
            ClientCredentials(AuthMethod.BASIC, client_id, "x"), source_ip="ip", base_url=BaseUrl(BASE), now=1000.0
        )

    # The number of look-ups is equal in either case; the id looked up instead is one that no client can have.
    assert asked == [client_id if is_asked else " "]


@pytest.mark.parametrize(
    ("current", "previous", "elapsed", "wait"),
    [
        (0, 0, 10, 0),
        (19, 0, 10, 0),
        (20, 0, 10, 290),
        (25, 40, 299, 1),
        (0, 20, 0, 1),
        (0, 20, 1, 0),
        (10, 20, 100, 50),
        (10, 20, 150, 1),
        (10, 20, 151, 0),
        (0, 100, 0, 240),
    ],
)
def test_retry_after(current: int, previous: int, elapsed: int, wait: int) -> None:
    assert retry_after(current, previous, limit=20, now=300 * 1000 + elapsed) == wait


def test_windows_follow_each_other() -> None:
    assert counters("a", "ip", 299.9).current == counters("a", "ip", 300.0).previous
    assert counters("a", "ip", 0.0).current != counters("a", "ip", 300.0).current
    assert counters("a", "ip", 0.0).current != counters("b", "ip", 0.0).current
    assert counters("a", "ip1", 0.0).current != counters("a", "ip2", 0.0).current


# --- time


class OneClient:
    """A store that holds one client and takes no time."""

    def __init__(self, records: Mapping[str, ClientRecord]) -> None:
        self._records = records

    def find(self, client_id: str, failures: Counters) -> FoundClient:
        return FoundClient(self._records.get(client_id), 0, 0)

    def record_failure(self, failures: Counters) -> int:
        return 1

    def use_assertion(self, client_id: str, jti: str, expires_at: int) -> bool:
        raise AssertionError


def test_unknown_wrong_and_disabled_take_comparable_time() -> None:
    """Medians of 200 interleaved calls are within 10% of each other, in the best of five rounds."""

    def record(client_id: str, *, enabled: bool) -> ClientRecord:
        return ClientRecord(
            client_id=client_id,
            name="x",
            enabled=enabled,
            auth_methods=frozenset({AuthMethod.BASIC}),
            grant_types=frozenset({"client_credentials"}),
            scopes=("profile",),
            salt="0" * 32,
            secrets=(SecretDigest(digest_secret("0" * 32, "s" * 86)),),
        )

    store = OneClient({"known-1": record("known-1", enabled=True), "disable": record("disable", enabled=False)})
    authentication = ClientAuthentication(store, store, NoKeySets(), limit=10_000)
    attempts = {
        "unknown": ClientCredentials(AuthMethod.BASIC, "unknown", "x" * 86),
        "wrong": ClientCredentials(AuthMethod.BASIC, "known-1", "x" * 86),
        "disabled": ClientCredentials(AuthMethod.BASIC, "disable", "s" * 86),
    }

    def spread() -> float:
        times: dict[str, list[int]] = {name: [] for name in attempts}
        for _ in range(200):
            for name, credentials in attempts.items():
                begun = time.thread_time_ns()
                with pytest.raises(OAuthError):
                    authentication.authenticate(credentials, source_ip="ip", base_url=BaseUrl(BASE), now=1000.0)
                times[name].append(time.thread_time_ns() - begun)
        medians = [statistics.median(several) for several in times.values()]
        return max(medians) / min(medians)

    spread()
    assert min(spread() for _ in range(5)) < 1.10


def test_fifty_clients_at_once_each_get_their_own_token(issuer: Issuer) -> None:
    """Nothing that a container stores for one caller reaches another."""
    secrets_ = {f"client-{number}": issuer.register(f"client-{number}") for number in range(50)}

    def ask(client_id: str) -> Any:
        return issuer.post(
            "/introspect",
            {"token": issuer.token(client_id, secrets_[client_id]).json["access_token"]},
            headers=basic(client_id, secrets_[client_id]),
        ).json

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(secrets_, pool.map(ask, secrets_), strict=True))

    assert {client_id: answer["client_id"] for client_id, answer in answers.items()} == {
        client_id: client_id for client_id in secrets_
    }
