"""Open the audit trail of a stack in the name of who is signed in."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect_admin.auditing.operator_events import LOCAL_OPERATOR, Operator, OperatorEvents
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

    from careconnect_admin.stack.target import StackTarget

_MOST_SECONDS_OFF: Final = 2
"""A date has whole seconds, and an answer is on its way for some."""


def operator_record(target: "StackTarget") -> OperatorEvents:
    """Return the audit trail of a stack; raises `OperatorError` if it has none, errors of AWS pass through."""
    if "AuditTable" not in target.outputs:
        raise OperatorError(
            f"the stack {target.name} has no audit trail, without which nothing is changed: deploy this release first"
        )
    days = int(target.parameters.get("AuditRetentionDays", "0"))
    record = DynamoDbAuditStore(target.client("dynamodb"), target.outputs["AuditTable"], days)
    operator = Operator(LOCAL_OPERATOR) if target.is_local else signed_in(target.client("sts"))
    return OperatorEvents(record, operator)


def signed_in(sts: "STSClient", clock: Callable[[], float] = time.time) -> Operator:
    """Return the principal that is signed in, whose events are dated by AWS's clock.

    One that is dated long before it is kept is taken for one that was put in later.
    """
    answer: Any = sts.get_caller_identity()
    here = clock()
    try:
        dated = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        dated = here
    seconds_off = dated - here
    return Operator(str(answer["Arn"]), seconds_off if abs(seconds_off) > _MOST_SECONDS_OFF else 0)
