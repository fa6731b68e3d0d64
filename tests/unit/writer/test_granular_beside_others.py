"""Writes by scopes with a suffix, and another client's before each of their calls (`write.md`, Granular scopes)."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from careconnect_testing.aws.between_calls import at_every_call
from careconnect_testing.http.writes import LONG_TEXT, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.running.bundle_service import Bundles, entry, transaction

LAB: Final = "user/Observation.cruds?category=laboratory"
PATH: Final = "Observation/one"
OPENED, HIDDEN = "laboratory", "vital-signs"
MARK: Final = "by the limited client"

Act = Callable[[Writer], object]


def one(category: str, **elements: Any) -> Resource:
    return {
        **observation("Patient/own", category=[{"coding": [{"code": category}]}], **elements),
        "id": "one",
    }


def put(lab: Writer) -> object:
    return lab.update(one(OPENED, comment=MARK))


def put_in_steps(lab: Writer) -> object:
    return lab.update(one(OPENED, comment=MARK, text=LONG_TEXT, component=[_part(each) for each in range(90)]))


def patch(lab: Writer) -> object:
    return lab.patch(PATH, {"op": "add", "path": "/comment", "value": MARK})


def delete(lab: Writer) -> object:
    return lab.delete(PATH)


def put_together(lab: Writer) -> object:
    body = transaction(entry("PUT", PATH, one(OPENED, comment=MARK)))
    return Bundles(lab).send(body)


def delete_together(lab: Writer) -> object:
    made = one(OPENED)
    del made["id"]
    return Bundles(lab).send(transaction(entry("DELETE", PATH), entry("POST", "Observation", made)))


def _part(number: int) -> Resource:
    return {"code": {"coding": [{"system": "urn:parts", "code": f"part-{number}"}]}, "valueString": "x"}


@pytest.mark.parametrize("act", [put, put_in_steps, patch, delete, put_together, delete_together])
@pytest.mark.parametrize(("before", "meanwhile"), [(OPENED, HIDDEN), (HIDDEN, OPENED)])
def test_what_a_limited_write_replaces_was_opened_and_so_is_what_it_makes(
    writer: Writer, act: Act, before: str, meanwhile: str
) -> None:
    writer.made({**patient(), "id": "own"})
    writer.made(one(before))
    lab, other = writer.as_caller(LAB), writer.as_caller(client_id="client-2")
    done = set()

    for _, changed in at_every_call(lab, lambda: act(lab), lambda: other.update(one(meanwhile, comment="other"))):
        assert changed.status in (200, 201), changed.text
        history = writer.reader.as_caller("system/*.read").get(f"{PATH}/_history").json["entry"]
        contents = [each.get("resource") for each in reversed(history)]
        own = [number for number, each in enumerate(contents) if each is None or each.get("comment") == MARK]
        for number in own:
            assert _category(contents[number - 1]) == OPENED
            assert contents[number] is None or _category(contents[number]) == OPENED
        done.add(bool(own))

    # If the other comes first, its version decides.
    assert (meanwhile == OPENED) in done


def _category(resource: Resource) -> str:
    return str(resource["category"][0]["coding"][0]["code"])
