"""DynamoDB in memory answers as the emulator does, but where the emulator does not answer as AWS."""

import time
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.dynamodb.checks.comparison import ENDED_BY_LIMIT, Difference, compare, create_tables, rounded
from careconnect_testing.dynamodb.checks.generated_calls import Call, calls
from careconnect_testing.records.generated import cases

pytestmark = [pytest.mark.integration, pytest.mark.long]

_KNOWN = {
    "the emulator says that nothing follows a full page": ENDED_BY_LIMIT,
    "the emulator updates a nested attribute without a parent": Difference(
        "Such an update is not valid (API Reference, TransactWriteItems: 'The document path provided in the update "
        "expression is invalid for update').",
        lambda call, ours, theirs: "UpdateExpression" in str(call) and "Validation" in str(ours) and not theirs[0],
    ),
    "the emulator's begins_with refuses what is no text": Difference(
        "It takes a text or a binary value, and is false for an attribute of another type or none (Developer Guide, "
        "Condition and filter expressions).",
        lambda call, _ours, theirs: "begins_with" in str(call) and theirs[0] == "ValidationException",
    ),
    "the emulator's numbers have 28 digits": Difference(
        "They have 38 (Developer Guide, Data types).",
        # A later call shows the rounded number that an earlier one has stored.
        lambda call, ours, theirs: ":long" in str(call) or rounded(ours) == rounded(theirs),
    ),
    "the emulator names one reason of a cancelled transaction": Difference(
        "Each action has its own (API Reference, TransactWriteItems).",
        lambda _call, ours, theirs: {ours[0], theirs[0]} == {"TransactionCanceledException"},
    ),
}

_NUMBERS = count()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        yield emulator.client("dynamodb")


@settings(max_examples=cases(100), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(calls)
def test_generated_calls_are_answered_as_by_the_emulator(emulator: Any, calls: Sequence[Call]) -> None:
    ours = InMemoryClient(Database(time.time))
    suffix = f"-{next(_NUMBERS)}"
    create_tables(ours)
    create_tables(emulator, suffix)

    compare(ours, emulator, calls, _KNOWN, suffix)
