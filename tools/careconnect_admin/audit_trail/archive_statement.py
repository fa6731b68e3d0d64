"""The SQL statement that asks the archive for events; Athena and DuckDB both take it (`archive.md`, ADR 55)."""

import re
from collections.abc import Sequence
from typing import Final

from audit_archiver.days import end_of, start_of
from careconnect_admin.audit_trail.archive_lines import Wanted, text_of

TABLE: Final = "lines"
MAX_JOBS: Final = 1_000
"""The bulk exports of one statement, whose text has a limit of 262,144 bytes."""

_HOUR: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}")
_STATEMENT: Final = """\
SELECT id, min_by(line, sequence) AS line
FROM (
  SELECT line,
    regexp_extract(line, '"sk":"([0-9a-f]{{12}}-[0-9a-f]{{32}})"', 1) AS id,
    lpad(regexp_extract(line, '"sequence":"([0-9]+)"', 1), 48, '0') AS sequence
  FROM {table}
  WHERE {conditions}
) AS found
WHERE id >= '{since}' AND id < '{before}'
GROUP BY id
ORDER BY id DESC
LIMIT {limit}"""


def statement(days: Sequence[str], wanted: Wanted, hours: tuple[str, str], limit: int) -> str:
    """Return the statement for the wanted events of consecutive days, in objects that begin in `hours`.

    It answers each event once, as it was first archived. `hours` are the first and the last (`2026-11-26/07`).
    """
    if not all(map(_HOUR.fullmatch, hours)):
        raise ValueError(f"no hours: {hours}")
    conditions = [f"hour BETWEEN {_quoted(hours[0])} AND {_quoted(hours[1])}", _has('"event":"INSERT"')]
    conditions += (_has(text_of(name, text)) for name, text in wanted.attributes.items())
    if wanted.jobs:
        jobs = ", ".join(map(_quoted, wanted.jobs))
        conditions.append(f"""regexp_extract(line, '"job":\\{{"S":"([^"]*)"\\}}', 1) IN ({jobs})""")
    return _STATEMENT.format(
        table=TABLE,
        conditions="\n    AND ".join(conditions),
        since=f"{start_of(days[0]):012x}",
        before=f"{end_of(days[-1]):012x}",
        limit=limit,
    )


def _has(text: str) -> str:
    # Not LIKE, in which `_` and `%` stand for other letters.
    return f"strpos(line, {_quoted(text)}) > 0"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
