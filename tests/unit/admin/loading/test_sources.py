"""What files hold, and where in them."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from careconnect_admin.loading.reading.found import Deletion, Found, Problem, Skipped, Transaction, Upsert
from careconnect_admin.loading.reading.sources import find_sources, read_source

_UUID = "61ebe359-bfdc-4613-8bf2-c5e300945f0a"


def read(path: Path, content: str | bytes | dict[str, Any]) -> list[Found]:
    if isinstance(content, dict):
        content = json.dumps(content, indent=1)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found: list[Found] = []
    for each in read_source(path):
        found += each.entries if isinstance(each, Transaction) else [each]
    return found


def bundle(kind: str, *entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def put(resource: dict[str, Any], url: str | None = None) -> dict[str, Any]:
    url = url or f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


def texts(found: list[Found], folder: Path) -> list[str]:
    return [str(each).removeprefix(f"{folder}/") for each in found if isinstance(each, Problem)]


def test_lines_are_resources_and_blank_ones_nothing(tmp_path: Path) -> None:
    found = read(
        tmp_path / "a.ndjson", '\ufeff{"resourceType":"Patient","id":"1"}\r\n\n  \n{"resourceType":"Patient","id":"2"}'
    )
    assert [(each.place.line, each.resource["id"]) for each in found if isinstance(each, Upsert)] == [
        (1, "1"),
        (4, "2"),
    ]


def test_what_is_empty_is_skipped_by_name(tmp_path: Path) -> None:
    def skipped(name: str, content: str) -> list[tuple[str, int]]:
        found = read(tmp_path / name, content)
        return [(each.kind, each.place.line) for each in found if isinstance(each, Skipped)]

    assert skipped("a.ndjson", '\n{"resourceType":"Patient","id":"1"}\n  \n') == [("empty line", 1), ("empty line", 3)]
    assert skipped("b.jsonl", "") == [("empty file", 0)]
    assert skipped("c.json", json.dumps(bundle("collection"))) == [("Bundle without an entry", 1)]


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.jsonl.gz"])
def test_what_is_packed_is_read_as_it_is_unpacked(tmp_path: Path, name: str) -> None:
    lines = b'{"resourceType":"Patient","id":"1"}\n{"resourceType":"Patient","id":"2"}\n'
    found = read(tmp_path / name, gzip.compress(lines))
    assert [(each.place.line, each.resource["id"]) for each in found if isinstance(each, Upsert)] == [
        (1, "1"),
        (2, "2"),
    ]
    assert find_sources([tmp_path]).total_bytes == len(lines)


def test_a_packed_bundle_is_read(tmp_path: Path) -> None:
    content = json.dumps(bundle("collection", {"resource": {"resourceType": "Patient", "id": "1"}}), indent=1).encode()
    assert any(isinstance(each, Upsert) for each in read(tmp_path / "a.json.gz", gzip.compress(content)))


def test_what_is_packed_and_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % number for number in range(20_000))
    packed = gzip.compress(lines)
    found = read(tmp_path / "a.ndjson.gz", packed[: len(packed) // 2])
    assert isinstance(found[0], Upsert)
    assert texts(found, tmp_path)[-1] == "a.ndjson.gz: cannot be read on: not gzip, or cut off"
    assert texts(read(tmp_path / "b.json.gz", b"plain"), tmp_path) == [
        "b.json.gz: cannot be read on: not gzip, or cut off"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"resourceType":"Patient","id":"1"}\n{"resourceType":"Patient","id":"2"}\n', [(1, "1"), (2, "2")]),
        (b'\n{"resourceType":"Patient",}\n{"resourceType":"Patient","id":"2"}\n', [(3, "2")]),
        (b'\xef\xbb\xbf{"resourceType":"Patient","id":"1"}', [(1, "1")]),
        (b'{\n"resourceType":"Patient",\n"id":"1"}\n', [(1, "1")]),
        (
            b'{"type":"collection","entry":[\n\n{"resource":{"resourceType":"Patient","id":"1"}}],"resourceType":"Bundle"}',
            [(3, "1")],
        ),
    ],
)
def test_standard_input_is_lines_or_one_text(
    monkeypatch: pytest.MonkeyPatch, content: bytes, expected: list[tuple[int, str]]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    (path,) = find_sources([Path("-")]).files
    found = list(read_source(path))
    assert [(each.place.line, each.resource["id"]) for each in found if isinstance(each, Upsert)] == expected
    assert {each.place.file for each in found} == {"-"}


def test_nothing_on_standard_input_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    (problem,) = read_source(Path("-"))
    assert str(problem) == "-: nothing came in"


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    lines = ['{"resourceType":"Patient","id":"1"}', '{"resourceType":', "[1]", '{"a":1,"a":2}', '"x"']
    found = read(tmp_path / "a.ndjson", "\n".join([*lines, lines[0]]).encode() + b'\n{"a":"\xff"}\n')
    assert sum(isinstance(each, Upsert) for each in found) == 2
    assert texts(found, tmp_path) == [
        "a.ndjson:2: not JSON: Expecting value (column 17)",
        "a.ndjson:3: not a JSON object",
        "a.ndjson:4: not JSON: a member is repeated (column 8)",
        "a.ndjson:5: not a JSON object",
        "a.ndjson:7: not UTF-8",
    ]


def test_the_line_of_a_fault_in_a_whole_file_is_counted(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "a.json", '{"resourceType": "Patient",\n "id":\n}'), tmp_path) == [
        "a.json:3: not JSON: Expecting value (column 1)"
    ]
    assert texts(read(tmp_path / "b.json", b'{"a": 1,\n "b": "\xff"}'), tmp_path) == ["b.json:2: not UTF-8"]
    assert texts(read(tmp_path / "c.json", "\n\n[]"), tmp_path) == ["c.json:3: not a JSON object"]


def test_a_collections_entries_have_their_own_lines(tmp_path: Path) -> None:
    content = """{"resourceType": "Bundle",
 "id": "b", "total": 2, "link": [{"relation": "self", "url": "{[\\"entry\\":"}],
 "entry": [
  {"resource": {"resourceType": "Patient", "id": "1"}},
  {"fullUrl": "https://other.example/Patient/2", "resource":
    {"resourceType": "Patient", "id": "2"}}, 3,
  {}
 ], "type": "collection"}"""
    found = read(tmp_path / "a.json", content)
    assert [(each.place.line, each.resource["id"]) for each in found if isinstance(each, Upsert)] == [
        (4, "1"),
        (5, "2"),
    ]
    assert texts(found, tmp_path) == [
        "a.json:6: an entry that is not an object",
        "a.json:7: an entry without a resource",
    ]


def test_a_bundle_may_stand_on_a_line(tmp_path: Path) -> None:
    line = json.dumps(bundle("collection", {"resource": {"resourceType": "Patient", "id": "1"}}))
    found = read(tmp_path / "a.ndjson", f"{line}\n{line}\n")
    assert [each.place.line for each in found] == [1, 2]


def test_a_transaction_upserts_and_deletes(tmp_path: Path) -> None:
    found = read(
        tmp_path / "a.json",
        bundle(
            "transaction",
            put({"resourceType": "Patient", "id": "1"}),
            {"resource": {"resourceType": "Patient", "id": "2"}, "request": {"method": "POST", "url": "Patient"}},
            {"request": {"method": "DELETE", "url": "Observation/3"}},
            {"request": {"method": "DELETE", "url": "https://other.example/fhir/Observation/4"}},
        ),
    )
    assert [each.resource["id"] for each in found if isinstance(each, Upsert)] == ["1", "2"]
    assert [each.resource_id for each in found if isinstance(each, Deletion)] == ["3", "4"]


def test_full_urls_become_the_resources_references(tmp_path: Path) -> None:
    found = read(
        tmp_path / "a.json",
        bundle(
            "transaction",
            {
                "resource": {
                    "resourceType": "Observation",
                    "id": "o",
                    "subject": {"reference": f"urn:uuid:{_UUID}", "display": f"urn:uuid:{_UUID}"},
                    "performer": [
                        {"reference": "https://other.example/Practitioner/7"},
                        {"reference": "urn:uuid:other"},
                    ],
                },
                "request": {"method": "PUT", "url": "Observation/o"},
            },
            {
                "fullUrl": f"urn:uuid:{_UUID}",
                "resource": {"resourceType": "Patient"},
                "request": {"method": "POST", "url": "Patient"},
            },
            {"fullUrl": "https://other.example/Practitioner/7"} | put({"resourceType": "Practitioner", "id": "p"}),
        ),
    )
    observation, patient, _ = [each.resource for each in found if isinstance(each, Upsert)]
    # A new resource takes the id of its full URL, at every load the same.
    assert patient == {"resourceType": "Patient", "id": _UUID}
    assert observation["subject"] == {"reference": f"Patient/{_UUID}", "display": f"urn:uuid:{_UUID}"}
    assert observation["performer"] == [{"reference": "Practitioner/p"}, {"reference": "urn:uuid:other"}]


def test_a_collection_keeps_absolute_references_and_resolves_urns(tmp_path: Path) -> None:
    found = read(
        tmp_path / "a.json",
        bundle(
            "collection",
            {"fullUrl": f"urn:uuid:{_UUID}", "resource": {"resourceType": "Patient", "id": "1"}},
            {"fullUrl": "https://other.example/Patient/2", "resource": {"resourceType": "Patient", "id": "2"}},
            {"resource": {"resourceType": "Observation", "id": "o", "subject": {"reference": f"urn:uuid:{_UUID}"}}},
            {
                "resource": {
                    "resourceType": "Observation",
                    "id": "p",
                    "subject": {"reference": "https://other.example/Patient/2"},
                }
            },
        ),
    )
    references = [each.resource["subject"]["reference"] for each in found[2:] if isinstance(each, Upsert)]
    assert references == ["Patient/1", "https://other.example/Patient/2"]


def test_the_outcomes_in_a_search_answer_are_left_out(tmp_path: Path) -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    match = {"resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}}
    found = read(tmp_path / "a.json", bundle("searchset", match, outcome))
    assert [each.resource["id"] for each in found if isinstance(each, Upsert)] == ["1"]
    assert [each.kind for each in found if isinstance(each, Skipped)] == ["outcome in a search's answer"]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"request": {"method": "GET", "url": "Patient/1"}}, "no PUT, POST or DELETE"),
        ({"resource": {"resourceType": "Patient", "id": "1"}}, "without request.method"),
        ({"request": {"method": "PUT", "url": "Patient?name=x"}}, "conditional"),
        ({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "x"}}, "conditional"),
        ({"request": {"method": "DELETE", "url": "Patient"}}, "no Type/id"),
        ({"request": {"method": "PUT", "url": "Patient/1"}}, "without a resource"),
        (put({"resourceType": "Patient", "id": "1"}, "Patient/2"), "names another resource"),
    ],
)
def test_a_request_that_cannot_be_done_is_named(tmp_path: Path, entry: dict[str, Any], reason: str) -> None:
    (problem,) = texts(read(tmp_path / "a.json", bundle("transaction", entry)), tmp_path)
    assert reason in problem


@pytest.mark.parametrize("kind", ["history", "message", None])
def test_other_bundles_are_not_loaded(tmp_path: Path, kind: Any) -> None:
    (problem,) = texts(read(tmp_path / "a.json", bundle(kind)), tmp_path)
    assert "no collection, searchset, transaction or batch" in problem


def test_folders_are_read_in_the_order_of_names_and_bad_paths_named(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.json", "c.txt"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    sources = find_sources([tmp_path, tmp_path / "b.ndjson", tmp_path / "none", tmp_path / "c.txt", tmp_path / "empty"])
    assert [path.name for path in sources.files] == ["a.json", "b.ndjson"]
    assert sources.total_bytes == 6
    assert texts(list(sources.problems), tmp_path) == [
        "none: no such file or folder",
        "c.txt: not .ndjson, .jsonl or .json (or one of them with .gz)",
        "empty: no .ndjson, .jsonl or .json (or one of them with .gz) file in this folder",
    ]


def test_folders_in_folders_are_read_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    for name in (
        "b/deep/x.json",
        "a.ndjson.gz",
        "b/y.ndjson",
        ".hidden/z.json",
        "b/.z.json",
        "notes.txt",
        "b/x.csv.gz",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    sources = find_sources([tmp_path])
    assert [str(path.relative_to(tmp_path)) for path in sources.files] == [
        "a.ndjson.gz",
        "b/deep/x.json",
        "b/y.ndjson",
    ]
    assert [(str(each.place).removeprefix(f"{tmp_path}/"), each.kind) for each in sources.skipped] == [
        (".hidden/z.json", "hidden file"),
        ("b/.z.json", "hidden file"),
        ("b/x.csv.gz", "file of another kind"),
        ("notes.txt", "file of another kind"),
    ]
    assert not sources.problems
