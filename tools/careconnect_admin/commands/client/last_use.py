"""The last use of clients, as `careconnect clients show` and `clients list --last-use` print it."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from careconnect_admin.commands.shared.progress import working
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget


def add_last_use(target: "StackTarget", shown: Sequence[dict[str, Any]]) -> None:
    """Add to each shown client its `last_use`, or else since when there was none as `unused_since`, at most its age.

    Reading the audit trail is recorded in it. Without the rights to both, `last_use_unknown` is the reason.
    """
    # Imported here, so that `careconnect --help` does not load AWS's SDK.
    from careconnect.http.errors import ApiError
    from careconnect_admin.audit_trail.last_use import last_uses
    from careconnect_admin.auditing.open_trail import operator_record

    ids = [each["client_id"] for each in shown]
    try:
        with working("Reading the audit trail"):
            found = last_uses(target.client("dynamodb"), target.output("AuditTable"), ids, int(time.time() * 1000))
        operator_record(target).looked("search-type", {"user": ",".join(ids)})
    except (ApiError, OperatorError) as error:
        for each in shown:
            each["last_use_unknown"] = str(error)
        return
    for each in shown:
        at = found.times.get(each["client_id"])
        # Both dates are of one form and zone, so that the later one is the greater text.
        unused = max(_date(found.since), each["created"] or "")
        each |= {"last_use": _date(at)} if at else {"unused_since": unused}


def last_use_text(shown: dict[str, Any]) -> str:
    """Return a client's last use for a table."""
    if "unused_since" in shown and shown["unused_since"] == shown["created"]:
        return "never"
    if "unused_since" in shown:
        return f"not since {shown['unused_since']}"
    return str(shown.get("last_use", "unknown"))


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()
