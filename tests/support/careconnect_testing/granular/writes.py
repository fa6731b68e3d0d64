"""The answers to writes and Bundles that the contract promises, and the worlds that they leave (`write.md`).

Like the oracle of reads, it is written from the contract alone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

from careconnect_testing.granular.oracle import NEW, Oracle, RefusedError, named
from careconnect_testing.granular.scopes import Token
from careconnect_testing.granular.told import Told
from careconnect_testing.granular.worlds import Resource, World, current, present, written
from careconnect_testing.pairs.asked import Asked
from careconnect_testing.search.linear_parameters import at

_LETTERS: Final = {"POST": "c", "PUT": "u", "DELETE": "d"}
Answers = tuple[Sequence[Told], World]
"""What may be told, and the world afterwards."""


def answers(oracle: Oracle, asked: Asked) -> Answers:
    """Return the answer to any request: several if the contract leaves open which of two refusals comes first."""
    if asked.entries:
        return _batch(oracle, asked) if asked.path == "batch" else _transaction(oracle, asked)
    if asked.is_read:
        return oracle.read(asked), oracle.world
    if asked.path.endswith("/$validate"):
        return [_validated(oracle, asked)], oracle.world
    try:
        return _write(oracle, asked)
    except RefusedError as error:
        return [error.told], oracle.world


def _write(oracle: Oracle, asked: Asked) -> Answers:
    type_, _, id_ = asked.path.partition("/")
    headers = dict(asked.headers)
    body: Any = json.loads(asked.content or "{}")
    condition = dict(asked.query).get("identifier") or headers.get("If-None-Exist", "").partition("=")[2]
    letter = _LETTERS.get(asked.method, "u")
    if condition:
        # As today the letter is asked first, unless one of the two has a suffix.
        is_limited = any(
            oracle.token.holds(each, type_) and not oracle.token.holds_all(each, type_) for each in (letter, "s")
        )
        for each in ("s", letter) if is_limited else (letter, "s"):
            oracle.require_all(each, type_)
        return _conditional(oracle, asked.method, type_, condition, body)
    oracle.require(letter, type_)
    match asked.method:
        case "POST":
            return _create(oracle, type_, body)
        case "PUT":
            return _update(oracle, asked.path, body, headers)
        case "PATCH":
            return _patch(oracle, asked.path, body, headers)
    return _delete(oracle, f"{type_}/{id_}", headers)


def _conditional(oracle: Oracle, method: str, type_: str, condition: str, body: Any) -> Answers:
    """Return the answer to a write on a condition, which at most one resource meets here."""
    matches = list(met(oracle.world, type_, condition))
    if method == "POST":
        return ([shown(oracle, matches[0], 200)], oracle.world) if matches else _create(oracle, type_, body)
    if method == "DELETE":
        return _delete(oracle, matches[0], {}) if matches else ([Told(204)], oracle.world)
    if matches:
        return _update(oracle, matches[0], {**body, "id": matches[0].partition("/")[2]}, {})
    return _stored(oracle, _new_path(oracle.world, type_), body, 201)


def met(world: World, type_: str, condition: str) -> Iterator[str]:
    """Yield the resources with an identifier."""
    system, _, value = condition.partition("|")
    for path, resource in present(world).items():
        if path.startswith(f"{type_}/") and {"system": system, "value": value} in resource.get("identifier", ()):
            yield path


def _create(oracle: Oracle, type_: str, body: Resource) -> Answers:
    if not oracle.token.opens("c", body):
        raise RefusedError(403, "forbidden", oracle.token.least("c", type_))
    return _stored(oracle, _new_path(oracle.world, type_), body, 201)


def _new_path(world: World, type_: str) -> str:
    return f"{type_}/{NEW}-{sum(path.partition('/')[2].startswith(NEW) for path in world)}"


def _update(oracle: Oracle, path: str, body: Resource, headers: dict[str, str]) -> Answers:
    type_ = path.partition("/")[0]
    last = current(oracle.world, path)
    is_there = last is not None and last.content is not None
    if not oracle.token.holds_all("u", type_):
        hidden = last is None or last.content is None or not oracle.token.opens("u", last.content)
        beyond = not oracle.token.opens("u", body)
        least = oracle.token.least("u", type_)
        told = [*[Told(404, "not-found")] * hidden, *[Told(403, "forbidden", least)] * beyond]
        if told:
            # What is hidden is answered as what is absent is: the pairs of stores see to that.
            return told, oracle.world
    _require_references(oracle, body)
    if "If-Match" in headers and not (is_there and last and headers["If-Match"] == f'W/"{last.number}"'):
        raise RefusedError(409, "conflict")
    return _stored(oracle, path, body, 200 if is_there else 201)


def _patch(oracle: Oracle, path: str, operations: list[Resource], headers: dict[str, str]) -> Answers:
    type_ = path.partition("/")[0]
    oracle.require("r", type_)
    last, least = current(oracle.world, path), oracle.token.least
    if last is None or not oracle.token.opens("u", last.last):
        raise RefusedError(404, "not-found")
    if last.content is None:
        # One that is limited need not be told that it was there.
        gone = [Told(410, "not-found")]
        return gone if oracle.token.holds_all("u", type_) else [*gone, Told(404, "not-found")], oracle.world
    refusals = [] if oracle.token.opens("r", last.content) else [Told(403, "forbidden", least("r", type_))]
    if "If-Match" in headers and headers["If-Match"] != f'W/"{last.number}"':
        # A PUT would tell it too.
        refusals.append(Told(409, "conflict"))
    if refusals:
        return refusals, oracle.world
    made = dict(last.content)
    for each in operations:
        name = each["path"][1:]
        if each["op"] == "test" and made.get(name) != each["value"]:
            raise RefusedError(422, "processing")
        made[name] = each["value"]
    if not oracle.token.opens("u", made):
        raise RefusedError(403, "forbidden", least("u", type_))
    return _stored(oracle, path, made, 200)


def _delete(oracle: Oracle, path: str, headers: dict[str, str]) -> Answers:
    last = current(oracle.world, path)
    if last is None or last.content is None or not oracle.token.opens("d", last.content):
        return [Told(204)], oracle.world
    if "If-Match" in headers and headers["If-Match"] != f'W/"{last.number}"':
        raise RefusedError(409, "conflict")
    if any(path in references_in(each) for other, each in present(oracle.world).items() if other != path):
        raise RefusedError(409, "conflict")
    return [Told(204)], written(oracle.world, path, None)


def _stored(oracle: Oracle, path: str, body: Resource, status: int) -> Answers:
    _require_references(oracle, body)
    content = {**body, "id": path.partition("/")[2]}
    after = replace(oracle, world=written(oracle.world, path, content))
    return [shown(after, path, status)], after.world


def _require_references(oracle: Oracle, body: Resource) -> None:
    if any(each not in present(oracle.world) for each in references_in(body)):
        raise RefusedError(422, "not-found")


def references_in(resource: Resource) -> list[str]:
    """Return what a resource refers to."""
    places = ("subject", "patient", "context", "performer", "episodeOfCare", "medicationReference")
    found = [each for place in places for each in at(resource, place, "reference")]
    return [str(each) for each in (*found, *at(resource, "diagnosis", "condition", "reference"))]


def shown(oracle: Oracle, path: str, status: int) -> Told:
    """Return the answer to a write: with the resource, if the token may read it."""
    last = oracle.world[path][-1]
    return Told(status, shown=named(last) if oracle.token.opens("r", last.last) else "")


def _validated(oracle: Oracle, asked: Asked) -> Told:
    """Return what `$validate` tells: an error if the write would be refused."""
    path = asked.path.removesuffix("/$validate")
    type_ = path.partition("/")[0]
    if not any(oracle.token.holds(each, type_) for each in "cud"):
        return Told(403, "forbidden", oracle.token.least("c", type_))
    method = "DELETE" if asked.query else ("PUT" if "/" in path else "POST")
    body = json.loads(asked.content) if asked.content else {}
    for each in references_in(body):
        if each not in present(oracle.world) and not oracle.token.holds_all("r", each.partition("/")[0]):
            # Whether it is there is not told.
            body.pop("context", None)
    asked = replace(asked, method=method, path=path, query=(), content=json.dumps(body) if body else "")
    letter = _LETTERS[method]
    if not oracle.token.holds(letter, type_):
        # Any of the three letters is enough to ask: the first that it has takes the place of the write's.
        other = next(each for each in "cud" if oracle.token.holds(each, type_))
        held = [replace(each, letters=letter) for each in oracle.token.scopes if each.holds(other, type_)]
        oracle = replace(oracle, token=Token((*oracle.token.scopes, *held)))
    if method == "DELETE":
        untold = {each for each in oracle.world if not oracle.token.holds_all("r", each.partition("/")[0])}
        oracle = replace(
            oracle, world={each: oracle.world[each] for each in oracle.world if each not in untold - {path}}
        )
    told, _ = answers(oracle, asked)
    return Told(200, "error" if told[0].status >= 400 else "")


def _batch(oracle: Oracle, asked: Asked) -> Answers:
    """Return the answers to entries in turn, each to the world that those before it have left."""
    if refused := _cannot_write(oracle):
        return refused
    told = []
    for each in asked.entries:
        mine, world = answers(oracle, each)
        oracle = replace(oracle, world=world)
        told.append(mine)
    return _together(told), oracle.world


def _together(told: Iterable[Sequence[Told]]) -> list[Told]:
    """Return the answers to a Bundle of which each entry may be told something."""
    return [Told(200, entries=each) for each in product(*([one.as_entry for one in some] for some in told))]


def _cannot_write(oracle: Oracle) -> Answers | None:
    has_letter = any(letter in each.letters for each in oracle.token.scopes for letter in "cud")
    return None if has_letter else ([Told(403, "forbidden", oracle.token.least("c", "*"))], oracle.world)


_ORDER: Final = ("DELETE", "POST", "PUT")


def _transaction(oracle: Oracle, asked: Asked) -> Answers:
    """Return the answer to all entries that write, or the refusal of one of them; reads follow."""
    if refused := _cannot_write(oracle):
        return refused
    before, refusals = oracle, list[Told]()
    told: dict[int, Sequence[Told]] = {}
    writes = [each for each in asked.entries if not each.is_read]
    for method in _ORDER:
        for each in (one for one in writes if one.method == method):
            looked_up = _looked_up(oracle, each, refusals)
            told[id(each)], world = answers(oracle, looked_up)
            refusals += (one for one in told[id(each)] if one.status >= 400)
            oracle = replace(oracle, world=world)
    if refusals:
        return refusals, before.world
    for each in asked.entries:
        told.setdefault(id(each), oracle.read(each))
    return _together(told[id(each)] for each in asked.entries), oracle.world


def _looked_up(oracle: Oracle, asked: Asked, refusals: list[Told]) -> Asked:
    """Return an entry with the resource that its conditional reference leads to."""
    body = json.loads(asked.content) if asked.content else {}
    reference = body.get("context", {}).get("reference", "")
    type_, is_condition, condition = reference.partition("?identifier=")
    if not is_condition:
        return asked
    if not oracle.token.holds_all("s", type_):
        refusals.append(Told(403, "forbidden", oracle.token.least("s", type_)))
    matches = [*met(oracle.world, type_, condition)]
    if not matches:
        refusals.append(Told(412, "not-found"))
    body["context"] = {"reference": (*matches, "Encounter/ae0")[0]}
    return replace(asked, content=json.dumps(body))
