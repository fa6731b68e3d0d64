"""The promises of writing, with another request between any two calls of a write (`write.md`, Promises).

Small resources take one transaction, large ones many steps. The other request is complete, and all is in one thread:
requests at once over HTTP are in `tests/integration/test_promises.py`. The other promises are held by
`test_read_your_write.py` (5), `test_multi_step_write.py` (6) and `test_write_cost.py` (7).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from careconnect_records.multi_step import write as multi_step
from careconnect_records.writes import plan
from careconnect_testing.aws.between_calls import at_every_call
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, with_other_tables
from careconnect_testing.records.stored import saved, stored

OWN = "Patient/own"
pytestmark = pytest.mark.slow

SIZES = pytest.mark.parametrize(
    "many", [pytest.param(1, id="small"), pytest.param(10, id="large", marks=pytest.mark.long)]
)
"""The number of a version's own identifiers: one transaction takes the small one, and not the large one."""


@pytest.fixture(autouse=True)
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction take 25 actions, so that a quarter of the items is enough."""
    monkeypatch.setattr(plan, "MAX_ACTIONS", 25)
    monkeypatch.setattr(multi_step, "_AT_ONCE", 24)


@pytest.fixture
def writer(module_writer: Writer) -> Writer:
    """Both writers over empty tables, with an organisation to refer to."""
    made = with_other_tables(module_writer)
    made.made({"resourceType": "Organization", "id": "org", "name": "A practice"})
    return made


def version(number: int, many: int, **elements: Any) -> Resource:
    """Return a version of the patient: its own name and identifiers, and an identifier of all versions."""
    codes = ("always", *(f"v{number}-{each}" for each in range(many)))
    name = [{"family": f"Family{number}", "given": ["Given"]}]
    return {**patient(*codes, name=name, **elements), "id": "own"}


def by_code(code: str) -> str:
    return f"identifier={NHS_NUMBER}%7C{code}"


LOOKS = [
    (OWN, ""),
    (f"{OWN}/_history", ""),
    *(("Patient", query) for query in ("given=given", "_id=own", "family=family1", "family=family2")),
    *(("Patient", by_code(code)) for code in ("always", "v1-0", "v2-0")),
]


def look(writer: Writer) -> list[tuple[int, Any]]:
    """Return the responses to reads and searches at one moment."""
    return [seen(writer, *each) for each in LOOKS]


def seen(writer: Writer, path: str, query: str) -> tuple[int, Any]:
    answer = writer.reader.get(path, query, Cache_Control="no-cache")
    body = answer.json
    # Each Bundle has its own id and time.
    return answer.status, body.get("entry", body["resourceType"]) if body["resourceType"] == "Bundle" else body


def found(looked: list[tuple[int, Any]]) -> list[str]:
    """Return the names of the searches that find something."""
    names = ("given", "_id", "family1", "family2", "always", "v1-0", "v2-0")
    return [name for name, (_, entries) in zip(names, looked[2:], strict=True) if entries != "Bundle"]


def writes(writer: Writer, many: int) -> dict[str, Callable[[], Answer]]:
    """Return the writes that lead to the second version, or to none."""
    name = {"op": "replace", "path": "/name/0/family", "value": "Family2"}
    codes = {"op": "replace", "path": "/identifier", "value": version(2, many)["identifier"]}
    return {
        "PUT": lambda: writer.update(version(2, many)),
        "PATCH": lambda: writer.patch(OWN, name, codes),
        "DELETE": lambda: writer.delete(OWN),
    }


@SIZES
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "again"])
def test_promise_1_a_reader_between_any_two_calls_sees_one_version_whole(
    writer: Writer, method: str, many: int
) -> None:
    writer.made(version(1, many))
    if method == "again":
        assert writer.delete(OWN).status == 204
    write = writes(writer, many)["PUT" if method == "again" else method]
    before = look(writer)
    assert found(before) == ([] if method == "again" else ["given", "_id", "family1", "always", "v1-0"])
    calls = 0

    for answer, meanwhile in at_every_call(writer, write, lambda: look(writer)):
        after = look(writer)
        assert answer.status in (200, 201, 204)
        assert found(after) == ([] if method == "DELETE" else ["given", "_id", "family2", "always", "v2-0"])
        if meanwhile == before:
            calls += 1
        else:
            # Only what no reader reads comes after the call that makes the new version visible.
            assert meanwhile == after
            assert many > 1

    assert calls >= (6 if many > 1 else 2)


@SIZES
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("place", range(len(LOOKS)), ids=[f"{path}?{query}" for path, query in LOOKS])
def test_promise_1_a_write_between_any_two_calls_of_a_reader_mixes_nothing(
    writer: Writer, method: str, many: int, place: int
) -> None:
    writer.made(version(1, many))
    write = writes(writer, many)[method]
    put_back = saved(writer.reader.tables)
    before = seen(writer, *LOOKS[place])
    assert write().status in (200, 204)
    after = seen(writer, *LOOKS[place])
    put_back()

    shown = [result for result, _ in at_every_call(writer, lambda: seen(writer, *LOOKS[place]), write)]
    assert shown
    assert [each for each in shown if each not in (before, after)] == []


@SIZES
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_promise_2_of_two_writes_of_one_version_one_wins(writer: Writer, method: str, many: int) -> None:
    writer.made(version(1, many))
    first = {"If_Match": 'W/"1"'}
    name = {"op": "replace", "path": "/name/0/family", "value": "Family2"}
    codes = {"op": "replace", "path": "/identifier", "value": version(2, many)["identifier"]}
    write: dict[str, Callable[[], Answer]] = {
        "PUT": lambda: writer.update(version(2, many), **first),
        "PATCH": lambda: writer.patch(OWN, name, codes, **first),
        "DELETE": lambda: writer.delete(OWN, **first),
    }
    winners = Counter[str]()

    other = version(3, 1)
    for answer, meanwhile in at_every_call(writer, write[method], lambda: writer.update(other, **first)):
        won = [each.status in (200, 204) for each in (answer, meanwhile)]
        assert sorted(won) == [False, True], (answer.text, meanwhile.text)
        assert {answer.status, meanwhile.status} - {200, 204} == {409}
        winners["first" if won[0] else "other"] += 1
        history = writer.reader.get(f"{OWN}/_history").json
        assert history["total"] == 2
        assert writer.update(other, **first).status == 409

    # It has aborted the first one, which makes no step while it waits, unless that was done.
    assert winners["first"] <= 2 < winners["other"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_promise_2_without_if_match_they_queue(writer: Writer, method: str) -> None:
    writer.made(version(1, 1))
    positions = 0
    for answer, meanwhile in at_every_call(
        writer, writes(writer, 1)[method], lambda: writer.update(version(3, 1, gender="other"))
    ):
        positions += 1
        assert (meanwhile.status, meanwhile.headers["ETag"]) == (200, 'W/"2"')
        assert (answer.status, answer.headers["ETag"]) == (200, 'W/"3"')
        entries = writer.reader.get(f"{OWN}/_history").json["entry"]
        assert [entry["resource"]["name"][0]["family"] for entry in entries] == ["Family2", "Family3", "Family1"]
        # The patch applies to the version that the other wrote, not to the one that was read before.
        assert entries[0]["resource"].get("gender") == ("other" if method == "PATCH" else None)

    assert positions >= 3


def having(writer: Writer, code: str) -> list[str]:
    return writer.reader.get("Patient", by_code(code), Cache_Control="no-cache").ids()


@SIZES
def test_promise_3_of_two_conditional_creates_one_creates(writer: Writer, many: int) -> None:
    codes = ["wanted", *(f"own-{each}" for each in range(many))]
    condition = {"If_None_Exist": f"identifier={NHS_NUMBER}|wanted"}
    answered = Counter[tuple[int, int]]()

    for answer, meanwhile in at_every_call(
        writer,
        lambda: writer.create(patient(*codes), **condition),
        lambda: writer.create(patient("wanted"), **condition),
    ):
        answered[answer.status, meanwhile.status] += 1
        assert len(having(writer, "wanted")) == 1
        again = writer.create(patient("wanted"), **condition)
        assert again.status == 200
        for each in (answer, meanwhile):
            assert each.headers["Location"] == again.headers["Location"]

    assert set(answered) == {(200, 201)}


@SIZES
@pytest.mark.parametrize("plain", ["create", "update", "taken away", "deleted"])
def test_promise_3_beside_a_plain_write_it_answers_as_if_wholly_after_or_before(
    writer: Writer, plain: str, many: int
) -> None:
    codes = ["wanted", *(f"own-{each}" for each in range(many))]
    writer.made({**patient("other" if plain in ("create", "update") else "wanted"), "id": "beside"})
    writes: dict[str, Callable[[], Answer]] = {
        "create": lambda: writer.create(patient("wanted")),
        "update": lambda: writer.update({**patient("wanted"), "id": "beside"}),
        "taken away": lambda: writer.update({**patient("other"), "id": "beside"}),
        "deleted": lambda: writer.delete("Patient/beside"),
    }
    comes = plain in ("create", "update")
    answered = Counter[tuple[int, int, int]]()

    def meanwhile() -> int:
        """Write concurrently, and return the number of matches before."""
        before = len(having(writer, "wanted"))
        # A plain write is never refused for its identifier.
        assert writes[plain]().status in (200, 201, 204)
        return before

    for answer, before in at_every_call(
        writer,
        lambda: writer.create(patient(*codes), If_None_Exist=f"identifier={NHS_NUMBER}|wanted"),
        meanwhile,
    ):
        answered[before, answer.status, len(having(writer, "wanted"))] += 1

    after, first = ((0, 200, 1), (1, 201, 2)) if comes else ((1, 201, 1), (1, 200, 0))
    assert set(answered) <= {after, first}
    assert answered[after]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_promise_3_what_a_condition_finds_is_the_one_that_has_it_when_it_is_written(
    writer: Writer, method: str
) -> None:
    writer.made({**patient("wanted"), "id": "beside"})
    asked = [("identifier", f"{NHS_NUMBER}|wanted")]
    body = patient("wanted", gender="other") if method == "PUT" else None
    statuses = Counter[int]()

    for answer, _ in at_every_call(
        writer,
        lambda: writer.send(method, "Patient", body, asked),
        lambda: writer.made(patient("wanted")),
    ):
        statuses[answer.status] += 1
        assert len(having(writer, "wanted")) == 2
        assert "gender" not in writer.reader.get("Patient/beside").json

    assert set(statuses) == {412}


def refers(target: str, many: int) -> Resource:
    """Return a patient that refers to a resource of the other writer, and takes one transaction or several steps."""
    return {**version(2, many), "managingOrganization": {"reference": target}}


@SIZES
@pytest.mark.parametrize("made", ["with it", "without it"])
@pytest.mark.parametrize("first", ["reference", "deletion"])
def test_promise_4_of_a_reference_and_a_deletion_of_its_target_one_fails(
    writer: Writer, first: str, made: str, many: int
) -> None:
    target = "Organization/org"
    if made == "without it":
        writer.made(version(1, many))
    acts: dict[str, Callable[[], Answer]] = {
        "reference": lambda: writer.update(refers(target, many)),
        "deletion": lambda: writer.delete(target),
    }
    act = acts.pop(first)
    (meanwhile,) = acts.values()
    answered = Counter[tuple[int, int]]()

    for answer, other in at_every_call(writer, act, meanwhile):
        referred, deleted = (answer, other) if first == "reference" else (other, answer)
        assert (referred.status, deleted.status) in {(200, 409), (201, 409), (422, 204)}, (referred.text, deleted.text)
        answered[referred.status, deleted.status] += 1
        is_there = writer.reader.get(target).status == 200
        assert is_there is (referred.status != 422)
        current = writer.reader.get(OWN)
        assert (current.status == 200 and "managingOrganization" in current.json) is is_there

    assert sum(answered.values()) >= 3


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_promise_4_likewise_where_a_patch_or_a_create_refers(writer: Writer, method: str) -> None:
    writer.made(version(1, 1))
    reference = {"reference": "Organization/org"}
    act: dict[str, Callable[[], Answer]] = {
        "PATCH": lambda: writer.patch(OWN, {"op": "add", "path": "/managingOrganization", "value": reference}),
        "POST": lambda: writer.create(observation(OWN, performer=[reference])),
    }
    statuses = Counter[tuple[int, int]]()
    for answer, other in at_every_call(writer, act[method], lambda: writer.delete("Organization/org")):
        statuses[answer.status, other.status] += 1

    assert set(statuses) == {(422, 204)}


def test_each_time_the_tables_are_what_they_were_until_the_write(writer: Writer) -> None:
    writer.made(version(1, 1))
    before = stored(writer.reader.tables)
    seen_there = [
        there for _, there in at_every_call(writer, writes(writer, 1)["PUT"], lambda: stored(writer.reader.tables))
    ]

    assert seen_there == [before] * len(seen_there)
    assert len(seen_there) >= 3
