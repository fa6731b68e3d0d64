"""A client that has spent its quota for the minute is refused, and no other (`access.md`, Kill switch and budgets)."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.storage.quota import UNCOUNTED_UNITS, WINDOW, BundleShare, Quota
from careconnect.storage.usage_counters import DynamoDbUsageCounters
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.stores import Reader, reader_in_memory
from careconnect_testing.parts.usage_counters import UsageCounters

NOW = 1_750_000_000.0
"""Twenty seconds before a minute is over."""


def test_up_to_its_quota_a_client_is_served() -> None:
    quota = Quota(UsageCounters(), 3_000)

    quota.consume("client-1", 1_000, NOW)
    quota.consume("client-1", 2_000, NOW)


def test_beyond_it_what_is_dear_is_429_until_the_minute_is_over() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 3_000)
    quota.consume("client-1", 3_000, NOW)

    for at, seconds in ((NOW, "20"), (NOW + 1.5, "19"), (NOW + 19.5, "1")):
        with pytest.raises(OutcomeError) as raised:
            quota.consume("client-1", 1, at)
        assert (raised.value.status, raised.value.code) == (429, "throttled")
        assert raised.value.headers == {"Retry-After": seconds}
        assert raised.value.metrics == ("ClientOverAllowance",)
    # Once refused, a client is known, and costs nothing more.
    assert counters.charges == [3_000, 1]

    quota.consume("client-1", 3_000, NOW + 20)


def test_another_client_is_not_affected() -> None:
    quota = Quota(UsageCounters(), 1_000)
    with pytest.raises(OutcomeError):
        quota.consume("client-1", 1_001, NOW)

    quota.consume("client-2", 1_000, NOW)


def test_little_that_is_charged_before_the_work_makes_no_call_of_its_own() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 10_000)

    quota.charge("client-1", UNCOUNTED_UNITS, NOW)
    quota.charge("client-1", UNCOUNTED_UNITS, NOW)
    assert counters.charges == []
    with quota.charged("client-1", 1, NOW):
        pass
    assert counters.charges == [2 * UNCOUNTED_UNITS + 1]

    quota.charge("client-1", 2 * UNCOUNTED_UNITS + 1, NOW)
    assert counters.charges[1:] == [2 * UNCOUNTED_UNITS + 1]


def test_who_is_known_to_be_over_the_quota_is_refused_without_a_call() -> None:
    counters = UsageCounters()
    quota = Quota(counters, 1_000)
    quota.require_any("client-1", NOW)
    with pytest.raises(OutcomeError):
        quota.charge("client-1", 2_000, NOW)

    with pytest.raises(OutcomeError):
        quota.require_any("client-1", NOW)
    with pytest.raises(OutcomeError):
        quota.charge("client-1", 1, NOW)

    assert counters.charges == [2_000]
    quota.require_any("client-1", NOW + 20)


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

    with pytest.raises(OutcomeError):
        there.consume("client-1", 600, NOW)


def test_what_is_remembered_does_not_grow_without_end() -> None:
    quota = Quota(UsageCounters(), 1)
    for number in range(2_500):
        with pytest.raises(OutcomeError):
            quota.consume(f"client-{number}", 2, NOW)

    assert len(quota.used_up) <= 1_000


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_in_memory() as reader:
        create_table(reader.client, "UsageTable", "usage")
        yield reader


def test_a_charge_is_one_update_and_tells_what_the_counter_holds(reader: Reader) -> None:
    counters = DynamoDbUsageCounters(reader.client, "usage")
    reader.calls.clear()

    assert [counters.add("client-1", 7, units) for units in (1_000, 2_000)] == [1_000, 3_000]
    assert counters.add("client-1", 8, 500) == 500
    assert counters.add("client-2", 7, 400) == 400
    assert reader.calls == ["UpdateItem"] * 4


def test_a_usage_counter_is_forgotten_soon_after_its_minute(reader: Reader) -> None:
    DynamoDbUsageCounters(reader.client, "usage").add("client-3", 7, 1)

    item = reader.client.get_item(TableName="usage", Key={"pk": {"S": "client-3#7"}})["Item"]
    assert 8 * WINDOW < int(item["expires_at"]["N"]) <= 12 * WINDOW


def test_without_the_table_a_dear_request_is_503(reader: Reader) -> None:
    def refuse(operation: str) -> None:
        if operation == "UpdateItem":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    reader.faults.append(refuse)
    with pytest.raises(OutcomeError) as raised:
        DynamoDbUsageCounters(reader.client, "usage").add("client-1", 7, 1)
    reader.faults.clear()

    assert (raised.value.status, raised.value.reason) == (503, "ThrottlingException")


def test_what_could_not_be_charged_is_owed_although_the_write_was_refused() -> None:
    class Counters(UsageCounters):
        is_down = True

        def add(self, client_id: str, window: int, units: int) -> int:
            if self.is_down:
                raise outcomes.unavailable("throttled")
            return super().add(client_id, window, units)

    counters = Counters()
    quota = Quota(counters, 10_000)
    with quota.charged("client-1", 700, NOW):
        pass
    with pytest.raises(KeyError), quota.charged("client-1", 500, NOW):
        raise KeyError
    with pytest.raises(OutcomeError), quota.charged("client-1", 2_000, NOW):
        pass

    counters.is_down = False
    with quota.charged("client-1", 100, NOW):
        pass
    assert counters.charges == [1_300]
