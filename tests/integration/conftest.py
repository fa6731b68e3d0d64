"""One local stack for the whole session: the real template, IAM enforced, driven over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from careconnect_admin.local_stack import LocalStack


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The deployed template on a free port. A pytest-xdist worker has one of its own."""
    with LocalStack(log_folder=tmp_path_factory.mktemp("local-stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def http(local_stack: LocalStack) -> Iterator[httpx.Client]:
    """A client with the stack's base URL."""
    with httpx.Client(base_url=local_stack.base_url, timeout=30, trust_env=False) as client:
        yield client
