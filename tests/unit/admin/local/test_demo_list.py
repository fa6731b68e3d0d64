"""The list of demo clients: for the page of this machine, and for nobody else's."""

from collections.abc import Iterator

import httpx
import pytest

from careconnect_admin.clients.demo import EXPLORER, demo_clients
from careconnect_admin.local.demo_list import PATH, demo_list
from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.local.local_proxy import Front

CLIENTS = demo_clients()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Front]:
    with Front(free_port()) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def listed(proxy: Front) -> None:
    proxy.demo_list = demo_list(CLIENTS)


def test_the_page_gets_every_client_with_what_a_token_takes(proxy: Front) -> None:
    answer = httpx.get(proxy.base_url + PATH, headers={"Sec-Fetch-Site": "same-origin", "Origin": proxy.base_url})

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    explorer = next(each for each in answer.json()["clients"] if each["id"] == EXPLORER)
    (known,) = (each for each in CLIENTS if each.client_id == EXPLORER)
    assert explorer == {"id": EXPLORER, "name": known.name, "secret": known.secret, "scopes": list(known.scopes)}
    assert len(answer.json()["clients"]) == len(CLIENTS)


@pytest.mark.parametrize("name", ["localhost", "[::1]"])
def test_this_machine_goes_by_other_names_too(proxy: Front, name: str) -> None:
    host = f"{name}:{proxy.port}"
    answer = httpx.get(proxy.base_url + PATH, headers={"Host": host, "Origin": f"http://{host}"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:3000"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_another_page_gets_none_nor_a_name_that_points_here(proxy: Front, headers: dict[str, str]) -> None:
    answer = httpx.get(proxy.base_url + PATH, headers=headers)

    # As any path: it goes to the API, which is not there in this test, and deployed has no such path.
    assert answer.status_code == 502
    assert CLIENTS[0].secret not in answer.text


def test_it_is_read_and_nothing_else(proxy: Front) -> None:
    for method in ("POST", "HEAD", "PUT", "OPTIONS"):
        assert httpx.request(method, proxy.base_url + PATH).status_code == 502
    assert httpx.get(f"{proxy.base_url}{PATH}?all").status_code == 502


def test_a_proxy_without_a_list_has_no_such_path(proxy: Front) -> None:
    proxy.demo_list = b""

    assert httpx.get(proxy.base_url + PATH).status_code == 502
