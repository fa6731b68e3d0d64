"""One event for all failures of a kind in a minute, so that nobody can fill the trail without a client's secret."""

import hashlib
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Final

from careconnect.audit.event import AuditEvent, new_event_id

_MINUTE: Final = 60


def one_a_minute(event: AuditEvent) -> AuditEvent:
    """Return an event under the id that all of its kind have in one minute, of which the store keeps the first.

    Its kind is the network that it came from, why it was refused and the client that was claimed. It is dated at the
    middle of its minute, so that it is never far from when it is kept.
    """
    minute = int(event.at // 1000 // _MINUTE) * _MINUTE
    text = "\0".join((str(minute), _network(event.address), event.why, event.client_id))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return replace(event, id=new_event_id(minute + _MINUTE / 2, lambda: digest[:32]))


def _network(address: str) -> str:
    """Return an address, of IPv6 its /64: all that one caller has for its own."""
    try:
        is_long = ip_address(address).version == 6
    except ValueError:
        return address
    return str(ip_network(f"{address}/64", strict=False)) if is_long else address
