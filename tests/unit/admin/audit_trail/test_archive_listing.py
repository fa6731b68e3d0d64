"""What is read of the archive for some days, and its price, known before any object is read."""

import pytest

from audit_archiver.days import HOUR, start_of
from careconnect_admin.audit_trail.archive_listing import Volume, listed
from careconnect_admin.audit_trail.archive_price import athena_dollars, download_dollars
from careconnect_testing.parts.archived_objects import ArchivedObjects, archived, packed

DAY = "2026-03-26"
START = start_of(DAY)
DAY_MS = 24 * HOUR


def test_objects_that_may_hold_events_of_the_day_are_listed() -> None:
    made = packed(
        [archived(START - 2, 1), archived(START + 5_000, 2)],  # over midnight
        [archived(START - DAY_MS + 1_000, 3), archived(START, 4)],  # a batch that reaches back for a day
        [archived(START + 12 * HOUR, 5)],
        [archived(START + DAY_MS - 1, 6, late=50_000)],  # a late event, in an object of the next day
    )
    others = packed([archived(START - HOUR, 7)], [archived(START + DAY_MS + HOUR, 8)])
    client = ArchivedObjects(made | others)

    found = listed(client, "archive", [DAY])  # type: ignore[arg-type]

    assert found.downloaded == Volume(4, sum(map(len, made.values())))
    assert found.hours == ("2026-03-25/00", "2026-03-27/00")
    assert found.strange == ()


def test_an_object_that_is_a_minute_away_from_the_days_may_hold_an_event_of_them() -> None:
    end = START + 2 * DAY_MS
    near = packed([archived(START - 60_000, 1)], [archived(end - HOUR, 2)], [archived(end + 59_000, 3)])
    away = packed([archived(START - 61_000, 4)], [archived(end + 60_000, 5)])

    found = listed(ArchivedObjects(near | away), "archive", [DAY, "2026-03-27"])  # type: ignore[arg-type]

    assert found.downloaded == Volume(3, sum(map(len, near.values())))


def test_what_a_query_reads_is_whole_hours_from_the_first_to_the_last_such_object() -> None:
    reaching = packed(
        [archived(START - 3 * HOUR + 60_000, 1), archived(START, 2)],
        [archived(START + DAY_MS - 1, 3, late=50_000)],
    )
    beside = packed(
        [archived(START - 3 * HOUR, 4)],  # before it, in its hour
        [archived(START - 2 * HOUR, 5)],  # between
        [archived(START + DAY_MS + 30 * 60_000, 6)],  # after it, in its hour
    )
    others = packed([archived(START - 4 * HOUR, 7)], [archived(START + DAY_MS + HOUR, 8)])
    client = ArchivedObjects(reaching | beside | others)

    found = listed(client, "archive", [DAY])  # type: ignore[arg-type]

    assert found.hours == ("2026-03-25/21", "2026-03-27/00")
    assert found.downloaded == Volume(2, sum(map(len, reaching.values())))
    assert found.queried == Volume(5, sum(map(len, (reaching | beside).values())))


def test_hours_of_which_no_object_holds_anything_are_found() -> None:
    client = ArchivedObjects(
        packed(
            [archived(START - HOUR, 1), archived(START + 2 * HOUR, 2)],
            [archived(START + 4 * HOUR + 1_800_000, 3)],
            [archived(START + 7 * HOUR, 4), archived(START + DAY_MS - 1_000, 5)],
            [archived(START + DAY_MS + HOUR, 6)],
        )
        | {f"{DAY}/05/junk": b""}
    )

    found = listed(client, "archive", [DAY, "2026-03-27"])  # type: ignore[arg-type]

    after = range(START + DAY_MS + 2 * HOUR, START + 2 * DAY_MS, HOUR)
    assert found.hours_without == (*(START + number * HOUR for number in (3, 5, 6, 24)), *after)


def test_whole_days_are_listed_and_each_is_told() -> None:
    client, told = ArchivedObjects(packed([archived(START, 1)])), list[str]()

    found = listed(client, "archive", ["2026-03-26", "2026-03-27"], told.append)  # type: ignore[arg-type]

    assert told == ["2026-03-24", "2026-03-25", "2026-03-26", "2026-03-27", "2026-03-28"]
    assert sorted(client.listed) == [f"{day}/" for day in told]
    assert found.lists == 5
    assert client.got == []


def test_a_key_that_the_archiver_does_not_create_is_named_and_not_counted() -> None:
    client = ArchivedObjects({f"{DAY}/07/notes.txt": b"?", **packed([archived(START, 1)])})

    found = listed(client, "archive", [DAY])  # type: ignore[arg-type]

    assert found.strange == (f"{DAY}/07/notes.txt",)
    assert found.downloaded.objects == 1


def test_nothing_is_listed_of_an_archive_without_objects() -> None:
    found = listed(ArchivedObjects(), "archive", [DAY])  # type: ignore[arg-type]

    assert (found.downloaded, found.queried, found.hours) == (Volume(), Volume(), ("", ""))
    assert found.hours_without == tuple(range(START, START + DAY_MS, HOUR))
    assert athena_dollars(found) == pytest.approx(0.00005, abs=0.00005)


def test_the_price_grows_with_bytes_and_objects() -> None:
    one = listed(ArchivedObjects(packed([archived(START, 1)])), "archive", [DAY])  # type: ignore[arg-type]
    many = listed(
        ArchivedObjects(packed(*([archived(START + number * 60_000, number)] for number in range(1_400)))),  # type: ignore[arg-type]
        "archive",
        [DAY],
    )

    # 10 MB are the least that Athena charges: of so little, its price is that of S3's requests.
    assert athena_dollars(many) - athena_dollars(one) == pytest.approx(
        1_399 * 0.00042 / 1_000 + (23 + 1) * 0.0053 / 1_000
    )
    assert download_dollars(many) > download_dollars(one)
