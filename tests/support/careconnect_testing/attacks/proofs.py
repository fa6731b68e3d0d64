"""Bound tokens without their key, and proofs that were used or made for something else."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.attacks.target import Attack, Breach, NotTried, Role, Target, require_status
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key

_PATH: Final = f"{FHIR_PATH}/Patient"
_THREADS: Final = 16


def _proof(target: Target, path: str, token: str = "", method: str = "GET", **claims: Any) -> str:
    claims = {"jti": secrets.token_hex(), **claims}
    return dpop_proof(method, target.root + path, time.time(), token=token, **claims)


def _bound_token(target: Target) -> str:
    if Role.READER not in target.secrets:
        raise NotTried(f"needs {Role.READER.value}=id:secret")
    form = {"grant_type": "client_credentials"}
    proof = {"DPoP": _proof(target, "/token", method="POST")}
    answer = target.http.post(f"{target.root}/token", data=form, auth=target.secrets[Role.READER], headers=proof)
    if answer.status_code != 200 or answer.json()["token_type"] != "DPoP":
        raise NotTried("READER gets no bound token")
    return str(answer.json()["access_token"])


def _send(target: Target, *headers: tuple[str, str]) -> httpx.Response:
    return target.http.get(f"{target.root}{_PATH}?_count=1", headers=list(headers))


def _without_the_key(target: Target) -> None:
    token = _bound_token(target)
    own: ProofKey = proof_key("the attacker's")
    authorization = ("Authorization", f"DPoP {token}")
    for scheme in ("Bearer", "bearer"):
        require_status(_send(target, ("Authorization", f"{scheme} {token}")), (401,))
        good = _proof(target, _PATH, token)
        require_status(_send(target, ("Authorization", f"{scheme} {token}"), ("DPoP", good)), (401,))
    require_status(_send(target, authorization), (401,))
    require_status(_send(target, authorization, ("DPoP", _proof(target, _PATH, token, key=own))), (401,))
    claimed = _proof(target, _PATH, token, key=own, header={"jwk": dict(proof_key().jwk)})
    require_status(_send(target, authorization, ("DPoP", claimed)), (401,))


def _of_another_request(target: Target) -> None:
    token, other = _bound_token(target), _bound_token(target)
    for proof in (
        _proof(target, _PATH, token, method="POST"),
        _proof(target, f"{FHIR_PATH}/Observation", token),
        _proof(target, _PATH, other),
        _proof(target, _PATH),
        _proof(target, _PATH, token, iat=int(time.time()) - 3600),
        _proof(target, _PATH, token, htu=f"https://attacker.example{_PATH}"),
    ):
        require_status(_send(target, ("Authorization", f"DPoP {token}"), ("DPoP", proof)), (401,))


def _used_before(target: Target) -> None:
    token = _bound_token(target)
    headers = ("Authorization", f"DPoP {token}"), ("DPoP", _proof(target, _PATH, token))
    with ThreadPoolExecutor(_THREADS) as threads:
        answers = list(threads.map(lambda _: _send(target, *headers), range(2 * _THREADS)))
    served = sum(each.status_code == 200 for each in answers)
    if served == 0:
        raise NotTried("READER may not search Patients")
    if served > 1:
        raise Breach(f"one proof served {served} requests")
    require_status(_send(target, *headers), (401,))


def _beside_another(target: Target) -> None:
    token = _bound_token(target)
    authorization = ("Authorization", f"DPoP {token}")
    for name in ("DPoP", "dpop", "DPOP"):
        for second in (_proof(target, _PATH, token), "a.b.c"):
            headers = ("DPoP", _proof(target, _PATH, token)), (name, second)
            require_status(_send(target, authorization, *headers), (400, 401))


ATTACKS: Final = (
    Attack("a bound token without its key", _without_the_key),
    Attack("a proof that was made for another request", _of_another_request),
    Attack("a proof that was used before, from many sides", _used_before),
    Attack("two proofs in one request", _beside_another),
)
