"""Open the audit trail of a stack in the name of the signed-in principal."""

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

_MAX_SECONDS_OFF: Final = 2
"""Tolerated clock difference: a Date header has whole seconds, and a response takes time to arrive."""


def operator_record(target: "StackTarget") -> OperatorEvents:
    """Return the audit trail of a stack; raises `OperatorError` if it has none, AWS errors pass through."""
    if "AuditTable" not in target.outputs:
        raise OperatorError(
            f"the stack {target.name} has no audit trail, without which nothing is changed: deploy this release first"
        )
    days = int(target.parameters.get("AuditRetentionDays", "0"))
    record = DynamoDbAuditStore(target.client("dynamodb"), target.outputs["AuditTable"], days)
    operator = Operator(LOCAL_OPERATOR) if target.is_local else signed_in(target.client("sts"))
    return OperatorEvents(record, operator)


def signed_in(sts: "STSClient", clock: Callable[[], float] = time.time) -> Operator:
    """Return the signed-in principal, with the offset that dates its events by AWS's clock.

    An event dated long before it is stored would be reported as added later.
    """
    answer: Any = sts.get_caller_identity()
    here = clock()
    try:
        dated = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        dated = here
    seconds_off = dated - here
    return Operator(str(answer["Arn"]), seconds_off if abs(seconds_off) > _MAX_SECONDS_OFF else 0)
