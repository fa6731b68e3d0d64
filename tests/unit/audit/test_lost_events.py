"""What is said of a time whose events the table has forgotten (`audit.md`, Events of former days)."""

from datetime import datetime, timedelta

from careconnect.audit.told_retentions import retention_row
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.auditor import KEPT, NOW, Auditor, an_event
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.cases import each_of

SINCE = (NOW - timedelta(days=89)).date()
"""The first day of which a table that keeps events for 90 days has lost nothing."""

REPORT = "An operator reads the archive by careconnect audit report."
_START = datetime.combine(SINCE, NOW.timetz().replace(hour=0))
LAST_LOST = an_event(_START - timedelta(milliseconds=1), 20, patient="4")
FIRST_KEPT = an_event(_START, 21, patient="4")
OF_FIVE = an_event(NOW - timedelta(days=200), 22, patient="5")


def keeping(auditor: Auditor, days: int) -> Auditor:
    """Return the auditor of a deployment that keeps events for so many days."""
    return Auditor(auditor.client, auditor.event_table, retention_days=days, calls=auditor.calls, faults=auditor.faults)


def said(answer: Answer) -> str:
    """Return what an answer says before its matches, empty for nothing."""
    assert answer.status == 200, answer.text
    issues = [
        issue
        for entry in answer.json.get("entry", ())
        if entry["search"]["mode"] == "outcome"
        for issue in entry["resource"]["issue"]
    ]
    assert all((each["severity"], each["code"]) == ("warning", "informational") for each in issues)
    return " ".join(str(each["diagnostics"]) for each in issues)


@each_of(
    ("query", "is_said"),
    [
        # All time.
        ("patient=4", True),
        ("patient=nobody", True),
        ("patient=4&date:missing=false", True),
        # Seven days, unless asked for more.
        ("", False),
        ("user=client-1", False),
        # A start, an end, a span.
        (f"patient=4&date=ge{SINCE}", False),
        (f"patient=4&date=ge{SINCE - timedelta(days=1)}", True),
        (f"patient=4&date=gt{SINCE - timedelta(days=1)}", False),
        (f"patient=4&date={SINCE - timedelta(days=1)}", True),
        (f"patient=4&date={SINCE}", False),
        (f"patient=4&date={SINCE},{SINCE - timedelta(days=1)}", True),
        (f"date=le{SINCE}", False),
        ("patient=4&date=lt1970", False),
        ("patient=4&date=2020", True),
        (f"patient=4&date=ge{SINCE}&date=lt2020", False),
        (f"patient=4&date=ge{SINCE}T00:00:00Z", False),
        # Ids, which have their time.
        (f"_id={KEPT[0].id}", False),
        (f"_id={FIRST_KEPT.id}", False),
        (f"_id={LAST_LOST.id}", True),
        (f"_id={KEPT[0].id},{LAST_LOST.id}", True),
        (f"_id={LAST_LOST.id}&date=ge{SINCE}", False),
        ("_id=nonsense", False),
        (f"patient=4&_id={FIRST_KEPT.id}", False),
    ],
)
def test_a_search_says_that_it_reaches_into_a_time_that_is_gone(auditor: Auditor, query: str, is_said: bool) -> None:
    told = said(keeping(auditor, 90).get("AuditEvent", query))

    assert told == (f"Events before {SINCE} (UTC) may be missing: they are in the archive. {REPORT}" if is_said else "")


def test_nothing_is_missing_of_an_id_that_is_found(empty: Auditor) -> None:
    empty.keep(LAST_LOST, KEPT[0])
    deployed = keeping(empty, 90)

    for query in (f"_id={LAST_LOST.id}", f"_id={LAST_LOST.id},{KEPT[0].id}", f"_id={LAST_LOST.id}&_summary=count"):
        assert said(deployed.get("AuditEvent", query)) == ""
    assert said(deployed.get("AuditEvent", f"_id={LAST_LOST.id},{OF_FIVE.id}"))
    assert deployed.get(f"AuditEvent/{LAST_LOST.id}").status == 200


def test_the_last_page_says_it_and_whatever_has_a_total(auditor: Auditor) -> None:
    deployed = keeping(auditor, 90)

    pages = deployed.scan("patient=4&date=lt2026-11-26T12:00:00Z&_count=2")
    assert [bool(said(page)) for page in pages] == [False, True]
    *earlier, last = deployed.scan(f"date=ge{SINCE - timedelta(days=1)}&date=lt2026-11-26T12:00:00Z")
    assert len(earlier) > 3
    assert not any(map(said, earlier))
    assert said(last)
    counted = deployed.get("AuditEvent", "patient=4&_count=1&_total=accurate")
    assert (bool(said(counted)), bool(counted.link("next"))) == (True, True)
    for query in ("patient=4&_summary=count", "patient=4&_count=0"):
        assert said(deployed.get("AuditEvent", query))


def test_a_searchset_that_says_it_is_valid_in_both_formats(auditor: Auditor) -> None:
    deployed = keeping(auditor, 90)

    valid_json(deployed.get("AuditEvent", "patient=4").text, "Bundle")
    valid_xml(deployed.get("AuditEvent", "patient=4&_format=xml").text, "Bundle")


@each_of(
    ("days", "told", "since"),
    [
        (0, [], ""),
        (0, [("2026-11-26", 0)], ""),
        (365, [], "2025-11-27"),
        # Shortened: what was written before is kept longer, but may have been stamped since.
        (90, [("2026-10-01", 365), ("2026-10-02", 90)], "2026-08-29"),
        # Lengthened 20 days ago, and to for ever: the hole stays until its events would have ended anyway.
        (90, [("2026-11-05", 1), ("2026-11-06", 90)], "2026-11-07"),
        (365, [("2026-10-01", 90), ("2026-10-02", 365)], "2026-08-29"),
        (0, [("2026-08-01", 90), ("2026-08-02", 0)], "2026-08-03"),
        (0, [("2020-01-01", 90), ("2020-01-02", 0)], "2020-01-03"),
        # A retention that only former releases offered.
        (90, [("2026-11-10", 30), ("2026-11-10", 90)], "2026-10-28"),
        (90, [("2026-11-10", 99_999)], "2026-08-29"),
        # Rows that nobody who may has put.
        (90, [("2026-13-45", 1), ("2026-11-20", -7)], "2026-08-29"),
    ],
)
def test_a_changed_retention_leaves_no_hole_unsaid(
    empty: Auditor, days: int, told: list[tuple[str, int]], since: str
) -> None:
    rows = [retention_row(day, retention) for day, retention in told]
    for row in rows:
        empty.client.put_item(TableName=empty.event_table, Item=row)
    text = said(keeping(empty, days).get("AuditEvent", "patient=4"))
    for row in rows:
        empty.client.delete_item(TableName=empty.event_table, Key=row)

    assert text.partition(" (UTC)")[0] == (f"Events before {since}" if since else "")


def test_the_retentions_are_read_once_an_hour(auditor: Auditor) -> None:
    deployed = keeping(auditor, 90)

    def queries() -> int:
        assert said(deployed.get("AuditEvent", "patient=4"))
        return deployed.calls.count("Query")

    assert [queries(), queries(), queries()] == [2, 1, 1]
    deployed.now.now += 3_600
    assert [queries(), queries()] == [2, 1]


def test_a_time_is_gone_as_its_day_is_however_long_an_instance_lives(auditor: Auditor) -> None:
    deployed = keeping(auditor, 90)
    query = f"patient=4&date=ge{SINCE}"

    assert not said(deployed.get("AuditEvent", query))
    deployed.now.now += 86_400 / 2
    assert said(deployed.get("AuditEvent", query))


ABSENT = "No such resource."
GONE = f"No such resource here: an event of its time may be in the archive. {REPORT}"


@each_of(
    ("days", "event_id", "text"),
    [
        (90, LAST_LOST.id, GONE),
        (90, FIRST_KEPT.id, ABSENT),
        (90, an_event(NOW, 99).id, ABSENT),
        (90, an_event(NOW + timedelta(days=400), 99).id, ABSENT),
        (90, "0" * 12 + "-" + "0" * 32, GONE),
        (90, "f" * 12 + "-" + "0" * 32, ABSENT),
        (90, "nonsense", ABSENT),
        (365, LAST_LOST.id, ABSENT),
        (0, "0" * 12 + "-" + "0" * 32, ABSENT),
        (1, an_event(NOW - timedelta(days=1), 99).id, GONE),
    ],
)
def test_an_id_that_is_not_found_says_whether_its_time_is_gone(
    auditor: Auditor, days: int, event_id: str, text: str
) -> None:
    answer = keeping(auditor, days).get(f"AuditEvent/{event_id}")

    assert (answer.status, answer.issue["code"], answer.diagnostics) == (404, "not-found", text)


def test_a_bound_client_does_not_learn_which_old_events_are_still_in_the_table(empty: Auditor) -> None:
    empty.keep(OF_FIVE)
    bound = keeping(empty, 90).as_caller("user/AuditEvent.rs", "4")
    absent = an_event(NOW - timedelta(days=200), 23)

    stored, unknown = (bound.get(f"AuditEvent/{each.id}") for each in (OF_FIVE, absent))
    assert (stored.status, stored.text) == (unknown.status, unknown.text)
    assert stored.diagnostics == GONE
    stored, unknown = (bound.get("AuditEvent", f"_id={each.id}") for each in (OF_FIVE, absent))
    assert said(stored) == said(unknown) != ""
    assert stored.total == unknown.total == 0
    # The audit trail knows the difference.
    assert [each.why for each in empty.own_events()[:2]] == ["compartment", "not found"]
