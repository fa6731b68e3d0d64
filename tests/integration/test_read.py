"""Every resource of the data set read back over HTTP, and the conditional requests of a read (`fhir.md`)."""

import json
import re
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.sample.records import SAMPLE
from careconnect_records.parsing.exact_json import json_text, parse_json
from careconnect_testing.http.answer import Answer
from careconnect_testing.records.fhir_models import valid_xml
from careconnect_testing.records.real_data import real_data
from careconnect_testing.search.search_reader import HttpReader, walk
from careconnect_testing.stacks.search_stack import SearchStack

pytestmark = [pytest.mark.integration, pytest.mark.long]


@pytest.fixture(scope="module")
def reader(search_stack: SearchStack) -> HttpReader:
    return search_stack.over_http()


def without_version(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource without the version and time that the server sets."""
    meta = {name: value for name, value in resource["meta"].items() if name not in ("versionId", "lastUpdated")}
    bare = {name: value for name, value in resource.items() if name != "meta"}
    return bare | ({"meta": meta} if meta else {})


def test_every_resource_reads_back_equal_to_its_source(search_stack: SearchStack, reader: HttpReader) -> None:
    def text_of(resource: dict[str, Any]) -> str:
        return json_text(without_version(resource), sort_keys=True)

    read: dict[tuple[str, str], str] = {}
    for type_name in {each["resourceType"] for each in search_stack.resources}:
        for page in walk(reader, reader.get(type_name, [("_count", "100")])):
            found = [entry["resource"] for entry in parse_json(page.text).get("entry", ())]
            read |= {(each["resourceType"], each["id"]): text_of(each) for each in found}
    # A read by id, of some of each type: the same bodies come another way.
    for source in search_stack.resources[::25]:
        key = source["resourceType"], source["id"]
        answer = reader.get("/".join(key))
        assert (answer.status, text_of(parse_json(answer.text))) == (200, read.get(key)), key

    sources = {(each["resourceType"], each["id"]): text_of(each) for each in search_stack.resources}
    assert [key for key, text in sources.items() if read.get(key) != text] == []


def test_of_the_source_records_none_is_left_out(search_stack: SearchStack) -> None:
    folder = real_data() or SAMPLE
    lines = [line for path in folder.glob("*.ndjson") for line in path.read_bytes().splitlines()]
    sources = {(one["resourceType"], one["id"]) for one in map(json.loads, lines)}

    assert len(sources) == len(lines) > 0
    assert sources <= {(each["resourceType"], each["id"]) for each in search_stack.resources}


def test_the_types_hold_as_many_as_were_loaded(search_stack: SearchStack, reader: HttpReader) -> None:
    loaded = Counter(resource["resourceType"] for resource in search_stack.resources)

    assert {name: reader.get(name, [("_summary", "count")]).total for name in loaded} == loaded


def test_one_of_each_type_is_valid_in_xml(search_stack: SearchStack, reader: HttpReader) -> None:
    for name in {resource["resourceType"] for resource in search_stack.resources}:
        answer = reader.get(name, [("_count", "3"), ("_format", "xml")])
        assert answer.status == 200
        assert len(valid_xml(answer.text, "Bundle").entry) >= 1
        first = next(each for each in search_stack.resources if each["resourceType"] == name)
        one = reader.get(f"{name}/{first['id']}", Accept="application/fhir+xml")
        assert valid_xml(one.text, name).id == first["id"]


def ask(reader: HttpReader, method: str = "GET", path: str = "Patient/example-1", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return reader.http.request(method, f"{FHIR_PATH}/{path}", headers={**reader.authorization, **given})


def test_a_reads_validators_make_the_next_one_a_304(reader: HttpReader) -> None:
    first = ask(reader)
    assert re.fullmatch(r'W/"\d+"', first.headers["ETag"])
    assert parsedate_to_datetime(first.headers["Last-Modified"]).tzinfo is not None

    for headers in ({"If_None_Match": first.headers["ETag"]}, {"If_Modified_Since": first.headers["Last-Modified"]}):
        for method in ("GET", "HEAD"):
            again = ask(reader, method, **headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
    assert ask(reader, If_None_Match='W/"0"').status_code == 200


@pytest.mark.parametrize(
    "path", ["Patient/example-1", "Patient?_id=example-1", "Organization?_count=1", "Patient/example-1/$everything"]
)
def test_head_is_get_without_the_body(reader: HttpReader, path: str) -> None:
    got, headed = ask(reader, "GET", path), ask(reader, "HEAD", path)

    assert (headed.status_code, headed.content) == (200, b"")
    for name in ("Content-Type", "ETag", "Last-Modified", "Cache-Control", "Vary"):
        assert headed.headers.get(name) == got.headers.get(name)


def test_the_current_version_is_read_by_its_number_and_no_other_is(reader: HttpReader) -> None:
    version = ask(reader).json()["meta"]["versionId"]

    assert ask(reader, path=f"Patient/example-1/_history/{version}").text == ask(reader).text
    assert ask(reader, path=f"Patient/example-1/_history/{int(version) + 1}").status_code == 404


def test_links_and_urls_in_a_bundle_answer(reader: HttpReader) -> None:
    bundle = ask(reader, path="Observation?patient=example-1&_count=2").json()

    urls = [link["url"] for link in bundle["link"]] + [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(urls) > 3
    for url in urls:
        assert url.startswith(f"{reader.base}/")
        assert reader.http.get(url, headers=dict(reader.authorization)).status_code == 200


def test_everything_is_posted_by_a_token_that_only_reads(reader: HttpReader) -> None:
    asked = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Patient"}]}
    headers = {**reader.authorization, "Content-Type": "application/fhir+json"}
    answer = reader.http.post(f"{reader.base}/Patient/example-1/$everything", json=asked, headers=headers)

    assert answer.status_code == 200, answer.text
    assert Answer.over_http(answer).found() == ["Patient/example-1"]
