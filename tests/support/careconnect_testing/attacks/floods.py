"""Cheap requests that cost the service much, or store much."""

import time
import uuid
from typing import Any, Final

import httpx

from careconnect.http.messages import FORM
from careconnect_testing.attacks.target import Attack, Breach, Role, Target, require_status

_LONG_SECONDS: Final = 5.0
_QUICK: Final = (400, 413, 414, 422, 429, 431)


def _many_ids(target: Target) -> None:
    """Name thousands of patients in one search (H1)."""
    token = target.token(Role.READER)
    ids = ",".join(f"{number:x}" for number in range(16_000))[:62_000]
    for path, form in (("Observation/_search", f"subject={ids}"), ("Patient/_search", f"_id={ids}")):
        _require_quick(target, "POST", path, token, content=form.encode(), Content_Type=FORM)
    few = ",".join(f"p{number}" for number in range(300))
    _require_quick(target, "GET", f"Patient?_id={few}", token)


def _long_names(target: Target) -> None:
    """Send parameters whose names are long, or not UTF-8 (H1, H2)."""
    token = target.token(Role.READER)
    name = "é" * 15_000
    answer = target.send(
        "POST",
        "Patient/_search",
        token,
        content=f"{name}=1&_count=1".encode(),
        Content_Type=FORM,
        Prefer="handling=strict",
    )
    require_status(answer, _QUICK)


def _many_identifiers(target: Target) -> None:
    """Store a resource that needs hundreds of index entries (M5)."""
    token = target.token(Role.WRITER)
    system = f"urn:uuid:{uuid.uuid4()}"
    identifiers = [{"system": system, "value": str(number)} for number in range(600)]
    resource = {"resourceType": "Organization", "name": "attack", "identifier": identifiers}
    answer = target.send("POST", "Organization", token, resource)
    target.remove(answer, token)
    require_status(answer, (422,))


def _searches_of_many_parts(target: Target) -> None:
    token = target.token(Role.READER)
    for path in (
        "Patient?" + "&".join(["_revinclude=*"] * 150),
        "Observation?" + "&".join(f"code=x{number}" for number in range(190)),
        "Patient?_has:Observation:patient:code=x" + ",y" * 3_000,
    ):
        answer, seconds = _timed(target, "GET", path, token)
        if answer.status_code >= 500 or seconds > 2 * _LONG_SECONDS:
            raise Breach(f"{answer.status_code} after {seconds:.0f} s")


def _require_quick(target: Target, method: str, path: str, token: str, **request: Any) -> None:
    answer, seconds = _timed(target, method, path, token, **request)
    require_status(answer, _QUICK)
    if seconds > _LONG_SECONDS:
        raise Breach(f"refused only after {seconds:.0f} s")


def _timed(target: Target, method: str, path: str, token: str, **request: Any) -> tuple[httpx.Response, float]:
    """Return an answer and its seconds, which are not those of the start of a function."""
    target.send("GET", "Patient?_count=0", token)
    began = time.monotonic()
    answer = target.send(method, path, token, **request)
    return answer, time.monotonic() - began


ATTACKS: Final = (
    Attack("thousands of ids in a search", _many_ids),
    Attack("long parameter names", _long_names),
    Attack("hundreds of identifiers in a resource", _many_identifiers),
    Attack("searches with many parts", _searches_of_many_parts),
)
