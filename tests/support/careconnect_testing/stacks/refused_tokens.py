"""Access tokens that a deployed stack must reject, each created for that stack."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from careconnect.oauth.access_token import revocation_key
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.access_tokens import encoded, header, segment, signed, signing_key
from careconnect_testing.stacks.deployed_tokens import (
    claims_in,
    current_kid,
    deployed_claims,
    deployed_header,
    signed_by_the_issuer,
)

Make = Callable[[LocalStack, httpx.Client], str]


def _forged(stack: LocalStack, http: httpx.Client) -> str:
    return signed(header(kid=current_kid(http)), deployed_claims(stack), signing_key("theirs"))


def _unsigned(stack: LocalStack, http: httpx.Client) -> str:
    return f"{segment(deployed_header(http, alg='none'))}.{segment(deployed_claims(stack))}.{encoded(b'none')}"


def _changed(stack: LocalStack, http: httpx.Client) -> str:
    good = signed_by_the_issuer(stack, deployed_header(http), deployed_claims(stack, scope="profile"))
    head, _, signature = good.split(".")
    return f"{head}.{segment(deployed_claims(stack))}.{signature}"


def _signed(**changes: Any) -> Make:
    return lambda stack, http: signed_by_the_issuer(stack, deployed_header(http), deployed_claims(stack, **changes))


def _headed(**changes: Any) -> Make:
    return lambda stack, http: signed_by_the_issuer(stack, deployed_header(http, **changes), deployed_claims(stack))


def _revoked(stack: LocalStack, http: httpx.Client) -> str:
    token = signed_by_the_issuer(stack, deployed_header(http), deployed_claims(stack))
    stack.client("dynamodb").put_item(
        TableName=stack.stack.outputs["TokenTable"], Item={"pk": {"S": revocation_key(claims_in(token)["jti"])}}
    )
    return token


REFUSED: Final[Mapping[str, Make]] = {
    "S1 forged signature": _forged,
    "S1 alg none": _unsigned,
    "S1 changed after signing": _changed,
    "S2 another issuer": _signed(iss="https://other.example"),
    "S2 another audience": _signed(aud="https://other.example/careconnect-ri/STU3"),
    "S2 the client as audience": _signed(aud="explorer"),
    "another type": _headed(typ="JWT"),
    "unknown key": _headed(kid="unknown"),
    "no scope": _signed(scope=None),
    "another binding than to a key": _signed(cnf={"x5t#S256": "a"}),
    "S8 expired": _signed(exp=1_700_000_000),
    "S8 older than 90 minutes": _signed(iat=1_700_000_000),
    "S9 revoked": _revoked,
    "S10 no JWT": lambda *_: "nonsense",
    "S10 three segments of nothing": lambda *_: "a.b.c",
}
"""Functions that create a token, by its fault."""
