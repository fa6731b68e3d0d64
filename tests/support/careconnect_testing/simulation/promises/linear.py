"""Promise of each resource: its requests are as if they came one after the other (promises 1, 2, 5 and 6)."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.linearizability.check import Model, check
from careconnect_testing.linearizability.history import Operation
from careconnect_testing.linearizability.resource_model import (
    Interaction,
    ResourceAnswer,
    ResourceRequest,
    Versions,
    step,
)
from careconnect_testing.simulation.actors.bodies import word_of
from careconnect_testing.simulation.actors.plan import BOUND
from careconnect_testing.simulation.ledger import (
    ERASER_TASK,
    MOVER_TASK,
    OPERATOR_TASK,
    Commit,
    Exchange,
    Ledger,
    parts_of,
)
from careconnect_testing.simulation.world.system import BrokenPromiseError

_NAMES: Final = {
    "PUT": Interaction.UPDATE,
    "PATCH": Interaction.PATCH,
    "DELETE": Interaction.DELETE,
    "POST": Interaction.CREATE,
}
_READS: Final = {"read": Interaction.READ, "vread": Interaction.VREAD}


def check_histories(ledger: Ledger) -> None:
    """Check the requests of each resource; raises `BrokenPromiseError` with the longest possible order."""
    histories: dict[str, list[Operation]] = defaultdict(list)
    for exchange in ledger.exchanges:
        if exchange.step.kind == "bundle":
            for key, operation in _operations_of(exchange, ledger):
                histories[key].append(operation)
        elif exchange.step.kind == "batch":
            for number, part in enumerate(parts_of(exchange)):
                for key in _keys_of(part, ledger):
                    histories[key].append(replace(_operation(part), process=f"{exchange.actor}, entry {number}"))
        else:
            for key in _keys_of(exchange, ledger):
                histories[key].append(_operation(exchange))
    for key, commits in ledger.commits.items():
        histories[key] += [_operated(each) for each in commits if each.task in (OPERATOR_TASK, ERASER_TASK, MOVER_TASK)]
    for key, history in histories.items():
        first = [
            each for each in ledger.commits.get(key, ()) if each.task == "outside" and each.place <= _begin(ledger)
        ]
        initial: Versions = tuple(_content(each.content) for each in first)
        verdict = check(history, Model(initial, step))
        if not verdict.is_linearizable:
            raise BrokenPromiseError(f"the requests of {key} are in no order:\n{verdict.story()}")


def _begin(ledger: Ledger) -> int:
    return ledger.exchanges[0].began if ledger.exchanges else 0


def _keys_of(exchange: Exchange, ledger: Ledger) -> Iterator[str]:
    """Yield the resources that a request was about, as far as its answer and what was stored tell."""
    kind = exchange.step.kind
    path = exchange.sent.path.removeprefix(FHIR_PATH + "/")
    if exchange.client.startswith(BOUND) and (exchange.sent.method == "DELETE" or 400 <= exchange.status < 500):
        # Another's resource looks absent to it.
        if exchange.sent.method == "DELETE":
            yield from _of_commits(exchange, ledger, _is_deletion)
        return
    if kind == "vread" and exchange.status == 410 and exchange.ended is not None:
        key, _, version = path.partition("/_history/")
        if ledger.is_erased(key, int(version), exchange.ended):
            return
    if kind in ("put", "refer", "name", "put-big", "patch", "delete", "read", "vread"):
        yield "/".join(path.split("/")[:2])
    elif kind in ("create", "create-if-none", "put-where") and exchange.status in (200, 201) and exchange.answer:
        yield exchange.answer.headers["Location"].partition("/STU3/")[2].partition("/_history/")[0]
    elif kind in ("create", "create-if-none", "put-where") and exchange.is_in_doubt:
        content = _content(json.loads(exchange.sent.body or "null"))
        yield from _of_commits(exchange, ledger, lambda commit: _content(commit.content) == content)
    elif kind == "delete-where" and (exchange.is_in_doubt or exchange.status == 204):
        yield from _of_commits(exchange, ledger, _is_deletion)


def _of_commits(exchange: Exchange, ledger: Ledger, is_its: Callable[[Commit], bool]) -> Iterator[str]:
    """Yield the resources of which a request, and no other of its actor, may have stored a version."""
    end = exchange.ended or ledger.place
    for key, commits in ledger.commits.items():
        if any(exchange.began < each.place < end and each.task == exchange.client and is_its(each) for each in commits):
            yield key


def _operation(exchange: Exchange) -> Operation:
    kind, answer = exchange.step.kind, exchange.answer
    sent = exchange.sent
    if kind in _READS:
        number = int(sent.path.rpartition("/")[2]) if kind == "vread" else 0
        name, request = _READS[kind], ResourceRequest(version=number)
    else:
        name = _NAMES[sent.method]
        body = json.loads(sent.body) if sent.body else None
        request = ResourceRequest(
            content=None if name in (Interaction.PATCH, Interaction.DELETE) else _content(body),
            change=_patched(body) if name is Interaction.PATCH else None,
            if_match=_version(sent.headers.get("If-Match", "")),
            conditional="If-None-Exist" in sent.headers,
        )
    output = None
    if answer is not None:
        resource = answer.json if answer.text and answer.status in (200, 201) else None
        version = int(resource["meta"]["versionId"]) if resource else None
        output = ResourceAnswer(answer.status, version, _content(resource))
    return Operation(f"{exchange.actor}", exchange.began, exchange.ended if output else None, name, request, output)


def _operations_of(exchange: Exchange, ledger: Ledger) -> Iterator[tuple[str, Operation]]:
    """Yield the operations of a transaction's entries, each with its resource; a refused one has none."""
    if 400 <= exchange.status < 500:
        return
    entries = json.loads(exchange.sent.body or "{}")["entry"]
    answers = exchange.answer.json["entry"] if exchange.answer and exchange.status == 200 else [None] * len(entries)
    # The resources that another entry is known to write.
    named = {entry["request"]["url"] for entry in entries if entry["request"]["method"] != "GET"}
    for entry, answer in zip(entries, answers, strict=True):
        method, url = entry["request"]["method"], entry["request"]["url"]
        if method == "GET":
            continue
        content = _content(entry.get("resource"))
        match = _version(entry["request"].get("ifMatch", ""))
        request = ResourceRequest(content=content, if_match=match, conditional="ifNoneExist" in entry["request"])
        output, end = None, None
        keys = [url]
        if url.startswith("Patient?") and method == "DELETE":
            keys = [key for key in _of_commits(exchange, ledger, _is_deletion) if key not in named]
            named.update(keys)
        if answer is not None:
            shown = answer.get("resource")
            version = int(shown["meta"]["versionId"]) if shown else None
            status = int(answer["response"]["status"].partition(" ")[0])
            output, end = ResourceAnswer(status, version, _content(shown)), exchange.ended
            if method == "POST" or (url.startswith("Patient?") and method == "PUT"):
                keys = [answer["response"]["location"].partition("/STU3/")[2].partition("/_history/")[0]]
        elif method == "POST" or (url.startswith("Patient?") and method == "PUT"):
            keys = list(_of_commits(exchange, ledger, partial(_has_word, word=_word(content))))
        for key in keys:
            if output is not None and output.content is not None and method == "POST":
                # Its references are those of the resources that were made.
                request = replace(request, content=output.content if output.status == 201 else content)
            yield key, Operation(f"{exchange.actor}", exchange.began, end, _NAMES[method], request, output)


def _version(etag: str) -> int | None:
    return int(etag.removeprefix('W/"').removesuffix('"')) if etag else None


def _is_deletion(commit: Commit) -> bool:
    return commit.content is None


def _word(content: str | None) -> str:
    return (content or "").partition(" ")[0]


def _has_word(commit: Commit, word: str) -> bool:
    return _word(_content(commit.content)) == word


def _operated(commit: Commit) -> Operation:
    """Return the operation of a version that a restore, an erasure or a move has written."""
    name = Interaction.UPDATE
    if commit.content is None:
        # A restore's, too: it may have erased what was deleted.
        name = Interaction.ERASE
    request = ResourceRequest(content=_content(commit.content))
    return Operation(f"{commit.task} {commit.place}", commit.place, None, name, request, None)


def _patched(operations: Any) -> Callable[[str], str | None]:
    word = operations[0]["value"].removeprefix("w")
    return lambda content: f"{word} {content.partition(' ')[2]}"


def _content(resource: Mapping[str, Any] | None) -> str | None:
    """Return what does not depend on version and id: the word, and a digest of the rest."""
    if resource is None:
        return None
    bare = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    word = word_of(resource)
    text = json.dumps(bare, sort_keys=True).replace(f'"w{word}"', "").replace(f'"{word}"', "")
    return f"{word} {hashlib.sha256(text.encode()).hexdigest()[:6]}"
