"""Clients registered in an issuer's tables, in moto."""

from collections.abc import Iterator

import pytest

from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_testing.parts.issuer import CLIENT_TABLE, Issuer, built_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """The issuer over empty tables, with a signing key."""
    with built_issuer() as issuer:
        yield issuer


@pytest.fixture
def registry(issuer: Issuer) -> DynamoDbClientRegistry:
    """The clients that it knows."""
    return DynamoDbClientRegistry(issuer.dynamodb, CLIENT_TABLE)
