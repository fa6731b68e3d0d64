"""The console's templates and forms for new resources: the server accepts each as it is sent, in both formats."""

import json
import subprocess
from typing import Any, Final

import httpx
import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, patient
from careconnect_testing.page.node_clients import NODE
from careconnect_testing.page.web_sources import WEB

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


@pytest.mark.long
def test_the_server_takes_every_form_and_starter_as_json_and_as_xml(writer: WritingClient) -> None:
    about = writer.made(patient())["id"]
    printed = subprocess.run(
        [NODE, "tests/form-examples.ts", about], cwd=WEB, check=True, capture_output=True, text=True
    )
    examples = json.loads(printed.stdout)
    assert len(examples) > len(STARTERS)

    made = [f"Patient/{about}"]
    for example in examples:
        type_ = json.loads(example["json"])["resourceType"]
        stored = []
        for format_, text in example.items():
            answer = writer.send("POST", type_, text, type_=f"application/fhir+{format_}")
            assert answer.status_code == 201, (text, answer.text)
            id_ = answer.headers["Location"].split("/")[-3]
            stored.append(writer.get(f"{type_}/{id_}").json())
            made.append(f"{type_}/{id_}")
        # Both formats say the same.
        assert [{**each, "id": "", "meta": {}} for each in stored[1:]] == [{**stored[0], "id": "", "meta": {}}]
    for path in reversed(made):
        assert writer.delete(path).status_code == 204
