"""A page costs a page, and its links lead to all of the matches (`search.md`, Totals and Paging; ADR 21)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import LOADED, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import LOINC, SNOMED, Resource, write_deletion, write_records
from fhir_reader import budget
from fhir_reader.search import plan_query as plan_query
from fhir_reader.search import scan, search_resources
from fhir_reader.search.chains import resolve as resolve_chains

pytestmark = pytest.mark.slow

SHARE = 25
"""Entries that a page examines in these tests, where a real one examines a thousand."""

PATIENTS = 60
SPARSE = ("w7", "w57")


def _patients() -> list[Resource]:
    """People born a day after the other, three of them on each day, and some on no day."""
    return [
        {
            "resourceType": "Patient",
            "id": f"w{number}",
            "name": [{"family": "Rare" if f"w{number}" in SPARSE else "Walker"}],
            "gender": ("male", "female")[number % 2],
            **({"birthDate": f"19{50 + number // 3}-01-01"} if number % 10 else {}),
        }
        for number in range(PATIENTS)
    ]


def _observations() -> list[Resource]:
    """One of each person: the same code of two systems, and now and then over years."""
    return [
        {
            "resourceType": "Observation",
            "id": f"v{number}",
            "status": "final",
            "code": {"coding": [{"system": (LOINC, SNOMED)[number % 2], "code": "8867-4"}]},
            "subject": {"reference": f"Patient/w{number}"},
            **(
                {"effectivePeriod": {"start": "1999", **({"end": "2001"} if number % 2 else {})}}
                if number % 15 == 0
                else {"effectiveDateTime": f"2001-01-{number % 28 + 1:02}"}
            ),
        }
        for number in range(PATIENTS)
    ]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader_in_memory() as reader:
        for third in range(3):
            folder = tmp_path_factory.mktemp("records")
            records = [*_patients(), *_observations()][third::3]
            load(reader, write_records(folder, records), at=LOADED + timedelta(days=third))
        yield reader


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scan, plan_query, search_resources):
        monkeypatch.setattr(module, "MAX_ENTRIES_OF_PAGE", SHARE)


SEARCHES = [
    ("Patient", ""),
    ("Patient", "gender=male"),
    ("Patient", "gender:not=male"),
    ("Patient", "birthdate:missing=true"),
    ("Patient", "birthdate=ge1960&gender=female"),
    ("Patient", "birthdate=lt1960"),
    ("Patient", "name=walker"),
    ("Patient", "name=rare"),
    ("Patient", "name=r,w"),
    ("Patient", "name:contains=are"),
    ("Patient", "name=walker&name:exact=Walker&birthdate=ge1970"),
    ("Patient", "_lastUpdated=ge2024-05-02"),
    ("Patient", "_sort=birthdate"),
    ("Patient", "_sort=-birthdate"),
    ("Patient", "_sort=birthdate&gender=male"),
    ("Patient", "_sort=_lastUpdated"),
    ("Patient", "_sort=-_lastUpdated&_lastUpdated=lt2024-05-03"),
    ("Patient", "_sort=_lastUpdated&name=rare"),
    ("Patient", "_sort=_lastUpdated&_id=w1,w2,w3,w40"),
    ("Patient", "_sort=family"),
    ("Observation", "code=8867-4"),
    ("Observation", f"code={LOINC}|8867-4"),
    ("Observation", f"code={LOINC}|8867-4,8867-4"),
    ("Observation", "code=8867-4&date=2001-01-05"),
    ("Observation", "date=gt2001-01-05"),
    ("Observation", "date=ge2003"),
    ("Observation", "date=ap2001-01-05"),
    ("Observation", "_sort=date&date=ge2001-01-20"),
    ("Observation", "patient=w1,w2,w3"),
    ("Observation", "patient=w0,w15,w30,w31&date=gt2001-01-05"),
    ("Observation", f"code={LOINC}|8867-4&date=ge2001-01-15"),
    ("Observation", "patient.gender=male"),
    ("Observation", "patient.name=rare"),
    ("Observation", "patient.name=walker&_sort=date"),
    ("Observation", "patient.name=rare&_sort=_lastUpdated"),
    ("Patient", "_has:Observation:patient:date=2001-01-05"),
    ("Patient", "_has:Observation:patient:code=8867-4"),
]


def ids(pages: list[Answer]) -> list[str]:
    return [one for page in pages for one in page.ids()]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(("type_name", "query"), SEARCHES)
def test_a_walk_finds_what_one_page_would(
    everybody: Reader, type_name: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = everybody.walk(type_name, f"{query}&_count=7")
    with monkeypatch.context() as patched:
        for module in (scan, plan_query, search_resources):
            patched.setattr(module, "MAX_ENTRIES_OF_PAGE", 1_000)
        at_once = everybody.walk(type_name, f"{query}&_count=100")

    assert ids(walked) == ids(at_once)
    assert len(at_once) == 1
    assert at_once[0].total == len(ids(at_once))
    assert {page.json.get("total") for page in walked} <= {None, len(ids(at_once))}
    assert all(len(page.ids()) <= 7 for page in walked)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("total", ["", pytest.param("&_total=none", marks=pytest.mark.long)])
def test_a_page_examines_its_share_and_no_more(everybody: Reader, total: str) -> None:
    for type_name, query in SEARCHES:
        # One reads all that matches; others look from their other side too, which has a share of its own.
        if query.startswith("_sort=family") or "patient." in query or "_has" in query:
            continue
        for page in _fetched(everybody, type_name, f"{query}&_count=5{total}"):
            # Twice: to plan the access path, and to read it. Each range may return one more than was requested.
            assert page <= 2 * (SHARE + 8) + 8, (query, page)


@pytest.mark.usefixtures("small_pages")
def test_long_periods_beside_a_type_cost_a_page_little(everybody: Reader) -> None:
    first, *_ = _fetched(everybody, "Observation", "date=gt2001-01-05&_count=5")

    # Four shards with the share among them, and the four periods that are there.
    assert first <= SHARE + 4 + 4


def _fetched(reader: Reader, type_name: str, query: str) -> list[int]:
    """Return the number of index entries that DynamoDB returned for each page of a scan."""
    given: list[int] = []

    def note(parsed: dict[str, Any], **_: Any) -> None:
        given[-1] += len(parsed["Items"])

    events = reader.client.meta.events
    events.register("after-call.dynamodb.Query", note)
    given.append(0)
    page = reader.get(type_name, query)
    while url := page.link("next"):
        given.append(0)
        page = reader.follow(url)
    events.unregister("after-call.dynamodb.Query", note)
    return given


@pytest.mark.usefixtures("small_pages")
def test_a_page_that_has_looked_enough_is_short_and_goes_on(everybody: Reader) -> None:
    pages = everybody.walk("Patient", "name:contains=rare")

    assert ids(pages) == ["w57", "w7"]
    assert [len(page.ids()) for page in pages].count(0) >= 1
    assert all("total" not in page.json for page in pages)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("gender=male", None),
        ("gender=male&_total=estimate", None),
        ("gender=male&_total=accurate", 30),
        ("gender=male&_summary=count", 30),
        ("gender=male&_count=0", 30),
        ("gender=male&_count=0&_total=none", 30),
        ("name=rare", 2),
        ("name=rare&_total=estimate", 2),
        ("name=rare&_total=none", None),
        ("birthdate=1950,1951&name=rare", 0),
    ],
)
def test_a_total_is_reported_if_it_is_found_meanwhile_or_asked_for(everybody: Reader, query: str, total: int) -> None:
    assert everybody.get("Patient", query).json.get("total") == total


@pytest.mark.usefixtures("small_pages")
def test_a_total_that_was_asked_for_stays_with_the_walk(everybody: Reader) -> None:
    pages = everybody.walk("Patient", "gender=male&_total=accurate&_count=10")

    assert [page.total for page in pages] == [30] * 3


@pytest.mark.usefixtures("small_pages")
def test_a_page_ends_where_more_lookups_cannot_be_afforded(everybody: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person takes one lookup, and none of them matches."""
    monkeypatch.setattr(resolve_chains, "resolve_condition", lambda *_: None)
    monkeypatch.setattr(search_resources, "resolve_condition", lambda *_: None)
    monkeypatch.setattr(budget, "MAX_CALLS", 45)
    nobody = "_has:Observation:patient:date=1950"

    pages = everybody.walk("Patient", nobody)

    assert ids(pages) == []
    assert len(pages) > 4
    answer = everybody.get("Patient", f"{nobody}&_count=0")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert answer.issue["diagnostics"].startswith("_total: more than 120 lookups would be made")
    assert "ask for pages without a total" in answer.issue["diagnostics"]


@pytest.mark.usefixtures("small_pages")
def test_a_page_that_has_looked_enough_decides_what_waits_for_a_lookup(
    everybody: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a name is on a page's share, and lookups are made for several together."""
    monkeypatch.setattr(resolve_chains, "resolve_condition", lambda *_: None)
    monkeypatch.setattr(search_resources, "resolve_condition", lambda *_: None)

    pages = everybody.walk("Patient", "name:contains=rare&_has:Observation:patient:code=8867-4")

    assert ids(pages) == ["w57", "w7"]
    assert all("total" not in page.json for page in pages)


@pytest.mark.parametrize("asked", ["_sort=family", "gender=male&_count=0"])
def test_what_asks_for_all_is_refused_beyond_what_a_request_may_examine(
    everybody: Reader, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_resources, "MAX_ENTRIES", 30)

    answer = everybody.get("Patient", asked)

    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert "more than 30 " in answer.issue["diagnostics"]


@pytest.mark.usefixtures("small_pages")
def test_a_code_of_many_systems_is_found_through_the_type(tmp_path: Path) -> None:
    many = [
        one | {"code": {"coding": [{"system": f"https://codes.example/{number % 12}", "code": "c"}]}}
        for number, one in enumerate(_observations())
    ]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, many))

        found = ids(reader.walk("Observation", "code=c"))

    assert len(found) == len(set(found)) == PATIENTS


@pytest.mark.parametrize("text", ["exact", "ACCURATE", "true"])
def test_total_takes_three_words(everybody: Reader, text: str) -> None:
    answer = everybody.get("Patient", f"_total={text}")

    assert answer.status == 400
    assert answer.issue["diagnostics"].startswith("_total: takes none, estimate, accurate.")


@pytest.mark.parametrize("number", [SHARE, SHARE + 1])
@pytest.mark.usefixtures("small_pages")
def test_a_range_that_ends_within_the_share_has_a_total(tmp_path: Path, number: int) -> None:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, _patients()[:number]))

        total = reader.get("Patient", "_count=2").json.get("total")

    assert total == (number if number <= SHARE else None)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "query",
    [
        "_count=4&_sort=birthdate",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("_count=4", "_count=4&_sort=_lastUpdated")),
        pytest.param("name=w&_count=4", marks=pytest.mark.long),
    ],
)
def test_a_walk_misses_nothing_that_stays_while_others_write(query: str, tmp_path: Path) -> None:
    """Between pages people come and go, and one is born elsewhere. Each person that keeps its position appears once."""
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, _patients()))
        seen: list[str] = []
        page, number = reader.get("Patient", query), 0
        while True:
            seen += page.ids()
            if not (url := page.link("next")):
                break
            number += 1
            if number < 10:
                at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)
                new = {
                    "resourceType": "Patient",
                    "id": f"new{number}",
                    "name": [{"family": "Walker"}],
                    "birthDate": "1965",
                }
                moved = _patients()[50] | {"birthDate": f"{1900 + number % 90}"}
                load(reader, write_records(tmp_path, [new, moved]), at=at)
                load(reader, write_deletion(tmp_path, "Patient", f"w{number}"), at=at)
            page = reader.follow(url)
            assert page.status == 200

    kept = {f"w{number}" for number in range(PATIENTS)} - {f"w{number}" for number in range(1, 10)} - {"w50"}
    if query.startswith("name"):
        kept -= set(SPARSE)
    assert kept <= set(seen)
    assert all(seen.count(one) == 1 for one in kept)
