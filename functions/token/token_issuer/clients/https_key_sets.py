"""JWK Sets fetched from the https addresses that clients registered (RFC 7591 §2, `jwks_uri`).

An operator registers the URL, but does not control the IP addresses that its name resolves to. Only public IP addresses
are contacted, and the connection goes to the address that was checked. No redirect is followed. The size is bounded,
and so is the total time, including the look-up of the name.
"""

import http.client
import ipaddress
import json
import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from token_issuer.errors import KeySetUnreachableError

LIFETIME: Final = 300
"""Seconds for which a fetched set is used."""

RECHECK: Final = 30
"""Seconds between two fetches of one set, for a `kid` that is not in the set or after a failed fetch."""

_TIMEOUT: Final = 2.0
_DEADLINE: Final = 4.0
_MAX_BYTES: Final = 65_536
_MAX_SETS: Final = 64

# Checked in addition to `is_global`, since its lists differ between Python versions (RFC 6890 and IANA's registries).
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The IPv6 space that IANA allocates; it excludes site-local, IPv4-compatible, NAT64 and SRv6 addresses."""

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments: Teredo, ORCHID, benchmarking and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which leads to any IPv4 address
        "3fff::/20",  # documentation
    )
)

_Found = list[tuple[Any, ...]]

KeySet = tuple[dict[str, Any], ...]


class _FetchError(Exception):
    """The set cannot be fetched."""


@dataclass(frozen=True, slots=True)
class _CachedKeySet:
    keys: KeySet
    fetched_at: float
    tried_at: float


_NEVER_FETCHED: Final = _CachedKeySet((), -math.inf, -math.inf)


def is_public(address: str) -> bool:
    """Return True if an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


class HttpsKeySets:
    """Fetch and cache clients' JWK Sets; `clock` returns seconds."""

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
        self._kept: dict[str, _CachedKeySet] = {}

    def keys(self, uri: str, kid: str) -> Sequence[dict[str, Any]]:
        """Return the set at `uri`, fetched again if `kid` is not in it.

        Raises `KeySetUnreachableError` if it cannot be fetched, and no set that was fetched before counts any more.
        """
        now = self._clock()
        kept = self._kept.get(uri, _NEVER_FETCHED)
        is_fresh = now - kept.fetched_at < LIFETIME
        has_key = is_fresh and any(key.get("kid") == kid for key in kept.keys)
        if not has_key and now - kept.tried_at >= RECHECK:
            kept = self._fetched(uri, kept, now)
        if now - kept.fetched_at >= LIFETIME:
            raise KeySetUnreachableError
        return kept.keys

    def _fetched(self, uri: str, kept: _CachedKeySet, now: float) -> _CachedKeySet:
        """Return the set at `uri`, or `kept` if that cannot be fetched, and keep which it was."""
        try:
            kept = _CachedKeySet(_key_set(self._get(uri)), now, now)
        except (_FetchError, OSError, ValueError, http.client.HTTPException, RecursionError):
            kept = replace(kept, tried_at=now)
        self._kept.pop(uri, None)
        self._kept[uri] = kept
        if len(self._kept) > _MAX_SETS:
            self._kept.pop(next(iter(self._kept)))
        return kept

    def _get(self, uri: str) -> bytes:
        parts = urlsplit(uri)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise _FetchError
        port = parts.port or http.client.HTTPS_PORT
        ends_at = time.monotonic() + _DEADLINE
        address = self._address(parts.hostname, port)
        tls = self._tls or ssl.create_default_context()
        with (
            socket.create_connection((address, port), timeout=min(_TIMEOUT, _left(ends_at))) as plain,
            _ended_after(_left(ends_at), plain),
            tls.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            return _answer(secured, parts.netloc, parts.path or "/", parts.query)

    def _address(self, host: str, port: int) -> str:
        found = {str(info[4][0]) for info in _looked_up(host, port, _DEADLINE)}
        if not found or not all(self._is_allowed(address) for address in found):
            raise _FetchError
        return min(found)


def _left(ends_at: float) -> float:
    """Return the seconds until `ends_at`; with none left, connecting fails immediately."""
    return max(0.0, ends_at - time.monotonic())


def _looked_up(host: str, port: int, seconds: float) -> _Found:
    """Look up a name, for at most `seconds`: `getaddrinfo` has no time-out, so a separate thread waits for it."""
    answers: queue.SimpleQueue[_Found | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError):
            answers.put(None)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise _FetchError from None
    if found is None:
        raise _FetchError
    return found


@contextmanager
def _ended_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down after `seconds`: a peer that sends an occasional byte never times out.

    The timer uses a duplicate handle, because TLS detaches the file descriptor from the original socket.
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
