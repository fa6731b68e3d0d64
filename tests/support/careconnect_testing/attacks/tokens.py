"""Forged, altered and misplaced access tokens."""

import hmac
import json
import time
from typing import Any, Final

import jwt

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.token_request import decoded
from careconnect_testing.attacks.target import Attack, Role, Target, require_status
from careconnect_testing.parts.access_tokens import encoded, segment, signing_key

_UNAUTHORIZED: Final = (401, 403)
_METHOD: Final = "GET"
_PATH: Final = "Patient?_count=1"


def _parts(target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    token = decoded(target.token(Role.READER))
    return token["header"], token["claims"]


def _altered(target: Target) -> None:
    head, claims = _parts(target)
    signature = target.token(Role.READER).rpartition(".")[2]
    token = f"{segment(head)}.{segment({**claims, 'scope': 'system/*.cruds', 'exp': claims['exp'] + 60})}.{signature}"
    require_status(target.send(_METHOD, _PATH, token), _UNAUTHORIZED)


def _unsigned(target: Target) -> None:
    head, claims = _parts(target)
    for algorithm in ("none", "None", "nOnE"):
        token = f"{segment({**head, 'alg': algorithm})}.{segment(claims)}."
        require_status(target.send(_METHOD, _PATH, token), _UNAUTHORIZED)


def _signed_with_the_public_key(target: Target) -> None:
    head, claims = _parts(target)
    keys = target.http.get(f"{target.root}/.well-known/jwks.json").json()["keys"]
    content = f"{segment({**head, 'alg': 'HS256'})}.{segment(claims)}"
    for secret in (json.dumps(keys[0]), keys[0]["n"], ""):
        signature = hmac.digest(secret.encode(), content.encode(), "sha256")
        token = f"{content}.{encoded(signature)}"
        require_status(target.send(_METHOD, _PATH, token), _UNAUTHORIZED)


def _signed_with_a_key_of_ours(target: Target) -> None:
    head, claims = _parts(target)
    key = signing_key("the attacker's")
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    for extra in ({}, {"jwk": own}, {"jku": "https://attacker.example/keys"}, {"kid": "../../etc/passwd"}):
        token = jwt.encode(
            {**claims, "iat": int(time.time())}, key, algorithm="RS256", headers={**head, **extra, "alg": "RS256"}
        )
        require_status(target.send(_METHOD, _PATH, token), _UNAUTHORIZED)


def _in_the_query(target: Target) -> None:
    token = target.token(Role.READER)
    require_status(target.send(_METHOD, f"{_PATH}&access_token={token}"), _UNAUTHORIZED)
    require_status(target.send(_METHOD, f"{_PATH}&access_token={token}", token), (400,))


def _as_another_scheme(target: Target) -> None:
    token = target.token(Role.READER)
    for value in (token, f"Basic {token}", f"Bearer  {token} {token}", f"Bearer {token},Bearer {token}", "Bearer"):
        answer = target.http.get(f"{target.root}{FHIR_PATH}/{_PATH}", headers={"Authorization": value})
        require_status(answer, (400, *_UNAUTHORIZED))


ATTACKS: Final = (
    Attack("a token with altered claims", _altered),
    Attack("an unsigned token", _unsigned),
    Attack("a token signed with the public key as a secret", _signed_with_the_public_key),
    Attack("a token signed with the attacker's key", _signed_with_a_key_of_ours),
    Attack("a token in the query", _in_the_query),
    Attack("a token in another scheme, or two of them", _as_another_scheme),
)
