"""The DPoP proof of a request with a bound token (RFC 9449 §7; `bound-tokens.md`).

The gateway's authorizer sees the header `Authorization` alone, and its answer is cached. So each function judges the
proof, before anything else of the request. A Bundle is one request: its entries have no proof.
"""

import importlib
from collections.abc import Mapping
from contextlib import suppress

from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.http.base_url import REALM
from careconnect.http.errors import Metric
from careconnect.http.messages import Request
from careconnect.oauth.access_token import AUTHORIZATION
from careconnect.oauth.caller import Caller
from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.proof import (
    CHALLENGE_ALGORITHMS,
    HEADER,
    NONCE_HEADER,
    TOKEN_TYPE,
    BoundToken,
    ProofFault,
    ProofRefusedError,
    verify_proof,
)
from careconnect.oauth.dpop.used_proofs import UsedProofs
from careconnect.runtime.aws import SERVICE_ERRORS, error_code


def load() -> None:
    """Load what the first proof would load, before a snapshot."""
    importlib.import_module("careconnect.oauth.dpop.public_key")


class DpopProofs:
    """Judges the proofs of requests by what was `used` before."""

    def __init__(self, used: UsedProofs) -> None:
        self._used = used
        self._nonces = Nonces(used.nonce_key)

    def headers(self, request: Request, now: float) -> Mapping[str, str]:
        """Return the headers of every answer to a request: a new nonce, if its token needs nonces.

        While there is no key for nonces the answer has none; its proof cannot be judged then.
        """
        if request.authorizer.get("dpop_nonce"):
            with suppress(*SERVICE_ERRORS):
                return {NONCE_HEADER: self._nonces.give(now)}
        return {}

    def require(self, context: RequestContext, caller: Caller) -> None:
        """Judge the proof of a request, and use it up; raises the outcomes 401, and 503 if its table is down."""
        try:
            refusal = self._refusal(context, caller)
        except SERVICE_ERRORS as error:
            raise outcomes.unavailable(error_code(error)) from error
        if refusal is not None:
            raise refusal

    def _refusal(self, context: RequestContext, caller: Caller) -> OutcomeError | None:
        request = context.request
        credentials = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        try:
            proof = verify_proof(
                request.headers.get(HEADER),
                method=request.method,
                url=context.base_url.root + request.path,
                nonces=self._nonces,
                now=context.now,
                needs_nonce=caller.dpop_nonce,
                token=BoundToken(credentials["token"] if credentials else "", caller.jkt),
            )
        except ProofRefusedError as refused:
            return self._outcome(refused.fault, refused.jkt, context)
        if self._used.use(proof):
            return None
        return self._outcome(ProofFault.USED, proof.jkt, context, "DpopReplayed")

    def _outcome(self, fault: ProofFault, jkt: str, context: RequestContext, *metrics: Metric) -> OutcomeError:
        context.recorder.identify(jkt=jkt)
        told = f'error="{fault.code}", error_description="{fault}"'
        nonce = {NONCE_HEADER: self._nonces.give(context.now)} if fault is ProofFault.NONCE else {}
        return OutcomeError(
            401,
            "login",
            fault.value,
            {"WWW-Authenticate": f'{TOKEN_TYPE} realm="{REALM}", {told}, {CHALLENGE_ALGORITHMS}', **nonce},
            reason=f"proof: {fault.name.replace('_', ' ').lower()}",
            metrics=metrics,
            why="proof",
        )
