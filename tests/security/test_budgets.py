"""The maximum cost of one request and of one client, over HTTP (`access.md`, Kill switch and budgets)."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from careconnect.fhir.resource_types import REVERSE_INCLUDES
from careconnect.storage.keys import resource_key
from careconnect.storage.quota import UNITS_PER_MINUTE, WINDOW
from careconnect.storage.usage_counters import DynamoDbUsageCounters
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.api import Api
from careconnect_testing.http.events import Pairs
from careconnect_testing.http.writes import WritingClient
from careconnect_testing.records.few_records import Resource, write_records
from careconnect_testing.search.search_reader import HttpReader, walk

# Its own stack or records are made once a process.
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("budgets")]

EVERYTHING = "system/*.read profile"
PATIENTS = 120
CROWDED = 3_000
"""Entries in one patient's compartment."""


@pytest.fixture(scope="module")
def api(
    local_stack: LocalStack, http: httpx.Client, record_tables: RecordTables, tmp_path_factory: pytest.TempPathFactory
) -> Api:
    """Return a stack with people of a few records each, and one person with thousands of entries."""
    people: list[Resource] = [
        resource
        for number in range(PATIENTS)
        for resource in (
            {"resourceType": "Patient", "id": f"b{number}", "gender": "male", "birthDate": "1970-01-01"},
            {
                "resourceType": "Observation",
                "id": f"b{number}-o",
                "status": "final",
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "364075005"}]},
                "subject": {"reference": f"Patient/b{number}"},
            },
            {
                "resourceType": "Procedure",
                "id": f"b{number}-p",
                "status": "completed",
                "subject": {"reference": f"Patient/b{number}"},
            },
        )
    ]
    path = write_records(tmp_path_factory.mktemp("people"), [*people, {"resourceType": "Patient", "id": "crowded"}])
    assert not load_paths([path], record_tables, base_url=local_stack.base_url).problems
    _crowd(record_tables)
    return Api(local_stack, http)


def _crowd(tables: RecordTables) -> None:
    """Write the entries of a large record, as the loader would; no test reads the resources themselves."""
    entries = [
        {
            "pk": {"S": resource_key("Patient", "crowded")},
            "sk": {"S": f"Observation?patient#000000000000000#c{number:05}"},
            "values": {"S": '{"patient":["Patient/crowded"]}'},
        }
        for number in range(CROWDED)
    ]
    for start in range(0, len(entries), 25):
        requests: Any = [{"PutRequest": {"Item": entry}} for entry in entries[start : start + 25]]
        assert not tables.client.batch_write_item(RequestItems={tables.record: requests})["UnprocessedItems"]


@pytest.fixture
def reader(api: Api, request: pytest.FixtureRequest) -> HttpReader:
    """Return a client of this test alone, with an unspent quota."""
    return _reader(api, f"budget-{abs(hash(request.node.nodeid))}")


def _reader(api: Api, client_id: str, scope: str = EVERYTHING) -> HttpReader:
    return HttpReader(api.http, {"Authorization": f"Bearer {api.register(client_id, scope)}"})


def ask(reader: HttpReader, path: str, parameters: Pairs) -> Answer:
    """Send the search; its duration is a matter for `make bench`, since other tests run at the same time."""
    return reader.post(path, parameters) if path.endswith("/_search") else reader.get(path, parameters)


def test_the_same_revinclude_sixty_times_is_asked_once(reader: HttpReader) -> None:
    """A 502 after 20 s, 4,504 queries at thirty times."""
    page = [("_count", "100"), ("gender", "male")]
    once = ask(reader, "Patient", [*page, ("_revinclude", "Observation:patient")])
    often = ask(reader, "Patient", [*page, *[("_revinclude", "Observation:patient")] * 60])

    assert (once.status, often.status) == (200, 200)
    assert often.found("include") == once.found("include")
    assert len(once.found("include")) >= 90


@pytest.mark.long
def test_nine_revincludes_of_a_hundred_patients_make_the_page_shorter(reader: HttpReader) -> None:
    """1,354 queries and 8.8 s."""
    reverse = [("_revinclude", f"{source}:{name}") for source, name in sorted(REVERSE_INCLUDES["Patient"])]
    assert len(reverse) >= 9

    first = ask(reader, "Patient", [("_count", "100"), ("birthdate", "1970-01-01"), *reverse])

    assert first.status == 200
    assert 0 < len(first.ids()) < 100
    ids = [id_ for page in walk(reader, first) for id_ in page.ids()]
    assert sorted(ids) == sorted(f"b{number}" for number in range(PATIENTS))


@pytest.mark.long
def test_four_thousand_sort_keys_are_the_few_that_they_name(reader: HttpReader) -> None:
    """13.9 s."""
    keys = ",".join(["-birthdate", "name"] * 2_250)

    many = ask(reader, "Patient/_search", [("_sort", keys), ("_count", "50")])

    assert many.status == 200
    assert many.ids() == reader.get("Patient", [("_sort", "-birthdate,name"), ("_count", "50")]).ids()


def test_criteria_by_the_hundred_are_bounded(reader: HttpReader) -> None:
    """`code:not` with 99 values 150 times: 10.4 s of CPU."""
    values = [",".join(f"{number}x{place}" for place in range(60)) for number in range(100)]

    number = ask(reader, "Observation/_search", [("_summary", "count"), *(("code:not", one) for one in values)])

    assert number.status == 200 or (number.status, number.issue["code"]) == (400, "too-costly")
    contains = ask(reader, "Patient/_search", [("name:contains", one) for one in values])
    assert (contains.status, contains.issue["code"]) == (400, "too-costly")
    assert contains.issue["diagnostics"].startswith("Patient: more than 20,000 index entries")


def test_chains_by_the_hundred_cost_what_one_request_may(reader: HttpReader) -> None:
    """190 chains on one parameter: 760 queries."""
    chains = [("patient.gender", f"male,x{number}") for number in range(190)]

    answer = ask(reader, "Observation/_search", chains)

    if answer.status == 200:
        # Where there are too many such patients to begin with them, a page is a page.
        one = reader.post("Observation/_search", chains[:1])
        assert answer.ids() == one.ids()[: len(answer.ids())]
    else:
        assert (answer.status, answer.issue["code"]) == (400, "too-costly")
        assert answer.issue["diagnostics"].startswith("patient.gender: more than ")
        assert answer.issue["expression"] == ["http.patient.gender"]


def test_everything_reads_a_page_and_not_the_whole_compartment(reader: HttpReader) -> None:
    """`$everything?_count=1` read a compartment of 200,000 to its end."""
    first = ask(reader, "Patient/crowded/$everything", [("_count", "1")])

    assert (first.status, first.ids()) == (200, ["crowded"])
    assert first.total is None
    assert first.link("next")
    whole = ask(reader, "Patient/b1/$everything", [("_count", "1")])
    assert whole.total == 3


@pytest.mark.long
def test_everything_does_not_examine_what_the_token_does_not_open(api: Api) -> None:
    """It had empty pages, each with a next one, for thousands of Observations that it may not show."""
    reader = _reader(api, "budget-patients-alone", "system/Patient.rs system/Procedure.rs")

    pages = walk(reader, reader.get("Patient/crowded/$everything", [("_count", "10")]))

    assert [page.ids() for page in pages] == [["crowded"]]


@pytest.mark.long
def test_a_client_over_its_quota_is_429_and_others_are_not(api: Api) -> None:
    reader, other = _reader(api, "budget-spent"), _reader(api, "budget-other")
    _spend(api, "budget-spent", UNITS_PER_MINUTE * 9 // 10)
    reverse = [("_revinclude", f"{source}:{name}") for source, name in sorted(REVERSE_INCLUDES["Patient"])]
    dear = [("_count", "100"), ("gender", "male"), *reverse]

    refused = next(answer for answer in _until_refused(reader, dear) if answer.status == 429)

    assert refused.issue["code"] == "throttled"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # Cheap requests are still answered, for this client as for the others.
    assert reader.get("Patient/b1").status == 200
    assert other.get("Patient", dear).status == 200


@pytest.mark.long
def test_m5_a_client_that_patches_a_large_resource_again_and_again_is_429_and_others_are_not(api: Api) -> None:
    """M5: each patch of 58 bytes kept another 340 KB for ever."""
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 338_000}</div>'
    large = {"resourceType": "Patient", "id": "m5-large", "text": {"status": "generated", "div": narrative}}
    writers = (WritingClient(api.http, api.register(name, "system/*.cruds")) for name in ("m5-writer", "m5-other"))
    writer, other = writers
    assert writer.update(large).status_code == 201

    genders = [{"op": "add", "path": "/gender", "value": value} for value in ("male", "female") * 40]
    patches = (writer.patch("Patient/m5-large", each) for each in genders)
    # 18 in a minute. Another minute must not begin before the next write, which is refused too.
    answer = next(each for each in patches if each.status_code != 200 and each.headers["Retry-After"] not in ("1", "2"))

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert writer.create({"resourceType": "Patient"}).status_code == 429
    assert other.create({"resourceType": "Patient"}).status_code == 201
    assert writer.get("Patient/m5-large").status_code == 200


def _spend(api: Api, client_id: str, units: int) -> None:
    """Have a client use units of this minute and of the next, as a hundred requests would in a minute and a half."""
    counters = DynamoDbUsageCounters(api.stack.client("dynamodb"), api.stack.stack.resources["UsageTable"])
    this_minute = int(time.time() // WINDOW)
    for window in (this_minute, this_minute + 1):
        counters.add(client_id, window, units, units)


def _until_refused(reader: HttpReader, parameters: Pairs) -> Iterator[Answer]:
    """Ask until the client's quota is spent; a new minute may begin once meanwhile."""
    for _ in range(120):
        answer = reader.get("Patient", parameters)
        assert answer.status in (200, 429), answer.text
        yield answer


@pytest.mark.long
@pytest.mark.timed
def test_a_client_that_abuses_without_pause_does_not_slow_the_others(api: Api) -> None:
    """Eight connections that ask for the dearest things: 14 s for another client's read.

    Held against the same eight connections with reads of one record, in turns: the machine is as busy then.
    """
    noisy, quiet = _reader(api, "budget-noisy"), _reader(api, "budget-quiet")
    reverse = [("_revinclude", f"{source}:{name}") for source, name in sorted(REVERSE_INCLUDES["Patient"])]
    abuse: list[tuple[str, Pairs]] = [
        ("Patient", [("_count", "100"), *reverse]),
        ("Observation", [("_count", "100")]),
        ("Observation", [("patient.gender", f"male,x{number}") for number in range(100)]),
    ]
    beside_reads: list[float] = []
    beside_abuse: list[float] = []

    for _ in range(3):
        with _hammered(api, noisy, [("Patient/b1", [])]):
            beside_reads.append(_p95(_latencies(quiet, seconds=5)))
        with _hammered(api, noisy, abuse):
            beside_abuse.append(_p95(_latencies(quiet, seconds=5)))

    # The middle one of three: the machine itself may pause during one of them.
    usual, abused = statistics.median(beside_reads), statistics.median(beside_abuse)
    assert abused < 3 * usual + 0.5, (beside_reads, beside_abuse)


@contextmanager
def _hammered(api: Api, reader: HttpReader, requests: Sequence[tuple[str, Pairs]]) -> Iterator[None]:
    """Send the requests over eight connections, without pause, as long as the block runs."""
    stop = threading.Event()

    def hammer() -> None:
        with httpx.Client(base_url=api.http.base_url, timeout=60, trust_env=False) as http:
            while not stop.is_set():
                for path, parameters in requests:
                    answer = HttpReader(http, reader.authorization).get(path, parameters)
                    assert answer.status in (200, 400, 429)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _latencies(reader: HttpReader, *, seconds: float) -> list[float]:
    found = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        assert reader.get("Patient/b1").status == 200
        found.append(time.monotonic() - began)
    return found


def _p95(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.95)]
