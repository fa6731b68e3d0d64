"""The audit events of each kind of request, and the write units that they take (ADR 33)."""

from collections.abc import Mapping
from typing import Final

_EVENTS: Final[Mapping[str, tuple[int, int, int]]] = {
    "authorizer": (0, 0, 0),
    "token": (1, 1, 0),
    "read of an organization": (1, 1, 0),
    "search: page of the directory": (1, 1, 0),
    "search: page of 20 patients": (20, 20, 20),
    "write: `POST` of an Observation": (1, 2, 1),
    "write: `PUT` of an Observation, changed": (1, 2, 1),
    "write: `DELETE` of an Observation": (1, 2, 1),
    "write: `PUT` of a Patient, new": (1, 2, 1),
}

_ONE_EVENT: Final = (1, 1, 1)
"""The events and write units of all other requests."""


def events_of(name: str) -> tuple[int, int, int]:
    """Return the audit events of one request, and their write units in the table and in the index."""
    return _EVENTS.get(name, _ONE_EVENT)
