"""An index entry that lags behind its body: whatever the entry says, the body's own patients decide (ADR 14)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careconnect_testing.parts.stores import EVERYTHING, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import write_deletion, write_records

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lagging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The few records, with Observation/o7 given to Patient 5 in its body while its entries still say 4."""
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("records")))
        reader.give_away("Observation/o7", "5")
        yield reader


QUERIES = [
    ("Observation", "_id=o7"),
    ("Observation", "_id=o6,o7,o8"),
    ("Observation", ""),
    ("Observation", "patient=4"),
    ("Observation", "code=8867-4&_sort=date"),
    ("Patient/4/$everything", "_count=100"),
]


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(("path", "query"), QUERIES)
def test_a_bound_client_is_not_shown_a_body_that_came_to_another_patient(
    lagging: Reader, path: str, query: str, form: str
) -> None:
    asked = f"{query}&_format={form}"
    assert '"o7"' in lagging.get(path, asked).text, "who is bound to nobody still finds it"

    answer = lagging.as_caller(EVERYTHING, "4").get(path, asked)

    assert answer.status == 200
    assert '"o7"' not in answer.text
    assert "Observation/o7" not in answer.text


def test_what_lags_is_passed_over_and_the_walk_goes_on(lagging: Reader) -> None:
    pages = lagging.as_caller(EVERYTHING, "4").walk("Observation", "_count=3")

    assert [id_ for page in pages for id_ in page.ids()] == [f"o{number}" for number in range(12, 0, -1) if number != 7]


def test_its_new_owner_reads_it_by_id_before_its_entries_follow(lagging: Reader) -> None:
    assert lagging.as_caller(EVERYTHING, "5").get("Observation/o7").status == 200
    assert lagging.as_caller(EVERYTHING, "4").get("Observation/o7").status == 404


def test_a_body_that_is_deleted_while_its_entry_stays_is_passed_over(tmp_path: Path) -> None:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path))
        entry = {"pk": {"S": "Condition/c1"}, "sk": {"S": "#index"}}
        kept = reader.client.get_item(TableName=reader.tables.record, Key=entry)["Item"]
        load(reader, write_deletion(tmp_path, "Condition", "c1"))
        reader.client.put_item(TableName=reader.tables.record, Item=kept)

        assert reader.get("Condition", "_id=c1,c2").ids() == ["c2"]
