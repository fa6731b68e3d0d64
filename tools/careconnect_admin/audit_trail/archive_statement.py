"""The SQL statement that asks the archive for events; Athena and DuckDB both take it (`archive.md`, ADR 55)."""

import re
from collections.abc import Sequence
from typing import Final

from audit_archiver.days import end_of, start_of
from careconnect.audit.event import EXPORTED_BY
from careconnect_admin.audit_trail.archive_lines import FETCHED, Wanted, text_of

TABLE: Final = "lines"

_HOUR: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}")
_STATEMENT: Final = """\
SELECT id, min_by(line, sequence) AS line
FROM (
  SELECT id, line, sequence, is_wanted,
    max(CASE WHEN is_wanted AND {exported} THEN 1 ELSE 0 END)
      OVER (PARTITION BY CASE WHEN job <> '' THEN job ELSE id END) AS of_their_export
  FROM (
    SELECT line, {wanted} AS is_wanted,
      regexp_extract(line, '"sk":"([0-9a-f]{{12}}-[0-9a-f]{{32}})"', 1) AS id,
      lpad(regexp_extract(line, '"sequence":"([0-9]+)"', 1), 48, '0') AS sequence,
      regexp_extract(line, '"job":\\{{"S":"([^"]*)"\\}}', 1) AS job
    FROM {table}
    WHERE hour BETWEEN {first} AND {last}
      AND {inserted}
      AND ({wanted} OR {fetched})
  ) AS read
  WHERE id >= '{since}' AND id < '{before}'
) AS found
WHERE is_wanted OR of_their_export = 1
GROUP BY id
ORDER BY id DESC
LIMIT {limit}"""


def statement(days: Sequence[str], wanted: Wanted, hours: tuple[str, str], limit: int) -> str:
    """Return the statement for the wanted events of consecutive days, in objects that begin in `hours`.

    It answers each event once, as it was first archived, and so the events of the files of exports among them. `hours`
    are the first and the last (`2026-11-26/07`).
    """
    if not all(map(_HOUR.fullmatch, hours)):
        raise ValueError(f"no hours: {hours}")
    return _STATEMENT.format(
        table=TABLE,
        first=_quoted(hours[0]),
        last=_quoted(hours[1]),
        inserted=_has('"event":"INSERT"'),
        wanted=_has(wanted.needle),
        exported=_has(text_of("service", EXPORTED_BY)),
        fetched=_has(FETCHED),
        since=f"{start_of(days[0]):012x}",
        before=f"{end_of(days[-1]):012x}",
        limit=limit,
    )


def _has(text: str) -> str:
    # Not LIKE, in which `_` and `%` stand for other letters.
    return f"strpos(line, {_quoted(text)}) > 0"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
