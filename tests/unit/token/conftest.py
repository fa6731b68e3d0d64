"""The issuer over tables in memory and the keys of moto, one for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.issuer import Issuer, built_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer() as issuer:
        yield issuer


@pytest.fixture
def secret(issuer: Issuer) -> str:
    """Register `client-1` and return its secret."""
    return issuer.register("client-1")
