"""Calls of DynamoDB: batches are whole or a 503, and errors of the service tell nothing but that."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from careconnect.fhir.outcomes import OutcomeError
from careconnect.storage.dynamodb import BATCH, batch_get, call


class Batches:
    """A client that has every item, and answers `most` of a call's keys."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.calls: list[dict[str, Any]] = []

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        self.calls.append(RequestItems)
        asked = [(table, key) for table, each in RequestItems.items() for key in each["Keys"]]
        rest: dict[str, Any] = {}
        for table, key in asked[self.most :]:
            rest.setdefault(table, {**RequestItems[table], "Keys": []})["Keys"].append(key)
        answered: dict[str, Any] = {}
        for table, key in asked[: self.most]:
            answered.setdefault(table, []).append(key)
        return {"Responses": answered, "UnprocessedKeys": rest}


KEYS = [(f"table-{number % 2}", {"pk": {"S": str(number)}}) for number in range(250)]


@pytest.mark.parametrize(("most", "calls"), [(1_000, 3), (60, 5)])
def test_a_batch_is_asked_for_by_the_hundred_until_it_is_whole(most: int, calls: int) -> None:
    client, pauses = Batches(most), list[float]()

    found = list(batch_get(client, KEYS, consistent=True, sleep=pauses.append))

    assert sorted(item["pk"]["S"] for item in found) == sorted(key["pk"]["S"] for _, key in KEYS)
    assert len(client.calls) == calls
    assert len(pauses) == calls - 3
    for asked in client.calls:
        assert sum(len(each["Keys"]) for each in asked.values()) <= BATCH
        assert all(each["ConsistentRead"] for each in asked.values())


def test_keys_that_stay_unprocessed_are_a_503() -> None:
    client, pauses = Batches(0), list[float]()

    with pytest.raises(OutcomeError) as raised:
        list(batch_get(client, KEYS[:1], consistent=False, sleep=pauses.append))

    assert (raised.value.status, raised.value.metrics) == (503, ("Unavailable",))
    assert len(client.calls) == 5
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "secret"}}, "Query"), "ThrottlingException"),
        (EndpointConnectionError(endpoint_url="https://secret.example"), "EndpointConnectionError"),
    ],
)
def test_an_error_of_the_service_is_a_503_with_its_code_for_the_log(error: Exception, code: str) -> None:
    def fail(**_: object) -> None:
        raise error

    with pytest.raises(OutcomeError) as raised:
        call(fail, TableName="records")

    assert (raised.value.status, raised.value.reason) == (503, code)
    assert "secret" not in raised.value.text
