"""The model of one FHIR resource: the contract's statuses one by one, and histories of concurrent requests."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect_testing.linearizability.check import check
from careconnect_testing.linearizability.history import Operation
from careconnect_testing.linearizability.resource_model import (
    RESOURCE,
    Interaction,
    ResourceAnswer,
    ResourceRequest,
    Versions,
    step,
)

A, B, GONE = ("a",), ("a", "b"), ("a", None)
CREATE, PUT, PATCH, DELETE = Interaction.CREATE, Interaction.UPDATE, Interaction.PATCH, Interaction.DELETE
READ, VREAD = Interaction.READ, Interaction.VREAD


def asked(
    name: Interaction, given_: dict[str, Any], answer: ResourceAnswer | None, process: str = "p", call: float = 0
) -> Operation:
    """Return an operation that takes one unit of time, or gets no answer."""
    return Operation(process, call, None if answer is None else call + 1, name, ResourceRequest(**given_), answer)


def to(content: str | None) -> Callable[[str], str | None]:
    return lambda _before: content


# The state, the interaction and its request; the answer; the states that it leaves, none if it is impossible.
Row = tuple[Versions, Interaction, dict[str, Any], ResourceAnswer, list[Versions]]
STEPS: list[Row] = [
    # Creates, plain ones and those with If-None-Exist.
    ((), CREATE, {"content": "a"}, ResourceAnswer(201, 1, "a"), [A]),
    (A, CREATE, {"content": "a"}, ResourceAnswer(201, 1, "a"), []),
    ((), CREATE, {"content": "a", "conditional": True}, ResourceAnswer(201, 1), [A]),
    (A, CREATE, {"content": "b", "conditional": True}, ResourceAnswer(200, 1, "a"), [A]),
    (A, CREATE, {"content": "b", "conditional": True}, ResourceAnswer(200, 1, "b"), []),
    (GONE, CREATE, {"content": "b", "conditional": True}, ResourceAnswer(200, 2), []),
    # Updates: 201 where there is none or a deletion, no version for the same content.
    ((), PUT, {"content": "a"}, ResourceAnswer(201, 1, "a"), [A]),
    ((), PUT, {"content": "a"}, ResourceAnswer(200, 1, "a"), []),
    (A, PUT, {"content": "b"}, ResourceAnswer(200, 2, "b"), [B]),
    (A, PUT, {"content": "b"}, ResourceAnswer(200, 1, "b"), []),
    (A, PUT, {"content": "b"}, ResourceAnswer(201, 2, "b"), []),
    (A, PUT, {"content": "a"}, ResourceAnswer(200, 1, "a"), [A]),
    (A, PUT, {"content": "a"}, ResourceAnswer(200, 2, "a"), []),
    (GONE, PUT, {"content": "a"}, ResourceAnswer(201, 3, "a"), [("a", None, "a")]),
    (GONE, PUT, {"content": "a"}, ResourceAnswer(201, 1, "a"), []),
    (A, PUT, {"content": "b", "if_match": 1}, ResourceAnswer(200, 2), [B]),
    (B, PUT, {"content": "c", "if_match": 1}, ResourceAnswer(409), [B]),
    (B, PUT, {"content": "c", "if_match": 1}, ResourceAnswer(200, 3), []),
    (B, PUT, {"content": "b", "if_match": 1}, ResourceAnswer(409), [B]),
    (A, PUT, {"content": "b", "if_match": 1}, ResourceAnswer(409), []),
    ((), PUT, {"content": "a", "if_match": 1}, ResourceAnswer(409), [()]),
    (GONE, PUT, {"content": "a", "if_match": 2}, ResourceAnswer(409), [GONE]),
    (A, PUT, {"content": "b"}, ResourceAnswer(422), [A]),
    (A, PUT, {"content": "b"}, ResourceAnswer(412), [A]),
    (A, PUT, {"content": "b"}, ResourceAnswer(429), [A]),
    # Patches.
    ((), PATCH, {"change": to("b")}, ResourceAnswer(404), [()]),
    (GONE, PATCH, {"change": to("b")}, ResourceAnswer(410), [GONE]),
    (GONE, PATCH, {"change": to("b"), "if_match": 2}, ResourceAnswer(410), [GONE]),
    (A, PATCH, {"change": to("b")}, ResourceAnswer(200, 2, "b"), [B]),
    (A, PATCH, {"change": to("a")}, ResourceAnswer(200, 1, "a"), [A]),
    (A, PATCH, {"change": to(None)}, ResourceAnswer(422), [A]),
    (A, PATCH, {"change": to(None)}, ResourceAnswer(200, 2), []),
    (B, PATCH, {"change": to("c"), "if_match": 1}, ResourceAnswer(409), [B]),
    (B, PATCH, {"change": to("c"), "if_match": 1}, ResourceAnswer(422), []),
    (A, PATCH, {"change": to("b")}, ResourceAnswer(422), [A]),
    ((), PATCH, {"change": to("b")}, ResourceAnswer(422), []),
    # Deletions: 204 also where there is nothing, 409 for If-Match or for references.
    ((), DELETE, {}, ResourceAnswer(204), [()]),
    (GONE, DELETE, {"if_match": 1}, ResourceAnswer(204), [GONE]),
    (A, DELETE, {}, ResourceAnswer(204, 2), [GONE]),
    (A, DELETE, {}, ResourceAnswer(204), [GONE]),
    (A, DELETE, {}, ResourceAnswer(409), [A]),
    ((), DELETE, {}, ResourceAnswer(409), []),
    (GONE, DELETE, {}, ResourceAnswer(409), []),
    (B, DELETE, {"if_match": 1}, ResourceAnswer(409), [B]),
    (B, DELETE, {"if_match": 1}, ResourceAnswer(204), []),
    # Writes in doubt.
    (A, PUT, {"content": "b"}, ResourceAnswer(503), [A, B]),
    (A, DELETE, {}, ResourceAnswer(500), [A, GONE]),
    (B, PUT, {"content": "c", "if_match": 1}, ResourceAnswer(503), [B]),
    # Reads.
    ((), READ, {}, ResourceAnswer(404), [()]),
    (GONE, READ, {}, ResourceAnswer(410), [GONE]),
    (GONE, READ, {}, ResourceAnswer(404), []),
    (B, READ, {}, ResourceAnswer(200, 2, "b"), [B]),
    (B, READ, {}, ResourceAnswer(200, 1, "a"), []),
    (B, READ, {}, ResourceAnswer(200, 2, "a"), []),
    (B, READ, {}, ResourceAnswer(503), [B]),
    (B, VREAD, {"version": 1}, ResourceAnswer(200, 1, "a"), [B]),
    (B, VREAD, {"version": 3}, ResourceAnswer(404), [B]),
    (B, VREAD, {"version": 0}, ResourceAnswer(404), [B]),
    (B, VREAD, {"version": 1}, ResourceAnswer(404), []),
    (GONE, VREAD, {"version": 1}, ResourceAnswer(200, 1, "a"), [GONE]),
    (GONE, VREAD, {"version": 2}, ResourceAnswer(410), [GONE]),
]


@pytest.mark.parametrize(("before", "name", "request_", "answer", "after"), STEPS)
def test_a_status_is_judged_as_in_the_contract(
    before: Versions, name: Interaction, request_: dict[str, Any], answer: ResourceAnswer, after: list[Versions]
) -> None:
    assert list(step(before, asked(name, request_, answer))) == after


def test_without_an_answer_a_write_has_its_effect() -> None:
    rows: list[tuple[Versions, Interaction, dict[str, Any], Versions]] = [
        (A, PUT, {"content": "b"}, B),
        (B, PUT, {"content": "c", "if_match": 1}, B),
        (A, DELETE, {}, GONE),
        (A, READ, {}, A),
        (A, CREATE, {"content": "b"}, A),
    ]
    for before, name, request_, after in rows:
        assert list(step(before, asked(name, request_, None))) == [after]


def put(
    process: str, call: float, content: str, answer: ResourceAnswer | None, if_match: int | None = None
) -> Operation:
    return asked(PUT, {"content": content, "if_match": if_match}, answer, process, call)


def read(process: str, call: float, answer: ResourceAnswer) -> Operation:
    return asked(READ, {}, answer, process, call)


def deleted(process: str, call: float) -> Operation:
    return asked(DELETE, {}, ResourceAnswer(204), process, call)


FIRST = put("p", 0, "a", ResourceAnswer(201, 1))
HISTORIES: list[tuple[str, list[Operation], bool]] = [
    (
        "of two writes with one If-Match one is done",
        [FIRST, put("p", 2, "b", ResourceAnswer(200, 2), 1), put("q", 2, "c", ResourceAnswer(409), 1)],
        True,
    ),
    (
        "a lost update: both are done",
        [FIRST, put("p", 2, "b", ResourceAnswer(200, 2), 1), put("q", 2, "c", ResourceAnswer(200, 3), 1)],
        False,
    ),
    (
        "a fork: one version twice",
        [FIRST, put("p", 2, "b", ResourceAnswer(200, 2)), put("q", 2, "c", ResourceAnswer(200, 2))],
        False,
    ),
    ("a gap in the versions", [FIRST, put("p", 2, "b", ResourceAnswer(200, 3))], False),
    (
        "a version that is used again after the deletion",
        [FIRST, deleted("p", 2), put("p", 4, "b", ResourceAnswer(201, 2))],
        False,
    ),
    ("a read after the deletion sees it", [FIRST, deleted("p", 2), read("q", 4, ResourceAnswer(410))], True),
    ("a read after the deletion does not", [FIRST, deleted("p", 2), read("q", 4, ResourceAnswer(200, 1, "a"))], False),
    (
        "a write without an answer is seen later",
        [
            FIRST,
            put("q", 2, "b", None),
            read("p", 3, ResourceAnswer(200, 1)),
            read("p", 5, ResourceAnswer(200, 2, "b")),
        ],
        True,
    ),
    (
        "a write in doubt is not done after its answer",
        [
            *(FIRST, put("q", 2, "b", ResourceAnswer(503))),
            *(read("p", 4, ResourceAnswer(200, 1)), read("p", 6, ResourceAnswer(200, 2, "b"))),
        ],
        False,
    ),
    (
        "a write in doubt, repeated, is done once",
        [FIRST, put("q", 2, "b", ResourceAnswer(503)), put("q", 4, "b", ResourceAnswer(200, 2))],
        True,
    ),
    (
        "a write in doubt, repeated, is done twice",
        [FIRST, put("q", 2, "b", ResourceAnswer(503)), put("q", 4, "b", ResourceAnswer(200, 3))],
        False,
    ),
]


@pytest.mark.parametrize(
    ("operations", "verdict"), [each[1:] for each in HISTORIES], ids=[each[0] for each in HISTORIES]
)
def test_a_history_of_one_resource_is_judged(operations: Sequence[Operation], verdict: bool) -> None:
    judged = check(operations, RESOURCE)

    assert judged.is_linearizable is verdict, judged.story()


class Server:
    """A server of one resource, which does one request after the other."""

    def __init__(self) -> None:
        self.numbers: dict[int, str | None] = {}

    def answer(self, name: Interaction, request: ResourceRequest) -> ResourceAnswer:
        newest = max(self.numbers, default=0)
        content = self.numbers.get(newest)
        if name is READ:
            return ResourceAnswer(200, newest, content) if content else ResourceAnswer(410 if newest else 404)
        if content is None and name is DELETE:
            return ResourceAnswer(204)
        if content is None and name is PATCH:
            return ResourceAnswer(410 if newest else 404)
        if request.if_match and (content is None or request.if_match != newest):
            return ResourceAnswer(409)
        if name is PATCH and request.change and content:
            new = request.change(content)
        else:
            new = None if name is DELETE else request.content
        if new == content:
            return ResourceAnswer(200, newest, content)
        self.numbers[newest + 1] = new
        status = 204 if new is None else 200 if content else 201
        return ResourceAnswer(status, newest + 1, new)


REQUESTS = st.one_of(
    st.tuples(st.just(READ), st.just(ResourceRequest())),
    st.tuples(
        st.just(PUT),
        st.builds(ResourceRequest, st.sampled_from("abc"), if_match=st.sampled_from([None, None, 1, 2, 3])),
    ),
    st.tuples(st.just(DELETE), st.builds(ResourceRequest, if_match=st.sampled_from([None, 1, 2]))),
    st.tuples(st.just(PATCH), st.just(ResourceRequest(change=lambda before: before[-1] + "x"))),
)


@given(st.lists(st.tuples(st.integers(0, 3), REQUESTS), max_size=24), st.randoms(use_true_random=False))
def test_histories_of_a_real_resource_are_accepted(
    wanted: Sequence[tuple[int, tuple[Interaction, ResourceRequest]]], random: Any
) -> None:
    server = Server()
    operations = []
    free_at = dict.fromkeys(range(4), 0.0)
    for place, (process, (name, request)) in enumerate(wanted):
        # The effects come in this order; calls and returns lie around them at random.
        effect, bound = place + 1.0, free_at[process]
        call = max(bound, effect - random.random() * 4)
        end = effect + random.random() * 4
        if end > effect and any(each == process for each, _ in wanted[place + 1 : place + 5]):
            end = effect
        free_at[process] = end
        operations.append(Operation(process, call, end, name, request, server.answer(name, request)))

    verdict = check(operations, RESOURCE)

    assert verdict.is_linearizable, verdict.story()
    if any(operation.name is not READ and operation.output.status in (200, 201) for operation in operations):
        operations.append(Operation("late", 99, 100, READ, ResourceRequest(), ResourceAnswer(404)))
        assert not check(operations, RESOURCE).is_linearizable
