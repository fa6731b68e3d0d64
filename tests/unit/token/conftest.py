"""The issuer over moto, one for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.issuer import Issuer, issuer_on_moto


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuer_on_moto() as issuer:
        yield issuer


@pytest.fixture
def secret(issuer: Issuer) -> str:
    """Register `client-1` and return its secret."""
    return issuer.register("client-1")
