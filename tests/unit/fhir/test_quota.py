"""A client that has spent what a minute allows is refused, and no other (`access.md`, Kill switch and budgets)."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.outcomes import OutcomeError
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.stores import Reader, reader_on_moto
from careconnect_testing.parts.usage_counters import Accounts
from fhir_reader.quota import FREE_UNITS, FREE_UNITS_WHEN_SPENT, WINDOW, Allowances
from fhir_reader.store.usage_counters import DynamoDbAccounts

NOW = 1_750_000_000.0
"""Twenty seconds before a minute is over."""


def test_up_to_its_allowance_a_client_is_served() -> None:
    allowances = Allowances(Accounts(), 3_000)

    allowances.draw("client-1", 1_000, NOW)
    allowances.draw("client-1", 2_000, NOW)


def test_beyond_it_what_is_dear_is_429_until_the_minute_is_over() -> None:
    accounts = Accounts()
    allowances = Allowances(accounts, 3_000)
    allowances.draw("client-1", 3_000, NOW)

    for at, seconds in ((NOW, "20"), (NOW + 1.5, "19"), (NOW + 19.5, "1")):
        with pytest.raises(OutcomeError) as raised:
            allowances.draw("client-1", 1, at)
        assert (raised.value.status, raised.value.code) == (429, "throttled")
        assert raised.value.headers == {"Retry-After": seconds}
        assert raised.value.metrics == ("ClientOverAllowance",)
    # Once refused, a client is known, and costs nothing more.
    assert accounts.charges == [3_000, 1]

    allowances.draw("client-1", 3_000, NOW + 20)


def test_a_client_that_has_spent_it_gets_small_things_only() -> None:
    allowances = Allowances(Accounts(), 1_000)
    assert allowances.free_units("client-1", NOW) == FREE_UNITS
    with pytest.raises(OutcomeError):
        allowances.draw("client-1", 1_001, NOW)

    assert allowances.free_units("client-1", NOW) == FREE_UNITS_WHEN_SPENT
    assert allowances.free_units("client-1", NOW + 20) == FREE_UNITS
    assert allowances.free_units("client-2", NOW) == FREE_UNITS


def test_another_client_is_not_affected() -> None:
    allowances = Allowances(Accounts(), 1_000)
    with pytest.raises(OutcomeError):
        allowances.draw("client-1", 1_001, NOW)

    allowances.draw("client-2", 1_000, NOW)


def test_an_account_is_shared_by_all_instances_of_a_function() -> None:
    accounts = Accounts()
    here, there = Allowances(accounts, 1_000), Allowances(accounts, 1_000)
    here.draw("client-1", 600, NOW)

    with pytest.raises(OutcomeError):
        there.draw("client-1", 600, NOW)


def test_what_is_remembered_does_not_grow_without_end() -> None:
    allowances = Allowances(Accounts(), 1)
    for number in range(2_500):
        with pytest.raises(OutcomeError):
            allowances.draw(f"client-{number}", 2, NOW)

    assert len(allowances._spent) <= 1_000


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_on_moto() as reader:
        create_table(reader.client, "AllowanceTable", "allowances")
        yield reader


def test_a_charge_is_one_update_and_tells_what_the_account_holds(reader: Reader) -> None:
    accounts = DynamoDbAccounts(reader.client, "allowances")
    reader.calls.clear()

    assert [accounts.charge("client-1", 7, units) for units in (1_000, 2_000)] == [1_000, 3_000]
    assert accounts.charge("client-1", 8, 500) == 500
    assert accounts.charge("client-2", 7, 400) == 400
    assert reader.calls == ["UpdateItem"] * 4


def test_an_account_is_forgotten_soon_after_its_minute(reader: Reader) -> None:
    DynamoDbAccounts(reader.client, "allowances").charge("client-3", 7, 1)

    item = reader.client.get_item(TableName="allowances", Key={"pk": {"S": "client-3#7"}})["Item"]
    assert 8 * WINDOW < int(item["expires_at"]["N"]) <= 12 * WINDOW


def test_without_the_table_a_dear_request_is_503(reader: Reader) -> None:
    def refuse(operation: str) -> None:
        if operation == "UpdateItem":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    reader.faults.append(refuse)
    with pytest.raises(OutcomeError) as raised:
        DynamoDbAccounts(reader.client, "allowances").charge("client-1", 7, 1)
    reader.faults.clear()

    assert (raised.value.status, raised.value.reason) == (503, "ThrottlingException")
