"""One statement for Athena and for DuckDB, which runs it here."""

import pytest

from careconnect_admin.audit_trail.archive_lines import Wanted
from careconnect_admin.audit_trail.archive_statement import statement

DAYS = ["2026-03-26", "2026-03-27"]
HOURS = ("2026-03-25/23", "2026-03-28/00")


def test_the_statement_asks_for_a_patients_events_of_days() -> None:
    assert (
        statement(DAYS, Wanted(patient="4"), HOURS, 11)
        == """\
SELECT id, min_by(line, sequence) AS line
FROM (
  SELECT line,
    regexp_extract(line, '"sk":"([0-9a-f]{12}-[0-9a-f]{32})"', 1) AS id,
    lpad(regexp_extract(line, '"sequence":"([0-9]+)"', 1), 48, '0') AS sequence
  FROM lines
  WHERE hour BETWEEN '2026-03-25/23' AND '2026-03-28/00'
    AND strpos(line, '"event":"INSERT"') > 0
    AND strpos(line, '"patient":{"S":"4"}') > 0
) AS found
WHERE id >= '019d2770d800' AND id < '019d31bd9000'
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
    assert f"strpos(line, {written}) > 0" in statement(DAYS, Wanted(client=text), HOURS, 1)


def test_what_is_not_asked_about_is_in_no_condition() -> None:
    plain = statement(DAYS, Wanted(), HOURS, 1)

    assert not any(name in plain for name in ("patient", "client", "job", "service"))


def test_files_are_asked_for_by_their_jobs() -> None:
    asked = statement(DAYS, Wanted(jobs=("a", "b'")), HOURS, 1)

    assert """strpos(line, '"service":{"S":"export_sender"}') > 0""" in asked
    assert """IN ('a', 'b''')""" in asked


def test_hours_have_one_form() -> None:
    with pytest.raises(ValueError, match="no hours"):
        statement(DAYS, Wanted(), ("2026-03-25/23' OR '1'='1", "2026-03-28/00"), 1)
