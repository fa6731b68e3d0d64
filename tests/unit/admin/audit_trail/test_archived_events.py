"""Old events come from the archive as they were first archived, each once; DuckDB and a plain scan find the same."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_archiver.archived_batch import BatchKey, unpack
from audit_archiver.days import end_of, is_in_place, start_of
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import event_of, is_event_id, time_of
from careconnect_admin.audit_trail import archived_events
from careconnect_admin.audit_trail.archive_lines import ObjectLines, Progress, TooManyEventsError, Wanted
from careconnect_admin.audit_trail.archive_listing import listed
from careconnect_admin.audit_trail.archive_statement import statement
from careconnect_admin.audit_trail.archived_events import ArchivedEvents
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_testing.parts.archived_objects import ArchivedObjects, archived, packed

DAY = "2026-03-26"
START = start_of(DAY)
HOUR = 3_600_000
DAY_MS = 24 * HOUR


def by_plain_reader(objects: dict[str, bytes]) -> ArchivedEvents:
    return ArchivedEvents(ObjectLines(ArchivedObjects(objects), "archive"))  # type: ignore[arg-type]


def of_patient(objects: dict[str, bytes], patient: str = "4", days: Sequence[str] = (DAY,)) -> list[str]:
    return [each.id for each in by_plain_reader(objects).of_patient(patient, days)]


def test_an_event_is_answered_once_however_often_it_was_archived() -> None:
    one, other = archived(START, 1), archived(START + 5, 2)

    assert of_patient(packed([one], [one, other], [other])) == [other.sort_key, one.sort_key]


def test_only_the_days_asked_for_are_answered() -> None:
    times = (START - 1, START, START + DAY_MS - 1, START + DAY_MS, START + DAY_MS + 1)
    before, first, last, *after = (archived(at, number) for number, at in enumerate(times))

    assert of_patient(packed([before, first, last, *after])) == [last.sort_key, first.sort_key]
    assert of_patient(packed([before, first, last, *after]), days=["2026-03-25", DAY]) == [
        last.sort_key, first.sort_key, before.sort_key,
    ]  # fmt: skip


def test_an_event_is_what_was_archived_first() -> None:
    first = archived(START, 1, sequence=5, type="Observation")
    again = archived(START, 1, sequence=7, type="Condition")
    changed = archived(START, 1, sequence=3, kind=Kind.MODIFY, type="Encounter")
    removed = archived(START, 1, sequence=9, kind=Kind.REMOVE)
    without_image = replace(removed, old={"pk": {"S": removed.partition}, "sk": {"S": removed.sort_key}})

    (found,) = by_plain_reader(packed([again, changed], [first], [removed, without_image])).of_patient("4", [DAY])

    assert found.event is not None
    assert found.event.type == "Observation"


def test_a_text_within_another_is_no_attribute() -> None:
    quoted = archived(START, 1, patient="9", query='"patient":{"S":"4"}')
    nested = archived(START, 2, patient="9")
    nested = replace(nested, new={**(nested.new or {}), "more": {"M": {"patient": {"S": "4"}}}})

    assert of_patient(packed([quoted, nested])) == []


def test_an_item_that_this_service_did_not_write_is_named() -> None:
    elsewhere = replace(archived(START, 1), partition="2020-01-01#a")
    unreadable = archived(START, 2)
    unreadable = replace(unreadable, new={"patient": {"S": "4"}})
    of_no_event = replace(archived(START, 3), sort_key="4")

    found = by_plain_reader(packed([elsewhere, unreadable, of_no_event])).of_patient("4", [DAY])

    assert found == [Recorded(unreadable.sort_key, None), Recorded(elsewhere.sort_key, None)]


def test_events_of_a_client_and_of_files_are_found() -> None:
    made = [
        archived(START, 1, client_id="o'cl\"ient é"),
        archived(START, 2, service="export_sender", job="a", patient=""),
        archived(START, 3, service="export_sender", job="b", patient=""),
        archived(START, 4, service="export_worker", job="a"),
    ]
    events = by_plain_reader(packed(made))

    assert [each.id for each in events.of_client("o'cl\"ient é", [DAY])] == [made[0].sort_key]
    assert [each.id for each in events.of_jobs(["a", "c"], [DAY])] == [made[1].sort_key]
    assert events.of_jobs(["a"], ["2026-03-27"]) == events.of_jobs([], [DAY]) == []


def test_an_object_that_is_not_what_its_key_says_is_left_out_and_named() -> None:
    (key, _), (_, other) = packed([archived(START, 1)], [archived(START, 2)]).items()
    whole = packed([archived(START, 3)])
    for body in (other, b"no gzip", other[:-4], other[:10] + b"\xff" * 20):
        lines = ObjectLines(ArchivedObjects({key: body, **whole}), "archive")  # type: ignore[arg-type]

        assert len(ArchivedEvents(lines).of_patient("4", [DAY])) == 1
        assert lines.broken == [key]


def test_what_is_read_is_told_after_each_object() -> None:
    objects, told = packed([archived(START, 1)], [archived(START + HOUR, 2)]), list[Progress]()
    lines = ObjectLines(ArchivedObjects(objects), "archive", told.append)  # type: ignore[arg-type]

    list(lines.lines([DAY], Wanted("patient", "4")))

    first, second = map(len, objects.values())
    assert [(each.objects, each.size) for each in told] == [(1, first), (2, first + second)]
    assert all(0 <= each.seconds < 600 for each in told)


def test_an_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archived_events, "MAX_EVENTS", 2)

    assert len(of_patient(packed([archived(START, number) for number in range(2)]))) == 2
    with pytest.raises(TooManyEventsError, match="give a shorter period"):
        of_patient(packed([archived(START, number) for number in range(3)]))
    with pytest.raises(TooManyEventsError):
        of_patient(packed([archived(START, number, patient="", service="export_sender") for number in range(3)]))


def test_a_line_that_is_none_of_the_archives_is_passed_over() -> None:
    class Lines:
        def lines(self, days: Sequence[str], wanted: Wanted) -> Iterator[bytes]:
            yield from (b"", b"[]", b"{}", b'{"time":1}', b"\xff", archived(START, 1).line())

    assert len(ArchivedEvents(Lines()).of_patient("4", [DAY])) == 1


class DuckDbLines:
    """The statement, run over the same objects."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def lines(self, days: Sequence[str], wanted: Wanted) -> Iterator[bytes]:
        hours = listed(ArchivedObjects(self._objects), "archive", days).hours  # type: ignore[arg-type]
        if not all(hours):
            return
        rows = [(line, key[:13]) for key, each in records_of(self._objects) for line in [each.line().decode()[:-1]]]
        with duckdb.connect() as engine:
            engine.execute(
                "CREATE TABLE lines AS SELECT unnest(?::VARCHAR[]) AS line, unnest(?::VARCHAR[]) AS hour",
                [[line for line, _ in rows], [hour for _, hour in rows]],
            )
            for _, line in engine.execute(statement(days, wanted, hours, 1_000)).fetchall():
                yield line.encode()


def records_of(objects: dict[str, bytes]) -> Iterator[tuple[str, StreamRecord]]:
    for key, body in objects.items():
        for record in unpack(BatchKey.of(key) or BatchKey(0, 0, ""), body) or ():
            yield key, record


def scanned(objects: dict[str, bytes], days: Sequence[str], **attributes: str) -> list[Recorded]:
    """Read everything, by no code of what is tested."""
    found: dict[str, tuple[int, StreamRecord]] = {}
    for _, record in records_of(objects):
        if record.kind is not Kind.INSERT or not is_event_id(record.sort_key):
            continue
        if not start_of(days[0]) <= time_of(record.sort_key) < end_of(days[-1]):
            continue
        if any((record.new or {}).get(name) != {"S": text} for name, text in attributes.items()):
            continue
        found[record.sort_key] = min(
            (record.sequence, record), found.get(record.sort_key, (10**40, record)), key=lambda each: each[0]
        )
    return [
        Recorded(event_id, event_of(record.new or {}) if is_in_place(record.partition, record.sort_key) else None)
        for event_id, (_, record) in sorted(found.items(), reverse=True)
    ]


TEXTS = st.sampled_from(["4", "44", "a'b", 'a"b', "a\\b", "é", "%", '4"}', '"patient":{"S":"4"}', "\ud800"])
MOMENTS = st.integers(-2 * DAY_MS, 3 * DAY_MS - 1).map(lambda offset: START + offset)


@st.composite
def batches(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw objects whose batches overlap, of events that are changed, removed, out of place and put again."""

    def record(number: int) -> StreamRecord:
        members: dict[str, Any] = {
            **{name: draw(TEXTS) for name in ("patient", "client_id", "query")},
            "service": draw(st.sampled_from(["export_worker", "export_sender", "fhir_reader"])),
            "job": draw(st.sampled_from(["", "a", "b'"])),
        }
        made = archived(
            draw(MOMENTS),
            number,
            kind=draw(st.sampled_from([Kind.INSERT, Kind.INSERT, Kind.MODIFY, Kind.REMOVE])),
            late=draw(st.sampled_from([0, 1_000, 59_000])),
            sequence=draw(st.sampled_from([10**20 + number, 10**22 + number])),
            **members,
        )
        return draw(st.sampled_from([made, made, made, replace(made, partition="2020-01-01#a")]))

    records = [record(number) for number in range(draw(st.integers(1, 12)))]
    again = [
        replace(each, sequence=each.sequence + 10**23, kind=Kind.INSERT, new=each.new or each.old)
        for each in records
        if draw(st.booleans())
    ]
    parts = st.lists(st.sampled_from(records + again), min_size=1, max_size=6)
    # A batch is of records that are in the stream at once, which keeps them for a day.
    return packed(
        *(
            [each for each in part if each.time - min(one.time for one in part) < DAY_MS]
            for part in draw(st.lists(parts, min_size=1, max_size=8))
        )
    )


@given(
    objects=batches(),
    patient=TEXTS,
    client=TEXTS,
    days=st.sampled_from([[DAY], ["2026-03-25", DAY], ["2026-03-26", "2026-03-27", "2026-03-28"], ["2026-04-09"]]),
)
def test_duckdb_and_the_plain_reader_answer_what_a_scan_finds(
    objects: dict[str, bytes], patient: str, client: str, days: list[str]
) -> None:
    by_duckdb = ArchivedEvents(DuckDbLines(objects))
    plain = by_plain_reader(objects)

    asked: list[tuple[Callable[[ArchivedEvents], list[Recorded]], dict[str, str]]] = [
        (lambda events: events.of_patient(patient, days), {"patient": patient}),
        (lambda events: events.of_client(client, days), {"client": client}),
    ]
    for ask, attributes in asked:
        found = ask(plain)
        assert found == ask(by_duckdb) == scanned(objects, days, **attributes)
        # Only of exports among the events: other files are not asked for.
        jobs = {each.event.job for each in found if each.event and each.event.service == "export_worker"} - {""}
        of_files = scanned(objects, days, service="export_sender")
        expected = [each for each in of_files if each.event and each.event.job in jobs]
        assert by_duckdb.of_jobs(jobs, days) == plain.of_jobs(jobs, days) == expected


def test_a_line_is_of_ascii_without_the_letter_that_parts_athenas_columns() -> None:
    line = archived(START, 1, query="\x01é\n\ud800").line()

    assert line.isascii()
    assert b"\x01" not in line
    assert line.count(b"\n") == 1
    assert json.loads(line)["new"]["query"] == {"S": "\x01é\n\ud800"}
