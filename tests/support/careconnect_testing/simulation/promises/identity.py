"""Promise 3, and that one request makes one resource: no duplicates, and no condition that did not hold."""

from collections import Counter
from collections.abc import Iterator

from careconnect_testing.http.writes import NHS_NUMBER
from careconnect_testing.simulation.actors.bodies import word_of
from careconnect_testing.simulation.actors.plan import OWN_CODES
from careconnect_testing.simulation.ledger import Commit, Exchange, Ledger
from careconnect_testing.simulation.world.system import BrokenPromiseError

_CONDITIONAL = ("create-if-none", "put-where", "delete-where")


def check_identity(ledger: Ledger) -> None:
    """Check identifiers and creations; raises `BrokenPromiseError`."""
    for code in OWN_CODES:
        _check_alone(code, ledger)
    for exchange in ledger.exchanges:
        if exchange.step.kind in _CONDITIONAL:
            _check_condition(exchange, exchange.step.arguments[0], ledger)
    made = Counter(
        word_of(commits[0].content)
        for commits in ledger.commits.values()
        if commits[0].content and commits[0].content["resourceType"] in ("Patient", "Observation")
    )
    for word, number in made.items():
        if word not in ("begin", "same") and number > 1 and not _is_repeated(word, ledger):
            raise BrokenPromiseError(f"the creation {word} made {number} resources")


def _check_alone(code: str, ledger: Ledger) -> None:
    """Check that at no time two live patients had an identifier that only conditional writes give."""
    changes = [
        (commit.place, key, _has(commit, code))
        for key, commits in ledger.commits.items()
        if key.startswith("Patient/")
        for commit in commits
    ]
    holding: set[str] = set()
    for _, key, has in sorted(changes):
        (holding.add if has else holding.discard)(key)
        if len(holding) > 1:
            raise BrokenPromiseError(
                f"{sorted(holding)} have the identifier {code}, which only conditional writes give"
            )


def _check_condition(done: Exchange, code: str, ledger: Ledger) -> None:
    """Check that a creation or a refusal agrees with what had the identifier all the time."""
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
    if done.status == 201 and always:
        raise BrokenPromiseError(f"{done.step} made a resource although {sorted(always)} had the identifier")
    if done.status == 412 and len(ever) < 2:
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
