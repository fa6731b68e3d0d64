"""Clients' JWK Sets, fetched over TLS from a server on this machine (`oauth.md`, private_key_jwt)."""

import datetime
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from careconnect_testing.parts.clock import Clock
from careconnect_testing.running.cases import each_of
from token_issuer.clients import https_key_sets
from token_issuer.clients.https_key_sets import LIFETIME, RECHECK, HttpsKeySets, is_public
from token_issuer.errors import KeySetUnreachableError

KEY = {"kid": "key-1", "kty": "RSA"}


@dataclass
class Server:
    """A TLS server that answers as it is told and counts its requests, and the bytes that it sends one by one."""

    port: int
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    dripped: int = 0
    paths: list[str] = field(default_factory=list)

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    @property
    def uri(self) -> str:
        return f"https://localhost:{self.port}/jwks.json?tenant=1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate and its key for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths.append(self.path)
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for byte in state.body if state.pause else ():
                time.sleep(state.pause)
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                state.dripped += 1
            if not state.pause:
                self.wfile.write(state.body)

        def log_message(self, *_: Any) -> None:
            return

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that go away early are part of these tests."""

    served = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    state = Server(served.server_address[1])
    state.publish(KEY)
    thread = threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield state
    served.shutdown()
    served.server_close()
    thread.join(5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key_sets(certificate: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> HttpsKeySets:
    """Return key sets that trust the server's certificate and may ask this machine, however busy it is."""
    for seconds in ("_TIMEOUT", "_DEADLINE"):
        monkeypatch.setattr(https_key_sets, seconds, 60.0)
    return HttpsKeySets(clock=clock, tls=ssl.create_default_context(cafile=str(certificate)), is_allowed=lambda _: True)


def test_a_set_is_fetched_and_stored(server: Server, key_sets: HttpsKeySets) -> None:
    assert [list(key_sets.keys(server.uri, "key-1")) for _ in range(3)] == [[KEY]] * 3
    assert server.paths == ["/jwks.json?tenant=1"]


def test_a_set_is_fetched_anew_after_its_time(server: Server, key_sets: HttpsKeySets, clock: Clock) -> None:
    key_sets.keys(server.uri, "key-1")
    clock.now += LIFETIME
    server.publish()

    assert list(key_sets.keys(server.uri, "key-1")) == []


def test_an_unknown_kid_fetches_anew_but_not_often(server: Server, key_sets: HttpsKeySets, clock: Clock) -> None:
    key_sets.keys(server.uri, "key-1")
    server.publish(KEY, {"kid": "key-2"})
    for _ in range(20):
        key_sets.keys(server.uri, "key-2")
    assert len(server.paths) == 1
    clock.now += RECHECK

    assert {"kid": "key-2"} in key_sets.keys(server.uri, "key-2")


def test_a_server_that_fails_is_not_asked_often_and_its_last_set_counts_for_its_time(
    server: Server, key_sets: HttpsKeySets, clock: Clock
) -> None:
    key_sets.keys(server.uri, "key-1")
    server.status = 500
    clock.now += RECHECK
    for _ in range(20):
        assert list(key_sets.keys(server.uri, "key-2")) == [KEY]
    assert len(server.paths) == 2
    clock.now += LIFETIME - RECHECK - 1
    assert list(key_sets.keys(server.uri, "key-1")) == [KEY]
    clock.now += 1

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")


def test_a_server_that_never_answered_is_not_taken_for_one_without_keys(
    server: Server, key_sets: HttpsKeySets, clock: Clock
) -> None:
    server.status = 500
    for _ in range(3):
        with pytest.raises(KeySetUnreachableError):
            key_sets.keys(server.uri, "key-1")
    assert len(server.paths) == 1
    server.status = 200
    clock.now += RECHECK

    assert list(key_sets.keys(server.uri, "key-1")) == [KEY]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 204, 404, 500])
def test_no_redirect_is_followed_and_only_200_counts(server: Server, key_sets: HttpsKeySets, status: int) -> None:
    server.status = status
    server.headers = {"Location": server.uri}

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"\xff",
        b"[" * 50_000,
        b'{"keys": [{"kid": "key-1", "n": "' + b"x" * 70_000 + b'"}]}',
    ],
)
def test_what_is_no_small_jwk_set_counts_as_none(server: Server, key_sets: HttpsKeySets, body: bytes) -> None:
    server.body = body

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")


def test_entries_that_are_no_keys_are_left_out(server: Server, key_sets: HttpsKeySets) -> None:
    server.publish("x", 1, None, KEY)

    assert list(key_sets.keys(server.uri, "key-1")) == [KEY]


def test_a_peer_that_drips_is_ended(server: Server, key_sets: HttpsKeySets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_key_sets, "_DEADLINE", 0.5)
    server.pause = 0.1

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")
    # Not by the clock, here and below: on a busy machine all takes longer.
    assert server.dripped < len(server.body)


def test_an_untrusted_certificate_is_refused(server: Server, clock: Clock) -> None:
    with pytest.raises(KeySetUnreachableError):
        HttpsKeySets(clock=clock, is_allowed=lambda _: True).keys(server.uri, "key-1")
    assert server.paths == []


def test_ssrf_an_address_inside_is_not_asked(server: Server, certificate: Path, clock: Clock) -> None:
    tls = ssl.create_default_context(cafile=str(certificate))

    with pytest.raises(KeySetUnreachableError):
        HttpsKeySets(clock=clock, tls=tls).keys(server.uri, "key-1")
    assert server.paths == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:{port}/",
        "https://user:pass@localhost:{port}/",
        "https:///jwks.json",
        "file:///etc/passwd",
        "https://localhost:99999/",
        "https://[::1/",
        "https://no-such-host.invalid/",
    ],
)
def test_other_addresses_are_not_asked(server: Server, key_sets: HttpsKeySets, uri: str) -> None:
    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(uri.format(port=server.port), "key-1")
    assert server.paths == []


def test_the_cache_is_bounded(key_sets: HttpsKeySets) -> None:
    for number in range(200):
        with pytest.raises(KeySetUnreachableError):
            key_sets.keys(f"http://host-{number}/", "key-1")

    assert len(key_sets._kept) == 64


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "192.0.1.1", "198.17.0.1", "2606:4700::1111", "2a00:1450::1", "2001:200::1", "::ffff:8.8.8.8"],
)
def test_an_address_of_the_public_internet_may_be_asked(address: str) -> None:
    assert is_public(address)


# The same whatever Python's `ipaddress` says of them, which has changed from version to version.
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - addresses that must be refused
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"],
    "link-local, where clouds keep credentials": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "febf::1"],
    "shared by a carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1", "1000::1", "4000::1", "e000::1"],
    "IETF protocols": [
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.170",
        "2001:1::1",
        "2001:1::2",
        "2001:4:112::1",
    ],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1", "3fff:fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "6to4": ["192.88.99.1", "2002:a9fe:a9fe::", "2002:808:808::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "ORCHID": ["2001:10::1", "2001:20::1", "2001:2f:ffff::1", "2001:30::1"],
    "site-local": ["fec0::1", "feff::1"],
    "IPv4-compatible": ["::169.254.169.254", "::8.8.8.8", "::7f00:1"],
    "IPv4-mapped": ["::ffff:169.254.169.254", "::ffff:127.0.0.1", "::ffff:192.0.0.9"],
    "IPv4-translated": ["::ffff:0:169.254.169.254", "::ffff:0:8.8.8.8"],
    "NAT64": ["64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:0:1::1", "64:ff9b:1::1", "64:ff9b:1:ffff::a9fe:a9fe"],
    "discard-only": ["100::1", "100:0:0:1::1"],
    "segment routing": ["5f00::1"],
}


@each_of("address", [pytest.param(one, id=f"{kind} {one}") for kind, several in NOT_PUBLIC.items() for one in several])
def test_ssrf_no_other_address_is_asked(address: str) -> None:
    assert not is_public(address)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], list[Any]]], None]:
    """Let a test answer for the name localhost; addresses are looked up as ever."""
    really = socket.getaddrinfo

    def answer_by(answer: Callable[[], list[Any]]) -> None:
        def resolve(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
            return answer() if host == "localhost" else really(host, port, *arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    return answer_by


def test_ssrf_the_address_that_was_checked_is_the_one_that_is_connected_to(
    server: Server, key_sets: HttpsKeySets, resolver: Callable[[Callable[[], list[Any]]], None]
) -> None:
    """A name may lead elsewhere the second time (DNS rebinding): then nobody would answer."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        looked_up: list[int] = []

        def answer() -> list[Any]:
            looked_up.append(1)
            port = server.port if len(looked_up) == 1 else elsewhere.getsockname()[1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        resolver(answer)

        assert list(key_sets.keys(server.uri, "key-1")) == [KEY]
        assert looked_up == [1]
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_a_name_whose_look_up_hangs_is_given_up_at_the_deadline(
    server: Server,
    key_sets: HttpsKeySets,
    resolver: Callable[[Callable[[], list[Any]]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(https_key_sets, "_DEADLINE", 0.3)
    over = threading.Event()

    looked_up = []

    def answer() -> list[Any]:
        over.wait(10)
        looked_up.append("localhost")
        return []

    resolver(answer)

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")
    assert looked_up == []
    assert server.paths == []
    over.set()


def test_what_the_look_up_took_is_no_more_left_for_the_answer(
    server: Server,
    key_sets: HttpsKeySets,
    resolver: Callable[[Callable[[], list[Any]]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One deadline for all together, not one for each part."""
    monkeypatch.setattr(https_key_sets, "_DEADLINE", 2.0)
    server.pause = 0.1
    server.body = server.body[:1] * 100

    def answer() -> list[Any]:
        time.sleep(1.8)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    resolver(answer)

    with pytest.raises(KeySetUnreachableError):
        key_sets.keys(server.uri, "key-1")
    # A deadline of its own would leave time for nearly twenty.
    assert server.dripped < 12


def test_a_name_with_one_inside_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, server: Server, certificate: Path
) -> None:
    """Of several addresses none may be inside: the next look-up could give that one."""

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", "10.0.0.1")]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    allowed: Callable[[str], bool] = lambda address: address == "127.0.0.1"  # noqa: E731
    tls = ssl.create_default_context(cafile=str(certificate))

    with pytest.raises(KeySetUnreachableError):
        HttpsKeySets(clock=clock, tls=tls, is_allowed=allowed).keys(server.uri, "key-1")
    assert server.paths == []
