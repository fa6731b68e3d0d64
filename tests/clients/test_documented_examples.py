"""The examples of the documents answer with what they promise when they are tried on the sample."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import httpx
import pytest

from careconnect.resource_types import RESOURCE_TYPES
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.project import DOCS
from careconnect_testing.client_service import Service

pytestmark = [pytest.mark.clients, pytest.mark.slow]

API: Final = (DOCS / "api.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| (\w+) \| `(\w+/[^`]+)` \| `(\w+\?[^`]+)` \|$", API, re.MULTILINE)

Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture
def fhir(service: Service, bearer: Bearer, http: httpx.Client) -> Callable[[str], httpx.Response]:
    """A function that asks for a URL, or for a path of the FHIR base as it is written, and may read everything."""
    base = httpx.URL(f"{service.fhir_base}/")
    return lambda url: http.get(base.join(url), headers=bearer(service.secret_client))


def test_the_reference_has_examples_of_every_type() -> None:
    assert [name for name, *_ in ROWS] == [served.name for served in RESOURCE_TYPES]


@pytest.mark.parametrize(("name", "read", "search"), ROWS, ids=[name for name, *_ in ROWS])
def test_the_references_examples_find_what_they_name(
    fhir: Callable[[str], httpx.Response], name: str, read: str, search: str
) -> None:
    one, first = fhir(read), fhir(search)

    assert (one.status_code, first.status_code) == (200, 200)
    assert f"{one.json()['resourceType']}/{one.json()['id']}" == read
    # A parameter that was not understood is left out of the link.
    assert link(first, "self").count("=") == search.count("=")
    found = set(matches(first))
    page = first
    while following := link(page, "next"):
        page = fhir(following)
        found |= set(matches(page))
    assert read in found


def link(page: httpx.Response, relation: str) -> str:
    return next((each["url"] for each in page.json()["link"] if each["relation"] == relation), "")


def matches(page: httpx.Response) -> Iterator[str]:
    for each in page.json().get("entry", ()):
        if each["search"]["mode"] == "match":
            yield f"{each['resource']['resourceType']}/{each['resource']['id']}"
