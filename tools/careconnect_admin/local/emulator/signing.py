"""Let the emulator judge the condition of a key's policy by the signing algorithm of the request.

AWS gives such a policy the parameters of the request as condition keys. The emulator does not, and would let nobody
sign.
"""

import json
from typing import Any, Final

_RIGHT: Final = "kms:Sign"
_CONDITION_KEY: Final = "kms:SigningAlgorithm"


def tell_signing_algorithms() -> None:
    """Make the emulator give the algorithm of each signing request to the key's policy. Call it before it serves."""
    from ministack.core import iam_actions

    condition_keys = iam_actions.request_tag_context

    def with_algorithm(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = condition_keys(service, iam_action, body, params)
        if iam_action == _RIGHT:
            found = {**found, _CONDITION_KEY: json.loads(body).get("SigningAlgorithm", "")}
        return found

    iam_actions.request_tag_context = with_algorithm
