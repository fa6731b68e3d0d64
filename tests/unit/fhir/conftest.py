"""The reader in memory, with a few records loaded once for each module."""

from collections.abc import Iterator

import pytest

from careconnect_testing.aws.tables import begin_table_with_fixed_key
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import write_records


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader over the few records; for tests that change nothing."""
    with reader_in_memory() as reader:
        for table in (reader.tables.record, reader.tables.directory):
            begin_table_with_fixed_key(reader.client, table)
        load(reader, write_records(tmp_path_factory.mktemp("records")))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    """The loaded reader, its calls counted from nothing and no fault about."""
    loaded.calls.clear()
    loaded.observer.clear()
    yield loaded
    loaded.faults.clear()
