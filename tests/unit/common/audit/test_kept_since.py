"""Since when the table keeps all events, whatever retentions the deployment had."""

from audit_archiver.days import end_of, start_of
from careconnect.audit.event import day_of
from careconnect.audit.kept_since import first_told, kept_since
from careconnect_testing.running.cases import each_of

NOW = start_of("2026-03-26") + 43_200_000


@each_of(
    ("own", "told", "since"),
    [
        (0, [], ""),
        (0, [("2026-03-25", 0)], ""),
        # The event of noon two days ago has ended, so that day is not whole.
        (2, [], "2026-03-25"),
        # Longer since a while: what was written before still had the former retention.
        (90, [("2026-03-21", 2), ("2026-03-22", 90)], "2026-03-23"),
        # An instance of the former release may have written after midnight, by which nothing has ended of later days.
        (90, [("2026-03-24", 2)], "2026-03-25"),
        # Shorter since a while: nobody asks the table for what it may or may not have.
        (2, [("2026-03-21", 90)], "2026-03-25"),
        # Kept for ever once, but events of then may have been stamped since.
        (2, [("2026-03-21", 0)], "2026-03-25"),
        (0, [("2026-03-20", 2)], "2026-03-22"),
        (0, [("2026-03-26", 90)], "2025-12-27"),
    ],
)
def test_the_table_keeps_all_since_the_day_after_the_last_that_may_have_lost_an_event(
    own: int, told: list[tuple[str, int]], since: str
) -> None:
    assert kept_since(NOW, own, told) == since


def test_nothing_that_may_have_ended_is_on_a_day_that_the_table_keeps() -> None:
    for own in (1, 2, 90):
        for now in (start_of("2026-03-26"), NOW, end_of("2026-03-26") - 1):
            first = start_of(kept_since(now, own, []))
            assert first + own * 86_400_000 > now >= first - 86_400_000 + own * 86_400_000


@each_of(("own", "days_ago"), [(own, own + more) for own in (1, 2, 90) for more in (1, 2, 3)])
def test_days_before_the_first_whose_retention_is_asked_for_change_nothing(own: int, days_ago: int) -> None:
    day = day_of(NOW - days_ago * 86_400_000)
    is_asked_for = day >= first_told(NOW, own)

    assert is_asked_for or kept_since(NOW, own, [(day, 1)]) == kept_since(NOW, own, [])


def test_of_events_that_are_kept_for_ever_all_former_retentions_count() -> None:
    assert first_told(NOW, 0) == ""
