"""One example over HTTP of each promise that concurrent requests could break (`docs/reliability.md`, Proofs).

The simulation proves them for all schedules; these show that a stack keeps them with functions and tables of its own.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import NHS_NUMBER, WritingClient, new_code, observation, patient
from careconnect_testing.running.bundle_service import entry, transaction

# Requests at the same time start functions anew, which takes seconds.
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("promises")]

AT_ONCE = 4


@pytest.fixture(scope="module")
def writer(local_stack: LocalStack, http: httpx.Client, sample: object) -> WritingClient:
    return WritingClient(http, Api(local_stack, http).register("keeps-promises", "system/*.cruds"))


def at_once(requests: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Send requests at the same time; one that asks to be repeated is."""

    def answered(send: Callable[[], httpx.Response]) -> httpx.Response:
        while (answer := send()).status_code == 503:
            pass
        return answer

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(answered, requests))


def made(writer: WritingClient) -> str:
    """Return the key of a new patient."""
    key = f"Patient/{new_code()}"
    assert writer.update({**patient(), "id": key.partition("/")[2]}).status_code == 201
    return key


def test_promise_2_of_updates_of_one_version_one_wins(writer: WritingClient) -> None:
    own = made(writer).partition("/")[2]
    bodies = [{**patient(name=[{"family": f"Writer {number}"}]), "id": own} for number in range(AT_ONCE)]

    answers = at_once([lambda body=body: writer.update(body, If_Match='W/"1"') for body in bodies])  # type: ignore[misc]

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * (AT_ONCE - 1)]


def test_promise_3_of_conditional_creates_of_one_identifier_one_creates(writer: WritingClient) -> None:
    code = new_code()
    condition = f"identifier={NHS_NUMBER}|{code}"

    answers = at_once([lambda: writer.create(patient(code), If_None_Exist=condition)] * AT_ONCE)

    assert sorted(answer.status_code for answer in answers) == [*[200] * (AT_ONCE - 1), 201]
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_promise_4_a_resource_is_deleted_or_referred_to_and_never_both(writer: WritingClient) -> None:
    target = made(writer)

    deleted, created = at_once([lambda: writer.delete(target), lambda: writer.create(observation(target))])

    assert (deleted.status_code, created.status_code) in ((204, 422), (409, 201))


def test_promise_8_a_search_beside_a_transaction_finds_all_that_it_writes_or_nothing(writer: WritingClient) -> None:
    target = made(writer)
    written = [entry("POST", "Observation", observation(target)) for _ in range(6)]
    search = f"Observation?patient={target.partition('/')[2]}"

    posted, *searched = at_once(
        [
            lambda: writer.send("POST", "", transaction(*written)),
            *[lambda: writer.get(search, Cache_Control="no-cache")] * AT_ONCE,
        ]
    )

    assert posted.status_code == 200
    assert {len(answer.json().get("entry", ())) for answer in searched} <= {0, len(written)}
