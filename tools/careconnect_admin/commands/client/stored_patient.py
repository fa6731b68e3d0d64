"""Warn of a patient's id that no stored patient has, because it may be a typing error."""

from typing import TYPE_CHECKING

from careconnect_admin.commands.shared.terminal import remark

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget


def warn_of_absent_patient(target: "StackTarget", patient: str) -> None:
    """Print a warning if no such patient is stored, or that this was not checked: one read of the record table.

    A patient may be stored later, and a deleted one may still have tokens. So this is no error.
    """
    # Imported here, so that `careconnect --help` does not load AWS's SDK.
    from careconnect.audit.query import PATIENT
    from careconnect.runtime.aws import SERVICE_ERRORS, error_code
    from careconnect.storage.keys import INDEX_ITEM, resource_key
    from careconnect_records.writes.target import Target

    key = resource_key(PATIENT.name, patient)
    try:
        answer = target.client("dynamodb").get_item(
            TableName=target.output("RecordTable"),
            Key={"pk": {"S": key}, "sk": {"S": INDEX_ITEM}},
            ProjectionExpression="#version, digest",
            ExpressionAttributeNames={"#version": "version"},
        )
    except SERVICE_ERRORS as error:
        warning = f"not checked whether {key} is stored ({error_code(error)})"
    else:
        warning = "" if Target(PATIENT, patient, answer.get("Item")).exists else f"no {key} is stored: is the id right?"
    if warning:
        remark(f"careconnect: {warning}")
