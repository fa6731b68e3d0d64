"""Requests between whose calls another client writes: nothing is passed over, nothing made twice, nobody else named."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from careconnect_testing.http.writes import NHS_NUMBER, observation, patient
from careconnect_testing.parts.record_writers import Writer

CONDITION = {"If_None_Exist": f"identifier={NHS_NUMBER}|9"}
Between = Callable[[str, Mapping[str, Any]], Callable[[], object] | None]


@contextmanager
def between(writer: Writer, choose: Between) -> Iterator[None]:
    """Before each call, do what `choose` returns for its operation and request; its own calls are left alone."""
    client: Any = writer.reader.client
    former = client.before

    def before(operation: str, request: Mapping[str, Any]) -> None:
        former(operation, request)
        if work := choose(operation, request):
            client.before = former
            work()
            client.before = before

    client.before = before
    try:
        yield
    finally:
        client.before = former


def test_a_match_that_is_deleted_meanwhile_takes_no_other_with_it(writer: Writer) -> None:
    for number in range(100):
        writer.made(patient(id=f"p{number:03}"))
    writer.made(observation("Patient/p099", id="o"))
    deleted: list[str] = []

    def delete(operation: str, request: Mapping[str, Any]) -> Callable[[], object] | None:
        # Its own body's call: the body of the Observation is read by another one, perhaps at the same time.
        keys = [key for each in request.get("RequestItems", {}).values() for key in each.get("Keys", ())]
        if operation != "BatchGetItem" or deleted or {"pk": {"S": "Patient/p050"}, "sk": {"S": "#json"}} not in keys:
            return None
        deleted.append("p050")
        return lambda: writer.delete("Patient/p050")

    with between(writer, delete):
        pages = writer.reader.walk("Patient", "_count=100&_revinclude=Observation:patient")

    found = [one.removeprefix("Patient/") for page in pages for one in page.found()]
    assert deleted
    assert sorted(found) == [f"p{number:03}" for number in range(100) if number != 50]


def test_an_identifier_that_is_lost_and_regained_meanwhile_is_not_given_twice(writer: Writer) -> None:
    writer.made(patient("9", id="a"))
    done: list[str] = []

    def lose_and_regain(operation: str, _request: Mapping[str, Any]) -> Callable[[], object] | None:
        if not done and operation == "BatchGetItem":
            done.append("lost")
            return lambda: writer.update(patient(id="a"))
        if done == ["lost"] and operation == "TransactWriteItems":
            done.append("regained")
            return lambda: writer.update(patient("9", id="a"))
        return None

    with between(writer, lose_and_regain):
        answer = writer.create(patient("9", gender="other"), **CONDITION)

    bearers = writer.reader.get("Patient", f"identifier={NHS_NUMBER}|9", Cache_Control="no-cache").ids()
    assert answer.status in (200, 201)
    assert len(bearers) == 1


def test_an_include_that_is_left_out_names_nobody_in_the_audit_trail(writer: Writer) -> None:
    for resource_id in ("4", "5"):
        writer.made(patient(id=resource_id))
    writer.made(observation("Patient/4", id="o", performer=[{"reference": "Patient/5"}]))
    bound = writer.reader.as_caller(patient="4")

    for path, query in (("Observation", "_include=Observation:performer"), ("Patient/4/$everything", "")):
        bound.kept.events.clear()
        answer = bound.get(path, query)

        assert "Patient/5" not in answer.found("include")
        assert {event.patient for event in bound.kept.events} == {"4"}


def test_a_long_name_that_results_are_sorted_by_fits_into_a_link(writer: Writer) -> None:
    for number in range(3):
        digits = "".join(f"{number}{each:04}" for each in range(6_000))
        writer.made(patient(id=f"p{number}", name=[{"family": digits}]))

    pages = writer.reader.walk("Patient", "_sort=family&_count=1")

    assert [page.ids() for page in pages] == [["p0"], ["p1"], ["p2"]]
    assert len(pages[0].link("next")) < 2_000


def test_a_page_with_as_many_includes_as_it_may_have_ends_early_instead_of_failing(writer: Writer) -> None:
    for number in range(60):
        writer.made(patient(id=f"p{number}"))
        for each in range(18):
            writer.made(observation(f"Patient/p{number}", id=f"o{number}-{each}"))

    pages = writer.reader.walk("Patient", "_count=100&_revinclude=Observation:patient&_revinclude=Condition:patient")

    assert [page.status for page in pages] == [200] * len(pages)
    assert sum(len(page.found()) for page in pages) == 60
