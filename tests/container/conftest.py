"""Drives `make sam-local`, which runs the functions in containers: started by .ci/containers, named by BASE.

Without BASE nothing here is collected, so that `make test` needs no Docker; a run that names this folder
then fails for having no tests.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest

from careconnect_admin.clients.demo import DemoClient, demo_clients

_BASE = os.environ.get("BASE", "")
collect_ignore_glob = [] if _BASE else ["test_*.py"]
# One container per function. The first request of each builds its image and starts it.
_COLD_START_SECONDS = 120


@pytest.fixture(scope="session")
def base_url() -> str:
    return _BASE


@pytest.fixture(scope="session")
def http(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=_COLD_START_SECONDS, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def clients() -> tuple[DemoClient, ...]:
    """Return the page's three clients, and those with the same secret variables in the container and here."""
    return demo_clients(*(os.environ[name] for name in ("EXPLORER_SECRET", "EDITOR_SECRET", "AUDITOR_SECRET")))


@pytest.fixture(scope="session")
def bearer(http: httpx.Client) -> Callable[[DemoClient], dict[str, str]]:
    """Return a function from a client to the header with its access token, which is requested once."""

    @cache
    def token(demo: DemoClient) -> str:
        answer = http.post(
            "/token",
            params={"grant_type": "client_credentials", "client_id": demo.client_id},
            headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
            auth=(demo.client_id, demo.secret),
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    return lambda demo: {"Authorization": f"Bearer {token(demo)}"}
