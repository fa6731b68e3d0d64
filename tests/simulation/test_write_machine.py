"""Writes of every kind in any order: each response, history and search agrees with a list of versions.

The model keeps what was written, one list of versions for each resource, and searches it with the linear search.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from careconnect.audit.event import Outcome
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, PATCH, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.recorded_writes import made_by, with_record
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.records.generated import cases, is_long_run
from careconnect_testing.search.linear_search import LinearSearch

STEPS = 50
RUNS = cases(12) if not is_long_run() else 50
"""The number of runs, of `STEPS` each: 2,500 in the long run."""

CODES = st.sampled_from(["a", "b", "c"])
GENDERS = st.sampled_from(["male", "female", "other", "unknown"])
OWN_IDS = st.sampled_from(["p1", "p2", "p3"])
PLACES = st.integers(0, 40)
STATUSES = st.sampled_from(["final", "amended"])

Key = tuple[str, str]


class Model:
    """The model: the versions of each resource, a deletion as None."""

    def __init__(self) -> None:
        self.versions: dict[Key, list[Resource | None]] = {}

    def current(self, key: Key) -> Resource | None:
        return self.versions.get(key, [None])[-1]

    def live(self, type_name: str = "") -> list[Resource]:
        known = [versions[-1] for (name, _), versions in self.versions.items() if type_name in ("", name)]
        return [one for one in known if one is not None]

    def having(self, code: str) -> list[str]:
        return [one["id"] for one in self.live("Patient") if any(each["value"] == code for each in one["identifier"])]

    def referring_to(self, key: Key) -> bool:
        return any(one.get("subject", {}).get("reference") == "/".join(key) for one in self.live("Observation"))

    def write(self, key: Key, resource: Resource | None) -> None:
        self.versions.setdefault(key, []).append(resource)


def bare(resource: Resource) -> Resource:
    """Return a resource without the elements that the server sets."""
    return {name: value for name, value in resource.items() if name not in ("meta", "id")}


def whose(key: Key, versions: list[Resource | None]) -> str:
    """Return the patient of the last of some versions; a deletion has the patient of the deleted version."""
    if key[0] == "Patient":
        return key[1]
    there = next(one for one in reversed(versions) if one is not None)
    return str(there["subject"]["reference"]).partition("/")[2]


class Server:
    """The writers and the readers of the same tables. Each gets the requests that the gateway would route to it.

    `recorded` are the versions and patients in the events of successful writes.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer, self._record = with_record(writer)
        self.recorded: list[tuple[str, str]] = []

    def send(self, method: str, target: str, body: Any = None, **options: str) -> Answer:
        path, _, query = target.partition("?")
        # Each write has its own time.
        self._writer.now.now += 1
        if method == "GET":
            return self._writer.reader.get(path, query, Cache_Control="no-cache")
        self._record.forget()
        answer = self._writer.send(method, path, body, query, **options)
        events = self._record.all()
        # The event of a success has no status.
        expected = {0 if event.outcome is Outcome.ALLOWED else answer.status for event in events}
        assert {event.status for event in events} == expected
        self.recorded += made_by(events)
        return answer


class Writing(RuleBasedStateMachine):
    """Sends requests to the writers and readers, and compares their responses with the model."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.resources = ExitStack()

    @initialize()
    def begin(self) -> None:
        self.server = Server(self.resources.enter_context(writer_in_memory()))

    def teardown(self) -> None:
        self.resources.close()

    # ------------------------------------------------------------ requests

    @rule(code=CODES, gender=GENDERS)
    def create(self, code: str, gender: str) -> None:
        answer = self.server.send("POST", "Patient", patient(code, gender=gender))
        self.was_created(answer, patient(code, gender=gender))

    @rule(code=CODES, gender=GENDERS, if_code=CODES)
    def create_unless_there(self, code: str, gender: str, if_code: str) -> None:
        found = self.model.having(if_code)
        condition = f"identifier={NHS_NUMBER}|{if_code}"
        answer = self.server.send("POST", "Patient", patient(code, gender=gender), If_None_Exist=condition)
        if not found:
            self.was_created(answer, patient(code, gender=gender))
            return
        assert answer.status == (200 if len(found) == 1 else 412), answer.text
        if len(found) == 1:
            assert f"/Patient/{found[0]}/_history/" in answer.headers["Location"]

    @rule(place=PLACES, status=STATUSES)
    def observe(self, place: int, status: str) -> None:
        key = self.any_key("Patient", place)
        body = observation("/".join(key), status=status)
        answer = self.server.send("POST", "Observation", body)
        if self.model.current(key) is None:
            assert answer.status == 422, answer.text
            assert answer.json["issue"][0]["expression"] == ["Observation.subject"]
        else:
            self.was_created(answer, body)

    @rule(own=OWN_IDS, code=CODES, gender=GENDERS, if_match=st.sampled_from(["", "current", "older"]))
    def update(self, own: str, code: str, gender: str, if_match: str) -> None:
        key = ("Patient", own)
        self.put(key, {**patient(code, gender=gender), "id": own}, if_match)

    @rule(place=PLACES, code=CODES, gender=GENDERS)
    def update_any(self, place: int, code: str, gender: str) -> None:
        key = self.any_key("Patient", place)
        self.put(key, {**patient(code, gender=gender), "id": key[1]}, "")

    @rule(code=CODES, gender=GENDERS)
    def update_by_identifier(self, code: str, gender: str) -> None:
        found = self.model.having(code)
        body = patient(code, gender=gender)
        answer = self.server.send("PUT", f"Patient?identifier={NHS_NUMBER}|{code}", body)
        if len(found) > 1:
            assert answer.status == 412
        elif found:
            self.was_updated(answer, ("Patient", found[0]), body)
        else:
            self.was_created(answer, body)

    @rule(place=PLACES, gender=GENDERS)
    def patch(self, place: int, gender: str) -> None:
        key = self.any_key("Patient", place)
        operation = [{"op": "add", "path": "/gender", "value": gender}]
        answer = self.server.send("PATCH", "/".join(key), operation, type_=PATCH)
        current = self.model.current(key)
        if current is None:
            assert answer.status == (410 if key in self.model.versions else 404)
        else:
            self.was_updated(answer, key, {**bare(current), "gender": gender})

    @rule(type_name=st.sampled_from(["Patient", "Observation", "Observation"]), place=PLACES)
    def delete(self, type_name: str, place: int) -> None:
        key = self.any_key(type_name, place)
        self.was_deleted(self.server.send("DELETE", "/".join(key)), key)

    @rule(code=CODES)
    def delete_by_identifier(self, code: str) -> None:
        found = self.model.having(code)
        answer = self.server.send("DELETE", f"Patient?identifier={NHS_NUMBER}|{code}")
        if len(found) > 1:
            assert answer.status == 412
        elif found:
            self.was_deleted(answer, ("Patient", found[0]))
        else:
            assert answer.status == 204

    @rule(type_name=st.sampled_from(["Patient", "Observation"]), place=PLACES, version=st.integers(0, 5))
    def read_version(self, type_name: str, place: int, version: int) -> None:
        key = self.any_key(type_name, place)
        known = self.model.versions.get(key, [])
        answer = self.server.send("GET", f"{'/'.join(key)}/_history/{version}")
        if not 1 <= version <= len(known):
            assert answer.status == 404
        elif known[version - 1] is None:
            assert answer.status == 410
        else:
            assert answer.status == 200
            assert bare(answer.json) == bare(known[version - 1] or {})

    @rule(type_name=st.sampled_from(["Patient", "Observation"]), place=PLACES)
    def look_at_the_history(self, type_name: str, place: int) -> None:
        key = self.any_key(type_name, place)
        known = self.model.versions.get(key)
        answer = self.server.send("GET", f"{'/'.join(key)}/_history?_count=100")
        if known is None:
            assert answer.status == 404
            return
        assert answer.json["total"] == len(known)
        shown = [entry.get("resource") for entry in answer.json["entry"]]
        assert [one and bare(one) for one in shown] == [one and bare(one) for one in reversed(known)]

    # ------------------------------------------------------------ expected responses

    def any_key(self, type_name: str, place: int) -> Key:
        known = [key for key in self.model.versions if key[0] == type_name]
        return known[place % len(known)] if known else (type_name, "never-there")

    def put(self, key: Key, body: Resource, if_match: str) -> None:
        known = self.model.versions.get(key, [])
        number = len(known) if if_match == "current" else len(known) - 1
        headers = {"If_Match": f'W/"{number}"'} if if_match else {}
        answer = self.server.send("PUT", "/".join(key), body, **headers)
        if if_match and (if_match == "older" or self.model.current(key) is None):
            assert answer.status == 409, answer.text
        elif self.model.current(key) is None:
            assert answer.status == 201, answer.text
            self.model.write(key, body)
            assert answer.json["meta"]["versionId"] == str(len(self.model.versions[key]))
        else:
            self.was_updated(answer, key, body)

    def was_created(self, answer: Answer, body: Resource) -> None:
        assert answer.status == 201, answer.text
        assert bare(answer.json) == bare(body)
        key = (body["resourceType"], answer.json["id"])
        assert key not in self.model.versions
        self.model.write(key, {**body, "id": key[1]})

    def was_updated(self, answer: Answer, key: Key, body: Resource) -> None:
        assert answer.status == 200, answer.text
        assert bare(answer.json) == bare(body)
        current = self.model.current(key)
        if current is None or bare(current) != bare(body):
            self.model.write(key, {**body, "id": key[1]})
        assert answer.headers["ETag"] == f'W/"{len(self.model.versions[key])}"'

    def was_deleted(self, answer: Answer, key: Key) -> None:
        if self.model.current(key) is not None and self.model.referring_to(key):
            assert answer.status == 409, answer.text
            return
        assert answer.status == 204, answer.text
        if self.model.current(key) is not None:
            self.model.write(key, None)

    @invariant()
    def each_version_has_one_event_of_its_patient(self) -> None:
        made = [
            (f"{'/'.join(key)}/_history/{number}", whose(key, versions[:number]))
            for key, versions in self.model.versions.items()
            for number in range(1, len(versions) + 1)
        ]
        assert sorted(self.server.recorded) == sorted(made)

    @invariant()
    def searches_find_what_is_there(self) -> None:
        type(self).steps += 1
        linear = LinearSearch(self.model.live(), base=FHIR_BASE, now=datetime(2024, 5, 1, tzinfo=UTC))
        for type_name, name, value in self.searches():
            found = self.server.send("GET", f"{type_name}?{name}={value}&_count=100")
            assert found.status == 200, found.text
            ids = [entry["resource"]["id"] for entry in found.json.get("entry", ())]
            assert sorted(ids) == sorted(linear.search(type_name, [(name, value)]).ids), (name, value)

    def searches(self) -> Iterator[tuple[str, str, str]]:
        yield from (("Patient", "identifier", f"{NHS_NUMBER}|{code}") for code in ("a", "b", "c"))
        yield "Patient", "gender", "male"
        yield "Observation", "patient", "p1"
        yield "Observation", "patient.gender", "female"


@pytest.mark.generated
def test_writes_in_any_order_are_what_a_list_of_versions_says() -> None:
    Writing.steps = 0
    run_state_machine_as_test(
        Writing,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert Writing.steps >= (2_000 if is_long_run() else RUNS)


def test_the_model_itself_is_one_that_could_be_wrong() -> None:
    model = Model()
    model.write(("Patient", "1"), {**patient("a"), "id": "1"})
    model.write(("Observation", "2"), {**observation("Patient/1"), "id": "2"})

    assert model.having("a") == ["1"]
    assert model.referring_to(("Patient", "1"))
    model.write(("Observation", "2"), None)
    assert not model.referring_to(("Patient", "1"))
