"""A client that has spent its quota for the minute is refused, and no other (`access.md`, Kill switch and budgets)."""

from collections.abc import Iterator
from typing import Final

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.storage.quota import UNCOUNTED_UNITS, WINDOW, Bill, BundleShare, Quota
from careconnect.storage.usage_counters import DynamoDbUsageCounters
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.stores import Reader, reader_in_memory
from careconnect_testing.parts.usage_counters import UsageCounters

NOW = 1_750_000_000.0
"""Twenty seconds before a minute is over."""


def refusal(
    quota: Quota, units: int, now: float, bill: Bill | None = None, client_id: str = "client-1"
) -> OutcomeError:
    """Return the outcome with which a charge is refused."""
    with pytest.raises(OutcomeError) as raised:
        quota.consume(client_id, units, now, bill)
    assert (raised.value.status, raised.value.code) == (429, "throttled")
    return raised.value


def test_once_its_quota_is_used_a_client_is_429_until_the_minute_is_over() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 3_000)
    quota.consume("client-1", 1_000, NOW)
    quota.consume("client-1", 2_000, NOW)

    for at, seconds in ((NOW, "20"), (NOW + 1.5, "19"), (NOW + 19.5, "1")):
        refused = refusal(quota, 1, at)
        assert refused.headers == {"Retry-After": seconds}
        assert refused.metrics == ("ClientOverAllowance",)
        assert refused.text == (
            f"This client has used its quota of the minute, 3,000 units: try again in {seconds} seconds."
        )
    # What is refused is not charged.
    assert counters.charges == [1_000, 2_000]

    quota.consume("client-1", 3_000, NOW + 20)


MINUTE: Final = int(NOW // WINDOW)


@pytest.mark.parametrize(
    ("units", "charged", "owed", "seconds"),
    [
        (3_001, [1], 1, 20),
        (5_000, [2_000], 2_000, 20),
        (6_000, [3_000], 3_000, 80),
        (6_001, [3_000, 1], 3_001, 80),
        (12_500, [3_000, 3_000, 3_000, 500], 9_500, 200),
        (30_000, [3_000] * 9, 27_000, 560),
    ],
)
def test_what_is_beyond_the_rest_of_a_minute_is_owed_to_the_next_ones(
    units: int, charged: list[int], owed: int, seconds: int
) -> None:
    counters = UsageCounters()
    quota, other = Quota(counters, 3_000), Quota(counters, 3_000)

    quota.consume("client-1", units, NOW)

    later = range(MINUTE + 1, MINUTE + 12)
    assert counters.used("client-1", later, 3_000) == charged + [0] * (11 - len(charged))
    paid = NOW + seconds
    for instance in (quota, other):
        # An instance that has not charged it finds out.
        refused = refusal(instance, 700, NOW, Bill(800))
        assert refused.headers == {"Retry-After": str(seconds)}
        assert refused.text == (
            f"This client has used its quota of the minute, 3,000 units, and owes {owed:,} units of the next: "
            f"try again in {seconds} seconds. The request costs 800 units or more."
        )
        assert refusal(instance, 1, paid - 0.5).headers == {"Retry-After": "1"}
        # What was refused is not owed.
        assert counters.held["client-1", int(paid // WINDOW)] == owed % 3_000
    other.consume("client-1", 3_000 - owed % 3_000, paid)
    refusal(other, 1, paid)


def test_a_request_costs_the_quota_of_ten_minutes_at_most() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 3_000)

    assert quota.units_at_most == 30_000
    refusal(quota, 30_001, NOW + 60)
    bill = Bill()
    quota.consume("client-2", 29_999, NOW, bill)
    assert refusal(quota, 2, NOW, bill, "client-2").headers == {"Retry-After": "500"}
    quota.consume("client-2", 1, NOW, bill)
    assert sum(counters.used("client-2", range(MINUTE, MINUTE + 12), 3_000)) == 30_000


def test_the_further_charges_of_a_request_are_not_refused_for_its_first_ones() -> None:
    counters = UsageCounters()
    here, there = Quota(counters, 3_000), Quota(counters, 3_000)
    first, second = Bill(), Bill()
    here.consume("client-1", 2_000, NOW, first)
    there.consume("client-1", 2_000, NOW, second)

    # The minute has room for one of them, but for what it has taken itself.
    here.consume("client-1", 4_000, NOW, first)
    assert refusal(there, 100, NOW, second).headers == {"Retry-After": "80"}
    here.consume("client-1", 100, NOW, first)
    assert refusal(here, 100, NOW).headers == {"Retry-After": "80"}

    assert sum(counters.used("client-1", range(MINUTE, MINUTE + 12), 3_000)) == 8_100


def test_nothing_is_owed_to_more_than_ten_minutes() -> None:
    counters = UsageCounters()
    for ahead in range(1, 10):
        counters.add("client-1", MINUTE + ahead, 3_000, 3_000)
    quota = Quota(counters, 3_000)

    quota.consume("client-1", 10_000, NOW)

    assert [counters.held["client-1", MINUTE + ahead] for ahead in (9, 10, 11)] == [3_000, 7_000, 0]
    for instance in (quota, Quota(counters, 3_000)):
        refused = refusal(instance, 1, NOW)
        assert refused.headers == {"Retry-After": "620"}
        assert "owes 30,000 units of the next" in refused.text


def test_the_debts_of_requests_at_the_turn_of_a_minute_add_up() -> None:
    """Another instance charges the next minute before the first one has come to it."""
    counters = UsageCounters()
    charged: list[int] = []
    other = Quota(counters, 3_000)

    class Slow(UsageCounters):
        def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
            if window > MINUTE and not charged:
                charged.append(window)
                other.consume("client-1", 5_000, NOW + 20)
            return counters.add(client_id, window, units, limit)

    Quota(Slow(), 3_000).consume("client-1", 10_000, NOW)

    assert sum(counters.used("client-1", range(MINUTE, MINUTE + 12), 3_000)) == 15_000
    assert refusal(Quota(counters, 3_000), 1, NOW).headers == {"Retry-After": "260"}


def test_another_client_is_not_affected() -> None:
    quota = Quota(UsageCounters(), 1_000)
    quota.consume("client-1", 5_000, NOW)
    refusal(quota, 1, NOW)

    quota.consume("client-2", 1_000, NOW)


def test_little_that_is_charged_before_the_work_makes_no_call_of_its_own() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 10_000)

    quota.charge("client-1", UNCOUNTED_UNITS, NOW, Bill())
    quota.charge("client-1", UNCOUNTED_UNITS, NOW, Bill())
    assert counters.charges == []
    with quota.charged("client-1", 1, NOW, Bill()):
        pass
    assert counters.charges == [2 * UNCOUNTED_UNITS + 1]

    quota.charge("client-1", 2 * UNCOUNTED_UNITS + 1, NOW, Bill())
    assert counters.charges[1:] == [2 * UNCOUNTED_UNITS + 1]


def test_who_is_known_to_be_over_the_quota_is_refused_without_a_call() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 1_000)
    quota.require_any("client-1", NOW, Bill())
    quota.charge("client-1", 2_000, NOW, Bill())

    for at in (NOW, NOW + 20):
        with pytest.raises(OutcomeError):
            quota.require_any("client-1", at, Bill())
        with pytest.raises(OutcomeError):
            quota.charge("client-1", 1, at, Bill())

    assert counters.charges == [2_000, 1_000]
    quota.require_any("client-1", NOW + 80, Bill())


def test_the_entries_of_a_bundle_have_what_is_paid_for_each_and_one_free_share() -> None:
    share = BundleShare(100)

    share.begin(60)
    share.counts(lambda: 50)
    assert (share.paid, share.left) == (60, 110)
    # What one leaves of its own no other has.
    share.begin(60)
    assert share.left == 160
    share.counts(lambda: 90)
    # Read again, on another snapshot.
    share.counts(lambda: 30)
    assert share.left == 40
    share.begin(0)
    assert share.left == 40
    share.counts(lambda: 2_000)
    share.begin(300)
    assert share.left == 300


def test_a_usage_counter_is_shared_by_all_instances_of_a_function() -> None:
    counters = UsageCounters()
    here, there = Quota(counters, 1_000), Quota(counters, 1_000)
    here.consume("client-1", 600, NOW)
    there.consume("client-1", 600, NOW)

    for instance in (here, there):
        refusal(instance, 1, NOW)


def test_what_is_remembered_does_not_grow_without_end() -> None:
    quota = Quota(UsageCounters(), 1)
    for number in range(2_500):
        quota.consume(f"client-{number}", 2, NOW)

    assert sum(quota.owes(f"client-{number}", NOW) for number in range(2_500)) <= 1_000


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_in_memory() as reader:
        create_table(reader.client, "UsageTable", "usage")
        yield reader


def test_a_charge_is_one_update_and_tells_what_the_counter_holds(reader: Reader) -> None:
    counters = DynamoDbUsageCounters(reader.client, "usage")
    reader.calls.clear()

    assert [counters.add("client-1", 7, units, 3_000) for units in (1_000, 2_000)] == [1_000, 3_000]
    assert counters.add("client-1", 8, 500, 3_000) == 500
    assert counters.add("client-2", 7, 400, 3_000) == 400
    # One that is full is not added to.
    assert counters.add("client-1", 7, 1, 3_000) is None
    assert reader.calls == ["UpdateItem"] * 5


def test_a_usage_counter_is_forgotten_soon_after_its_minute(reader: Reader) -> None:
    DynamoDbUsageCounters(reader.client, "usage").add("client-3", 7, 1, 1)

    item = reader.client.get_item(TableName="usage", Key={"pk": {"S": "client-3#7"}})["Item"]
    assert 8 * WINDOW < int(item["expires_at"]["N"]) <= 12 * WINDOW


def test_without_the_table_a_dear_request_is_503(reader: Reader) -> None:
    def refuse(operation: str) -> None:
        if operation == "UpdateItem":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    reader.faults.append(refuse)
    with pytest.raises(OutcomeError) as raised:
        DynamoDbUsageCounters(reader.client, "usage").add("client-1", 7, 1, 1)
    reader.faults.clear()

    assert (raised.value.status, raised.value.reason) == (503, "ThrottlingException")


class _Down(UsageCounters):
    is_down = True

    def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
        if self.is_down:
            raise outcomes.unavailable("throttled")
        return super().add(client_id, window, units, limit)


def test_what_could_not_be_charged_is_charged_later_although_the_write_was_refused() -> None:
    counters = _Down()
    quota = Quota(counters, 10_000)
    with quota.charged("client-1", 700, NOW, Bill()):
        pass
    with pytest.raises(KeyError), quota.charged("client-1", 500, NOW, Bill()):
        raise KeyError
    with pytest.raises(OutcomeError), quota.charged("client-1", 2_000, NOW, Bill()):
        pass

    counters.is_down = False
    with quota.charged("client-1", 100, NOW, Bill()):
        pass
    assert counters.charges == [1_300]


def test_small_writes_before_one_that_is_refused_are_charged_later() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 10_000)
    with quota.charged("client-1", 700, NOW, Bill()):
        pass
    counters.add("client-1", MINUTE, 10_000, 1)
    with pytest.raises(OutcomeError), quota.charged("client-1", 700, NOW, Bill()):
        pass

    with quota.charged("client-1", 200, NOW + 20, Bill()):
        pass
    assert counters.charges[1:] == [900]


def test_events_of_work_that_was_done_are_owed_whatever_is_left() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 1_000)
    quota.consume("client-1", 1_000, NOW)
    quota.owe("client-1", 1_100, NOW)

    assert counters.used("client-1", range(MINUTE, MINUTE + 3), 1_000) == [1_000, 1_000, 100]
    assert refusal(Quota(counters, 1_000), 1, NOW).headers == {"Retry-After": "80"}


def test_few_events_of_work_that_was_done_are_charged_together() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 1_000)
    for _ in range(3):
        quota.owe("client-1", 300, NOW)

    assert counters.charges == [900]


def test_events_that_could_not_be_charged_are_charged_with_the_next_write() -> None:
    counters = _Down()
    quota = Quota(counters, 1_000)
    quota.owe("client-1", 20, NOW)

    counters.is_down = False
    with quota.charged("client-1", 800, NOW, Bill()):
        pass
    assert counters.charges == [820]


def test_a_client_whose_debt_cannot_be_found_is_429_until_the_minute_is_over() -> None:
    class Unread(UsageCounters):
        def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
            if not units:
                raise outcomes.unavailable("throttled")
            return super().add(client_id, window, units, limit)

    counters = Unread()
    Quota(counters, 1_000).consume("client-1", 5_000, NOW)

    assert refusal(Quota(counters, 1_000), 1, NOW).headers == {"Retry-After": "20"}
