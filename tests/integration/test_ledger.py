"""Thousands of mixed requests to a stack that is disturbed: every answer and every stored item is accounted for.

Sixteen threads send at once while functions are killed and the emulator is restarted. `LEDGER_REQUESTS` is the number
of requests.
"""

import math
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.s3_archive import S3Archive
from audit_archiver.verify_day import Verdict, verify_day
from careconnect.audit.event import day_of
from careconnect.fhir.resource_types import resource_type
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_WRITE_UNIT
from careconnect_admin.loading.load import load_paths
from careconnect_admin.sample.generator import write_sample
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.actions import Item
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.cost import write_units
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.http.writes import Resource
from careconnect_testing.ledger.disclosures import faults_of_events
from careconnect_testing.ledger.entries import Entry, Ledger, Outcomes, Sent
from careconnect_testing.ledger.index import faults_of_items, faults_of_uniqueness
from careconnect_testing.ledger.reads import PATIENTS
from careconnect_testing.ledger.restartable_stack import RestartableStack
from careconnect_testing.ledger.scenarios import OWN_SYSTEM, WRONG_SECRET
from careconnect_testing.ledger.stored_items import Stored
from careconnect_testing.ledger.traffic import Run, Traffic
from careconnect_testing.ledger.versions import Versions, faults_of_order, faults_of_writes, versions_of
from careconnect_testing.ledger.walks import faults_of_walks

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("ledger")]

REQUESTS = int(os.environ.get("LEDGER_REQUESTS", "600"))
CUT_OFF_SECONDS = 60.0
ARCHIVED_SECONDS = 120.0
MOST_GROWTH = 12 * 1024
"""Kilobytes by which a function's largest process may grow after the first requests."""


@dataclass(frozen=True)
class Closed:
    """The ledger, closed: the run, its stack, and all that the stack has stored."""

    stack: RestartableStack
    run: Run
    stored: Stored
    entries: dict[str, Entry]
    versions: Versions
    unattributed: list[str]
    """Faults of versions without a known request."""


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("ledger")
    sample = folder / "sample"
    sample.mkdir()
    write_sample(sample)
    with RestartableStack(folder) as stack:
        outputs, dynamodb = stack.stack.outputs, stack.client("dynamodb")
        tables = RecordTables(dynamodb, *(outputs[name] for name in OUTPUTS))
        assert not load_paths([sample], tables, base_url=stack.base_url).problems
        with httpx.Client(base_url=stack.base_url, timeout=60, trust_env=False) as http:
            run = Traffic(stack, Ledger(http), sorted(sample.glob("*.ndjson"))).send(REQUESTS)
            use_ended_token(run)
        # Nobody reads any more.
        Release(tables).release_all()
        stored = Stored.of(dynamodb, outputs)
        entries = {entry.id: entry for entry in run.ledger.entries}
        versions, unattributed = versions_of(stored, entries, run.sample)
        report(run)
        yield Closed(stack, run, stored, entries, versions, unattributed)


def use_ended_token(run: Run) -> None:
    """Use the revoked token of the client that left once more, when the gateway has forgotten it."""
    assert run.left is not None
    time.sleep(max(0.0, run.left.ended + CUT_OFF_SECONDS - time.monotonic()))
    run.ledger.send(Sent("GET", "Patient/4", "leaving", "leaving", named=frozenset({"4"})))


def report(run: Run) -> None:
    """Print the numbers of the run."""
    entries = run.ledger.entries
    doubt = sum(entry.is_in_doubt for entry in entries)
    lines = [
        f"{len(entries)} requests in {run.seconds:.0f} s",
        f"{len(run.kills)} functions killed, {run.restarts} restarts, {doubt} requests in doubt",
        *(f"{number:6} {kind}" for kind, number in sorted(Counter(each.sent.kind for each in entries).items())),
    ]
    for at, processes in run.memory:
        largest = max((each.kilobytes for each in processes), default=0)
        lines.append(f"{at:6} sent: {len(processes)} processes of at most {largest:,} KB")
    print("", *lines, sep="\n")  # noqa: T201 - for `pytest -s`


def test_the_requests_are_of_every_kind_and_were_disturbed(closed: Closed) -> None:
    answers = Counter(entry.status for entry in closed.entries.values())

    assert len(closed.entries) >= REQUESTS
    assert set(answers) >= {200, 201, 204, 400, 401, 403, 404, 409, 410}
    assert answers[200] > REQUESTS / 3
    assert closed.run.restarts == 2
    assert len(closed.run.kills) > 10
    # Whatever is in doubt was cut off: a thousandth of the requests at least, a fifth at most.
    assert REQUESTS / 1000 < sum(entry.is_in_doubt for entry in closed.entries.values()) < REQUESTS / 5
    kinds = {entry.sent.kind for entry in closed.entries.values() if entry.is_done}
    assert len(kinds) > 25
    assert len(closed.run.outcomes.walks) > REQUESTS / 200


CHECKS: dict[str, Callable[[Closed], Iterable[str]]] = {
    "each version is of one request": lambda closed: closed.unattributed,
    "each acknowledged write is stored": lambda closed: faults_of_writes(closed.versions, closed.entries),
    "the answers allow one order": lambda closed: faults_of_order(closed.versions, closed.entries),
    "all items follow from the bodies": lambda closed: faults_of_items(closed.stored, closed.stack.base_url),
    "an identifier is of one resource": lambda closed: faults_of_uniqueness(closed.stored, OWN_SYSTEM),
    "events and requests agree": lambda closed: faults_of_events(closed.stored.events(), closed.entries),
    "page walks are complete": lambda closed: faults_of_walks(closed.run.outcomes.walks, closed.versions),
}


@pytest.mark.parametrize("check", CHECKS)
def test_nothing_is_amiss(closed: Closed, check: str) -> None:
    assert list(CHECKS[check](closed)) == []


@pytest.mark.parametrize(
    ("check", "tamper"),
    [
        (0, lambda one: without(one, "RecordTable", lambda item: item["sk"]["S"].startswith("#json#"))),
        (0, lambda one: without(one, "AuditTable", is_event_of_version)),
        (1, lambda one: changed(one, "update", headers={"etag": 'W/"999"'})),
        (1, lambda one: changed(one, "patch", status=409)),
        (1, lambda one: changed(one, "directory update", sent=one.run.ledger.entries[0].sent)),
        (2, lambda one: changed(one, "read of written", began=math.inf, headers={"etag": 'W/"1"'})),
        (3, lambda one: without(one, "RecordTable", lambda item: "?" in item["pk"]["S"])),
        (3, lambda one: without(one, "RecordTable", lambda item: "!" in item["pk"]["S"] and "ids" in item)),
        (3, lambda one: without(one, "ReferenceTable", lambda item: "closed" not in item)),
        (5, lambda one: without(one, "AuditTable", lambda item: is_event_of_read(one, item))),
        (5, lambda one: changed(one, "search", told={"another"})),
        (6, lambda one: with_walk_of(one, twice=True)),
        (6, lambda one: with_walk_of(one, twice=False)),
    ],
)
def test_a_check_finds_what_is_amiss(closed: Closed, check: int, tamper: Callable[[Closed], Closed]) -> None:
    assert list(list(CHECKS.values())[check](tamper(closed))) != []


def is_event_of_read(closed: Closed, item: Item) -> bool:
    """Return True for the event of a read that was answered: of one in doubt there may be none."""
    entry = closed.entries.get(item.get("request_id", {"S": ""})["S"])
    return item.get("interaction") == {"S": "read"} and entry is not None and entry.is_done


def is_event_of_version(item: Item) -> bool:
    return item.get("action") == {"S": "U"} and "/_history/" in item.get("ids", {"S": ""})["S"]


def without(closed: Closed, table: str, is_lost: Callable[[Item], bool]) -> Closed:
    """Return the ledger as if the last such item had been lost."""
    items = list(closed.stored.items[table])
    items.remove(next(item for item in reversed(items) if is_lost(item)))
    return _closed(closed, Stored({**closed.stored.items, table: items}), closed.entries)


def changed(closed: Closed, kind: str, **fields: Any) -> Closed:
    """Return the ledger as if the last request of a kind, of those that were done after a first, had been another."""
    done = [each for each in closed.entries.values() if each.sent.kind == kind and each.is_done and each.version != 1]
    last = done[-1]
    return _closed(closed, closed.stored, {**closed.entries, last.id: replace(last, **fields)})


def with_walk_of(closed: Closed, *, twice: bool) -> Closed:
    """Return the ledger as if one of the walks had missed a resource that stood still, or had it twice."""
    kind, walk = next(each for each in closed.run.outcomes.walks if each[1].patient in PATIENTS)
    found = [key for key in walk.found if key.startswith("Observation/")]
    tampered = replace(
        walk, found=[*walk.found, found[0]] if twice else [each for each in walk.found if each not in found]
    )
    outcomes = Outcomes([(kind, tampered)])
    return replace(closed, run=replace(closed.run, outcomes=outcomes))


def _closed(closed: Closed, stored: Stored, entries: dict[str, Entry]) -> Closed:
    versions, unattributed = versions_of(stored, entries, closed.run.sample)
    return replace(closed, stored=stored, entries=entries, versions=versions, unattributed=unattributed)


def test_failures_of_nobody_share_events(closed: Closed) -> None:
    failed = [each for each in closed.entries.values() if each.sent.kind == WRONG_SECRET]
    ids = {each.id for each in failed}
    events = [event for event in closed.stored.events() if event.request_id in ids]

    assert {each.status for each in failed if not each.is_in_doubt} <= {401, 429}
    assert 0 < len(events) == len({(event.at, event.why) for event in events}) <= len(failed)


def test_a_revoked_token_is_inactive_at_once_and_out_within_a_minute(closed: Closed) -> None:
    for active, revoked, inactive, used in closed.run.outcomes.ended:
        assert active.is_in_doubt or active.resource["active"] is True
        assert revoked.status == 200
        assert inactive.is_in_doubt or inactive.resource == {"active": False}
        assert used.is_in_doubt or used.status == 401
    assert closed.run.left is not None
    end = closed.run.left.ended
    uses = [each for each in closed.entries.values() if each.sent.kind == "leaving" and not each.is_in_doubt]
    assert {each.status for each in uses if each.ended < closed.run.left.began} == {200}
    assert {each.status for each in uses if each.began > end + CUT_OFF_SECONDS} == {401}


def test_the_usage_counters_have_what_was_charged(closed: Closed) -> None:
    """No request met the payer's, so each was charged once; an instance may end with small charges uncounted."""
    paid = [each for each in closed.entries.values() if each.sent.client == "payer" and each.sent.writes]
    done = sum(units_of(each.sent.body) for each in paid if each.is_done)
    doubtful = sum(units_of(each.sent.body) for each in paid if each.is_in_doubt)
    counted = sum(units for counter, units in closed.run.usage.items() if counter.startswith("payer#"))
    writers = [name for name in closed.run.instances.values() if "DirectoryWriter" in name]

    assert done > 0
    assert done - UNCOUNTED_UNITS * len(writers) <= counted <= done + doubtful


def units_of(body: Resource) -> int:
    """Return the units that the creation of a resource costs."""
    type_, id_ = resource_type("Organization"), str(uuid.uuid4())
    assert type_ is not None
    plan = plan_version(Target(type_, id_), {**body, "id": id_}, 1, int(time.time() * 1000), method="POST", status=201)
    return UNITS_PER_WRITE_UNIT * write_units(plan, 1)


def test_the_functions_memory_is_flat(closed: Closed) -> None:
    early: Counter[str] = Counter()
    for at, processes in closed.run.memory:
        if at <= min(2000, REQUESTS / 2):
            for each in processes:
                early[each.function] = max(early[each.function], each.kilobytes)
    _, last = closed.run.memory[-1]

    assert [each for each in last if each.kilobytes > early.get(each.function, 0) + MOST_GROWTH] == []


def verified(stack: RestartableStack, day: str) -> Verdict:
    outputs = stack.stack.outputs
    trail = DynamoDbTrail(stack.client("dynamodb"), outputs["AuditTable"])
    archive = S3Archive(stack.client("s3"), outputs["ArchiveBucket"])
    return verify_day(trail, archive, day, int(time.time() * 1000), retention_days=0)


def test_the_archive_has_all_events(closed: Closed) -> None:
    deadline = time.monotonic() + ARCHIVED_SECONDS
    days = {day_of(event.at) for event in closed.stored.events()}
    while True:
        verdicts = [verified(closed.stack, day) for day in sorted(days)]
        if not any(each.not_archived for each in verdicts) or time.monotonic() > deadline:
            break
        time.sleep(1)

    assert [each.findings for each in verdicts] == [()] * len(days)
    assert [each.not_archived for each in verdicts] == [0] * len(days)
    assert sum(each.archived for each in verdicts) >= len(closed.stored.events())


def test_nothing_of_a_patient_is_in_any_log(closed: Closed) -> None:
    functions = [name for name in closed.stack.stack.resources if name.endswith("Function")]
    log = "\n".join(line for name in functions for line in closed.stack.function_log(name))
    words = {"Patient/", "patient=", "birthdate=", "marker-"}
    for patient in (each for each in closed.run.sample.values() if each["resourceType"] == "Patient"):
        words |= {identifier["value"] for identifier in patient["identifier"] if len(identifier["value"]) > 9}
        words |= {name["family"] for name in patient.get("name", ()) if len(name.get("family", "")) > 5}

    assert "request" in log
    assert [word for word in sorted(words) if word in log] == []
