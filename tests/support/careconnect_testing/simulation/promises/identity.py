"""Promise 3, and that one request makes one resource: no duplicates, and no condition that did not hold."""

import json
from collections import Counter
from collections.abc import Iterator

from careconnect_testing.http.writes import NHS_NUMBER
from careconnect_testing.simulation.actors.bodies import word_of
from careconnect_testing.simulation.ledger import BUNDLES, Commit, Exchange, Ledger, parts_of
from careconnect_testing.simulation.world.system import BrokenPromiseError

_CONDITIONAL = ("create-if-none", "put-where", "delete-where")
_MEETING_SEVERAL = 412


def check_identity(ledger: Ledger) -> None:
    """Check identifiers and creations; raises `BrokenPromiseError`."""
    for exchange in ledger.exchanges:
        parts = parts_of(exchange) if exchange.step.kind == "batch" else (exchange,)
        for part in parts:
            if part.step.kind in _CONDITIONAL:
                _check_condition(part, part.step.arguments[0], ledger)
        for word, code in _conditional_creations(exchange):
            _check_alone(exchange, word, code, ledger)
    made = Counter(
        word_of(commits[0].content)
        for commits in ledger.commits.values()
        if commits[0].content and commits[0].content["resourceType"] in ("Patient", "Observation")
    )
    for word, number in made.items():
        if word not in ("begin", "same") and number > 1 and not _is_repeated(word, ledger):
            raise BrokenPromiseError(f"the creation {word} made {number} resources")


def _conditional_creations(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Yield the word and the identifier of each patient that a request would create on a condition."""
    if exchange.step.kind in ("create-if-none", "put-where"):
        yield word_of(json.loads(exchange.sent.body or "")), exchange.step.arguments[0]
    elif exchange.step.kind in BUNDLES:
        for entry in json.loads(exchange.sent.body or "")["entry"]:
            condition = entry["request"].get("ifNoneExist") or entry["request"]["url"].partition("?")[2]
            if "resource" in entry and condition:
                yield word_of(entry["resource"]), condition.rpartition("|")[2]


def _check_alone(exchange: Exchange, word: str, code: str, ledger: Ledger) -> None:
    """Check that nobody else had the identifier when a conditional creation was stored."""
    for key, commits in ledger.commits.items():
        first = commits[0]
        if not key.startswith("Patient/") or first.content is None or word_of(first.content) != word:
            continue
        others = {
            other: current
            for other in ledger.commits
            if other != key and other.startswith("Patient/") and (current := ledger.current_at(other, first.place))
        }
        # The entries of one transaction are stored together: the condition is that of the moment before.
        own = {other for other, each in others.items() if each.task == first.task and each.place > exchange.began}
        holding = sorted(other for other, each in others.items() if other not in own and _has(each, code))
        if holding:
            raise BrokenPromiseError(f"{exchange.step} made {key} although {holding} had the identifier {code}")


def _check_condition(done: Exchange, code: str, ledger: Ledger) -> None:
    """Check that an answer agrees with what had the identifier all the time, or at any time, of the request."""
    if done.ended is None:
        return
    always, ever = set(), set()
    for key, commits in ledger.commits.items():
        if key.startswith("Patient/"):
            during = _during(commits, done.began, done.ended)
            if during and all(_has(each, code) for each in during) and commits[0].place < done.began:
                always.add(key)
            if any(_has(each, code) for each in during):
                ever.add(key)
    if done.status == _MEETING_SEVERAL and len(ever) < 2:
        raise BrokenPromiseError(f"{done.step} was refused for several matches, and there were {sorted(ever)}")
    if done.status in (200, 201, 204) and len(always) > 1:
        raise BrokenPromiseError(f"{done.step} was answered {done.status}, and {sorted(always)} had the identifier")


def _during(commits: list[Commit], since: int, until: int) -> list[Commit]:
    return [
        each
        for number, each in enumerate(commits)
        if each.place <= until and (number + 1 == len(commits) or commits[number + 1].place > since)
    ]


def _has(commit: Commit, code: str) -> bool:
    identifiers = (commit.content or {}).get("identifier", ())
    return {"system": NHS_NUMBER, "value": code} in identifiers


def _is_repeated(word: str, ledger: Ledger) -> bool:
    """Return True if a creation was sent again, after no answer or a refusal that says that it may have been done."""
    return sum(1 for each in _sending(word, ledger)) > 1


def _sending(word: str, ledger: Ledger) -> Iterator[Exchange]:
    for each in ledger.exchanges:
        if each.sent.body and (f'"{word}"' in each.sent.body or f'"w{word}"' in each.sent.body):
            yield each
