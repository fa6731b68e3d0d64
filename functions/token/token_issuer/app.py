"""The three endpoints: route a request to one use case and render its result; errors follow RFC 6749 §5.2."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from careconnect.audit.disclosures import NOBODY
from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.endpoint.pipeline import Endpoint, Errors, RequestContext
from careconnect.http.errors import ApiError
from careconnect.http.messages import Request, Response
from careconnect.oauth.client_record import FAPI2, ClientRecord
from careconnect.oauth.dpop.proof import HEADER, NONCE_HEADER, ProofFault, ProofRefusedError
from careconnect.oauth.signing_keys import SigningKeyError
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token
from token_issuer import errors
from token_issuer.clients.authenticate_client import ClientAuthentication
from token_issuer.clients.client_credentials import read_credentials
from token_issuer.request_parameters import check_client_id, read_parameters
from token_issuer.tokens.bind_token import KeyBinding
from token_issuer.tokens.grant_token import check_grant_type, grant_token
from token_issuer.tokens.introspect_token import INACTIVE, RevokedTokens, introspect_token, may_introspect
from token_issuer.tokens.revoke_token import RevocationStore, may_revoke

_HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}

Parameters = Mapping[str, str]


def _rendered(error: ApiError, _request: Request) -> Response:
    return Response(error.status, json.dumps(errors.answer(error)), {**_HEADERS, **error.headers})


_ERRORS: Final = Errors(_rendered, errors.internal, errors.bypassed_edge, errors.unavailable, errors.unavailable)


class TokenSigner(Protocol):
    """A signer of access tokens."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization, signed by RS256; raises `SigningKeyError`."""

    def sign_by_pss(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization, signed by PS256 with the same key; raises `SigningKeyError`."""


class TokenStore(RevokedTokens, RevocationStore, Protocol):
    """The store of revoked tokens: look them up and add to them."""


@dataclass(frozen=True, slots=True)
class OAuthEndpoint(Endpoint):
    """The endpoints of the deployed function; `lifetime` is the lifetime of its tokens in seconds."""

    authentication: ClientAuthentication
    signer: TokenSigner
    keys: TrustedKeys
    tokens: TokenStore
    lifetime: int
    binding: KeyBinding
    errors = _ERRORS

    def answer(self, context: RequestContext) -> Response:
        """Return the response of the endpoint in the path; raises `OAuthError`."""
        name = context.request.path.rpartition("/")[2]
        endpoint = _ENDPOINTS.get(name)
        if endpoint is not None:
            context.action = name
            context.recorder.facts = Facts(name, Action.EXECUTE)
        if context.request.method != "POST":
            raise errors.method_not_allowed()
        if endpoint is None:
            raise errors.unknown_endpoint()
        parameters = read_parameters(context.request)
        client = self.authentication.authenticate(
            read_credentials(context.request.headers.get("authorization", ""), parameters),
            source_ip=context.request.source_ip,
            base_url=context.base_url,
            now=context.now,
            # A disabled client may still revoke its own tokens.
            admits_disabled=endpoint is _revoke,
        )
        context.client_id = client.client_id
        context.recorder.identify(client_id=client.client_id, client_name=client.name)
        if endpoint is _token and client.dpop_nonce:
            context.headers[NONCE_HEADER] = self.binding.nonce(context.now)
        check_client_id(client.client_id, parameters)
        try:
            body = endpoint(self, context, client, parameters)
        except SigningKeyError as error:
            raise errors.unavailable(str(error), "SigningFailed") from error
        return Response(200, json.dumps(body), _HEADERS)


def _token(
    deployed: OAuthEndpoint, context: RequestContext, client: ClientRecord, parameters: Parameters
) -> Mapping[str, Any]:
    check_grant_type(client, parameters)
    jkt = _thumbprint(deployed, context, client)
    base, now = context.base_url, context.now
    granted = grant_token(client, parameters, base_url=base, lifetime=deployed.lifetime, now=now, jkt=jkt)
    claims = granted.claims
    # The event names the token before it is signed, so that it is stored meanwhile.
    context.recorder.identify(subject=claims["sub"], jti=claims["jti"], jkt=jkt)
    context.recorder.while_reading().disclose([NOBODY])
    sign = deployed.signer.sign_by_pss if client.security_profile == FAPI2 else deployed.signer.sign
    access_token = sign(claims)
    context.metrics.append("TokenIssued")
    return granted.answer(access_token)


def _thumbprint(deployed: OAuthEndpoint, context: RequestContext, client: ClientRecord) -> str:
    """Return the thumbprint of the key that a token is to be bound to, empty for none; its proof is used up then."""
    request, now = context.request, context.now
    try:
        return deployed.binding.thumbprint(
            client, request.headers.get(HEADER), method=request.method, base_url=context.base_url, now=now
        )
    except ProofRefusedError as refused:
        context.recorder.identify(jkt=refused.jkt)
        nonce = deployed.binding.nonce(now) if refused.fault is ProofFault.NONCE else ""
        raise errors.proof_refused(refused.fault, nonce) from None


def _introspect(
    deployed: OAuthEndpoint, context: RequestContext, client: ClientRecord, parameters: Parameters
) -> Mapping[str, Any]:
    token, found = _token_in(parameters, deployed, context), context.recorder.while_reading()
    if token is None or not may_introspect(client, token):
        found.hide([NOBODY], "inactive")
        return INACTIVE
    found.disclose([NOBODY])
    return introspect_token(token, base_url=context.base_url, revoked=deployed.tokens)


def _revoke(
    deployed: OAuthEndpoint, context: RequestContext, client: ClientRecord, parameters: Parameters
) -> Mapping[str, Any]:
    token, found = _token_in(parameters, deployed, context), context.recorder.while_reading()
    if token is None or not may_revoke(client, token):
        found.hide([NOBODY], "not revoked")
        return {}
    found.disclose([NOBODY])
    deployed.tokens.revoke(token.jti, token.expires_at)
    return {}


_ENDPOINTS: Final[
    Mapping[str, Callable[[OAuthEndpoint, RequestContext, ClientRecord, Parameters], Mapping[str, Any]]]
] = {
    "token": _token,
    "introspect": _introspect,
    "revoke": _revoke,
}


def _token_in(parameters: Parameters, deployed: OAuthEndpoint, context: RequestContext) -> AccessToken | None:
    """Return the token that a request is about; None if it was not issued here, or has expired.

    The audit trail gets its id and client, but never the token.
    """
    if "token" not in parameters:
        raise errors.invalid_request("The token is missing.", reason="no token")
    try:
        token = verify_token(parameters["token"], base_url=context.base_url, keys=deployed.keys, now=context.now)
    except TokenRefusedError:
        return None
    context.recorder.identify(subject=token.client_id, jti=token.jti)
    return token
