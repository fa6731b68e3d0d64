"""What tells the events of operators, who change a stack by the command line."""

from typing import Final

from careconnect.audit.event import Action, AuditEvent

SERVICE: Final = "cli"
"""The service of their events."""


def is_listing(event: AuditEvent) -> bool:
    """Return True for the event of a command that only listed what it would do."""
    return event.service == SERVICE and event.action is Action.READ and not event.type
