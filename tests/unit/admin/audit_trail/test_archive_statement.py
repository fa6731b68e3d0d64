"""One statement for Athena and for DuckDB, which runs it here."""

import pytest

from careconnect_admin.audit_trail.archive_lines import Wanted
from careconnect_admin.audit_trail.archive_statement import statement

DAYS = ["2026-03-26", "2026-03-27"]
HOURS = ("2026-03-25/23", "2026-03-28/00")


def test_the_statement_asks_for_a_patients_events_of_days_and_for_files_of_their_exports() -> None:
    assert (
        statement(DAYS, Wanted("patient", "4"), HOURS, 11)
        == """\
SELECT id, min_by(line, sequence) AS line
FROM (
  SELECT id, line, sequence, is_wanted,
    max(CASE WHEN is_wanted AND strpos(line, '"service":{"S":"export_worker"}') > 0 THEN 1 ELSE 0 END)
      OVER (PARTITION BY CASE WHEN job <> '' THEN job ELSE id END) AS of_their_export
  FROM (
    SELECT line, strpos(line, '"patient":{"S":"4"}') > 0 AS is_wanted,
      regexp_extract(line, '"sk":"([0-9a-f]{12}-[0-9a-f]{32})"', 1) AS id,
      lpad(regexp_extract(line, '"sequence":"([0-9]+)"', 1), 48, '0') AS sequence,
      regexp_extract(line, '"job":\\{"S":"([^"]*)"\\}', 1) AS job
    FROM lines
    WHERE hour BETWEEN '2026-03-25/23' AND '2026-03-28/00'
      AND strpos(line, '"event":"INSERT"') > 0
      AND (strpos(line, '"patient":{"S":"4"}') > 0 OR strpos(line, '"service":{"S":"export_sender"}') > 0)
  ) AS read
  WHERE id >= '019d2770d800' AND id < '019d31bd9000'
) AS found
WHERE is_wanted OR of_their_export = 1
GROUP BY id
ORDER BY id DESC
LIMIT 11"""
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("O'Brien", """'"client":{"S":"O''Brien"}'"""),
        ('the "ward"', r"""'"client":{"S":"the \"ward\""}'"""),
        ("a\\b", r"""'"client":{"S":"a\\b"}'"""),
        ("é", r"""'"client":{"S":"\u00e9"}'"""),
        ("100%_", """'"client":{"S":"100%_"}'"""),
        ("'; DROP TABLE lines --", """'"client":{"S":"''; DROP TABLE lines --"}'"""),
    ],
)
def test_a_text_is_asked_for_as_the_archive_writes_it(text: str, written: str) -> None:
    assert f"strpos(line, {written}) > 0" in statement(DAYS, Wanted("client", text), HOURS, 1)


def test_hours_have_one_form() -> None:
    with pytest.raises(ValueError, match="no hours"):
        statement(DAYS, Wanted("patient", "4"), ("2026-03-25/23' OR '1'='1", "2026-03-28/00"), 1)
