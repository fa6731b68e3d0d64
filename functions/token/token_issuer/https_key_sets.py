"""JWK Sets fetched from the https addresses that clients registered (RFC 7591 §2, `jwks_uri`).

An address is typed by an operator, but what it resolves to is not: only public addresses are asked, the one
that was checked is the one connected to, no redirect is followed, and time and size are bounded.
"""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

LIFETIME: Final = 300
"""Seconds for which a fetched set is used."""

RECHECK: Final = 30
"""Seconds between two tries at one address, for a `kid` that is not in its set or a set that could not be had."""

_TIMEOUT: Final = 2.0
_DEADLINE: Final = 4.0
_MAX_BYTES: Final = 65_536
_MOST_SETS: Final = 64
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

KeySet = tuple[dict[str, Any], ...]


class _FetchError(Exception):
    """The set cannot be had."""


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: KeySet
    fetched_at: float
    tried_at: float


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet's."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.sixtofour is not None or ip.teredo is not None or ip in _NAT64:
            return False
    return ip.is_global and not ip.is_multicast


class HttpsKeySets:
    """Fetches and keeps clients' JWK Sets; `clock` gives seconds."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        tls: ssl.SSLContext | None = None,
        is_allowed: Callable[[str], bool] = is_public,
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._is_allowed = is_allowed
        self._kept: dict[str, _Kept] = {}

    def keys(self, uri: str, kid: str) -> Sequence[dict[str, Any]]:
        """Return the set at `uri`, fetched anew if `kid` is not in it; empty if it cannot be had."""
        now = self._clock()
        kept = self._kept.get(uri)
        if kept is not None:
            is_fresh = now - kept.fetched_at < LIFETIME
            if is_fresh and any(key.get("kid") == kid for key in kept.keys):
                return kept.keys
            if now - kept.tried_at < RECHECK:
                return kept.keys if is_fresh else ()
        try:
            kept = _Kept(self._fetch(uri), now, now)
        except _FetchError:
            kept = _Kept(kept.keys, kept.fetched_at, now) if kept is not None else _Kept((), now, now)
        self._kept.pop(uri, None)
        self._kept[uri] = kept
        if len(self._kept) > _MOST_SETS:
            self._kept.pop(next(iter(self._kept)))
        return kept.keys if now - kept.fetched_at < LIFETIME else ()

    def _fetch(self, uri: str) -> KeySet:
        try:
            return _key_set(self._get(uri))
        except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:
            raise _FetchError from error

    def _get(self, uri: str) -> bytes:
        parts = urlsplit(uri)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise _FetchError
        port = parts.port or http.client.HTTPS_PORT
        address = self._address(parts.hostname, port)
        tls = self._tls or ssl.create_default_context()
        with (
            socket.create_connection((address, port), timeout=_TIMEOUT) as plain,
            _ended_after(_DEADLINE, plain),
            tls.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            return _answer(secured, parts.netloc, parts.path or "/", parts.query)

    def _address(self, host: str, port: int) -> str:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        if not found or not all(self._is_allowed(address) for address in found):
            raise _FetchError
        return min(found)


@contextmanager
def _ended_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down after `seconds`: a peer that sends a byte now and then never times out.

    By a handle of its own, since TLS takes the socket's file descriptor away from it.
    """
    with connection.dup() as handle:
        deadline = threading.Timer(seconds, _shut, (handle,))
        deadline.daemon = True
        deadline.start()
        try:
            yield
        finally:
            deadline.cancel()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _answer(connection: socket.socket, host: str, path: str, query: str) -> bytes:
    exchange = http.client.HTTPConnection(host)
    exchange.sock = connection
    exchange.request("GET", f"{path}?{query}" if query else path, headers={"Accept": "application/json"})
    response = exchange.getresponse()
    if response.status != http.client.OK:
        raise _FetchError
    body = response.read(_MAX_BYTES + 1)
    if len(body) > _MAX_BYTES:
        raise _FetchError
    return body


def _key_set(body: bytes) -> KeySet:
    document = json.loads(body)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise _FetchError
    return tuple(key for key in keys if isinstance(key, dict))
