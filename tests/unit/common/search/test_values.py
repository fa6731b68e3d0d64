"""Normalised texts, folded tokens, date ranges and order keys."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.search.values import (
    FIRST_INSTANT,
    LAST_INSTANT,
    SearchValueError,
    date_range,
    fold_token,
    normalise,
    order_key,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Muñoz", "munoz"),
        ("ANTIĆ", "antic"),
        ("  Anna \t Maria ", "anna maria"),
        ("Straße", "strasse"),
        ("ﬁnch", "finch"),
        ("O'Neill-Smith", "o'neill-smith"),
        ("", ""),
    ],
)
def test_texts_are_compared_without_case_accents_and_runs_of_space(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_normalising_twice_changes_nothing_that_matters(text: str) -> None:
    assert normalise(normalise(text)).split() == normalise(normalise(normalise(text))).split()
    assert normalise(f"  {text} ") == normalise(text)


@pytest.mark.parametrize(
    ("code", "case_sensitive", "punctuation", "expected"),
    [
        ("Male", False, True, "male"),
        ("R0050", True, True, "R0050"),
        ("0113 496-0200", False, False, "01134960200"),
        ("+44 (0)113 496 0200", False, False, "4401134960200"),
        ("Anna@Example.org", False, True, "anna@example.org"),
    ],
)
def test_tokens_are_folded_as_their_parameter_says(
    code: str, case_sensitive: bool, punctuation: bool, expected: str
) -> None:
    assert fold_token(code, case_sensitive=case_sensitive, punctuation=punctuation) == expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2017", datetime(2017, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)),
        ("2016", datetime(2016, 1, 1, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-02", datetime(2016, 2, 1, tzinfo=UTC), datetime(2016, 3, 1, tzinfo=UTC)),
        ("2017-12", datetime(2017, 12, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)),
        ("2017-12-31", datetime(2017, 12, 31, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)),
        ("2017-05-01T10:20", datetime(2017, 5, 1, 10, 20, tzinfo=UTC), datetime(2017, 5, 1, 10, 21, tzinfo=UTC)),
        (
            "2017-05-01T10:20:30+01:00",
            datetime(2017, 5, 1, 9, 20, 30, tzinfo=UTC),
            datetime(2017, 5, 1, 9, 20, 31, tzinfo=UTC),
        ),
        (
            "2017-01-01T00:00:00-05:30",
            datetime(2017, 1, 1, 5, 30, tzinfo=UTC),
            datetime(2017, 1, 1, 5, 30, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_date_covers_all_that_its_precision_leaves_open(text: str, start: datetime, end: datetime) -> None:
    assert date_range(text) == (milliseconds(start), milliseconds(end))


@pytest.mark.parametrize(
    ("fraction", "low", "width"), [("5", 500, 100), ("25", 250, 10), ("123", 123, 1), ("123999", 123, 1)]
)
def test_fractions_of_a_second_are_ranges_too(fraction: str, low: int, width: int) -> None:
    whole, _ = date_range("2017-05-01T10:20:30Z")
    assert date_range(f"2017-05-01T10:20:30.{fraction}Z") == (whole + low, whole + low + width)


def test_the_ends_of_time_hold_every_date() -> None:
    assert date_range("0001")[0] == FIRST_INSTANT
    assert date_range("9999")[1] == LAST_INSTANT


@pytest.mark.parametrize(
    "text",
    [
        *("", "17", "0000", "20170101", "2017-13", "2017-02-29", "2017-1-1", "now"),
        *("2017-01-01Z", "2017-01-01T", "2017-01-01T25:00", "2017-01-01 10:00"),
        *("2017-01-01T10:00+15:00", "2017-01-01T10:00:00+01:60"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(SearchValueError):
        date_range(text)


@given(st.dates(min_value=date(1, 1, 1), max_value=date(9998, 12, 31)))
def test_a_day_lies_within_its_month_and_its_year(day: date) -> None:
    low, high = date_range(day.isoformat())
    assert high - low == 86_400_000
    for partial in (f"{day:%Y}".zfill(4), f"{day.year:04d}-{day.month:02d}"):
        outer_low, outer_high = date_range(partial)
        assert outer_low <= low < high <= outer_high


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_an_instant_is_the_same_in_every_zone(instant: datetime, minutes: int) -> None:
    in_utc = instant.replace(tzinfo=UTC, microsecond=0)
    elsewhere = in_utc.astimezone(timezone(timedelta(minutes=minutes)))
    assert date_range(elsewhere.isoformat()) == date_range(in_utc.isoformat())
    assert date_range(in_utc.isoformat())[0] == milliseconds(in_utc)


@given(st.lists(st.dates(), min_size=2, max_size=20))
def test_order_keys_sort_as_the_dates_do(days: list[date]) -> None:
    keys = [order_key({"date": [list(date_range(day.isoformat()))]}, "date") for day in days]
    assert all(len(key) == 15 for key in keys)
    assert [day for _, day in sorted(zip(keys, days, strict=True))] == sorted(days)


def test_the_earliest_start_orders_a_resource_and_the_undated_come_last() -> None:
    values = {"date": [[FIRST_INSTANT + 9, FIRST_INSTANT + 10], [FIRST_INSTANT + 5, LAST_INSTANT]]}
    assert order_key(values, "date") == "000000000000005"
    assert order_key({}, "date") == "0" * 15
    assert order_key(values, "") == "0" * 15


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("Nørgaard", "norgaard"), ("Żółć", "ZOLC"), ("Þórður", "thordur"), ("Æsop", "aesop"), ("Groß", "GROSS")],
)
def test_letters_without_a_decomposition_are_found_as_people_type_them(stored: str, typed: str) -> None:
    assert normalise(stored) == normalise(typed)


def test_a_leap_second_is_the_last_of_its_day() -> None:
    assert date_range("2016-12-31T23:59:60Z")[0] == date_range("2017-01-01")[0]


def test_digits_of_other_scripts_are_no_date() -> None:
    with pytest.raises(SearchValueError):
        date_range("２０１７")
