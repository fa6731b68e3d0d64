"""A search by scopes with a suffix is the same search with the suffix as one more criterion (`access.md`)."""

from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import Reader
from fhir_reader import budget
from fhir_reader.opened import SearchLimits
from fhir_reader.search import filter as filter_
from fhir_reader.search import scan, search_resources

CATEGORY = "http://hl7.org/fhir/observation-category"
LABS = f"user/Observation.rs?category={CATEGORY}|laboratory"
OTHERS = "user/Patient.rs user/Encounter.rs user/EpisodeOfCare.rs"

SUFFIXES = [
    # The scopes, and the criteria of a search that finds the same.
    (LABS, f"category={CATEGORY}|laboratory"),
    ("user/Observation.s?category=laboratory", "category=laboratory"),
    ("user/Observation.rs?category=laboratory&status=final", "category=laboratory&status=final"),
    ("user/Observation.rs?code=29463-7 patient/Observation.s?code=8867-4", "code=29463-7,8867-4"),
    ("user/Observation.rs?code=http://loinc.org|29463-7", "code=http://loinc.org|29463-7"),
    ("user/Observation.rs?_tag=urn:tags|study", "_tag=urn:tags|study"),
    ("user/Observation.rs?category=unheard-of", "category=unheard-of"),
]
QUERIES = [
    "",
    "_count=1",
    "_count=2&_total=none",
    "_count=2&_total=accurate",
    "_count=0",
    "_summary=count",
    "patient=1",
    "patient=1&_count=2",
    "patient=2&_total=accurate",
    "patient=9",
    "_id=lab1,vital1,none,both,absent",
    "_id=vital1",
    "_id=gone-lab",
    "status=final&_sort=-date",
    "_sort=date&_count=3",
    "_sort=_lastUpdated&_count=3",
    "_sort=_id&_count=3",
    "_sort=-value-string,date&_count=3",
    "code=8867-4&_count=2",
    "category=vital-signs",
    "category=laboratory",
    "category:not=laboratory",
    "category:missing=true",
    "date=2020-01-02",
    "encounter=open",
    "encounter.status=finished",
    "patient.name=kanfeld&_count=2",
    "subject:Patient.name=munoz",
    "_include=Observation:encounter&_count=2",
    "_include=Observation:encounter&_include:recurse=*&_count=3",
    "_format=xml&_count=2",
    "_elements=status&_count=2",
]


def seen(answer: Answer) -> tuple[Any, ...]:
    """Return what an answer tells but its own links' texts: of all that is the same for both callers."""
    if not answer.text.startswith("{"):
        return answer.status, answer.text.count("<entry>"), "total" in answer.text
    bundle = answer.json
    return answer.status, bundle.get("total"), bundle.get("entry"), bundle.get("issue"), sorted(_relations(bundle))


def _relations(bundle: dict[str, Any]) -> list[str]:
    return [link["relation"] for link in bundle.get("link", ())]


def pages(reader: Reader, path: str, query: str) -> tuple[list[tuple[Any, ...]], list[str], list[tuple[str, str, str]]]:
    """Return all pages of a search, the calls that they took, and whom their events name."""
    reader.calls.clear()
    reader.kept.events.clear()
    answers = [reader.get(path, query)]
    while "searchset" in answers[-1].text and "_format=xml" not in query and (url := answers[-1].link("next")):
        answers.append(reader.follow(url))
    events = sorted((each.patient, each.outcome.value, each.why) for each in reader.kept.events)
    return [seen(answer) for answer in answers], list(reader.calls), events


@pytest.mark.parametrize("path", ["Observation", "Patient/1/Observation"])
@pytest.mark.parametrize(("scope", "criteria"), SUFFIXES)
def test_the_suffix_is_one_more_criterion(reader: Reader, path: str, scope: str, criteria: str) -> None:
    limited = reader.as_caller(f"{scope} {OTHERS}")
    for query in QUERIES:
        with_criteria = "&".join(filter(None, (query, criteria)))

        assert pages(limited, path, query) == pages(reader, path, with_criteria), query


ADDED = [
    # What scopes open together, though no criterion says it.
    (f"{LABS} user/Observation.rs?status=amended", {"lab1", "lab2", "lab3", "lab4", "both", "became-lab", "again"}),
    (
        "user/Observation.rs?category=vital-signs&code=29463-7 user/Observation.s?category=laboratory&status=amended",
        {"vital3", "lab2"},
    ),
    (
        "user/Observation.rs?category=laboratory&code=29463-7 user/Observation.rs?_tag=study",
        {"lab3", "lab4", "both", "vital2"},
    ),
    (f"{LABS} {LABS}&status=amended", {"lab1", "lab2", "lab3", "lab4", "both", "became-lab", "again"}),
]


@pytest.mark.parametrize(("scope", "opened"), ADDED)
@pytest.mark.parametrize("query", ["", "_sort=_lastUpdated", "_sort=date", "_sort=_id"])
def test_several_scopes_add_up(reader: Reader, scope: str, opened: set[str], query: str) -> None:
    limited = reader.as_caller(scope)

    answer = limited.get("Observation", query)

    assert (set(answer.ids()), answer.total, answer.link("next")) == (opened, len(opened), "")
    assert limited.get("Observation", f"{query}&_count=0").total == len(opened)
    by_twos = [each for page in limited.walk("Observation", f"{query}&_count=2") for each in page.ids()]
    assert by_twos == answer.ids()
    every = reader.get("Observation", f"{query}&_count=100").ids()
    assert answer.ids() == [each for each in every if each in opened]
    for type_ in ("status", "code"):
        both = limited.get("Observation", f"{type_}:missing=false&{query}")
        assert both.ids() == answer.ids()


def test_a_scope_without_a_suffix_leaves_the_search_as_it_was(reader: Reader) -> None:
    for scope in (f"{LABS} user/Observation.s", f"{LABS} system/*.s", "user/Observation.s user/Observation.r?code=1"):
        assert pages(reader.as_caller(scope), "Observation", "_count=3") == pages(reader, "Observation", "_count=3")


def test_self_shows_what_was_asked(reader: Reader) -> None:
    answer = reader.as_caller(LABS).get("Observation", "patient=1&_count=1")

    assert answer.link("self").endswith("/Observation?patient=1&_count=1")
    assert "laboratory" not in answer.link("next")


def test_a_form_is_searched_likewise(reader: Reader) -> None:
    limited = reader.as_caller(LABS)
    walked = limited.walk("Observation", "patient=1&_count=2")

    posted = [limited.post("Observation/_search", "patient=1&_count=2")]
    while url := posted[-1].link("next"):
        posted.append(limited.follow(url))

    assert len(posted) > 2
    assert [page.ids() for page in posted] == [page.ids() for page in walked]


def test_a_next_link_is_of_its_own_scopes(reader: Reader) -> None:
    url = reader.as_caller(LABS).get("Observation", "_count=1").link("next")

    for scope in ("user/Observation.rs", "user/Observation.rs?category=laboratory", f"{LABS} user/Observation.r"):
        assert reader.as_caller(scope).follow(url).status == 400


def test_what_is_too_costly_is_so_with_the_criterion_too(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (budget, scan, search_resources):
        monkeypatch.setattr(module, "MAX_ENTRIES", 8)
    monkeypatch.setattr(search_resources, "MAX_ENTRIES_OF_PAGE", 8)
    limited = reader.as_caller(LABS)
    for query in ("_total=accurate", "_count=0", "_sort=_id", "_count=3"):
        found = pages(limited, "Observation", query)
        assert found == pages(reader, "Observation", f"{query}&category={CATEGORY}|laboratory")


def test_many_suffixes_are_charged_as_comparisons(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    seen_ = []
    monkeypatch.setattr(budget.RequestBudget, "examine", lambda _, entries=1: seen_.append(entries))
    scopes = " ".join(f"user/Observation.rs?category=c{number}&status=final" for number in range(8))

    reader.as_caller(f"{scopes} user/Observation.rs?code=1").get("Observation", "")

    # Seventeen pairs: twice as many as an entry covers.
    assert set(seen_) == {2}
    seen_.clear()
    single = " ".join(f"user/Observation.rs?category=c{number}" for number in range(17))
    reader.as_caller(single).get("Observation", "")
    # Codes of one parameter are looked up at once.
    assert seen_ == []


def test_a_page_reads_on_for_what_several_suffixes_open(reader: Reader) -> None:
    """As for a criterion: a second query would take longer than the entries cost."""
    caller = reader.as_caller("user/Observation.rs?_tag=study user/Observation.rs?code=29463-7")
    reader.calls.clear()

    assert caller.get("Observation", "patient=1&_count=1").ids() == ["both"]
    assert reader.calls == ["Query", "BatchGetItem"]


@pytest.mark.parametrize("query", ["_count=100", "_count=0", "patient=1", "_sort=_id"])
def test_the_pairs_of_several_suffixes_by_the_same_parameters_are_not_mixed(reader: Reader, query: str) -> None:
    scopes = [
        "user/Observation.s?category=laboratory&status=amended",
        "user/Observation.s?category=vital-signs&status=final",
    ]
    each = [reader.as_caller(scope).get("Observation", query) for scope in scopes]

    answer = reader.as_caller(" ".join(scopes)).get("Observation", query)

    assert answer.total == sum(one.total or 0 for one in each)
    assert sorted(answer.ids()) == sorted(id_ for one in each for id_ in one.ids())


EITHER = f"{LABS} user/Observation.rs?status=amended"
"""What no criterion says."""


@pytest.mark.parametrize("scope", [LABS, EITHER])
@pytest.mark.parametrize("query", ["", "patient=1", "_sort=_id", "_id=lab1,vital1"])
def test_the_check_of_entries_holds_though_the_plan_knows_no_suffix(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, scope: str, query: str
) -> None:
    expected = reader.as_caller(scope).get("Observation", query)
    monkeypatch.setattr(search_resources, "search_limits", lambda *_: SearchLimits())

    answer = reader.as_caller(scope).get("Observation", query)

    assert (answer.ids(), answer.total) == (expected.ids(), expected.total)


@pytest.mark.parametrize("query", ["", "patient=1", "_sort=_id", "_id=lab1,vital1"])
def test_the_plan_holds_though_no_entry_is_checked(reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    expected = reader.as_caller(LABS).get("Observation", query)
    monkeypatch.setattr(filter_, "search_limits", lambda *_: SearchLimits())

    answer = reader.as_caller(LABS).get("Observation", query)

    assert (answer.ids(), answer.total) == (expected.ids(), expected.total)


@pytest.mark.parametrize("scope", [LABS, EITHER])
def test_each_body_is_judged_whatever_its_entry_said(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    expected = reader.as_caller(scope).get("Observation", "").ids()
    for module in (filter_, search_resources):
        monkeypatch.setattr(module, "search_limits", lambda *_: SearchLimits())

    assert reader.as_caller(scope).get("Observation", "").ids() == expected
