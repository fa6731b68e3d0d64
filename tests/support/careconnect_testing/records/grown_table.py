"""Report how a release reads records that were loaded before its table of parameters grew.

Run with `-m` by an interpreter with that release on its path: it searches, reindexes, searches again and writes the
documents.
"""

import json
import sys
from pathlib import Path
from typing import Any

from careconnect.fhir.resource_types import record_types
from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents.capability_statement import capability_statement
from careconnect_admin.documents.generate import write_documents
from careconnect_admin.loading.reindex import reindex
from careconnect_testing.aws.moto_dynamodb import quick_and_whole
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import BASE, reader_in_memory


def report(tables: Path, documents: Path, searches: list[str]) -> dict[str, Any]:
    """Return the table's origin, and the response to each search (`Type?query`) before and after a reindex.

    `tables` is the items of each table, as JSON; all documents are written below `documents`.
    """
    write_documents(documents)
    statement = json.dumps(capability_statement(BaseUrl(BASE)))
    (documents / "metadata.json").write_text(statement, encoding="utf-8")
    with quick_and_whole(), reader_in_memory() as reader:

        def answers() -> dict[str, dict[str, Any]]:
            return {search: _reported(reader.get(*search.split("?"))) for search in searches}

        for table, items in json.loads(tables.read_text(encoding="utf-8")).items():
            for item in items:
                reader.client.put_item(TableName=getattr(reader.tables, table), Item=item)
        before = answers()
        reindex(reader.tables, base_url=BASE, sleep=lambda _: None)
        return {"table": record_types.__file__, "before": before, "after": answers()}


def _reported(answer: Answer) -> dict[str, Any]:
    return {"status": answer.status, "found": answer.found(), "self": answer.link("self")}


if __name__ == "__main__":
    _tables, _documents, *_searches = sys.argv[1:]
    print(json.dumps(report(Path(_tables), Path(_documents), _searches)))  # noqa: T201 - the answer
