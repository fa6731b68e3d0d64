"""The endpoints' HTTP: one request in, the answer of one use case out, errors as RFC 6749 §5.2 has them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from careconnect.base_url import BaseUrl, base_url
from careconnect.client_record import ClientRecord
from careconnect.http import BodyError, Cors, Request, Response, gateway_response, parse_request
from careconnect.signing_keys import SigningKeyError
from careconnect.token_verification import TrustedKeys
from token_issuer import errors
from token_issuer.authenticate_client import ClientAuthentication
from token_issuer.client_credentials import read_credentials
from token_issuer.errors import BackingServiceError, OAuthError
from token_issuer.grant_token import TokenSigner, check_client_id, grant_token
from token_issuer.introspect_token import RevokedTokens, introspect_token
from token_issuer.request_parameters import read_parameters
from token_issuer.revoke_token import RevocationStore, revoke_token

_HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
_METRICS: Final = {401: "ClientRefused", 429: "ClientThrottled", 503: "IssuerUnavailable"}


class TokenStore(RevokedTokens, RevocationStore, Protocol):
    """Knows which tokens were revoked, and is told of more."""


class Observer(Protocol):
    """Where the function says what it did."""

    def request(
        self, action: str, status: int, *, request_id: str, client_id: str, reason: str, milliseconds: int
    ) -> None:
        """Log one answered request."""

    def failure(self, action: str, error: BaseException, *, request_id: str) -> None:
        """Log an unexpected error."""

    def count(self, name: str) -> None:
        """Add one to a metric."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the deployed function is made of; `lifetime` is that of its tokens in seconds."""

    authentication: ClientAuthentication
    signer: TokenSigner
    keys: TrustedKeys
    tokens: TokenStore
    lifetime: int
    configured_base_url: str
    region: str
    cors: Cors
    observer: Observer
    now: Callable[[], float]


@dataclass(slots=True)
class _Call:
    """One call and what is known of it so far; the log tells `client_id` only of a proven client."""

    request: Request
    base_url: BaseUrl
    now: float
    client_id: str = ""


def build_app(deployment: Deployment) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Build the function from a REST proxy event to the gateway's answer; it raises nothing."""

    def app(event: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return _answer(event, deployment)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a fixed 500
            deployment.observer.failure("unreadable event", error, request_id="")
            return gateway_response(_error(errors.internal()), parse_request({}), deployment.cors)

    return app


def _answer(event: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    started = deployment.now()
    request, malformed = _parse(event)
    call = _Call(request, _base_url(request, deployment), started)
    name = request.path.rpartition("/")[2]
    action, endpoint = (name, _ENDPOINTS[name]) if name in _ENDPOINTS else ("unknown", _unknown)
    reason = ""
    try:
        if request.method == "OPTIONS":
            response = deployment.cors.preflight()
        else:
            _check_method(request, malformed=malformed)
            response = _success(endpoint(call, deployment))
    except OAuthError as error:
        response, reason = _error(error), error.reason
    except SigningKeyError as error:
        response, reason = _error(errors.unavailable(str(error))), str(error)
        deployment.observer.count("SigningFailed")
    except BackingServiceError as error:
        response, reason = _error(errors.unavailable(str(error))), str(error)
    except Exception as error:  # noqa: BLE001 - as above, here with the request's id
        deployment.observer.failure(action, error, request_id=request.request_id)
        response = _error(errors.internal())
    if response.status in _METRICS:
        deployment.observer.count(_METRICS[response.status])
    deployment.observer.request(
        action,
        response.status,
        request_id=request.request_id,
        client_id=call.client_id,
        reason=reason,
        milliseconds=round((deployment.now() - started) * 1000),
    )
    return gateway_response(response, request, deployment.cors)


def _parse(event: Mapping[str, Any]) -> tuple[Request, bool]:
    try:
        return parse_request(event), False
    except BodyError:
        return parse_request({**event, "body": "", "isBase64Encoded": False}), True


def _base_url(request: Request, deployment: Deployment) -> BaseUrl:
    return base_url(
        deployment.configured_base_url,
        api_id=request.api_id,
        stage=request.stage,
        region=deployment.region,
    )


def _check_method(request: Request, *, malformed: bool) -> None:
    if request.method != "POST":
        raise errors.method_not_allowed()
    if malformed:
        raise errors.invalid_request("The body is not valid base64.", reason="body")


def _token(call: _Call, deployment: Deployment) -> Mapping[str, Any]:
    """Issue a token: read the parameters, authenticate the client, judge the grant, sign."""
    parameters = read_parameters(call.request)
    client = _authenticated(call, parameters, deployment)
    granted = grant_token(
        client,
        parameters,
        base_url=call.base_url,
        signer=deployment.signer,
        lifetime=deployment.lifetime,
        now=call.now,
    )
    deployment.observer.count("TokenIssued")
    return {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
        "scope": granted.scope,
    }


def _introspect(call: _Call, deployment: Deployment) -> Mapping[str, Any]:
    parameters = read_parameters(call.request)
    client = _authenticated(call, parameters, deployment)
    check_client_id(client, parameters)
    return introspect_token(
        client,
        _token_of(parameters),
        base_url=call.base_url,
        keys=deployment.keys,
        revoked=deployment.tokens,
        now=call.now,
    )


def _revoke(call: _Call, deployment: Deployment) -> Mapping[str, Any]:
    parameters = read_parameters(call.request)
    client = _authenticated(call, parameters, deployment)
    check_client_id(client, parameters)
    revoke_token(
        client,
        _token_of(parameters),
        base_url=call.base_url,
        keys=deployment.keys,
        revocations=deployment.tokens,
        now=call.now,
    )
    return {}


def _unknown(_call: _Call, _deployment: Deployment) -> Mapping[str, Any]:
    raise errors.unknown_endpoint()


_ENDPOINTS: Final[Mapping[str, Callable[[_Call, Deployment], Mapping[str, Any]]]] = {
    "token": _token,
    "introspect": _introspect,
    "revoke": _revoke,
}


def _authenticated(call: _Call, parameters: Mapping[str, str], deployment: Deployment) -> ClientRecord:
    credentials = read_credentials(call.request.headers.get("authorization", ""), parameters)
    client = deployment.authentication.authenticate(
        credentials, source_ip=call.request.source_ip, base_url=call.base_url, now=call.now
    )
    call.client_id = client.client_id
    return client


def _token_of(parameters: Mapping[str, str]) -> str:
    if "token" not in parameters:
        raise errors.invalid_request("The token is missing.", reason="no token")
    return parameters["token"]


def _success(body: Mapping[str, Any]) -> Response:
    return Response(200, json.dumps(body), _HEADERS)


def _error(error: OAuthError) -> Response:
    body = json.dumps({"error": error.error, "error_description": error.description})
    return Response(error.status, body, {**_HEADERS, **error.headers})
