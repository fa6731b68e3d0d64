"""The console's templates for new resources: the server accepts each unchanged."""

import json
from typing import Any, Final

import httpx
import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, patient

pytestmark = pytest.mark.integration

STARTERS: Final[dict[str, Any]] = json.loads(
    (PROJECT / "functions/console/web/src/rooms/write/starters.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def writer(local_stack: LocalStack, http: httpx.Client) -> WritingClient:
    return WritingClient(http, Api(local_stack, http).register("starts", "system/*.cruds"))


def test_there_is_one_for_every_type_that_is_written() -> None:
    assert set(STARTERS) == {each.name for each in RESOURCE_TYPES if each.writable}


@pytest.mark.parametrize("name", STARTERS)
def test_the_server_takes_it_as_it_is(name: str, writer: WritingClient) -> None:
    about = writer.made(patient())["id"]
    text = json.dumps({"resourceType": name, **STARTERS[name]})
    starter = json.loads(text.replace("{patient}", about).replace("{today}", "2026-11-26"))

    answer = writer.create(starter)

    assert answer.status_code == 201, answer.text
    for path in (f"{name}/{answer.json()['id']}", f"Patient/{about}"):
        assert writer.delete(path).status_code == 204
