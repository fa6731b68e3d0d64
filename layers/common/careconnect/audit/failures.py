"""One event for all failures of a kind in a minute: without a client's secret, nobody can fill the trail."""

import hashlib
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Final

from careconnect.audit.event import AuditEvent, new_event_id

_MINUTE: Final = 60


def one_a_minute(event: AuditEvent) -> AuditEvent:
    """Return an event with the id that its kind shares within one minute; the store accepts only the first.

    The kind is the network of the caller, the reason for the refusal and the claimed client. The event is dated at the
    middle of its minute, which is never far from the time at which it is stored.
    """
    minute = int(event.at // 1000 // _MINUTE) * _MINUTE
    text = "\0".join((str(minute), _network(event.address), event.why, event.client_id))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return replace(event, id=new_event_id(minute + _MINUTE / 2, lambda: digest[:32]))


def _network(address: str) -> str:
    """Return an address, or the /64 network of an IPv6 address, all of which one caller controls."""
    try:
        is_long = ip_address(address).version == 6
    except ValueError:
        return address
    return str(ip_network(f"{address}/64", strict=False)) if is_long else address
