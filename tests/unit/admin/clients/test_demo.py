"""The demo clients: who they are, and that only digests of their secrets are stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from careconnect.client_record import client_record, digest_secret
from careconnect.resource_types import RESOURCE_TYPES
from careconnect.scopes import READING, Interaction, grants_of
from careconnect_admin.clients.demo import demo_clients, register
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_testing.tables import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "clients"


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-2")
        create_table(client, "ClientTable", TABLE)
        yield client


GIVEN = "an-explorer-of-care-connect-records.and-nobody-guesses-0123456789~this"


@pytest.mark.parametrize("place", [-2, -1])
def test_the_secrets_of_explorer_and_editor_are_given_or_made_anew(place: int) -> None:
    given = demo_clients(*((GIVEN, None) if place == -2 else (None, GIVEN)))

    assert [demo.client_id for demo in given[-2:]] == ["explorer", "editor"]
    assert given[place].secret == GIVEN
    assert len(demo_clients()[place].secret) >= 64
    assert len({demo_clients()[place].secret, demo_clients()[place].secret, given[-2].secret, given[-1].secret}) == 4


def test_explorer_reads_and_editor_writes_too() -> None:
    *_, explorer, editor = demo_clients()
    everything = {t.name for t in RESOURCE_TYPES}

    for letter in Interaction:
        assert set(grants_of(" ".join(editor.scopes)).types(letter)) == everything
        read_only = everything if letter in READING else set()
        assert set(grants_of(" ".join(explorer.scopes)).types(letter)) == read_only


@pytest.mark.parametrize("weak", ["short", "s" * 86, "with spaces and / signs " * 5])
def test_a_weak_secret_for_explorer_or_editor_is_refused(weak: str) -> None:
    with pytest.raises(RegistrationError):
        demo_clients(weak)
    with pytest.raises(RegistrationError):
        demo_clients(None, weak)


def test_a_registered_client_can_be_told_by_its_secret_which_is_not_stored(dynamodb: "DynamoDBClient") -> None:
    clients = demo_clients()
    register(clients, DynamoDbClientRegistry(dynamodb, TABLE))

    for demo in clients:
        item = dynamodb.get_item(TableName=TABLE, Key={"client_id": {"S": demo.client_id}})["Item"]
        record = client_record(item)
        assert record.enabled
        assert record.scopes == demo.scopes
        assert record.secrets[0].digest == digest_secret(record.salt, demo.secret)
        assert demo.secret not in str(item)


def test_a_demo_client_does_not_show_its_secret_in_logs() -> None:
    for demo in demo_clients():
        assert demo.secret not in repr(demo)
