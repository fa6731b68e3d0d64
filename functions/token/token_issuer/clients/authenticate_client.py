"""Authenticate OAuth clients (`oauth.md`, Client authentication)."""

import hmac
import re
from dataclasses import dataclass
from typing import Final, Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import MAX_ID_LENGTH, MAX_SECRETS, AuthMethod, ClientRecord, digest_secret
from token_issuer import errors
from token_issuer.clients.client_credentials import ClientCredentials
from token_issuer.clients.throttle import Counters, counters, retry_after
from token_issuer.clients.verify_assertion import KeySets, verify_assertion
from token_issuer.errors import ClientRefusedError

_CLIENT_ID: Final = re.compile(rf"[\x21-\x7E]{{1,{MAX_ID_LENGTH}}}")
_NOBODY: Final = " "
"""An id that no client can have. It is looked up in place of an invalid id, so that both take the same time."""

_DUMMY_SALT: Final = "0" * 32
_DUMMY_DIGEST: Final = "0" * 64
_NOT_PROVEN: Final = {
    AuthMethod.BASIC: errors.CLIENT_NOT_PROVEN,
    AuthMethod.POST: errors.CLIENT_NOT_PROVEN,
    AuthMethod.PRIVATE_KEY_JWT: errors.ASSERTION_NOT_PROVEN,
}


@dataclass(frozen=True, slots=True)
class FoundClient:
    """The result of one read: the client, if it is registered, and its failures in the current and previous window."""

    record: ClientRecord | None
    failures: int
    failures_before: int


class ClientStore(Protocol):
    """The registered clients and their counts of failed authentications."""

    def find(self, client_id: str, failures: Counters) -> FoundClient:
        """Read the client and its failure counts in one call; raises the error `unavailable`."""


class AttemptStore(Protocol):
    """The store of failed authentications and used assertions."""

    def record_failure(self, failures: Counters) -> int:
        """Count one failure and return the window's new count; raises the error `unavailable`."""

    def use_assertion(self, client_id: str, jti: str, expires_at: int) -> bool:
        """Use an assertion's id, and return True if it was unused; raises the error `unavailable`."""


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """Client authentication; `limit` is the most failures per client id and address in five minutes."""

    clients: ClientStore
    attempts: AttemptStore
    key_sets: KeySets
    limit: int

    def authenticate(
        self,
        credentials: ClientCredentials,
        *,
        source_ip: str,
        base_url: BaseUrl,
        now: float,
        admits_disabled: bool = False,
    ) -> ClientRecord:
        """Return the authenticated client; a disabled one only if `admits_disabled`.

        An unknown client, a wrong secret or key, a disabled client and a method that the client is not registered for
        take the same steps and end in the same error of their method. Raises the errors `invalid_client`,
        `too_many_failures` and `unavailable`.
        """
        client_id = credentials.client_id
        failures = counters(client_id, source_ip, now)
        found = self.clients.find(client_id if _CLIENT_ID.fullmatch(client_id) else _NOBODY, failures)
        # An unknown id may be a secret in the wrong field: the log names only registered clients.
        claimed = found.record.client_id if found.record is not None else ""
        wait = retry_after(found.failures, found.failures_before, limit=self.limit, now=now)
        if wait:
            raise errors.too_many_failures(wait, claimed=claimed)
        try:
            return self._prove(credentials, found.record, base_url, now, admits_disabled=admits_disabled)
        except ClientRefusedError as refused:
            count = self.attempts.record_failure(failures)
            if count > self.limit:
                # Concurrent guesses may all read the counter before the first failure is counted.
                wait = retry_after(count, 0, limit=self.limit, now=now)
                raise errors.too_many_failures(wait, claimed=claimed) from None
            told = refused.told or _NOT_PROVEN[credentials.method]
            raise errors.invalid_client(refused.reason, told, claimed=claimed) from None

    def _prove(
        self,
        credentials: ClientCredentials,
        record: ClientRecord | None,
        base_url: BaseUrl,
        now: float,
        *,
        admits_disabled: bool,
    ) -> ClientRecord:
        is_secret_right = _is_secret_right(record, credentials.proof, now)
        if record is None:
            raise ClientRefusedError("unknown client")
        if not record.enabled and not admits_disabled:
            raise ClientRefusedError("disabled client")
        if credentials.method not in record.auth_methods:
            raise ClientRefusedError("method not registered")
        if credentials.method is AuthMethod.PRIVATE_KEY_JWT:
            self._prove_by_assertion(credentials, record, base_url, now)
        elif not is_secret_right:
            raise ClientRefusedError("wrong secret")
        return record

    def _prove_by_assertion(
        self, credentials: ClientCredentials, record: ClientRecord, base_url: BaseUrl, now: float
    ) -> None:
        assertion = verify_assertion(credentials.proof, record, base_url=base_url, key_sets=self.key_sets, now=now)
        if not self.attempts.use_assertion(record.client_id, assertion.jti, assertion.expires_at):
            raise ClientRefusedError(
                "assertion: used before", "The client assertion was used before: make a new one for each request."
            )


def _is_secret_right(record: ClientRecord | None, secret: str, now: float) -> bool:
    """Return True if a secret is one of the client's; absent digests are replaced by dummies, for equal timing."""
    salt = record.salt if record is not None else ""
    digest = digest_secret(salt or _DUMMY_SALT, secret)
    held = list(record.secrets[:MAX_SECRETS]) if record is not None else []
    is_right = False
    for place in range(MAX_SECRETS):
        expected = held[place].digest if place < len(held) else _DUMMY_DIGEST
        is_equal = hmac.compare_digest(digest, expected)
        counts = place < len(held) and (held[place].ends_at == 0 or now < held[place].ends_at)
        is_right |= is_equal and counts
    return is_right
