"""Find the key that a token is to be bound to (RFC 9449 §5; `bound-tokens.md`, At /token)."""

from dataclasses import dataclass
from typing import Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.proof import TOKEN_TYPE, ProofFault, ProofRefusedError, verify_proof
from careconnect.oauth.dpop.used_proofs import UsedProofs


def token_type(*, is_bound: bool) -> str:
    """Return the type of a token in answers: how it has to be presented (RFC 9449 §5, RFC 6750 §4)."""
    return TOKEN_TYPE if is_bound else "Bearer"


class ProofStore(UsedProofs, Protocol):
    """The used proofs and the nonces' key; both raise the error `unavailable`."""


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """Judges the DPoP proofs that come with requests for a token."""

    proofs: ProofStore

    def nonce(self, now: float) -> str:
        """Return a new nonce; raises the error `unavailable`."""
        return Nonces(self.proofs.nonce_key).give(now)

    def thumbprint(self, client: ClientRecord, proof: str | None, *, method: str, base_url: BaseUrl, now: float) -> str:
        """Return the thumbprint of the key that signed a proof, and use the proof up.

        It is empty if there is no proof and the client needs none. Raises `ProofRefusedError` and the error
        `unavailable`.
        """
        if proof is None and not client.needs_proof:
            return ""
        verified = verify_proof(
            proof,
            method=method,
            url=base_url.token_endpoint,
            nonces=Nonces(self.proofs.nonce_key),
            now=now,
            needs_nonce=client.dpop_nonce,
        )
        if not self.proofs.use(verified):
            raise ProofRefusedError(ProofFault.USED, verified.jkt)
        return verified.jkt
