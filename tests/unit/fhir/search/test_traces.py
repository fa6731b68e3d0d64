"""Searches beside the traces of replaced versions show each resource once, and count what they read (ADR 53)."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect.search.values import order_text
from careconnect.storage.keys import change_partition, shard_of
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from fhir_reader.search.scan import MAX_ENTRIES_OF_PAGE


@pytest.fixture
def writer() -> Iterator[Writer]:
    with writer_in_memory() as made:
        made.made({**patient(), "id": "4"})
        made.made({**patient(), "id": "5"})
        yield made


def written(writer: Writer, id_: str, subject: str, **elements: Any) -> None:
    writer.now.now += 1
    assert writer.update(observation(subject, id=id_, **elements)).status < 300


def found(writer: Writer, query: str) -> list[str]:
    pages = writer.reader.walk("Observation", query)
    return [entry["resource"]["id"] for page in pages for entry in page.json.get("entry", ())]


@pytest.mark.parametrize("sort", ["_sort=_lastUpdated", "_sort=-_lastUpdated", "_lastUpdated=ge2000", "patient=4"])
def test_a_resource_that_was_written_often_is_found_once(writer: Writer, sort: str) -> None:
    for turn in range(6):
        for id_ in "ab":
            # Its entry in the compartment moves too.
            written(writer, id_, "Patient/4", effectiveDateTime=f"2020-01-0{turn + 1}")
    written(writer, "gone", "Patient/4")
    assert writer.delete("Observation/gone").status == 204

    for size in ("&_count=1", "&_count=50"):
        assert sorted(found(writer, sort + size)) == ["a", "b"]
    assert writer.reader.get("Observation", f"{sort}&_summary=count").total == 2


def test_what_has_left_a_record_is_not_shown_in_it(writer: Writer) -> None:
    written(writer, "stays", "Patient/4")
    written(writer, "moves", "Patient/4")
    written(writer, "moves", "Patient/5")

    everything = writer.reader.get("Patient/4/$everything").json
    assert [each["resource"]["id"] for each in everything["entry"]] == ["4", "stays"]
    assert everything["total"] == 2
    included = writer.reader.get("Patient", "_id=4&_revinclude=Observation:patient").json["entry"]
    assert [each["resource"]["id"] for each in included] == ["4", "stays"]
    assert found(writer, "patient=4") == ["stays"]


@pytest.mark.parametrize("sort", ["", "&_sort=date"])
def test_what_has_moved_between_two_ranges_of_a_search_is_found_once(sort: str, writer: Writer) -> None:
    for id_, before, after in (("a", "4", "5"), ("b", "5", "4")):
        written(writer, id_, f"Patient/{before}", effectiveDateTime="2020-01-01")
        written(writer, id_, f"Patient/{after}", effectiveDateTime="2020-01-01")

    for size in ("&_count=1", "&_count=50"):
        assert sorted(found(writer, f"patient=4,5{sort}{size}")) == ["a", "b"]


def test_a_page_ends_among_traces_and_the_next_goes_on_behind_them(writer: Writer) -> None:
    written(writer, "first", "Patient/4")
    began = int(writer.now.now) * 1_000
    for turn in range(3 * MAX_ENTRIES_OF_PAGE):
        trace = {"next": {"N": str(began + turn + 2)}, "version": {"N": str(turn + 1)}}
        key = {
            "pk": {"S": change_partition("Observation", shard_of("hot"))},
            "sk": {"S": f"{order_text(began + turn + 1)}#hot"},
        }
        writer.reader.client.put_item(TableName=writer.reader.tables.record, Item={**key, **trace})
    writer.now.now += 60
    written(writer, "last", "Patient/4")

    pages = writer.reader.walk("Observation", "_sort=_lastUpdated")
    shown = [[entry["resource"]["id"] for entry in page.json.get("entry", ())] for page in pages]
    assert [page.status for page in pages] == [200] * len(pages)
    assert shown == [["first"], [], [], ["last"]]
