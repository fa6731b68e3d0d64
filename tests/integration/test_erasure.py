"""Erase a patient on the deployed template, beside writers and readers of the record (ADR 48).

`ERASED_RESOURCES` is the size of the record; 500 is the full measure. `pytest -s` prints the numbers.
"""

import json
import os
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect.oauth.access_token import patient_cutoff_key
from careconnect.storage.keys import JSON_ITEM, is_body
from careconnect_admin.cli import app
from careconnect_admin.erasing import erase_patient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.resource_items import patients_of
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step import release
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import NHS_NUMBER, Resource, WritingClient, observation
from careconnect_testing.running.bundle_service import entry, transaction

pytestmark = [pytest.mark.integration, pytest.mark.long]

RESOURCES = int(os.environ.get("ERASED_RESOURCES", "30"))
IS_FULL = RESOURCES >= 500
HE, OTHER, BYSTANDER = "erased-he", "erased-other", "erased-bystander"
MARK = "Zyxwvuts"
"""In every value of his, and in none of anybody else's."""
NUMBER = "9999990019"
BESIDE_AFTERWARDS = 3.0
"""Seconds for which the others go on once the command has ended."""
_PART = 20
"""Resources of a transaction."""
_TABLES = (*OUTPUTS, "ClientTable", "TokenTable", "UsageTable", "ProofTable", "AuditTable")
_TOMBSTONE = {"pk", "sk", "version", "updated", "gone", "method", "status", "erased", "former_patients"}
_INDEX = {"digest", "values", "entries", "targets"}


def his(number: int, **elements: Any) -> Resource:
    identifier = [{"system": NHS_NUMBER, "value": f"{MARK}-{number}"}]
    value = {"comment": f"{MARK} {number}", "identifier": identifier, **elements}
    return {**observation(f"Patient/{HE}", **value), "id": f"{HE}-{number}"}


def others(number: int, **elements: Any) -> Resource:
    return {**observation(f"Patient/{OTHER}", **elements), "id": f"{HE}-{number}"}


@dataclass
class Beside:
    """Writers and readers of the record: each sends one request after another until it is stopped."""

    writers: tuple[WritingClient, ...]
    readers: tuple[WritingClient, ...]
    owner: WritingClient
    stop: threading.Event = field(default_factory=threading.Event)
    answers: Counter[str] = field(default_factory=Counter)

    def run(self, done: Callable[[], None]) -> None:
        """Do something beside all of them, and for some seconds after it."""
        with ThreadPoolExecutor(8) as pool:
            working = [pool.submit(self._loop, each, self._write) for each in self.writers]
            working += [pool.submit(self._loop, each, self._read) for each in (*self.readers, self.owner)]
            try:
                time.sleep(1)
                done()
                time.sleep(BESIDE_AFTERWARDS)
            finally:
                self.stop.set()
        for each in working:
            each.result()

    def _loop(self, client: WritingClient, ask: Callable[[WritingClient, random.Random], httpx.Response]) -> None:
        chance = random.Random(client.token)
        while not self.stop.is_set():
            answer = ask(client, chance)
            request = answer.request
            kind = "owner" if client is self.owner else "write" if ask == self._write else "read"
            self.answers[f"{kind} {answer.status_code}"] += 1
            assert answer.status_code < 500 or answer.status_code == 503, (request.method, answer.text)
            if answer.status_code == 429:
                self.stop.wait(2)

    @staticmethod
    def _write(client: WritingClient, chance: random.Random) -> httpx.Response:
        number, word = chance.randrange(RESOURCES), f"{MARK} {chance.random()}"
        match chance.choice(("change", "change", "leave", "come", "create", "delete", "refer", "bundle", "patient")):
            case "change" | "come":
                return client.update(his(number, comment=word))
            case "leave":
                return client.update(others(number, comment="of the other"))
            case "create":
                return client.create(observation(f"Patient/{HE}", comment=word))
            case "delete":
                return client.delete(f"Observation/{HE}-{number}")
            case "refer":
                performer = [{"reference": f"Patient/{HE}", "display": "his father"}]
                return client.update({**others(number, performer=performer), "id": f"{OTHER}-{number % 10}"})
            case "bundle":
                keys = chance.sample(range(RESOURCES), 12)
                bodies = [his(each, comment=word) for each in keys]
                puts = [entry("PUT", f"Observation/{each['id']}", each) for each in bodies]
                return client.send("POST", "", transaction(*puts))
            case _:
                # A PUT would create him anew, which nobody forbids.
                name = {"op": "replace", "path": "/name/0/family", "value": word}
                return client.patch(f"Patient/{HE}", name)

    @staticmethod
    def _read(client: WritingClient, chance: random.Random) -> httpx.Response:
        key = f"Observation/{HE}-{chance.randrange(RESOURCES)}"
        paths = (
            *(f"Patient/{HE}", key, f"{key}/_history", f"{key}/_history/1", f"Patient/{HE}/$everything?_count=20"),
            *(f"Observation?patient={HE}&_count=20", f"Observation?patient={HE}&_summary=count"),
            *(f"Patient?identifier={NHS_NUMBER}|{NUMBER}", f"Patient?_id={HE}&_revinclude=Observation:patient"),
            f"Observation?identifier={NHS_NUMBER}|{MARK}-1",
        )
        return client.get(chance.choice(paths))


def _patient(name: str) -> Resource:
    identifier = [{"system": NHS_NUMBER, "value": NUMBER}]
    return {"resourceType": "Patient", "id": HE, "name": [{"family": name}], "identifier": identifier}


@pytest.fixture
def api(local_stack: LocalStack) -> Iterator[Api]:
    with httpx.Client(base_url=local_stack.base_url, timeout=60, trust_env=False) as http:
        yield Api(local_stack, http)


@pytest.fixture
def tables(local_stack: LocalStack) -> RecordTables:
    return RecordTables(local_stack.client("dynamodb"), *(local_stack.stack.outputs[name] for name in OUTPUTS))


@pytest.fixture
def erase(local_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    stack = local_stack.stack
    target = StackTarget(stack.name, dict(stack.outputs), local_stack.client, is_local=True, place="local")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    if not IS_FULL:
        # No request here takes as long as a function may.
        monkeypatch.setattr(erase_patient, "WAIT_SECONDS", 3.0)
        monkeypatch.setattr(release, "VISIBLE_SECONDS", 3.0)
    return lambda *options: CliRunner().invoke(app, ["patients", "erase", HE, *options])


@pytest.fixture
def beside(api: Api) -> Beside:
    """The record, that of another who refers to it, and the clients."""
    writers = tuple(WritingClient(api.http, api.register(f"erased-writer-{n}", "system/*.cruds")) for n in "12")
    readers = tuple(WritingClient(api.http, api.register(f"erased-reader-{n}", "system/*.rs")) for n in "12")
    setup = WritingClient(api.http, api.register("erased-setup", "system/*.cruds"))
    for resource in (_patient(MARK), *({"resourceType": "Patient", "id": each} for each in (OTHER, BYSTANDER))):
        assert setup.update(resource).status_code in (200, 201)
    owner = WritingClient(api.http, api.register("erased-owner", "patient/*.rs", patient=HE))
    versions = [
        [others(number, comment="of the other before") for number in range(0, RESOURCES, 10)],
        [his(number) for number in range(RESOURCES)],
        [his(number, comment=f"{MARK} again") for number in range(0, RESOURCES, 5)],
        [others(number, comment="of the other") for number in range(3, RESOURCES, 10)],
    ]
    for bodies in versions:
        for first in range(0, len(bodies), _PART):
            puts = [entry("PUT", f"Observation/{each['id']}", each) for each in bodies[first : first + _PART]]
            _sent(setup, transaction(*puts))
    performer = [{"reference": f"Patient/{HE}", "display": "his father"}]
    linked = [{**others(n, performer=performer), "id": f"{BYSTANDER}-{n}"} for n in range(5)]
    alone = [{**observation(f"Patient/{BYSTANDER}"), "id": f"{BYSTANDER}-alone-{n}"} for n in range(5)]
    _sent(setup, transaction(*(entry("PUT", f"Observation/{each['id']}", each) for each in (*linked, *alone))))
    assert owner.get(f"Patient/{HE}").status_code == 200
    return Beside(writers, readers, owner)


def _sent(client: WritingClient, bundle: Resource) -> None:
    while (answer := client.send("POST", "", bundle)).status_code == 429:
        time.sleep(2)
    assert answer.status_code == 200, answer.text


def test_nothing_is_left_of_who_is_erased_beside_writers_and_readers(
    beside: Beside, api: Api, tables: RecordTables, erase: Callable[..., Result]
) -> None:
    reader = WritingClient(api.http, api.register("erased-witness", "system/*.rs"))
    unlinked = [f"Observation/{BYSTANDER}-{number}" for number in range(5)]
    stay = [f"Patient/{BYSTANDER}", *(f"Observation/{BYSTANDER}-alone-{number}" for number in range(5))]
    before = {path: reader.get(path).json() for path in (*stay, *(f"{each}/_history/1" for each in unlinked))}
    planned = json.loads(erase("--json").stdout)
    took, size = 0.0, Counter[str]()

    def run() -> None:
        nonlocal took
        begun = time.monotonic()
        done = erase("--yes", "--unlink", "--json")
        took = time.monotonic() - begun
        assert done.exit_code == 0, done.output

    beside.run(run)
    release.Release(tables).release_all()

    left = list(_left(api.stack, size))
    after = reader.get
    print(f"\n{planned['types']}: {took:.0f} s, beside {dict(sorted(beside.answers.items()))}; read {dict(size)}")  # noqa: T201
    assert left == []
    assert {path: after(path).json() for path in before} == before
    assert [after(path).json()["performer"] for path in unlinked] == [[{"display": "his father"}]] * 5
    gone = [f"Patient/{HE}", f"Patient/{HE}/_history/1", f"Observation/{HE}-1/_history/1"]
    assert [after(path).status_code for path in gone] == [410] * 3
    # It was the other's before, and so it is.
    assert after(f"Observation/{HE}-0/_history/1").json()["comment"] == "of the other before"
    assert after(f"Observation?patient={HE}&_summary=count").json()["total"] == 0
    assert beside.owner.get(f"Patient/{HE}").status_code in (401, 404, 410)
    assert beside.answers["read 200"] > 0 < beside.answers["read 410"]
    assert beside.answers["write 200"] > 0 < beside.answers["write 422"]


def _left(stack: LocalStack, size: Counter[str]) -> Iterator[str]:
    """Yield the items that say anything of him, but for what `docs/erasure.md` names; count all items by table."""
    for output in _TABLES:
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.stack.outputs[output])
        for item in (each for page in pages for each in page["Items"]):
            size[output] += 1
            listed = zlib.decompress(bytes(item["listed"]["B"])) if "listed" in item else b""
            text = json.dumps(item, default=repr) + repr(listed)
            key = (item.get("pk") or item["client_id"])["S"], item.get("sk", {}).get("S", "")
            is_named = f"Patient/{HE}" in text or f'"S": "{HE}"' in text
            if (
                MARK in text
                or MARK.lower() in text
                or NUMBER in text
                or (is_named and not _may_name(output, key, item))
            ):
                yield f"{output} {key}"


def _may_name(output: str, key: tuple[str, str], item: Mapping[str, Any]) -> bool:
    """Return True for an item that may have his id."""
    match output:
        case "RecordTable":
            is_tombstone = key[0] == f"Patient/{HE}" and not (item.keys() - _TOMBSTONE - _INDEX)
            is_anothers = is_body(key[1]) and key[1] != JSON_ITEM and HE not in patients_of(dict(item))
            return is_tombstone or is_anothers
        case "ReferenceTable":
            counts = [value for name, value in item.items() if name != "pk"]
            return key[0].startswith(f"Patient/{HE}#") and all(each in ({"N": "0"}, {"BOOL": True}) for each in counts)
        case "ClientTable":
            return item["patient"]["S"] == HE and not item["enabled"]["BOOL"]
        case "TokenTable":
            return key[0] == patient_cutoff_key(HE)
    return output == "AuditTable"
