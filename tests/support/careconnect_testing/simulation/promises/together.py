"""Promise 8: a transaction is stored and seen whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from careconnect_testing.simulation.ledger import Commit, Exchange, Ledger, parts_of
from careconnect_testing.simulation.promises.answers import shown
from careconnect_testing.simulation.promises.walks import matches_of
from careconnect_testing.simulation.world.system import BrokenPromiseError

Group = Mapping[str, Commit]
"""The versions that one transaction made, by their resources."""


def check_together(ledger: Ledger, own: Mapping[str, str]) -> None:
    """Check all transactions of a run; `own` are the patients of bound clients. Raises `BrokenPromiseError`."""
    groups = [group for exchange in ledger.exchanges if (group := _group(exchange, ledger))]
    groups += [move.made for move in ledger.moves if move.made]
    for exchange in ledger.exchanges:
        parts = parts_of(exchange) if exchange.step.kind == "batch" else (exchange,)
        for part in parts:
            if part.answer is not None and part.sent.method == "GET":
                for group in groups:
                    _check_seen(part, group)
    for walk in ledger.walks:
        if walk.is_whole and len(walk.pages) == 1 and walk.pages[0].status == 200 and walk.step.kind == "search":
            own_patient = own.get(walk.pages[0].client)
            for group in groups:
                seen = {
                    key: commit
                    for key, commit in group.items()
                    if not (own_patient and commit.patients) or own_patient in commit.patients
                }
                _check_found(walk.pages[0], walk.step.arguments[0], seen, ledger)


def _group(exchange: Exchange, ledger: Ledger) -> Group:
    """Return what a transaction made, after checking that it is all or nothing."""
    if exchange.step.kind != "bundle":
        return {}
    end = exchange.ended or ledger.place
    made = {
        commit.key: commit
        for commits in ledger.commits.values()
        for commit in commits
        if exchange.began < commit.place < end and commit.task == exchange.client
    }
    if made and exchange.status >= 400 and not exchange.is_in_doubt:
        raise BrokenPromiseError(f"{exchange.step} was refused, and made {sorted(made)}")
    places = sorted(commit.place for commit in made.values())
    if places and places[-1] - places[0] != len(places) - 1:
        raise BrokenPromiseError(f"{exchange.step} made {sorted(made)} at different moments")
    if exchange.status == 200:
        for key in _created_in(exchange):
            if key not in made:
                raise BrokenPromiseError(f"{exchange.step} was answered with {key}, which it did not make")
        _check_own_searches(exchange, made, ledger)
    elif made:
        creations = sum(each["request"]["method"] == "POST" for each in json.loads(exchange.sent.body or "")["entry"])
        first = sum(commit.version == 1 for commit in made.values())
        conditional = exchange.step.arguments[0].count("create-if-none")
        if first < creations - conditional:
            raise BrokenPromiseError(f"{exchange.step} made a part of its entries: {sorted(made)}")
    return made


def _check_own_searches(exchange: Exchange, group: Group, ledger: Ledger) -> None:
    """Check that a search within a transaction finds what the transaction has made, if it is still so."""
    assert exchange.answer is not None
    asked = json.loads(exchange.sent.body or "{}")["entry"]
    for entry, answered in zip(asked, exchange.answer.json["entry"], strict=True):
        url = entry["request"]["url"]
        if entry["request"]["method"] != "GET" or "?" not in url or "resource" not in answered:
            continue
        type_name, matches = matches_of(url)
        found = {
            f"{each['resource']['resourceType']}/{each['resource']['id']}"
            for each in answered["resource"].get("entry", ())
        }
        for key, commit in group.items():
            is_changed = any(each.version > commit.version for each in ledger.commits[key])
            is_wanted = key.startswith(f"{type_name}/") and commit.content and matches(commit.content, lambda _: None)
            if is_wanted and not is_changed and key not in found:
                raise BrokenPromiseError(f"{exchange.step} did not find {key}, which it has made, by {url}")


def _created_in(exchange: Exchange) -> Iterator[str]:
    assert exchange.answer is not None
    for each in exchange.answer.json.get("entry", ()):
        if each["response"]["status"].startswith("201"):
            yield each["response"]["location"].partition("/STU3/")[2].partition("/_history/")[0]


def _check_seen(exchange: Exchange, group: Group) -> None:
    """Check that an answer with a version of a transaction, or a later one, has no older one of another resource."""
    assert exchange.answer is not None
    if exchange.step.kind == "history":
        return
    seen = {f"{each['resourceType']}/{each['id']}": int(each["meta"]["versionId"]) for each in shown(exchange.answer)}
    of_group = {key: seen[key] for key in group.keys() & seen.keys()}
    if any(of_group[key] >= group[key].version for key in of_group):
        older = [key for key, version in of_group.items() if version < group[key].version]
        if older:
            raise BrokenPromiseError(f"{exchange.step} showed a transaction with the former {older}")


def _check_found(page: Exchange, target: str, group: Group, ledger: Ledger) -> None:
    """Check that a search that shows a transaction's version, or a later one, finds all that it made, if still so."""
    assert page.answer is not None
    assert page.ended is not None
    type_name, matches = matches_of(target)
    found: dict[str, Any] = {
        f"{each['resourceType']}/{each['id']}": int(each["meta"]["versionId"]) for each in shown(page.answer)
    }
    if not type_name or not any(found.get(key, 0) >= commit.version for key, commit in group.items()):
        return
    for key, commit in group.items():
        later = any(each.version > commit.version and each.place < page.ended for each in ledger.commits[key])
        if later or commit.content is None or not key.startswith(f"{type_name}/") or key in found:
            continue
        if matches(commit.content, lambda _: None):
            raise BrokenPromiseError(f"{page.step} showed a part of a transaction, without {key}")
