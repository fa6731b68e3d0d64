"""The examples of the documents give the promised answers when they are run on the sample."""

import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.documents.openapi.exports import EXPORTS
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import DOCS
from careconnect_testing.http.client_service import Service

pytestmark = [pytest.mark.clients, pytest.mark.slow]

API: Final = (DOCS / "api.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(
    r"^\| (\w+) \| `(\w+/[^`]+)` \| `((?:POST \w+/_search` with `|\w+\?)[^`]+)` \|$", API, re.MULTILINE
)

STAMPS: Final = re.compile(r"<(?:versionId|lastUpdated) value=[^>]*>")
"""The version and the time of a resource in XML."""

Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture
def fhir(service: Service, bearer: Bearer, http: httpx.Client) -> Callable[[str], httpx.Response]:
    """Return a function that may read everything and gets a URL, or a path of the FHIR base as it is written.

    A path after POST has its form after it.
    """
    base = httpx.URL(f"{service.fhir_base}/")

    def ask(url: str) -> httpx.Response:
        headers = bearer(service.secret_client)
        path, _, form = url.removeprefix("POST ").partition("` with `")
        if not form:
            return http.get(base.join(url), headers=headers)
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        return http.post(base.join(path), content=form, headers=headers)

    return ask


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


@pytest.fixture(scope="module")
def openapi(local_stack: LocalStack) -> dict[str, Any]:
    """The document as it is served."""
    answer = httpx.get(f"{local_stack.base_url}/openapi.json", timeout=30, trust_env=False)
    return dict(answer.json())


def examples(parameters: list[dict[str, Any]], place: str) -> dict[str, str]:
    return {each["name"]: each["example"] for each in parameters if each.get("in") == place and "example" in each}


@pytest.mark.parametrize("name", [served.name for served in RESOURCE_TYPES])
def test_the_openapi_documents_examples_answer_together(
    openapi: dict[str, Any], service: Service, bearer: Bearer, http: httpx.Client, name: str
) -> None:
    headers = bearer(service.secret_client)
    paths = {path: of for path, of in openapi["paths"].items() if f"/{name}/" in f"{path}/"}
    shared = openapi["components"]["parameters"]
    answered: dict[str, httpx.Response] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            # An export is started by a client of another kind, and answered by a job.
            if method != ("post" if path.endswith("/_search") else "get") or EXPORTS in operation["tags"]:
                continue
            parameters = [
                shared[each["$ref"].split("/")[-1]] if "$ref" in each else each for each in operation["parameters"]
            ]
            content = operation.get("requestBody", {}).get("content", {})
            fields: dict[str, Any] = next((of["schema"]["properties"] for of in content.values()), {})
            answered[path] = http.request(
                method,
                path.format(**examples(parameters, "path")),
                params=examples(parameters, "query"),
                data={field: of["example"] for field, of in fields.items() if "example" in of} or None,
                headers=headers,
            )

    assert {answer.status_code for answer in answered.values()} == {200}
    root = f"{FHIR_PATH}/{name}"
    resource = answered[f"{root}/{{id}}"].json()
    assert resource["resourceType"] == name
    assert matches(answered[root]) == matches(answered[f"{root}/_search"]) == [f"{name}/{resource['id']}"]
    below = f"{FHIR_PATH}/Patient/{{id}}/{name}"
    for path in (below, f"{below}/_search"):
        assert path not in answered or matches(answered[path]) == [f"{name}/{resource['id']}"]


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("name", [served.name for served in RESOURCE_TYPES])
def test_the_openapi_documents_bodies_are_taken_and_those_of_what_is_there_change_nothing(
    openapi: dict[str, Any],
    clients: tuple[DemoClient, ...],
    bearer: Bearer,
    http: httpx.Client,
    name: str,
) -> None:
    (editor,) = (client for client in clients if client.client_id == "editor")
    root, bodies = f"{FHIR_PATH}/{name}", openapi["components"]["requestBodies"]
    body = {
        media_type: example(openapi, of["examples"]["sample"]["$ref"])
        for media_type, of in bodies[name]["content"].items()
    }
    resource = body["application/fhir+json"]
    url = f"{root}/{resource['id']}"

    def send(method: str, path: str, content: Any = None, media_type: str = "", **headers: str) -> httpx.Response:
        text = content if isinstance(content, str) or content is None else json.dumps(content)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.request(method, path, content=text, headers={**bearer(editor), "Content-Type": media_type, **given})

    version = send("GET", url).headers["ETag"]
    for media_type, content in body.items():
        same = send("PUT", url, content, media_type, If_Match=version)
        assert (same.status_code, same.headers["ETag"]) == (200, version), same.text
    conditional = openapi["paths"][root].get("put")
    if conditional:
        (identifier,) = examples(conditional["parameters"], "query").values()
        condition = urlencode({"identifier": identifier})
        for answer in (
            send("PUT", f"{root}?{condition}", resource, "application/fhir+json"),
            send("POST", root, resource, "application/fhir+json", If_None_Exist=condition),
        ):
            assert (answer.status_code, answer.json()["id"]) == (200, resource["id"])
    ((media_type, patch),) = bodies["JsonPatch"]["content"].items()
    assert send("PATCH", url, patch["example"], media_type).status_code == 200
    assert send("PUT", url, resource, "application/fhir+json").status_code == 200
    created = send("POST", root, resource, "application/fhir+json")
    assert created.status_code == 201
    assert created.json()["id"] != resource["id"]
    assert send("DELETE", f"{root}/{created.json()['id']}").status_code == 204


@pytest.mark.parametrize("name", [served.name for served in RESOURCE_TYPES])
def test_the_openapi_documents_answers_are_those_of_the_sample(
    openapi: dict[str, Any], fhir: Callable[[str], httpx.Response], name: str
) -> None:
    """But for when the sample was loaded, and the version that it has by now."""
    wanted = example(openapi, f"#/components/examples/{name}")
    matches_ = example(openapi, f"#/components/examples/{name}Matches")
    answers = {f"{name}/{wanted['id']}": wanted, self_link(matches_): matches_}
    if name == "Patient":
        record = example(openapi, "#/components/examples/PatientRecord")
        answers[self_link(record)] = record

    for asked, answer in answers.items():
        assert unstamped(fhir(asked).json()) == unstamped(answer), asked
    in_xml = fhir(f"{name}/{wanted['id']}?_format=xml").text
    assert STAMPS.sub("", in_xml) == STAMPS.sub("", example(openapi, f"#/components/examples/{name}Xml"))


def test_the_openapi_document_names_where_the_service_answers_everybody(
    openapi: dict[str, Any], http: httpx.Client
) -> None:
    published = [
        (operations["get"]["externalDocs"]["url"], operations["get"]["responses"]["200"]["content"])
        for operations in openapi["paths"].values()
        if operations.get("get", {}).get("tags") == ["Discovery"]
    ]

    assert len(published) == 6
    for url, content in published:
        answer = http.get(url)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0] in content) == (200, True)


def test_the_openapi_documents_oauth_answers_are_those_of_the_service(
    openapi: dict[str, Any], http: httpx.Client, clients: tuple[DemoClient, ...]
) -> None:
    """But for the token, its id and its times."""
    (client,) = (each for each in clients if each.name == "Patient access")
    who = (client.client_id, client.secret)
    granted = http.post("/token", data={"grant_type": "client_credentials"}, auth=who).json()
    token = granted["access_token"]
    told = http.post("/introspect", data={"token": token}, auth=who).json()
    refusals = {
        "400": http.post("/token", data={"grant_type": "password"}, auth=who),
        "401": http.post("/token", data={"grant_type": "client_credentials"}, auth=(client.client_id, "other")),
        "405": http.get("/token"),
    }
    revoked = http.post("/revoke", data={"token": token}, auth=who).json()

    assert granted == plain_example(openapi, "/token", "post", "200") | {"access_token": token}
    changing = {name: told[name] for name in ("iat", "exp", "jti")}
    assert told == plain_example(openapi, "/introspect", "post", "200") | changing
    assert revoked == plain_example(openapi, "/revoke", "post", "200")
    for status, answer in refusals.items():
        assert answer.status_code == int(status)
        assert answer.json() == plain_example(openapi, "/token", "post", status)


def plain_example(document: dict[str, Any], path: str, method: str, status: str) -> dict[str, Any]:
    """Return the example of an answer in plain JSON."""
    answer = document["paths"][path][method]["responses"][status]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return dict(answer["content"]["application/json"]["example"])


def example(document: dict[str, Any], reference: str) -> Any:
    return document["components"]["examples"][reference.rpartition("/")[2]]["value"]


def self_link(bundle: dict[str, Any]) -> str:
    (url,) = (each["url"] for each in bundle["link"] if each["relation"] == "self")
    return str(url)


def unstamped(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the version and the time of each resource."""
    for resource in (answer, *(entry["resource"] for entry in answer.get("entry", ()))):
        if meta := resource.get("meta"):
            resource["meta"] = {key: value for key, value in meta.items() if key not in ("versionId", "lastUpdated")}
    return answer


def link(page: httpx.Response, relation: str) -> str:
    return next((each["url"] for each in page.json()["link"] if each["relation"] == relation), "")


def matches(page: httpx.Response) -> list[str]:
    found = (each["resource"] for each in page.json().get("entry", ()) if each["search"]["mode"] == "match")
    return [f"{each['resourceType']}/{each['id']}" for each in found]
