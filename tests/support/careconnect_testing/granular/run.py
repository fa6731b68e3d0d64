"""Run cases: a token, a store and a request, each answered by the service and by the oracle."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from random import Random
from typing import Any, Final

from careconnect.audit.event import AuditEvent
from careconnect.storage.keys import JSON_ITEM
from careconnect_testing.aws.tables import create_table
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.granular.generated import Ids, Requests, generated_token
from careconnect_testing.granular.oracle import Oracle
from careconnect_testing.granular.recorded import is_recorded
from careconnect_testing.granular.scopes import Token
from careconnect_testing.granular.told import Told, told
from careconnect_testing.granular.worlds import Resource, Step, World, bare, generated_steps, present, world_of
from careconnect_testing.granular.writes import answers
from careconnect_testing.http.answer import Answer
from careconnect_testing.pairs.asked import Asked
from careconnect_testing.pairs.stores import EVENTS, Answered, Store, in_one_thread
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import NOW, Reader
from careconnect_testing.records.stored import saved

_SEEDS_OF_STORES: Final = 100
"""Seeds that share a store, and its tokens."""
_TOKENS: Final = 5
_MOST_PAGES: Final = 40


@dataclass(frozen=True)
class Case:
    """A request of a token to a store, by the seed that it is generated from."""

    seed: int
    token: Token
    asked: Asked
    world: World = field(repr=False)


@dataclass(frozen=True)
class Difference:
    """An answer that is not the oracle's."""

    case: Case
    answer: Told
    expected: Sequence[Told]
    events: Sequence[AuditEvent]

    def __str__(self) -> str:
        """Return the request, both answers and its events."""
        expected = "\n    or ".join(map(str, self.expected))
        asked = f"seed {self.case.seed}, {self.case.asked}"
        return f"{asked}\n  answers {self.answer}\n  not {expected}\n  {self.events}"


@cache
def _tables() -> Any:
    with writer_in_memory() as writer:
        return writer.reader.client.database, writer.reader.tables


def store_of(steps: Iterable[Step]) -> Store:
    """Return a store with what some steps have written."""
    database, tables = _tables()
    client: Any = InMemoryClient(database.copy())
    create_table(client, "AuditTable", EVENTS)
    kept = StoredEvents()
    writer = Writer(Reader(client, replace(tables, client=client), kept=kept))
    for step in steps:
        writer.now.now = step.moment
        if step.content is None:
            assert writer.delete(step.path).status == 204
        else:
            writer.made(step.content)
    writer.now.now = NOW
    writer = replace(writer, auditing=kept.auditing())
    return Store(writer, kept, saved(writer.reader.tables))


@lru_cache(maxsize=32)
def _group(number: int) -> tuple[Store, World, Sequence[Token]]:
    random = Random(number)
    steps = generated_steps(random)
    return store_of(steps), world_of(steps), [generated_token(random) for _ in range(_TOKENS)]


def ids_in(world: World) -> Ids:
    """Return the ids of a world by type, and one that is none."""
    found: dict[str, list[str]] = {}
    for path in world:
        type_, _, id_ = path.partition("/")
        found.setdefault(type_, ["none"]).append(id_)
    return found


def generated_case(seed: int) -> Case:
    """Return the case of a seed."""
    random = Random(seed)
    _, world, tokens = _group(seed // _SEEDS_OF_STORES)
    token = random.choice(tokens)
    return Case(seed, token, Requests(random, token, ids_in(world)).generated(), world)


def difference(case: Case) -> Difference | None:
    """Return the difference of an answer, of what is stored after it, or of its events, from the oracle's."""
    store, _, _ = _group(case.seed // _SEEDS_OF_STORES)
    oracle = Oracle(case.world, case.token)
    expected, world = answers(oracle, case.asked)
    kept: list[list[Resource]] = []
    pages = walk(store, case.asked, kept)
    answer = told([each.answer for each in pages])
    is_stored = case.asked.is_read or kept[0] == _contents(present(world).values())
    if answer in expected and is_stored and is_recorded(oracle, case.asked, answer, pages[0].events):
        return None
    return Difference(case, answer, expected, pages[0].events)


def _contents(resources: Iterable[Resource]) -> list[Resource]:
    """Return the contents of resources, in an order of their own, without what the server sets."""
    made = [{**bare(each), "id": "new" if each["id"].startswith("new-") else each["id"]} for each in resources]
    return sorted(made, key=lambda each: json.dumps(each, sort_keys=True))


def _stored(writer: Writer) -> list[Resource]:
    """Return the resources that a writer's tables hold."""
    database: Any = writer.reader.client.database
    tables = writer.reader.tables
    items = [each for table in (tables.record, tables.directory) for each in database.items(table)]
    bodies = [each["body"]["S"] for each in items if each["sk"]["S"] == JSON_ITEM and "body" in each]
    return _contents(map(json.loads, bodies))


def walk(store: Store, asked: Asked, kept: list[list[Resource]] | None = None) -> list[Answered]:
    """Return an answer and the pages after it, and keep what is stored after a write."""
    look = None if asked.is_read or kept is None else lambda writer: kept.append(_stored(writer))
    pages = [store.answer(asked, look=look)]
    while asked.is_read and len(pages) < _MOST_PAGES and (link := _next(pages[-1].answer)):
        pages.append(store.answer(asked, link))
    return pages


def differences(seeds: Iterable[int]) -> Iterator[Difference]:
    """Yield the answers to the cases of seeds that are not the oracle's."""
    with in_one_thread():
        yield from filter(None, (difference(generated_case(seed)) for seed in seeds))


def _next(answer: Answer) -> str:
    is_bundle = answer.status == 200 and answer.text.startswith("{") and answer.json["resourceType"] == "Bundle"
    return answer.link("next") if is_bundle else ""
