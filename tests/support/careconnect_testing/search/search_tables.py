"""The search test records in memory, and the reader over them in this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_records.items.tables import RecordTables
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.parts.stores import BASE, made_tables
from careconnect_testing.search.search_corpus import corpus, load_corpus
from careconnect_testing.search.search_reader import EVERYTHING, InProcessReader


@dataclass(frozen=True)
class SearchTables:
    """Tables in memory with the records, and the records as sources."""

    tables: RecordTables
    resources: list[dict[str, Any]] = field(repr=False)
    fhir_base: str = BASE + FHIR_PATH

    def reader(
        self, scope: str = EVERYTHING, patient: str = "", now: Callable[[], float] = time.time
    ) -> InProcessReader:
        """Return the reader over the tables, with the access rights of a scope."""
        tables = self.tables
        client: Any = tables.client
        return InProcessReader(client, tables.record, tables.directory, BASE, scope, patient, now)


@pytest.fixture(scope="session")
def search_tables(tmp_path_factory: pytest.TempPathFactory) -> SearchTables:
    """Load the records of the search tests, once a process."""
    tables = made_tables(InMemoryClient(Database(time.time)))
    resources = corpus(BASE + FHIR_PATH)
    load_corpus(resources, tables, tmp_path_factory.mktemp("search"), BASE)
    return SearchTables(tables, resources)
