"""Requests within a Bundle that would be refused alone."""

import json
from typing import Any, Final

import httpx

from careconnect_testing.attacks.target import Attack, Breach, NotTried, Role, Target, require_status
from careconnect_testing.http.writes import observation

_CLOSED: Final = (403, 404)

Entry = dict[str, Any]


def _batch(target: Target, token: str, *requests: tuple[str, str, Any]) -> httpx.Response:
    entries: list[Entry] = []
    for method, url, resource in requests:
        request = {"request": {"method": method, "url": url}}
        entries.append(request if resource is None else {"resource": resource, **request})
    return target.send("POST", "", token, {"resourceType": "Bundle", "type": "batch", "entry": entries})


def _entries(answer: httpx.Response) -> list[Entry]:
    if answer.status_code != 200:
        raise NotTried(f"a batch is answered {answer.status_code}")
    found: list[Entry] = answer.json()["entry"]
    return found


def _status(entry: Entry) -> int:
    return int(entry["response"]["status"].partition(" ")[0])


def _reading_another(target: Target) -> None:
    other = str(target.other_patient["id"])
    closed = [f"Patient/{other}", f"Patient/{other}/_history", f"Patient/{other}/$everything"]
    searches = [f"Patient?_id={other}", f"Observation?patient={other}", "Patient?_count=100"]
    answer = _batch(target, target.token(Role.BOUND), *(("GET", url, None) for url in (*closed, *searches)))
    for url, entry in zip((*closed, *searches), _entries(answer), strict=True):
        if url in closed and _status(entry) not in _CLOSED:
            raise Breach(f"{url.replace(other, 'ID')} answered {_status(entry)}")
        if any(one["resource"].get("id") == other for one in entry.get("resource", {}).get("entry", ())):
            raise Breach(f"{url.partition('?')[0]} shows another patient's record")


def _writing_for_another(target: Target) -> None:
    token, other = target.token(Role.BOUND), str(target.other_patient["id"])
    answer = _batch(
        target,
        token,
        ("POST", "Observation", observation(f"Patient/{other}")),
        ("PUT", f"Patient/{other}", target.other_patient),
        ("DELETE", f"Patient/{other}", None),
    )
    statuses = [_status(entry) for entry in _entries(answer)]
    if any(status < 400 for status in statuses):
        raise Breach(f"entries are answered {statuses}")


def _another_type(target: Target) -> None:
    """Read with a token that may write another type alone."""
    token = target.token(Role.WRITER, "system/Observation.c")
    answer = _batch(target, token, ("GET", "Patient?_count=1", None), ("GET", "AuditEvent?_count=1", None))
    if any(_status(entry) not in _CLOSED or "resource" in entry for entry in _entries(answer)):
        raise Breach(json.dumps([_status(entry) for entry in _entries(answer)]))


def _with_a_token_that_reads(target: Target) -> None:
    require_status(_batch(target, target.token(Role.READER), ("GET", "Patient?_count=1", None)), (403,))
    require_status(_batch(target, "", ("GET", "Patient?_count=1", None)), (401,))


ATTACKS: Final = (
    Attack("reading another patient's record in a batch", _reading_another),
    Attack("writing into another patient's record in a batch", _writing_for_another),
    Attack("reading in a batch what the token does not open", _another_type),
    Attack("a batch with a token that reads", _with_a_token_that_reads),
)
