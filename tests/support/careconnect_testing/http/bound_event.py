"""The events of requests with a token that is bound to a key."""

import secrets
import time
from copy import deepcopy
from typing import Any

from careconnect_testing.http.events import Event
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key

TOKEN = "e30.e30.c2ln"
"""A token as far as a function looks at it: the authorizer has verified it."""


def bound_event(
    event: Event, base_url: str, *, key: ProofKey | None = None, dpop_nonce: bool = False, **claims: Any
) -> Event:
    """Return the event of a request as it is with a bound token and a new proof, whose claims may be changed."""
    signer, bound = key or proof_key(), deepcopy(dict(event))
    bound["requestContext"]["authorizer"] |= {"jkt": signer.jkt} | ({"dpop_nonce": "true"} if dpop_nonce else {})
    claims = {"jti": secrets.token_hex(8), **claims}
    proof = dpop_proof(event["httpMethod"], base_url + event["path"], time.time(), key=signer, token=TOKEN, **claims)
    bound["multiValueHeaders"] |= {"Authorization": [f"DPoP {TOKEN}"], "DPoP": [proof]}
    return bound
