"""The local proxy over real sockets: the parts of a request that it passes unchanged, adds or refuses."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.local.local_proxy import MAX_BODY, MAX_HEAD, MAX_IN_FLIGHT, MAX_OF_ONE_CALLER, Front

PREFIX = "/_aws/execute-api/abc/live"


class Upstream:
    """A server that echoes every request that it receives, byte for byte."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._go_on = asyncio.Event()
        self.held = 0
        """Requests that wait for `let_go`: those for a path that ends in `/held`."""

    def let_go(self) -> None:
        """Answer the waiting requests."""
        self._loop.call_soon_threadsafe(self._go_on.set)

    def __enter__(self) -> "Upstream":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                line, *fields = head.strip().split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (field.partition(":") for field in fields)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if line.split(" ")[1].endswith("/held"):
                    self.held += 1
                    await self._go_on.wait()
                if "/failed" in line:
                    own = b"" if "?emulator" in line else b"X-Correlation-Id: x\r\n"
                    body = b'{"message": "Sandbox.Timedout"}'
                    writer.write(b"HTTP/1.1 502 Bad\r\n%sContent-Length: %d\r\n\r\n%s" % (own, len(body), body))
                    continue
                seen = json.dumps({"line": line, "headers": headers, "body": len(body)}).encode()
                writer.write(b"HTTP/1.1 201 Made\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: %d\r\n\r\n" % len(seen))
                writer.write(b"" if line.startswith("HEAD") else seen)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Front]:
    with Upstream() as upstream, Front(free_port(), f"http://127.0.0.1:{upstream.port}{PREFIX}") as proxy:
        yield proxy


def send(proxy: Front, data: bytes) -> tuple[int, dict[str, Any]]:
    """Send raw bytes and return status and JSON body of the one answer."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
            answer += connection.recv(65536)
    return int(answer.split(b" ", 2)[1]), json.loads(answer.split(b"\r\n\r\n", 1)[1])


def target(proxy: Front, raw: str) -> str:
    """Return the request target that the upstream saw, without its prefix."""
    _, seen = send(proxy, f"GET {raw} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    method, path, _ = seen["line"].split(" ")
    assert method == "GET"
    return str(path.removeprefix(PREFIX))


def test_what_the_emulator_says_of_a_function_that_did_not_answer_is_an_operation_outcome(proxy: Front) -> None:
    answer = httpx.get(f"{proxy.base_url}/failed?emulator")
    of_a_function = httpx.get(f"{proxy.base_url}/failed")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert (answer.json()["resourceType"], answer.json()["issue"][0]["code"]) == ("OperationOutcome", "transient")
    assert "Sandbox" not in answer.text
    assert (of_a_function.status_code, of_a_function.json()) == (502, {"message": "Sandbox.Timedout"})


@pytest.mark.parametrize(
    "raw",
    [
        "//careconnect-ri//STU3/Patient/1",
        "/careconnect-ri/STU3/%2e%2e/Patient/1",
        "/careconnect-ri/STU3/../Patient/1",
        "/careconnect-ri/STU3/./Patient/1",
        "/Patient%2F1",
        "/Patient/1/",
        "/Patient/1;x=y",
        "/Patient?name=a+b%20c&name=%7c&x=%C3%A9",
        "/Patient?u=http://x/y?z",
        '/Patient?q="<>^`{}',
        "/%zz",
    ],
)
def test_path_and_query_pass_byte_for_byte(proxy: Front, raw: str) -> None:
    """The path arrives as it was sent once the emulator has decoded it; the query is left alone."""
    path, mark, query = target(proxy, raw).partition("?")

    assert unquote(path) + mark + query == raw


def test_an_encoded_slash_does_not_separate(proxy: Front) -> None:
    assert target(proxy, "/Patient%2F1") == "/Patient%252F1"


def test_a_raw_bar_in_the_query_passes_encoded(proxy: Front) -> None:
    assert target(proxy, "/Patient?identifier=a|b|c") == "/Patient?identifier=a%7Cb%7Cc"
    assert target(proxy, "/Patient/a|b") == "/Patient/a|b"


def test_the_absolute_form_means_its_path(proxy: Front) -> None:
    assert target(proxy, "http://other.example/Patient/1?x=http://y") == "/Patient/1?x=http://y"
    assert target(proxy, "http://other.example") == "/"


@pytest.mark.parametrize("line", [b"GET /a#b HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1", b"GET * HTTP/1.1", b"nonsense"])
def test_a_malformed_request_is_refused_in_fhir_terms(proxy: Front, line: bytes) -> None:
    status, body = send(proxy, line + b"\r\nHost: x\r\n\r\n")

    assert status == 400
    assert body["resourceType"] == "OperationOutcome"


def test_who_called_is_said_by_the_proxy_alone(proxy: Front) -> None:
    sent = {"X-Forwarded-For": "9.9.9.9", "Forwarded": "for=9.9.9.9", "X-Forwarded-Proto": "https"}
    seen = httpx.get(proxy.base_url, headers=sent).json()["headers"]

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert "forwarded" not in seen


def test_hop_by_hop_headers_stay_and_the_others_pass(proxy: Front) -> None:
    sent = {
        "Connection": "keep-alive, X-Private",
        "X-Private": "1",
        "TE": "trailers",
        "Authorization": "Bearer a",
    }
    seen = httpx.get(proxy.base_url, headers=sent).json()["headers"]

    assert seen["authorization"] == "Bearer a"
    assert not {"x-private", "te", "keep-alive"} & seen.keys()


def test_status_and_repeated_headers_come_back(proxy: Front) -> None:
    answer = httpx.get(proxy.base_url)

    assert (answer.status_code, answer.reason_phrase) == (201, "Made")
    assert answer.headers.get_list("X-Twice") == ["a", "b"]


def test_head_has_the_length_of_get_and_no_body(proxy: Front) -> None:
    with httpx.Client(base_url=proxy.base_url) as client:
        head = client.head("/x")
        again = client.get("/x")

    assert head.content == b""
    assert int(head.headers["Content-Length"]) > 0
    assert again.status_code == 201


def test_bodies_pass_up_to_the_gateway_s_limit(proxy: Front) -> None:
    assert httpx.post(proxy.base_url, content=b"x" * MAX_BODY).json()["body"] == MAX_BODY
    assert httpx.post(proxy.base_url, content=(b"x" * 1000 for _ in range(9))).json()["body"] == 9000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_and_the_proxy_goes_on(proxy: Front, chunked: bool) -> None:
    over = b"x" * (MAX_BODY + 1)
    with httpx.Client(base_url=proxy.base_url) as client:
        refused = client.post("/", content=iter([over]) if chunked else over)
        after = client.get("/")

    assert refused.status_code == 413
    assert refused.json()["issue"][0]["code"] == "too-long"
    assert after.status_code == 201


@pytest.mark.parametrize("length", [MAX_HEAD, 60_000, 200_000])
def test_a_head_over_the_limit_is_400(proxy: Front, length: int) -> None:
    status, body = send(proxy, b"GET /?q=" + b"a" * length + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert status == 400
    assert body["issue"][0]["code"] == "invalid"


def test_one_connection_serves_many_requests(proxy: Front) -> None:
    with httpx.Client(base_url=proxy.base_url, limits=httpx.Limits(max_connections=1)) as client:
        assert {client.get(f"/{number}").status_code for number in range(50)} == {201}


def test_one_caller_does_not_keep_the_others_waiting() -> None:
    with Upstream() as upstream, Front(free_port(), f"http://127.0.0.1:{upstream.port}{PREFIX}") as proxy:

        def get(path: str, caller: str) -> int:
            return httpx.get(f"{proxy.base_url}{path}", headers={"Authorization": caller}, timeout=60).status_code

        with ThreadPoolExecutor(2 * MAX_IN_FLIGHT) as pool:
            many = [pool.submit(get, "/held", "Bearer greedy") for _ in range(2 * MAX_IN_FLIGHT - 1)]
            while upstream.held < MAX_OF_ONE_CALLER:
                time.sleep(0.01)
            other = pool.submit(get, "/now", "Bearer other").result(timeout=30)
            held = upstream.held
            upstream.let_go()
            answers = [one.result() for one in many]

    assert (other, held) == (201, MAX_OF_ONE_CALLER)
    assert answers == [201] * (2 * MAX_IN_FLIGHT - 1)


@pytest.mark.parametrize("upstream", ["", "http://127.0.0.1:9"])
def test_an_upstream_that_is_not_there_is_502_in_fhir_terms(upstream: str) -> None:
    with Front(free_port(), upstream) as proxy:
        answer = httpx.get(proxy.base_url)

    assert answer.status_code == 502
    assert answer.json()["issue"][0]["code"] == "transient"


def test_a_taken_port_is_not_shared_and_is_free_after_the_end() -> None:
    port = free_port()
    with Front(port), pytest.raises(OSError, match="address already in use"), Front(port):
        pytest.fail("two fronts on one port")
    with Front(port):
        pass


@pytest.mark.parametrize(
    "field",
    [
        b"Authorization: Bearer abc\xa0",
        b"Authorization: Bearer abc\x85",
        b"Authorization: \xe9Bearer abc",
        "Authorization: Bearer ab\u00e9".encode(),
        b"X-Request-Id: \xff",
        b"X-N\xe9w: a",
    ],
)
def test_a_byte_that_is_not_ascii_in_a_header_is_refused_and_not_trimmed(proxy: Front, field: bytes) -> None:
    status, body = send(proxy, b"GET /a HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n")

    assert status == 400
    assert body["issue"][0]["code"] == "invalid"


def test_a_proxy_with_a_secret_proves_itself_and_says_who_asks_whatever_the_client_says(proxy: Front) -> None:
    said = b"GET /a HTTP/1.1\r\nHost: x\r\nX-Origin-Secret: mine\r\nX-Viewer-Address: 203.0.113.9\r\n\r\n"

    with Front(free_port(), proxy.upstream, origin_secret="s" * 43) as fronted:
        _, seen = send(fronted, said)

    assert (seen["headers"]["x-origin-secret"], seen["headers"]["x-viewer-address"]) == ("s" * 43, "127.0.0.1")
