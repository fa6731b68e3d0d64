"""A page of `$everything` examines a bounded part of the record (`access.md`, Kill switch and budgets)."""

import pytest

from careconnect_testing.parts.stores import Reader
from fhir_reader import budget, patient_everything

PATH = "Patient/4/$everything"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page examine seven entries."""
    monkeypatch.setattr(patient_everything, "MAX_MEMBERS", 7)


def test_the_whole_is_reported_and_counted_where_one_page_sees_it(reader: Reader) -> None:
    answer = reader.get(PATH, "_count=5")

    assert answer.total is not None
    assert answer.total > 20
    assert {page.total for page in reader.walk(PATH, "_count=5")} == {answer.total}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("count", [1, 3, 6, 7, 100])
def test_a_long_record_has_no_total_and_a_walk_that_is_complete(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    pages = reader.walk(PATH, f"_count={count}")
    monkeypatch.undo()
    read_all = reader.get(PATH, "_count=100")

    assert [found for page in pages for found in page.found()] == read_all.found()
    assert {page.total for page in pages} == {None}


@pytest.mark.usefixtures("few")
def test_neither_format_tells_a_total_that_is_not_known(reader: Reader) -> None:
    assert "total" not in reader.get(PATH, "_count=1").json
    assert "<total" not in reader.get(PATH, "_count=1&_format=xml").text


@pytest.mark.parametrize("types", [["Procedure"], ["Encounter", "Goal", "Procedure"], ["AllergyIntolerance"]])
@pytest.mark.parametrize("count", [1, 100])
def test_what_is_not_opened_or_not_asked_for_costs_nothing(reader: Reader, types: list[str], count: int) -> None:
    record = [one for page in reader.walk(PATH, "_count=100") for one in page.found()]
    expected = [one for one in record if one.partition("/")[0] in types]
    scope = " ".join(f"system/{each}.rs" for each in ("Patient", *types))
    opened = reader.as_caller(scope).walk(PATH, f"_count={count}")
    asked = reader.walk(PATH, f"_count={count}&_type={','.join(types)}")

    assert [one for page in opened for one in page.found()] == ["Patient/4", *expected]
    assert [one for page in asked for one in page.found()] == expected
    for caller, query in ((reader.as_caller(scope), ""), (reader, f"_type={','.join(types)}")):
        caller.calls.clear()
        caller.get(PATH, query)
        # One for neighbours among the types, and those of bodies and includes.
        assert caller.calls.count("Query") <= len(types)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_the_number_alone_is_exact_or_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    answer = reader.get(PATH, query)
    assert answer.total is not None
    assert answer.total > 20

    for module in (budget, patient_everything):
        monkeypatch.setattr(module, "MAX_ENTRIES", 10)
    answer = reader.get(PATH, query)
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert answer.issue["diagnostics"].startswith("$everything: ")


@pytest.mark.usefixtures("few")
def test_a_page_makes_one_query_however_long_the_record_is(reader: Reader) -> None:
    page = reader.get(PATH, "_count=3")
    reader.calls.clear()
    reader.follow(page.link("next"))

    assert reader.calls.count("Query") == 1


@pytest.mark.parametrize(
    ("scope", "patient", "status"),
    [("system/*.read", "5", 404), ("patient/*.read", "5", 404), ("system/Observation.read", "", 403)],
)
def test_who_may_not_see_the_patient_has_nothing_of_the_record_looked_up(
    reader: Reader, scope: str, patient: str, status: int
) -> None:
    assert reader.as_caller(scope, patient).get(PATH).status == status

    assert {*reader.calls} <= {"GetItem"}


@pytest.mark.parametrize("query", ["", "_count=0"])
def test_a_patient_that_is_not_there_has_no_record(reader: Reader, query: str) -> None:
    answer = reader.get("Patient/nobody/$everything", query)

    assert (answer.status, answer.issue["code"]) == (404, "not-found")
