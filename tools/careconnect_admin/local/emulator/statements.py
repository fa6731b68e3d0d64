"""Add to the emulator's PartiQL inserts their IAM authorisation and their stream records.

AWS requires `dynamodb:PartiQLInsert` on the table of each statement. The emulator instead checks the name of the API
call without a table. It also writes stream records of puts only.
"""

import json
import re
from typing import Any, Final

_INSERT: Final = re.compile(r'\s*INSERT\s+INTO\s+"([^"]+)"', re.IGNORECASE)
_RIGHT: Final = "dynamodb:PartiQLInsert"


def complete_inserts() -> None:
    """Make the emulator authorise inserts as AWS does, and write their stream records. Call it before it serves."""
    from ministack.core import iam_actions
    from ministack.services import dynamodb

    checks_of_transaction = iam_actions.dynamodb_transaction_checks
    insert = dynamodb._partiql_insert

    def checks(iam_action: str, body: bytes, region: str, account_id: str) -> list[tuple[str, str]]:
        if iam_action != "dynamodb:BatchExecuteStatement":
            found: list[tuple[str, str]] = checks_of_transaction(iam_action, body, region, account_id)
            return found
        tables = [_INSERT.match(str(each.get("Statement", ""))) for each in json.loads(body)["Statements"]]
        if not all(tables):
            # The functions use no other statement. This action denies it, because no policy allows it.
            return [("dynamodb:PartiQLUpdate", "*")]
        arn = f"arn:aws:dynamodb:{region}:{account_id}:table/"
        return [(_RIGHT, arn + table[1]) for table in tables if table]

    def insert_and_tell(table: dict[str, Any], parsed: dict[str, Any]) -> tuple[int, Any, Any]:
        status, headers, body = insert(table, parsed)
        if status == 200:
            item = parsed["item"]["M"] if set(parsed["item"]) == {"M"} else parsed["item"]
            dynamodb._emit_stream_event(table["TableName"], "INSERT", None, item)
        return status, headers, body

    iam_actions.dynamodb_transaction_checks = checks
    dynamodb._partiql_insert = insert_and_tell
