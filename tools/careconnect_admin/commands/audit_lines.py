"""Lines of audit events for people: client names beside ids, no cursors, at most 119 characters by default."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.text import Text

from careconnect_admin.commands.shared.listing import print_table

if TYPE_CHECKING:
    from careconnect.audit.event import AuditEvent
    from careconnect_admin.audit_trail.read_events import Recorded

FORGED: Final = "no event of this service: see careconnect audit verify"

_HEADINGS: Final = ("when", "who", "did", "what", "patient", "outcome")
_WIDTH: Final = 119
_GAP: Final = 2
_SHORT_ID: Final = 8
_DONE: Final = "done"
_OUTCOMES: Final = {"0": _DONE, "4": "refused", "8": "failed"}
_MOST: Final = {"did": 16, "patient": 16, "outcome": 24}
_MOST_WHO: Final = 36
_COMMON_WHO: Final = 26
_LEAST_WHAT: Final = 14
_CURSOR: Final = "_cursor="


def print_events(found: "Sequence[Recorded]", names: Mapping[str, str], *, is_wide: bool) -> None:
    """Print a line for each event; `names` by client id are for events that do not have the client's name.

    A line has whole seconds, the beginning of a generated id, and texts cut at their ends. With `is_wide` nothing is
    cut, but cursors of `next` links are left out all the same: only JSON has them. A forged event's id is needed whole
    to find it again, so then nothing is cut either.
    """
    is_wide = is_wide or any(each.event is None for each in found)
    rows = [_row(each, names, is_wide=is_wide) for each in found]
    print_table(_HEADINGS, rows if is_wide else _fitted(rows))


def instant(milliseconds: int) -> str:
    """Return a time in epoch milliseconds as in FHIR, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def outcome(event: "AuditEvent") -> str:
    """Return an event's outcome in words, with status and reason if there are any."""
    from careconnect_admin.audit_trail.operators import is_listing

    word = _OUTCOMES[event.outcome]
    words = ["listed" if word == _DONE and is_listing(event) else word, str(event.status or "")]
    return " ".join(filter(None, words)) + (f": {event.why}" if event.why else "")


def _row(each: "Recorded", names: Mapping[str, str], *, is_wide: bool) -> tuple[str, ...]:
    event = each.event
    if event is None:
        return (each.id, "", "", "", "", FORGED)
    export = "/".join(filter(None, ("$export", event.job, event.file))) if event.job else ""
    what = event.searched or " ".join(event.ids) or export or event.type
    query = "&".join(part for part in event.query.split("&") if not part.startswith(_CURSOR))
    when = instant(event.at) if is_wide else f"{instant(event.at)[:19]}Z"
    told = f"{what}?{query}" if query else what
    who = _who(event, event.client_name or names.get(event.client_id, ""), is_wide=is_wide)
    return (when, who, event.interaction, told, event.patient, outcome(event))


def _who(event: "AuditEvent", name: str, *, is_wide: bool) -> str:
    from careconnect_admin.audit_trail.operators import SERVICE

    shown = event.client_id
    if not is_wide:
        # An operator is an ARN, whose last part says which one.
        shown = shown.rpartition(":")[2] if event.service == SERVICE else _short(shown)
    return f"{name} ({shown})" if name else shown


def _short(client_id: str) -> str:
    """Return the beginning of a generated client id, and any other id whole."""
    try:
        uuid.UUID(client_id)
    except ValueError:
        return client_id
    return client_id[:_SHORT_ID] + "…"


def _fitted(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the rows with cells cut so that no line is longer than 119 characters."""
    widest = {
        name: max(len(name), *(Text(row[column]).cell_len for row in rows)) for column, name in enumerate(_HEADINGS)
    }
    widest |= {name: min(widest[name], most) for name, most in _MOST.items()}
    fixed = sum(widest[name] for name in ("when", "did", "patient", "outcome")) + _GAP * (len(_HEADINGS) - 1)
    room = max(_WIDTH - fixed, 0)
    # A name and the beginning of an id usually fit into 26 characters: they go before the path.
    usual = min(_COMMON_WHO, room - _LEAST_WHAT)
    who = min(widest["who"], max(room // 2, room - widest["what"], usual), _MOST_WHO)
    widths = {**widest, "who": who, "what": min(widest["what"], room - who)}
    return [tuple(_cut(cell, widths[name]) for name, cell in zip(_HEADINGS, row, strict=True)) for row in rows]


def _cut(text: str, width: int) -> str:
    cut = Text(text)
    cut.truncate(width, overflow="ellipsis")
    return cut.plain
