"""The caller of a request and its permissions, which a function checks again for each resource of the request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.scopes import Grants, Letter, Scope, grants_of, needed_scope


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of an accepted token; `patient` is the one patient id that the token is bound to, or empty.

    A bound client may write identifiers of `identifier_systems` only (`write.md`, Who may write what). `jkt` is the
    thumbprint of the key that the token is bound to, or empty; with `dpop_nonce` each proof of that key needs a nonce.
    By `jti` and `issued_at`, in epoch seconds, the jobs that the token starts end with it (`oauth.revocation`).
    """

    client_id: str
    scope: str
    grants: Grants
    patient: str = ""
    identifier_systems: frozenset[str] = frozenset()
    jkt: str = ""
    dpop_nonce: bool = False
    jti: str = ""
    issued_at: int = 0

    def may(self, resource_type: ResourceType, letter: Letter) -> bool:
        """Return True if the token grants `letter` on a type."""
        return letter in self.grants.letters.get(resource_type.name, ())

    def may_find(self, resource_type: ResourceType) -> bool:
        """Return True if the caller may receive a type that it did not name: the token grants both read and search."""
        return self.may(resource_type, Letter.READ) and self.may(resource_type, Letter.SEARCH)

    def require(self, resource_type: ResourceType, *letters: Letter) -> None:
        """Raise the 403 outcome, which names the first missing scope, unless the token grants all letters."""
        for letter in letters:
            if not self.may(resource_type, letter):
                raise self.insufficient(resource_type, letter)

    def limits(self, resource_type: ResourceType, letter: Letter) -> tuple[Scope, ...]:
        """Return the scopes with a suffix that alone grant `letter` on a type; empty if the letter is not limited.

        A resource is then opened by the letter if the pairs of one of them hold of it (`access.md`, Granular scopes).
        """
        return self.grants.limits.get((resource_type.name, letter), ())

    def may_all(self, resource_type: ResourceType, letter: Letter) -> bool:
        """Return True if the token grants `letter` on every resource of a type."""
        return self.may(resource_type, letter) and not self.limits(resource_type, letter)

    def require_unlimited(self, resource_type: ResourceType, *letters: Letter) -> None:
        """Raise the 403 outcome, which names the first missing scope, unless all letters are granted without limits."""
        for letter in letters:
            if not self.may_all(resource_type, letter):
                raise self.insufficient(resource_type, letter)

    def insufficient(self, resource_type: ResourceType, letter: Letter) -> outcomes.OutcomeError:
        """Return the 403 outcome that names the scope for `letter` on a type, at the level of the token's scopes."""
        bound = bool(self.patient)
        return outcomes.insufficient_scope(needed_scope(self.scope, resource_type, letter, bound=bound))

    def sees(self, resource_type: ResourceType, resource_id: str, patients: tuple[str, ...]) -> bool:
        """Return True if a resource in the compartments of `patients` is within this caller's compartment.

        A bound client sees its own patient and that patient's resources. The binding does not limit resources
        of no patient at all: the directory and the catalogue of medications (ADR 13).
        """
        if not self.patient:
            return True
        if resource_type.is_patient:
            return resource_id == self.patient
        return resource_type.patient_parameter is None or self.patient in patients


def caller_of(authorizer: Mapping[str, Any], now: float) -> Caller:
    """Build the caller from the authorizer's context; `now` in epoch seconds.

    Raises the 401 outcomes for a context without a client, a scope or an expiry, and for a token that has
    expired since the gateway cached its policy (`access.md`, Rule 4).
    """
    client_id, scope, expires_at = (str(authorizer.get(name, "")) for name in ("client_id", "scope", "expires_at"))
    if not client_id or not scope or not expires_at.isdecimal():
        raise outcomes.login_required()
    if int(expires_at) <= now:
        raise outcomes.expired_token(reason="expired since the policy was cached")
    patient = str(authorizer.get("patient", ""))
    # A policy cached before a deployment may lack it: any cutoff then covers the token.
    issued_at = str(authorizer.get("issued_at", ""))
    systems = frozenset(str(authorizer.get("identifier_systems", "")).split())
    return Caller(
        client_id,
        scope,
        grants_of(scope, bound=bool(patient)),
        patient,
        systems,
        jkt=str(authorizer.get("jkt", "")),
        dpop_nonce=bool(authorizer.get("dpop_nonce")),
        jti=str(authorizer.get("jti", "")),
        issued_at=int(issued_at) if issued_at.isdecimal() else 0,
    )
