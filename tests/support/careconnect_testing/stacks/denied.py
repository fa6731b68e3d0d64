"""Temporary denial of a deployed function's rights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from careconnect_admin.local.local_stack import LocalStack


@contextmanager
def denied(stack: LocalStack, function: str, table: str) -> Iterator[None]:
    """Deny a function's role every action on a table, whatever else allows it."""
    iam, role = stack.client("iam"), stack.stack.resources[f"{function}Role"]
    arn = stack.client("dynamodb").describe_table(TableName=stack.stack.outputs[table])["Table"]["TableArn"]
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "dynamodb:*", "Resource": [arn, f"{arn}/*"]}],
    }
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")
