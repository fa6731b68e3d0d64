"""Find a patient by the NHS number or by the name with the operator's own permissions."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from careconnect.audit.query import PATIENT
from careconnect.search.values import normalise
from careconnect.storage.keys import (
    JSON_ITEM,
    position_of,
    resource_key,
    string_partition,
    string_prefix,
    token_partition,
    token_prefix,
)
from careconnect_records.multi_step.reading import read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IDENTIFIER: Final = PATIENT.by_name["identifier"]
_NAME: Final = PATIENT.by_name["name"]


def patients_with_nhs_number(client: "DynamoDBClient", record_table: str, number: str) -> list[str]:
    """Return the ids of the patients who have an NHS number now, as typed with spaces or hyphens; one query.

    DynamoDB errors pass through.
    """
    code = "".join(each for each in number if each.isdigit())
    partition = token_partition(PATIENT.name, _IDENTIFIER.name, code)
    return sorted(_entries(client, record_table, partition, token_prefix(_IDENTIFIER.grouped)))


def patients_with_name(client: "DynamoDBClient", record_table: str, name: str, born: str) -> dict[str, str]:
    """Return the dates of birth, by id, of the patients who have a name and were born then; empty where none is known.

    Each word of `name` is the beginning of a word of a name that the patient has or had, whatever its case and accents.
    `born` is `1971-08-23`, `1971-08`, `1971` or empty. DynamoDB errors pass through.
    """
    words = normalise(name).split()
    longest = max(words, key=len)
    partition = string_partition(PATIENT.name, _NAME.name, longest)
    ids = _entries(client, record_table, partition, string_prefix(longest))
    found = {}
    for patient in _patients(client, record_table, ids):
        own = normalise(" ".join(_texts(patient.get("name", [])))).split()
        birth_date = str(patient.get("birthDate", ""))
        if birth_date.startswith(born) and all(any(each.startswith(word) for each in own) for word in words):
            found[str(patient["id"])] = birth_date
    return dict(sorted(found.items()))


def _entries(client: "DynamoDBClient", record_table: str, partition: str, prefix: str) -> set[str]:
    """Return the ids of the patients with an index entry."""
    pages = client.get_paginator("query").paginate(
        TableName=record_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": partition}, ":prefix": {"S": prefix}},
        ConsistentRead=True,
    )
    return {position_of(item["sk"]["S"])[1] for page in pages for item in page["Items"]}


def _patients(client: "DynamoDBClient", record_table: str, ids: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the Patients with these ids that are there."""
    keys: list[Any] = [{"pk": {"S": resource_key(PATIENT.name, each)}, "sk": {"S": JSON_ITEM}} for each in ids]
    for item in read_items(client, ((record_table, key) for key in keys)):
        if "body" in item:
            yield json.loads(item["body"]["S"])


def _texts(names: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield all texts of HumanNames."""
    for name in names:
        yield from (name[each] for each in ("text", "family") if each in name)
        yield from (text for each in ("given", "prefix", "suffix") for text in name.get(each, []) if text)
