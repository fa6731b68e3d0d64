"""The demo clients: their scopes, and that only digests of their secrets are stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.oauth.client_record import client_record, digest_secret
from careconnect.oauth.scopes import READING, Letter, grants_of
from careconnect_admin.clients.demo import demo_clients, register
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_testing.aws.tables import create_table

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


OWN = ("explorer", "editor", "auditor")


@pytest.mark.parametrize("place", range(3))
def test_the_secrets_of_explorer_editor_and_auditor_are_given_or_made_anew(place: int) -> None:
    given = demo_clients(*(GIVEN if place == each else None for each in range(3)))[-3:]
    made = [demo_clients()[-3:] for _ in range(2)]

    assert tuple(demo.client_id for demo in given) == OWN
    assert given[place].secret == GIVEN
    assert all(len(demo.secret) >= 64 for demo in made[0])
    assert len({demo.secret for demos in (given, *made) for demo in demos}) == 9


def test_explorer_reads_editor_writes_too_and_auditor_reads_the_audit_trail_and_finds_patients() -> None:
    *_, explorer, editor, auditor = demo_clients()
    everything = {t.name for t in RESOURCE_TYPES}

    for letter in Letter:
        assert set(grants_of(" ".join(editor.scopes)).types(letter)) == everything
        read_only = everything if letter in READING else set()
        assert set(grants_of(" ".join(explorer.scopes)).types(letter)) == read_only
        found = {"Patient"} if letter is Letter.SEARCH else set()
        audited = {"AuditEvent", *found} if letter in READING else set()
        assert set(grants_of(" ".join(auditor.scopes)).types(letter)) == audited


@pytest.mark.parametrize("weak", ["short", "s" * 86, "with spaces and / signs " * 5])
def test_a_weak_secret_for_explorer_editor_or_auditor_is_refused(weak: str) -> None:
    for place in range(3):
        with pytest.raises(RegistrationError):
            demo_clients(*(weak if place == each else None for each in range(3)))


def test_a_registered_client_can_be_reported_by_its_secret_which_is_not_stored(dynamodb: "DynamoDBClient") -> None:
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
