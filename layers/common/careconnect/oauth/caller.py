"""Who asks, and what they may do and see: a function's own check, made again for each resource that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.scopes import Grants, Interaction, grants_of, needed_scope


@dataclass(frozen=True, slots=True)
class Caller:
    """A client whose token the authorizer accepted; `patient` is the one id it is bound to, or empty."""

    client_id: str
    scope: str
    grants: Grants
    patient: str = ""

    def may(self, resource_type: ResourceType, interaction: Interaction) -> bool:
        """Say whether the token grants `interaction` on a type."""
        return self.grants.permits(resource_type.name, interaction)

    def may_find(self, resource_type: ResourceType) -> bool:
        """Say whether the token opens resources of a type that it does not name: it must read and search them."""
        return self.may(resource_type, Interaction.READ) and self.may(resource_type, Interaction.SEARCH)

    def require(self, resource_type: ResourceType, *interactions: Interaction) -> None:
        """Raise the 403 outcome, which names the first scope that is missing, unless the token grants all of them."""
        for interaction in interactions:
            if not self.may(resource_type, interaction):
                bound = bool(self.patient)
                raise outcomes.insufficient_scope(needed_scope(self.scope, resource_type, interaction, bound=bound))

    def sees(self, resource_type: ResourceType, resource_id: str, patients: tuple[str, ...]) -> bool:
        """Say whether a resource of the compartments of `patients` is within this caller's compartment.

        A bound client sees its own patient and that patient's records; what belongs to no patient at all
        (the directory, the catalogue of medications) is not limited by it (ADR 13).
        """
        if not self.patient:
            return True
        if resource_type.is_patient:
            return resource_id == self.patient
        return resource_type.patient_parameter is None or self.patient in patients


def caller_of(authorizer: Mapping[str, Any], now: float) -> Caller:
    """Build the caller from the authorizer's context; `now` in epoch seconds.

    Raises the 401 outcomes: without a context that grants something positively, and for a token that has
    expired since the gateway cached its policy (`access.md`, Rule 4).
    """
    client_id, scope, expires_at = (str(authorizer.get(name, "")) for name in ("client_id", "scope", "expires_at"))
    if not client_id or not scope or not expires_at.isdecimal():
        raise outcomes.login_required()
    if int(expires_at) <= now:
        raise outcomes.expired_token(reason="expired since the policy was cached")
    patient = str(authorizer.get("patient", ""))
    return Caller(client_id, scope, grants_of(scope, bound=bool(patient)), patient)
