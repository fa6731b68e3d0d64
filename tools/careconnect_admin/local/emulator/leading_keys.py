"""Give the emulator's IAM the key that a GetItem asks for, which a role's policy may limit (`dynamodb:LeadingKeys`)."""

import json
from typing import Any


def tell_leading_keys() -> None:
    """Make the emulator evaluate a condition on the item of a GetItem as AWS does. Call it before it serves.

    It knows the tables whose key is one attribute: of others nothing is limited.
    """
    from ministack.core import iam_actions

    context_of = iam_actions.dynamodb_service_context

    def with_keys(body: bytes) -> dict[str, Any]:
        context: dict[str, Any] = context_of(body)
        key = json.loads(body or b"{}").get("Key", {})
        if len(key) == 1:
            context["dynamodb:LeadingKeys"] = [text for value in key.values() for text in value.values()]
        return context

    iam_actions.dynamodb_service_context = with_keys
